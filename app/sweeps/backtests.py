"""Backtests go on: each is claimed, worked out slice by slice, and left to another process when it takes long."""

import logging
import time
from collections import Counter
from datetime import datetime, timedelta

from app.database import TookTooLong, db, trouble, within
from app.desk import backtests
from app.models.backtest import Backtest
from app.models.person import Person
from app.sweeps.process import claimant

log = logging.getLogger(__name__)

AT_ONCE_FOR = 1.0  # seconds that somebody waits for the page
SWEEP_FOR = 20.0  # that a sweep takes before it shows that it lives
READ_FOR = 30.0  # that one statement may take where nobody waits
SLOW = "slow"  # the error of one that the database cannot do in time


def run_backtests(now: datetime) -> Counter[str]:
    """Works out what people have asked for, the longest waiting first."""
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    while time.monotonic() - begun < SWEEP_FOR and backtests.waiting(now):
        db.session.rollback()
        backtest_id = backtests.claim(claimant(), now)
        if backtest_id is None:
            break
        counts["slices"] += _go_on(backtest_id, now, SWEEP_FOR, READ_FOR, alone=True)
    db.session.rollback()
    return counts


def answer_at_once(asked: backtests.Asked, days: int, *, person: Person, now: datetime) -> int:
    """Starts it and works it out while somebody waits, if that is soon done; else the clock does, or goes on where this ends.
    Returns its number."""
    here = claimant() if backtests.is_soon_done(asked, days, now) else None
    backtest_id = backtests.start(asked, days, person=person, now=now, process=here)
    db.session.rollback()
    if here:
        _go_on(backtest_id, now, AT_ONCE_FOR, AT_ONCE_FOR, alone=False)
    return backtest_id


def _go_on(backtest_id: int, now: datetime, for_: float, read_for: float, *, alone: bool) -> int:
    """How many slices it has done. `alone`: nobody else will have more time for it."""
    begun, slices, most = time.monotonic(), 0, backtests.AT_ONCE
    try:
        with within(read_for):
            work = backtests.Work(db.session.get_one(Backtest, backtest_id), claimant(), now)
        while time.monotonic() - begun < for_:
            try:
                slices += 1
                if work.slice(most, read_for, now + timedelta(seconds=time.monotonic() - begun)):
                    return slices
            except TookTooLong:
                if most == 1:
                    raise
                most = max(most // 8, 1)
        backtests.give_back(backtest_id, claimant())
    except TookTooLong:
        if alone:
            backtests.fail(backtest_id, claimant(), SLOW)
        else:
            backtests.give_back(backtest_id, claimant())
    except Exception as error:
        db.session.rollback()
        if trouble(error):
            raise
        log.exception("backtest %s failed", backtest_id)
        backtests.fail(backtest_id, claimant(), f"{type(error).__name__}: {error}")
    return slices

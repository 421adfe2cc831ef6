"""Waiting for what other threads and processes do."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from app.database import db

T = TypeVar("T")


def until(found: Callable[[], T], seconds: float = 25) -> T:
    """What `found` returns as soon as that is something; each time the database is read anew."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        db.session.rollback()
        db.session.expire_all()
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def side_by_side(app: Any, *jobs: Callable[[], object]) -> None:
    """Begins all of them at the same moment, each in a thread of its own; they end within a minute, and none fails."""
    start, failed = threading.Barrier(len(jobs), timeout=30), []

    def run(job: Callable[[], object]) -> None:
        with app.app_context():
            start.wait()
            try:
                job()
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (failed, [thread.is_alive() for thread in threads]) == ([], [False] * len(jobs))
    db.session.rollback()

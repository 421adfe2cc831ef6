"""What a rule would have done is what it does: the past is asked, and lived again with the rule switched on."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app import sweeps
from app.database import db, writing
from app.desk import rules, tickets
from app.models import vocabulary
from app.models.candidates import Past, not_told
from app.models.episodes import Moment
from app.models.event import CLOCK
from app.models.rule import Rule, RuleFiring
from app.models.team import Team
from app.models.ticket import Ticket
from rules.query import Query, Term, terms, to_json, to_text
from tests.desk.test_backtests import begun
from tests.desk.test_queries import IDS, STEPS, _do, _furnish
from tests.rules.trees import GONE, trees
from tests.small import SmallDesk
from tests.stories import ticket_in

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
STEP = timedelta(hours=20, minutes=7, seconds=13)  # no length of time in a query is a multiple of it
SEEN = "seen"  # on every ticket from the beginning, so that to add it changes nothing
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def _can_be_told(tree: Query) -> bool:
    """By what is remembered. Of who is on call see test_backtests.py; rules that name what is gone are switched off."""
    values = {value for leaf in terms(tree) if isinstance(leaf, Term) for value in leaf.values}
    return not not_told(tree) and not values & {"oncall", GONE}


@given(
    steps=STEPS,
    queries=st.lists(trees(IDS, me=False).filter(_can_be_told), min_size=5, max_size=10),
    older=st.integers(0, 4),
    each=st.booleans(),
)
@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
def test_the_past_is_as_it_was_lived(
    desk: SmallDesk,
    now: datetime,
    steps: list[tuple[str, Any]],
    queries: list[Query],
    older: int,
    each: bool,
) -> None:
    """One ticket that was there before the rules, one that comes later; swept as the clock does."""
    with writing(desk.board):
        if db.session.get(Team, 1) is None:
            _furnish(desk, now)
    begun = db.session.scalar(select(func.max(Ticket.created_at))) or now
    start = begun + 40 * DAY
    first = _ticket(desk, "Order", start)
    since, second, added = start + older * STEP + HOUR, None, list[Rule]()
    for place, (verb, value) in enumerate([*steps, ("note", "the end")], 1):
        at = start + place * STEP
        if since < at and not added:
            _sweep_until(since)
            added = [_rule(desk, tree, each, since) for tree in queries]
            sweeps.wake_tickets(since)
        _sweep_until(at)
        if added and second is None:
            second = _ticket(desk, "환불 refund", at)
        _do(desk, first.id, verb, value, at)
        if second is not None and place % 2:
            _do(desk, second.id, verb, value, at)
        _sweep_until(at + SECOND)
    until = start + (len(steps) + 3) * STEP
    _sweep_until(until + SECOND)
    for rule, tree in zip(added, queries, strict=False):
        lived = _acted(rule)
        asked = _asked(tree, since, until, desk, each=each)
        assert (to_text(tree), [one for one, _ in asked]) == (to_text(tree), [one for one, _ in lived])
        for (_, began_at), (_, acted_at) in zip(asked, lived, strict=True):
            assert timedelta(0) <= acted_at - began_at <= SECOND
    with writing(desk.row) as row:
        for rule in added:
            rules.remove(row, db.session.get_one(Rule, rule.id), by=CLOCK, now=until)
    db.session.rollback()


def _acted(rule: Rule) -> list[Moment]:
    rows = db.session.scalars(
        select(RuleFiring).where(RuleFiring.rule_id == rule.id).order_by(RuleFiring.at, RuleFiring.ticket_id)
    )
    return [(one.ticket_id, one.at) for one in rows]


def _asked(
    tree: Query, since: datetime, until: datetime, desk: SmallDesk, *, each: bool = True
) -> list[Moment]:
    past = Past(tree, since, until, vocabulary.desk_zone(), [desk.board.id])
    return sorted(begun(past, each=each), key=lambda one: (one[1], one[0]))


def _ticket(desk: SmallDesk, subject: str, at: datetime) -> Ticket:
    ticket = ticket_in(desk, "new", subject, at)
    with writing(desk.board) as board:
        tickets.add_tag(board, db.session.get_one(Ticket, ticket.id), SEEN, by=CLOCK, now=at)
    return ticket


def _rule(desk: SmallDesk, tree: Query, each: bool, at: datetime) -> Rule:
    with writing(desk.row) as row:
        rule = rules.save(
            row,
            None,
            name="A rule",
            text="lang:de",
            then=[{"kind": "add_tag", "tag": SEEN}],
            by=CLOCK,
            now=at,
        )
        rule.query, rule.once_per = to_json(tree), "episode" if each else "ticket"
        db.session.flush()
        rules.switch(row, rule, True, by=CLOCK, now=at)
    sweeps.judge_anew(at, rule)
    return rule


def _sweep_until(at: datetime) -> None:
    """Sweeps a moment after each instant at which a ticket wakes up."""
    for _ in range(400):
        wake_at = db.session.scalar(select(func.min(Ticket.wake_at)))
        db.session.rollback()
        if wake_at is None or wake_at >= at:
            return
        sweeps.wake_tickets(wake_at + SECOND / 2)
    raise AssertionError("the tickets do not come to rest")

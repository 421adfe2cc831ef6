"""The past of a ticket is kept as it changes, and told again from the events for desks that had none."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select, update

from app import migrations
from app.database import bookkeeping, db, writing
from app.desk import messages, moods, tickets
from app.mail.mood import Heard
from app.models.event import CLOCK, By
from app.models.interval import TicketInterval
from app.models.team import Team, all_teams
from app.models.ticket import Ticket
from tests.small import SmallDesk
from tests.stories import ticket_in

MINUTE = timedelta(minutes=1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.sampled_from(["new", "open", "waiting", "resolved", "archived"])),
        st.tuples(st.just("assign"), st.sampled_from(["alice", "bob", None])),
        st.tuples(st.just("team"), st.sampled_from([0, 1, None])),
        st.tuples(st.just("prioritise"), st.integers(0, 3)),
        st.tuples(st.just("tag"), st.sampled_from(["refund", "angry"])),
        st.tuples(st.just("untag"), st.sampled_from(["refund", "angry"])),
        st.tuples(st.just("language"), st.sampled_from(["en", "ko", None])),
        st.tuples(st.just("mood"), st.sampled_from(["angry", "pleased", "unknown", "found"])),
        st.tuples(st.just("receive"), st.sampled_from([70, 40, 0])),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_holds_is_what_the_ticket_is(
    desk: SmallDesk, now: datetime, steps: list[tuple[str, Any]]
) -> None:
    """After any steps the open intervals are the ticket, and of a single field they follow each other without a gap."""
    ticket = ticket_in(desk, "new", "Lamp", now)
    reopened = 0
    for place, (verb, value) in enumerate(steps, 1):
        closed = ticket.state in ("resolved", "archived")
        _do(desk, ticket, verb, value, now + place * MINUTE)
        reopened += closed and ticket.state not in ("resolved", "archived")
    rows = db.session.scalars(
        select(TicketInterval)
        .where(TicketInterval.ticket_id == ticket.id)
        .order_by(TicketInterval.from_at, TicketInterval.id)
    ).all()
    holding = {(row.field, row.value) for row in rows if row.until_at is None}
    assert holding == _is(ticket)
    assert ticket.reopened == reopened
    for field in ("column", "state", "priority"):
        own = [row for row in rows if row.field == field]
        assert own[0].from_at == ticket.created_at
        assert [row.until_at for row in own[:-1]] == [row.from_at for row in own[1:]]
    db.session.rollback()


def test_an_older_desk_is_told_its_past(
    desk: SmallDesk, now: datetime, empty_database: Callable[[], str], tmp_path: Path, environment: Any
) -> None:
    """What the migration tells from the events is what was kept as it happened."""
    ticket = ticket_in(desk, "new", "Lamp", now)
    for place, step in enumerate(
        [
            ("assign", "bob"),
            ("tag", "refund"),
            ("prioritise", 3),
            ("move", "resolved"),
            ("untag", "refund"),
            ("move", "open"),
            ("assign", None),
            ("tag", "refund"),
            ("language", "ko"),
        ],
        1,
    ):
        _do(desk, ticket, *step, now + place * MINUTE)
    kept = _rows()
    bookkeeping(delete(TicketInterval))
    bookkeeping(update(Ticket).values(reopened=0, customer_wrote_at=None))
    told = _migration()
    with db.engine.connect().execution_options(writing=True) as connection, connection.begin():
        told(connection)
    assert _rows() == kept
    db.session.expire_all()
    again = db.session.get_one(Ticket, ticket.id)
    assert again.reopened == 1


def _do(desk: SmallDesk, ticket: Ticket, verb: str, value: Any, now: datetime) -> None:
    by = By("person", desk.bob.id)
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        match verb:
            case "move":
                tickets.move(board, row, to=board.column_for(value).id, by=by, now=now)
            case "assign":
                tickets.assign(board, row, getattr(desk, value).id if value else None, by=by, now=now)
            case "team":
                team_id = None if value is None else _teams(now)[value].id
                tickets.give_to_team(board, row, team_id, by=by, now=now)
            case "prioritise":
                tickets.prioritise(board, row, value, by=by, now=now)
            case "tag":
                tickets.add_tag(board, row, value, by=by, now=now)
            case "untag" if value in {tag.name for tag in row.tags}:
                tickets.remove_tag(board, row, value, by=by, now=now)
            case "language":
                tickets.set_language(board, row, value, by=by, now=now)
            case "mood":
                moods.set_mood(board, row, value, by=by, now=now)
            case "receive":
                messages.receive(
                    board,
                    row,
                    by=CLOCK,
                    now=now,
                    text="",
                    from_name="Kim",
                    from_address="kim@example.org",
                    heard=Heard(angry=value, long=True),
                )


def _teams(now: datetime) -> Sequence[Team]:
    if not all_teams():
        db.session.add_all([Team(name="Returns", created_at=now), Team(name="Warehouse", created_at=now)])
        db.session.flush()
    return all_teams()


def _is(ticket: Ticket) -> set[tuple[str, str]]:
    one = {
        "board": ticket.board_id,
        "column": ticket.column_id,
        "state": ticket.state,
        "priority": ticket.priority,
        "assignee": ticket.assignee_id,
        "team": ticket.team_id,
        "language": ticket.language,
        "mood": ticket.mood,
    }
    held = {(field, str(value)) for field, value in one.items() if value is not None}
    return held | {("tag", str(tag.id)) for tag in ticket.tags}


def _rows() -> list[tuple[Any, ...]]:
    rows = db.session.execute(
        select(
            TicketInterval.field, TicketInterval.value, TicketInterval.from_at, TicketInterval.until_at
        ).order_by(TicketInterval.field, TicketInterval.from_at, TicketInterval.value)
    ).all()
    db.session.rollback()
    return [tuple(row) for row in rows]


def _migration() -> Callable[[Connection], None]:
    """The part of the revision that tells the past."""
    from alembic.script import ScriptDirectory

    for script in ScriptDirectory.from_config(migrations._config()).walk_revisions():
        if hasattr(script.module, "_remember"):
            return script.module._remember
    raise AssertionError("no revision tells the past")

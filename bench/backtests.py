"""What a rule would have done in the last 30 days, beside one SELECT of the same query."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, func, insert, literal, null, select

from app import create_app, sweeps
from app.config import load
from app.database import UTCDateTime, db, planned_for_its_values
from app.desk import backtests
from app.models import vocabulary
from app.models.backtest import Backtest
from app.models.board import Column, all_boards
from app.models.interval import TicketInterval
from app.models.person import Person
from app.models.ticket import Ticket, TicketTag
from bench.figure import Figure, ratio
from bench.fill import EMAIL
from bench.places import Place, close
from rules.query import Query, parse

TICKETS, DAYS, RUNS = 100_000, 30, 7
CONTENT = ("subject:parcel from:@example.org", "subject:parcel OR body:warranty")
STATE_AND_TIME = (
    "is:waiting since>7d",
    "is:unresolved waiting>2h priority>=high",
    "tag:refund updated>3d -is:resolved",
)


def measure(place: Place, most: int) -> list[Figure]:
    size = min(TICKETS, most)
    app = create_app(load(place.desk(size)))
    with app.app_context():
        _remember()
        figures = [_beside(asked, 2, created=True) for asked in CONTENT]
        figures += [_beside(asked, 20, created=False) for asked in STATE_AND_TIME]
        close()
    return figures


def _beside(asked: str, target: float, *, created: bool) -> Figure:
    """The yardstick looks at the tickets that came in these days, or at all, since a term of time may turn on any."""
    tree = parse(asked, names=vocabulary.names())
    then = [{"kind": "add_tag", "tag": "refund"}]
    person = db.session.scalars(select(Person).where(Person.email == EMAIL)).one()
    found = 0

    def whole() -> None:
        nonlocal found
        now = datetime.now(UTC)
        number = backtests.start(
            backtests.of_draft("Bench", asked, then, "episode"), DAYS, person=person, now=now
        )
        db.session.rollback()
        sweeps.run_backtests(now)
        done = db.session.get_one(Backtest, number, populate_existing=True)
        if done.state != "done":
            raise RuntimeError(f"{asked}: {done.state} {done.error}")
        found = done.result["tickets"]
        db.session.rollback()

    ours, bare = _in_turn(whole, lambda: _bare(tree, created=created))
    if not found:
        raise RuntimeError(f"{asked} finds nothing")
    of = "one SELECT over the tickets of these days" if created else "one SELECT over all tickets"
    return ratio(f"backtest of {asked} over {DAYS} days ({found:,} found)", ours, bare, target, of)


def _bare(tree: Query, *, created: bool) -> None:
    now = datetime.now(UTC)
    where = [vocabulary.matches(tree, now, zone="UTC", whole=True)]
    if created:
        where.append(Ticket.created_at >= now - timedelta(days=DAYS))
    db.session.scalars(planned_for_its_values(select(Ticket.id).where(*where))).all()
    db.session.rollback()


def _in_turn(one: Callable[[], None], other: Callable[[], None]) -> tuple[float, float]:
    """p50 in milliseconds of two calls, made in turn; the first is warm-up."""
    taken = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        one()
        between = time.perf_counter()
        other()
        taken.append((between - begun, time.perf_counter() - between))
    first, second = zip(*taken[1:], strict=True)
    return statistics.median(first) * 1000, statistics.median(second) * 1000


def _remember() -> None:
    """The past of every ticket, as it would have been kept: new when it came, then what it is."""
    (board,) = all_boards()
    first = db.session.scalars(
        select(Column.id).where(Column.board_id == board.id, Column.state == "new")
    ).first()
    moved = Ticket.state != "new"
    parts = [
        _held("state", literal("new"), case((moved, Ticket.state_since))),
        _held("state", Ticket.state, None, since=Ticket.state_since).where(moved),
        _held("column", cast(literal(first), String), case((moved, Ticket.state_since))),
        _held("column", cast(Ticket.column_id, String), None, since=Ticket.state_since).where(moved),
        *(
            _held(field, cast(column, String), None).where(column.is_not(None))
            for field, column in {
                "board": Ticket.board_id,
                "priority": Ticket.priority,
                "assignee": Ticket.assignee_id,
                "language": Ticket.language,
            }.items()
        ),
        _held("tag", cast(TicketTag.tag_id, String), None).join(TicketTag, TicketTag.ticket_id == Ticket.id),
    ]
    names = ["ticket_id", "field", "value", "from_at", "until_at"]
    with db.engine.connect().execution_options(writing=True) as connection, connection.begin():
        for part in parts:
            connection.execute(insert(TicketInterval).from_select(names, part))
        if db.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE ticket_intervals")
        if not connection.scalar(select(func.count()).select_from(TicketInterval)):
            raise RuntimeError("there is no past")


def _held(
    field: str,
    value: ColumnElement[str],
    until: ColumnElement[datetime] | None,
    since: ColumnElement[datetime] | None = None,
) -> Select[*tuple[Any, ...]]:
    ended = cast(null(), UTCDateTime()) if until is None else until
    return select(Ticket.id, literal(field), value, Ticket.created_at if since is None else since, ended)

"""What a rule would have done in the last 30 days, beside the SELECT that answers the same by hand.

All tickets of the desk came within these days, each has its past, and people have tagged an eighth of them with what the
rule adds. The yardstick is one statement of plain SQL, written for this query alone: the tickets that began to fulfil it
in these days and when, and of these the newest and how many on each day. It says nothing of what was so already, of other
rules and of what people did, keeps nothing, and cannot be stopped. Both have to find the same tickets on the same days.
"""

import re
import statistics
import time
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Insert,
    Integer,
    Select,
    String,
    bindparam,
    case,
    cast,
    column,
    func,
    insert,
    literal,
    null,
    select,
    text,
)

from app import create_app, sweeps
from app.config import load
from app.database import UTCDateTime, db
from app.desk import backtests
from app.models.backtest import Backtest
from app.models.board import Board, Column, all_boards
from app.models.event import Event
from app.models.interval import TicketInterval
from app.models.person import Person
from app.models.ticket import Ticket, TicketTag
from bench.figure import Figure, ratio
from bench.fill import EMAIL
from bench.places import Place, close
from rules.hours import by_day

TICKETS, DAYS, RUNS = 100_000, 30, 5
CAME_OVER = timedelta(days=DAYS - 1)
ADDED = "refund"  # the tag that the rule adds
CONTENT, STATE_AND_TIME = 2, 20  # times the SELECT, at most
HERE = "t.created_at <= :until AND t.deleted_at IS NULL AND t.board_id = :board"
# What stands in <> each database says in its own words: see _said.
ASKED = {
    "subject:parcel from:@example.org": (
        CONTENT,
        f"""SELECT t.id, t.created_at FROM tickets t
        WHERE t.created_at >= :since AND {HERE} AND t.subject_search LIKE '%parcel%' AND EXISTS (
            SELECT 1 FROM customer_addresses a
            WHERE a.customer_id = t.customer_id AND a.address LIKE '%@example.org')""",
    ),
    "subject:parcel OR body:warranty": (
        CONTENT,
        f"""SELECT t.id, t.created_at FROM tickets t
        WHERE t.created_at >= :since AND {HERE} AND (t.subject_search LIKE '%parcel%' OR EXISTS (
            SELECT 1 FROM messages m
            WHERE m.ticket_id = t.id AND m.kind = 'customer' AND m.search_text LIKE '%warranty%'))""",
    ),
    "is:waiting since>7d": (
        STATE_AND_TIME,
        f"""SELECT b.ticket_id, b.begins FROM (
            SELECT s.ticket_id, s.until_at, <s.from_at + 7 days> AS begins
            FROM ticket_intervals s WHERE s.field = 'state' AND s.value = 'waiting') b
        JOIN tickets t ON t.id = b.ticket_id
        WHERE b.begins BETWEEN :since AND :until AND (b.until_at IS NULL OR b.until_at > b.begins) AND {HERE}""",
    ),
    "is:unresolved waiting>2h priority>=high": (
        STATE_AND_TIME,
        f"""SELECT b.ticket_id, MIN(b.begins) FROM (
            SELECT m.ticket_id, m.id, p.until_at AS one, s.until_at AS other,
                GREATEST(<m.at + 2 hours>, p.from_at, s.from_at) AS begins
            FROM messages m
            JOIN ticket_intervals p ON p.ticket_id = m.ticket_id AND p.field = 'priority' AND p.value IN ('2', '3')
            JOIN ticket_intervals s ON s.ticket_id = m.ticket_id AND s.field = 'state'
                AND s.value IN ('new', 'open', 'waiting')
            WHERE m.kind = 'customer' AND m.automatic IS NULL) b
        JOIN tickets t ON t.id = b.ticket_id
        WHERE b.begins BETWEEN :since AND :until AND (b.one IS NULL OR b.one > b.begins)
        AND (b.other IS NULL OR b.other > b.begins) AND {HERE} AND NOT EXISTS (
            SELECT 1 FROM messages r WHERE r.ticket_id = b.ticket_id AND r.kind = 'reply'
            AND r.automatic IS NULL AND r.withdrawn_at IS NULL AND r.id > b.id AND r.at <= b.begins)
        GROUP BY b.ticket_id""",
    ),
    "tag:refund updated>3d -is:resolved": (
        STATE_AND_TIME,
        f"""SELECT b.ticket_id, MIN(b.begins) FROM (
            SELECT i.ticket_id, e.at, i.until_at AS one, s.until_at AS other,
                GREATEST(<e.at + 3 days>, i.from_at, s.from_at) AS begins
            FROM ticket_intervals i
            JOIN tags g ON i.value = CAST(g.id AS VARCHAR) AND g.name = 'refund'
            JOIN ticket_intervals s ON s.ticket_id = i.ticket_id AND s.field = 'state' AND s.value <> 'resolved'
            JOIN events e ON e.subject_kind = 'ticket' AND e.subject_id = i.ticket_id
                AND e.by_kind IN ('person', 'customer')
            WHERE i.field = 'tag') b
        JOIN tickets t ON t.id = b.ticket_id
        WHERE b.begins BETWEEN :since AND :until AND (b.one IS NULL OR b.one > b.begins)
        AND (b.other IS NULL OR b.other > b.begins) AND {HERE} AND NOT EXISTS (
            SELECT 1 FROM events n WHERE n.subject_kind = 'ticket' AND n.subject_id = b.ticket_id
            AND n.by_kind IN ('person', 'customer') AND n.at > b.at AND n.at < b.begins)
        GROUP BY b.ticket_id""",
    ),
}


def measure(place: Place, most: int) -> list[Figure]:
    app = create_app(load(place.desk(min(TICKETS, most), CAME_OVER)))
    with app.app_context():
        _remember()
        figures = [_beside(asked, by_hand, target) for asked, (target, by_hand) in ASKED.items()]
        close()
    return figures


def _beside(asked: str, by_hand: str, target: float) -> Figure:
    person = db.session.scalars(select(Person).where(Person.email == EMAIL)).one()
    (board,) = all_boards()
    instants = (bindparam(name, type_=UTCDateTime()) for name in ("since", "until"))
    statement = (
        text(_said(by_hand)).bindparams(*instants).columns(column("id", Integer), column("at", UTCDateTime()))
    )
    then = [{"kind": "add_tag", "tag": ADDED}]
    db.session.rollback()

    def whole() -> Backtest:
        now = datetime.now(UTC)
        draft = backtests.of_draft("Bench", asked, then, "episode")
        number = sweeps.answer_at_once(draft, DAYS, person=person, now=now)
        sweeps.run_backtests(now)  # as the clock goes on with what takes longer
        done = db.session.get_one(Backtest, number, populate_existing=True)
        db.session.rollback()
        return done

    def bare(since: datetime, until: datetime) -> tuple[dict[str, int], list[Any]]:
        values = {"since": since, "until": until, "board": board.id}
        rows = db.session.execute(statement, values).all()
        db.session.rollback()
        days = {day.isoformat(): n for day, n in by_day(person.zone, (at for _, at in rows))}
        return days, nlargest(backtests.MOST_SHOWN, ((at, id) for id, at in rows))

    def both() -> tuple[float, float]:
        begun = time.perf_counter()
        ours = whole()
        between = time.perf_counter()
        days, newest = bare(ours.since_at, ours.until_at)
        ended = time.perf_counter()
        told = ours.result
        alike = told["days"] == days and {id for id, *_ in told["newest"]} == {id for _, id in newest}
        if ours.state != "done" or not newest or not alike:
            raise RuntimeError(f"{asked}: {ours.state} {ours.error}, {told['days']} by us, {days} by hand")
        return between - begun, ended - between

    both()  # warm-up
    ours, others = (
        statistics.median(taken) * 1000 for taken in zip(*(both() for _ in range(RUNS)), strict=True)
    )
    found = sum(bare(datetime.now(UTC) - timedelta(days=DAYS), datetime.now(UTC))[0].values())
    what = f"backtest of {asked} over {DAYS} days ({found:,} found)"
    return ratio(what, ours, others, target, "the SELECT that answers it by hand")


def _said(by_hand: str) -> str:
    """In the words of the database in use."""
    if db.engine.dialect.name == "postgresql":
        return re.sub(r"<(\S+) \+ (\d+ \w+)>", r"(\1 + INTERVAL '\2')", by_hand)
    later = re.sub(r"<(\S+) \+ (\d+ \w+)>", r"strftime('%Y-%m-%d %H:%M:%f', \1, '+\2')", by_hand)
    return later.replace("GREATEST(", "max(").replace(":%M:%f", r"\:%M\:%f")


def _remember() -> None:
    """The past of every ticket, as it would have been kept: new when it came, then what it is, with its tags."""
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
        _held("tag", cast(TicketTag.tag_id, String), None, since=Ticket.state_since).join(
            TicketTag, TicketTag.ticket_id == Ticket.id
        ),
    ]
    names = ["ticket_id", "field", "value", "from_at", "until_at"]
    with db.engine.connect().execution_options(writing=True) as connection, connection.begin():
        for part in parts:
            connection.execute(insert(TicketInterval).from_select(names, part))
        connection.execute(_tagged())
        if db.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE ticket_intervals, events")
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


def _tagged() -> Insert:
    """The events of people who tagged them, at the instants of the past."""
    person = db.session.scalars(select(Person.id).where(Person.email == EMAIL)).one()
    board = db.session.scalars(select(Board).order_by(Board.id)).first()
    db.session.rollback()
    rows = select(
        Ticket.board_id,
        board.seq + func.row_number().over(order_by=(Ticket.state_since, Ticket.id, TicketTag.tag_id)),
        literal("ticket.tagged"),
        literal("ticket"),
        Ticket.id,
        literal("person"),
        literal(person),
        literal({"tag": [None, ADDED]}, JSON()),
        Ticket.state_since,
    ).join(TicketTag, TicketTag.ticket_id == Ticket.id)
    names = ["stream", "seq", "kind", "subject_kind", "subject_id", "by_kind", "by_id", "changes", "at"]
    return insert(Event).from_select(names, rows)

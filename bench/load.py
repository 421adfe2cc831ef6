"""Sixteen clients at once on two web processes: the board page, and moves of which none may be lost."""

import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from app import create_app
from app.config import load
from app.database import db
from app.models.board import Board
from app.models.event import Event
from app.models.ticket import Ticket
from bench.figure import Figure
from bench.places import Place, close
from bench.server import Client, serving
from bench.together import Answer, Run, Script, getting, posting, together

CLIENTS = 16
WORKERS = 2
ROUNDS, LASTS = 5, 3.0  # seconds of each round; the two sides take turns, so that both meet the same machine
WARM_UP = 1.0
COLUMNS = (2, 3)  # open and waiting: a move between them stops and starts a clock
OWN = 25  # tickets that a writer moves to and fro
CONTESTED = 20  # moves that every writer tries with one ticket that they all want

Turn = Callable[[float], Run]


def measure(place: Place, most: int) -> list[Figure]:
    tickets = min(most, 100_000)
    environment = place.desk(tickets)
    with serving(environment, workers=WORKERS) as client:
        found = _boards(client, tickets)
        found += _moves(client, environment, tickets)
    return found


def _boards(client: Client, tickets: int) -> list[Figure]:
    _, page, _ = client.ask("GET", "/boards/1")
    cards = page.count(b'id="ticket_')
    client.ask("PUT", "/bench/memory", page)

    def whole(body: bytes) -> bool:
        return body.count(b'id="ticket_') == cards and body.rstrip().endswith(b"</html>")

    def all_get(path: str) -> Turn:
        return lambda until: together(
            client.port, [getting(client, path, until, whole) for _ in range(CLIENTS)]
        )

    boards, memory = _in_turn(all_get("/boards/1"), all_get("/bench/memory"))
    what = f"board page at {CLIENTS} clients, {tickets:,} tickets, {WORKERS} processes"
    return [
        Figure(
            what,
            round(_rate(boards), 1),
            "a second",
            150,
            more=True,
            detail=f"{cards} cards in {len(page):,} bytes, p50 {_within(boards, 0.5):.0f} ms, p95 {_within(boards, 0.95):.0f} ms; "
            f"the same bytes from memory, with what the asking itself costs, {_rate(memory):,.0f} a second",
            others="at one client and 10,000 tickets Planka 1.0 a second, django-helpdesk 0.63, Kanboard 0.62",
        ),
        Figure(f"failures among {_count(boards):,} of those", _failures(boards), "", 0),
    ]


@dataclass
class Writer:
    """A signed-in client, and what it was answered: ticket -> its last column, and how many moves were made."""

    client: Client
    tickets: list[int]
    made: Counter[int] = field(default_factory=Counter)
    last: dict[int, int] = field(default_factory=dict)
    refused: int = 0

    def move(self, ticket: int, **form: object) -> Generator[bytes, Answer, int | None]:
        """One move, as a piece of a Script; returns the column that the answer names."""
        answer = yield posting(self.client, f"/tickets/{ticket}/column", **form)
        if answer.status not in (200, 409):
            return None
        told: dict[str, Any] = json.loads(answer.body)
        self.refused += answer.status == 409
        self.made[ticket] += answer.status == 200 and told["left"] != told["column"]
        return int(told["column"])


def _moves(client: Client, environment: dict[str, str], tickets: int) -> list[Figure]:
    writers = [_writer(client.port, n, tickets) for n in range(CLIENTS)]
    with _reading(environment):
        start = _last_event()

    def move(until: float) -> Run:
        return together(client.port, [_own(writer, until) for writer in writers])

    def update(until: float) -> Run:
        return together(client.port, [_updates(writer, until) for writer in writers])

    moves, updates = _in_turn(move, update)
    wanted = CLIENTS * tickets // (CLIENTS + 1)
    contest = together(client.port, [_contested(writer, wanted) for writer in writers], good=(200, 409))
    with _reading(environment):
        lost = _lost(writers, start, wanted)
    share = _rate(moves) / _rate(updates)
    return [
        Figure(
            f"moves by {CLIENTS} writers at once, {WORKERS} processes, of the rate of one durable UPDATE through SQLAlchemy",
            round(100 * share, 1),
            "%",
            40,
            more=True,
            detail=f"{_rate(moves):,.0f} a second against {_rate(updates):,.0f}; p50 {_within(moves, 0.5):.0f} ms against "
            f"{_within(updates, 0.5):.0f}, p95 {_within(moves, 0.95):.0f} against {_within(updates, 0.95):.0f}",
            others="at 8 clients 25 to 79 % of Kanboard's moves fail",
        ),
        Figure(
            f"failures among {_count(moves):,} of those, and {len(contest.taken)} moves of one ticket",
            _failures([*moves, *updates, contest]),
            "",
            0,
            detail=f"{sum(writer.refused for writer in writers)} of the latter came too late and were told so",
        ),
        Figure(
            "moves lost, events without number, tickets that are not where the last answer said", lost, "", 0
        ),
    ]


def _in_turn(one: Turn, other: Turn) -> tuple[list[Run], list[Run]]:
    one(time.monotonic() + WARM_UP)
    other(time.monotonic() + WARM_UP)
    runs: tuple[list[Run], list[Run]] = ([], [])
    for _ in range(ROUNDS):
        for turn, kept in zip((one, other), runs, strict=True):
            kept.append(turn(time.monotonic() + LASTS))
    return runs


def _writer(port: int, n: int, tickets: int) -> Writer:
    client = Client(port)
    client.sign_in()
    return Writer(client, [1 + (n + CLIENTS * own) % tickets for own in range(OWN)])


def _own(writer: Writer, until: float) -> Script:
    """Moves the writer's own tickets from one column into another and back."""
    while True:
        for ticket in writer.tickets:
            if time.monotonic() >= until:
                return
            to = COLUMNS[writer.last.get(ticket) == COLUMNS[0]]
            at = yield from writer.move(ticket, column=to)
            if at is not None:
                writer.last[ticket] = at


def _updates(writer: Writer, until: float) -> Script:
    while True:
        for ticket in writer.tickets:
            if time.monotonic() >= until:
                return
            yield posting(writer.client, f"/bench/update/{ticket}")


def _contested(writer: Writer, ticket: int) -> Script:
    """Moves one ticket that all the others move too, from where it was last seen."""
    seen: int | None = None
    for n in range(CONTESTED):
        seen = yield from writer.move(ticket, column=COLUMNS[n % 2], expected=seen or "")


@contextmanager
def _reading(environment: dict[str, str]) -> Iterator[None]:
    with create_app(load(environment)).app_context():
        yield
        close()


def _last_event() -> int:
    return db.session.scalar(select(func.max(Event.seq)).where(Event.stream == 1)) or 0


def _lost(writers: list[Writer], start: int, contested: int) -> int:
    """How much of what was answered is not in the database, or is there otherwise."""
    events = db.session.execute(
        select(Event.seq, Event.kind, Event.subject_id, Event.changes)
        .where(Event.stream == 1, Event.seq > start)
        .order_by(Event.seq)
    ).all()
    wrong = sum(event.seq != start + n for n, event in enumerate(events, 1))
    wrong += db.session.get_one(Board, 1).seq != start + len(events)
    answered: Counter[int] = Counter()
    for writer in writers:
        answered.update(writer.made)
    recorded = Counter(event.subject_id for event in events if event.kind == "ticket.moved")
    wrong += sum((answered - recorded).values()) + sum((recorded - answered).values())
    last = {ticket: column for writer in writers for ticket, column in writer.last.items()}
    touched = select(Ticket.id, Ticket.column_id).where(Ticket.id.in_({*last, *recorded}))
    columns = dict(db.session.execute(touched).all())
    at: dict[int, int] = {}
    for event in events:
        if event.kind == "ticket.moved":
            old, new = event.changes["column"]
            wrong += at.get(event.subject_id, old) != old
            at[event.subject_id] = new
    wrong += sum(columns[ticket] != column for ticket, column in [*last.items(), *at.items()])
    return wrong + (not recorded[contested])


def _rate(runs: list[Run]) -> float:
    return statistics.median(run.rate for run in runs)


def _within(runs: list[Run], share: float) -> float:
    return statistics.median(run.slowest(share) for run in runs)


def _count(runs: list[Run]) -> int:
    return sum(len(run.taken) for run in runs)


def _failures(runs: list[Run]) -> int:
    return sum(run.failures for run in runs)

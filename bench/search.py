"""The search page, and what keeping its index and the past of tickets adds to a message that arrives."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from app import create_app
from app.config import load
from app.database import db, writing
from app.desk import intervals, messages
from app.desk import search as desk_search
from app.models.board import Board, all_boards
from app.models.event import CLOCK
from app.models.ticket import Ticket
from bench.figure import Figure, ratio
from bench.fill import NAMES, STEMS, WORDS, name
from bench.places import Place, close
from bench.server import Client, serving

ASKED, WRITTEN = 100, 150
WANTED: dict[str, Callable[[int], str]] = {
    "a rare word": lambda n: name(NAMES // 2 + n * 97 % (NAMES // 2)),
    "a frequent word": lambda n: WORDS[n % len(WORDS)],
    "a Korean word of two syllables": lambda n: STEMS[n % len(STEMS)],
    "the beginning of a word": lambda n: name(10 + n * 7 % 300)[:4],
    "one Korean syllable": lambda n: STEMS[n % len(STEMS)][n % 2],
    "two words": lambda n: f"{WORDS[n % len(WORDS)]} {name(10 + n * 13 % 2000)}",
    "a phrase": lambda n: f'"{WORDS[n % len(WORDS)]} {WORDS[n * 5 % len(WORDS)]}"',
}
TARGETED = tuple(WANTED)[:3]


def measure(place: Place, most: int) -> list[Figure]:
    environment = place.desk(most)
    app = create_app(load(environment))
    with app.app_context():
        kept, bare = _writes(all_boards()[0], most)
        close()
    with serving(environment) as client:
        found = {what: _asked(client, word) for what, word in WANTED.items()}
    figures = []
    for what, (p50, p95, tickets) in found.items():
        said = f"p50 {p50:.1f} ms, {ASKED} pages, {tickets:,} tickets in the median"
        print(f"{most:>9,} messages, {what}: p95 {p95:.1f} ms ({said})")
        if what in TARGETED:
            figures.append(
                Figure(f"search page for {what}, {most:,} messages, p95", p95, "ms", 50, detail=said)
            )
    return [
        *figures,
        ratio(
            "a new message, p50, durable", kept, bare, 2, "one without search and without its ticket's past"
        ),
    ]


def _asked(client: Client, word: Callable[[int], str]) -> tuple[float, float, int]:
    """(p50, p95, tickets found) of pages asked for one after another, each for another word; the first ten are warm-up."""
    taken, counts = [], []
    for n in range(ASKED + 10):
        status, page, seconds = client.ask("GET", f"/search?q={quote(word(n))}")
        if status != 200:
            raise RuntimeError(f"the search for {word(n)} answered {status}")
        if n >= 10:
            taken.append(seconds * 1000)
            counts.append(_count(page))
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1], int(statistics.median(counts))


def _count(page: bytes) -> int:
    said = page.split(b'role="status">')
    first = [part.split()[0] for part in said if part[:1].isdigit()]
    return int(first[0].replace(b",", b"")) if first else 0


def _writes(board: Board, size: int) -> tuple[float, float]:
    """Median milliseconds of a message that arrives: with and without search and intervals, in turn."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for n in range(WRITTEN * 2 + 20):
        kept = n % 2 == 0
        with _nothing_kept(not kept):
            seconds = _receive(board, 1 + n * (size // 400) % size, n)
        if n >= 20:
            taken[kept].append(seconds * 1000)
    return statistics.median(taken[True]), statistics.median(taken[False])


def _receive(board: Board, number: int, n: int) -> float:
    """A message that opens its ticket again, where it was closed or waiting: the past of column and state changes."""
    text = (
        f"Hello, {WORDS[n % len(WORDS)]} {name(n)} {STEMS[n % len(STEMS)]}은 언제 되나요. "
        + "Thank you. " * 8
    )
    begun = time.perf_counter()
    with writing(board) as locked:
        ticket = db.session.get_one(Ticket, number)
        messages.receive(
            locked,
            ticket,
            by=CLOCK,
            now=datetime.now(UTC),
            text=text,
            from_name="Bench",
            from_address="bench@example.org",
        )
    return time.perf_counter() - begun


@contextmanager
def _nothing_kept(wanted: bool) -> Iterator[None]:
    """Messages are written as if there were neither search nor intervals."""
    had = desk_search.index_message, intervals.change
    if wanted:
        desk_search.index_message = intervals.change = _nothing  # type: ignore[assignment]
    try:
        yield
    finally:
        desk_search.index_message, intervals.change = had


def _nothing(*_: Any, **__: Any) -> None:
    return

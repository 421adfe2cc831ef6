"""The board page, one move and the sweep, from a thousand tickets to a million."""

import statistics
import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update

from app import create_app, sweeps
from app.config import load
from app.database import db, writing
from app.models.board import Board, all_boards
from app.models.ticket import Ticket
from bench.figure import Figure, ratio
from bench.places import RULES, Place, close
from bench.server import Client, in_turn, serving

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ASKED, MOVED, SWEPT = 200, 100, 7
CHANGED = 100
OPEN, WAITING = 2, 3  # columns: a move between them stops and starts a clock


def measure(place: Place, most: int) -> list[Figure]:
    sizes = {size: _measure(place.desk(size), size) for size in SIZES if size <= most}
    for size, row in sizes.items():
        print(
            f"{size:>9,} tickets: board {row['board_ms']:.1f} ms ({row['cards']} cards, {row['page_bytes']:,} bytes, "
            f"{row['statements']} statements; from memory {row['memory_ms']:.2f} ms), move {row['move_ms']:.1f} ms "
            f"(one UPDATE {row['update_ms']:.1f} ms), sweep {row['sweep_ms']:.0f} ms"
        )
    small, large = min(sizes), max(sizes)
    middle = min(large, 100_000)
    sweep_from = max(small, min(large, 10_000))
    at = sizes[middle]
    return [
        ratio(
            f"board page, {at['cards']} cards of {middle:,} tickets, p50",
            at["board_ms"],
            at["memory_ms"],
            15,
            "the same bytes from memory",
            "at 10,000 tickets Planka 993 ms, django-helpdesk 1,581, Kanboard 1,603; at 100,000 none answers within 16 s",
        ),
        ratio(
            f"its growth from {small:,} to {large:,} tickets",
            sizes[large]["board_ms"],
            sizes[small]["board_ms"],
            1.5,
            f"{small:,} tickets",
        ),
        Figure("SQL statements of the board page", sizes[large]["statements"], "", 8),
        ratio(
            "one move, p50, durable",
            at["move_ms"],
            at["update_ms"],
            2.5,
            "one durable UPDATE, signed in",
            "at 10,000 tickets Planka 133 ms, Kanboard 1,654",
        ),
        ratio(
            f"sweep of {CHANGED} changed tickets, {RULES} rules, growth from {sweep_from:,} to {large:,}",
            sizes[large]["sweep_ms"],
            sizes[sweep_from]["sweep_ms"],
            1.5,
            f"{sweep_from:,} tickets",
        ),
    ]


def _measure(environment: dict[str, str], size: int) -> dict[str, Any]:
    app = create_app(load(environment))
    with app.app_context():
        sweep = _sweeps(all_boards()[0], size)
        close()
    with serving(environment) as client:
        return {"sweep_ms": sweep, **_pages(client, size)}


def _pages(client: Client, size: int) -> dict[str, Any]:
    status, page, _ = client.ask("GET", "/boards/1")
    if status != 200:
        raise RuntimeError(f"the board answered {status}")
    client.ask("PUT", "/bench/memory", page)
    before = int(client.ask("GET", "/bench/statements")[1])
    client.ask("GET", "/boards/1")
    statements = int(client.ask("GET", "/bench/statements")[1]) - before
    board, memory = in_turn(
        ASKED, lambda _: client.ask("GET", "/boards/1"), lambda _: client.ask("GET", "/bench/memory")
    )
    move, one_update = in_turn(
        MOVED,
        lambda n: client.post(f"/tickets/{_ticket(n, size)}/column", column=(OPEN, WAITING)[n // 50 % 2]),
        lambda n: client.post(f"/bench/update/{_ticket(n, size)}"),
    )
    return {
        "cards": page.count(b'id="ticket_'),
        "page_bytes": len(page),
        "statements": statements,
        "board_ms": board,
        "memory_ms": memory,
        "move_ms": move,
        "update_ms": one_update,
    }


def _ticket(n: int, size: int) -> int:
    return 1 + (n % 50) * (size // 50)


def _sweeps(board: Board, size: int) -> float:
    """Median milliseconds of the sweep that finds CHANGED tickets changed, with RULES rules."""
    # What the bulk left to do is done first: the first look at every ticket is not what is measured.
    with writing(board):
        db.session.execute(update(Ticket).values(wake_at=None))
    taken = []
    for n in range(SWEPT + 2):
        now = datetime.now(UTC)
        changed = [1 + (n * 7919 + i * (size // CHANGED)) % size for i in range(CHANGED)]
        with writing(board):
            db.session.execute(update(Ticket).where(Ticket.id.in_(changed)).values(wake_at=now))
        begun = time.perf_counter()
        counts = sweeps.wake_tickets(now)
        if n >= 2:
            taken.append((time.perf_counter() - begun) * 1000)
        if not counts["tickets"]:
            raise RuntimeError("the sweep found nothing to do")
    return statistics.median(taken)

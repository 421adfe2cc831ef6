"""Prints each figure beside its yardstick from the same run, with its target, and writes them as JSON.

python -m bench                     SQLite, up to a million tickets: about ten minutes
python -m bench --most 100000       a shorter run
DATABASE_URL=postgresql://... python -m bench      an empty PostgreSQL database of its own
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text, update

from app import create_app, migrations, sweeps
from app.config import ROOT, load
from app.database import db, writing
from app.models.board import Board
from app.models.ticket import Ticket
from bench import fill
from bench.server import Client, serving

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ASKED, MOVED, SWEPT = 200, 100, 7
CHANGED, RULES = 100, 50
OPEN, WAITING = 2, 3  # columns: a move between them stops and starts a clock
RESULTS = ROOT / "bench" / "results"


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--most", type=int, default=SIZES[-1], help="the largest number of tickets")
    sizes = [size for size in SIZES if size <= options.parse_args().most]
    with tempfile.TemporaryDirectory() as folder:
        environment = {"NIGHTDESK_DATA": folder, "SECRET_KEY": "the secret of the bench, which is none"}
        if url := os.environ.get("DATABASE_URL"):
            environment["DATABASE_URL"] = url
        measured = _measure(environment, sizes)
    figures = _figures(measured)
    _print(figures, measured)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{measured['database']}-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps({"figures": figures, "measured": measured}, indent=1))
    print(f"\nwritten to {path.relative_to(ROOT)}")


def _measure(environment: dict[str, str], sizes: list[int]) -> dict[str, Any]:
    app = create_app(load({**os.environ, **environment}))
    found: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}",
        "sizes": {},
    }
    with app.app_context():
        found["database"] = db.engine.dialect.name
        migrations.upgrade(db.engine)
        now = datetime.now(UTC)
        board = fill.desk(now)
        fill.rules(RULES, now)
        had = 0
        for size in sizes:
            print(f"{size:>9,} tickets ...", flush=True)
            fill.tickets(board, had + 1, size, now)
            had = size
            _analyse()
            sweep = _sweeps(board, size)
            with serving(environment) as client:
                found["sizes"][size] = {"sweep_ms": sweep, **_pages(client, size)}
    return found


def _pages(client: Client, size: int) -> dict[str, Any]:
    status, page, _ = client.ask("GET", "/boards/1")
    if status != 200:
        raise RuntimeError(f"the board answered {status}")
    client.ask("PUT", "/bench/memory", page)
    before = int(client.ask("GET", "/bench/statements")[1])
    client.ask("GET", "/boards/1")
    statements = int(client.ask("GET", "/bench/statements")[1]) - before
    board, memory = _in_turn(
        ASKED, lambda _: client.ask("GET", "/boards/1"), lambda _: client.ask("GET", "/bench/memory")
    )
    move, one_update = _in_turn(
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


def _in_turn(
    times: int,
    one: Callable[[int], tuple[int, bytes, float]],
    other: Callable[[int], tuple[int, bytes, float]],
) -> tuple[float, float]:
    """p50 in milliseconds of two requests made in turn, so that both meet the same machine; the first tenth is warm-up."""
    taken: tuple[list[float], list[float]] = ([], [])
    for n in range(times + times // 10):
        for call, kept in zip((one, other), taken, strict=True):
            status, _, seconds = call(n)
            if status >= 400:
                raise RuntimeError(f"a request answered {status}")
            if n >= times // 10:
                kept.append(seconds * 1000)
    return statistics.median(taken[0]), statistics.median(taken[1])


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


def _analyse() -> None:
    db.session.rollback()
    with db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT", writing=True).execute(text("ANALYZE"))


def _figures(measured: dict[str, Any]) -> list[dict[str, Any]]:
    sizes = measured["sizes"]
    at = sizes.get(100_000) or sizes[max(sizes)]
    small, large = sizes[min(sizes)], sizes[max(sizes)]
    sweep_from = sizes.get(10_000) or small
    return [
        _figure("board page, 240 cards of 100,000 tickets, p50", at["board_ms"], at["memory_ms"], 15, "the same bytes from memory"),
        _figure("its growth from 1,000 to 1,000,000 tickets", large["board_ms"], small["board_ms"], 1.5, "1,000 tickets"),
        {"what": "SQL statements of the board page", "value": large["statements"], "target": 8, "met": large["statements"] <= 8},
        _figure("one move, p50, durable", at["move_ms"], at["update_ms"], 2.5, "one durable UPDATE, signed in"),
        _figure("sweep of 100 changed tickets, 50 rules, growth from 10,000 to 1,000,000", large["sweep_ms"], sweep_from["sweep_ms"], 1.5, "10,000 tickets"),
    ]  # fmt: skip


def _figure(what: str, ms: float, yardstick_ms: float, target: float, yardstick: str) -> dict[str, Any]:
    times = round(ms / yardstick_ms, 2)
    return {
        "what": what,
        "ms": round(ms, 2),
        "yardstick": yardstick,
        "yardstick_ms": round(yardstick_ms, 2),
        "times": times,
        "target": target,
        "met": times <= target,
    }


def _print(figures: list[dict[str, Any]], measured: dict[str, Any]) -> None:
    print(f"\n{measured['database']}, {measured['machine']}\n")
    for size, row in measured["sizes"].items():
        print(
            f"{size:>9,} tickets: board {row['board_ms']:.1f} ms ({row['cards']} cards, {row['page_bytes']:,} bytes, "
            f"{row['statements']} statements; from memory {row['memory_ms']:.2f} ms), move {row['move_ms']:.1f} ms "
            f"(one UPDATE {row['update_ms']:.1f} ms), sweep {row['sweep_ms']:.0f} ms"
        )
    print()
    for figure in figures:
        said = "met   " if figure["met"] else "MISSED"
        if "ms" in figure:
            print(
                f"{said} {figure['what']}: {figure['ms']} ms, {figure['times']}x {figure['yardstick']} "
                f"({figure['yardstick_ms']} ms); target {figure['target']}x"
            )
        else:
            print(f"{said} {figure['what']}: {figure['value']}; target {figure['target']}")


if __name__ == "__main__":
    main()

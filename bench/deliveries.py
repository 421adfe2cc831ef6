"""Ten thousand answers to a mail server of this machine, by two clocks of which one is killed every five seconds."""

import os
import random
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle

from sqlalchemy import func, insert, select

from app import create_app
from app.channels import smtp
from app.config import ROOT, load
from app.database import db, writing
from app.mail import ids
from app.models.board import all_boards
from app.models.delivery import Delivery
from app.models.message import Message
from bench import fill
from bench.figure import Figure
from bench.letters import DESK, texts
from bench.places import SECRET, Place, close
from bench.sink import Sink, sink

TICKETS, QUEUED = 10_000, 10_000
KILL_EVERY = 5.0  # seconds
PATIENCE = 900.0  # seconds
YARDSTICK = 2_000  # messages of the same bytes over one connection


@dataclass(frozen=True)
class _Run:
    """`came` holds for each recipient the Message-IDs of all its sendings."""

    seconds: float
    kills: int
    came: dict[str, list[str]]
    left: int  # deliveries that the desk does not take for sent
    bare: float  # a second


def measure(place: Place, most: int) -> list[Figure]:
    queued = min(QUEUED, most)
    environment = place.desk(min(TICKETS, most))
    with sink() as kept:
        run = _run({**environment, "SMTP_URL": kept.url}, kept, queued)
    twice = [found for found in run.came.values() if len(found) > 1]
    second = sum(len(set(found)) > 1 for found in run.came.values())
    rate = queued / run.seconds
    return [
        Figure(
            f"of {queued:,} deliveries did not arrive, two clocks, one killed every {KILL_EVERY:.0f} s",
            queued - len(run.came) + run.left,
            "",
            0,
            detail=f"{run.seconds:.0f} s, {rate:.0f} a second, {run.kills} kills; one connection of smtplib alone sends "
            f"the same bytes to the same server at {run.bare:.0f} a second",
        ),
        Figure(
            "deliveries with a second Message-ID",
            second,
            "",
            0,
            detail=f"{len(twice)} were sent twice or more, each time with their own Message-ID",
        ),
    ]


def _run(environment: dict[str, str], kept: Sink, queued: int) -> _Run:
    app = create_app(load(environment))
    with app.app_context():
        _queue(queued, datetime.now(UTC))
        same_bytes = [
            (one.to_address, smtp.raw(one))
            for one in db.session.scalars(
                select(Delivery).where(Delivery.key.like("bench:%")).limit(YARDSTICK)
            )
        ]
        close()
        with sink() as other:
            bare = _bare(same_bytes, other.port)
        begun = time.monotonic()
        kills = _send_by_clocks(environment, kept, queued, begun + PATIENCE)
        seconds = time.monotonic() - begun
        left = db.session.scalar(
            select(func.count())
            .select_from(Delivery)
            .where(Delivery.key.like("bench:%"), Delivery.state != "sent")
        )
        close()
    return _Run(seconds, kills, kept.came(), left or 0, bare)


def _queue(count: int, now: datetime) -> None:
    """Answers as the product queues them, a few lines to a page long, in bulk. Each goes to an address of its own."""
    chance = random.Random(5)
    said = texts()
    with writing(all_boards()[0]) as board:
        first = (db.session.scalar(select(func.max(Message.id))) or 0) + 1
        messages, rows = [], []
        for n in range(count):
            text = "\n\n".join(chance.choices(said, k=chance.randrange(1, 6)))
            ticket, message = n % TICKETS + 1, first + n
            header_id = ids.mint(ticket, message, SECRET, "127.0.0.1")
            messages.append(
                {
                    "id": message,
                    "ticket_id": ticket,
                    "kind": "reply",
                    "from_name": "Bench",
                    "text": text,
                    "message_id": header_id,
                    "at": now,
                }
            )
            rows.append(
                {
                    "key": f"bench:{message}",
                    "kind": "reply",
                    "message_id": message,
                    "board_id": board.id,
                    "from_name": "Agent (Bench)",
                    "from_address": DESK,
                    "to_address": f"customer{n}@example.org",
                    "subject": f"Re: question {n}",
                    "text": text,
                    "language": "en",
                    "header_id": header_id,
                    "in_reply_to": f"first.{n}@example.org",
                    "references": f"first.{n}@example.org",
                    "wake_at": now,
                    "created_at": now,
                }
            )
        db.session.execute(insert(Message), messages)
        db.session.execute(insert(Delivery), rows)
    db.session.rollback()
    fill.count_on()


def _bare(same_bytes: list[tuple[str, bytes]], port: int) -> float:
    """Messages a second over one connection."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        begun = time.perf_counter()
        for address, data in same_bytes:
            server.sendmail(DESK, [address], data)
        return len(same_bytes) / (time.perf_counter() - begun)


def _send_by_clocks(environment: dict[str, str], kept: Sink, queued: int, give_up_at: float) -> int:
    """Runs two clocks until everything has arrived and is known to have; returns how often one was killed."""
    kills = 0
    with _clocks(environment) as clocks:
        turns = cycle(range(len(clocks)))
        kill_at = time.monotonic() + KILL_EVERY
        while time.monotonic() < give_up_at and (kept.count() < queued or _unsent()):
            time.sleep(0.1)
            if time.monotonic() >= kill_at:
                which = next(turns)
                clocks[which].kill()
                clocks[which].wait()
                clocks[which] = _clock(environment)
                kills += 1
                kill_at += KILL_EVERY
    return kills


@contextmanager
def _clocks(environment: dict[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    clocks = [_clock(environment) for _ in range(2)]
    try:
        yield clocks
    finally:
        for clock in clocks:
            clock.terminate()
        for clock in clocks:
            clock.wait(60)


def _clock(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "clock"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stderr=subprocess.DEVNULL,
    )


def _unsent() -> bool:
    found = db.session.scalar(select(Delivery.id).where(Delivery.state.in_(("queued", "claimed"))).limit(1))
    db.session.rollback()
    return found is not None

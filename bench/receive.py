"""How fast mail is taken in, beside the bare durable rate: one INSERT of the same bytes for each message."""

import os
import smtplib
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, func, insert, select

from app import create_app
from app.config import ROOT, load
from app.database import bookkeeping, db
from app.desk import inbox
from app.models.message import Message, RawMessage
from app.models.ticket import Ticket
from bench.figure import Figure
from bench.letters import DESK, Letter, Open, letters
from bench.places import Place, close

SMALL, LARGE = 1_000, 100_000
RECEIVED, CHUNK, WARM = 800, 50, 50
SENT = 400  # by LMTP
BARE = Table("bench_bare", MetaData(), Column("id", Integer, primary_key=True), Column("data", LargeBinary))


@dataclass
class _Desk:
    """One size of desk, what is sent to it, and the seconds that each chunk took: taken in, and inserted bare."""

    size: int
    environment: dict[str, str]
    app: Flask
    answered: Sequence[Open] = ()
    written: Sequence[Letter] = ()
    taken: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    processor: float = 0.0  # seconds of it, for all that was measured
    by_lmtp: float = 0.0  # messages a second
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return CHUNK / statistics.median(self.taken)

    @property
    def bare_rate(self) -> float:
        return CHUNK / statistics.median(self.bare)

    @property
    def told(self) -> str:
        each = statistics.mean(len(letter.raw) for letter in self.written) / 1000
        return (
            f"{1000 * self.processor / RECEIVED:.1f} ms of a processor each, {each:.0f} KB each; bare durable INSERTs of the "
            f"same bytes {self.bare_rate:.0f} a second; by LMTP over one connection {self.by_lmtp:.0f} a second"
        )


def measure(place: Place, most: int) -> list[Figure]:
    desks = [_desk(place, size) for size in (SMALL, LARGE) if size <= most]
    # In turn, so that each size and each yardstick meets the same machine.
    for start in range(0, WARM + RECEIVED, CHUNK):
        for desk in desks:
            _measure(desk, start)
    for desk in desks:
        _measure_lmtp(desk)
    small, large = desks[0], desks[-1]
    return [
        *(
            Figure(
                f"messages received, one process, {desk.size:,} tickets",
                round(desk.rate, 1),
                "a second",
                100,
                more=True,
                detail=desk.told,
            )
            for desk in desks
        ),
        Figure(
            f"the time of a message, growth from {small.size:,} to {large.size:,} tickets",
            round(small.rate / large.rate, 2),
            "x",
            1.2,
            yardstick=f"{small.size:,} tickets",
        ),
        Figure(
            "messages that did not become what they should",
            sum((desk.wrong for desk in desks), Counter()).total(),
            "",
            0,
            detail=f"of {(WARM + RECEIVED + SENT) * len(desks):,}: tickets, answers in their tickets, copies, texts, files, "
            f"languages {[dict(desk.wrong) for desk in desks if desk.wrong] or ''}".rstrip(),
        ),
    ]


def _desk(place: Place, size: int) -> _Desk:
    environment = place.desk(size)
    desk = _Desk(size, environment, create_app(load(environment)))
    with desk.app.app_context():
        BARE.create(db.engine)
        desk.answered = _open_tickets()
        desk.written = list(letters(WARM + RECEIVED, desk.answered))
    return desk


def _measure(desk: _Desk, start: int) -> None:
    chunk = desk.written[start : start + CHUNK]
    with desk.app.app_context():
        processor = time.process_time()
        taken = _receive(chunk, desk.wrong)
        processor = time.process_time() - processor
        bare = _insert(chunk)
    if start >= WARM:
        desk.taken.append(taken)
        desk.bare.append(bare)
        desk.processor += processor


def _measure_lmtp(desk: _Desk) -> None:
    by_lmtp = list(letters(SENT, desk.answered, first=1 + len(desk.written)))
    with desk.app.app_context():
        close()
        with lmtp(desk.environment) as port:
            desk.by_lmtp = SENT / _send(by_lmtp, port)
        desk.wrong += _counted([*desk.written, *by_lmtp])
        close()


def _open_tickets() -> list[Open]:
    rows = db.session.execute(
        select(Ticket.id, Ticket.customer_id, func.max(Message.id))
        .join(Message, Message.ticket_id == Ticket.id)
        .where(Ticket.closed_at.is_(None))
        .group_by(Ticket.id)
        .order_by(Ticket.id)
    ).all()
    db.session.rollback()
    return [Open(*row) for row in rows]


def _receive(chunk: Sequence[Letter], wrong: Counter[str]) -> float:
    """Seconds; what became something else than it should is counted in `wrong`, after the clock is read."""
    begun = time.perf_counter()
    receipts = [inbox.receive(letter.raw, now=datetime.now(UTC), source="command") for letter in chunk]
    seconds = time.perf_counter() - begun
    for letter, receipt in zip(chunk, receipts, strict=True):
        if receipt.action != letter.action:
            wrong[f"{receipt.action} instead of {letter.action}"] += 1
        elif letter.action == "duplicate":
            continue
        elif letter.ticket not in (None, receipt.ticket):
            wrong["in another ticket"] += 1
        elif (receipt.text or "").split() != letter.words:
            wrong["another text"] += 1
        elif len(receipt.attachments) != letter.files:
            wrong["other files"] += 1
        elif receipt.language != letter.language:
            wrong["another language"] += 1
    return seconds


def _insert(chunk: Sequence[Letter]) -> float:
    begun = time.perf_counter()
    for letter in chunk:
        bookkeeping(insert(BARE).values(data=letter.raw))
    return time.perf_counter() - begun


@contextmanager
def lmtp(environment: dict[str, str]) -> Iterator[int]:
    """The product's LMTP server, a process of its own; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "lmtp", "--port", str(port)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        if "LMTP is at" not in process.stderr.readline():
            raise RuntimeError("the LMTP server did not start")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _send(written: Sequence[Letter], port: int) -> float:
    with smtplib.LMTP("127.0.0.1", port, timeout=60) as server:
        server.sendmail(written[0].sender, [DESK], written[0].raw)  # the first one loads what it needs
        begun = time.perf_counter()
        for letter in written:
            server.sendmail(letter.sender, [DESK], letter.raw)
        return time.perf_counter() - begun


def _counted(written: Sequence[Letter]) -> Counter[str]:
    """What the desk holds afterwards against what it should, by SQL."""
    expected = Counter(letter.action for letter in written)
    new = db.session.scalar(
        select(func.count(Ticket.id.distinct())).where(Message.ticket_id == Ticket.id, Message.raw_id > 0)
    )
    messages = db.session.scalar(select(func.count()).select_from(Message).where(Message.raw_id > 0)) or 0
    unhandled = (
        db.session.scalar(select(func.count()).select_from(RawMessage).where(RawMessage.state != "handled"))
        or 0
    )
    joined = len({letter.ticket for letter in written if letter.action == "appended"})
    db.session.rollback()
    return Counter(
        {
            "tickets": abs((new or 0) - expected["created"] - joined),
            "messages": abs(messages - expected["created"] - expected["appended"]),
            "not handled": unhandled,
        }
    )

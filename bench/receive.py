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
from dataclasses import dataclass
from datetime import UTC, datetime

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


@dataclass(frozen=True)
class _Rates:
    """Messages a second: taken in, inserted bare, by LMTP. `wrong` says what did not become what it should."""

    received: float
    bare: float
    by_lmtp: float
    wrong: Counter[str]
    bytes_each: float


def measure(place: Place, most: int) -> list[Figure]:
    at = {}
    for size in (size for size in (SMALL, LARGE) if size <= most):
        environment = place.desk(size)
        rates = at[size] = _rates(environment)
        print(
            f"{size:>9,} tickets: {rates.received:.0f} messages a second in one process, {rates.by_lmtp:.0f} by LMTP over "
            f"one connection, bare {rates.bare:.0f}; {rates.bytes_each:,.0f} bytes each; wrong: {dict(rates.wrong)}"
        )
    small, large = at[min(at)], at[max(at)]
    figures = [
        Figure(
            f"messages received, one process, {size:,} tickets",
            round(rates.received, 1),
            "a second",
            100,
            more=True,
            detail=f"bare durable INSERTs of the same bytes {rates.bare:.0f} a second; by LMTP over one connection "
            f"{rates.by_lmtp:.0f} a second",
        )
        for size, rates in at.items()
    ]
    return [
        *figures,
        Figure(
            f"the time of a message, growth from {min(at):,} to {max(at):,} tickets",
            round(small.received / large.received, 2),
            "x",
            1.2,
            yardstick=f"{min(at):,} tickets",
        ),
        Figure(
            "messages that did not become what they should",
            sum((rates.wrong for rates in at.values()), Counter()).total(),
            "",
            0,
            detail=f"of {(RECEIVED + WARM + SENT) * len(at):,}: tickets, answers in their tickets, copies, texts, files, languages",
        ),
    ]


def _rates(environment: dict[str, str]) -> _Rates:
    app = create_app(load(environment))
    with app.app_context():
        BARE.create(db.engine)
        answered = _open_tickets()
        written = list(letters(WARM + RECEIVED, answered))
        wrong: Counter[str] = Counter()
        taken: list[float] = []
        bare: list[float] = []
        for start in range(0, len(written), CHUNK):
            chunk = written[start : start + CHUNK]
            seconds = _receive(chunk, wrong), _insert(chunk)
            if start >= WARM:
                taken.append(seconds[0])
                bare.append(seconds[1])
        by_lmtp = list(letters(SENT, answered, first=1 + len(written)))
        close()
        with _lmtp(environment) as port:
            seconds_by_lmtp = _send(by_lmtp, port)
        wrong += _counted([*written, *by_lmtp])
        return _Rates(
            CHUNK / statistics.median(taken),
            CHUNK / statistics.median(bare),
            SENT / seconds_by_lmtp,
            wrong,
            statistics.mean(len(letter.raw) for letter in written),
        )


def _open_tickets() -> list[Open]:
    rows = db.session.execute(
        select(Ticket.id, Ticket.customer_id).where(Ticket.closed_at.is_(None)).order_by(Ticket.id)
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
def _lmtp(environment: dict[str, str]) -> Iterator[int]:
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

"""Rules: what judging costs beside SQL written by hand, how soon a message is tagged, and what a changed rule costs the board."""

import os
import smtplib
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import TextClause, bindparam, func, select, text, update

from app import create_app, sweeps
from app.config import ROOT, load
from app.database import UTCDateTime, db, writing
from app.desk import rules
from app.desk.setup import ensure_desk
from app.models.board import all_boards
from app.models.judged import truth_of
from app.models.rule import Rule
from app.models.ticket import Tag, Ticket, TicketTag
from bench.figure import Figure, ratio
from bench.fill import OPERATOR, WORDS
from bench.letters import DESK
from bench.places import RULES, Place, close
from bench.receive import lmtp
from bench.server import Client, serving

SMALL, LARGE = 10_000, 1_000_000
JUDGED, ASKED = 100, 40
A_SECOND, ARRIVALS = 20, 300
IDLE, AT_MOST = 150, 400  # board pages
OPEN_TICKETS = 20_000
LOOKED_EVERY = 0.02  # seconds
GIVE_UP_AFTER = 60


def measure(place: Place, most: int) -> list[Figure]:
    sizes = sorted({min(SMALL, most), min(LARGE, most)})
    ours, by_hand = {}, {}
    for size in sizes:
        ours[size], by_hand[size] = _judging(place, size)
    small, large = sizes[0], sizes[-1]
    middle = min(most, 100_000)
    return [
        ratio(
            f"{RULES} rules over {JUDGED} changed tickets, growth from {small:,} to {large:,}",
            ours[large],
            ours[small],
            1.5,
            f"{small:,} tickets",
        ),
        ratio(
            f"{RULES} rules over {JUDGED} tickets of {large:,}, compiled and asked",
            ours[large],
            by_hand[large],
            2,
            "one statement written by hand",
        ),
        _arrivals(place, middle),
        _changed_rule(place, middle),
    ]


# ---- Judging -------------------------------------------------------------------------------------------------------


def _judging(place: Place, size: int) -> tuple[float, float]:
    """Median milliseconds of judging JUDGED tickets by all rules, as the sweep does it and by hand. Both say the same."""
    app = create_app(load(place.desk(size)))
    with app.app_context():
        now = datetime.now(UTC)
        ready = rules.enabled()
        hand = _by_hand(now)
        sides = (lambda ids: _ours(ready, ids, now), lambda ids: _asked(hand, ids))
        taken: tuple[list[float], list[float]] = ([], [])
        for n in range(ASKED + 5):
            ids = [1 + (n * 7919 + i * (size // JUDGED)) % size for i in range(JUDGED)]
            said = []
            for side, kept in zip(sides, taken, strict=True):
                begun = time.perf_counter()
                said.append(side(ids))
                if n >= 5:
                    kept.append((time.perf_counter() - begun) * 1000)
                db.session.rollback()
            if said[0] != said[1]:
                raise RuntimeError("what is written by hand says something else")
        close()
    return statistics.median(taken[0]), statistics.median(taken[1])


def _ours(ready: list[Any], ids: list[int], now: datetime) -> dict[int, list[bool]]:
    return {number: list(held.values()) for number, held in truth_of(ids, ready, now).items()}


def _asked(statement: Any, ids: list[int]) -> dict[int, list[bool]]:
    return {
        number: [bool(held) for held in row] for number, *row in db.session.execute(statement, {"ids": ids})
    }


def _by_hand(now: datetime) -> TextClause:
    """What somebody who knows the tables would write for the rules of the desk (see bench.fill)."""
    tags = dict(db.session.execute(select(Tag.name, Tag.id)).all())
    said = "EXISTS (SELECT 1 FROM messages m WHERE m.ticket_id = t.id AND m.kind = 'customer' AND m.search_text LIKE '%{}%')"
    tagged = "EXISTS (SELECT 1 FROM ticket_tags g WHERE g.ticket_id = t.id AND g.tag_id IN ({}))"
    refund, either = tagged.format(tags["refund"]), tagged.format(f"{tags['refund']}, {tags['delivery']}")
    tests, instants = [], []
    for n in range(RULES):
        word = f"{WORDS[n % len(WORDS)]}{n}"
        kind = n % 5
        if kind in (2, 4):
            ago = timedelta(days=n + 1 if kind == 2 else 300 + n)
            instants.append(bindparam(f"at_{n}", now - ago, UTCDateTime()))
        tests.append(
            (
                f"t.subject_search LIKE '%{word}%' OR {said.format(word)}",
                f"t.language = 'de' AND {said.format(word)}",
                f"t.closed_at IS NULL AND t.waiting_since < :at_{n} AND t.priority < 2 AND NOT {refund}",
                "EXISTS (SELECT 1 FROM customer_addresses a WHERE a.customer_id = t.customer_id AND a.address LIKE "
                f"'%@example{n}.com') OR EXISTS (SELECT 1 FROM search_documents d WHERE d.ticket_id = t.id AND d.tokens LIKE "
                f"'% {WORDS[n % len(WORDS)]} {n}%')",
                f"t.state = 'waiting' AND t.created_at < :at_{n} AND {either} AND t.channel_id IN "
                "(SELECT id FROM channels WHERE kind = 'email')",
            )[kind]
        )
    asked = ", ".join(f"coalesce({test}, 1 = 0)" for test in tests)
    statement = text(f"SELECT t.id, {asked} FROM tickets t WHERE t.id IN :ids")
    return statement.bindparams(bindparam("ids", expanding=True), *instants)


# ---- From a message to its tag -----------------------------------------------------------------------------------------


def _arrivals(place: Place, size: int) -> Figure:
    """A_SECOND messages by LMTP, the clock in a process of its own: from the server's word that it has one until its ticket has
    the tag."""
    environment = place.desk(size)
    app = create_app(load(environment))
    with app.app_context():
        _nothing_left()
        rule = db.session.scalars(select(Rule).order_by(Rule.id)).first()
        assert rule is not None
        tag, last = rule.actions[0]["tag"], db.session.scalar(select(func.max(Ticket.id))) or 0
        close()
        with _clock(environment), lmtp(environment) as port:
            sent, tagged = _sent_and_tagged(port, tag, last)
    waited = [(tagged[n] - at) * 1000 for n, at in sent.items()]
    return Figure(
        f"from a message to its tag, {A_SECOND} a second, {RULES} rules, {size:,} tickets, p95",
        round(statistics.quantiles(waited, n=20)[-1]),
        "ms",
        2_000,
        detail=f"p50 {statistics.median(waited):,.0f} ms, the longest {max(waited):,.0f} ms, {len(waited)} messages",
    )


def _sent_and_tagged(port: int, tag: int, last: int) -> tuple[dict[int, float], dict[int, float]]:
    """Of each message when it was taken, and when its tag was seen."""
    word = WORDS[0]
    sent: dict[int, float] = {}

    def send() -> None:
        with smtplib.LMTP("127.0.0.1", port, timeout=60) as server:
            begun = time.monotonic()
            for n in range(ARRIVALS):
                time.sleep(max(0.0, begun + n / A_SECOND - time.monotonic()))
                message = EmailMessage()
                message["From"], message["To"] = f"kim.{n}@example.net", DESK
                message["Subject"], message["Message-ID"] = (
                    f"My {word}0 ({n})",
                    f"<rule.{n}.{last}@example.net>",
                )
                message.set_content("Where is the lamp that I ordered? " * 10)
                server.send_message(message)
                sent[n] = time.monotonic()

    sending = threading.Thread(target=send)
    sending.start()
    tagged: dict[int, float] = {}
    asked = (
        select(Ticket.subject)
        .join(TicketTag, TicketTag.ticket_id == Ticket.id)
        .where(Ticket.id > last, TicketTag.tag_id == tag)
    )
    until = time.monotonic() + ARRIVALS / A_SECOND + GIVE_UP_AFTER
    while len(tagged) < ARRIVALS:
        if time.monotonic() > until:
            raise RuntimeError(f"{ARRIVALS - len(tagged)} messages have no tag")
        for subject in db.session.scalars(asked):
            tagged.setdefault(int(subject.rpartition("(")[2][:-1]), time.monotonic())
        db.session.rollback()
        time.sleep(LOOKED_EVERY)
    sending.join()
    return sent, tagged


# ---- A rule is changed -----------------------------------------------------------------------------------------------------


def _changed_rule(place: Place, size: int) -> Figure:
    """The board page before, and while the clock looks at OPEN_TICKETS again."""
    environment = place.desk(size)
    app = create_app(load(environment))
    with app.app_context():
        _nothing_left()
        open_tickets = _leave_open(OPEN_TICKETS)
        close()
    with serving(environment) as client, _clock(environment):
        client.ask("GET", "/boards/1")
        idle = [_board(client) for _ in range(IDLE)]
        with app.app_context():
            last = _change_a_rule()
            begun, busy = time.monotonic(), []
            while _waits(last) and len(busy) < AT_MOST * 10:
                busy.append(_board(client))
            lasted = time.monotonic() - begun
            close()
    return ratio(
        f"board page while a changed rule is judged for {open_tickets:,} open tickets, p95",
        statistics.quantiles(busy, n=20)[-1],
        statistics.quantiles(idle, n=20)[-1],
        3,
        f"with an idle clock; it takes {lasted:.0f} s",
    )


def _board(client: Client) -> float:
    status, _, seconds = client.ask("GET", "/boards/1")
    if status != 200:
        raise RuntimeError(f"the board answered {status}")
    return seconds * 1000


def _leave_open(most: int) -> int:
    """The others are archived, as far as the sweep is concerned."""
    newest = select(Ticket.id).where(Ticket.closed_at.is_(None)).order_by(Ticket.id.desc()).limit(most)
    with writing(all_boards()[0]):
        others = update(Ticket).where(Ticket.closed_at.is_(None), Ticket.id.not_in(newest))
        db.session.execute(
            others.values(closed_at=Ticket.created_at).execution_options(synchronize_session=False)
        )
    return db.session.scalar(select(func.count()).select_from(Ticket).where(Ticket.closed_at.is_(None))) or 0


def _change_a_rule() -> datetime:
    """When the last of the tickets that have to be looked at again is due: they wait in slices, some minutes long."""
    now = datetime.now(UTC)
    with writing(ensure_desk(now)) as desk:
        rule = db.session.scalars(select(Rule).order_by(Rule.id)).first()
        rules.switch(desk, rule, False, by=OPERATOR, now=now)
        rules.switch(desk, rule, True, by=OPERATOR, now=now)
    sweeps.judge_anew(now, rule)
    soon = select(func.max(Ticket.wake_at)).where(Ticket.wake_at <= now + timedelta(minutes=5))
    last = db.session.scalar(soon) or now
    db.session.rollback()
    return last


def _waits(last: datetime) -> bool:
    """Whether a ticket that was due by then has not been looked at."""
    found = db.session.scalar(select(Ticket.id).where(Ticket.wake_at <= last).limit(1))
    db.session.rollback()
    return found is not None


def _nothing_left() -> None:
    """What the bulk left to do is done: the first look at every ticket is not what is measured."""
    with writing(all_boards()[0]):
        db.session.execute(update(Ticket).values(wake_at=None))


@contextmanager
def _clock(environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "clock"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)

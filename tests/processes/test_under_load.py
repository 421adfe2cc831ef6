"""kill -9 under load, on both databases, and then everything is counted.

In the suite six kills. For longer: NIGHTDESK_KILL_FOR=180 (seconds of load, on each database) and, to have the same
choices again, NIGHTDESK_KILL_SEED=20: `NIGHTDESK_KILL_FOR=180 pytest -s tests/processes/test_under_load.py`, which says
what was counted.
"""

import json
import os
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import func, select, text

from app import clock
from app.database import db
from app.models.alert import Alert
from app.models.board import Board
from app.models.clock import Lease
from app.models.delivery import Delivery
from app.models.desk import STREAM, Desk
from app.models.event import Event
from app.models.message import Message, RawMessage
from app.models.ticket import Ticket
from tests.browsing import sign_in
from tests.duty import publish
from tests.processes.under_load import Agent, Command, Killable, MailServer, Web, kill_one_after_the_other
from tests.sink import Sink
from tests.small import SmallDesk
from tests.waiting import until

SECONDS = float(os.environ.get("NIGHTDESK_KILL_FOR", "0"))
SEED = int(os.environ.get("NIGHTDESK_KILL_SEED", "20"))
ROUNDS = 6


def test_kill_minus_nine_under_load(
    app: Any,
    desk: SmallDesk,
    now: datetime,
    serve: Callable[..., Any],
    start_flask: Callable[..., Any],
    flask: Callable[..., Any],
    smtp_sink: Sink,
    free_port: Callable[[], int],
    environment: dict[str, str],
) -> None:
    chance = random.Random(SEED)
    publish(desk, [desk.bob, desk.erin], now, at_once=True)
    columns = [desk.columns[state].id for state in ("waiting", "resolved", "archived")]
    lmtp = str(free_port())
    ports = [environment["PORT"], str(free_port())]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    agents = [
        Agent(urls, cookie(app, person, now), desk.board.id, columns, person.name, random.Random(SEED + n))
        for n, person in enumerate((desk.alice, desk.bob))
    ]
    mail_servers = [MailServer(int(lmtp)) for _ in range(2)]
    loads = [*agents, *mail_servers]
    with ThreadPoolExecutor(5) as pool:
        starting: list[Future[Killable]] = [
            *(
                pool.submit(Web, f"web {n}", partial(serve, CLOCK="off", PORT=port))
                for n, port in enumerate(ports, 1)
            ),
            *(pool.submit(Command, f"clock {n}", partial(start_flask, "clock")) for n in (1, 2)),
            pool.submit(Command, "lmtp", partial(start_flask, "lmtp", "--port", lmtp)),
        ]
        processes = [process.result() for process in starting]
        for load in loads:
            load.start()
        until(lambda: all(load.has_done(3) for load in loads), 60)
        killed = kill_one_after_the_other(
            processes,
            chance,
            pool,
            rounds=0 if SECONDS else ROUNDS,
            seconds=SECONDS,
            between=(0.5, 4.0) if SECONDS else (0.2, 1.2),  # to start takes one or two
        )
        done = {load: load.done for load in loads}
        until(lambda: all(load.has_done(done[load]) for load in loads), 60)
        for load in loads:
            load.stop()
        until(nobody_holds_anything)
        assert list(pool.map(lambda process: process.stop(), processes)) == [0] * len(processes)
    later = (datetime.now(now.tzinfo) + timedelta(minutes=7)).isoformat()  # claims of the dead have run out
    done = flask("clock", "--once", "--now", later)
    assert done.returncode == 0, done.stderr

    said = {
        "killed": dict(killed),
        "letters": letters(mail_servers),
        "people": by_hand(agents),
        "alerts": alerts_and_pages(),
        "deliveries": deliveries(smtp_sink),
        "events": streams(desk),
        "left for the last sweep": json.loads(done.stdout),
    }
    sys.stdout.write(f"\n{db.engine.dialect.name}: {json.dumps(said, indent=1)}\n")
    nothing_is_left()


def cookie(app: Any, person: Any, now: datetime) -> str:
    browser = app.test_client()
    sign_in(browser, person, now)
    kept = browser.get_cookie(app.config["SESSION_COOKIE_NAME"], domain="127.0.0.1")
    return f"{kept.key}={kept.value}"


# ---- Counting


def letters(servers: list[MailServer]) -> dict[str, int]:
    """Every accepted message is a ticket once; what was never accepted may be one, but no more than one."""
    accepted = Counter(subject for server in servers for subject in server.accepted)
    waiting = Counter(server.waiting for server in servers if server.waiting)
    there = Counter(db.session.scalars(select(Ticket.subject).where(Ticket.subject.like("Letter %"))))
    in_tickets = db.session.scalars(
        select(Ticket.subject).join(Message).where(Message.kind == "customer", Message.raw_id.is_not(None))
    )
    assert (accepted - there, there - accepted - waiting) == (Counter(), Counter())
    assert Counter(in_tickets) == there
    assert set(db.session.scalars(select(RawMessage.state))) == {"handled"}
    archived = db.session.scalar(select(func.count()).select_from(RawMessage)) or 0
    assert accepted
    return {
        "accepted": len(accepted),
        "brought again": sum(server.brought_again for server in servers),
        "archived more than once": archived - len(there),
    }


def by_hand(agents: list[Agent]) -> dict[str, Any]:
    """What was answered with success is there once, what was cut off at most once, nothing else is."""
    opened = Counter(
        (subject,)
        for subject in db.session.scalars(select(Ticket.subject).where(Ticket.subject.like("By hand %")))
    )
    replied = Counter(
        (ticket, said)
        for ticket, said in db.session.execute(
            select(Message.ticket_id, Message.text).where(
                Message.kind == "reply", Message.automatic.is_(None)
            )
        )
    )
    moved = Counter(
        (event.subject_id, event.changes["column"][1])
        for event in db.session.scalars(
            select(Event).where(Event.kind == "ticket.moved", Event.by_kind == "person")
        )
    )
    (opening,) = {column.id for column in db.session.get_one(Board, 1).columns if column.state == "open"}
    for key in [key for key in moved if key[1] == opening]:
        del moved[key]  # an answer opens a new ticket
    counts: dict[str, Any] = {}
    for name, there in (("opened", opened), ("replied", replied), ("moved", moved)):
        together = Counter[str]()
        wanted = {said: Counter[Any]() for said in ("yes", "no", "unknown")}
        for agent in agents:
            for said, keys in getattr(agent, name).said.items():
                wanted[said] += keys
                together[said] += keys.total()
        lost, doubled = wanted["yes"] - there, there - wanted["yes"] - wanted["unknown"]
        assert (name, lost, doubled) == (name, Counter(), Counter())
        assert wanted["yes"], together
        counts[name] = dict(together)
    return counts


def alerts_and_pages() -> dict[str, int]:
    """One alert for each ticket, kind and deadline; one page for each person and step of a ladder."""
    found = db.session.scalars(select(Alert)).all()
    causes = {(alert.ticket_id, alert.kind, alert.deadline_at) for alert in found}
    assert len(causes) == len(found)
    keys = [key.split(".") for key in db.session.scalars(select(Delivery.key).where(Delivery.kind == "page"))]
    told = Counter((alert, level, person) for _, alert, level, _, person in keys)
    assert set(told.values()) == {1}
    opened = db.session.scalars(select(Event.changes).where(Event.kind == "alert.opened")).all()
    assert opened
    return {"alerts": len(found), "pages": len(keys)}


def deliveries(sink: Sink) -> dict[str, int]:
    """Everything that was not taken back has left, each always under its own id and with the same bytes."""
    rows = db.session.scalars(select(Delivery)).all()
    assert {row.state for row in rows} <= {"sent", "cancelled"}
    came: dict[str, set[bytes]] = {}
    times: Counter[str] = Counter()
    for one in sink.delivered:
        name = str(one.message["Message-ID"]).strip("<>")
        came.setdefault(name, set()).add(one.raw)
        times[name] += 1
    assert set(came) == {row.header_id for row in rows if row.state == "sent"}
    assert {len(copies) for copies in came.values()} == {1}
    assert len({row.header_id for row in rows}) == len(rows)
    return {"sent": len(came), "arrived again": times.total() - len(came)}


def streams(desk: SmallDesk) -> dict[str, int]:
    """Events are numbered without a gap, up to the number that the stream knows."""
    counts = {}
    for name, stream, seq in (
        ("board", desk.board.id, db.session.get_one(Board, desk.board.id, populate_existing=True).seq),
        ("desk", STREAM, db.session.get_one(Desk, 1, populate_existing=True).seq),
    ):
        numbers = db.session.scalars(select(Event.seq).where(Event.stream == stream).order_by(Event.seq))
        assert list(numbers) == list(range(1, seq + 1)), name
        counts[name] = seq
    return counts


def nothing_is_left() -> None:
    """No lock, no lease that does not end by itself, no broken page of the file."""
    lease = db.session.get_one(Lease, clock.LEASE, populate_existing=True)
    assert lease.until <= datetime.now(UTC) + clock.LEASE_FOR
    db.session.remove()
    until(nobody_holds_anything)
    if db.engine.dialect.name == "sqlite":
        other = sqlite3.connect(str(db.engine.url.database), isolation_level=None, timeout=0)
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert other.execute("PRAGMA foreign_key_check").fetchall() == []
        other.close()


def nobody_holds_anything() -> bool:
    """On PostgreSQL no other connection is inside a transaction, holds a lock or waits for one. On SQLite locks are the
    kernel's, which end with their process; see nothing_is_left."""
    if db.engine.dialect.name == "sqlite":
        return True
    with db.engine.connect() as connection:
        inside = connection.execute(text(INSIDE)).all()
    return not inside


INSIDE = """
SELECT pid, state FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'
UNION ALL
SELECT pid, mode FROM pg_locks
WHERE pid <> pg_backend_pid() AND locktype <> 'virtualxid'
  AND (database = (SELECT oid FROM pg_database WHERE datname = current_database()) OR NOT granted)
"""

"""The query language: reading and compiling, compiled against hand-written SQL, and a filtered board against an unfiltered."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy import Executable, bindparam, event, select, text

from app import create_app
from app.config import load
from app.database import UTCDateTime, db, planned_for_its_values
from app.models import vocabulary
from app.models.ticket import Ticket
from bench.figure import Figure, ratio
from bench.places import Place, close
from bench.server import serving
from rules.query import parse

TICKETS = 100_000
ASKED, READ, RAN = 60, 300, 40
THREE_TERMS = "is:unresolved tag:refund priority>=high"
# As people write them, beside what somebody who knows the tables would write.
BY_HAND = {
    "is:unresolved tag:refund -tag:delivery priority>=high": """
        SELECT id FROM tickets WHERE closed_at IS NULL AND priority >= 2
        AND id IN (SELECT ticket_id FROM ticket_tags JOIN tags ON tags.id = tag_id WHERE tags.name = 'refund')
        AND NOT EXISTS (SELECT 1 FROM ticket_tags JOIN tags ON tags.id = tag_id
                        WHERE ticket_id = tickets.id AND tags.name = 'delivery')""",
    "is:unresolved updated<30d assignee:none lang:en": """
        SELECT id FROM tickets WHERE closed_at IS NULL AND assignee_id IS NULL AND language = 'en'
        AND updated_at > :month_ago""",
    "is:unresolved waiting>2h body:parcel from:@example.org": """
        SELECT id FROM tickets WHERE closed_at IS NULL AND waiting_since < :lately
        AND EXISTS (SELECT 1 FROM messages WHERE ticket_id = tickets.id AND kind = 'customer'
                    AND search_text LIKE '%parcel%')
        AND EXISTS (SELECT 1 FROM customer_addresses c WHERE c.customer_id = tickets.customer_id
                    AND c.address LIKE '%@example.org')""",
}


def measure(place: Place, most: int) -> list[Figure]:
    size = min(TICKETS, most)
    environment = place.desk(size)
    app = create_app(load(environment))
    with app.app_context():
        figures = [*_reading(), *(_beside_hand(asked, sql) for asked, sql in BY_HAND.items())]
        close()
    with serving(environment) as client:
        plain, filtered = "/boards/1", f"/boards/1?q={quote(THREE_TERMS)}"
        for address in (plain, filtered):
            status, page, _ = client.ask("GET", address)
            if status != 200 or b'id="ticket_' not in page:
                raise RuntimeError(f"{address} answered {status}")
        with_terms, without = _in_turn(
            ASKED, lambda: client.ask("GET", filtered)[2], lambda: client.ask("GET", plain)[2]
        )
    figures.append(
        ratio(
            f"board page of {size:,} tickets filtered by three terms, p50",
            with_terms,
            without,
            2,
            "the unfiltered board page",
        )
    )
    return figures


def _reading() -> list[Figure]:
    """One query again and again, and queries never seen before, each from its text to a condition; those also to SQL."""
    names, at = vocabulary.names(), datetime.now(UTC)
    cached, cold = [], []
    for n in range(READ):
        begun = time.perf_counter()
        vocabulary.matches(parse(THREE_TERMS, me=True, names=names), at, 1, "UTC")
        cached.append((time.perf_counter() - begun) * 1000)
        asked = f"{THREE_TERMS} subject:word{n} created>=2026-01-{n % 28 + 1:02d}"
        begun = time.perf_counter()
        where = vocabulary.matches(parse(asked, me=True, names=names), at, 1, "UTC")
        select(Ticket.id).where(where).compile(db.engine)
        cold.append((time.perf_counter() - begun) * 1000)
    return [
        Figure("a query from text to condition, read before, p50", statistics.median(cached), "ms", 0.2),
        Figure("a query from text to SQL, never read before, p50", statistics.median(cold), "ms", 5),
    ]


def _beside_hand(asked: str, sql: str) -> Figure:
    """The database's time for the compiled query and for the one by hand, both as the driver gets them and run in turn."""
    at = datetime.now(UTC)
    tree = parse(asked, me=True, names=vocabulary.names())
    by_hand = text(sql)
    for name, ago in (("month_ago", timedelta(days=30)), ("lately", timedelta(hours=2))):
        if f":{name}" in sql:
            by_hand = by_hand.bindparams(bindparam(name, at - ago, UTCDateTime()))
    found, run = [], []
    for statement in (select(Ticket.id).where(vocabulary.matches(tree, at, 1, "UTC", whole=True)), by_hand):
        ids, again = _rendered(statement)
        found.append(ids)
        run.append(again)
    if found[0] != found[1] or not found[0]:
        raise RuntimeError(f"{asked} finds {len(found[0])}, by hand {len(found[1])}")
    compiled, hand = _in_turn(RAN, *run)
    return ratio(f"{asked} ({len(found[0]):,} found)", compiled, hand, 1.1, "SQL by hand")


def _rendered(statement: Executable) -> tuple[list[int], Callable[[], float]]:
    """(the ids that a statement finds, a call that has the driver run it again and returns its seconds)."""
    sent: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        sent.append((sql, parameters))

    event.listen(db.engine, "before_cursor_execute", keep)
    connection = db.session.connection()
    ids = sorted(connection.scalars(statement))
    event.remove(db.engine, "before_cursor_execute", keep)
    sql, parameters = sent[-1]
    options = planned_for_its_values(statement).get_execution_options()

    def once() -> float:
        begun = time.perf_counter()
        connection.exec_driver_sql(sql, parameters, dict(options)).all()
        return time.perf_counter() - begun

    return ids, once


def _in_turn(times: int, one: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """p50 in milliseconds of two calls that return seconds, made in turn; the first few are warm-up."""
    taken = [(one(), other()) for _ in range(times + 5)][5:]
    return (
        statistics.median(first for first, _ in taken) * 1000,
        statistics.median(second for _, second in taken) * 1000,
    )

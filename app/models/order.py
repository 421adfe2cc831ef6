"""In which order a column shows its tickets.

Each order is walked by an index of its own, so that a column of any length shows its first cards at once. Every card
carries its place as a text of digits, which the browser compares: the same order everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import BigInteger, ColumnElement, and_, literal, or_, tuple_

from app.database import UTCDateTime
from app.models.ticket import ANGER, HEAT, PRIORITIES, RANKS, URGENT, Ticket, heat
from app.words import N_

USUAL = "due"
MANUAL = "manual"
LONGEST_KEY = 40  # digits


class Placed(Protocol):
    """What a card knows of its place."""

    @property
    def id(self) -> int: ...
    @property
    def sort_key(self) -> str: ...
    @property
    def rank(self) -> int: ...
    @property
    def priority(self) -> int: ...
    @property
    def heat(self) -> int: ...
    @property
    def waiting_since(self) -> datetime | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def updated_at(self) -> datetime: ...


@dataclass(frozen=True)
class Order:
    """`by` makes the terms of ORDER BY from Ticket or from the columns of a query; `key` is the place of a card as digits of
    fixed width, of which equal ones follow their numbers; `behind` the condition on tickets behind a key and a number.
    `parts` are conditions within each of which the index is in this order, where it is not as a whole."""

    label: str
    by: Callable[[Any], Sequence[ColumnElement[Any]]]
    key: Callable[[Placed], str]
    behind: Callable[[str, int], ColumnElement[bool]]
    parts: Sequence[ColumnElement[bool]] = ()


def cursor(text: str) -> tuple[str, int]:
    """The key and the number in the text of a cursor; ValueError for anything else."""
    key, _, ticket = text.rpartition(".")
    plain = text.isascii() and key.isdecimal() and ticket.isdecimal()
    if not plain or len(key) > LONGEST_KEY or len(ticket) > 9:
        raise ValueError(text)
    return key, int(ticket)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = 10**17 - 1  # microseconds; later than any time that a database knows
_LATEST = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = 10**10 - 1  # behind every number of a ticket
HOTTEST = HEAT * URGENT + ANGER  # urgent and angry
HEATS = tuple((priority, heat(priority, angry)) for priority in PRIORITIES for angry in (False, True))


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _at(us: int) -> ColumnElement[datetime]:
    return literal(_EPOCH + min(max(us, 0), _LATEST) * _MICROSECOND, UTCDateTime())


def _newest(column: Any) -> tuple[Callable[[Placed], str], Callable[[str, int], ColumnElement[bool]]]:
    """Falling by a time: the number falls with it, so both are counted from their ends."""

    def key(card: Placed) -> str:
        return f"{_NEVER - _us(getattr(card, column.key)):017d}{_LAST - card.id:010d}"

    def behind(text: str, ticket: int) -> ColumnElement[bool]:
        return tuple_(column, Ticket.id) < tuple_(_at(_NEVER - int(text[:17] or 0)), literal(ticket))

    return key, behind


def _behind_due(text: str, ticket: int) -> ColumnElement[bool]:
    return tuple_(Ticket.sort_key, Ticket.id) > tuple_(literal(text), literal(ticket))


def _behind_rank(text: str, ticket: int) -> ColumnElement[bool]:
    rank = literal(min(int(text) - RANKS, RANKS), BigInteger())
    return tuple_(Ticket.rank, Ticket.id) > tuple_(rank, literal(ticket))


def _behind_priority(text: str, ticket: int) -> ColumnElement[bool]:
    priority = URGENT - min(int(text[0]), URGENT)
    return and_(
        Ticket.priority <= priority,
        or_(Ticket.priority < priority, _behind_due(text[1:], ticket)),
    )


def _behind_heat(text: str, ticket: int) -> ColumnElement[bool]:
    heat = HOTTEST - min(int(text[0]), HOTTEST)
    return and_(Ticket.heat <= heat, or_(Ticket.heat < heat, _behind_due(text[1:], ticket)))


def _behind_waiting(text: str, ticket: int) -> ColumnElement[bool]:
    waits_not = and_(Ticket.waiting_since.is_(None), Ticket.id > ticket)
    if int(text) >= _NEVER:
        return waits_not
    later = tuple_(Ticket.waiting_since, Ticket.id) > tuple_(_at(int(text)), literal(ticket))
    return or_(later, Ticket.waiting_since.is_(None))


def _behind_oldest(text: str, ticket: int) -> ColumnElement[bool]:
    return tuple_(Ticket.created_at, Ticket.id) > tuple_(_at(int(text)), literal(ticket))


_key_newest, _behind_newest = _newest(Ticket.created_at)
_key_updated, _behind_updated = _newest(Ticket.updated_at)

ORDERS: dict[str, Order] = {
    USUAL: Order(N_("Next deadline"), lambda t: (t.sort_key, t.id), lambda card: card.sort_key, _behind_due),
    "priority": Order(
        N_("Priority"),
        lambda t: (t.priority.desc(), t.sort_key, t.id),
        lambda card: f"{URGENT - card.priority}{card.sort_key}",
        _behind_priority,
        # one index for both orders: it knows priorities by their heat alone
        parts=tuple(and_(Ticket.priority == priority, Ticket.heat == heat) for priority, heat in HEATS),
    ),
    "angry": Order(
        N_("Angry and urgent first"),
        lambda t: (t.heat.desc(), t.sort_key, t.id),
        lambda card: f"{HOTTEST - card.heat}{card.sort_key}",
        _behind_heat,
        parts=tuple(Ticket.heat == heat for _, heat in HEATS),
    ),
    "waiting": Order(
        N_("Waiting longest"),
        lambda t: (t.waiting_since.nulls_last(), t.id),
        lambda card: f"{_us(card.waiting_since) if card.waiting_since else _NEVER:017d}",
        _behind_waiting,
    ),
    "newest": Order(
        N_("Newest first"), lambda t: (t.created_at.desc(), t.id.desc()), _key_newest, _behind_newest
    ),
    "oldest": Order(
        N_("Oldest first"),
        lambda t: (t.created_at, t.id),
        lambda card: f"{_us(card.created_at):017d}",
        _behind_oldest,
    ),
    "updated": Order(
        N_("Last changed"), lambda t: (t.updated_at.desc(), t.id.desc()), _key_updated, _behind_updated
    ),
    MANUAL: Order(
        N_("Arranged by hand"),
        lambda t: (t.rank, t.id),
        lambda card: f"{card.rank + RANKS:019d}",
        _behind_rank,
    ),
}

"""What a search finds: the newest places that fulfil a query, as tickets in order of rank."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, func, literal, select, union_all
from sqlalchemy.orm import aliased

from app.database import db, newest_in_index, planned_for_its_values
from app.models.board import Board, Column
from app.models.company import Company
from app.models.customer import Customer, CustomerAddress
from app.models.document import Document, in_text, share, words_in_texts
from app.models.message import Message
from app.models.ticket import Ticket
from app.models.vocabulary import binding
from rules.compile import condition
from rules.query import And, Not, Or, Query, Term, Words
from rules.tokens import Phrase, phrase

MOST = 1_000  # places that are ranked
MOST_RANKED = 8  # words of a query by which they are
LOOKED_UP = 5_000  # newest places that the index names, when something else is asked of them, too
OFTEN = 0.1  # of the newest documents: then reading finds MOST of them sooner than the index does
READ = 200_000  # newest documents that are read for a frequent word, when other terms refuse what holds it
LONGEST_TEXT = 20_000  # characters of a message in which its place is shown
EVERYTHING = And(())


class Hit(NamedTuple):
    """A ticket that was found, and the newest message that was; None when only the ticket itself was."""

    ticket_id: int
    message_id: int | None


@dataclass(frozen=True)
class Found:
    """Tickets by rank. `more`: there may be others, older than those that were looked at."""

    hits: list[Hit]
    more: bool


@dataclass(frozen=True)
class Row:
    """What the list shows of a hit. `text` is of its message, else of the customer's first one; `kind` of that."""

    id: int
    subject: str
    state: str
    column: str
    board: str
    customer: str
    company: str | None
    addresses: list[str]
    last_message_at: datetime
    kind: str | None
    text: str


def find(tree: Query, boards: Select[int], now: datetime, me: int | None, zone: str) -> Found:
    """The newest MOST places on these boards that fulfil `tree`: subject or customer before message, whole words before
    beginnings, then the newest. Without words to look for: tickets by number."""
    required = [(part, words) for part in _required(tree) if (words := phrase(part.text))][:MOST_RANKED]
    wanted = [words for _, words in required]
    here = Ticket.board_id.in_(boards.order_by(None))
    if not wanted:
        tickets = (
            select(Ticket.id)
            .where(here, condition(tree, binding(now, me, zone), now))
            .order_by(Ticket.id.desc())
            .limit(MOST)
        )
        ids = db.session.scalars(planned_for_its_values(tickets)).all()
        return Found([Hit(id, None) for id in ids], len(ids) == MOST)
    (known, rarest), held = min(((one, share(one[1])) for one in required), key=lambda judged: judged[1])
    rest = _without(tree, known)
    holds, bounded = _places(rarest, held, alone=rest == EVERYTHING)
    own = aliased(Document)
    fulfils = condition(rest, binding(now, me, zone, words_in_texts), now)
    places = (
        select(
            Document.ticket_id,
            Document.message_id,
            _points(own, wanted, "pattern"),
            _points(own, wanted, "whole"),
            _points(Document, wanted, "whole"),
        )
        .join(Ticket, Ticket.id == Document.ticket_id)
        .outerjoin(own, (own.ticket_id == Document.ticket_id) & own.message_id.is_(None))
        .where(*holds, here, fulfils)
        .order_by(Document.id.desc())
        .limit(MOST)
    )
    rows = db.session.execute(planned_for_its_values(places)).all()
    return Found(_ranked(rows), len(rows) == MOST or bounded)


def phrases(tree: Query) -> list[Phrase]:
    """What a query looks for: its words that are not excluded."""
    return [found for part in _looked_for(tree) if (found := phrase(part.text))]


def rows(hits: Sequence[Hit]) -> list[Row]:
    """What the list shows of these hits, in their order. A few statements, however many there are."""
    ids = [hit.ticket_id for hit in hits]
    found = {
        row.id: row
        for row in db.session.execute(
            select(
                Ticket.id,
                Ticket.subject,
                Ticket.state,
                Column.name.label("column"),
                Board.name.label("board"),
                Customer.id.label("customer_id"),
                Customer.name.label("customer"),
                Company.name.label("company"),
                Ticket.last_message_at,
            )
            .join(Column, Column.id == Ticket.column_id)
            .join(Board, Board.id == Ticket.board_id)
            .join(Customer, Customer.id == Ticket.customer_id)
            .outerjoin(Company, Company.id == Customer.company_id)
            .where(Ticket.id.in_(ids))
        )
    }
    addresses = _addresses({row.customer_id for row in found.values()})
    texts = _texts(hits)
    return [
        Row(
            id=row.id,
            subject=row.subject,
            state=row.state,
            column=row.column,
            board=row.board,
            customer=row.customer,
            company=row.company,
            addresses=addresses.get(row.customer_id, []),
            last_message_at=row.last_message_at,
            kind=texts.get(row.id, (None, ""))[0],
            text=texts.get(row.id, (None, ""))[1],
        )
        for id in ids
        if (row := found.get(id))
    ]


def _required(tree: Query) -> tuple[Words, ...]:
    """The words that every ticket must hold that fulfils it."""
    parts = tree.parts if isinstance(tree, And) else (tree,)
    return tuple(part for part in parts if isinstance(part, Words))


def _without(tree: Query, known: Words) -> Query:
    """What is left to ask of a ticket of which it is known that it holds these words."""
    return And(tuple(part for part in tree.parts if part != known)) if isinstance(tree, And) else EVERYTHING


def _looked_for(tree: Query) -> Iterator[Words]:
    match tree:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _looked_for(part)
        case Words():
            yield tree
        case Not() | Term():
            return


def _places(words: Phrase, held: float, *, alone: bool) -> tuple[tuple[ColumnElement[bool], ...], bool]:
    """(the conditions on the documents to look at, whether others are left out). `alone`: nothing else is asked."""
    if held < OFTEN:
        most = MOST if alone else LOOKED_UP
        ids = newest_in_index(words, most, held)
        return (Document.id.in_(ids),), len(ids) == most
    highest = db.session.scalar(select(func.max(Document.id))) or 0
    return (in_text(words), Document.id > highest - READ), highest > READ


def _points(at: Any, wanted: Sequence[Phrase], pattern: str) -> ColumnElement[int]:
    """How many of the phrases stand in a document, as this kind of pattern."""
    return sum(
        (case((at.tokens.like(getattr(words, pattern)), 1), else_=0) for words in wanted), start=literal(0)
    )


def _ranked(rows: Sequence[Any]) -> list[Hit]:
    """Each ticket once, with its newest message of those found; `rows` come newest first."""
    message: dict[int, int] = {}
    best: dict[int, tuple[int, int, int, int]] = {}
    for place, (ticket_id, message_id, in_own, whole_in_own, whole) in enumerate(rows):
        if message_id is not None:
            message.setdefault(ticket_id, message_id)
        rank = (-(in_own or 0), -(whole_in_own or 0), -(whole or 0), place)
        best[ticket_id] = min(best.get(ticket_id, rank), rank)
    return [Hit(ticket_id, message.get(ticket_id)) for ticket_id in sorted(best, key=best.__getitem__)]


def _addresses(customers: set[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for customer_id, address in db.session.execute(
        select(CustomerAddress.customer_id, CustomerAddress.address)
        .where(CustomerAddress.customer_id.in_(customers))
        .order_by(CustomerAddress.id)
    ):
        found.setdefault(customer_id, []).append(address)
    return found


def _texts(hits: Sequence[Hit]) -> dict[int, tuple[str, str]]:
    """ticket -> (kind, text) of the message that was found, else of the first that counts."""
    first = (
        select(func.min(Message.id))
        .where(
            Message.ticket_id.in_([hit.ticket_id for hit in hits if hit.message_id is None]),
            Message.withdrawn_at.is_(None),
        )
        .group_by(Message.ticket_id)
    )
    named = select(Message.id).where(Message.id.in_([hit.message_id for hit in hits if hit.message_id]))
    shown = select(Message.ticket_id, Message.kind, func.substr(Message.text, 1, LONGEST_TEXT)).where(
        Message.id.in_(union_all(named, first))  # with OR, PostgreSQL would read every message
    )
    return {ticket_id: (kind, text) for ticket_id, kind, text in db.session.execute(shown)}

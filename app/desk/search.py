"""Keeps what search looks through, in the transaction of each change."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Insert, Select, bindparam, delete, insert, select, update

from app.database import db
from app.models.company import Company
from app.models.customer import Customer, CustomerAddress
from app.models.document import Document
from app.models.message import Message
from app.models.ticket import Ticket
from rules.tokens import document

AT_ONCE = 500  # tickets


def index_ticket(ticket: Ticket, *, new: bool = False) -> None:
    """A ticket was opened (`new`), its subject has changed, or it belongs to another customer."""
    customer = _locked(ticket.customer_id)
    if new:
        _add(ticket_id=ticket.id, message_id=None, tokens=document((ticket.subject, *customer)))
    else:
        _keep([(ticket.id, ticket.subject)], customer)


def index_message(ticket: Ticket, message: Message) -> None:
    """A message was added, or one that had been taken back counts again."""
    tokens = document((_other_subject(ticket, message), message.text))
    _add(ticket_id=ticket.id, message_id=message.id, tokens=tokens)


def forget_message(message: Message) -> None:
    """A message was taken back."""
    db.session.execute(
        delete(Document)
        .where(Document.ticket_id == message.ticket_id, Document.message_id == message.id)
        .execution_options(synchronize_session=False)
    )


def index_customer(customer_id: int) -> None:
    """A customer's name, addresses or company have changed: one document of each of their tickets is written again."""
    customer = _locked(customer_id)
    after = 0
    while found := _tickets_of(customer_id, after):
        _keep(found, customer)
        after = found[-1][0]


def index_company(company_id: int) -> None:
    """A company has another name: the tickets of all its customers."""
    for customer_id in db.session.scalars(
        select(Customer.id).where(Customer.company_id == company_id).order_by(Customer.id)
    ).all():
        index_customer(customer_id)


def _locked(customer_id: int) -> tuple[str, ...]:
    """The texts by which a customer is found, as they stand. Who changes them and who opens a ticket of theirs on
    another board wait for each other: one of them would write what is past."""
    asked = {"customer": customer_id}
    name, company_id = db.session.execute(_customer(), asked).one()
    addresses = db.session.scalars(_addresses(), asked).all()
    company = (
        db.session.scalar(select(Company.name).where(Company.id == company_id).with_for_update(read=True))
        if company_id is not None
        else None
    )
    return (name, *addresses, company or "")


# Statements are made once: to build one takes longer than to run it. The addresses are read by one of their own, for a
# joined one would see them as they stood before the wait.


@cache
def _customer() -> Select[str, int | None]:
    return (
        select(Customer.name, Customer.company_id)
        .where(Customer.id == bindparam("customer"))
        .with_for_update(key_share=True)
    )


@cache
def _addresses() -> Select[str]:
    return (
        select(CustomerAddress.address)
        .where(CustomerAddress.customer_id == bindparam("customer"))
        .order_by(CustomerAddress.id)
    )


@cache
def _insert() -> Insert:
    return insert(Document.__table__)  # type: ignore[arg-type]


def _add(**values: object) -> None:
    db.session.connection().execute(_insert(), values)


def _tickets_of(customer_id: int, after: int) -> Sequence[tuple[int, str]]:
    return [
        (id, subject)
        for id, subject in db.session.execute(
            select(Ticket.id, Ticket.subject)
            .where(Ticket.customer_id == customer_id, Ticket.id > after)
            .order_by(Ticket.id)
            .limit(AT_ONCE)
        )
    ]


def _keep(tickets: Sequence[tuple[int, str]], customer: Iterable[str]) -> None:
    """Writes the documents of tickets, (number, subject) each, where they say something else than they did."""
    wanted = {id: document((subject, *customer)) for id, subject in tickets}
    stored = {
        ticket_id: (document_id, tokens)
        for ticket_id, document_id, tokens in db.session.execute(
            select(Document.ticket_id, Document.id, Document.tokens).where(
                Document.ticket_id.in_(wanted), Document.message_id.is_(None)
            )
        )
    }
    new = [{"ticket_id": id, "tokens": tokens} for id, tokens in wanted.items() if id not in stored]
    other: list[dict[str, Any]] = [
        {"document": stored[id][0], "said": tokens}
        for id, tokens in wanted.items()
        if id in stored and stored[id][1] != tokens
    ]
    table = Document.__table__
    if new:
        db.session.execute(insert(Document), new)
    if other:
        db.session.connection().execute(
            update(table).where(table.c.id == bindparam("document")).values(tokens=bindparam("said")),  # type: ignore[arg-type]
            other,
        )


def _other_subject(ticket: Ticket, message: Message) -> str:
    """The subject of a message that says more than the ticket's own; "Re:" before it says nothing."""
    ours, theirs = document((ticket.subject,)).split(), document((message.subject,)).split()
    return "" if theirs[len(theirs) - len(ours) :] == ours else message.subject

"""Finds or makes the customer behind an address. Works under any board's lock, also when two boards race."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from app.database import db, insert_new
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board
from app.models.customer import Customer, CustomerAddress
from app.models.event import By
from app.models.ticket import Ticket
from app.words import N_

ACKNOWLEDGE_AGAIN_AFTER = timedelta(days=1)


def find_or_make(address: str, name: str, language: str | None, *, now: datetime) -> Customer:
    """The customer who writes from `address` (any case). A name or language they lacked is filled in."""
    address = address.strip().lower()
    customer = _of(address)
    if customer is None:
        customer = Customer(name=name.strip() or address.partition("@")[0], language=language, created_at=now)
        db.session.add(customer)
        db.session.flush()
        made = db.session.execute(
            insert_new(CustomerAddress)
            .values(customer_id=customer.id, address=address)
            .on_conflict_do_nothing()
            .returning(CustomerAddress.id)
        ).one_or_none()
        if made is None:  # somebody was faster
            db.session.delete(customer)
            db.session.flush()
            customer = _of(address)
            if customer is None:
                raise RuntimeError("an address without its customer")
    if language and customer.language is None:
        customer.language = language
    return customer


def belongs(customer_id: int, address: str) -> bool:
    """Whether this address is one of the customer's."""
    found = db.session.scalars(
        select(CustomerAddress.customer_id).where(CustomerAddress.address == address.strip().lower())
    ).one_or_none()
    return found == customer_id


def bounced(customer_id: int, address: str) -> CustomerAddress | None:
    """This address of the customer's, when mail to it came back and nobody has cleared that since."""
    return db.session.scalars(
        select(CustomerAddress).where(
            CustomerAddress.customer_id == customer_id,
            CustomerAddress.address == address,
            CustomerAddress.bounced_at.is_not(None),
        )
    ).one_or_none()


def mark_bounced(board: Board, ticket: Ticket, addresses: Collection[str], *, by: By, now: datetime) -> None:
    """Mail to these addresses came back: those that are this customer's are marked."""
    marked = db.session.scalars(
        select(CustomerAddress)
        .where(CustomerAddress.customer_id == ticket.customer_id, CustomerAddress.address.in_(addresses))
        .order_by(CustomerAddress.id)
    ).all()
    for address in marked:
        address.bounced_at = now
        record(
            board, "ticket.bounced", ("ticket", ticket.id), by=by, now=now, address=[None, address.address]
        )


def clear_bounce(board: Board, ticket: Ticket, address_id: int | None, *, by: By, now: datetime) -> None:
    """Somebody knows better: the address works. Refused with 409 when it has no mark (any more)."""
    address = db.session.get(CustomerAddress, address_id) if address_id is not None else None
    if address is None or address.customer_id != ticket.customer_id or address.bounced_at is None:
        raise Refused(N_("This address is not marked any more."), status=409)
    address.bounced_at = None
    ticket.version += 1
    record(
        board, "ticket.bounce-cleared", ("ticket", ticket.id), by=by, now=now, address=[address.address, None]
    )


def acknowledge(customer_id: int, now: datetime) -> bool:
    """Takes today's acknowledgement of a customer; False when they have had it. Right also when two boards race."""
    taken = db.session.execute(
        update(Customer)
        .where(
            Customer.id == customer_id,
            or_(
                Customer.acknowledged_at.is_(None),
                Customer.acknowledged_at <= now - ACKNOWLEDGE_AGAIN_AFTER,
            ),
        )
        .values(acknowledged_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def give_acknowledgement_back(customer_id: int) -> None:
    """It was not sent after all, so the next ticket of today may be acknowledged."""
    db.session.execute(
        update(Customer)
        .where(Customer.id == customer_id)
        .values(acknowledged_at=None)
        .execution_options(synchronize_session=False)
    )


def _of(address: str) -> Customer | None:
    return db.session.scalars(
        select(Customer).join(CustomerAddress).where(CustomerAddress.address == address)
    ).one_or_none()

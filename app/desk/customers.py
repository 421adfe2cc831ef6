"""Finds or makes the customer behind an address, and what is done with one. Works under any board's lock, also when two
boards race."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Select, bindparam, or_, select, update

from app.database import db, insert_new, lock, lock_late
from app.desk import access, companies, search, tickets
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board
from app.models.company import Company
from app.models.customer import Customer, CustomerAddress
from app.models.desk import Desk
from app.models.event import By, Event
from app.models.ticket import Ticket
from app.words import N_

ACKNOWLEDGE_AGAIN_AFTER = timedelta(days=1)
LONGEST_NAME = 200
LONGEST_NOTES = 5_000


def find_or_make(address: str, name: str, language: str | None, *, now: datetime) -> Customer:
    """The customer who writes from `address` (any case). A name or language they lacked is filled in."""
    address = address.strip().lower()
    customer = _of(address)
    if customer is None:
        customer = Customer(
            name=name.strip() or address.partition("@")[0],
            language=language,
            company_id=companies.of_domain(address.rpartition("@")[2]),
            created_at=now,
        )
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


def spoken_from(address: str) -> str | None:
    """The language that a person has set for whoever writes from this address; None when nobody has."""
    return db.session.scalars(
        select(Customer.language)
        .join(CustomerAddress)
        .where(CustomerAddress.address == address.strip().lower(), Customer.language_by_hand)
    ).one_or_none()


def streams_of(customer_id: int, desk: Desk) -> list[Board] | list[Desk]:
    """Where a change of a customer is recorded: the boards with their tickets, in the order in which they are locked;
    the desk when there is none."""
    theirs = select(Ticket.board_id).where(Ticket.customer_id == customer_id)
    return list(db.session.scalars(select(Board).where(Board.id.in_(theirs)).order_by(Board.id))) or [desk]


def change(
    stream: Board | Desk,
    customer: Customer,
    *,
    name: str,
    language: str | None,
    company: Company | None,
    vip: bool,
    notes: str,
    expected: str | None = None,
    by: By,
    now: datetime,
) -> Customer:
    """Changes what the desk knows of a customer, under the lock of the first of streams_of(); their other boards are
    locked here. Refused with 409 when `expected`, the customer's stamp as it was read, is not true any more."""
    access.demand(by, "work_customer", customer, now)
    if expected is not None and expected != customer.stamp:
        raise Refused(
            N_("Somebody has changed this customer meanwhile. This is how it stands now."), status=409
        )
    values = {
        "name": _name(name),
        "language": language,
        "company_id": company.id if company else None,
        "vip": vip,
        "notes": _notes(notes),
    }
    changes: dict[str, object] = {
        field: [getattr(customer, field), value] if field != "notes" else True
        for field, value in values.items()
        if getattr(customer, field) != value
    }
    if not changes:
        return customer
    for field, value in values.items():
        setattr(customer, field, value)
    if "language" in changes:
        customer.language_by_hand = language is not None
    db.session.flush()
    db.session.expire(customer, ["company"])
    for held in [stream, *_others(stream, customer)]:
        record(
            held, "customer.changed", ("customer", customer.id), by=by, now=now, new=customer.name, **changes
        )
    tickets.touch(Ticket.customer_id == customer.id, now)
    if {"name", "company_id"} & set(changes):
        search.index_customer(customer.id)
    return customer


def set_vip(
    board: Board, customer: Customer, vip: bool, *, by: By, now: datetime, undoes: Event | None = None
) -> None:
    """The same of this alone, under the lock of any board. Raises OutOfOrder when a board that the customer's tickets stand on
    has to be locked before those that are held. `undoes`: see desk.deeds."""
    if customer.vip == vip:
        return
    theirs = select(Ticket.board_id).where(Ticket.customer_id == customer.id, Ticket.board_id != board.id)
    others = db.session.scalars(select(Board.id).where(Board.id.in_(theirs)).order_by(Board.id)).all()
    held = [board, *(lock_late(Board, ident) for ident in others)]
    customer.vip = vip
    db.session.flush()
    for each in held:
        record(
            each,
            "customer.changed",
            ("customer", customer.id),
            by=by,
            now=now,
            new=customer.name,
            vip=[not vip, vip],
            **({"undoes": undoes.id} if undoes is not None else {}),
        )
    tickets.touch(Ticket.customer_id == customer.id, now)


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


def _others(stream: Board | Desk, customer: Customer) -> list[Board]:
    """The boards behind this one that the customer's tickets stand on, locked."""
    if isinstance(stream, Desk):
        return []
    theirs = select(Ticket.board_id).where(Ticket.customer_id == customer.id, Ticket.board_id > stream.id)
    boards = db.session.scalars(select(Board).where(Board.id.in_(theirs)).order_by(Board.id)).all()
    return [lock(board) for board in boards]


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("A customer needs a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    return name


def _notes(notes: str) -> str:
    notes = notes.replace("\r\n", "\n").strip()
    if len(notes) > LONGEST_NOTES:
        raise Refused(N_("Use at most %(most)s characters."), field="notes", most=LONGEST_NOTES)
    return notes


def _of(address: str) -> Customer | None:
    return db.session.scalars(_writing_from(), {"address": address}).one_or_none()


@cache
def _writing_from() -> Select[Customer]:
    """Made once: to build it takes longer than to run it."""
    return select(Customer).join(CustomerAddress).where(CustomerAddress.address == bindparam("address"))

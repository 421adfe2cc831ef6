"""Finds or makes the customer behind an address. Works under any board's lock, also when two boards race."""

from datetime import datetime

from sqlalchemy import select

from app.database import db, insert_new
from app.models.customer import Customer, CustomerAddress


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


def _of(address: str) -> Customer | None:
    return db.session.scalars(
        select(Customer).join(CustomerAddress).where(CustomerAddress.address == address)
    ).one_or_none()

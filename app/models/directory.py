"""Customers and companies as somebody looks them up: page by page, the newest first, with counts of their tickets."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.database import db
from app.models.company import Company, CompanyDomain
from app.models.customer import Customer, CustomerAddress
from app.models.ticket import Ticket
from rules.compile import containing, like
from rules.query import fold

PER_PAGE = 50
MOST_OFFERED = 10


class Listed(NamedTuple):
    """A customer with how many of their tickets the reader may see, and how many of those are unresolved."""

    customer: Customer
    tickets: int
    unresolved: int


class ListedCompany(NamedTuple):
    """A company with its customers whom the reader may see, and their unresolved tickets on the reader's boards."""

    company: Company
    customers: int
    unresolved: int


class Known(NamedTuple):
    """A customer by name and one of their addresses."""

    name: str
    address: str


def customers(
    seen: ColumnElement[bool],
    boards: Select[int],
    *,
    text: str = "",
    vip: bool = False,
    company_id: int | None = None,
    before: int | None = None,
) -> tuple[list[Listed], int | None]:
    """PER_PAGE customers that fulfil `seen`, whose tickets on `boards` are counted, and the cursor of those behind them.
    `text` is part of a name, an address or their company's name."""
    theirs = (Ticket.customer_id == Customer.id, Ticket.board_id.in_(boards.order_by(None)))
    found = (
        select(Customer, _count(*theirs), _count(*theirs, Ticket.closed_at.is_(None)))
        .where(seen)
        .options(joinedload(Customer.company), selectinload(Customer.addresses))
        .order_by(Customer.id.desc())
        .limit(PER_PAGE + 1)
    )
    if text:
        found = found.where(_called(text))
    if vip:
        found = found.where(Customer.vip)
    if company_id is not None:
        found = found.where(Customer.company_id == company_id)
    if before is not None:
        found = found.where(Customer.id < before)
    rows = [Listed(*row) for row in db.session.execute(found)]
    return rows[:PER_PAGE], rows[PER_PAGE - 1].customer.id if len(rows) > PER_PAGE else None


def companies(
    seen: ColumnElement[bool],
    seen_customers: ColumnElement[bool],
    boards: Select[int],
    *,
    text: str = "",
    before: int | None = None,
) -> tuple[list[ListedCompany], int | None]:
    """PER_PAGE companies that fulfil `seen`, and the cursor of those behind them. `text` is part of a name or a domain."""
    members = select(func.count()).where(Customer.company_id == Company.id, seen_customers).scalar_subquery()
    unresolved = (
        select(func.count())
        .select_from(Ticket)
        .join(Customer, Customer.id == Ticket.customer_id)
        .where(
            Customer.company_id == Company.id,
            Ticket.board_id.in_(boards.order_by(None)),
            Ticket.closed_at.is_(None),
        )
        .correlate(Company)
        .scalar_subquery()
    )
    found = (
        select(Company, members, unresolved)
        .where(seen)
        .options(selectinload(Company.domains))
        .order_by(Company.id.desc())
        .limit(PER_PAGE + 1)
    )
    if text:
        pattern = containing(fold(text))
        domain = exists().where(CompanyDomain.company_id == Company.id, like(CompanyDomain.domain, pattern))
        found = found.where(or_(_named(text), domain))
    if before is not None:
        found = found.where(Company.id < before)
    rows = [ListedCompany(*row) for row in db.session.execute(found)]
    return rows[:PER_PAGE], rows[PER_PAGE - 1].company.id if len(rows) > PER_PAGE else None


def tickets_of(
    theirs: ColumnElement[bool], boards: Select[int], before: int | None = None
) -> tuple[Sequence[Ticket], int | None]:
    """PER_PAGE tickets of customers that fulfil `theirs`, on these boards, the newest first, and the cursor of those
    behind them."""
    found = (
        select(Ticket)
        .join(Customer, Customer.id == Ticket.customer_id)
        .where(theirs, Ticket.board_id.in_(boards.order_by(None)))
        .options(joinedload(Ticket.column), joinedload(Ticket.assignee), joinedload(Ticket.customer))
        .order_by(Ticket.id.desc())
        .limit(PER_PAGE + 1)
    )
    if before is not None:
        found = found.where(Ticket.id < before)
    rows = db.session.scalars(found).all()
    return rows[:PER_PAGE], rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else None


def known(seen: ColumnElement[bool], text: str) -> Sequence[Known]:
    """Some customers that fulfil `seen` with `text` in their name, with all addresses, or in an address; the latest first."""
    pattern = containing(fold(text))
    found = (
        select(Customer.name, CustomerAddress.address)
        .join(CustomerAddress, CustomerAddress.customer_id == Customer.id)
        .where(seen, or_(like(Customer.name_search, pattern), like(CustomerAddress.address, pattern)))
        .order_by(Customer.id.desc(), CustomerAddress.id)
        .limit(MOST_OFFERED)
    )
    return [Known(*row) for row in db.session.execute(found)]


def company_names(seen: ColumnElement[bool], text: str) -> Sequence[str]:
    """Some that fulfil `seen` and have `text` in their name, by name."""
    return db.session.scalars(
        select(Company.name)
        .where(seen, _named(text))
        .order_by(func.lower(Company.name), Company.id)
        .limit(MOST_OFFERED)
    ).all()


def company_called(name: str, seen: ColumnElement[bool]) -> Company | None:
    """The company of this name, in any case, among those that fulfil `seen`."""
    return db.session.scalars(
        select(Company).where(func.lower(Company.name) == name.lower(), seen).limit(1)
    ).one_or_none()


def _called(text: str) -> ColumnElement[bool]:
    pattern = containing(fold(text))
    address = exists().where(
        CustomerAddress.customer_id == Customer.id, like(CustomerAddress.address, pattern)
    )
    company = exists().where(Company.id == Customer.company_id, _named(text))
    return or_(like(Customer.name_search, pattern), address, company)


def _named(text: str) -> ColumnElement[bool]:
    """Part of a company's name. SQLite's lower() leaves all but ASCII as it is, so it is also looked for as it was typed."""
    folded = like(func.lower(Company.name), containing(fold(text)))
    return or_(folded, Company.name.contains(text, autoescape=True))


def _count(*conditions: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(Ticket).where(*conditions).correlate(Customer).scalar_subquery()

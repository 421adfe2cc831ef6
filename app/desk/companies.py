"""What is done with companies, under the lock of the desk, and the company that a domain tells."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, exists, false, func, or_, select, update

from app.database import db
from app.desk import access, boards, broken_rules, search, tickets, uses
from app.desk.events import record
from app.desk.refused import Refused
from app.mail.addresses import punycode
from app.models.board import Board
from app.models.company import Company, CompanyDomain
from app.models.customer import Customer, CustomerAddress
from app.models.desk import Desk
from app.models.event import By
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_
from rules.query import quoted

LONGEST_NAME = 120
LONGEST_NOTES = 5_000
MOST_DOMAINS = 50
MOST_AT_ONCE = 500  # customers that are added to a company in one go
_DOMAIN = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}")
_FAMILY = re.compile(r"[a-z]{2,3}|(?:co|com|ne)\.[a-z]{2}")  # yahoo.com, yahoo.de, yahoo.co.jp
# co.uk and the like: whoever has it has half a country
_ENDING = re.compile(r"(?:ac|co|com|edu|go|gob|gov|gv|ne|net|or|org|re)\.[a-z]{2}")


class Effects(NamedTuple):
    """What a company is needed for. `rules` are names; of `views` only those that are shared have theirs said."""

    customers: int
    rules: list[str]
    views: list[str]
    own_views: int


def add(
    desk: Desk, *, name: str, domains: Sequence[str] = (), notes: str = "", by: By, now: datetime
) -> Company:
    """Adds a company. New customers who write from one of its domains belong to it."""
    access.demand(by, "see_customers", None, now)
    company = Company(name=_name(name, None), notes=_notes(notes), created_at=now)
    wanted = _domains(domains, None)
    db.session.add(company)
    db.session.flush()
    _set_domains(company, wanted)
    record(
        desk, "company.added", ("company", company.id), by=by, now=now, new=company.name, domains=[[], wanted]
    )
    return company


def change(
    desk: Desk,
    company_id: int,
    *,
    name: str,
    domains: Sequence[str],
    notes: str,
    expected: str | None = None,
    by: By,
    now: datetime,
) -> Company:
    """Changes a company. Who belongs to it stays. Refused with 409 when `expected`, its stamp as it was read, is not true
    any more."""
    company = _found(company_id)
    access.demand(by, "work_company", company, now)
    if expected is not None and expected != company.stamp:
        raise Refused(
            N_("Somebody has changed this company meanwhile. This is how it stands now."), status=409
        )
    changes: dict[str, Any] = {}
    kept, wanted = [one.domain for one in company.domains], _domains(domains, company)
    values = {"name": _name(name, company), "notes": _notes(notes)}
    if company.name != values["name"]:
        changes["name"] = [company.name, values["name"]]
    if company.notes != values["notes"]:
        changes["notes"] = True
    if kept != wanted:
        changes["domains"] = [kept, wanted]
        _set_domains(company, wanted)
    company.name, company.notes = values["name"], values["notes"]
    if changes:
        db.session.flush()
        record(desk, "company.changed", ("company", company.id), by=by, now=now, new=company.name, **changes)
    if "name" in changes:
        search.index_company(company.id)
    return company


def remove(desk: Desk, company_id: int, *, by: By, now: datetime) -> str:
    """Takes a company away; returns its name. Its customers stay and belong to none; a rule that names it
    is switched off. Refused when some of them are not
    for this person to see."""
    held = boards.locked_all()  # a customer is made under the lock of a board
    company = _found(company_id)
    access.demand(by, "remove_company", company, now)
    theirs = Customer.company_id == company.id
    if _count(theirs, ~access.sees_customer(_person(by), now)):
        raise Refused(N_("Customers of boards that you do not see belong to this company. Ask an admin."))
    members = select(Customer.id).where(theirs)
    belonged = db.session.scalars(members.order_by(Customer.id)).all()
    tickets.touch(Ticket.customer_id.in_(members), now)
    seen = set(db.session.scalars(select(Ticket.board_id).where(Ticket.customer_id.in_(members)).distinct()))
    db.session.execute(
        update(Customer).where(theirs).values(company_id=None).execution_options(synchronize_session=False)
    )
    for customer_id in belonged:
        search.index_customer(customer_id)
    db.session.execute(delete(CompanyDomain).where(CompanyDomain.company_id == company.id))
    db.session.delete(company)
    db.session.flush()
    streams: list[Desk | Board] = [desk, *(board for board in held if board.id in seen)]
    for stream in streams:
        record(stream, "company.removed", ("company", company.id), by=by, now=now, old=company.name)
    called = {f"company:#{company.id}": f"company:{quoted(company.name)}"}
    broken_rules.switch_off(desk, called=called, by=by, now=now)
    return company.name


def adopt(desk: Desk, company_id: int, *, by: By, now: datetime) -> int:
    """Adds the present customers of its domains who belong to no company, as far as this person sees them; returns how
    many, MOST_AT_ONCE at most."""
    held = {board.id: board for board in boards.locked_all()}
    company = _found(company_id)
    access.demand(by, "work_company", company, now)
    found = db.session.scalars(_to_adopt(company, by, now).order_by(Customer.id).limit(MOST_AT_ONCE)).all()
    ids = [customer.id for customer in found]
    theirs = select(Ticket.customer_id, Ticket.board_id).where(
        Ticket.customer_id.in_(ids), Ticket.deleted_at.is_(None)
    )
    pairs = db.session.execute(theirs.distinct()).all()
    for customer in found:
        customer.company_id = company.id
        streams: list[Desk | Board] = [held[board] for one, board in pairs if one == customer.id]
        for stream in streams or [desk]:
            record(
                stream,
                "customer.changed",
                ("customer", customer.id),
                by=by,
                now=now,
                new=customer.name,
                company_id=[None, company.id],
            )
    db.session.flush()
    tickets.touch(Ticket.customer_id.in_(ids), now)
    for customer in found:
        search.index_customer(customer.id)
    return len(found)


def to_adopt(company: Company, by: By, now: datetime) -> int:
    """How many present customers of its domains belong to no company."""
    found = _to_adopt(company, by, now).with_only_columns(Customer.id).limit(MOST_AT_ONCE)
    return db.session.scalar(select(func.count()).select_from(found.subquery())) or 0


def effects_of(company: Company, by: By, now: datetime) -> Effects:
    """What changes when this company is removed, as far as this person sees it."""
    views = uses.views_with("company", company.id)
    return Effects(
        customers=_count(Customer.company_id == company.id, access.sees_customer(_person(by), now)),
        rules=[rule.name for rule in uses.rules_with("company", company.id)],
        views=[view.name for view in views.shared],
        own_views=len(views.own),
    )


def of_domain(domain: str) -> int | None:
    """The company that an address of this domain, or of one below a company's, belongs to."""
    labels = domain.strip().lower().split(".")
    above = [".".join(labels[place:]) for place in range(max(1, len(labels) - 1))]
    found = dict(
        db.session.execute(
            select(CompanyDomain.domain, CompanyDomain.company_id).where(CompanyDomain.domain.in_(above))
        ).all()
    )
    return next((found[domain] for domain in above if domain in found), None)


def is_public(domain: str) -> bool:
    """Whether anybody can have mail there."""
    exact, families = _public()
    first, _, rest = domain.partition(".")
    return domain in exact or (first in families and bool(_FAMILY.fullmatch(rest)))


@cache
def _public() -> tuple[frozenset[str], frozenset[str]]:
    lines = (Path(__file__).parent / "public_mail.txt").read_text(encoding="utf-8").split("\n")
    domains = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    families = {domain.removesuffix(".*") for domain in domains if domain.endswith(".*")}
    return frozenset(domains), frozenset(families)


def _found(company_id: int) -> Company:
    company = db.session.get(Company, company_id)
    if company is None:
        raise access.not_found()
    return company


def _person(by: By) -> Person | None:
    return db.session.get(Person, by.id) if by.kind == "person" and by.id is not None else None


def _count(*conditions: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count()).select_from(Customer).where(*conditions)) or 0


def _to_adopt(company: Company, by: By, now: datetime) -> Select[Customer]:
    written = [
        CustomerAddress.address.endswith(f"{sign}{one.domain}", autoescape=True)
        for one in company.domains
        for sign in "@."
    ]
    seen = access.sees_customer(_person(by), now) if by.kind == "person" else Customer.id.is_not(None)
    return select(Customer).where(
        Customer.company_id.is_(None),
        exists().where(CustomerAddress.customer_id == Customer.id, or_(false(), *written)),
        seen,
    )


def _name(name: str, company: Company | None) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("A company needs a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    same = select(Company.name).where(
        func.lower(Company.name) == name.lower(), Company.id != (company.id if company else 0)
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise Refused(N_("There is a company of this name already."), field="name")
    return name


def _notes(notes: str) -> str:
    notes = notes.replace("\r\n", "\n").strip()
    if len(notes) > LONGEST_NOTES:
        raise Refused(N_("Use at most %(most)s characters."), field="notes", most=LONGEST_NOTES)
    return notes


def _domains(written: Collection[str], company: Company | None) -> list[str]:
    """The domains, checked, in order. Refused for one that is none, that is public, or that another company has."""
    domains = sorted({_domain(text) for text in written if text.strip()})
    if len(domains) > MOST_DOMAINS:
        raise Refused(N_("A company has at most %(most)s domains."), field="domains", most=MOST_DOMAINS)
    taken = db.session.scalars(
        select(CompanyDomain.domain).where(
            CompanyDomain.domain.in_(domains), CompanyDomain.company_id != (company.id if company else 0)
        )
    ).first()
    if taken is not None:
        raise Refused(N_("%(domain)s belongs to another company."), field="domains", domain=taken)
    return domains


def _domain(text: str) -> str:
    """As it stands behind the @ of stored addresses."""
    domain = punycode(text.rpartition("@")[2]) or ""
    if not _DOMAIN.fullmatch(domain):
        raise Refused(
            N_("%(domain)s is not a domain such as acme.com."), field="domains", domain=text.strip()[:100]
        )
    if is_public(domain):
        raise Refused(
            N_("Anybody can have an address at %(domain)s, so it tells no company."),
            field="domains",
            domain=domain,
        )
    if _ENDING.fullmatch(domain):
        raise Refused(
            N_("%(domain)s is the ending of many domains, so it tells no company."),
            field="domains",
            domain=domain,
        )
    return domain


def _set_domains(company: Company, wanted: Sequence[str]) -> None:
    db.session.execute(delete(CompanyDomain).where(CompanyDomain.company_id == company.id))
    db.session.add_all(CompanyDomain(domain=domain, company_id=company.id) for domain in wanted)
    db.session.flush()
    db.session.expire(company, ["domains"])

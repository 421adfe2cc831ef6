"""Customers, as far as somebody may see a ticket of theirs: looked up, and changed."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.auth import acting, allowed, now, signed_in_person
from app.database import writing
from app.desk import access, customers
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models import directory
from app.models.company import Company
from app.models.customer import Customer
from app.routes.people import language_choices
from app.words import N_, gettext

bp = Blueprint("customers", __name__)

LONGEST_SEARCH = 200
UNKNOWN = ""  # a language


class CustomerForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=customers.LONGEST_NAME)])
    vip = BooleanField(N_("VIP"), description=N_("Shown with a star wherever their name stands."))
    language = SelectField(N_("Language"))
    company = StringField(N_("Company"), [Optional(), Length(max=200)])
    notes = TextAreaField(
        N_("Notes"),
        [Optional(), Length(max=customers.LONGEST_NOTES)],
        description=N_("For colleagues, beside every ticket. Customers never see them."),
    )
    expected = HiddenField()

    def __init__(self, *args: Any, customer: Customer, **values: Any) -> None:
        super().__init__(*args, **values)
        known = language_choices([customer.language] if customer.language else ())
        self.language.choices = [(UNKNOWN, gettext("Unknown")), *known]

    @classmethod
    def of(cls, customer: Customer) -> "CustomerForm":
        """The form as a customer stands."""
        return cls(
            customer=customer,
            name=customer.name,
            vip=customer.vip,
            language=customer.language or UNKNOWN,
            company=customer.company.name if customer.company else "",
            notes=customer.notes,
            expected=customer.stamp,
        )

    def values(self) -> dict[str, Any]:
        """As the verb takes them. Refused for a company that the reader does not know."""
        return {
            "name": self.name.data,
            "vip": self.vip.data,
            "language": self.language.data or None,
            "company": _company(self.company.data or ""),
            "notes": self.notes.data or "",
            "expected": self.expected.data or None,
        }


@bp.get("/customers")
@allowed("see_customers")
def index() -> Response:
    person, at = signed_in_person(), now()
    text, company = request.args.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH], None
    if "company" in request.args:
        company = access.company_seen_by(person, number_in("company") or 0, at)
    shown, before = directory.customers(
        access.sees_customer(person, at),
        access.visible_boards(person, at),
        text=text,
        vip="vip" in request.args,
        company_id=company.id if company else None,
        before=number_in("before"),
    )
    return page(
        "customers/index.html",
        customers=shown,
        before=before,
        text=text,
        vip="vip" in request.args,
        company=company,
        first="before" not in request.args,
    )


@bp.get("/customers/<int:customer_id>")
@allowed("see_customers")
def show(customer_id: int) -> Response:
    customer = access.customer_seen_by(signed_in_person(), customer_id, now())
    return _page(customer, CustomerForm.of(customer))


@bp.post("/customers/<int:customer_id>")
@allowed("see_customers")
def update(customer_id: int) -> Response:
    customer = access.customer_seen_by(signed_in_person(), customer_id, now())
    form = CustomerForm.from_request(customer=customer)
    if not form.validate():
        return _page(customer, form, 422)
    try:
        with writing(customers.streams_of(customer_id, ensure_desk(now()))[0]) as stream:
            customer = access.customer_seen_by(signed_in_person(), customer_id, now())
            customers.change(stream, customer, **form.values(), by=acting(), now=now())
    except Refused as refused:
        customer = access.customer_seen_by(signed_in_person(), customer_id, now())
        form = CustomerForm.of(customer) if refused.status == 409 else form
        form.refuse(refused)
        return _page(customer, form, refused.status)
    flash(gettext("%(name)s is changed.", name=customer.name))
    return redirect(url_for("customers.show", customer_id=customer_id), code=303)


def number_in(name: str) -> int | None:
    """A cursor or an id in the address, None for anything that is neither."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _company(name: str) -> Company | None:
    name = " ".join(name.split())
    company = directory.company_called(name, access.sees_company(signed_in_person(), now())) if name else None
    if name and company is None:
        raise Refused(N_("There is no company of this name. Add it under Companies first."), field="company")
    return company


def _page(customer: Customer, form: CustomerForm, status: int = 200) -> Response:
    person, at = signed_in_person(), now()
    tickets, before = directory.tickets_of(
        Customer.id == customer.id, access.visible_boards(person, at), number_in("before")
    )
    boards = access.boards_seen_by(person, at)
    return page(
        "customers/show.html",
        customer=customer,
        form=form,
        tickets=tickets,
        before=before,
        boards={board.id: board.name for board in boards},
        status=status,
    )

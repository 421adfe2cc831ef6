"""Companies, as far as somebody may see a customer of theirs: looked up, added, changed, removed."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app import sweeps
from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, companies
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models import directory
from app.models.company import Company
from app.models.customer import Customer
from app.routes.customers import LONGEST_SEARCH, number_in
from app.words import N_, gettext, ngettext

bp = Blueprint("companies", __name__)


class CompanyForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=companies.LONGEST_NAME)])
    domains = TextAreaField(
        N_("Domains"),
        [Optional(), Length(max=10_000)],
        description=N_("One a line, as acme.com. New customers who write from there belong to the company."),
    )
    notes = TextAreaField(N_("Notes"), [Optional(), Length(max=companies.LONGEST_NOTES)])
    expected = HiddenField()

    @classmethod
    def of(cls, company: Company) -> "CompanyForm":
        """The form as a company stands."""
        domains = "\n".join(one.domain for one in company.domains)
        return cls(name=company.name, domains=domains, notes=company.notes, expected=company.stamp)

    @property
    def values(self) -> dict[str, Any]:
        """As the verbs take them."""
        written = (self.domains.data or "").replace(",", "\n").replace(";", "\n").split()
        return {"name": self.name.data, "domains": written, "notes": self.notes.data or ""}


@bp.get("/companies")
@allowed("see_customers")
def index() -> Response:
    person, at = signed_in_person(), now()
    text = request.args.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH]
    shown, before = directory.companies(
        access.sees_company(person, at),
        access.sees_customer(person, at),
        access.visible_boards(person, at),
        text=text,
        before=number_in("before"),
    )
    return page(
        "companies/index.html",
        companies=shown,
        before=before,
        text=text,
        first="before" not in request.args,
    )


@bp.get("/companies/new")
@allowed("see_customers")
def new() -> Response:
    return page("companies/new.html", form=CompanyForm())


@bp.post("/companies")
@allowed("see_customers")
def create() -> Response:
    form = CompanyForm.from_request()
    if not form.validate():
        return page("companies/new.html", form=form, status=422)
    try:
        with writing(ensure_desk(now())) as desk:
            company = companies.add(desk, **form.values, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return page("companies/new.html", form=form, status=refused.status)
    flash(gettext("The company %(name)s is added.", name=company.name))
    return redirect(url_for("companies.show", company_id=company.id), code=303)


@bp.get("/companies/<int:company_id>")
@allowed("see_customers")
def show(company_id: int) -> Response:
    company = _found(company_id)
    return _page(company, CompanyForm.of(company))


@bp.post("/companies/<int:company_id>")
@allowed("see_customers")
def update(company_id: int) -> Response:
    company, form = _found(company_id), CompanyForm.from_request()
    if not form.validate():
        return _page(company, form, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            values = {**form.values, "expected": form.expected.data or None}
            company = companies.change(desk, company_id, **values, by=acting(), now=now())
    except Refused as refused:
        company = _found(company_id)
        form = CompanyForm.of(company) if refused.status == 409 else form
        form.refuse(refused)
        return _page(company, form, refused.status)
    flash(gettext("The company %(name)s is changed.", name=company.name))
    return redirect(url_for("companies.show", company_id=company_id), code=303)


@bp.post("/companies/<int:company_id>/customers")
@allowed("see_customers")
def adopt(company_id: int) -> Response:
    """The present customers of its domains, who belong to none yet."""
    with writing(ensure_desk(now())) as desk:
        count = companies.adopt(desk, company_id, by=acting(), now=now())
    flash(ngettext("%(n)s customer is added.", "%(n)s customers are added.", count))
    return redirect(url_for("companies.show", company_id=company_id), code=303)


@bp.post("/companies/<int:company_id>/removal")
@allowed("see_customers")
def remove(company_id: int) -> Response:
    company = _found(company_id)
    try:
        with writing(ensure_desk(now())) as desk:
            name = companies.remove(desk, company_id, by=acting(), now=now())
    except Refused as refused:
        if refused.status != 422:
            raise
        form = CompanyForm.of(company)
        form.refuse(refused)
        return _page(company, form, 422)
    sweeps.judge_anew(now())
    flash(gettext("The company %(name)s is removed.", name=name))
    return redirect(url_for("companies.index"), code=303)


def _found(company_id: int) -> Company:
    db.session.expire_all()
    return access.company_seen_by(signed_in_person(), company_id, now())


def _page(company: Company, form: CompanyForm, status: int = 200) -> Response:
    person, at = signed_in_person(), now()
    boards, sees = access.visible_boards(person, at), access.sees_customer(person, at)
    members, more = directory.customers(sees, boards, company_id=company.id)
    tickets, before = directory.tickets_of(Customer.company_id == company.id, boards, number_in("before"))
    return page(
        "companies/show.html",
        company=company,
        form=form,
        customers=members,
        more=more is not None,
        tickets=tickets,
        before=before,
        boards={board.id: board.name for board in access.boards_seen_by(person, at)},
        to_adopt=companies.to_adopt(company, acting(), at),
        effects=companies.effects_of(company, acting(), at),
        may_remove=access.can(person, "remove_company", company, at),
        status=status,
    )

"""The people of the desk: seen by managers, changed by admins."""

from collections.abc import Collection
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import DateField, SelectField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, invitations, people, uses
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form, said
from app.html import page
from app.models.board import Board, BoardPerson, all_boards
from app.models.desk import the_desk
from app.models.person import ROLES, Person
from app.words import LOCALES, N_, gettext, language_name

bp = Blueprint("people", __name__)

REGIONS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


class Checkboxes(SelectMultipleField):
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class PersonForm(Form):
    name = StringField(N_("Name"), [DataRequired(), Length(max=people.LONGEST_NAME)])
    email = StringField(N_("E-mail address"), [DataRequired(), Length(max=320)])
    role = SelectField(N_("Role"), choices=said(ROLES))
    boards = Checkboxes(N_("Boards"), coerce=int)
    languages = Checkboxes(N_("Languages spoken with customers"))
    zone = SelectField(N_("Time zone"))
    locale = SelectField(N_("Language of the pages"), choices=lambda: list(LOCALES.items()))
    ends_on = DateField(
        N_("Last day"), [Optional()], description=N_("For helpers: access ends by itself after it.")
    )

    def __init__(self, *args: Any, person: Person | None = None, **values: Any) -> None:
        super().__init__(*args, **values)
        self.boards.choices = [(board.id, board.name) for board in all_boards()]
        self.languages.choices = language_choices(person.languages if person else ())
        self.zone.choices = zone_choices(person.zone if person else "UTC")


@bp.get("/people")
@allowed("see_people")
def index() -> Response:
    shown = db.session.scalars(access.people_seen_by(signed_in_person(), now())).all()
    return page(
        "people/index.html",
        people=shown,
        boards=_board_names(),
        languages={code: language_name(code) for person in shown for code in person.languages},
        roles=ROLES,
        may_edit=access.can(signed_in_person(), "edit_people", None, now()),
        now=now(),
    )


@bp.get("/people/new")
@allowed("edit_people")
def new() -> Response:
    zone, boards = signed_in_person().zone, [board.id for board in all_boards()[:1]]
    return page("people/new.html", form=PersonForm(role="agent", zone=zone, locale="en", boards=boards))


@bp.post("/people")
@allowed("edit_people")
def create() -> Response:
    form = PersonForm.from_request()
    if not form.validate():
        return page("people/new.html", form=form, status=422)
    try:
        with writing(ensure_desk(now())) as desk:
            person = people.add(desk, **form.data, by=acting(), now=now())
            link = invitations.invite(desk, person, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return page("people/new.html", form=form, status=refused.status)
    return page("people/invited.html", person=person, link=link, status=201)


@bp.get("/people/<int:person_id>")
@allowed("edit_people")
def edit(person_id: int) -> Response:
    person = _found(person_id)
    boards = db.session.scalars(select(BoardPerson.board_id).where(BoardPerson.person_id == person.id)).all()
    form = PersonForm(person=person, obj=person, boards=boards, ends_on=person.last_day)
    return _page(form, person)


@bp.post("/people/<int:person_id>")
@allowed("edit_people")
def update(person_id: int) -> Response:
    person = _found(person_id)
    form = PersonForm.from_request(person=person)
    if not form.validate():
        return _page(form, person, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            people.change(desk, person_id, **form.data, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(form, person, refused.status)
    flash(gettext("%(name)s is changed.", name=person.name))
    return redirect(url_for("people.index"), code=303)


@bp.post("/people/<int:person_id>/invitation")
@allowed("edit_people")
def invite(person_id: int) -> Response:
    with writing(ensure_desk(now())) as desk:
        person = _found(person_id)
        link = invitations.invite(desk, person, by=acting(), now=now())
    return page("people/invited.html", person=person, link=link, status=201)


@bp.post("/people/<int:person_id>/deactivation")
@allowed("edit_people")
def deactivate(person_id: int) -> Response:
    with writing(ensure_desk(now())) as desk:
        person = people.deactivate(desk, person_id, by=acting(), now=now())
    flash(gettext("The access of %(name)s has ended.", name=person.name))
    return redirect(url_for("people.edit", person_id=person_id), code=303)


@bp.post("/people/<int:person_id>/reactivation")
@allowed("edit_people")
def reactivate(person_id: int) -> Response:
    with writing(ensure_desk(now())) as desk:
        person = people.reactivate(desk, person_id, by=acting(), now=now())
    flash(gettext("%(name)s has access again.", name=person.name))
    return redirect(url_for("people.edit", person_id=person_id), code=303)


def language_choices(spoken: Collection[str]) -> list[tuple[str, str]]:
    """The desk's languages, and those that the person speaks besides."""
    desk = the_desk()
    codes = dict.fromkeys([*(desk.languages if desk else ()), *spoken])
    return [(code, language_name(code)) for code in codes]


def zone_choices(current: str) -> list[tuple[str, str]]:
    zones = {zone for zone in available_timezones() if zone.startswith(REGIONS)} | {"UTC", current}
    return [(zone, zone.replace("_", " ")) for zone in sorted(zones)]


def _page(form: PersonForm, person: Person, status: int = 200) -> Response:
    named = uses.rules_with_person(person.id)
    return page("people/edit.html", form=form, person=person, named=named, now=now(), status=status)


def _found(person_id: int) -> Person:
    person = db.session.get(Person, person_id)
    if person is None:
        raise access.not_found()
    return person


def _board_names() -> dict[int, list[str]]:
    """person id -> the names of their boards, as far as the reader sees these."""
    seen = access.visible_boards(signed_in_person(), now())
    found: dict[int, list[str]] = {}
    for person_id, name in db.session.execute(
        select(BoardPerson.person_id, Board.name).join(Board).where(Board.id.in_(seen)).order_by(Board.id)
    ):
        found.setdefault(person_id, []).append(name)
    return found

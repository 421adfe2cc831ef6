"""The rota: who is on call when, and the manager's form that changes it."""

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response
from wtforms import RadioField, SelectField, StringField
from wtforms.validators import InputRequired

from app import sweeps
from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, rotas
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form, said
from app.html import page
from app.models.lanes import shifts_of, stretches
from app.models.person import Person, people_working
from app.models.rota import Rota, the_rota
from app.routes.people import zone_choices
from app.words import N_, gettext, weekday_names

bp = Blueprint("rotas", __name__)

STARTS = {"after": N_("After the weeks that are published"), "next": N_("From the next hand-over")}
HANDOVERS = 6  # of an edit, in its preview


class RotaForm(Form):
    zone = SelectField(N_("Time zone"))
    weekday = SelectField(N_("Hand-over on"), coerce=int, choices=lambda: list(enumerate(weekday_names())))
    time = StringField(N_("Time"), [InputRequired()])
    start = RadioField(N_("From when"), choices=said(STARTS))

    def __init__(self, *args: object, rota: Rota, **values: object) -> None:
        super().__init__(*args, **values)
        last = rota.versions[-1] if rota.versions else None
        self.zone.choices = zone_choices(last.zone if last else signed_in_person().zone)


@bp.get("/rota")
@allowed("see_rota")
def show() -> Response:
    rota, person = _found(), signed_in_person()
    order = rota.versions[-1] if rota.versions else None
    return page(
        "rotas/show.html",
        rota=rota,
        order=order,
        weekday=weekday_names()[order.weekday] if order else "",
        stretches=stretches(rota, now()),
        own=shifts_of(person.id, now()),
        on_call=rotas.on_call(rota.id, now()),
        me=person.id,
        may_edit=access.can(person, "edit_rota", None, now()),
        may_take=access.can(person, "take_shift", None, now()),
        now=now(),
    )


@bp.get("/rota/edit")
@allowed("edit_rota")
def edit() -> Response:
    rota = _found()
    last = rota.versions[-1] if rota.versions else None
    if last is None:
        form = RotaForm(rota=rota, zone=signed_in_person().zone, weekday=0, time="09:00", start="next")
    else:
        form = RotaForm(rota=rota, zone=last.zone, weekday=last.weekday, time=last.time, start="after")
    return _page(rota, form, list(last.people) if last else [])


@bp.post("/rota/edit")
@allowed("edit_rota")
def update() -> Response:
    rota, form = _found(), RotaForm.from_request(rota=_found())
    do = request.form.get("do", "preview")
    people = _order(request.form, do)
    if do not in ("preview", "publish"):
        return _page(rota, form, people)
    if not form.validate():
        return _page(rota, form, people, status=422)
    try:
        if do == "publish":
            return _publish(form, people)
        return _page(rota, form, people, change=_change(rota, form, people))
    except Refused as refused:
        form.refuse(refused)
        change = _change(_found(), form, people) if refused.status == 409 else None
        return _page(_found(), form, people, change=change, status=refused.status)


def _publish(form: RotaForm, people: list[int]) -> Response:
    with writing(ensure_desk(now())) as desk:
        rota = _found()
        change = _change(rota, form, people)
        rotas.change(desk, rota, change, digest=request.form.get("digest", ""), by=acting(), now=now())
    sweeps.judge_anew(now())
    flash(gettext("The rota is published. Whose turns change is told by e-mail."))
    return redirect(url_for("rotas.show"), code=303)


def _change(rota: Rota, form: RotaForm, people: list[int]) -> rotas.Change:
    return rotas.preview(
        rota,
        zone=form.zone.data,
        weekday=form.weekday.data,
        time=form.time.data,
        people=people,
        at_once=form.start.data == "next",
        now=now(),
    )


def _page(
    rota: Rota, form: RotaForm, people: list[int], *, change: rotas.Change | None = None, status: int = 200
) -> Response:
    working = people_working(now())
    names = {person.id: person for person in working}
    concerned = set(people) | ({turns.person_id for turns in change.turns()} if change else set())
    for person_id in concerned - set(names):
        person = db.session.get(Person, person_id)
        if person is not None:
            names[person_id] = person
    return page(
        "rotas/edit.html",
        rota=rota,
        form=form,
        people=[names[person_id] for person_id in people if person_id in names],
        others=[person for person in working if person.id not in people],
        names=names,
        change=change,
        handovers=[shift for shift in change.after if shift.role == "primary"][:HANDOVERS] if change else [],
        now=now(),
        status=status,
    )


def _order(sent: MultiDict[str, str], do: str) -> list[int]:
    """The order of the form after the button that was pressed: up-7, down-7, remove-7, or add with its choice."""
    people = list(dict.fromkeys(sent.getlist("people", type=int)))
    verb, _, pressed = do.partition("-")
    person_id = sent.get("add", type=int) if verb == "add" else int(pressed) if pressed.isdecimal() else None
    if verb == "add" and person_id is not None and person_id not in people:
        people.append(person_id)
    if person_id not in people:
        return people
    place = people.index(person_id)
    if verb == "remove":
        people.remove(person_id)
    if verb == "up" and place > 0:
        people[place - 1 : place + 1] = [person_id, people[place - 1]]
    if verb == "down" and place < len(people) - 1:
        people[place : place + 2] = [people[place + 1], person_id]
    return people


def _found() -> Rota:
    rota = the_rota()
    if rota is None:
        raise access.not_found()
    return rota

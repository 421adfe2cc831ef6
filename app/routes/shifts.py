"""One shift: who covers it."""

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, SelectField

from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, shifts
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.person import people_working
from app.models.rota import Shift
from app.words import N_, gettext

bp = Blueprint("shifts", __name__)


class CoverForm(Form):
    """`expected` is who had the shift when the page was made."""

    person = SelectField(N_("Who covers it"), coerce=int, validate_choice=False)
    expected = HiddenField()


@bp.get("/shifts/<int:shift_id>/cover")
@allowed("see_rota")
def edit_cover(shift_id: int) -> Response:
    return _page(_found(shift_id))


@bp.post("/shifts/<int:shift_id>/cover")
@allowed("see_rota")
def cover(shift_id: int) -> Response:
    shift, form, person = _found(shift_id), CoverForm.from_request(), signed_in_person()
    if not form.validate() or form.person.data is None or not (form.expected.data or "").isdecimal():
        form.refuse(Refused(N_("Choose who covers the shift."), field="person"))
        return _page(shift, form, 422)
    takes_it = form.person.data == person.id
    if not (takes_it and access.can(person, "take_shift", shift, now())):
        access.demand(person, "edit_rota", None, now())
    try:
        with writing(ensure_desk(now())) as desk:
            expected = int(form.expected.data)
            shift = shifts.cover(
                desk, _found(shift_id), form.person.data, expected=expected, by=acting(), now=now()
            )
            name = shift.person.name
    except Refused as refused:
        form.refuse(refused)
        return _page(_found(shift_id), form, refused.status)
    flash(gettext("It is your shift now.") if takes_it else gettext("%(name)s has the shift now.", name=name))
    return redirect(url_for("rotas.show"), code=303)


def _page(shift: Shift, form: CoverForm | None = None, status: int = 200) -> Response:
    person = signed_in_person()
    form = form or CoverForm()
    form.expected.data = str(shift.person_id)
    form.person.choices = [(one.id, one.name) for one in people_working(now()) if one.id != shift.person_id]
    return page(
        "shifts/cover.html",
        shift=shift,
        form=form,
        me=person.id,
        may_edit=access.can(person, "edit_rota", None, now()),
        may_take=access.can(person, "take_shift", shift, now()),
        now=now(),
        status=status,
    )


def _found(shift_id: int) -> Shift:
    shift = db.session.get(Shift, shift_id)
    if shift is None:
        raise access.not_found()
    return shift

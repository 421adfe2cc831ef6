"""A person chooses a password by the link they were given."""

from flask import Blueprint, redirect
from werkzeug.wrappers import Response
from wtforms import PasswordField
from wtforms.validators import InputRequired

from app.auth import begin_session, now
from app.database import writing
from app.desk import invitations, sign_ins
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.person import Person
from app.routes.sign_ins import address, browser
from app.words import N_

bp = Blueprint("invitations", __name__)


class ChoosePasswordForm(Form):
    password = PasswordField(N_("New password"), [InputRequired()])


@bp.get("/invitations/<token>")
def show(token: str) -> Response:
    person = invitations.invited(token, now())
    if person is None:
        raise invitations.gone()
    return _page(ChoosePasswordForm(), person)


@bp.post("/invitations/<token>")
def accept(token: str) -> Response:
    person = invitations.invited(token, now())
    if person is None:
        raise invitations.gone()
    form = ChoosePasswordForm.from_request()
    if not form.validate():
        return _page(form, person, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            person = invitations.accept(desk, token, form.password.data, now=now())
    except Refused as refused:
        if refused.field is None:
            raise
        form.refuse(refused)
        return _page(form, person, 422)
    begin_session(person, sign_ins.open_for(person, address(), browser(), now()))
    return redirect("/", code=303)


def _page(form: ChoosePasswordForm, person: Person, status: int = 200) -> Response:
    response = page("invitations/show.html", form=form, person=person, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response

"""In and out."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from app.auth import begin_session, current_person, end_session, local_path, now
from app.desk import passwords, sign_ins
from app.desk.refused import Refused
from app.forms import Form
from app.html import page
from app.words import N_, gettext

bp = Blueprint("sign_ins", __name__)


class SignInForm(Form):
    email = StringField(N_("E-mail address"), [DataRequired(), Length(max=320)])
    password = PasswordField(N_("Password"), [InputRequired(), Length(max=passwords.LONGEST)])
    next = HiddenField()


@bp.get("/sign-in")
def new() -> Response:
    wanted = local_path(request.args.get("next"))
    if current_person() is not None:
        return redirect(wanted or "/", code=303)
    return page("sign_ins/new.html", form=SignInForm(next=wanted or ""), refused=None)


@bp.post("/sign-in")
def create() -> Response:
    form = SignInForm.from_request()
    if not form.validate():
        return page("sign_ins/new.html", form=form, refused=None, status=422)
    try:
        token = sign_ins.sign_in(form.email.data, form.password.data, address(), browser(), now())
    except Refused as refused:
        return page("sign_ins/new.html", form=form, refused=refused.said(), status=refused.status)
    person = sign_ins.find(token, now()) if token else None
    if token is None or person is None:
        wrong = gettext("Address and password do not fit together.")
        return page("sign_ins/new.html", form=form, refused=wrong, status=422)
    begin_session(person, token)
    return redirect(local_path(form.next.data) or "/", code=303)


@bp.post("/sign-out")
def sign_out() -> Response:
    end_session()
    return redirect(url_for("sign_ins.new"), code=303)


def address() -> str:
    return request.remote_addr or ""


def browser() -> str:
    return request.user_agent.string

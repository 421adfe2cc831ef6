"""What everybody may change of themselves: how they are shown, their password, where they are signed in."""

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from app import words
from app.auth import acting, login_required, now, signed_in_person
from app.database import writing
from app.desk import access, passwords, people, sign_ins, signatures
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form, said
from app.html import page
from app.models.notification import KINDS, WAYS, wanted_by
from app.models.person import THEMES, Person
from app.routes.people import Checkboxes, language_choices, zone_choices
from app.routes.sign_ins import address
from app.words import LOCALES, N_, gettext

bp = Blueprint("profile", __name__)

BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


class ProfileForm(Form):
    name = StringField(N_("Name"), [DataRequired(), Length(max=people.LONGEST_NAME)])
    languages = Checkboxes(N_("Languages spoken with customers"))
    zone = SelectField(N_("Time zone"))
    locale = SelectField(N_("Language of the pages"), choices=lambda: list(LOCALES.items()))
    theme = SelectField(N_("Light or dark"), choices=said(THEMES))
    signature = TextAreaField(
        N_("Signature"),
        [Optional(), Length(max=signatures.LONGEST)],
        description=N_(
            "Stands below your answers, above that of the address. {name} and {desk} are filled in."
        ),
    )
    single_keys = BooleanField(
        N_("Keys with one character"),
        description=N_(
            "A letter is enough to move or assign a card. Switch them off if you dictate, or press keys by chance."
        ),
    )

    def __init__(self, *args: Any, person: Person, **values: Any) -> None:
        super().__init__(*args, **values)
        self.languages.choices = language_choices(person.languages)
        self.zone.choices = zone_choices(person.zone)


class PasswordForm(Form):
    current = PasswordField(N_("Password until now"), [InputRequired(), Length(max=passwords.LONGEST)])
    password = PasswordField(N_("New password"), [InputRequired()])


@bp.get("/profile")
@login_required
def show() -> Response:
    return _page()


@bp.post("/profile")
@login_required
def update() -> Response:
    person = signed_in_person()
    form = ProfileForm.from_request(person=person)
    if not form.validate():
        return _page(form=form, status=422)
    try:
        with writing(ensure_desk(now())) as desk:
            people.change_own(
                desk, person, **{**form.data, "signature": form.signature.data or ""}, now=now()
            )
    except Refused as refused:
        form.refuse(refused)
        return _page(form=form, status=refused.status)
    words.speak(person.locale)
    flash(gettext("Your profile is changed."))
    return redirect(url_for("profile.show"), code=303)


@bp.post("/profile/password")
@login_required
def change_password() -> Response:
    person = signed_in_person()
    form = PasswordForm.from_request()
    if not form.validate():
        return _page(password_form=form, status=422)
    try:
        if not sign_ins.prove(person, form.current.data, address(), now()):
            raise Refused(N_("This is not your password."), field="current")
        with writing(ensure_desk(now())) as desk:
            people.set_password(
                desk, person, form.password.data, but=person.sign_in_token, by=acting(), now=now()
            )
    except Refused as refused:
        form.refuse(refused)
        return _page(password_form=form, status=refused.status)
    flash(gettext("Your password is changed. Other devices are signed out."))
    return redirect(url_for("profile.show"), code=303)


@bp.post("/profile/sign-ins/<sign_in_id>/end")
@login_required
def end_sign_in(sign_in_id: str) -> Response:
    if not sign_ins.end(signed_in_person(), sign_in_id):
        raise access.not_found()
    return redirect(url_for("profile.show"), code=303)


def _page(
    *, form: ProfileForm | None = None, password_form: PasswordForm | None = None, status: int = 200
) -> Response:
    person = signed_in_person()
    return page(
        "profile/show.html",
        form=form or ProfileForm(person=person, obj=person),
        password_form=password_form or PasswordForm(),
        sign_ins=[
            {
                "id": row.id,
                "name": _device(row.browser),
                "address": row.address,
                "seen_at": row.seen_at,
                "is_this": sign_ins.is_of(row, person.sign_in_token),
            }
            for row in sign_ins.of(person, now())
        ],
        kinds=KINDS,
        ways=WAYS,
        wanted=wanted_by([person.id])[person.id],
        now=now(),
        status=status,
    )


def _device(browser: str) -> str:
    """ "Firefox, Windows" out of what a browser says of itself, or what it says when that is unknown."""
    found = [
        next((name for mark, name in table.items() if mark in browser), None) for table in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(name for name in found if name) or browser[:60] or gettext("Unknown device")

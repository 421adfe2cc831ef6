"""The first page of an empty desk: while no board exists, every page leads here."""

from typing import Any

from flask import Blueprint, current_app, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from app import words
from app.auth import begin_session, current_person, now
from app.database import writing
from app.desk import access, boards, people, rule_names, setup, sign_ins
from app.desk.refused import Refused
from app.forms import Form
from app.html import page
from app.models.board import all_boards
from app.models.person import Person
from app.routes.people import Checkboxes, zone_choices
from app.routes.settings import language_choices
from app.routes.sign_ins import address, browser
from app.words import N_
from rules.rule import load_starters

bp = Blueprint("set_up", __name__)

DONE = (
    "nightdesk.set_up"  # among the app's extensions once a board was seen: there is always one from then on
)
OPEN = ("static", "health.show", "metrics.show", "set_up.new", "set_up.create")
OPEN_TO_SIGN_IN = (
    "sign_ins.new",
    "sign_ins.create",
    "sign_ins.sign_out",
    "invitations.show",
    "invitations.accept",
)


class SetUpForm(Form):
    """`name`, `email` and `password` are left out where an admin exists already."""

    name = StringField(N_("Your name"), [DataRequired(), Length(max=people.LONGEST_NAME)])
    email = StringField(N_("Your e-mail address"), [InputRequired(), Length(max=320)])
    password = PasswordField(
        N_("Password"),
        [InputRequired()],
        description=N_("At least 12 characters. Three or four unrelated words are good."),
    )
    desk_name = StringField(N_("Name of the desk"), [DataRequired(), Length(max=setup.LONGEST_NAME)])
    board_name = StringField(N_("Name of the first board"), [DataRequired(), Length(max=boards.LONGEST_NAME)])
    address = StringField(
        N_("Support address"),
        [InputRequired(), Length(max=320)],
        description=N_("Where customers write to. It can be changed later, and others added."),
    )
    zone = SelectField(N_("Time zone"))
    languages = Checkboxes(N_("Languages customers are answered in"))
    starters = Checkboxes(
        N_("Rules to begin with"),
        description=N_(
            "What is chosen works from the first ticket on. All of them can be added, changed and switched off later."
        ),
    )

    def __init__(self, *args: Any, account: bool, **values: Any) -> None:
        super().__init__(*args, **values)
        self.zone.choices = zone_choices("UTC")
        self.languages.choices = language_choices([])
        self.starters.choices = [(one.key, one.name(words.locale())) for one in load_starters()]
        if not account:
            del self.name, self.email, self.password

    @property
    def account(self) -> dict[str, Any]:
        """Of the first admin, as setup.begin takes it; empty where there is one."""
        if "email" not in self:
            return {}
        return {
            "name": self.name.data,
            "email": self.email.data,
            "password": self.password.data,
            "locale": words.locale(),
        }


@bp.before_app_request
def lead_here() -> Response | None:
    """Before there is a board nothing else can be shown."""
    if request.endpoint in (*OPEN, *OPEN_TO_SIGN_IN) or is_set_up():
        return None
    return redirect(url_for("set_up.new"), code=303)


@bp.get("/set-up")
def new() -> Response:
    if is_set_up():
        raise access.not_found()
    admin = _admin()
    if admin is None and setup.first_admin_exists():
        return _sign_in_first()
    return _page(SetUpForm(account=admin is None, **_guessed()))


@bp.post("/set-up")
def create() -> Response:
    if is_set_up():
        raise access.not_found()
    admin = _admin()
    if admin is None and setup.first_admin_exists():
        return _sign_in_first()
    form = SetUpForm.from_request(account=admin is None)
    if not form.validate():
        return _page(form, 422)
    try:
        with writing(setup.ensure_desk(now())) as desk:
            person = setup.begin(
                desk,
                name=form.desk_name.data,
                languages=form.languages.data or (),
                admin=admin,
                account=form.account,
                board_name=form.board_name.data,
                address=form.address.data,
                zone=form.zone.data,
                starters=form.starters.data or (),
                now=now(),
            )
    except Refused as refused:
        if refused.status != 422:
            raise
        form.refuse(refused)
        return _page(form, 422)
    if admin is None:
        begin_session(person, sign_ins.open_for(person, address(), browser(), now()))
    return redirect("/", code=303)


def _page(form: SetUpForm, status: int = 200) -> Response:
    return page(
        "set_up/new.html", form=form, starters=load_starters(), does=rule_names.of_starter, status=status
    )


def is_set_up() -> bool:
    """Whether there is a board. Boards stay, so that this is asked of the database only until there is one."""
    if DONE not in current_app.extensions and all_boards():
        current_app.extensions[DONE] = True
    return DONE in current_app.extensions


def _admin() -> Person | None:
    """Who is signed in, when it is an admin: then no other one is made."""
    person = current_person()
    return person if person is not None and access.can(person, "edit_desk", None, now()) else None


def _sign_in_first() -> Response:
    return redirect(url_for("sign_ins.new", next=url_for("set_up.new")), code=303)


def _guessed() -> dict[str, Any]:
    """What the browser says of its languages, until somebody says otherwise. The zone is guessed by its script."""
    asked = [code.partition("-")[0].lower() for code, _ in request.accept_languages]
    return {
        "languages": [code for code in setup.LANGUAGES if code in asked] or [words.locale()],
        "zone": "UTC",
    }

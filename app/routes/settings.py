"""What can be set, as far as the reader may see it, and the desk's own name and languages."""

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from app.auth import acting, allowed, login_required, now, signed_in_person
from app.database import writing
from app.desk import access, setup
from app.desk.refused import Refused
from app.forms import Form
from app.html import page
from app.models.desk import Desk
from app.routes.people import Checkboxes
from app.words import N_, gettext, language_name

bp = Blueprint("settings", __name__)

# endpoint, icon, title, what is set there, the verb that opens it
SECTIONS = (
    (
        "profile.show",
        "person",
        N_("Your profile"),
        N_("Name, language, theme, password, your devices"),
        "own_profile",
    ),
    (
        "removals.index",
        "trash",
        N_("Deleted tickets"),
        N_("What was deleted in the last 30 days, to take back"),
        "see_deleted",
    ),
    (
        "blocked.index",
        "shield",
        N_("Blocked senders"),
        N_("Whose mail becomes no ticket"),
        "block_senders",
    ),
    (
        "settings.desk",
        "globe",
        N_("Desk"),
        N_("Its name and the languages customers are answered in"),
        "edit_desk",
    ),
    ("people.index", "people", N_("People"), N_("Who works here, their roles and boards"), "see_people"),
    (
        "board_settings.index",
        "board",
        N_("Boards and columns"),
        N_("Columns and what they mean, who belongs to a board"),
        "edit_boards",
    ),
    (
        "addresses.index",
        "mail",
        N_("Addresses and contact form"),
        N_("How customers reach the desk, and who is accountable"),
        "edit_channels",
    ),
    (
        "calendars.index",
        "calendar",
        N_("Opening hours"),
        N_("When the desk works, and its holidays"),
        "see_policies",
    ),
    ("teams.index", "people", N_("Teams"), N_("People who share work, to give tickets to"), "see_teams"),
    ("webhooks.index", "rule", N_("Webhooks"), N_("Other programs that rules call"), "edit_webhooks"),
    ("tags.index", "tag", N_("Tags"), N_("Their names, and where they are used"), "see_tags"),
    (
        "mood_lists.index",
        "smile",
        N_("Words of moods"),
        N_("By which words it is found how customers feel"),
        "edit_moods",
    ),
    ("policies.index", "clock", N_("SLA policies"), N_("By when customers are answered"), "see_policies"),
)


class DeskForm(Form):
    name = StringField(N_("Name of the desk"), [InputRequired(), Length(max=setup.LONGEST_NAME)])
    languages = Checkboxes(N_("Languages customers are answered in"))

    def __init__(self, *args: Any, desk: Desk, **values: Any) -> None:
        super().__init__(*args, **values)
        self.languages.choices = language_choices(desk.languages)


@bp.get("/settings")
@login_required
def index() -> Response:
    person, at = signed_in_person(), now()
    return page(
        "settings/index.html",
        sections=[
            {"url": url_for(endpoint), "icon": icon, "title": gettext(title), "text": gettext(text)}
            for endpoint, icon, title, text, verb in SECTIONS
            if access.can(person, verb, None, at)
        ],
    )


@bp.get("/settings/desk")
@allowed("edit_desk")
def desk() -> Response:
    row = setup.ensure_desk(now())
    return page("settings/desk.html", form=DeskForm(desk=row, obj=row))


@bp.post("/settings/desk")
@allowed("edit_desk")
def update_desk() -> Response:
    row = setup.ensure_desk(now())
    form = DeskForm.from_request(desk=row)
    if not form.validate():
        return page("settings/desk.html", form=form, status=422)
    try:
        with writing(row) as locked:
            setup.change(locked, **form.data, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return page("settings/desk.html", form=form, status=refused.status)
    flash(gettext("The desk is changed."))
    return redirect(url_for("settings.index"), code=303)


def language_choices(kept: list[str]) -> list[tuple[str, str]]:
    """The languages a desk can answer in, by name; and those it answers in already."""
    return sorted(
        ((code, language_name(code)) for code in {*setup.LANGUAGES, *kept}), key=lambda choice: choice[1]
    )

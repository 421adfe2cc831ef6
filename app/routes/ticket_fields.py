"""The fields of a ticket that people set by hand. Moving it is in moves.py."""

from flask import Blueprint, request
from werkzeug.wrappers import Response

from app.auth import acting, login_required, now, signed_in_person
from app.database import db
from app.desk import access, moods, tickets
from app.desk.refused import Refused
from app.models.desk import the_desk
from app.models.person import Person
from app.models.ticket import PRIORITIES, Ticket, mood_word
from app.routes import ticket_page, told
from app.routes.ticket_page import language_choices, working_on
from app.words import N_, gettext, language_name

bp = Blueprint("ticket_fields", __name__)


@bp.post("/tickets/<int:number>/assignee")
@login_required
def assign(number: int) -> Response:
    """`person` is an id or empty for nobody; `expected` is who had it on the page, left out when that does not matter."""
    try:
        person_id = _id("person")
        expected = _id("expected") if "expected" in request.form else "any"
        with working_on(number) as (board, ticket):
            _refuse_stranger(person_id, ticket)
            tickets.assign(board, ticket, person_id, expected=expected, by=acting(), now=now())
    except Refused as error:
        return _refused(number, error)
    if ticket.assignee is None:
        return _changed(ticket, gettext("#%(number)s is assigned to nobody", number=number))
    name = ticket.assignee.name
    return _changed(ticket, gettext("#%(number)s is assigned to %(name)s", number=number, name=name))


@bp.post("/tickets/<int:number>/team")
@login_required
def give_to_team(number: int) -> Response:
    """`team` is an id or empty for none; `expected` is which it was on the page."""
    try:
        team_id = _id("team")
        expected = _id("expected") if "expected" in request.form else "any"
        with working_on(number) as (board, ticket):
            tickets.give_to_team(board, ticket, team_id, expected=expected, by=acting(), now=now())
    except Refused as error:
        return _refused(number, error)
    team = ticket.team.name if ticket.team else gettext("None")
    return _changed(ticket, gettext("#%(number)s: team %(team)s", number=number, team=team))


@bp.post("/tickets/<int:number>/priority")
@login_required
def prioritise(number: int) -> Response:
    try:
        with working_on(number) as (board, ticket):
            priority = request.form.get("priority", -1, type=int)
            expected = request.form.get("expected", type=int)
            tickets.prioritise(board, ticket, priority, expected=expected, by=acting(), now=now())
    except Refused as error:
        return _refused(number, error)
    name = gettext(PRIORITIES[ticket.priority])
    return _changed(ticket, gettext("#%(number)s: priority %(priority)s", number=number, priority=name))


@bp.post("/tickets/<int:number>/language")
@login_required
def set_language(number: int) -> Response:
    """`language` is one of the desk's languages, or empty for unknown."""
    language = request.form.get("language") or None
    try:
        with working_on(number) as (board, ticket):
            if language is not None and language not in language_choices(ticket, the_desk()):
                raise _not_offered()
            expected = (request.form["expected"] or None) if "expected" in request.form else "any"
            tickets.set_language(board, ticket, language, expected=expected, by=acting(), now=now())
    except Refused as error:
        return _refused(number, error)
    name = language_name(ticket.language) if ticket.language else gettext("Unknown")
    return _changed(ticket, gettext("#%(number)s: language %(language)s", number=number, language=name))


@bp.post("/tickets/<int:number>/mood")
@login_required
def set_mood(number: int) -> Response:
    """`mood` is one of moods.CHOICES, or "found": what the messages say; `expected` is which it was on the page."""
    try:
        with working_on(number) as (board, ticket):
            expected = _score("expected") if "expected" in request.form else "any"
            moods.set_mood(
                board, ticket, request.form.get("mood", ""), expected=expected, by=acting(), now=now()
            )
    except Refused as error:
        return _refused(number, error)
    said = gettext(mood_word(ticket.mood))
    return _changed(ticket, gettext("#%(number)s: mood %(mood)s", number=number, mood=said))


@bp.post("/tickets/<int:number>/tags")
@login_required
def add_tags(number: int) -> Response:
    """`tag` is one name, or several separated by commas: all are added or none."""
    names = [name.strip() for name in request.form.get("tag", "").split(",") if name.strip()]
    try:
        with working_on(number) as (board, ticket):
            for name in names or [""]:
                tickets.add_tag(board, ticket, name, by=acting(), now=now())
    except Refused as error:
        return _refused(number, error)
    tags = ", ".join(names)
    return _changed(ticket, gettext("#%(number)s: tag %(tag)s added", number=number, tag=tags))


@bp.post("/tickets/<int:number>/tags/removal")
@login_required
def remove_tag(number: int) -> Response:
    try:
        with working_on(number) as (board, ticket):
            tickets.remove_tag(board, ticket, request.form.get("tag", ""), by=acting(), now=now())
    except Refused as error:
        return _refused(number, error)
    tag = request.form.get("tag", "")
    return _changed(ticket, gettext("#%(number)s: tag %(tag)s removed", number=number, tag=tag))


def _changed(ticket: Ticket, text: str) -> Response:
    """`text` says what was done."""
    return told.answer(ticket, text) if told.by_script() else ticket_page.changed(ticket.id, said=text)


def _refused(number: int, error: Refused) -> Response:
    if told.by_script() and error.status in (409, 422):
        return told.answer(
            access.ticket_seen_by(signed_in_person(), number, now()), error.said(), status=error.status
        )
    return ticket_page.refused(number, error)


def _id(name: str) -> int | None:
    """An id in the form, None when it is empty; what is no number was not offered."""
    text = request.form.get(name, "")
    if text and not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _not_offered()
    return int(text) if text else None


def _score(name: str) -> int | None:
    text = request.form.get(name, "")
    digits = text.removeprefix("-")
    if text and not (digits.isascii() and digits.isdecimal() and len(digits) < 4):
        raise _not_offered()
    return int(text) if text else None


def _refuse_stranger(person_id: int | None, ticket: Ticket) -> None:
    """A ticket is given only to who can see it."""
    if person_id is None or person_id == ticket.assignee_id:
        return
    person = db.session.get(Person, person_id)
    if person is None or not access.can(person, "work_board", ticket, now()):
        raise Refused(
            N_("That person cannot see this board. Choose somebody who belongs to it."), field="assignee"
        )


def _not_offered() -> Refused:
    return Refused(N_("That is not one of the choices."))

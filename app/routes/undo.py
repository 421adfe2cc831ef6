"""Taking changes back, by the token that came with them: those of one ticket, or of many at once."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from app.auth import acting, local_path, login_required, now, signed_in_person
from app.desk import access, history, undo
from app.desk.refused import Refused
from app.models.event import Event
from app.routes import steps, told
from app.words import gettext, ngettext

bp = Blueprint("undo", __name__)


@bp.post("/undo/<token>")
@login_required
def create(token: str) -> Response:
    """Of one ticket all is taken back or nothing; of several, what still can be."""
    try:
        outcome = _taken_back(undo.events_of(undo.read(token), now()))
    except Refused as error:
        if not told.by_script() or error.status not in (409, 422):
            raise
        return told.answer_on(told.board_asking(), error.said(), status=error.status)
    done = undo.events_of(outcome.stretches, now())
    back = f"/undo/{undo.token(outcome.stretches)}" if done else None
    if told.by_script():
        return told.answer_on(told.board_asking(), _text(done, outcome), undo=back)
    return told.tell(redirect(page_before(), code=303), _text(done, outcome), back)


def _taken_back(events: Mapping[int, Sequence[Event]]) -> steps.Outcome:
    at, by = now(), acting()
    outcome = steps.each(
        events,
        lambda board, ticket: undo.take_back(board, ticket, events[ticket.id], by=by, now=at),
        beside=undo.beside(events),
        into=undo.boards_beside(events),
        deleted=True,
    )
    if not outcome.done and outcome.failed:
        raise outcome.failed[0].reason
    return outcome


def _text(done: Mapping[int, Sequence[Event]], outcome: steps.Outcome) -> str:
    if len(done) == len(outcome.done) == 1 and not outcome.failed:
        ((number, events),) = done.items()
        return gettext("#%(number)s: %(deeds)s", number=number, deeds=_deeds(events))
    text = ngettext("%(num)s ticket is as it was.", "%(num)s tickets are as they were.", len(outcome.done))
    if outcome.failed:
        number, reason = outcome.failed[0]
        left = ngettext("%(num)s is not, such as", "%(num)s are not, such as", len(outcome.failed))
        text += f" {left} #{number}: {reason.said()}"
    return text


def _deeds(events: Sequence[Event]) -> str:
    person, at = signed_in_person(), now()
    return history.deeds(events[::-1], person.zone, at, access.visible_boards(person, at))


def page_before() -> str:
    """Where the form stood."""
    page = urlsplit(request.referrer or "")
    return local_path(page.path + (f"?{page.query}" if page.query else "")) or "/"

"""What arrived and could not be handled: listed, read, downloaded, tried again, made a ticket by hand, or
discarded. And what was ignored because its sender is blocked."""

from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from app.auth import acting, allowed, now
from app.database import db, writing
from app.desk import access, inbox, messages, tickets
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.mail import headers
from app.mail.addresses import mailboxes
from app.models import failed
from app.models.failed import PER_PAGE, Failed, failed_message
from app.models.person import Person
from app.models.ticket import NORMAL
from app.routes.tickets import NewTicketForm
from app.words import N_, gettext

bp = Blueprint("failed_messages", __name__)

MOST_HEADERS = 200
MOST_SHOWN = 100 * 1024  # bytes of the source on the page; the download is whole


class ReasonForm(Form):
    reason = StringField(N_("Why it needs no ticket"), [InputRequired(), Length(max=inbox.LONGEST_REASON)])


class ByHandForm(NewTicketForm):
    send = None


@bp.get("/failed-messages")
@allowed("see_failed_messages")
def index() -> Response:
    before = request.args.get("before", type=int)
    state = next((other for other in ("discarded", "ignored") if other in request.args), "failed")
    found = failed.failed(state, before)
    return page(
        "failed_messages/index.html",
        messages=[_told(one) for one in found[:PER_PAGE]],
        older=found[PER_PAGE - 1].raw.id if len(found) > PER_PAGE else None,
        first=before is None,
        state=state,
        discarded_count=failed.count("discarded"),
        ignored_count=failed.count("ignored"),
        now=now(),
    )


@bp.get("/failed-messages/<int:raw_id>")
@allowed("see_failed_messages")
def show(raw_id: int) -> Response:
    return _page(_found(raw_id), ReasonForm())


@bp.get("/failed-messages/<int:raw_id>/source")
@allowed("see_failed_messages")
def source(raw_id: int) -> Response:
    """The bytes as they came, never to be shown by a browser."""
    found = _found(raw_id)
    return Response(
        failed.source(found.raw),
        mimetype="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="message-{raw_id}.eml"'},
    )


@bp.post("/failed-messages/<int:raw_id>/attempt")
@allowed("see_failed_messages")
def attempt(raw_id: int) -> AnyResponse:
    """Again, from the beginning: what is ignored may have been sent by somebody who is not blocked any more."""
    receipt = inbox.handle(_found(raw_id, "failed", "ignored").raw.id, now=now())
    if receipt.action == "failed":
        flash(gettext("It failed again: %(error)s", error=_said(receipt.error)), "error")
        return redirect(url_for("failed_messages.index"), code=303)
    if receipt.error:
        flash(_said(receipt.error), "error")
    elif receipt.ticket is None:
        flash(gettext("The message needs no ticket; it is kept in the archive."))
    else:
        flash(gettext("The message is in ticket #%(number)s now.", number=receipt.ticket))
    return redirect(url_for("failed_messages.index"), code=303)


@bp.post("/failed-messages/<int:raw_id>/discarding")
@allowed("see_failed_messages")
def discard(raw_id: int) -> AnyResponse:
    found = _found(raw_id, "failed")
    form = ReasonForm.from_request()
    if not form.validate():
        return _page(found, form, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            inbox.discard(desk, raw_id, form.reason.data, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(found, form, refused.status)
    flash(gettext("The message is discarded. It stays in the archive, with the reason."))
    return redirect(url_for("failed_messages.index"), code=303)


@bp.get("/failed-messages/<int:raw_id>/ticket")
@allowed("see_failed_messages")
def new_ticket(raw_id: int) -> Response:
    """The form for a ticket, filled in with whatever can be read."""
    found = _found(raw_id, "failed")
    head, body = headers.split(failed.source(found.raw, MOST_SHOWN))
    sender = next(iter(mailboxes(head.text("from"))), None)
    form = ByHandForm(
        name=sender.name if sender else "",
        email=sender.address if sender else "",
        subject=head.text("subject")[: tickets.LONGEST_SUBJECT],
        text=_readable(body).strip()[: messages.LONGEST_TEXT],
        priority=NORMAL,
    )
    return _ticket_page(found, form)


@bp.post("/failed-messages/<int:raw_id>/ticket")
@allowed("see_failed_messages")
def make_ticket(raw_id: int) -> AnyResponse:
    found = _found(raw_id, "failed")
    form = ByHandForm.from_request()
    if not form.validate():
        return _ticket_page(found, form, 422)
    try:
        ticket = form.open(raw_id)
    except Refused as refused:
        form.refuse(refused)
        return _ticket_page(found, form, refused.status)
    return redirect(url_for("tickets.show", number=ticket.id), code=303)


def _found(raw_id: int, *states: str) -> Failed:
    found = failed_message(raw_id)
    if found is None or (states and found.raw.state not in states):
        raise access.not_found()
    return found


def _page(found: Failed, form: ReasonForm, status: int = 200) -> Response:
    shown = failed.source(found.raw, MOST_SHOWN)
    head, _ = headers.split(found.head)
    return page(
        "failed_messages/show.html",
        message=_told(found),
        headers=list(head.readable())[:MOST_HEADERS],
        text=_readable(shown),
        shown=len(shown),
        form=form,
        status=status,
        now=now(),
    )


def _ticket_page(found: Failed, form: ByHandForm, status: int = 200) -> Response:
    return page("failed_messages/ticket.html", message=_told(found), form=form, status=status)


def _told(found: Failed) -> dict[str, Any]:
    """What can be read of it, however broken it is."""
    head, _ = headers.split(found.head)
    return {
        "id": found.raw.id,
        "ignored": found.raw.state == "ignored",
        "error": _said(found.raw.error),
        "received_at": found.raw.received_at,
        "to": found.raw.sent_to or head.text("to"),
        "from": head.text("from"),
        "subject": head.text("subject"),
        "size": found.size,
        "discarded_at": found.discarded.at if found.discarded else None,
        "discarded_by": _discarder(found),
        "reason": found.discarded.changes["new"] if found.discarded else None,
    }


def _discarder(found: Failed) -> str | None:
    by = found.discarded.by_id if found.discarded else None
    person = db.session.get(Person, by) if by else None
    return person.name if person else None


def _said(error: str | None) -> str:
    """Why it failed; the parser's reasons are in the catalogues, a fault of ours is told as it is."""
    return gettext(error) if error else ""


def _readable(data: bytes) -> str:
    """The bytes as text, with a visible mark for whatever is none."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(character if character >= " " or character in "\n\t" else "\ufffd" for character in text)

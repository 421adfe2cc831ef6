"""What arrived and could not be handled: listed, read, downloaded and tried again."""

from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.auth import allowed, now
from app.desk import access, inbox
from app.html import page
from app.mail import headers
from app.models import failed
from app.models.failed import PER_PAGE, Failed, failed_message
from app.words import gettext

bp = Blueprint("failed_messages", __name__)

MOST_SHOWN = 100 * 1024  # bytes of the source on the page; the download is whole


@bp.get("/failed-messages")
@allowed("see_failed_messages")
def index() -> Response:
    before = request.args.get("before", type=int)
    found = failed.failed(before)
    return page(
        "failed_messages/index.html",
        messages=[_told(one) for one in found[:PER_PAGE]],
        older=found[PER_PAGE - 1].raw.id if len(found) > PER_PAGE else None,
        first=before is None,
        now=now(),
    )


@bp.get("/failed-messages/<int:raw_id>")
@allowed("see_failed_messages")
def show(raw_id: int) -> Response:
    return _page(_found(raw_id))


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
    receipt = inbox.handle(_found(raw_id).raw.id, now=now())
    if receipt.action == "failed":
        flash(gettext("It failed again: %(error)s", error=_said(receipt.error)), "error")
        return redirect(url_for("failed_messages.index"), code=303)
    if receipt.ticket is None:
        flash(gettext("The message needs no ticket; it is kept in the archive."))
    else:
        flash(gettext("The message is in ticket #%(number)s now.", number=receipt.ticket))
    return redirect(url_for("failed_messages.index"), code=303)


def _found(raw_id: int) -> Failed:
    found = failed_message(raw_id)
    if found is None:
        raise access.not_found()
    return found


def _page(found: Failed) -> Response:
    shown = failed.source(found.raw, MOST_SHOWN)
    return page(
        "failed_messages/show.html",
        message=_told(found),
        text=_readable(shown),
        shown=len(shown),
        now=now(),
    )


def _told(found: Failed) -> dict[str, Any]:
    """What can be read of it, however broken it is."""
    head, _ = headers.split(found.head)
    return {
        "id": found.raw.id,
        "error": _said(found.raw.error),
        "received_at": found.raw.received_at,
        "to": found.raw.sent_to or head.text("to"),
        "from": head.text("from"),
        "subject": head.text("subject"),
        "size": found.size,
    }


def _said(error: str | None) -> str:
    """Why it failed; the parser's reasons are in the catalogues, a fault of ours is told as it is."""
    return gettext(error) if error else ""


def _readable(data: bytes) -> str:
    """The bytes as text, with a visible mark for whatever is none."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(character if character >= " " or character in "\n\t" else "\ufffd" for character in text)

"""What came with a message beyond its newest text: the whole of it, its HTML in a frame of its own, its raw bytes."""

from base64 import b64encode

from flask import Blueprint, Response, make_response, request
from markupsafe import Markup
from sqlalchemy import select

from app.auth import login_required, now, signed_in_person
from app.database import db
from app.desk import access
from app.html import page
from app.mail.html import has_remote_images, sanitise
from app.models.message import Attachment, Blob, Message, RawMessage
from app.routes.attachments import as_file
from app.words import locale

bp = Blueprint("frames", __name__)

# Links may open a tab of their own; nothing in the frame can run, load or reach the desk.
POLICY = (
    "default-src 'none'; img-src data:{elsewhere}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
CHARACTERS_A_LINE = 90
MOST_PICTURES = 8 * 1024 * 1024  # bytes of all pictures inside one message
DOCUMENT = Markup(
    '<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>#{number}</title>'
    '<meta name="referrer" content="no-referrer"><style>:root{{color-scheme:light}}'
    "body{{margin:12px;background:#fff;color:#1c2433;font:14px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}}"
    "img{{max-width:100%;height:auto}}</style></head><body>{body}</body></html>"
)


@bp.get("/messages/<int:message_id>/whole")
@login_required
def whole(message_id: int) -> Response:
    """The text with its quotes and signature, as a part or a page."""
    return _more(_found(message_id), "whole")


@bp.get("/messages/<int:message_id>/sent")
@login_required
def as_sent(message_id: int) -> Response:
    """The frame with the HTML that was sent, as a part or a page."""
    return _more(_with_html(message_id), "sent")


@bp.get("/messages/<int:message_id>/html")
@login_required
def html(message_id: int) -> Response:
    """The sanitised HTML alone, for the frame. `?images=1` lets pictures from elsewhere load."""
    message = _with_html(message_id)
    images = request.args.get("images") == "1"
    body = sanitise(message.html or "", _pictures(message), remote_images=images)
    response = make_response(
        DOCUMENT.format(lang=message.language or locale(), number=message.ticket_id, body=Markup(body))  # noqa: S704
    )
    response.headers["Content-Security-Policy"] = POLICY.format(elsewhere=" https: http:" if images else "")
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.get("/messages/<int:message_id>/raw")
@login_required
def raw(message_id: int) -> Response:
    """The bytes as they arrived, for managers."""
    message = _found(message_id)
    access.demand(signed_in_person(), "see_failed_messages", None, now())
    data = db.session.scalars(
        select(Blob.data)
        .join(RawMessage, RawMessage.sha256 == Blob.sha256)
        .where(RawMessage.id == message.raw_id)
    ).one_or_none()
    if data is None:
        raise access.not_found()
    return as_file(data, f"message-{message.id}.eml")


def _found(message_id: int) -> Message:
    """The message; Refused with 404 for whoever may not see its ticket."""
    message = db.session.get(Message, message_id)
    if message is None:
        raise access.not_found()
    access.ticket_seen_by(signed_in_person(), message.ticket_id, now())
    return message


def _with_html(message_id: int) -> Message:
    message = _found(message_id)
    if not message.has_html:
        raise access.not_found()
    return message


def _more(message: Message, shown: str) -> Response:
    return page(
        "messages/show.html",
        part="messages/_more.html",
        message=message,
        shown=shown,
        full_text=(message.full_text or message.text) if shown == "whole" else None,
        has_more=message.full_text is not None,
        remote=shown == "sent" and has_remote_images(message.html or ""),
        size=_size(message) if shown == "sent" else None,
    )


def _size(message: Message) -> str:
    """How high a frame it needs, from what it says: nothing can measure a sealed frame from outside."""
    lines = sum(
        1 + len(line) // CHARACTERS_A_LINE for line in (message.full_text or message.text).splitlines()
    )
    if lines > 14:
        return "tall"
    return "short" if lines <= 5 and "<img" not in (message.html or "") else "middle"


def _pictures(message: Message) -> dict[str, str]:
    """Content-ID -> the picture as a data: address. A sandboxed frame sends no cookie, so it could not fetch them."""
    found = db.session.execute(
        select(Attachment.content_id, Attachment.media_type, Attachment.size, Attachment.sha256).where(
            Attachment.message_id == message.id,
            Attachment.content_id.is_not(None),
            Attachment.media_type.in_(PICTURES),
        )
    )
    pictures: dict[str, str] = {}
    left = MOST_PICTURES
    for content_id, media_type, size, sha256 in found.all():
        left -= size
        if content_id is None or left < 0:
            break
        data = db.session.scalars(select(Blob.data).where(Blob.sha256 == sha256)).one()
        pictures[content_id.strip("<>")] = f"data:{media_type};base64,{b64encode(data).decode()}"
    return pictures

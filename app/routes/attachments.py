"""Downloads of what customers attached. Nothing of it is ever shown inside the desk's own pages."""

from io import BytesIO

from flask import Blueprint, Response, send_file
from sqlalchemy import select

from app.auth import login_required, now, signed_in_person
from app.database import db
from app.desk import access
from app.models.message import Attachment, Blob, Message

bp = Blueprint("attachments", __name__)

POLICY = "default-src 'none'; sandbox"


@bp.get("/attachments/<token>/<_name>")
@login_required
def download(token: str, _name: str) -> Response:
    """The bytes of one attachment, for who may see its ticket. The name in the address is for the reader only."""
    found = db.session.execute(
        select(Attachment, Message.ticket_id)
        .join(Message, Message.id == Attachment.message_id)
        .where(Attachment.token == token)
    ).one_or_none()
    if found is None:
        raise access.not_found()
    attachment, number = found
    access.ticket_seen_by(signed_in_person(), number, now())
    data = db.session.scalars(select(Blob.data).where(Blob.sha256 == attachment.sha256)).one()
    return as_file(data, attachment.name)


def as_file(data: bytes, name: str) -> Response:
    """An answer that browsers keep as a file: what its sender said it is plays no part."""
    response = send_file(
        BytesIO(data), mimetype="application/octet-stream", as_attachment=True, download_name=name, max_age=0
    )
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "private, no-store"
    return response

"""What arrived and could not be handled: questions about the archive."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import LargeBinary, Select, func, select, type_coerce

from app.database import db
from app.models.message import Blob, RawMessage

PER_PAGE = 50
HEAD = 16 * 1024  # bytes of a message in which its first headers are looked for


@dataclass(frozen=True)
class Failed:
    """A failed message; `head` is its first bytes."""

    raw: RawMessage
    size: int
    head: bytes


def failed(before: int | None = None) -> Sequence[Failed]:
    """Failed messages, the newest first, at most PER_PAGE + 1: the one too many says that there are more."""
    rows = _select().where(RawMessage.state == "failed").order_by(RawMessage.id.desc()).limit(PER_PAGE + 1)
    if before is not None:
        rows = rows.where(RawMessage.id < before)
    return [Failed(raw, size, head or b"") for raw, size, head in db.session.execute(rows)]


def failed_message(raw_id: int) -> Failed | None:
    """The failed message of that number, or None."""
    row = db.session.execute(
        _select().where(RawMessage.id == raw_id, RawMessage.state == "failed")
    ).one_or_none()
    return Failed(row[0], row[1], row[2] or b"") if row else None


def source(raw: RawMessage, most: int | None = None) -> bytes:
    """The bytes of an archived message, all or the first `most`."""
    data = Blob.data if most is None else func.substr(Blob.data, 1, most)
    found = db.session.scalars(select(type_coerce(data, LargeBinary)).where(Blob.sha256 == raw.sha256)).one()
    return bytes(found or b"")  # SQLite gives NULL for a part of nothing


def _select() -> Select[RawMessage, int, bytes]:
    head = type_coerce(func.substr(Blob.data, 1, HEAD), LargeBinary)
    return select(RawMessage, Blob.size, head).join(Blob, Blob.sha256 == RawMessage.sha256)

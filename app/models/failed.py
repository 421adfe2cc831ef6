"""What arrived and could not be handled, or was not to be: questions about the archive."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, LargeBinary, Select, and_, func, or_, select, type_coerce

from app.database import db
from app.models.event import Event
from app.models.message import Blob, RawMessage

PER_PAGE = 50
HEAD = 16 * 1024  # bytes of a message in which its first headers are looked for


@dataclass(frozen=True)
class Failed:
    """A message that failed, was discarded after it had: then `discarded` is the event that says by whom and why; or was
    ignored because its sender is blocked.
    `head` is its first bytes."""

    raw: RawMessage
    size: int
    head: bytes
    discarded: Event | None = None


def failed(state: str = "failed", before: int | None = None) -> Sequence[Failed]:
    """Messages that are `failed`, `discarded` or `ignored`, the newest first, at most PER_PAGE + 1: the one too many says that
    there are more."""
    rows = _select().where(_is(state)).order_by(RawMessage.id.desc()).limit(PER_PAGE + 1)
    if before is not None:
        rows = rows.where(RawMessage.id < before)
    return [_failed(*row) for row in db.session.execute(rows)]


def failed_message(raw_id: int) -> Failed | None:
    """The failed, discarded or ignored message of that number, or None."""
    row = db.session.execute(
        _select().where(RawMessage.id == raw_id, or_(*map(_is, ("failed", "discarded", "ignored"))))
    ).one_or_none()
    return _failed(*row) if row else None


def count(state: str) -> int:
    """How many are `discarded` or `ignored`."""
    return db.session.scalar(select(func.count()).where(_is(state))) or 0


def source(raw: RawMessage, most: int | None = None) -> bytes:
    """The bytes of an archived message, all or the first `most`."""
    data = Blob.data if most is None else func.substr(Blob.data, 1, most)
    found = db.session.scalars(select(type_coerce(data, LargeBinary)).where(Blob.sha256 == raw.sha256)).one()
    return bytes(found or b"")  # SQLite gives NULL for a part of nothing


def _is(state: str) -> ColumnElement[bool]:
    """Our own mail that came back is ignored without a reason, and nobody's concern."""
    condition = RawMessage.state == state
    return and_(condition, RawMessage.error.is_not(None)) if state == "ignored" else condition


def _failed(raw: RawMessage, size: int, head: bytes | None, discarded: Event | None) -> Failed:
    return Failed(raw, size, head or b"", discarded if raw.state == "discarded" else None)


def _select() -> Select[RawMessage, int, bytes, Event | None]:
    head = type_coerce(func.substr(Blob.data, 1, HEAD), LargeBinary)
    why = (
        select(func.max(Event.id))
        .where(Event.kind == "mail.discarded", Event.subject_kind == "raw_message")
        .where(Event.subject_id == RawMessage.id)
        .correlate(RawMessage)
        .scalar_subquery()
    )
    return (
        select(RawMessage, Blob.size, head, Event)
        .join(Blob, Blob.sha256 == RawMessage.sha256)
        .outerjoin(Event, Event.id == why)
    )

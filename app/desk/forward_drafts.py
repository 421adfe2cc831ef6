"""What somebody writes above a message that they want to send on, kept until it is sent: bookkeeping, for nobody but them."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from app.database import db
from app.desk import drafts
from app.desk.messages import File
from app.models.draft import ForwardDraft, files_beside, forward_draft_of
from app.models.event import Event
from app.models.message import Message
from app.models.person import Person


def save(message_id: int, *, to: str, cc: str, text: str, stamp: str, person: Person, now: datetime) -> str:
    """Keeps what a person has written so far and returns its new stamp; nothing at all is no draft. Refused as
    drafts.save refuses."""
    values = {
        "to_address": to.replace("\x00", "")[:320],
        "cc": cc.replace("\x00", "")[: drafts.LONGEST_CC],
        "text": drafts.checked(text),
        "changed_at": now,
    }
    is_empty = not (to.strip() or cc.strip() or text.strip())
    key = {"person_id": person.id, "message_id": message_id}
    return drafts.keep(ForwardDraft, key, None if is_empty else values, stamp)


def take(message_id: int, tokens: Sequence[str], *, person: Person) -> list[File]:
    """Ends a draft and takes these files out of it. Under the board's lock; refused as drafts.take refuses."""
    own = (ForwardDraft.person_id == person.id) & (ForwardDraft.message_id == message_id)
    db.session.execute(delete(ForwardDraft).where(own))
    return drafts.take_files(files_beside(person.id, message_id), tokens)


def put_back(message: Message, *, now: datetime) -> int | None:
    """What was sent on and is taken back is its writer's draft again, above what they have begun since. Under the board's
    lock. Returns the message that it forwards; None when that is not there any more."""
    original = _original(message)
    if original is None or message.person_id is None:
        return None
    draft = forward_draft_of(message.person_id, original.id)
    if draft is None:
        draft = ForwardDraft(person_id=message.person_id, message_id=original.id, text="")
        db.session.add(draft)
    draft.text = "\n\n".join(filter(None, (message.text, draft.text.strip())))
    draft.to_address, draft.cc = message.to_address or "", ", ".join(message.cc)
    draft.stamp, draft.changed_at = secrets.token_hex(8), now
    sent_on = {(file.sha256, file.name) for file in original.attachments}
    own = [file for file in message.attachments if (file.sha256, file.name) not in sent_on]
    drafts.put_files_back(message, own, beside=original.id, now=now)
    return original.id


def _original(message: Message) -> Message | None:
    """Which message was sent on."""
    events = db.session.scalars(
        select(Event)
        .where(
            Event.subject_kind == "ticket",
            Event.subject_id == message.ticket_id,
            Event.kind == "message.forwarded",
        )
        .order_by(Event.id.desc())
    )
    changes = next((event.changes for event in events if event.changes["message"] == message.id), {})
    original = db.session.get(Message, changes.get("original", 0))
    return original if original is not None and original.ticket_id == message.ticket_id else None

"""What somebody is writing, kept until it is sent: bookkeeping, for nobody but them."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, insert, select

from app.config import settings
from app.database import bookkeeping, db, insert_new
from app.desk.messages import File
from app.desk.refused import Refused
from app.mail.attachments import safe_name
from app.models.draft import DraftFile, files_of
from app.models.message import Attachment, Blob, Message, RawMessage
from app.models.person import Person
from app.words import N_

KEEP_FOR = timedelta(days=30)  # after which what was begun is taken for abandoned
AT_ONCE = 100  # files that are forgotten together
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Upload:
    """A file as the browser sent it: its name and type are the sender's claims."""

    name: str
    media_type: str
    content: bytes


def attach(ticket_id: int, uploads: Iterable[Upload], *, person: Person, now: datetime) -> None:
    """Adds files to a person's draft in a ticket, as many as fit; refused with 413 or 422 at the first that does not.
    What is read afterwards is read anew."""
    person_id = person.id
    kept = files_of(person_id, ticket_id)
    count, size = len(kept), sum(file.size for file in kept)
    db.session.rollback()  # SQLite reads as of the first look
    for upload in uploads:
        count, size = count + 1, size + len(upload.content)
        _check(count, size)
        sha256 = hashlib.sha256(upload.content).hexdigest()
        blob = insert_new(Blob).values(sha256=sha256, size=len(upload.content), data=upload.content)
        bookkeeping(
            # Touched when it is there already, so that nobody who forgets files takes it away before it is named here.
            blob.on_conflict_do_update(index_elements=["sha256"], set_={"size": blob.excluded.size}),
            insert(DraftFile).values(
                token=secrets.token_urlsafe(16),
                person_id=person_id,
                ticket_id=ticket_id,
                sha256=sha256,
                name=safe_name(upload.name) or "file",
                media_type=upload.media_type[:100].lower(),
                size=len(upload.content),
                created_at=now,
            ),
        )


def detach(ticket_id: int, token: str, *, person: Person) -> None:
    """Removes a file from a draft. What is gone already is gone."""
    _forget((DraftFile.token == token) & _of(person.id, ticket_id))


def take(ticket_id: int, tokens: Sequence[str], *, person: Person) -> list[File]:
    """Takes these files out of a draft, for the message they go with. Under the board's lock. Refused when one is not
    there (any more), or when they are too many."""
    found = {file.token: file for file in files_of(person.id, ticket_id)}
    taken = [found[token] for token in dict.fromkeys(tokens) if token in found]
    if len(taken) < len(set(tokens)):
        raise Refused(N_("A file is not there any more. Look at the list, then send again."), field="files")
    _check(len(taken), sum(file.size for file in taken))
    for file in taken:
        db.session.delete(file)
    db.session.flush()
    return [File(file.sha256, file.name, file.media_type, file.size) for file in taken]


def put_back(message: Message, *, person: Person, now: datetime) -> None:
    """The files of an answer that its writer has taken back are in their draft again. Under the board's lock."""
    for file in message.attachments:
        db.session.add(
            DraftFile(
                token=secrets.token_urlsafe(16),
                person_id=person.id,
                ticket_id=message.ticket_id,
                sha256=file.sha256,
                name=file.name,
                media_type=file.media_type,
                size=file.size,
                created_at=now,
            )
        )
    db.session.flush()


def forget_abandoned(now: datetime) -> int:
    """Forgets what nobody has sent for long, with the bytes that nothing else needs; returns how many files it was."""
    old = select(DraftFile.id).where(DraftFile.created_at <= now - KEEP_FOR).limit(AT_ONCE)
    forgotten = 0
    while gone := _forget(DraftFile.id.in_(old)):
        forgotten += gone
    return forgotten


def _of(person_id: int, ticket_id: int) -> ColumnElement[bool]:
    return (DraftFile.person_id == person_id) & (DraftFile.ticket_id == ticket_id)


def _check(count: int, size: int) -> None:
    most, megabytes = settings().attachments, settings().attachments_mb
    if count > most:
        raise Refused(N_("Attach at most %(most)s files to one message."), field="files", most=most)
    if size > megabytes * MEGABYTE:
        raise Refused(
            N_("The files of one message may have %(most)s MB together."),
            status=413,
            field="files",
            most=megabytes,
        )


def _forget(which: ColumnElement[bool]) -> int:
    db.session.rollback()  # SQLite reads as of the first look
    gone = bookkeeping(delete(DraftFile).where(which).returning(DraftFile.sha256))
    hashes = {row[0] for row in gone.rows}
    if hashes:
        needed = [exists().where(noun.sha256 == Blob.sha256) for noun in (Attachment, RawMessage, DraftFile)]
        bookkeeping(delete(Blob).where(Blob.sha256.in_(hashes), *(~one for one in needed)))
    return len(gone.rows)

"""What somebody is writing, kept until it is sent: bookkeeping, for nobody but them."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, insert, select, update

from app.config import settings
from app.database import bookkeeping, db, insert_new
from app.desk.messages import LONGEST_TEXT, File
from app.desk.refused import Refused
from app.mail.attachments import safe_name
from app.models.draft import Draft, DraftFile, ForwardDraft, draft_of, files_beside, files_of
from app.models.message import Attachment, Blob, Message, RawMessage
from app.models.person import Person
from app.words import N_

KEEP_FOR = timedelta(days=30)  # after which what was begun is taken for abandoned
KINDS = ("reply", "note")
LONGEST_CC = 5000
AT_ONCE = 100  # files that are forgotten together
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Upload:
    """A file as the browser sent it: its name and type are the sender's claims."""

    name: str
    media_type: str
    content: bytes


def save(
    ticket_id: int,
    text: str,
    *,
    kind: str,
    stamp: str,
    to: str = "",
    cc: str | None = None,
    person: Person,
    now: datetime,
) -> str:
    """Keeps what a person has written so far and returns its new stamp; an empty text is no draft. Refused with 409
    when it was changed or sent since `stamp`, from another window of theirs."""
    values = {
        "kind": kind if kind in KINDS else KINDS[0],
        "text": checked(text),
        "changed_at": now,
        "to_address": to[:320],
        "cc": cc[:LONGEST_CC] if cc is not None else None,
    }
    key = {"person_id": person.id, "ticket_id": ticket_id}
    return keep(Draft, key, values if text.strip() else None, stamp)


def checked(text: str) -> str:
    """What can be kept of what was typed. Refused when it is too long to be sent, too."""
    if len(text) > LONGEST_TEXT:
        raise Refused(
            N_("This text is too long: at most %(most)s characters."), field="text", most=LONGEST_TEXT
        )
    return text.replace("\x00", "")


def keep(
    noun: type[Draft | ForwardDraft], key: dict[str, int], values: dict[str, object] | None, stamp: str
) -> str:
    """Keeps the row with this key, or removes it when there are no values, and returns its new stamp; refused with 409
    when it has another one than `stamp`."""
    own = and_(*(getattr(noun, name) == value for name, value in key.items()))
    known, new = own & (noun.stamp == stamp), secrets.token_hex(8)
    db.session.rollback()  # SQLite reads as of the first look
    if values is None:
        bookkeeping(delete(noun).where(known))
        if db.session.scalar(select(noun.stamp).where(own)) is None:
            return ""
    elif bookkeeping(update(noun).where(known).values(stamp=new, **values)).count:
        return new
    elif not stamp:
        made = insert_new(noun).values(**key, stamp=new, **values).on_conflict_do_nothing()
        if bookkeeping(made.returning(noun.stamp)).rows:
            return new
    raise Refused(N_("You have written something else here in another window."), status=409)


def attach(
    ticket_id: int, uploads: Iterable[Upload], *, beside: int | None = None, person: Person, now: datetime
) -> None:
    """Adds files to a person's draft in a ticket, or to the message `beside` which they want to send on, as many as fit;
    refused with 413 or 422 at the first that does not. What is read afterwards is read anew."""
    person_id = person.id
    kept = files_beside(person_id, beside) if beside else files_of(person_id, ticket_id)
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
                message_id=beside,
            ),
        )


def detach(ticket_id: int, token: str, *, beside: int | None = None, person: Person) -> None:
    """Removes a file from a draft, or from a message that is sent on. What is gone already is gone."""
    draft = DraftFile.message_id == beside if beside else DraftFile.ticket_id == ticket_id
    _forget((DraftFile.token == token) & (DraftFile.person_id == person.id) & draft)


def take(ticket_id: int, tokens: Sequence[str], *, person: Person) -> list[File]:
    """Ends a draft and takes these files out of it, for the message they go with. Under the board's lock. Refused when
    one is not there (any more), or when they are too many."""
    db.session.execute(delete(Draft).where(_draft(person.id, ticket_id)))
    return take_files(files_of(person.id, ticket_id), tokens)


def take_files(kept: Sequence[DraftFile], tokens: Sequence[str]) -> list[File]:
    """Takes these out of what is kept. Refused as `take` refuses."""
    found = {file.token: file for file in kept}
    taken = [found[token] for token in dict.fromkeys(tokens) if token in found]
    if len(taken) < len(set(tokens)):
        raise Refused(N_("A file is not there any more. Look at the list, then send again."), field="files")
    _check(len(taken), sum(file.size for file in taken))
    for file in taken:
        db.session.delete(file)
    db.session.flush()
    return [File(file.sha256, file.name, file.media_type, file.size) for file in taken]


def put_back(message: Message, since: str | None, *, now: datetime) -> None:
    """A message that was taken back is its writer's draft again, above what they have written `since`: what their page
    says, else what they have saved. Under the board's lock."""
    if message.person_id is None:  # the desk has said it, nobody wants its words
        return
    draft = draft_of(message.person_id, message.ticket_id)
    if draft is None:
        draft = Draft(person_id=message.person_id, ticket_id=message.ticket_id, text="")
        db.session.add(draft)
    since = (draft.text if since is None else since).strip()
    draft.stamp, draft.changed_at = secrets.token_hex(8), now
    draft.kind, draft.text = (
        "reply" if message.kind == "later" else message.kind,
        f"{message.text}\n\n{since}" if since else message.text,
    )
    if message.kind == "forward":  # of what is not there any more; it must not be sent to the customer
        draft.kind = "note"
        return
    draft.to_address, draft.cc = message.to_address or "", ", ".join(message.cc)
    put_files_back(message, message.attachments, now=now)


def put_files_back(
    message: Message, files: Sequence[Attachment], *, beside: int | None = None, now: datetime
) -> None:
    """Files of a message are its writer's again. Under the board's lock."""
    db.session.add_all(
        DraftFile(
            token=secrets.token_urlsafe(16),
            person_id=message.person_id,
            ticket_id=message.ticket_id,
            sha256=file.sha256,
            name=file.name,
            media_type=file.media_type,
            size=file.size,
            created_at=now,
            message_id=beside,
        )
        for file in files
    )
    db.session.flush()


def forget_abandoned(now: datetime) -> int:
    """Forgets what nobody has sent for long, with the bytes that nothing else needs; returns how many files it was."""
    for noun in (Draft, ForwardDraft):
        bookkeeping(delete(noun).where(noun.changed_at <= now - KEEP_FOR))
    old = select(DraftFile.id).where(DraftFile.created_at <= now - KEEP_FOR).limit(AT_ONCE)
    forgotten = 0
    while gone := _forget(DraftFile.id.in_(old)):
        forgotten += gone
    return forgotten


def _draft(person_id: int, ticket_id: int) -> ColumnElement[bool]:
    return (Draft.person_id == person_id) & (Draft.ticket_id == ticket_id)


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

"""Bytes -> message. Generous with everything a sender can break, honest about what cannot be read."""

import email.utils
import hashlib
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from app.mail import automatic
from app.mail.addresses import Mailbox, canonical, mailboxes
from app.mail.attachments import Attachment, attachment
from app.mail.headers import Headers, one_line, split, words
from app.mail.parts import Part, tree
from app.mail.report import Report, report
from app.mail.text import html_to_text, newest

MAX_TEXT = 1_000_000
MAX_HTML = 2_000_000
MAX_ATTACHMENTS = 100
MAX_SUBJECT = 500
MAX_IDS = 200

_ID = re.compile(r"<([^<>]{1,990})>")
_CID = re.compile(r"(?i)\bcid:([^\"'\s)>]{1,500})")
_FORWARDED = re.compile(r"(?i)\s*(?:fwd?|wg|tr|i|전달|fw)\s*:|\s*(?:転送|전달)\s*[:：]")
_PROTECTED = {
    "application/pkcs7-signature": "smime-signed",
    "application/x-pkcs7-signature": "smime-signed",
    "application/pkcs7-mime": "smime-encrypted",
    "application/x-pkcs7-mime": "smime-encrypted",
    "application/pgp-signature": "pgp-signed",
    "application/pgp-encrypted": "pgp-encrypted",
}


class ParseError(Exception):
    """The bytes are not a message that anybody could answer; the text says why, for the failed-mail list."""


@dataclass(frozen=True)
class Message:
    """A message as it arrived. Addresses are canonical (see addresses.canonical); times are aware UTC."""

    message_id: str  # without <>; made from `digest` where the sender gave none
    digest: str  # sha256 of what the sender wrote, the same however often and by whatever way it arrives
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    from_name: str  # "" where there is none
    from_address: str
    reply_to: tuple[Mailbox, ...]
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    return_path: str | None  # "" for the empty one of automatic mail, None where no server wrote it
    delivered_to: tuple[str, ...]  # whom the servers say it was for: Delivered-To, X-Original-To, Envelope-To
    subject: str  # one line, "" where there is none
    date: datetime | None  # what the sender claims
    text: str  # the newest part, without quotes and signature
    full_text: str
    html: str | None  # as sent: only ever show what html.sanitise makes of it
    attachments: tuple[Attachment, ...]
    attachments_left_out: int  # beyond the first 100
    automatic: str | None  # a code of automatic.reason
    protection: str | None  # smime-signed, smime-encrypted, pgp-signed, pgp-encrypted
    report: Report | None
    headers: tuple[tuple[str, str], ...]  # decoded, in their order


def parse(
    raw: bytes,
    *,
    own_id: Callable[[str], bool] | None = None,
    channel_addresses: frozenset[str] = frozenset(),
) -> Message:
    """The message in `raw`. `own_id` tells whether we minted a Message-ID, `channel_addresses` are the desk's own
    (both only serve `automatic`). Raises ParseError, and nothing else, for bytes that are no message: nothing
    there, no header, or nobody it is from."""
    headers, body = _opened(raw)
    sender = _sender(headers)
    root = tree(headers, body)
    content = _content(root)
    digest = _digest(headers, body)
    readable = tuple(headers.readable())
    message_ids = _ids(headers.first("message-id"))
    subject = one_line(words(headers.first("subject")))[:MAX_SUBJECT]
    leaves = tuple(_leaves(root))
    return Message(
        message_id=message_ids[0] if message_ids else f"{digest[:40]}@digest.invalid",
        digest=digest,
        in_reply_to=_ids(" ".join(headers.raw("in-reply-to"))),
        references=_ids(" ".join(headers.raw("references"))),
        from_name=sender.name,
        from_address=sender.address,
        reply_to=_boxes(headers, "reply-to"),
        to=_boxes(headers, "to"),
        cc=_boxes(headers, "cc"),
        return_path=_return_path(headers),
        delivered_to=_delivered_to(headers),
        subject=subject,
        date=_date(headers.first("date")),
        text=newest(content.text, forwarded=bool(_FORWARDED.match(subject))),
        full_text=content.text,
        html=content.html,
        attachments=content.attachments,
        attachments_left_out=content.left_out,
        automatic=automatic.reason(readable, own_id=own_id, channel_addresses=channel_addresses),
        protection=_protection(leaves, content.text),
        report=report(leaves),
        headers=readable,
    )


@dataclass(frozen=True)
class _Content:
    text: str
    html: str | None
    attachments: tuple[Attachment, ...]
    left_out: int


@dataclass(frozen=True)
class _Block:
    """One stretch of the body, in the forms it came in."""

    plain: str | None = None
    html: str | None = None

    def text(self) -> str:
        if self.plain is not None and self.plain.strip():
            return self.plain
        return html_to_text(self.html) if self.html is not None else ""

    def markup(self) -> str:
        if self.html is not None:
            return self.html
        return f'<div style="white-space: pre-wrap">{html.escape(self.plain or "")}</div>'


def _opened(raw: bytes) -> tuple[Headers, bytes]:
    raw = raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n \t\x00")
    if not raw:
        raise ParseError("The message is empty.")
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    headers, body = split(raw)
    if not headers.fields:
        raise ParseError("The message has no headers.")
    return headers, body


def _sender(headers: Headers) -> Mailbox:
    # Several From headers, or several people in one: the first that can be answered.
    for name in ("from", "sender"):
        found = _boxes(headers, name)
        if found:
            return found[0]
    raise ParseError("The message names no usable sender address.")


def _boxes(headers: Headers, name: str) -> tuple[Mailbox, ...]:
    return tuple(box for value in headers.raw(name)[:10] for box in mailboxes(value))


def _content(root: Part) -> _Content:
    blocks: list[_Block] = []
    files: list[Part] = []
    _collect(root, blocks, files)
    text = "\n\n".join(t for t in (block.text().strip("\n") for block in blocks) if t.strip())[:MAX_TEXT]
    markup: str | None = None
    if any(block.html is not None for block in blocks):
        markup = "\n".join(block.markup() for block in blocks if block.text().strip() or block.html)[
            :MAX_HTML
        ]
    shown_ids = frozenset(cid.lower() for cid in _CID.findall(markup or ""))
    kept = tuple(attachment(part, shown_ids=shown_ids) for part in files[:MAX_ATTACHMENTS])
    return _Content(text, markup, kept, max(0, len(files) - MAX_ATTACHMENTS))


def _collect(part: Part, blocks: list[_Block], files: list[Part]) -> None:
    """Puts what is read into `blocks` and what is attached into `files`."""
    if part.media_type == "multipart/alternative":
        blocks.append(_alternative(part, files))
    elif part.children:
        for child in part.children:
            _collect(child, blocks, files)
    elif not _is_body(part):
        files.append(part)
    elif part.media_type == "text/html":
        blocks.append(_Block(html=part.text()))
    else:
        blocks.append(_Block(plain=part.text()))


def _alternative(part: Part, files: list[Part]) -> _Block:
    """The forms of one text. A calendar or a picture inside is an attachment like any other."""
    inner: list[_Block] = []
    for child in part.children:
        _collect(child, inner, files)
    plain = [block.plain for block in inner if block.plain is not None]
    markup = [block.html for block in inner if block.html is not None]
    return _Block("\n\n".join(plain) if plain else None, "\n".join(markup) if markup else None)


def _is_body(part: Part) -> bool:
    if part.media_type not in ("text/plain", "text/html") or part.disposition[0] == "attachment":
        return False
    return not part.filename


def _leaves(part: Part) -> Iterator[Part]:
    if not part.children:
        yield part
    for child in part.children:
        yield from _leaves(child)


def _digest(headers: Headers, body: bytes) -> str:
    """Over what the sender wrote only: servers on the way add headers and change line ends."""
    digest = hashlib.sha256()
    for name in ("from", "to", "cc", "date", "subject"):
        for value in headers.raw(name):
            digest.update(f"{name}:{value}\n".encode())
    digest.update(body.replace(b"\r\n", b"\n").rstrip())
    return digest.hexdigest()


def _ids(value: str) -> tuple[str, ...]:
    # Exchange folds inside an id, so blanks within <> are not part of it.
    found = [re.sub(r"\s+", "", one) for one in _ID.findall(value)]
    if not found:
        found = [token for token in value.split() if "@" in token and len(token) < 990]
    unique = list(dict.fromkeys(one for one in found if one))
    return tuple(unique[:1] + unique[1:][-(MAX_IDS - 1) :])


def _return_path(headers: Headers) -> str | None:
    values = headers.raw("return-path")
    if not values:
        return None
    inside = values[0].strip().strip("<>").strip()
    return canonical(inside) if inside else ""


def _delivered_to(headers: Headers) -> tuple[str, ...]:
    names = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to")
    return tuple(dict.fromkeys(box.address for name in names for box in _boxes(headers, name)))


def _date(value: str) -> datetime | None:
    try:
        sent = email.utils.parsedate_to_datetime(value[:200])
        # "-0000" says that the zone is unknown: the instant is still UTC.
        return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None


def _protection(leaves: tuple[Part, ...], text: str) -> str | None:
    for part in leaves:
        kind = _PROTECTED.get(part.media_type)
        if kind == "smime-encrypted" and part.parameters.get("smime-type", "").lower() == "signed-data":
            return "smime-signed"
        if kind:
            return kind
    if "-----BEGIN PGP MESSAGE-----" in text:
        return "pgp-encrypted"
    return "pgp-signed" if "-----BEGIN PGP SIGNED MESSAGE-----" in text else None

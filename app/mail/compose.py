"""Message -> bytes, ready for SMTP."""

import hashlib
import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from app.mail.addresses import canonical, punycode
from app.mail.charsets import clean
from app.mail.files import File, attach
from app.mail.headers import one_line

MAX_REFERENCES = 20
MAX_SUBJECT = 300

_ID = re.compile(r"[!-;=?-~]{1,900}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_URL = re.compile(r"https?://[^\s<>\"'　-〿＀-￯]+")


def compose(
    *,
    from_name: str,
    from_address: str,
    to: str | Sequence[str],
    subject: str,
    text: str,
    message_id: str,
    in_reply_to: str | None,
    references: Sequence[str],
    date: datetime,
    language: str,
    automatic: bool = False,
    answers: bool = False,
    reply_to: str | None = None,
    signature: str | None = None,
    cc: Sequence[str] = (),
    files: Sequence[File] = (),
) -> bytes:
    """One message with a plain and an HTML part and these files, CRLF line ends. Ids are given without <>; `date` is aware;
    `language` is a tag such as "ko". `automatic` marks it so that other machines do not answer; `answers` says that it
    answers a message, be it one without an id. Line ends in a name or subject become blanks; raises ValueError for an address, id, language or date that cannot be written. An address
    with letters beyond ASCII before its @ is written as UTF-8: its server must speak SMTPUTF8."""
    recipients = [to] if isinstance(to, str) else list(to)
    if not recipients:
        raise ValueError("A message needs a recipient.")
    if date.tzinfo is None:
        raise ValueError("The date of a message needs a zone.")
    if not _LANGUAGE.fullmatch(language):
        raise ValueError(f"Not a language tag: {language!r}")
    fields = [
        ("From", _mailbox(from_name, from_address)),
        ("To", _listed(recipients)),
        ("Cc", _listed(cc)),
        ("Reply-To", _address(reply_to) if reply_to else ""),
        ("Subject", _encoded("Subject", one_line(subject)[:MAX_SUBJECT])),
        ("Date", format_datetime(date.astimezone(UTC))),
        ("Message-ID", _id(message_id)),
        ("In-Reply-To", _id(in_reply_to) if in_reply_to else ""),
        ("References", "\r\n ".join(_id(one) for one in _chain(references, in_reply_to))),
        ("Content-Language", language),
        (
            "Auto-Submitted",
            ("auto-replied" if in_reply_to or answers else "auto-generated") if automatic else "",
        ),
        ("X-Auto-Response-Suppress", "All" if automatic else ""),
    ]
    # The fields are written here, because the modern policy encodes ids longer than a line as words (bpo-35805),
    # and then nobody's client threads.
    head = "".join(f"{name}: {value}\r\n" for name, value in fields if value or name == "Subject")
    return head.encode() + _body(clean(text), clean(signature or ""), language, files, seed=message_id)


def can_be_named(message_id: str) -> bool:
    """Whether a Message-ID can stand in a header. Senders give any: what cannot be written cannot be answered by id."""
    return bool(_ID.fullmatch(message_id.strip().strip("<>")))


def _body(text: str, signature: str, language: str, files: Sequence[File], *, seed: str) -> bytes:
    plain = text.rstrip() + "\n" + (f"\n-- \n{signature.strip()}\n" if signature.strip() else "")
    message = EmailMessage(policy=SMTP)
    message.set_content(plain, charset="utf-8", cte=_encoding(plain))
    markup = _markup(text, signature, language)
    message.add_alternative(markup, subtype="html", charset="utf-8", cte=_encoding(markup))
    # Not random: the same row gives the same bytes, and no line of the content can be the boundary.
    boundary = hashlib.sha256(f"{seed}\n{plain}".encode()).hexdigest()[:40]
    message.set_boundary(f"=_{boundary}")
    for file in files:
        attach(message, file)
    if files:
        message.set_boundary(f"=_files_{boundary}")
    return message.as_bytes()


def _markup(text: str, signature: str, language: str) -> str:
    paragraphs = [f"<p>{_lines(part)}</p>" for part in re.split(r"\n{2,}", text.strip("\n")) if part.strip()]
    if signature.strip():
        paragraphs.append(f"<p>-- <br>\n{_lines(signature.strip())}</p>")
    body = "\n".join(paragraphs)
    return f'<!DOCTYPE html>\n<html lang="{language}">\n<head><meta charset="utf-8"></head>\n<body>\n{body}\n</body>\n</html>\n'


def _lines(text: str) -> str:
    """Escaped, with <br> at line ends and links on web addresses."""
    out: list[str] = []
    at = 0
    for found in _URL.finditer(text):
        url = found[0].rstrip(".,;:!?)]}")
        out.append(html.escape(text[at : found.start()]))
        out.append(f'<a href="{html.escape(url)}">{html.escape(url)}</a>')
        at = found.start() + len(url)
    out.append(html.escape(text[at:]))
    return "".join(out).replace("\n", "<br>\n")


def _encoding(text: str) -> str:
    # Quoted-printable stays readable in Latin scripts and triples the size of others.
    beyond = sum(not c.isascii() for c in text)
    return "base64" if beyond * 5 > len(text) else "quoted-printable"


def _chain(references: Sequence[str], in_reply_to: str | None) -> list[str]:
    """The references that are sent: the first, which names the conversation, and the last twenty."""
    chain = list(dict.fromkeys([*references, *([in_reply_to] if in_reply_to else [])]))
    # They come from others: one that cannot be written is left out rather than stopping the answer.
    chain = [one for one in chain if can_be_named(one)]
    return chain if len(chain) <= MAX_REFERENCES + 1 else [chain[0], *chain[-MAX_REFERENCES:]]


def _id(value: str) -> str:
    inside = value.strip().strip("<>")
    if not _ID.fullmatch(inside):
        raise ValueError(f"Not a Message-ID: {value[:100]!r}")
    return f"<{inside}>"


def _listed(addresses: Sequence[str]) -> str:
    return ",\r\n ".join(_address(one) for one in addresses)


def _mailbox(name: str, address: str) -> str:
    name = one_line(name)
    written = _address(address)
    if not name:
        return written
    if name.isascii() and "=?" not in name:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        quoted = name if _ATOMS.fullmatch(name) else f'"{escaped}"'
        return f"{quoted}\r\n <{written}>"
    return f"{_encoded('From', name)}\r\n <{written}>"


def _address(address: str) -> str:
    """An address as it is written: its domain in ASCII, the part before kept as given."""
    local, _, domain = address.strip().rpartition("@")
    ascii_domain = punycode(domain)
    if canonical(address) is None or ascii_domain is None or re.search(r"[\s\x00-\x1f\x7f]", local):
        raise ValueError(f"Not a mail address: {address[:100]!r}")
    return f"{local}@{ascii_domain}"


def _encoded(name: str, text: str) -> str:
    """Unstructured text as it stands in a header: encoded words where it needs them, folded."""
    plain = text.isascii() and "=?" not in text
    header = Header(text, "us-ascii" if plain else "utf-8", maxlinelen=75, header_name=name)
    return header.encode(linesep="\r\n")

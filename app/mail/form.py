"""What somebody wrote into the public form -> the bytes of a message, so that it is archived and threaded as mail is."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime

from app.mail.charsets import clean
from app.mail.files import File, attach
from app.mail.headers import one_line

__all__ = ["File", "message_from_form"]


def message_from_form(
    *,
    name: str,
    address: str,
    to: str | None,
    subject: str,
    text: str,
    files: Sequence[File],
    date: datetime,
    language: str,
    once: str,
    domain: str,
) -> bytes:
    """The message. `address` is canonical (addresses.canonical), `date` aware, `once` names the page that was filled
    in: the same text sent twice from one page has one Message-ID, another text has another."""
    message = EmailMessage(policy=SMTPUTF8)
    message["From"] = _mailbox(address, one_line(name))
    if to:
        message["To"] = _mailbox(to)
    message["Subject"] = one_line(subject)
    message["Date"] = format_datetime(date.astimezone(UTC))
    message["Message-ID"] = f"<form.{_digest(once, name, address, subject, text, files)}@{domain}>"
    message.set_content(clean(text), charset="utf-8", cte="base64")
    for file in files:
        attach(message, file)
    message["Content-Language"] = language  # last: the body is set by clearing such headers
    return message.as_bytes()


def _mailbox(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _digest(once: str, name: str, address: str, subject: str, text: str, files: Sequence[File]) -> str:
    digest = hashlib.sha256()
    for part in (once, name, address, subject, text, *(file.name for file in files)):
        digest.update(part.encode("utf-8", "replace") + b"\x00")
    for file in files:
        digest.update(hashlib.sha256(file.content).digest())
    return digest.hexdigest()[:40]

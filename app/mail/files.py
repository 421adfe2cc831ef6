"""Files that go with a message we write."""

import re
from dataclasses import dataclass
from email.message import EmailMessage

from app.mail.headers import one_line

LONGEST_FILE_NAME = 200
_TYPE = re.compile(r"(application|audio|font|image|model|text|video)/([a-z0-9][a-z0-9.+-]{0,80})")


@dataclass(frozen=True)
class File:
    """A file as the browser sent it: its name and type are the sender's claims."""

    name: str
    media_type: str
    content: bytes


def attach(message: EmailMessage, file: File) -> None:
    """Adds a file to a message. A type that nobody knows, or that would need to be parsed, becomes bytes."""
    kind = _TYPE.fullmatch(file.media_type.lower())
    main, sub = kind.groups() if kind else ("application", "octet-stream")
    name = one_line(file.name)[-LONGEST_FILE_NAME:] or None
    message.add_attachment(file.content, maintype=main, subtype=sub, filename=name)

"""Signed Message-IDs and reply addresses: an answer finds its ticket, and nobody can guess another's."""

import base64
import hashlib
import hmac
import re
from typing import Protocol

from app.mail.addresses import Mailbox
from app.mail.report import Report

# 15 bytes are 120 bits, and 24 characters of base32 without padding. Base32, because some systems lower-case ids.
_SIGNATURE_BYTES = 15
_SIGNATURE = r"[a-z2-7]{24}"
_NUMBER = r"[1-9][0-9]{0,17}"
_MESSAGE_ID = re.compile(rf"nd\.({_NUMBER})\.({_NUMBER})\.({_SIGNATURE})@[^@\s<>]+", re.ASCII)
_REPLY = re.compile(rf"[^@\s<>+]+\+({_NUMBER})-({_SIGNATURE})@[^@\s<>]+", re.ASCII)


class Threaded(Protocol):
    """What `threads` needs of a message; parse.Message has it."""

    @property
    def in_reply_to(self) -> tuple[str, ...]: ...
    @property
    def references(self) -> tuple[str, ...]: ...
    @property
    def to(self) -> tuple[Mailbox, ...]: ...
    @property
    def cc(self) -> tuple[Mailbox, ...]: ...
    @property
    def delivered_to(self) -> tuple[str, ...]: ...
    @property
    def report(self) -> Report | None: ...


def mint(ticket_id: int, message_id: int, secret: bytes | str, domain: str) -> str:
    """The Message-ID, without <>, of our message `message_id` (a row's id) on a ticket. The same each time, so a
    second copy is recognised. Raises ValueError for ids below 1."""
    _positive(ticket_id, message_id)
    return (
        f"nd.{ticket_id}.{message_id}.{_sign(secret, f'message:{ticket_id}:{message_id}')}@{domain.lower()}"
    )


def read(message_id: str, secret: bytes | str) -> tuple[int, int] | None:
    """(ticket id, message id) of a Message-ID that we minted, with or without <>; None for every other."""
    found = _MESSAGE_ID.fullmatch(message_id.strip().strip("<>").lower())
    if found is None or not _signed(secret, f"message:{found[1]}:{found[2]}", found[3]):
        return None
    return int(found[1]), int(found[2])


def reply_address(ticket_id: int, secret: bytes | str, domain: str, mailbox: str = "ticket") -> str:
    """The address whose mail belongs to this ticket: ticket+<token>@domain. `mailbox` may be the channel's own, where
    its server delivers addresses with a plus."""
    _positive(ticket_id)
    return f"{mailbox}+{ticket_id}-{_sign(secret, f'reply:{ticket_id}')}@{domain.lower()}"


def read_reply_address(address: str, secret: bytes | str) -> int | None:
    """The ticket id of one of our reply addresses; None for every other."""
    found = _REPLY.fullmatch(address.strip().lower())
    if found is None or not _signed(secret, f"reply:{found[1]}", found[2]):
        return None
    return int(found[1])


def threads(message: Threaded, secret: bytes | str) -> tuple[int, int | None] | None:
    """(ticket id, id of our message it answers) from the first signed id: what it answers, then its references from
    the newest back, then the message a delivery report is about, then a reply address (message id None). That the
    sender belongs to the ticket is for the caller to check."""
    about = message.report.original_id if message.report else None
    for one in (*message.in_reply_to, *reversed(message.references), *filter(None, [about])):
        ids = read(one, secret)
        if ids is not None:
            return ids
    for address in (*message.delivered_to, *(box.address for box in (*message.to, *message.cc))):
        ticket_id = read_reply_address(address, secret)
        if ticket_id is not None:
            return ticket_id, None
    return None


def _positive(*numbers: int) -> None:
    if any(not 0 < number < 10**18 for number in numbers):
        raise ValueError("An id to sign must be between 1 and 10^18.")


def _signed(secret: bytes | str, what: str, signature: str) -> bool:
    return hmac.compare_digest(_sign(secret, what), signature)


def _sign(secret: bytes | str, what: str) -> str:
    """Lower-case base32 of an HMAC-SHA256 cut to 120 bits, over a purpose and its numbers."""
    key = secret.encode() if isinstance(secret, str) else secret
    digest = hmac.new(key, f"nightdesk-mail:{what}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:_SIGNATURE_BYTES]).decode("ascii").lower()

"""What a delivery report says: which message it is about, and whom it did not reach."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.mail import charsets
from app.mail.addresses import canonical
from app.mail.headers import split
from app.mail.parts import Part

_ID = re.compile(r"<([^<>\s]{1,990})>")
_MAX_RECIPIENTS = 100


@dataclass(frozen=True)
class Report:
    """A delivery report (RFC 3464). `original_id` is the Message-ID of the message it is about, without <>;
    `failed` the addresses it did not reach for good; `delayed` those it may still reach; `status` the first
    enhanced status code, for example "5.1.1"."""

    original_id: str | None
    failed: tuple[str, ...]
    delayed: tuple[str, ...]
    status: str | None


def report(leaves: Iterable[Part]) -> Report | None:
    """The delivery report in these leaves of a message; None when there is none."""
    original: str | None = None
    fields: list[tuple[str, str]] = []
    found = False
    for part in leaves:
        if part.media_type in ("message/delivery-status", "message/global-delivery-status"):
            fields += _status_fields(part)
            found = True
        elif part.media_type in (
            "message/rfc822",
            "message/global",
            "text/rfc822-headers",
            "message/rfc822-headers",
        ):
            identified = _ID.search(split(part.content)[0].first("message-id"))
            original = original or (identified[1] if identified else None)
    if not found:
        return None
    status = next((value.strip()[:20] for name, value in fields if name == "status"), None)
    return Report(original, _recipients(fields, "failed"), _recipients(fields, "delayed"), status)


def _status_fields(part: Part) -> list[tuple[str, str]]:
    # Groups of fields, one per recipient, separated by empty lines.
    lines = re.sub(r"\n[ \t]+", " ", charsets.decode(part.content[:200_000])).split("\n")
    return [
        (name.strip().lower(), value.strip())
        for name, colon, value in (x.partition(":") for x in lines)
        if colon
    ]


def _recipients(fields: list[tuple[str, str]], action: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    recipient: str | None = None
    for name, value in fields:
        if name in ("final-recipient", "original-recipient"):
            recipient = canonical(value.rpartition(";")[2].strip(" <>")) or recipient
        elif (
            name == "action"
            and value.lower().startswith(action)
            and recipient
            and len(found) < _MAX_RECIPIENTS
        ):
            found[recipient] = None
    return tuple(found)

"""What hangs on a message, with names that are safe to show, store and download."""

import re
import unicodedata
from dataclasses import dataclass

from app.mail.headers import one_line, split, words
from app.mail.parts import Part

MAX_NAME = 120

_EXTENSIONS = {
    "text/plain": "txt", "text/html": "html", "text/calendar": "ics", "text/csv": "csv", "text/vcard": "vcf", "text/x-vcard": "vcf",
    "text/rfc822-headers": "txt", "message/rfc822": "eml", "message/global": "eml", "message/delivery-status": "txt",
    "message/disposition-notification": "txt", "message/feedback-report": "txt", "application/ics": "ics",
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp", "image/heic": "heic", "image/bmp": "bmp",
    "image/tiff": "tif", "image/svg+xml": "svg", "audio/mpeg": "mp3", "video/mp4": "mp4", "application/pdf": "pdf",
    "application/zip": "zip", "application/json": "json", "application/xml": "xml", "text/xml": "xml", "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx", "application/vnd.ms-excel": "xls",
    "application/x-hwp": "hwp", "application/haansofthwp": "hwp",
}  # fmt: skip
# Parts that have a name everybody knows them by, whatever their sender called them or not.
_WELL_KNOWN = {
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "version.asc",
    "application/pgp-keys": "key.asc",
    "application/ms-tnef": "winmail.dat",
    "application/vnd.ms-tnef": "winmail.dat",
    "text/calendar": "invite.ics",
    "message/delivery-status": "delivery-status.txt",
}
_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f\x7f-\x9f]')


@dataclass(frozen=True)
class Attachment:
    """One file of a message. `name` is safe as a file name; `media_type` is what the sender claims, so serve it as a
    download; `size` is in bytes; `inline` means that the HTML shows it in its place."""

    name: str
    media_type: str
    size: int
    content: bytes
    content_id: str | None
    inline: bool


def attachment(part: Part, *, shown_ids: frozenset[str] = frozenset()) -> Attachment:
    """The attachment made from a leaf; `shown_ids` are the Content-IDs that the message's HTML refers to."""
    content = part.content
    shown = part.content_id is not None and part.content_id.lower() in shown_ids
    pictured = part.disposition[0] == "inline" and part.media_type.startswith("image/")
    return Attachment(
        name=safe_name(part.filename) or _default_name(part),
        media_type=part.media_type,
        size=len(content),
        content=content,
        content_id=part.content_id,
        inline=shown or pictured,
    )


def safe_name(name: str) -> str:
    """A file name without folders, control or direction characters, and short, its extension kept; "" when nothing
    usable remains."""
    name = one_line(unicodedata.normalize("NFC", name)).replace("\\", "/").rpartition("/")[2]
    # Format characters reverse or hide letters: "cod.exe" can be shown as "exe.doc".
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cf", "Cc", "Cs", "Co", "Cn"))
    name = _UNSAFE.sub("_", name).strip(" .")
    if len(name) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 12:
        return name[:MAX_NAME].rstrip(" .")
    return stem[: MAX_NAME - len(extension) - 1].rstrip(" .") + "." + extension


def _default_name(part: Part) -> str:
    if part.media_type == "message/rfc822":
        subject = safe_name(words(split(part.content)[0].first("subject")))[: MAX_NAME - 4]
        return (subject or "message") + ".eml"
    if part.media_type in _WELL_KNOWN:
        return _WELL_KNOWN[part.media_type]
    stem = "image" if part.media_type.startswith("image/") else "attachment"
    return f"{stem}.{_EXTENSIONS.get(part.media_type, 'bin')}"

"""A message as a tree of MIME parts.

Not email.parser: that one recurses without a bound (1,000 nested parts end it with RecursionError), compares every
line with every open boundary, and gives 8-bit headers as surrogates. See docs/decisions/0008-mail-parsing.md.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from app.mail import charsets, encodings
from app.mail.headers import Headers, split

# Deeper or more than this nobody sends by hand; what lies beyond is kept whole, as one attachment.
MAX_DEPTH = 20
MAX_PARTS = 1_000

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True)
class Part:
    """One part: its headers, its undecoded body, and the parts in it (none for a leaf)."""

    headers: Headers
    body: bytes
    media_type: str
    parameters: dict[str, str]
    children: tuple["Part", ...] = ()

    @cached_property
    def disposition(self) -> tuple[str, dict[str, str]]:
        """Content-Disposition: "attachment", "inline" or "", and its parameters."""
        return self.headers.content("content-disposition")

    @cached_property
    def content(self) -> bytes:
        """The body without its transfer encoding."""
        return encodings.decoded(self.body, self.headers.first("content-transfer-encoding").strip().lower())

    @property
    def filename(self) -> str:
        """The name the sender gave, as it stands there: unsafe."""
        return self.disposition[1].get("filename") or self.parameters.get("name") or ""

    @property
    def content_id(self) -> str | None:
        """Content-ID without its angle brackets."""
        return self.headers.first("content-id").strip().strip("<>").strip()[:500] or None

    def text(self) -> str:
        """The body as text, for a text part."""
        text = charsets.decode(self.content, self.parameters.get("charset"))
        if self.media_type == "text/plain" and self.parameters.get("format", "").lower() == "flowed":
            return _unflowed(text, self.parameters.get("delsp", "").lower() == "yes")
        return text


def tree(headers: Headers, body: bytes) -> Part:
    """The part made of these headers and this body, with everything inside it. Never raises."""
    return _part(headers, body, default="text/plain", depth=0, left=[MAX_PARTS])


def _part(headers: Headers, body: bytes, *, default: str, depth: int, left: list[int]) -> Part:
    written, parameters = headers.content("content-type")
    media_type = written if _TYPE.fullmatch(written) else default
    boundary = parameters.get("boundary", "")
    if not media_type.startswith("multipart/"):
        return Part(headers, body, media_type, parameters)
    pieces = _pieces(body, boundary, left) if boundary else []
    if not pieces:
        # A multipart without a boundary that occurs is text for whoever reads it.
        return Part(headers, body, "text/plain", {})
    if depth == MAX_DEPTH:
        return Part(headers, body, "application/octet-stream", parameters)
    inner = "message/rfc822" if media_type == "multipart/digest" else "text/plain"
    children = tuple(_part(*split(piece), default=inner, depth=depth + 1, left=left) for piece in pieces)
    return Part(headers, body, media_type, parameters, children)


def _pieces(body: bytes, boundary: str, left: list[int]) -> list[bytes]:
    """What lies between the boundary lines. A missing last line is forgiven: mail gets cut."""
    line = re.compile(
        rb"^--" + re.escape(boundary.encode("utf-8", "replace")) + rb"(--)?[ \t]*(?:\r?\n|\Z)", re.MULTILINE
    )
    pieces: list[bytes] = []
    start: int | None = None
    for found in line.finditer(body):
        if start is not None:
            pieces.append(_without_last_newline(body[start : found.start()]))
            left[0] -= 1
        start = None if found[1] else found.end()
        if found[1] or left[0] <= 0:
            break
    if start is not None and start < len(body):
        pieces.append(body[start:])
    return pieces


def _without_last_newline(piece: bytes) -> bytes:
    return piece[:-2] if piece.endswith(b"\r\n") else piece.removesuffix(b"\n")


def _unflowed(text: str, delete_space: bool) -> str:
    """RFC 3676: a line that ends in a space goes on in the next line of the same quote depth."""
    lines: list[list[str]] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        signature = content == "-- "
        soft = content.endswith(" ") and not signature
        if soft and delete_space:
            content = content[:-1]
        if open_depth == depth and not signature:
            lines[-1].append(content)
        else:
            lines.append([">" * depth + (" " if depth else ""), content])
        open_depth = depth if soft else None
    return "\n".join("".join(pieces) for pieces in lines)

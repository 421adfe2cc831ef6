"""The header block of a message or part: split, unfolded, decoded. Works on raw bytes and never raises."""

import binascii
import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from app.mail import charsets
from app.mail.encodings import base64_bytes

# A forged header can be megabytes long; nothing a person reads needs more than this.
MAX_HEADERS = 1_000
MAX_VALUE = 64_000
MAX_PARAMETERS = 8_000

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:[ \t]*(.*)", re.DOTALL)
_KNOWN = re.compile(
    rb"(?i)(?:received|from|to|cc|bcc|sender|reply-to|subject|date|message-id|in-reply-to|references|return-path"
    rb"|mime-version|content-[a-z-]+|x-[a-z0-9-]+|dkim-signature|list-[a-z-]+)[ \t]*:"
)
_FOLD = re.compile(rb"[ \t]*\r?\n[ \t]*")
_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^?\s]{1,64}\?[bBqQ]\?)")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DIRECTION = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069]"
)  # joiners stay: emoji need them
_PARAMETER = re.compile(r';[ \t]*([^\s=;"]{1,100})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|"[^;]*|[^;"]*)')
_PIECE = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")


class Headers:
    """The fields in their order, as raw bytes; asked by name, without regard to case."""

    def __init__(self, fields: list[tuple[str, bytes]]) -> None:
        self.fields = fields

    def raw(self, name: str) -> list[str]:
        """Every value of `name`, unfolded, charset decoded, encoded words left as they are."""
        return [self._decoded(value) for known, value in self.fields if known.lower() == name]

    def first(self, name: str) -> str:
        """The first value of `name`, undecoded like `raw`; "" where there is none."""
        return next(iter(self.raw(name)), "")

    def text(self, name: str) -> str:
        """The first value of `name` for a person to read: one line, encoded words decoded."""
        return one_line(words(self.first(name)))

    def content(self, name: str) -> tuple[str, dict[str, str]]:
        """A structured value such as Content-Type: lower-case value and its parameters."""
        value = self.first(name)[:MAX_PARAMETERS]
        return value.partition(";")[0].strip().lower(), parameters(value)

    def readable(self) -> Iterator[tuple[str, str]]:
        """All fields, decoded, one line each."""
        for name, value in self.fields:
            yield name, one_line(words(self._decoded(value)))

    def _decoded(self, value: bytes) -> str:
        return charsets.decode(value, self._charset)

    @cached_property
    def _charset(self) -> str | None:
        """The charset of 8-bit headers, which have no label: what all of them together look like, for a short name
        alone looks like anything."""
        return charsets.guess(
            b" ".join(value for _, value in self.fields if not value.isascii() or b"\x1b" in value)
        )


def split(raw: bytes) -> tuple[Headers, bytes]:
    """A message or part as (headers, body). A line that cannot be a header begins the body, except where a
    known header follows: then it is the rest of a line that some gateway broke."""
    fields: list[tuple[str, bytes]] = []
    at = 0
    while at < len(raw):
        end = raw.find(b"\n", at) + 1 or len(raw)
        line = raw[at:end]
        if not line.strip(b"\r\n"):
            return Headers(fields), raw[end:]
        field = _FIELD.match(line.rstrip(b"\r\n"))
        folded = line[:1] in b" \t" and bool(fields)
        if field and not folded:
            if len(fields) < MAX_HEADERS:
                fields.append((field[1].decode("ascii"), b""))
                at, value = _value(raw, at + field.start(2), end)
                fields[-1] = (fields[-1][0], value)
                continue
        elif (
            not folded
            and not (fields and _KNOWN.match(raw, end))
            and not line.startswith((b"From ", b">From "))
        ):
            return Headers(fields), raw[at:]
        at = end
    return Headers(fields), b""


def words(value: str) -> str:
    """`value` with its RFC 2047 encoded words decoded. Neighbours of one charset are joined as bytes first: many
    senders cut a character in two."""
    if "=?" not in value:
        return value
    decoded: list[str] = []
    pending: list[bytes] = []
    charset = ""
    at = 0
    value = _BETWEEN_WORDS.sub(r"\1", value)
    for word in _WORD.finditer(value):
        named = word[1].partition("*")[0].lower()
        if pending and (word.start() > at or named != charset):
            decoded.append(charsets.decode(b"".join(pending), charset))
            pending = []
        decoded.append(value[at : word.start()])
        pending.append(_word_bytes(word[2], word[3]))
        charset, at = named, word.end()
    if pending:
        decoded.append(charsets.decode(b"".join(pending), charset))
    return "".join(decoded) + value[at:]


def parameters(value: str) -> dict[str, str]:
    """The parameters of a structured header, lower-case names, RFC 2231 pieces joined and decoded, and encoded
    words decoded too, which RFC 2047 forbids there and everybody sends."""
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for found in _PARAMETER.finditer(value[:MAX_PARAMETERS]):
        name = _PIECE.fullmatch(found[1].lower())
        if name is not None:
            text = _unquoted(found[2].strip())
            pieces.setdefault(name[1], {}).setdefault(int(name[2] or 0), (text, bool(name[3])))
    return {name: _joined([parts[n] for n in sorted(parts)]) for name, parts in pieces.items()}


def one_line(text: str) -> str:
    """`text` on one line: control characters and runs of blanks are one space."""
    return " ".join(_CONTROL.sub(" ", charsets.clean(text)).split())


def as_name(text: str) -> str:
    """`text` on one line as the name of something: it turns round or hides nothing that stands beside it."""
    return one_line(_DIRECTION.sub("", text))


class _Encoded(NamedTuple):
    charset: str | None
    data: bytes


def _value(raw: bytes, start: int, end: int) -> tuple[int, bytes]:
    """The unfolded value that starts at `start`, and where the next field begins."""
    while raw[end : end + 1] in (b" ", b"\t"):
        following = raw.find(b"\n", end) + 1 or len(raw)
        if not raw[end:following].strip():
            break  # A line of blanks ends the headers for most readers.
        end = following
    return end, _FOLD.sub(b" ", raw[start : min(end, start + MAX_VALUE)]).strip()


def _word_bytes(encoding: str, text: str) -> bytes:
    if encoding in "bB":
        return base64_bytes(text.encode("utf-8", "replace"))
    try:
        return binascii.a2b_qp(text.encode("utf-8", "replace"), header=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    # Old Internet Explorers and Outlooks send unescaped backslashes of a path: only \" and \\ are escapes.
    return re.sub(r'\\(["\\])', r"\1", text[1:-1] if text.endswith('"') and len(text) > 1 else text[1:])


def _joined(pieces: list[tuple[str, bool]]) -> str:
    if not any(percent for _, percent in pieces):
        return words("".join(text for text, _ in pieces))
    first = (
        _extended(pieces[0][0]) if pieces[0][1] else _Encoded(None, pieces[0][0].encode("utf-8", "replace"))
    )
    rest = [
        unquote_to_bytes(text) if percent else text.encode("utf-8", "replace") for text, percent in pieces[1:]
    ]
    return charsets.decode(first.data + b"".join(rest), first.charset)


def _extended(text: str) -> _Encoded:
    charset, mark, rest = text.partition("'")
    _, second, value = rest.partition("'")
    if not (mark and second):
        return _Encoded(None, unquote_to_bytes(text))
    return _Encoded(charset or None, unquote_to_bytes(value))

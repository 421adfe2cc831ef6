"""Content-Transfer-Encoding, read generously: mail arrives with garbage in it, and cut short."""

import binascii
import re

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


def decoded(body: bytes, encoding: str) -> bytes:
    """The content of a part whose Content-Transfer-Encoding is `encoding` (lower case). Never raises; an unknown
    encoding leaves the bytes as they are."""
    if encoding == "base64":
        return base64_bytes(body)
    if encoding in ("quoted-printable", "quotedprintable", "quoted printable"):
        return binascii.a2b_qp(body)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _uudecoded(body)
    return body


def base64_bytes(data: bytes) -> bytes:
    """Base64 with foreign characters skipped, missing padding supplied, and lines that were each encoded alone.
    After the end mark only pure base64 lines count, so a footer some list added is not decoded as content."""
    pure = _NOT_BASE64.sub(b"", data)
    if b"=" not in pure.rstrip(b"="):
        return _quads(pure)
    out: list[bytes] = []
    pending = b""
    ended = False
    for line in data.splitlines():
        if ended and not _BASE64_LINE.fullmatch(line.strip()):
            break
        for piece in re.findall(rb"[^=]+=*|=+", _NOT_BASE64.sub(b"", line)):
            pending += piece
            if piece.endswith(b"="):
                out.append(_quads(pending))
                pending, ended = b"", True
    return b"".join(out) + _quads(pending)


def _quads(pure: bytes) -> bytes:
    pure = pure.rstrip(b"=")
    if len(pure) % 4 == 1:
        pure = pure[:-1]
    return binascii.a2b_base64(pure + b"=" * (-len(pure) % 4))


def _uudecoded(body: bytes) -> bytes:
    out: list[bytes] = []
    for line in body.splitlines():
        if line.startswith(b"begin ") or not line:
            continue
        if line == b"end":
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders count the last line wrongly: its own length byte says how much is content.
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                return body
    return b"".join(out)

"""Mail addresses out of headers, and into them."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from app.mail.headers import one_line, words

MAX_ADDRESSES = 200

_LOCAL = re.compile(r"[^\s<>,;:()\[\]\\\"@\x00-\x20\x7f-\x9f]{1,128}")
_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,250}[a-z0-9])?|\[[0-9a-f.:]{3,60}\]")
_BARE = re.compile(r"[^\s<>,;:()\"]{1,128}@[^\s<>,;()\"]{1,255}")
_COMMENT = re.compile(r"\(([^()]{0,500})\)")
_BIDI = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
MAX_NAME = 200


class Mailbox(NamedTuple):
    """One address with the name beside it; the name is "" where there is none."""

    name: str
    address: str


def mailboxes(value: str) -> tuple[Mailbox, ...]:
    """The usable addresses of one header value whose encoded words are not yet decoded; at most 200. Groups
    ("undisclosed-recipients:;") give what is in them."""
    found = [box for piece in _pieces(value) if (box := _mailbox(piece)) is not None]
    if not found and "=?" in value:
        # Some senders encode the whole header, the address included.
        decoded = words(value)
        found = [box for piece in _pieces(decoded) if (box := _mailbox(piece)) is not None]
    return tuple(found[:MAX_ADDRESSES])


def canonical(address: str) -> str | None:
    """The one spelling of an address that is stored and compared: lower case, NFKC, the domain in its ASCII form
    (xn--...). None when it is not a usable address."""
    local, at, domain = address.strip().rpartition("@")
    if local.startswith('"') and local.endswith('"') and len(local) > 2:
        local = local[1:-1]
    # Each side is normalised alone: a full-width @ must not move the border between the two.
    local = unicodedata.normalize("NFKC", local).lower()
    if not at or not _LOCAL.fullmatch(local):
        return None
    ascii_domain = punycode(domain)
    return f"{local}@{ascii_domain}" if ascii_domain else None


def punycode(domain: str) -> str | None:
    """The ASCII form of a domain, lower case; None when it is not one."""
    domain = unicodedata.normalize("NFKC", domain.strip().rstrip(".")).lower()
    if len(domain) > 253:
        return None
    try:
        domain = ".".join(_label(label) for label in domain.split("."))
    except UnicodeError:
        return None
    return domain if _DOMAIN.fullmatch(domain) and ".." not in domain else None


def _label(label: str) -> str:
    # The standard library's codec is the IDNA of 2003, which writes straße.de as strasse.de: since 2008 that is
    # another domain, and a letter would reach a stranger.
    if "ß" in label or "ς" in label:
        return "xn--" + label.encode("punycode").decode("ascii")
    return label.encode("idna").decode("ascii").lower() if not label.isascii() else label


def _pieces(value: str) -> Iterator[str]:
    """`value` cut at commas and semicolons that stand outside quotes, comments and angle brackets."""
    start = depth = 0
    quoted = angle = escaped = False
    for at, char in enumerate(value):
        if escaped:
            escaped = False
        elif char == "\\" and (quoted or depth):
            escaped = True
        elif char == '"' and not depth:
            quoted = not quoted
        elif quoted:
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif depth:
            continue
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char in ",;" and not angle:
            yield value[start:at]
            start = at + 1
        elif char == ":" and not angle:
            start = at + 1
    if quoted or depth or angle:
        # Something was never closed: better two rough pieces than one that hides every address.
        yield from re.split("[,;]", value[start:])
    else:
        yield value[start:]


def _mailbox(piece: str) -> Mailbox | None:
    before, bracket, rest = piece.rpartition("<")
    if bracket:
        inside = rest.partition(">")[0]
        # A source route (<@relay:name@host>) ends at its colon.
        address = canonical(re.sub(r"\s+", "", inside.rpartition(":")[2]))
        if address is not None:
            return Mailbox(_name(before, address), address)
    bare = _BARE.search(_COMMENT.sub(" ", piece))
    address = canonical(bare[0]) if bare else None
    if address is None:
        return None
    comment = _COMMENT.search(piece)
    return Mailbox(_name(comment[1] if comment else "", address), address)


def _name(text: str, address: str) -> str:
    text = text.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    # Direction marks let a name imitate an address: they have no place in it.
    name = _BIDI.sub("", one_line(words(text))).strip("\"' ")[:MAX_NAME].rstrip()
    return "" if name.lower() == address else name

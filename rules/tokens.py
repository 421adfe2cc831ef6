"""Texts as the tokens that search compares: the same for what is stored and for what is looked for, on both databases.

Case, width and accents are folded. A word is letters and digits; what stands between words is left out, so an address
is also its parts. In scripts that are written without blanks, or with endings that touch (Chinese, Japanese, Korean,
Thai and its neighbours), any run of characters can be looked for: there each character is one token together with the
character that follows it ("환불은" is "환불 불은 은"), so that a run is found as a phrase. An emoji is a token, too.

`document()` joins tokens by blanks, and what is looked for is a part of that text: one LIKE pattern says exactly what
matches. An index over the tokens only finds the documents faster.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

LONGEST_WORD = 64  # characters; a longer one is cut, in what is stored and in what is looked for
MOST_CHARACTERS = 100_000  # of one part of a document: PostgreSQL holds at most 1 MB of different tokens
BETWEEN = "·"  # stands between the parts of a document, which no phrase may span; no token contains it


@dataclass(frozen=True)
class Phrase:
    """What is looked for: these tokens one after another. `cut`: the last may go on."""

    tokens: tuple[str, ...]
    cut: bool

    @property
    def pattern(self) -> str:
        """The LIKE pattern of a document. No token holds a character that means something to LIKE."""
        return f"%{self.needle}%"

    @property
    def whole(self) -> str:
        """The pattern of a document in which the last token does not go on."""
        return f"% {' '.join(self.tokens)} %"

    @property
    def needle(self) -> str:
        """What a document contains when it matches."""
        return f" {' '.join(self.tokens)}{'' if self.cut else ' '}"


def document(parts: Iterable[str]) -> str:
    """The stored text of a document: the tokens of its parts between blanks."""
    listed = (" ".join(_listed(fold(part[:MOST_CHARACTERS])[:MOST_CHARACTERS])) for part in parts)
    return f" {f' {BETWEEN} '.join(part for part in listed if part)} "


def phrase(text: str) -> Phrase | None:
    """What `text` looks for: its words in this order, the last as the beginning of one; of Chinese, Japanese or Korean
    any run of characters. None when there is neither a word nor an emoji in it: no document contains that."""
    words = _WORD.findall(fold(text))
    if not words:
        return None
    *before, last = words
    tokens = [token for word in before for token in _pieces(word)]
    if len(last) > 1 and _RUN.match(last):  # open at its end: what follows is not asked for
        return Phrase((*tokens, *_pieces(last)[:-1]), cut=False)
    return Phrase((*tokens, last[:LONGEST_WORD]), cut=not _SIGN.match(last))


def fold(text: str) -> str:
    """`text` with case, width and accents folded, and what is not to be seen left out."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    bare = _ACCENT.sub("", unicodedata.normalize("NFD", folded)).translate(_LETTERS)
    return unicodedata.normalize("NFKC", bare)


def places(text: str, phrases: Sequence[Phrase]) -> list[tuple[int, int]]:
    """Where the phrases stand in a text as it was written: (from, until) of each place, apart and in order."""
    folded, begins, ends = _traced(text)
    tokens = list(_tokens(folded))
    joined = f" {' '.join(token for token, _ in tokens)} "
    token_at, position = {}, 0
    for token, at in tokens:
        token_at[position] = at
        position += len(token) + 1
    found = []
    for each in phrases:
        length = len(each.tokens[-1])
        start = joined.find(each.needle)
        while start >= 0:
            last_at = token_at[start + len(each.needle.rstrip(" ")) - length - 1]
            found.append((begins[token_at[start]], ends[last_at + length - 1]))
            start = joined.find(each.needle, start + 1)
    return _apart(found)


def excerpt(text: str, phrases: Sequence[Phrase], longest: int | None = None) -> list[tuple[str, bool]]:
    """`text` in pieces, True for those that were looked for; with `longest` only so many characters around the first."""
    text = " ".join(text.split())
    found = places(text, phrases)
    start, until = _window(text, found[0][0] if found else 0, longest or len(text))
    pieces = [("…", False)] if start else []
    for place, end in found:
        if start <= place and end <= until:
            pieces += [(text[start:place], False), (text[place:end], True)]
            start = end
    pieces += [(text[start:until], False)] + ([("…", False)] if until < len(text) else [])
    return [piece for piece in pieces if piece[0]]


def _window(text: str, around: int, longest: int) -> tuple[int, int]:
    """Where to begin and end; between words, where there is a blank nearby."""
    start = min(max(0, around - longest // 3), max(0, len(text) - longest))
    blank = text.find(" ", start, around) if start else -1
    start = blank + 1 if 0 <= blank < start + 20 else start
    until = min(len(text), start + longest)
    blank = text.rfind(" ", max(around + 1, until - 20), until) if until < len(text) else -1
    return start, blank if blank > 0 else until


def _tokens(folded: str) -> Iterator[tuple[str, int]]:
    """(token, where it begins) of folded text; a token is always a piece of that text."""
    for found in _WORD.finditer(folded):
        yield from ((token, found.start() + place) for place, token in enumerate(_pieces(found[0])))


def _pieces(word: str) -> list[str]:
    """A word's one token; of a run one for each character, with the character that follows."""
    return [word[at : at + 2] for at in range(len(word))] if _RUN.match(word) else [word[:LONGEST_WORD]]


def _listed(folded: str) -> list[str]:
    """The tokens alone: every message passes here."""
    if folded.isascii():
        return [word[:LONGEST_WORD] for word in _ASCII.findall(folded)]
    return [token for word in _WORD.findall(folded) for token in _pieces(word)]


def _traced(text: str) -> tuple[str, list[int], list[int]]:
    """(folded text, for each of its characters where it came from, and where that ended)."""
    if text.isascii():
        return text.lower(), list(range(len(text))), list(range(1, len(text) + 1))
    parts: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    for found in _CLUSTER.finditer(text):
        part = fold(found[0])
        parts.append(part)
        begins += [found.start()] * len(part)
        ends += [found.end()] * len(part)
    return "".join(parts), begins, ends


def _apart(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _class(*ranges: tuple[int, int], of: str = "") -> str:
    """The inside of a regular expression's [...]; with `of` only the characters of these categories."""
    if not of:
        return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
    every = (chr(code) for first, last in ranges for code in range(first, last + 1))
    return "".join(sign for sign in every if unicodedata.category(sign) in of.split())


_RUNS = _class(
    (0x0E01, 0x0E3A), (0x0E40, 0x0E4E), (0x0E50, 0x0E59), (0x0E81, 0x0EDF),  # Thai, Lao
    (0x1000, 0x1049), (0x1050, 0x109F), (0x1780, 0x17D3), (0x17DC, 0x17DD), (0x17E0, 0x17E9),  # Burmese, Khmer
    (0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97F), (0xAC00, 0xD7A3), (0xD7B0, 0xD7FF),  # Korean
    (0x3041, 0x3096), (0x3099, 0x309A), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF),
    (0x3005, 0x3007), (0x3105, 0x312F), (0x31A0, 0x31BF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0x20000, 0x3FFFD),
)  # fmt: skip
_SIGNS = _class((0x2600, 0x27BF), (0x1F000, 0x1F3FA), (0x1F400, 0x1FBFF))
# Signs of scripts that write vowels above and below: without them the letters are another word.
_MARKS = _class(
    (0x0900, 0x0DFF), (0x0F18, 0x0FBC), (0x1A00, 0x1AAF), (0x1B00, 0x1C7F), (0xA800, 0xABFF), of="Mn Mc"
)
_ASCII = re.compile("[a-z0-9]+")
_RUN = re.compile(f"[{_RUNS}]")
_SIGN = re.compile(f"[{_SIGNS}]")
_WORD = re.compile(f"[{_RUNS}]+|[{_SIGNS}]|(?:(?![{_RUNS}{_SIGNS}])[^\\W_]|[{_MARKS}])+")
# Accents, points and vowel signs that may be left out, variants of signs, and what only helps to break lines.
_ACCENTS = _class(
    (0x0300, 0x036F), (0x0483, 0x0487), (0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2), (0x05C4, 0x05C5),
    (0x05C7, 0x05C7), (0x0610, 0x061A), (0x0640, 0x0640), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06DC),
    (0x06DF, 0x06E4), (0x06E7, 0x06E8), (0x06EA, 0x06ED), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0x00AD, 0x00AD), (0x2060, 0x2060), (0xFEFF, 0xFEFF),
)  # fmt: skip
_ACCENT = re.compile(f"[{_ACCENTS}]+")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
# A character with what is written onto it, so that each part folds as it does within the whole text.
_CLUSTER = re.compile(f"(?s:.)[{_ACCENTS}\u3099\u309a\uff9e\uff9f\u1160-\u11ff]*")

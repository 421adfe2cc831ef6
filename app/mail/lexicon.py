"""Word lists of moods: what words and phrases of a language weigh, and which of them a text holds.

The lists that come with the desk are files in moods/, one a language. A line of a list is a word or a phrase and its
weight, from -100 (furious) to 100 (delighted); 0 says that a word means nothing, such as "problem" to a support desk. A `*`
at the end of a word stands for any ending.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "moods"
LANGUAGES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
WEIGHTIEST = 100
REACH = 3  # words before one that is negated
TURNED = {True: -0.75, False: -0.3}  # what is left of a pleased word that is negated, and of an angry one

_ENDING = re.compile("(?<=[가-힣])[가-힣]{1,5}")

Words = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Hit:
    """A word that was found, as it stands in the text, and what it weighs there."""

    text: str
    weight: int


@dataclass(frozen=True)
class Grammar:
    """How a language writes: `apart` words have blanks between them. `before` a word these turn it; what may be `after`
    one that is pleased or angry turns that."""

    apart: bool
    before: tuple[str, ...]
    after_pleased: tuple[str, ...]
    after_angry: tuple[str, ...]


def seeded(language: str) -> Words:
    """The list that comes with the desk; empty for a language that has none."""
    return _file(language)[1] if language in LANGUAGES else ()


def found(text: str, language: str, words: Words) -> tuple[list[Hit], str]:
    """(the words of a list in a text, in their order, and the text without them). Nothing for a language without a list."""
    if language not in LANGUAGES or not words:
        return [], text
    return _matcher(language, words).found(text)


class _Matcher:
    """One list, ready to be looked for."""

    def __init__(self, grammar: Grammar, words: Words) -> None:
        self._apart = grammar.apart
        self._weights: dict[str, int] = {}
        for word, weight in words:
            parts = self._fold(word).split()
            if parts and all(part.strip("*") for part in parts):
                self._weights.setdefault(" ".join(parts), weight)
        # The longest first, so that "not acceptable" is not "acceptable".
        ordered = sorted(self._weights, key=lambda one: (-len(one.rstrip("*")), one))
        self._open = [(one, re.compile(self._pattern(one))) for one in ordered if "*" in one]
        self._weights |= {} if self._apart else {one.replace(" ", ""): self._weights[one] for one in ordered}
        # No groups: so an alternative that begins with another letter is passed over at once.
        either = "|".join(map(self._pattern, ordered)) or r"(?!)"
        self._words = re.compile(rf"(?<!\w)(?:{either})(?!\w)" if self._apart else either)
        turning = "|".join(self._pattern(self._fold(one)) for one in grammar.before)
        between = rf"\s+(?:[\w'-]+\s+){{0,{REACH - 1}}}"
        self._before = re.compile(rf"(?<!\w)(?:{turning}){between}\Z") if turning else None
        self._after = {
            True: self._behind(grammar.after_pleased),
            False: self._behind(grammar.after_angry),
        }

    def found(self, text: str) -> tuple[list[Hit], str]:
        text = unicodedata.normalize("NFC", text)
        folded, begins, ends = self._traced(text)
        hits: list[Hit] = []
        rest: list[str] = []
        done = 0
        for match in self._words.finditer(folded):
            start, end = begins[match.start()], ends[match.end() - 1]
            rest += [text[done:start], " "]
            done = max(done, end)
            weight = self._weight(match[0])
            if weight and (turned := self._turned(folded, match, weight > 0)):
                weight = round(weight * TURNED[weight > 0])
                start, end = begins[turned[0]], ends[turned[1] - 1]
            ending = _ENDING.match(text, end)  # in Korean it belongs to the word that people read
            hits.append(Hit(" ".join(text[start : ending.end() if ending else end].split()), weight))
        return hits, "".join([*rest, text[done:]])

    def _weight(self, found: str) -> int:
        word = " ".join(found.split()) if self._apart else "".join(found.split())
        if word in self._weights:
            return self._weights[word]
        return next(self._weights[one] for one, pattern in self._open if pattern.fullmatch(word))

    def _turned(self, folded: str, match: re.Match[str], pleased: bool) -> tuple[int, int] | None:
        """Where a word stands together with what negates it; None when nothing does."""
        if self._before is not None:
            begun = max(0, match.start() - 60)
            before = folded[begun : match.start()]
            sentence = re.split(r"[.!?;:,\n]", before)[-1]
            if found := self._before.search(sentence):
                return match.start() - len(sentence) + found.start(), match.end()
        after = self._after[pleased]
        found = after.match(folded, match.end()) if after is not None else None
        return (match.start(), found.end()) if found else None

    def _behind(self, signs: tuple[str, ...]) -> re.Pattern[str] | None:
        either = "|".join(self._pattern(self._fold(one)) for one in signs)
        return re.compile(rf"\w{{0,3}}?(?:{either})") if either else None

    def _pattern(self, folded: str) -> str:
        """Where words are not written apart, people put blanks where they like."""
        parts = [
            re.escape(part.rstrip("*")) + (r"\w*" if part.endswith("*") else "") for part in folded.split()
        ]
        return (r"\s+" if self._apart else r"\s*").join(parts)

    def _fold(self, text: str) -> str:
        folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
        return _bare(folded) if self._apart else folded

    def _traced(self, text: str) -> tuple[str, list[int] | range, list[int] | range]:
        """(folded text, for each of its characters where it came from, and where that ended)."""
        if text.isascii():
            return text.lower(), range(len(text)), range(1, len(text) + 1)
        parts: list[str] = []
        begins: list[int] = []
        ends: list[int] = []
        for place, sign in enumerate(text):
            folded = sign.lower() if sign.isascii() else self._fold(sign)
            parts.append(folded)
            begins += [place] * len(folded)
            ends += [place + 1] * len(folded)
        return "".join(parts), begins, ends


def _bare(text: str) -> str:
    """Without accents: people leave them out."""
    if text.isascii():
        return text
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))


@lru_cache(maxsize=32)
def _matcher(language: str, words: Words) -> _Matcher:
    return _Matcher(_file(language)[0], words)


@cache
def _file(language: str) -> tuple[Grammar, Words]:
    with (FOLDER / f"{language}.toml").open("rb") as file:
        data = tomllib.load(file)
    grammar = Grammar(
        data["apart"],
        tuple(data.get("before", ())),
        tuple(data.get("after_pleased", ())),
        tuple(data.get("after_angry", ())),
    )
    return grammar, tuple(_listed(data["words"]))


def _listed(words: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for word, weight in words.items():
        if not -WEIGHTIEST <= weight <= WEIGHTIEST:
            raise ValueError(f"{word}: {weight}")
        yield word, weight

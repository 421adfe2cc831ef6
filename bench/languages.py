"""How often the language of a short subject is told right, and how a customer feels: of what is told, how much is true.

Unknown is no mistake, but it is counted beside. subjects.toml and texts.toml were written for this, like those that customers
write; nothing was trained on them. Needs no desk.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from app.mail import lexicon
from app.mail.language import detect
from app.mail.mood import hear, judge
from bench.figure import Figure
from bench.places import Place

HERE = Path(__file__).parent
DESK = ("en", "de", "fr", "es", "ko", "ja")
RIGHT_LANGUAGES, RIGHT_MOODS = 97.0, 90.0  # of a hundred that are told


class Told(NamedTuple):
    """Of how many texts, how many were told, and how many of these right."""

    all: int
    told: int
    right: int

    @property
    def precision(self) -> float:
        return 100 * self.right / self.told if self.told else 100.0

    def __str__(self) -> str:
        return f"{self.right} of {self.told} told, {self.all - self.told} of {self.all} unknown"


def measure(_place: Place, _most: int) -> list[Figure]:
    figures = []
    for what, found, target in (
        ("language of short subjects", languages(), RIGHT_LANGUAGES),
        ("mood of messages", moods(), RIGHT_MOODS),
    ):
        for name, told in found.items():
            print(f"{what}, {name}: {told}")
        every = _sum(found.values())
        each = ", ".join(f"{name} {told.precision:.0f}" for name, told in found.items())
        figures.append(
            Figure(
                f"precision of the {what}", every.precision, "%", target, more=True, detail=f"{every}; {each}"
            )
        )
    return figures


def languages() -> dict[str, Told]:
    """By language; "none" are those that nobody can tell: every one that is told is wrong."""
    with (HERE / "subjects.toml").open("rb") as file:
        subjects = tomllib.load(file)
    found = {}
    for language, texts in subjects.items():
        told = [each for each in (detect(text, DESK)[0] for text in texts) if each is not None]
        found[language] = Told(len(texts), len(told), told.count(language))
    return found


def moods() -> dict[str, Told]:
    """By language. A calm text is told wrong by whatever is told of it."""
    with (HERE / "texts.toml").open("rb") as file:
        said = tomllib.load(file)
    return {
        language: _sum(_moods(language, kind, texts) for kind, texts in of.items())
        for language, of in said.items()
    }


def _moods(language: str, kind: str, texts: list[str]) -> Told:
    words = lexicon.seeded(language)
    scores = [judge(hear(text, language, words)).score for text in texts]
    told = [score for score in scores if score is not None]
    right = {"angry": lambda score: score < 0, "pleased": lambda score: score > 0, "calm": lambda _: False}[
        kind
    ]
    return Told(len(texts), len(told), sum(map(right, told)))


def _sum(each: Iterable[Told]) -> Told:
    return Told(*map(sum, zip(*each, strict=True)))

"""The words of moods as a manager writes them: a line for each, the word and behind it what it weighs."""

import re
from datetime import datetime

from app.database import db
from app.desk import access
from app.desk.events import record
from app.desk.refused import Refused
from app.mail import lexicon
from app.mail.lexicon import WEIGHTIEST, Words
from app.models.desk import Desk
from app.models.event import By
from app.models.mood_list import MoodList, words_of
from app.words import N_

MOST_WORDS = 2_000
LONGEST_WORD = 60
LONGEST_TEXT = 100_000
_LINE = re.compile(r"(?P<word>.*\S)\s+(?P<weight>[+-]?[0-9]{1,3})")


def written(words: Words) -> str:
    """The list as text, which read() reads as the same list: the angriest first, then the most pleased, then what says
    nothing."""
    ordered = sorted(words, key=lambda one: (one[1] >= 0, one[1] == 0, -abs(one[1])))
    return "\n".join(f"{word} {weight}" for word, weight in ordered)


def read(text: str) -> Words:
    """The list that somebody has written. Refused with the number of the line that is none."""
    text = text.replace("\x00", "").replace("\N{MINUS SIGN}", "-")
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text[:LONGEST_TEXT].splitlines(), 1):
        if not line.strip():
            continue
        word, weight = _entry(line.strip(), number)
        if found.setdefault(word.casefold(), (word, weight)) != (word, weight):
            raise Refused(
                N_("Line %(n)s: “%(word)s” stands there twice."), field="words", n=number, word=word
            )
    if len(found) > MOST_WORDS or len(text) > LONGEST_TEXT:
        raise Refused(N_("A list has at most %(most)s words."), field="words", most=MOST_WORDS)
    return tuple(found.values())


def change(desk: Desk, language: str, words: Words, *, by: By, now: datetime) -> None:
    """These are the words of a language from now on; what has been found already stays as it is."""
    access.demand(by, "edit_moods", None, now)
    if language not in lexicon.LANGUAGES:
        raise access.not_found()
    before = words_of(language)
    if set(before) == set(words):
        return
    row = db.session.get(MoodList, language)
    if set(words) == set(lexicon.seeded(language)):
        db.session.delete(row)
    elif row is None:
        db.session.add(MoodList(language=language, words=[list(one) for one in words], changed_at=now))
    else:
        row.words, row.changed_at = [list(one) for one in words], now
    told = {"added": sorted(set(words) - set(before)), "removed": sorted(set(before) - set(words))}
    record(desk, "moods.changed", ("mood_list", 0), by=by, now=now, new=language, words=told)


def reset(desk: Desk, language: str, *, by: By, now: datetime) -> None:
    """The words that come with the desk count again."""
    change(desk, language, lexicon.seeded(language), by=by, now=now)


def _entry(line: str, number: int) -> tuple[str, int]:
    found = _LINE.fullmatch(line)
    if found is None or abs(int(found["weight"])) > WEIGHTIEST:
        raise Refused(
            N_("Line %(n)s: write a word and behind it a number from -100 to 100, such as: %(example)s"),
            field="words",
            n=number,
            example="unacceptable -65",
        )
    word = " ".join(found["word"].split())
    if len(word) > LONGEST_WORD:
        raise Refused(
            N_("Line %(n)s: a word has at most %(most)s characters."),
            field="words",
            n=number,
            most=LONGEST_WORD,
        )
    if not all(part.strip("*") for part in word.split()):
        raise Refused(N_("Line %(n)s: a `*` stands at the end of a word."), field="words", n=number)
    return word, int(found["weight"])

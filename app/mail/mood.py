"""How the customer who wrote a text feels: from -100 (furious) to 100 (delighted), or unknown, with the words that say so.

Words come from lists, in English from vaderSentiment beside; capitals, "!!" and faces need no language, and what happened before
("third message without an answer") adds to it. Whatever is short, mixed or weak stays unknown: nobody is called angry by mistake.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.mail import lexicon
from app.mail.lexicon import Hit, Words

MAX_LENGTH = 4_000
SURE = 30  # what is weaker is unknown
FEWEST_LETTERS = 10  # of a text; of Chinese, Japanese and Korean FEWEST_CHARACTERS
FEWEST_CHARACTERS = 5
MIXED = 0.5  # of what speaks against it: more, and nobody can tell
MOST_REASONS = 5
VADER_PLEASED, VADER_ANGRY = (
    9,
    12,
)  # its words weigh up to 4; what is pleasant in its world is often only polite in ours
LONGEST_SENTENCE = 40  # words: it takes the square of it
WEAKEST_WORD = 12

WORD, SIGNS, CAPITALS, UNANSWERED, REOPENED = "word", "signs", "capitals", "unanswered", "reopened"
UNANSWERED_FROM = 3  # messages of the customer since our last answer

Reason = tuple[str, str]

_SENTENCE = re.compile(r"[.!?…\n]+")
_EXCLAIMED = re.compile(r"[!?！？]{2,}")
_LETTER = re.compile(r"[^\W\d_]")
_WIDE = re.compile("[\u1100-\u11ff\u3041-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7a3]")
_SHOUTED = re.compile(r"(?<![\w-])[^\W\d_]{4,}(?![\w-])")
_FACES = {
    **dict.fromkeys("😡🤬😠👿", -65),
    **dict.fromkeys("😤💩🖕", -50),
    **dict.fromkeys("😒🙄👎😞😩😫", -35),
    **dict.fromkeys("😍🥰🤩", 50),
    **dict.fromkeys("😊😀😃😄😁🎉👏❤💕💖", 35),
    **dict.fromkeys("👍🙏🙂", 12),
}


@dataclass(frozen=True)
class Heard:
    """What a text alone says: how much is angry and pleased in it, by what; `strength` of signs that need no language."""

    angry: int = 0
    pleased: int = 0
    words: tuple[Hit, ...] = ()
    signs: tuple[Reason, ...] = ()
    strength: int = 0
    long: bool = False


NOTHING = Heard()


@dataclass(frozen=True)
class Mood:
    """`score` is -100..100, None while unknown; `reasons` are what led to it, the weightiest first, none when unknown."""

    score: int | None = None
    reasons: tuple[Reason, ...] = ()


def hear(text: str, language: str | None, words: Words = ()) -> Heard:
    """What a text says, whose words are looked up in the list of its language. English loads vaderSentiment."""
    text = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith(">"))[:MAX_LENGTH]
    hits, rest = lexicon.found(text, language, words) if language else ([], text)
    if language == "en":
        hits += _vader(rest)
    hits += [Hit(sign, _FACES[sign]) for sign in dict.fromkeys(text) if sign in _FACES]
    hits = _each_once(hit for hit in hits if hit.weight)
    signs, strength = _signs(text)
    letters, wide = len(_LETTER.findall(text)), len(_WIDE.findall(text))
    return Heard(
        angry=_together(-hit.weight for hit in hits if hit.weight < 0),
        pleased=_together(hit.weight for hit in hits if hit.weight > 0),
        words=tuple(sorted(hits, key=lambda hit: -abs(hit.weight))),
        signs=signs,
        strength=strength,
        long=letters >= FEWEST_LETTERS or wide >= FEWEST_CHARACTERS,
    )


def judge(heard: Heard, *, unanswered: int = 0, reopened: bool = False) -> Mood:
    """The mood of a message. `unanswered` counts the customer's messages since our last answer, with this one; `reopened`:
    it opens again what was resolved."""
    if not heard.long:
        return Mood()
    before, told_before = _before(unanswered, reopened)
    if min(heard.angry, heard.pleased) > MIXED * max(heard.angry, heard.pleased):
        return Mood()
    if heard.pleased > heard.angry:
        score = heard.pleased - heard.angry // 2 + (heard.strength // 2 if heard.pleased >= SURE else 0)
        return _told(score, heard, ()) if heard.pleased >= SURE else Mood()
    # What came before makes an angry word weightier; alone it says nothing of a feeling.
    angry = heard.angry - heard.pleased // 2 + heard.strength
    return _told(-angry - before, heard, told_before) if angry else Mood()


def _told(score: int, heard: Heard, before: Sequence[Reason]) -> Mood:
    if abs(score) < SURE:
        return Mood()
    same = [hit for hit in heard.words if (hit.weight > 0) == (score > 0) and abs(hit.weight) >= WEAKEST_WORD]
    reasons = [*((WORD, hit.text[:60]) for hit in same[:MOST_REASONS]), *heard.signs, *before]
    return Mood(max(-100, min(100, score)), tuple(reasons))


def _before(unanswered: int, reopened: bool) -> tuple[int, Sequence[Reason]]:
    found: list[Reason] = []
    weight = 0
    if unanswered >= UNANSWERED_FROM:
        weight += min(20 + 10 * (unanswered - UNANSWERED_FROM), 40)
        found.append((UNANSWERED, str(unanswered)))
    if reopened:
        weight += 10
        found.append((REOPENED, ""))
    return weight, found


def _together(weights: Iterable[int]) -> int:
    """The weightiest word counts whole, each further one half of the one before: many weak words are no strong one."""
    total, share = 0.0, 1.0
    for weight in sorted(weights, reverse=True)[:6]:
        total += weight * share
        share /= 2
    return min(100, round(total))


def _each_once(hits: Iterable[Hit]) -> list[Hit]:
    found: dict[str, Hit] = {}
    for hit in hits:
        found.setdefault(hit.text.casefold(), hit)
    return list(found.values())


def _signs(text: str) -> tuple[tuple[Reason, ...], int]:
    """Capitals and repeated signs. They say how strongly, not what."""
    found: list[Reason] = []
    strength = 0
    longest = max(_EXCLAIMED.findall(text), key=len, default="")
    if longest:
        strength += 20 if len(longest) > 2 else 10
        found.append((SIGNS, longest[:5].replace("！", "!").replace("？", "?")))
    words = _SHOUTED.findall(text)
    shouted = [word for word in words if word.isupper()]
    if len(shouted) >= 3 and 2 * len(shouted) >= len(words):
        strength += 15
        found.append((CAPITALS, ""))
    return tuple(found), strength


def _vader(text: str) -> list[Hit]:
    """The English words that vaderSentiment knows, each as it weighs in its sentence: negated, or made stronger."""
    found: list[Hit] = []
    for sentence in _sentences(text):
        said = _sentence_of(sentence)
        words = said.words_and_emoticons
        weights: list[float] = []
        for place, word in enumerate(words):
            if word.lower() in _boosters():
                weights.append(0)
            else:
                weights = _analyzer().sentiment_valence(0, said, word, place, weights)
        found += [
            Hit(word, round(weight * (VADER_PLEASED if weight > 0 else VADER_ANGRY)))
            for word, weight in zip(words, weights, strict=True)
            if abs(weight) >= 1
        ]
    return found


def _sentences(text: str) -> Iterable[str]:
    for sentence in _SENTENCE.split(text):
        words = sentence.split()
        for begun in range(0, len(words), LONGEST_SENTENCE):
            yield " ".join(words[begun : begun + LONGEST_SENTENCE])


# Below, not above: only a process that receives messages needs the library.
@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def _boosters() -> Any:
    from vaderSentiment.vaderSentiment import BOOSTER_DICT

    return BOOSTER_DICT


def _sentence_of(text: str) -> Any:
    from vaderSentiment.vaderSentiment import SentiText

    return SentiText(text)

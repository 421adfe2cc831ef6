"""Which of the desk's languages a text is in: scripts first, then py3langid."""

import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

MIN_LETTERS = 4
MIN_CONFIDENCE = 60
FEW_LETTERS, CONFIDENCE_OF_FEW = (
    12,
    80,
)  # a name or one word looks like some language: more is wanted of these
MAX_LENGTH = 4_000

# What says nothing about the language of the text around it: addresses, order numbers, product names.
_NOISE = re.compile(
    r"""(?x)
      (?:https?://|www\.)[!-~]{1,500}
    | [\w.+-]{1,64}@[A-Za-z0-9.-]{1,100}
    | <[^<>]{0,200}>
    | [A-Za-z-]{0,20}[0-9_][A-Za-z0-9_./\#-]*   # A-1042, 12.50, v2, SKU_7
    | \b[a-z]{1,3}[A-Z]\w*              # iPhone
    | \b[A-Z][a-z]+[A-Z]\w*             # PayPal
    | \b[A-Z]{2,5}\b(?![ ][A-Z]{2})     # DHL, but not a whole sentence in capitals
    """
)
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc\uff66-\uff9d]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff々]")
_LETTER = re.compile(r"[^\W\d_]")
# Characters only the simplified Chinese, or only the Japanese, write.
_CHINESE = frozenset("们这为说请订单谢货时间发问题还没吗呢给买账户费标签务电话东见样么对应该让谁")
_JAPANESE = frozenset("込払働届駅円売発対応検権変処図広帰経済続読価覧択戻掲渡様殿御")
# Asked beside the desk's languages: a Spanish letter should not be German only because nobody here speaks Spanish.
_NEIGHBOURS = frozenset(
    {"en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "pl", "cs", "fi", "tr", "ro", "hu"}
)
_FOREIGN_LETTERS = 20
_FOREIGN_SHARE = 0.85


def detect(text: str, languages: Sequence[str]) -> tuple[str | None, int]:
    """(language, confidence 0..100): one of `languages` (codes such as "ko"), or None where the text is too short or
    too unsure, with the confidence that was too little. Loads the model (100 MB) at the first text that needs it."""
    text = _NOISE.sub(" ", _own_lines(text)[:MAX_LENGTH])
    hangul, kana, han = (len(script.findall(text)) for script in (_HANGUL, _KANA, _HAN))
    letters = len(_LETTER.findall(text))
    others = letters - hangul - kana - han
    if letters < MIN_LETTERS and hangul + kana < 2:
        return None, 0
    # A syllable or character carries what two to three Latin letters do.
    if hangul * 2.5 > others and hangul >= kana + han:
        return _if_served("ko", _share(hangul * 2.5 + han, others), languages)
    if (kana + han) * 2.5 > others:
        return _east_asian(text, kana, han, others, languages)
    return _latin(text, others, languages)


def _own_lines(text: str) -> str:
    return "\n".join(line for line in text[: MAX_LENGTH * 4].split("\n") if not line.lstrip().startswith(">"))


def _share(mine: float, others: int) -> int:
    return round(100 * mine / (mine + others))


def _if_served(language: str, confidence: int, languages: Sequence[str]) -> tuple[str | None, int]:
    served = language in languages and confidence >= MIN_CONFIDENCE
    return (language if served else None), confidence


def _east_asian(
    text: str, kana: int, han: int, others: int, languages: Sequence[str]
) -> tuple[str | None, int]:
    confidence = _share((kana + han) * 2.5, others)
    if kana:
        return _if_served("ja", confidence, languages)
    chinese = sum(c in _CHINESE for c in text)
    japanese = sum(c in _JAPANESE for c in text)
    if chinese != japanese:
        return _if_served("zh" if chinese > japanese else "ja", min(confidence, 80), languages)
    # Characters both write: the desk decides, when it serves only one of the two.
    served = [language for language in ("ja", "zh") if language in languages]
    return _if_served(served[0], min(confidence, 60), languages) if len(served) == 1 else (None, 50)


def _latin(text: str, letters: int, languages: Sequence[str]) -> tuple[str | None, int]:
    if letters < MIN_LETTERS:
        return None, 0
    scores = _scores(" ".join(text.split()))
    served = {
        language: scores[language]
        for language in languages
        if language in scores and language not in ("ko", "ja", "zh")
    }
    if not served:
        return None, 0
    beside = served | {language: scores[language] for language in _NEIGHBOURS & scores.keys()}
    best, foreign = max(served, key=lambda one: served[one]), max(beside, key=lambda one: beside[one])
    wide = _probability(foreign, beside, text)
    if foreign not in served and letters >= _FOREIGN_LETTERS and wide >= _FOREIGN_SHARE:
        return None, round(100 * (1 - wide))
    # With one Latin language on the desk there is nothing to compare with but the neighbours.
    confidence = round(100 * _probability(best, served if len(served) > 1 else beside, text))
    if letters < FEW_LETTERS and confidence < CONFIDENCE_OF_FEW:
        confidence = min(confidence, MIN_CONFIDENCE - 1)
    return (best if confidence >= MIN_CONFIDENCE else None), confidence


def _probability(language: str, scores: dict[str, float], text: str) -> float:
    """Softmax over the scores, tempered by the root of the length as py3langid does."""
    heat = math.sqrt(len(text.encode()) or 1)
    highest = max(scores.values())
    weights = {one: math.exp((score - highest) / heat) for one, score in scores.items()}
    return weights[language] / sum(weights.values())


def _scores(text: str) -> dict[str, float]:
    # All languages are ranked and ours picked from them: restricting the model itself would change it for every thread.
    return dict(_model().rank(text))


@cache
def _model() -> Any:
    # Here, not above: it brings numpy, and only a process that receives messages needs it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)

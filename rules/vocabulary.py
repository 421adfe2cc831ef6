"""The fields of the query language: what each is called, which operators and values it takes.

A new field is a new entry of `VOCABULARY` plus its column in `rules.compile`; grammar and parser stay as they are.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from rules import spans
from rules.words import N_

FieldType = Literal[
    "text", "enum", "set", "named", "person", "duration", "priority", "count", "score", "date"
]
Value = str | int
Names = Mapping[str, Mapping[str, Value]]

LONGEST = (
    2_000  # characters of a query, and of one folded value: SQLite refuses LIKE patterns above 50,000 bytes
)
LONGEST_FOR = 3_660 * 86_400  # ten years, in seconds: keeps `now - duration` a date


DID_YOU_MEAN = N_("did you mean `{suggestion}`?")


class QueryError(Exception):
    """A mistake in a query. `message` is an English format string (a msgid) for `values`; `column` counts characters
    from 1; `suggestion` is what was probably meant, alone, to be shown with `DID_YOU_MEAN`."""

    def __init__(self, message: str, column: int, suggestion: str | None = None, **values: Value) -> None:
        super().__init__(message, column, suggestion, values)
        self.message = message
        self.column = column
        self.suggestion = suggestion
        self.values = values

    def __str__(self) -> str:
        text = f"column {self.column}: " + self.message.format(**self.values)
        if self.suggestion is None:
            return text
        return text + ", " + DID_YOU_MEAN.format(suggestion=self.suggestion)


@dataclass(frozen=True)
class Field:
    """One word before the operator. `label` is a msgid; `nullable` fields know `none`; an `open` enumeration also takes
    names or texts beside its `values`. A `set` has several values at a time, a `named` field one; of both, ids are
    stored. What each means to people is told in rules.reference."""

    name: str
    type: FieldType
    label: str
    operators: tuple[str, ...]
    values: tuple[str, ...] = ()
    nullable: bool = False
    open: bool = False
    ahead: bool = False  # of a date: a length of time is counted from now on, not back


EQUAL = (":",)
ORDER = (">", ">=", "<", "<=")
STATES = ("new", "open", "waiting", "resolved", "archived")
UNRESOLVED = ("new", "open", "waiting")
CONDITIONS = ("unresolved", "unassigned", "late", "unread", "snoozed", "automatic")
PRIORITIES = ("low", "normal", "high", "urgent")  # their place is the number that is stored
# From which to which score a mood is called so; each score has one name.
MOODS = {"angry": (-100, -50), "unhappy": (-49, -20), "neutral": (-19, 19), "pleased": (20, 100)}
SCORES = (-100, 100)
_ISO_639_1 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el "
    "en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu "
    "ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na "
    "nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so "
    "sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
LANGUAGES = tuple(_ISO_639_1.split())

VOCABULARY: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("subject", "text", N_("Subject"), EQUAL),
        Field("body", "text", N_("Text of a message"), EQUAL),
        Field("from", "text", N_("Customer's address"), EQUAL),
        Field("channel", "enum", N_("Channel"), EQUAL, ("email", "form", "manual"), open=True),
        Field("lang", "enum", N_("Language"), EQUAL, LANGUAGES, nullable=True),
        Field("mood", "score", N_("Mood"), EQUAL + ORDER, tuple(MOODS), nullable=True),
        Field("tag", "set", N_("Tag"), EQUAL, nullable=True),
        Field("is", "enum", N_("State"), EQUAL, (*STATES, *CONDITIONS)),
        Field("priority", "priority", N_("Priority"), EQUAL + ORDER, PRIORITIES),
        Field("assignee", "person", N_("Assignee"), EQUAL, ("oncall", "me"), nullable=True),
        Field("team", "named", N_("Team"), EQUAL, nullable=True),
        Field("board", "named", N_("Board"), EQUAL),
        Field("customer", "enum", N_("Customer"), EQUAL, ("vip",), open=True),
        Field("company", "named", N_("Company"), EQUAL, nullable=True),
        Field("waiting", "duration", N_("Customer has waited for an answer"), ORDER),
        Field("since", "duration", N_("Time in the present state"), ORDER),
        Field("age", "duration", N_("Age of the ticket"), ORDER),
        Field("created", "date", N_("Opened"), EQUAL + ORDER),
        Field("updated", "date", N_("Last message or change by a person"), EQUAL + ORDER),
        Field("closed", "date", N_("Resolved"), EQUAL + ORDER, nullable=True),
        Field("due", "date", N_("Next deadline"), EQUAL + ORDER, nullable=True, ahead=True),
        Field("snoozed", "date", N_("Snoozed until"), EQUAL + ORDER, nullable=True, ahead=True),
        Field("during", "named", N_("Opening hours when the customer wrote last"), EQUAL),
        Field("messages", "count", N_("Number of messages"), EQUAL + ORDER),
        Field("reopened", "count", N_("How often it was opened again"), EQUAL + ORDER),
        Field("last", "enum", N_("Who spoke last"), EQUAL, ("customer", "us")),
        Field("attachment", "enum", N_("Attachment"), EQUAL, ("any",), nullable=True, open=True),
        Field(
            "alert",
            "enum",
            N_("Alert"),
            EQUAL,
            ("any", "open", "acknowledged", "warning", "breach"),
            nullable=True,
        ),
    )
}


def fold(text: str) -> str:
    """`text` as it is compared: NFKC, case folded, every run of blanks one space (mail wraps its lines). Whoever stores
    searchable text stores `fold(text)`; whoever looks for it looks for `fold(words)`."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"\s+", " ", folded)


def field_named(text: str, column: int, vocabulary: Mapping[str, Field]) -> Field:
    """The field that `text` names in any case or width. Raises QueryError."""
    field = vocabulary.get(fold(text))
    if field is None:
        raise QueryError(N_("unknown field `{field}`"), column, closest(text, vocabulary), field=text)
    return field


def operator_of(field: Field, text: str, column: int) -> str:
    """The operator written `text`, in its one spelling. Raises QueryError when it does not belong to the field."""
    operator = str(unicodedata.normalize("NFKC", text))
    operator = ":" if operator in ("=", "==") else operator
    if operator not in field.operators:
        raise QueryError(
            N_("`{field}` does not take `{operator}`, only {operators}"),
            column,
            field=field.name,
            operator=operator,
            operators=" ".join(field.operators),
        )
    return operator


def read_value(
    field: Field, text: str, column: int, *, operator: str = ":", me: bool = False, names: Names | None = None
) -> Value:
    """What is stored for the value written `text` behind `operator`: seconds of a duration, a number, a word of an
    enumeration or a stretch of days in its one spelling, the id that `names` gives a tag or a person, else the text as
    it is. Raises QueryError."""
    check_words(text, column)
    word = fold(text).strip()
    if word == "none" and field.nullable and operator == ":":
        return word
    if field.type == "duration":
        return _seconds(text, word, column)
    if field.type == "date":
        return _date(text, word, column, operator)
    if field.type == "count":
        return _count(text, word, column)
    if field.type == "score":
        return _score(field, text, word, column, operator)
    if field.type == "person" and word == "me" and not me:
        raise QueryError(N_("`me` means nobody in a rule, name a person"), column)
    if word in field.values:
        return word
    if field.type in ("enum", "priority") and not field.open:
        raise _unknown(field, text, column, field.values)
    if names is not None and field.name in names:
        return _named(field, text, word, column, names[field.name])
    return text


def show_value(field: str, value: Value, vocabulary: Mapping[str, Field], names: Names | None) -> str:
    """The text that `read_value` reads as `value`. An id is shown as `#12` when it has no name any more, or one that
    means something else; it is read again only while there is such an id."""
    known = vocabulary.get(field)
    if isinstance(value, int) and known is not None:
        if known.type in ("duration", "date"):
            return _duration(value)
        if known.type in ("count", "score"):
            return str(value)
    if isinstance(value, int) and names is not None and field in names:
        named = (name for name, stored in names[field].items() if stored == value)
        return next((name for name in named if _means_only_itself(name, known)), f"#{value}")
    return f"#{value}" if isinstance(value, int) else value


def stands_for_row(field: str, value: Value, vocabulary: Mapping[str, Field]) -> bool:
    """Whether a stored value is the id of something that may be gone by now."""
    known = vocabulary.get(field)
    return isinstance(value, int) and (known is None or known.type not in _NUMBERS)


_NUMBERS = ("duration", "date", "count", "score")


def check_words(text: str, column: int) -> None:
    """Refuses text that would find everything, and text too long to look for. Raises QueryError."""
    folded = fold(text)
    if not folded.strip():
        raise QueryError(N_("there is nothing between the quotation marks"), column)
    if len(folded) > LONGEST:
        raise QueryError(N_("longer than {limit} characters"), column, limit=LONGEST)


def closest(text: str, known: Iterable[str]) -> str | None:
    """The known word that `text` is most like, if it is like one at all."""
    folded = {fold(word): word for word in known}
    found = get_close_matches(fold(text)[:100], folded, n=1)
    return folded[found[0]] if found else None


def _unknown(field: Field, text: str, column: int, known: Collection[str]) -> QueryError:
    return QueryError(
        N_("`{field}` has no value `{value}`"), column, closest(text, known), field=field.name, value=text
    )


def _named(field: Field, text: str, word: str, column: int, names: Mapping[str, Value]) -> Value:
    if _ID.fullmatch(word) and int(word[1:]) in names.values():
        return int(word[1:])
    if text in names:
        return names[text]
    found = {fold(name).strip(): stored for name, stored in names.items()}
    if word not in found:
        raise _unknown(field, text, column, [*names, *field.values])
    return found[word]


_ID = re.compile("#[0-9]{1,18}")


def _means_only_itself(name: str, field: Field | None) -> bool:
    """A tag may be called `none`, and a team `#7`: their names are words of the language already."""
    word = fold(name).strip()
    reserved = field is not None and (word in field.values or (word == "none" and field.nullable))
    return bool(word) and not reserved and not _ID.fullmatch(word)


def _count(text: str, word: str, column: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", word):
        raise QueryError(N_("`{value}` is not a number"), column, value=text)
    return int(word)


def _score(field: Field, text: str, word: str, column: int, operator: str) -> Value:
    """A number that may be negative, or the name of some; none of these is more or less than another."""
    if word in field.values and operator == ":":
        return word
    number = word.replace("\N{MINUS SIGN}", "-")
    if re.fullmatch("-?[0-9]{1,3}", number) and SCORES[0] <= int(number) <= SCORES[1]:
        return int(number)
    if word in field.values:
        raise QueryError(
            N_("`{value}` is a name for several numbers, use `:` or a number"), column, value=text
        )
    if number.removeprefix("-").isdecimal():
        raise QueryError(
            N_("`{value}` is not a number from {first} to {last}"),
            column,
            value=text,
            first=SCORES[0],
            last=SCORES[1],
        )
    raise _unknown(field, text, column, field.values)


def _date(text: str, word: str, column: int, operator: str) -> Value:
    if operator != ":" and _DURATION.fullmatch(word):
        return _seconds(text, word, column)
    span = spans.read(word)
    if span is not None:
        return span
    if operator == ":" and _DURATION.fullmatch(word):
        raise QueryError(N_("`{value}` is a length of time, compare with `<` or `>`"), column, value=text)
    message = N_('`{value}` is not a day such as today, 2026-11-01, 2026-11-01..2026-11-07 or "last 7 days"')
    raise QueryError(message, column, closest(text, spans.WORDS), value=text)


_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60}
_DURATION = re.compile(r"(?:[0-9]{1,9}[wdhm])+")


def _seconds(text: str, word: str, column: int) -> int:
    if not _DURATION.fullmatch(word):
        raise QueryError(N_("`{value}` is not a duration such as 30m, 2h, 1d12h or 1w"), column, value=text)
    seconds = sum(int(part[:-1]) * _SECONDS[part[-1]] for part in re.findall(r"[0-9]+[wdhm]", word))
    if seconds > LONGEST_FOR:
        raise QueryError(N_("`{value}` is longer than ten years"), column, value=text)
    return seconds


def _duration(seconds: int) -> str:
    """In days, hours and minutes: who has typed 7d shall not find 1w."""
    parts = []
    for unit in "dhm":
        count, seconds = divmod(seconds, _SECONDS[unit])
        parts.append(f"{count}{unit}" if count else "")
    return "".join(parts) or "0m"

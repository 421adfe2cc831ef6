"""What may follow in a half-typed query: the fields, or the values of the field that is being typed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rules import spans
from rules.query import fold, quoted_value
from rules.vocabulary import VOCABULARY, Field, Names

MOST = 8

DURATIONS = ("30m", "1h", "4h", "1d", "3d", "7d")
SCORES = ("-50", "-30", "0", "30")

# The last term of the text: what excludes it, its field with operator, the values before the last comma, the last one.
_LAST = re.compile(
    r'(?:^|(?<=[\s(（]))(?P<minus>[-－]?)(?P<field>[^\s"“”„()（）:=<>：＝＜＞,，]*)'
    r'(?P<operator>[!！]?[:=<>：＝＜＞]*)(?P<before>(?:[^\s",，]+[,，]|"[^"]*"[,，])*)(?P<value>"?[^"\s()（）]*(?:(?<=")[^"]*)?)$'
)


@dataclass(frozen=True)
class Option:
    """`text` is the whole query with it, `piece` what it adds, `label` (a msgid, or empty) what a field means."""

    text: str
    piece: str
    label: str = ""


def complete(
    text: str,
    names: Names,
    vocabulary: Mapping[str, Field] = VOCABULARY,
    *,
    labels: Mapping[str, str] | None = None,
    first: Mapping[str, Sequence[str]] | None = None,
) -> list[Option]:
    """At most MOST options for the end of `text`. `labels` are the fields' labels as the reader knows them, which may
    be typed instead of the field's name; `first` are values of a field that come before the others."""
    found = _LAST.search(text)
    if found is None:
        return []
    kept = text[: found.start()]
    if found["operator"]:
        field = vocabulary.get(fold(found["field"]))
        if field is None:
            return []
        begun = kept + found["minus"] + field.name + found["operator"] + found["before"]
        taken = {fold(value) for value in re.split("[,，]", found["before"]) if value}
        values = values_of(field, found["operator"], names, found["value"].strip('"'), first)
        return [
            Option(begun + quoted_value(value) + " ", value) for value in values if fold(value) not in taken
        ][:MOST]
    typed = fold(found["field"]).strip()
    said = labels or {name: field.label for name, field in vocabulary.items()}
    begun = kept + found["minus"]
    fields = [name for name in vocabulary if _fits(typed, name) or _fits(typed, said.get(name, ""))]
    fields.sort(key=lambda name: not name.startswith(typed))
    return [
        Option(
            begun + name + (vocabulary[name].operators[0]),
            name + vocabulary[name].operators[0],
            vocabulary[name].label,
        )
        for name in fields[:MOST]
    ]


def values_of(
    field: Field,
    operator: str,
    names: Names,
    typed: str = "",
    first: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """What may stand behind the operator and fits what was typed, the likeliest first."""
    values = [*(first or {}).get(field.name, ()), *_values(field, operator, names)]
    return _ranked(fold(typed).strip(), iter(values))


def _values(field: Field, operator: str, names: Names) -> Iterator[str]:
    if field.type == "score" and operator != ":":
        yield from SCORES
        return
    yield from field.values
    yield from names.get(field.name, ())
    if field.type == "date" and operator == ":":
        yield from spans.WORDS
    elif field.type in ("duration", "date"):
        yield from DURATIONS
    if field.nullable:
        yield "none"


def _ranked(typed: str, values: Iterator[str]) -> list[str]:
    """Those that begin with what was typed, then those with a word that does; each once."""
    fitting = [value for value in dict.fromkeys(values) if _fits(typed, value)]
    return sorted(fitting, key=lambda value: not fold(value).startswith(typed))


def _fits(typed: str, text: str) -> bool:
    folded = fold(text)
    return folded.startswith(typed) or any(word.startswith(typed) for word in re.split(r"[\s@.-]+", folded))

"""Queries of every kind, as Hypothesis makes them: `trees(ids)` with the ids that there are, and one that is gone."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from rules.query import And, Not, Or, Query, Term, Words
from rules.tokens import phrase
from rules.vocabulary import PRIORITIES, VOCABULARY

GONE = 987_654
LENGTHS = (0, 60, 3_600, 7_200, 86_400, 604_800)
SPANS = (
    "today",
    "yesterday",
    "tomorrow",
    "this week",
    "last week",
    "next week",
    "this month",
    "last month",
    "next month",
    "last 7 days",
    "next 2 days",
    "last 40 days",
    "2026-11-01",
    "2026-11",
    "2026-10-28..2026-11-02",
    "2026-09..2026-10",
)
TEXTS = (
    "order",
    "ORDER",
    "refund",
    "환불",
    "返",
    "100%",
    "a_b",
    "\\",
    "Straße",
    "ss",
    "'",
    "ﬁ",
    "order  ref",
    "@acme.com",
)
LOOKED_FOR = tuple(text for text in TEXTS if phrase(text))  # as words: signs alone are refused


def trees(
    ids: Mapping[str, Sequence[int]], *, most: int = 6, me: bool = True, words: bool = True
) -> st.SearchStrategy[Query]:
    """Trees with at most `most` leaves; `ids` are those that a field of rows may name. `words`: with bare words."""
    one = leaf(ids, me=me, words=words)
    return st.recursive(
        one,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(tuple).map(And),
            st.lists(inner, min_size=2, max_size=3).map(tuple).map(Or),
            st.builds(Not, inner),
        ),
        max_leaves=most,
    )


def leaf(
    ids: Mapping[str, Sequence[int]], *, me: bool = True, words: bool = True
) -> st.SearchStrategy[Query]:
    """One term of any field with each of its operators, or words."""
    fields = [
        _term(name, operator, ids, me) for name, field in VOCABULARY.items() for operator in field.operators
    ]
    return st.one_of(*([st.sampled_from(LOOKED_FOR).map(Words)] if words else []), *fields)


def _term(name: str, operator: str, ids: Mapping[str, Sequence[int]], me: bool) -> st.SearchStrategy[Query]:
    field = VOCABULARY[name]
    values: st.SearchStrategy[str | int] = st.sampled_from(_values(name, operator, ids, me))
    most = 3 if operator == ":" else 1
    return st.lists(values, min_size=1, max_size=most).map(
        lambda found: Term(field.name, operator, tuple(found))
    )


def _values(name: str, operator: str, ids: Mapping[str, Sequence[int]], me: bool) -> list[str | int]:
    field = VOCABULARY[name]
    found: list[str | int] = [value for value in field.values if me or value != "me"]
    if field.nullable and operator == ":":
        found.append("none")
    match field.type:
        case "duration":
            found += LENGTHS
        case "date":
            found += SPANS if operator == ":" else (*SPANS, *LENGTHS)
        case "count":
            found += [0, 1, 2, 3]
        case "score":
            found = [*(found if operator == ":" else ()), -100, -50, -49, -20, -19, 0, 20, 100]
        case "text":
            found += TEXTS
        case "priority":
            return list(PRIORITIES)
    if name in ids:
        found += [*ids[name], GONE]
    elif field.open or field.type in ("set", "named", "person"):
        found += TEXTS
    return [value for value in found if name != "lang" or value in ("de", "ko", "en", "none")]

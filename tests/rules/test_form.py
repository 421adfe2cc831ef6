"""A flat query is rows, and rows are the query again; what is not flat says so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.form import WORDS, Row, from_rows, text_of_rows, to_rows
from rules.query import And, Not, Or, Query, QueryError, Words, parse, to_text
from tests.rules.trees import TEXTS, leaf

IDS = dict.fromkeys(("tag", "assignee", "channel", "team", "company", "board", "during"), (1, 2))
NAMES: dict[str, dict[str, str | int]] = {
    name: {"none": 1, "Anna Weiß": 2, "gone, but here": 987_654} for name in IDS
}
_any_words = st.lists(st.sampled_from(TEXTS).map(Words), min_size=2, max_size=3).map(tuple).map(Or)
_positive: st.SearchStrategy[Query] = leaf(IDS) | _any_words
_parts = _positive | st.builds(Not, _positive)
_flat = st.one_of(st.just(And(())), _parts, st.lists(_parts, min_size=2, max_size=5).map(tuple).map(And))


@given(_flat)
@settings(max_examples=250, deadline=None)
def test_rows_text_and_tree_are_the_same_query(tree: Query) -> None:
    rows = to_rows(tree, names=NAMES)
    assert from_rows(rows, me=True, names=NAMES) == tree
    assert parse(text_of_rows(rows), me=True, names=NAMES) == tree
    assert to_rows(parse(to_text(tree, names=NAMES), me=True, names=NAMES), names=NAMES) == rows


def test_rows_read_as_people_write() -> None:
    tree = parse("lang:ko,none -tag:spam waiting>2h -(order,refund)")
    assert to_rows(tree) == (
        Row("lang", ":", ("ko", "none")),
        Row("tag", ":", ("spam",), True),
        Row("waiting", ">", ("2h",)),
        Row(WORDS, "", ("order", "refund"), True),
    )
    assert text_of_rows([Row("tag", ":", ("a b", " "), True), Row("tag", ":", ("",))]) == '-tag:"a b"'


@pytest.mark.parametrize(
    "text", ["is:open OR lang:ko", "is:open (tag:a OR lang:ko)", "NOT (a b)", "--tag:a", "a OR -b", "a (b c)"]
)
def test_what_is_nested_is_said_to_be(text: str) -> None:
    with pytest.raises(QueryError, match="nested too deep for the form"):
        to_rows(parse(text))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Row("langauge", ":", ("ko",)), "unknown field"),
        (Row("waiting", ":", ("2h",)), "does not take"),
        (Row("priority", ">=", ("low", "high")), "takes one value"),
        (Row("a OR is", ":", ("open",)), "unknown field"),
        (Row("tag", ":(", ("a",)), "does not take"),
    ],
)
def test_a_wrong_row_is_refused(row: Row, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        from_rows([row])

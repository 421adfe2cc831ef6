"""A query is rows in groups, and these are the query again."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.form import WORDS, Group, Row, from_form, part_at, text_of, to_form, with_part, written
from rules.query import And, Not, Or, Query, QueryError, Words, parse, to_text
from tests.rules.trees import LOOKED_FOR, trees

IDS = dict.fromkeys(("tag", "assignee", "channel", "team", "company", "board", "during"), (1, 2))
NAMES: dict[str, dict[str, str | int]] = {
    name: {"none": 1, "Anna Weiß": 2, "gone, but here": 987_654} for name in IDS
}
_any_words: st.SearchStrategy[Query] = (
    st.lists(st.sampled_from(LOOKED_FOR).map(Words), min_size=2, max_size=3).map(tuple).map(Or)
)
_trees = st.one_of(st.just(And(())), trees(IDS), _any_words, st.builds(Not, _any_words))


@given(_trees)
@settings(max_examples=250, deadline=None)
def test_form_text_and_tree_are_the_same_query(tree: Query) -> None:
    form = to_form(tree, names=NAMES)
    assert from_form(form, me=True, names=NAMES) == tree
    assert parse(text_of(form), me=True, names=NAMES) == tree
    assert to_form(parse(to_text(tree, names=NAMES), me=True, names=NAMES), names=NAMES) == form


@given(_trees)
@settings(max_examples=100, deadline=None)
def test_each_row_is_found_in_the_text(tree: Query) -> None:
    form = to_form(tree, names=NAMES)
    text, spans = written(form)
    for path, (start, end) in spans.items():
        row = part_at(form, path)
        assert isinstance(row, Row)
        assert text[start - 1 : end - 1] == text_of(Group(parts=(row,)))


def test_rows_and_groups_read_as_people_write() -> None:
    tree = parse("lang:ko,none -tag:spam waiting>2h -(order,refund) (is:late OR NOT (is:new is:unread))")
    assert to_form(tree) == Group(
        True,
        (
            Row("lang", ":", ("ko", "none")),
            Row("tag", ":", ("spam",), True),
            Row("waiting", ">", ("2h",)),
            Row(WORDS, "", ("order", "refund"), True),
            Group(
                False,
                (
                    Row("is", ":", ("late",)),
                    Group(True, (Row("is", ":", ("new",)), Row("is", ":", ("unread",))), True),
                ),
            ),
        ),
    )


def test_what_is_blank_is_passed_over() -> None:
    blank = Row("tag", ":", ("", " "))
    assert text_of(Group()) == ""
    form = Group(True, (blank, Row("tag", ":", ("a b", " "), True), Group(False, (blank, Group()))))
    assert text_of(form) == '-tag:"a b"'


def test_a_part_is_replaced_and_taken_out() -> None:
    a, b, c = (Row(WORDS, "", (word,)) for word in "abc")
    form = Group(True, (a, Group(False, (b, c))))
    assert text_of(with_part(form, (1, 0), a)) == "a (a OR c)"
    assert text_of(with_part(form, (1, 1), None)) == "a (b)"
    assert text_of(with_part(form, (1,), None)) == "a"
    for nowhere in [(2,), (0, 0), (1, 2, 3)]:
        assert with_part(form, nowhere, None) == form


@pytest.mark.parametrize(
    ("row", "message", "column"),
    [
        (Row("langauge", ":", ("ko",)), "unknown field", 6),
        (Row("waiting", ":", ("2h",)), "does not take", 6),
        (Row("priority", ">=", ("low", "high")), "takes one value", 20),
        (Row("a OR is", ":", ("open",)), "unknown field", 6),
        (Row("tag", ":(", ("a",)), "does not take", 6),
        (Row(WORDS, "", ("!?",)), "no letter and no digit", 6),
        (Row(WORDS, "", ('a" OR "b',), True), None, 0),
    ],
)
def test_a_wrong_row_is_refused_where_it_stands(row: Row, message: str | None, column: int) -> None:
    form: Any = Group(True, (Row(WORDS, "", ("lamp",)), row))
    if message is None:
        assert from_form(form) == And((Words("lamp"), Not(Words('a" OR "b'))))
        return
    with pytest.raises(QueryError, match=message) as refused:
        from_form(form)
    assert refused.value.column == column

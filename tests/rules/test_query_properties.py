"""Whatever is typed: a tree or a QueryError. Whatever the tree: its text and its JSON are the same tree."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.query import And, Not, Or, Query, QueryError, Term, Words, fold, from_json, parse, to_json, to_text
from rules.tokens import phrase
from rules.vocabulary import LONGEST, ORDER, PRIORITIES, VOCABULARY
from tests.rules.trees import leaf
from tests.rules.trees import trees as some_trees

_awkward = st.sampled_from([*"ab:=<>!\"'\\(),-–%_*#@ \n\u3000：（），－＂“”„ﬁ환返é1", "AND", "OR", "NOT"])
_texts = (st.text(max_size=12) | st.lists(_awkward, max_size=8).map("".join)).filter(
    lambda text: fold(text).strip() and "\x00" not in text
)
_names = _texts.filter(
    lambda text: fold(text).strip() not in ("none", "me", "oncall", "email", "form", "manual")
)


def _some(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, min_size=1, max_size=3).map(tuple)


_ids = dict.fromkeys(("tag", "assignee", "channel", "team", "company", "board", "during"), (1, 2))
_NAMES: dict[str, dict[str, str | int]] = {
    name: {"none": 1, "Anna Weiß": 2, "gone, but here": 987_654} for name in _ids
}
_terms = st.one_of(
    leaf({}),
    st.builds(Term, st.sampled_from(["subject", "body", "from"]), st.just(":"), _some(_texts)),
    st.builds(Term, st.just("tag"), st.just(":"), _some(_names | st.just("none"))),
    st.builds(
        Term, st.just("assignee"), st.just(":"), _some(_names | st.sampled_from(["none", "me", "oncall"]))
    ),
    st.builds(Term, st.just("channel"), st.just(":"), _some(_names | st.sampled_from(["email", "form"]))),
    st.builds(Term, st.just("lang"), st.just(":"), _some(st.sampled_from(["de", "ko", "none"]))),
    st.builds(Term, st.just("is"), st.just(":"), _some(st.sampled_from(VOCABULARY["is"].values))),
    st.builds(Term, st.just("priority"), st.just(":"), _some(st.sampled_from(PRIORITIES))),
    st.builds(Term, st.just("priority"), st.sampled_from(ORDER), st.tuples(st.sampled_from(PRIORITIES))),
    st.builds(
        Term,
        st.sampled_from(["waiting", "since", "age"]),
        st.sampled_from(ORDER),
        st.tuples(st.integers(0, 5_000_000).map(lambda minutes: minutes * 60)),
    ),
)
trees: st.SearchStrategy[Query] = st.just(And(())) | st.recursive(
    _terms | st.builds(Words, _texts.filter(phrase)),
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(tuple).map(And)
        | st.lists(inner, min_size=2, max_size=3).map(tuple).map(Or)
        | st.builds(Not, inner)
    ),
    max_leaves=8,
)


@given(trees.filter(lambda tree: len(to_text(tree)) <= LONGEST))
@settings(max_examples=300, deadline=None)
def test_text_and_json_give_the_tree_back(tree: Query) -> None:
    assert parse(to_text(tree), me=True) == tree
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


@given(_texts)
@settings(max_examples=200, deadline=None)
def test_words_are_read_when_there_is_something_to_look_for(text: str) -> None:
    tree = Words(text)
    for read in (lambda: parse(to_text(tree)), lambda: from_json(to_json(tree))):
        if phrase(text):
            assert read() == tree
        else:
            with pytest.raises(QueryError):
                read()


@given(some_trees(_ids))
@settings(max_examples=200, deadline=None)
def test_text_gives_the_ids_back(tree: Query) -> None:
    assert parse(to_text(tree, names=_NAMES), me=True, names=_NAMES) == tree


_pieces = st.sampled_from(
    [
        *'()-:,"“”„（）＂ >=<!',
        "AND",
        "OR",
        "NOT ",
        " ",
        "tag:",
        "is:open",
        "waiting>2h",
        "lang:",
        "priority>=",
        "a",
        "환불",
    ]
)


@given(
    st.text(st.characters(), max_size=60)
    | st.lists(_pieces, max_size=20).map("".join)
    | st.lists(_pieces | st.text(st.characters(), max_size=3), max_size=30).map("".join)
)
@settings(max_examples=600, deadline=None)
def test_any_text_is_read_or_refused_at_a_column_inside_it(text: str) -> None:
    found = _parsed(text)
    if isinstance(found, QueryError):
        assert 1 <= found.column <= len(text) + 1
        assert found.message.format(**found.values)
    else:
        assert parse(to_text(found)) == found
        assert from_json(to_json(found)) == found


def _parsed(text: str) -> Query | QueryError:
    try:
        return parse(text)
    except QueryError as error:
        return error


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["and", "or", "not", "words", "field", "operator", "values"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json_is_read_or_refused(data: object) -> None:
    try:
        tree = from_json(data)
    except QueryError:
        return
    assert to_json(tree) == data


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)

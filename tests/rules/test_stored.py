"""What is read of a stored rule, and what is not: whatever is read can be compiled."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.models import vocabulary
from rules.actions import ActionError
from rules.compile import condition
from rules.query import QueryError, parse, to_json
from rules.reference import REFERENCE
from rules.stored import actions_of, query_of
from rules.vocabulary import VOCABULARY

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


class AnyName(dict[str, Any]):
    """Everything has the id 7."""

    def __contains__(self, _: object) -> bool:
        return True

    def __getitem__(self, _: str) -> int:
        return 7


NAMES = {field: AnyName() for field in vocabulary.ROWS}


@pytest.mark.parametrize("field", REFERENCE)
def test_what_people_write_is_read(field: str) -> None:
    for example in REFERENCE[field].examples:
        tree = parse(example.text, me=True, names=NAMES)
        if "assignee:me" not in example.text:
            assert query_of(to_json(tree)) == tree


def term(field: str, operator: str, *values: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"and": [{"words": "lamp"}]},
        {"words": "?"},
        term("langauge", ":", "de"),
        term("lang", ":", "xx"),
        term("lang", ">", "de"),
        term("lang", ":", 7),
        term("waiting", ">", "2h"),
        term("waiting", ">", -1),
        term("waiting", ">", 10**12),
        term("waiting", ">", 60, 120),
        term("age", ">", "none"),
        term("created", ":", 3600),
        term("created", ":", "one day"),
        term("created", ">", "none"),
        term("priority", ":", "extreme"),
        term("priority", ">=", 2),
        term("tag", ":", "refund"),
        term("tag", ":", 0),
        term("assignee", ":", "me"),
        term("board", ":", "none"),
        term("messages", ">", "three"),
        term("messages", ">", 10**12),
        term("is", ":", "unheard-of"),
        term("subject", ":", 7),
        {"not": {"or": [{"words": "lamp"}, term("due", "<", "soon")]}},
    ],
)
def test_what_no_rule_asks(data: Any) -> None:
    with pytest.raises(QueryError):
        query_of(data)


@pytest.mark.parametrize(
    "data",
    [None, {}, ["add_tag"], [{"kind": "fly"}], [{"kind": "add_tag"}], [{"kind": "assign", "person_id": 0}]],
)
def test_what_no_rule_does(data: Any) -> None:
    with pytest.raises(ActionError):
        actions_of(data)


@pytest.mark.parametrize("name", VOCABULARY)
def test_whatever_is_read_can_be_compiled(name: str, app: Any) -> None:
    """Odd values of every field: refused, or compiled."""
    field, bound = VOCABULARY[name], vocabulary.binding(NOW, zone="UTC")
    odd: list[Any] = ["", "none", "any", "x", "today", "2026-13-01", -1, 0, 1, 2**31, 10**30, *field.values]
    for operator in (":", ">", ">=", "<", "<=", "~"):
        for value in odd:
            try:
                tree = query_of(term(name, operator, value))
            except QueryError:
                continue
            condition(tree, bound, NOW)

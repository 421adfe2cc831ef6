"""Filters that want to exhaust the parser or the database, or to say something to it themselves."""

from collections.abc import Callable
from typing import Any

import pytest

from rules.query import LONGEST, QueryError, parse
from tests.small import SmallDesk

DEEP = {
    "minus": "-" * (LONGEST - 1) + "a",
    "not": "NOT " * ((LONGEST - 1) // 4) + "a",
    "brackets of brackets": "(a (" * (LONGEST // 6 - 1) + "a" + "))" * (LONGEST // 6 - 1),
    "brackets and nothing else": "(" * (LONGEST // 2 - 1) + "a" + ")" * (LONGEST // 2),
    "brackets and minus": "-(" * (LONGEST // 3 - 1) + "a" + ")" * (LONGEST // 3 - 1),
    "open brackets": "(" * LONGEST,
    "many words": "a OR " * (LONGEST // 5 - 1) + "a",
    "many values": "tag:" + "a," * (LONGEST // 2 - 4) + "a",
    "too long": "a" * (LONGEST + 1),
    "backslashes": '"' + "\\" * (LONGEST - 2),
    "quotation marks": '"' * LONGEST,
}
WORDS = (
    "'; DROP TABLE tickets; --",
    "' OR '1'='1",
    '"%" "_" "%%%_%%%"',
    '"\\\\" "%\\\\"',
    "%" * 900,
    "subject:\"'||(SELECT password_hash FROM people)||'\"",
    'assignee:"1) OR 1=1 --"',
    "tag:99999999999999999999",
    "a\x00b",
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "created<99999999999999d",
    "created:9999-12-31 closed:0000-00-00",
    'created:"last 999999999999 days"',
    "messages>=99999999999999999999",
    "tag:#99999999999999999999 -team:#1",
    "attachment:%_%\\ customer:'); --",
    "\u202e\u202dtag:\u202espam",
    "👩‍👩‍👧‍👦 lang:🏳️‍🌈 😀",
    "customer:(a+)+$ (a|a)*b body:.*.*.*.*=",
    "ﷺ" * 100,
    "x" * 10_000,
)


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(text)
    assert 1 <= refused.value.column <= LONGEST + 1


@pytest.mark.parametrize("text", [*DEEP.values(), *WORDS])
def test_every_way_to_ask_answers(text: str, desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    browser = browser_as(desk.bob)
    column = desk.columns["open"].id
    addresses = (
        f"/boards/{desk.board.id}",
        f"/boards/{desk.board.id}/delta",
        f"/columns/{column}/cards",
        "/rules/new",
        "/search",
    )
    for address in addresses:
        with browser.get(address, query_string={"q": text, "query": text}) as answer:
            assert answer.status_code in (200, 403, 404, 422)
            assert "$argon2" not in answer.text
    with browser_as(desk.alice).post(
        "/rules", data={"name": "x", "query": text, "once_per": "ticket"}
    ) as answer:
        assert answer.status_code in (303, 422)

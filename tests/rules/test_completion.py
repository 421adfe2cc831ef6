"""What may follow in a half-typed query. Whatever is suggested parses, once it is whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.completion import MOST, complete
from rules.query import QueryError, parse

NAMES = {
    "tag": {"refund": 1, "really bad": 2, "lamp": 3, "환불": 4},
    "assignee": {"Minji Kim": 1, "minji@example.com": 1, "Ben Novak": 2},
    "channel": {"Support": 1},
}
KOREAN = {"tag": "태그", "assignee": "담당자", "lang": "언어", "is": "상태"}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ta", ["tag:"]),
        ("TA", ["tag:"]),
        ("is:open -ta", ["is:open -tag:"]),
        ("(is:open OR ta", ["(is:open OR tag:"]),
        ("tag:re", ["tag:refund ", 'tag:"really bad" ']),
        ('tag:"really b', ['tag:"really bad" ']),
        ("tag:환", ["tag:환불 "]),
        ("tag:refund,la", ["tag:refund,lamp "]),
        ("tag:refund,ref", []),  # it is there already
        ("assignee:kim", ['assignee:"Minji Kim" ']),
        ("assignee:novak", ['assignee:"Ben Novak" ']),
        ("priority>=hi", ["priority>=high "]),
        ("is:un", ["is:unresolved ", "is:unassigned "]),
        ("waiting>3", ["waiting>30m ", "waiting>3d "]),
        ("created:yes", ["created:yesterday "]),
        ("due<1", ["due<1h ", "due<1d "]),
        ("nix:a", []),
        ("hello world", []),
        ("tag:refund ", None),  # a new term: the fields
        ("", None),
    ],
)
def test_what_may_follow(typed: str, expected: list[str] | None) -> None:
    found = [option.text for option in complete(typed, NAMES)]
    if expected is None:
        assert len(found) == MOST
        assert all(text.startswith(typed) and text.endswith((":", ">")) for text in found)
    else:
        assert found[: len(expected)] == expected
        assert bool(found) == bool(expected)


def test_likely_values_come_first() -> None:
    first = {"lang": ("ko", "de")}
    assert [option.piece for option in complete("lang:", NAMES, first=first)][:3] == ["ko", "de", "aa"]
    assert [option.piece for option in complete("-lang:en,d", NAMES, first=first)][:3] == ["de", "da", "dv"]
    assert [option.piece for option in complete("lang:ko,", NAMES, first=first)][:2] == ["de", "aa"]


def test_a_field_is_found_by_what_it_is_called() -> None:
    assert [option.text for option in complete("담당", NAMES, labels=KOREAN)] == ["assignee:"]


@given(st.text(alphabet='taglngis:">=,-() 환a\\%_\u3000“”', max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_text_gets_an_answer(typed: str) -> None:
    """Nothing raises, and what a value is completed to parses when what stood before it did."""
    for option in complete(typed, NAMES):
        if not option.text.endswith(" "):
            continue
        kept = option.text[: -len(option.piece) - 3]
        try:
            parse(kept.rpartition(" ")[0], me=True, names=NAMES)
        except QueryError:
            continue
        parse(option.text, me=True, names=NAMES)

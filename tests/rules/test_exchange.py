"""Rules as TOML: what is written is read again, and a mistake is named where it stands."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.exchange import FileError, check, read, write

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
RULES = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "when": TEXTS,
        "then": st.lists(
            st.dictionaries(
                st.sampled_from(["kind", "tag", "text"]),
                TEXTS | st.booleans() | st.integers(0, 10**6) | st.lists(TEXTS, max_size=2),
            ),
            max_size=3,
        ),
        "once_per": st.sampled_from(["episode", "ticket"]),
        "stop_after": st.booleans(),
    }
)


@given(st.lists(RULES, max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read_again(rules: list[dict[str, Any]]) -> None:
    found = read(write(rules))
    usual = {"once_per": "episode", "stop_after": False}
    assert [{**usual, **entry.values} for entry in found.entries] == rules
    for entry, rule in zip(found.entries, rules, strict=True):
        check(found, entry)
        for key in ("name", "when"):
            place = found.error(entry, key, "")
            assert found.text.split("\n")[place.line - 1][: place.column] == f'{key} = "', rule


@given(TEXTS, st.integers(0, 29))
@settings(max_examples=200, deadline=None)
def test_a_column_of_a_text_is_found_in_the_file(text: str, index: int) -> None:
    """However the character is written there, what stands before it is what stands before it in the text."""
    index = min(index, len(text))
    found = read(write([{"name": "A", "when": text, "then": []}]))
    place = found.error_in(found.entries[0], "when", index + 1, "")
    line = found.text.split("\n")[place.line - 1]
    before = tomllib.loads(line[: place.column - 1] + '"')["when"]
    assert before == text[:index]


MULTI = """\
# ours
[[rule]]
name = "One" # a [[rule]] in a comment
when = '''
lang:de
  oops:1'''
then = [{ kind = "add_tag", tag = "[[rule]]" }]

[["rule"]]
"name" = 'Two'
when = \"\"\"tag:a \\
   oops:2\"\"\"
then = []
"""


def test_places_in_a_file_that_a_person_wrote() -> None:
    found = read(MULTI)
    first, second = found.entries
    assert (first.values["name"], second.values["name"]) == ("One", "Two")
    assert _at(found.error_in(first, "when", first.values["when"].index("oops") + 1, "")) == (6, 3)
    assert _at(found.error_in(second, "when", second.values["when"].index("oops") + 1, "")) == (12, 4)
    assert _at(found.error(second, "once_per", "")) == (9, 1)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("[[rule]]\nname = ", 2, 8),
        ("[[rule]]\nname = 'a'\nname = 'b'", 3, 11),
        ("title = 'x'\n[[rule]]", 1, 1),
        ("\n[rule]\nname = 'a'", 2, 1),
        ("[[rule]]\n[rule.more]\na = 1\n[[other]]", 2, 1),
        ("x" * 200_001, 1, 1),
        ("[" * 5_000, 1, 1),
    ],
)
def test_what_is_no_file_of_rules(text: str, line: int, column: int) -> None:
    with pytest.raises(FileError) as wrong:
        read(text)
    assert wrong.value.line == line
    assert wrong.value.column >= 1


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ("nonsense = 1", (5, 12)),
        ("once_per = 'always'", (5, 12)),
        ("stop_after = 'yes'", (5, 14)),
    ],
)
def test_what_a_rule_cannot_have(more: str, at: tuple[int, int]) -> None:
    found = read(f"[[rule]]\nname = 'A'\nwhen = ''\nthen = []\n{more}\n")
    with pytest.raises(FileError) as wrong:
        check(found, found.entries[0])
    assert _at(wrong.value) == at


@pytest.mark.parametrize("missing", ["name", "when", "then"])
def test_what_a_rule_must_have(missing: str) -> None:
    lines = {"name": "name = 'A'", "when": "when = ''", "then": "then = []"}
    for text, at in ((None, (1, 1)), (f"{missing} = 7", (4, len(missing) + 4))):
        kept = [line for key, line in lines.items() if key != missing] + ([text] if text else [])
        found = read("[[rule]]\n" + "\n".join(kept))
        with pytest.raises(FileError) as wrong:
            check(found, found.entries[0])
        assert _at(wrong.value) == at


def _at(error: FileError) -> tuple[int, int]:
    return error.line, error.column

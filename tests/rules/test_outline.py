"""How a query is laid out, line by line."""

import pytest

from rules.outline import Line, outline, walk
from rules.query import And, parse, to_text


def drawn(line: Line) -> str:
    if line.kind == "term":
        return to_text(line.tree)
    return f"{line.kind}({', '.join(map(drawn, line.lines))})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "all()"),
        ("lang:de", "lang:de"),
        ("-lang:de", "-lang:de"),
        ("NOT NOT lang:de", "lang:de"),
        ("NOT NOT NOT refund", "-refund"),
        ("lang:de refund", "all(lang:de, refund)"),
        ("(tag:a OR tag:b) AND NOT is:resolved", "all(any(tag:a, tag:b), -is:resolved)"),
        ("NOT (tag:a OR tag:b)", "none(tag:a, tag:b)"),
        ("NOT (tag:a tag:b) lang:de", "all(not_all(tag:a, tag:b), lang:de)"),
        ("NOT (tag:a OR NOT (b c))", "none(tag:a, not_all(b, c))"),
    ],
)
def test_an_outline(text: str, expected: str) -> None:
    assert drawn(outline(parse(text))) == expected


def test_its_lines_from_top_to_bottom() -> None:
    line = outline(parse("(tag:a OR -tag:b) refund"))
    assert [to_text(one.tree) for one in walk(line)] == [
        "(tag:a OR -tag:b) refund",
        "tag:a OR -tag:b",
        "tag:a",
        "-tag:b",
        "refund",
    ]
    assert [one.negated for one in walk(line)] == [False, False, False, True, False]
    assert list(walk(outline(And(())))) == [Line("all", And(()))]

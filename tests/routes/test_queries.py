"""The reference of the query language, as people of both languages read it."""

from collections.abc import Callable
from html import escape
from typing import Any

import pytest

from app.database import db, writing
from app.models.rule import Rule
from app.words import gettext, speaking
from rules.reference import REFERENCE
from rules.vocabulary import VOCABULARY
from tests.small import SmallDesk


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_reference_tells_of_every_field(
    desk: SmallDesk, browser_as: Callable[..., Any], language: str
) -> None:
    with writing(desk.row):
        desk.bob.locale = language
    page = browser_as(desk.bob).get("/queries/reference").text
    with speaking(language):
        for name, field in VOCABULARY.items():
            assert f'id="{name}"' in page
            for text in (field.label, REFERENCE[name].told, REFERENCE[name].values):
                assert str(escape(gettext(text), quote=False)) in page.replace("&#39;", "'").replace(
                    "&#34;", '"'
                )
            for example in REFERENCE[name].examples:
                assert gettext(example.meaning) in page.replace("&#39;", "'")


def test_a_rule_says_what_was_deleted(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    with writing(desk.row):
        query = {"not": {"field": "team", "operator": ":", "values": [77]}}
        db.session.add(Rule(position=1, name="Not Returns", query=query, actions=[]))
    page = browser_as(desk.alice).get("/rules").text
    assert "-team:#77" in page
    assert "Not there any more: Team “#77”." in page
    assert "Holds for 0 tickets" in page

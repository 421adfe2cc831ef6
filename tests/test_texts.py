"""Templates hold their texts: the right ones for each language, also for parts that are included, imported or built upon."""

from collections.abc import Callable
from typing import Any

import pytest
from jinja2 import DictLoader

from app.html import STATIC
from app.words import speaking

TEMPLATES = {
    "base.html": "<title>{% block title %}{% endblock %}</title>{{ _('Close') }}",
    "part.html": "<i>{{ _('Undo') }}</i>",
    "words.html": "{% macro said() %}{{ _('Cancel') }}{% endmacro %}",
    "page.html": "{% extends 'base.html' %}{% from 'words.html' import said %}"
    "{% block title %}{% include 'part.html' %}{{ said() }}{{ _('%(n)s min', n=5) }}{{ [_('now')]|join }}{% endblock %}",
}


def test_each_language_has_its_own(app_with: Callable[..., Any]) -> None:
    app = app_with()
    app.jinja_env.loader = DictLoader(TEMPLATES)
    wanted = {
        "en": "<title><i>Undo</i>Cancel5 minnow</title>Close",
        "ko": "<title><i>되돌리기</i>취소5분방금</title>닫기",
    }
    for language in ("en", "ko", "en"):
        with speaking(language):
            assert app.jinja_env.get_template("page.html").render() == wanted[language]


def test_a_text_is_not_escaped_and_a_value_is(app_with: Callable[..., Any]) -> None:
    app = app_with()
    app.jinja_env.loader = DictLoader({"page.html": "{{ _('100%% <b>') }}{{ _('%(n)s min', n='<b>') }}"})
    with speaking("en"):
        assert app.jinja_env.get_template("page.html").render() == "100% <b>&lt;b&gt; min"


@pytest.mark.parametrize("debug", [False, True])
def test_an_icon_is_the_same_whether_its_name_is_written_or_found(
    app_with: Callable[..., Any], debug: bool
) -> None:
    app = app_with()
    app.debug = debug
    drawn = (STATIC.parent / "templates" / "_parts" / "ui.html").read_text()
    page = "{% from '_parts/ui.html' import icon %}{{ icon('close') }}|{{ icon(name) }}|{{ icon('close', '<b>') }}"
    app.jinja_env.loader = DictLoader({"page.html": page, "_parts/ui.html": drawn})
    with app.app_context():
        written, found, labelled = app.jinja_env.get_template("page.html").render(name="close").split("|")
    assert written == found
    assert found.startswith("<svg")
    assert "#close" in found
    assert 'aria-label="&lt;b&gt;"' in labelled

"""Nobody meets a text that is not in their language."""

import re
from collections import Counter
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message

from app.words import LOCALES
from tests.catalogues import SOURCE, extracted, missing, read, texts

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w*\}|%[sd]")
TAG = re.compile(r"</?[a-z][^>]*>")


@pytest.fixture(scope="module")
def found() -> Catalog:
    return extracted()


def test_texts_are_found(found: Catalog) -> None:
    """From each kind of place: N_ in a model, N_ in the rules, a template."""
    places = {
        name.split("/")[1] if name.startswith("app/") else "rules"
        for text in texts(found)
        for name, _ in text.locations
    }
    assert {"models", "desk", "templates", "rules"} <= places


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_is_translated(found: Catalog, locale: str) -> None:
    catalogue = read(locale)
    lacking = [
        text.id
        for text in texts(found)
        if (said := catalogue.get(text.id, text.context)) is None or missing(said)
    ]
    assert lacking == [], f"run bin/words and translate these in {locale}"


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_is_doubtful_or_left_over(found: Catalog, locale: str) -> None:
    catalogue = read(locale)
    assert [text.id for text in texts(catalogue) if text.fuzzy] == []
    assert list(catalogue.obsolete) == []
    left_over = [text.id for text in texts(catalogue) if found.get(text.id, text.context) is None]
    assert left_over == [], "run bin/words"


@pytest.mark.parametrize("locale", LOCALES)
def test_placeholders_survive_translation(locale: str) -> None:
    assert [text.id for text in texts(read(locale)) if not same_places(text)] == []


def test_english_says_what_the_code_says() -> None:
    """Texts are changed where they are written, so that a search for what a page says finds its code."""
    assert [text.id for text in texts(read(SOURCE)) if not missing(text) and text.string != text.id] == []


def test_plural_forms() -> None:
    assert {locale: read(locale).num_plurals for locale in LOCALES} == {"en": 2, "ko": 1}


def same_places(text: Message) -> bool:
    """Each form of a translation holds the placeholders and tags of the plural, or of the only, source form."""
    sources: Any = [text.id] if isinstance(text.id, str) else list(text.id)
    said: Any = [text.string] if isinstance(text.string, str) else list(text.string)
    allowed = [marks(source) for source in sources]
    return all(marks(form) in allowed for form in said if form)


def marks(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text.replace("%%", ""))) + Counter(TAG.findall(text))

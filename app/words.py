"""What the desk says, in the reader's language: gettext catalogues read from the .po files at start.

The `.po` files are the source and are read directly, so a fresh clone needs no compile step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LOCALES = {"en": "English", "ko": "한국어"}
CATALOGUES = Path(__file__).parent / "translations"

_locale: ContextVar[str] = ContextVar("locale", default="en")


def N_(text: str) -> str:
    """Marks a text for the catalogues where it is written; it is translated where it is said."""
    return text


def locale() -> str:
    """The language being spoken now; a key of LOCALES."""
    return _locale.get()


def speak(language: str) -> None:
    """From here on, in this thread, everything is said in this language."""
    _locale.set(language if language in LOCALES else "en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Everything said inside is said in this language (English when it is not one of LOCALES)."""
    token = _locale.set(language if language in LOCALES else "en")
    try:
        yield
    finally:
        _locale.reset(token)


def gettext(text: str, /, **values: Any) -> str:
    said = translations(_locale.get()).gettext(text)
    return said % values if values else said


def ngettext(one: str, many: str, n: int, **values: Any) -> str:
    return translations(_locale.get()).ngettext(one, many, n) % {"num": n, "n": n, **values}


def language_name(code: str) -> str:
    """What a language (ISO 639-1) is called in the language being spoken; the code itself when nobody knows it."""
    return _language_name(code, _locale.get())


@lru_cache(maxsize=1024)
def _language_name(code: str, said_in: str) -> str:
    try:
        name = Locale.parse(code).get_language_name(said_in)
    except (UnknownLocaleError, ValueError):
        return code
    return name[:1].upper() + name[1:] if name else code


def weekday_names() -> list[str]:
    """What the days are called in the language being spoken, Monday first."""
    return [name for _, name in sorted(Locale.parse(_locale.get()).days["stand-alone"]["wide"].items())]


@cache
def translations(language: str) -> NullTranslations:
    path = CATALOGUES / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)

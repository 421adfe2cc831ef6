"""Every text that people see, as found in code and templates, and the catalogues that must hold it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from app.words import CATALOGUES, LOCALES

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS = {**DEFAULT_KEYWORDS, "N_": None, "_n": (1, 2)}
SOURCE = "en"  # what the texts in the code are written in
HEADER = r"""# Nightdesk in {language}. bin/words brings it up to date.
msgid ""
msgstr ""
"Language: {locale}\n"
"Plural-Forms: {plurals}\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""


def extracted() -> Catalog:
    """All texts of the code and the templates, with the files they stand in."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    for pattern, method in methods:
        if method == "jinja2":
            options[pattern] = {"silent": "false", "trimmed": "true"}
    found = Catalog(charset="utf-8")
    for name, _, text, comments, context in extract_from_dir(
        ROOT,
        methods,
        options,
        keywords=KEYWORDS,
        comment_tags=["Translators:"],
        strip_comment_tags=True,
        directory_filter=_searched,
    ):
        found.add(text, None, [(name, 1)], auto_comments=comments, context=context)
    return found


def _searched(folder: str | os.PathLike[str]) -> bool:
    """Also _layout and _parts, which Babel would pass over."""
    return not Path(folder).name.startswith((".", "__"))


def path_of(locale: str) -> Path:
    return CATALOGUES / locale / "LC_MESSAGES" / "messages.po"


def read(locale: str) -> Catalog:
    with path_of(locale).open("rb") as file:
        return read_po(file, locale=locale, domain="messages", abort_invalid=True)


def texts(catalogue: Catalog) -> Iterator[Message]:
    """The entries but the header."""
    return (message for message in catalogue if message.id)


def missing(message: Message) -> bool:
    said = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return not said or not all(said)


def update(locale: str) -> list[str]:
    """Brings one catalogue up to date; returns the texts that wait for a translator."""
    found = extracted()
    path = path_of(locale)
    catalogue = (
        read(locale) if path.exists() else Catalog(locale=locale, project="Nightdesk", charset="utf-8")
    )
    catalogue.update(found, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    if locale == SOURCE:
        for message in texts(catalogue):
            message.string = message.id
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(
            HEADER.format(language=LOCALES[locale], locale=locale, plurals=catalogue.plural_forms).encode()
        )
        write_po(file, catalogue, width=110, sort_output=True, include_lineno=False, omit_header=True)
    return [str(message.id) for message in texts(catalogue) if missing(message)]


if __name__ == "__main__":
    for locale in LOCALES:
        for text in update(locale):
            sys.stdout.write(f"{locale}: no translation of {text}\n")

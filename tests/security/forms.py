"""The forms of a page as a browser would send them: what test_odd_values.py spoils field by field."""

from html.parser import HTMLParser
from typing import NamedTuple


class SentForm(NamedTuple):
    action: str
    fields: dict[str, str]


def forms_of(markup: str, page: str) -> list[SentForm]:
    """The POST forms of a page at the address `page`, with their values as they stand there."""
    reader = _Reader(page)
    reader.feed(markup)
    return reader.forms


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.forms: list[SentForm] = []
        self._open = False
        self._select: str | None = None
        self._textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = values.get("method", "").lower() == "post"
            if self._open:
                self.forms.append(SentForm(values.get("action") or self.page, {}))
        elif self._open:
            self._field(tag, values)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self.forms[-1].fields[self._textarea] += data

    def _field(self, tag: str, values: dict[str, str]) -> None:
        fields, name = self.forms[-1].fields, values.get("name", "")
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._textarea = name
            fields[name] = ""
        elif tag == "option" and self._select is not None:
            if "selected" in values or self._select not in fields:
                fields[self._select] = values.get("value", "")
        elif name and tag in ("input", "button") and values.get("type") != "file":
            fields.setdefault(name, values.get("value", ""))

"""Templates with their texts and icons in place: each is compiled once for every language, so that a page looks no text up
and draws no icon.

A text that takes values is still looked up where it is said, and an icon whose name depends on something drawn there.
"""

from collections.abc import Callable, MutableMapping
from typing import Any

from flask import Flask
from flask.templating import Environment
from jinja2 import Template, nodes
from jinja2.visitor import NodeTransformer

from app import words

ICONS = "_parts/ui.html"  # where the macro `icon` is


class Templates(Environment):
    """The templates of an app. Whoever asks it for one is given that of the language being spoken."""

    language = ""  # of one language's own, which gives what it includes in the same

    def __init__(self, app: Flask, **options: Any) -> None:
        super().__init__(app, **options)
        self._spoken: dict[str, Templates] = {}

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> Template:
        if self.language or isinstance(name, Template):
            return super().get_template(name, parent, globals)
        return self._in(words.locale()).get_template(name, parent, globals)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """One mapping instead of a chain of two, which every part of a page would look through again."""
        return {**self.globals, **(d or {})}

    def _in(self, language: str) -> "Templates":
        if language not in self._spoken:
            spoken = self.overlay()
            spoken.language = language
            self._spoken[language] = spoken
        return self._spoken[language]

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        drawn = None if name == ICONS or self.app.debug else self._icon
        return super()._generate(_InPlace(self.language, drawn).visit(source), name, filename, defer_init)

    def _icon(self, name: str) -> str:
        return str(self.get_template(ICONS).module.icon(name))  # type: ignore[attr-defined]


class _InPlace(NodeTransformer):
    """Puts what `_("A text")` says and `icon("name")` draws in its place."""

    def __init__(self, language: str, drawn: Callable[[str], str] | None) -> None:
        self._language = language
        self._drawn = drawn

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        match node:
            case nodes.Call(node=nodes.Name(name="_"), args=[nodes.Const(value=str(text))], kwargs=[]):
                with words.speaking(self._language):
                    said = words.gettext(text)
                return nodes.TemplateData(said % {} if "%" in said else said, lineno=node.lineno)
            case nodes.Call(node=nodes.Name(name="icon"), args=[nodes.Const(value=str(name))], kwargs=[]):
                if self._drawn is not None:
                    return nodes.TemplateData(self._drawn(name), lineno=node.lineno)
        return self.generic_visit(node)

"""Rules as a TOML file that people read, compare and send: `[[rule]]` with what KEYS names."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.rule import MOST_AN_HOUR, USUAL_CAP
from rules.words import N_

RULE = "rule"
KEYS = ("name", "when", "then", "once_per", "stop_after", "hourly_cap")
LONGEST = 200_000  # characters of a file


class FileError(Exception):
    """A mistake in a file. `message` is an English format string (a msgid) for `values`; line and column count from 1."""

    def __init__(self, message: str, line: int, column: int, **values: Any) -> None:
        super().__init__(message, line, column, values)
        self.message = message
        self.line = line
        self.column = column
        self.values = values


@dataclass
class Entry:
    """One `[[rule]]` as it was written, and where: of the entry, and of the value of each of its keys."""

    at: int
    values: Mapping[str, Any] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """The rules of a file, and its text to say places in."""

    text: str
    entries: Sequence[Entry]

    def error(self, entry: Entry, at: str, message: str, **values: Any) -> FileError:
        """A mistake in the value of the key `at`; in the entry itself, when the key is not there."""
        return FileError(message, *_place(self.text, entry.places.get(at, entry.at)), **values)

    def error_in(self, entry: Entry, key: str, column: int, message: str, **values: Any) -> FileError:
        """A mistake at a column of the text that a key has as its value."""
        at = _offset(self.text, entry.places[key], column - 1)
        return FileError(message, *_place(self.text, at), **values)


def write(rules: Sequence[Mapping[str, Any]]) -> str:
    """The file of these rules, each with the values of KEYS."""
    return "\n".join(f"[[{RULE}]]\n" + "".join(_lines(rule)) for rule in rules)


def read(text: str) -> File:
    """The rules of a file, each checked to have what a rule has, of the right kind. Raises FileError."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if len(text) > LONGEST:
        raise FileError(N_("longer than {limit} characters"), 1, 1, limit=LONGEST)
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        line, column = _where(str(error), text)
        raise FileError(N_("this is not TOML"), line, column) from error
    entries, others = _scan(text)
    unknown = [key for key in data if key != RULE]
    listed = data.get(RULE, [])
    if unknown or not isinstance(listed, list) or len(listed) != len(entries):
        at = others[0] if others else 0
        raise FileError(N_("a file of rules holds `[[rule]]` and nothing else"), *_place(text, at))
    for entry, values in zip(entries, listed, strict=True):
        entry.values = values
    return File(text, entries)


def check(file: File, entry: Entry) -> None:
    """Raises FileError unless the entry has what a rule has."""
    values = entry.values
    for key in values:
        if key not in KEYS:
            raise file.error(
                entry, key, N_("a rule has no `{key}`, only {keys}"), key=key, keys=", ".join(KEYS)
            )
    for key, kind in (("name", str), ("when", str), ("then", list)):
        if not isinstance(values.get(key), kind):
            raise file.error(entry, key, N_("`{key}` is missing") if key not in values else _WRONG, key=key)
    if values.get("once_per", "episode") not in ("episode", "ticket"):
        raise file.error(entry, "once_per", N_("`once_per` is `episode` or `ticket`"))
    if not isinstance(values.get("stop_after", False), bool):
        raise file.error(entry, "stop_after", _WRONG, key="stop_after")
    cap = values.get("hourly_cap", USUAL_CAP)
    if type(cap) is not int or not 1 <= cap <= MOST_AN_HOUR:
        raise file.error(
            entry, "hourly_cap", N_("`hourly_cap` is a number from 1 to {most}"), most=MOST_AN_HOUR
        )


_WRONG = N_("`{key}` is of another kind")


def _lines(rule: Mapping[str, Any]) -> list[str]:
    lines = [f"{key} = {_written(rule[key])}\n" for key in ("name", "when")]
    lines.append("then = [\n" + "".join(f"  {_written(action)},\n" for action in rule["then"]) + "]\n")
    if rule.get("once_per", "episode") != "episode":
        lines.append(f"once_per = {_written(rule['once_per'])}\n")
    if rule.get("stop_after"):
        lines.append("stop_after = true\n")
    if rule.get("hourly_cap", USUAL_CAP) != USUAL_CAP:
        lines.append(f"hourly_cap = {_written(rule['hourly_cap'])}\n")
    return lines


def _written(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return "[" + ", ".join(map(_written, value)) + "]"
        case dict():
            inner = ", ".join(f"{key} = {_written(one)}" for key, one in value.items() if one is not None)
            return "{ " + inner + " }"
    raise TypeError(value)


_WHERE = re.compile(r"line (\d+), column (\d+)")


def _where(said: str, text: str) -> tuple[int, int]:
    """The place that the reader's message names; else the end."""
    found = _WHERE.search(said)
    return (int(found[1]), int(found[2])) if found else _place(text, len(text))


def _place(text: str, at: int) -> tuple[int, int]:
    before = text[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'{3}.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL
)


def _scan(text: str) -> tuple[list[Entry], list[int]]:
    """The entries of a text that is TOML, with their places, and where anything else stands at its top."""
    entries: list[Entry] = []
    others: list[int] = []
    inside: Entry | None = None
    at = _past(_BLANK, text, 0)
    while at < len(text):
        if text[at] == "[":
            name = text[at : text.index("\n", at) if "\n" in text[at:] else len(text)]
            if re.match(rf"\[\[[ \t]*[\"']?{RULE}[\"']?[ \t]*\]\]", name):
                inside = Entry(at)
                entries.append(inside)
            else:
                others.append(at)
                inside = None
            at = _past(re.compile(r"[^\n]*"), text, at)
        else:
            key = _KEY.match(text, at)
            begins = _past(re.compile(r"[^=]*=[ \t]*"), text, at)
            if inside is None:
                others.append(at)
            elif key is not None:
                inside.places.setdefault(key[1].strip("\"'"), begins)
            at = _behind(text, begins)
        at = _past(_BLANK, text, at)
    return entries, others


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _behind(text: str, at: int) -> int:
    """Where a value ends: at the end of its line, outside of brackets and strings."""
    depth = 0
    while at < len(text) and (depth or text[at] != "\n"):
        if text[at] in "\"'":
            found = _STRING.match(text, at)
            at = found.end() if found else at + 1
            continue
        if text[at] == "#":
            at = _past(re.compile(r"[^\n]*"), text, at)
            continue
        depth += (text[at] in "[{") - (text[at] in "]}")
        at += 1
    return at


_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[ \t]*\n\s*|.)", re.DOTALL)


def _offset(text: str, at: int, index: int) -> int:
    """Where the character `index` of the string that is written at `at` stands in the text."""
    sign = text[at]
    three = text.startswith(sign * 3, at)
    at += 3 if three else 1
    if three and text.startswith("\n", at):
        at += 1
    while at < len(text):
        escape = _ESCAPE.match(text, at) if sign == '"' else None
        if escape is not None and "\n" in escape[0]:  # a line that goes on in the next one
            at = escape.end()
        elif index == 0:
            break
        else:
            at, index = escape.end() if escape else at + 1, index - 1
    return at

"""The keys: the one table that binds them in the browser (static/js/keys.js), and is the help and the tooltips."""

import json
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from markupsafe import Markup

from app.words import N_, gettext, locale

# Where keys act; the heading of each part of the help.
SCOPES = {
    "page": N_("Everywhere"),
    "board": N_("On the board"),
    "card": N_("The card in focus, or the ticket shown"),
    "ticket": N_("In a ticket"),
    "composer": N_("While writing"),
}


@dataclass(frozen=True)
class Key:
    """What keys do. Each of `keys` is as `event.key` names it, with Mod (Ctrl, or ⌘ on a Mac) and Shift in front; "g b" is
    one key after the other."""

    id: str
    keys: tuple[str, ...]
    scope: str
    label: str

    def bound(self, *, single: bool) -> tuple[str, ...]:
        """Those that work for somebody who has switched keys with one character on, or off."""
        return tuple(key for key in self.keys if single or not is_single(key))


KEYS = (
    Key("help", ("?",), "page", N_("Show the keys")),
    Key("palette", ("Mod+k",), "page", N_("Go to, find or do")),
    Key("search", ("/",), "page", N_("Search all tickets")),
    Key("filter", ("f",), "page", N_("Filter the board or the list")),
    Key("new", ("c",), "page", N_("New ticket")),
    Key("board", ("g b",), "page", N_("Go to the board")),
    Key("mine", ("q", "g m"), "page", N_("Go to my tickets")),
    Key("unassigned", ("g u",), "page", N_("Go to unassigned tickets")),
    Key("rota", ("g r",), "page", N_("Go to the rota")),
    Key("settings", ("g s",), "page", N_("Go to the settings")),
    Key("close", ("Escape",), "page", N_("Close what is on top")),
    Key("undo", ("z",), "page", N_("Undo the last change")),
    Key("up", ("ArrowUp", "k"), "board", N_("Card above")),
    Key("down", ("ArrowDown", "j"), "board", N_("Card below")),
    Key("left", ("ArrowLeft", "h"), "board", N_("Column to the left")),
    Key("right", ("ArrowRight", "l"), "board", N_("Column to the right")),
    Key("open", ("Enter", "o"), "board", N_("Open the ticket")),
    Key("peek", ("Space",), "board", N_("Look at the ticket and stay on the board")),
    Key("select", ("x",), "board", N_("Select the card, or not")),
    Key("select_up", ("Shift+ArrowUp",), "board", N_("Select up to the card above")),
    Key("select_down", ("Shift+ArrowDown",), "board", N_("Select down to the card below")),
    Key("more", ("Shift+x",), "board", N_("Merge, spam or delete what is selected")),
    Key("back", (",",), "board", N_("Move to the previous column")),
    Key("forward", (".",), "board", N_("Move to the next column")),
    Key("assign", ("a",), "card", N_("Assign to somebody")),
    Key("take", ("i",), "card", N_("Assign to me")),
    Key("column", ("s",), "card", N_("Choose the column")),
    Key("priority", ("p",), "card", N_("Choose the priority")),
    Key("tags", ("t",), "card", N_("Add or remove a tag")),
    Key("snooze", ("b",), "card", N_("Snooze")),
    Key("resolve", ("e",), "card", N_("Resolve")),
    Key("move", ("Shift+m",), "card", N_("Open the Move dialog")),
    Key("transfer", ("Shift+b",), "card", N_("Move to another board")),
    Key("copy", ("y",), "card", N_("Copy the link")),
    Key("reply", ("r",), "ticket", N_("Reply to customer")),
    Key("note", ("n",), "ticket", N_("Internal note")),
    Key("previous", ("[",), "ticket", N_("Previous ticket")),
    Key("next", ("]",), "ticket", N_("Next ticket")),
    Key("send", ("Mod+Enter",), "composer", N_("Send, or save the note")),
    Key("send_resolve", ("Mod+Shift+Enter",), "composer", N_("Send and resolve")),
)
BY_ID = {key.id: key for key in KEYS}
# What acts on all tickets that are selected, wherever they are.
FOR_SELECTED = frozenset(("assign", "column", "priority", "tags", "snooze", "transfer", "more"))

_SIGNS = {
    "ArrowUp": "↑",
    "ArrowDown": "↓",
    "ArrowLeft": "←",
    "ArrowRight": "→",
    "Escape": "Esc",
    "Space": N_("Space"),
}


class Part(NamedTuple):
    """A part of the help: (what they do, how it is typed) under a heading. Each way is one key after the other, each of
    them pressed together."""

    heading: str
    lines: list[tuple[str, list[list[list[str]]]]]


def is_single(key: str) -> bool:
    """Whether it is typed with one character: what somebody who dictates says by chance."""
    return any(len(stroke.removeprefix("Shift+")) == 1 for stroke in key.split(" "))


@cache
def table(*, single: bool) -> Markup:
    """What the browser binds, as JSON: [id, key, key, ...] of each."""
    found = ((key.id, *key.bound(single=single)) for key in KEYS if key.scope != "composer")
    lines = json.dumps([line for line in found if len(line) > 1], separators=(",", ":"))
    return Markup(lines)  # noqa: S704 - ours, for an attribute in single quotes


def help_parts(*, single: bool, mac: bool) -> list[Part]:
    """The help: what is bound, and nothing else."""
    return [
        Part(
            gettext(heading),
            [
                (gettext(key.label), [strokes(each, mac=mac) for each in bound])
                for key in KEYS
                if key.scope == scope and (bound := key.bound(single=single))
            ],
        )
        for scope, heading in SCOPES.items()
    ]


def strokes(key: str, *, mac: bool) -> list[list[str]]:
    """ "Shift+m" -> [["Shift", "M"]]; "g b" -> [["G"], ["B"]]: as it stands on the keys."""
    return [[_sign(part, mac) for part in stroke.split("+")] for stroke in key.split(" ")]


def attributes(id: str, *, single: bool, mac: bool) -> Markup:
    """What an element says that its key presses: to the script, in its tooltip and to screen readers."""
    return _attributes(id, single, mac, locale())


@cache
def _attributes(id: str, single: bool, mac: bool, _said_in: str) -> Markup:
    key = BY_ID[id]
    bound = key.bound(single=single)
    if not bound:
        return Markup(' data-key="{}"').format(id)
    typed = " ".join("+".join(stroke) for stroke in strokes(bound[0], mac=mac))
    spoken = " ".join(_spoken(each, mac) for each in bound if " " not in each)
    said = Markup(' aria-keyshortcuts="{}"').format(spoken) if spoken else ""
    return Markup(' data-key="{}" title="{} ({})"{}').format(id, gettext(key.label), typed, said)


def _sign(part: str, mac: bool) -> str:
    if part == "Mod":
        return "⌘" if mac else "Ctrl"
    return gettext(_SIGNS[part]) if part in _SIGNS else part.upper() if len(part) == 1 else part


def _spoken(key: str, mac: bool) -> str:
    """As aria-keyshortcuts wants it."""
    key = key.replace("Mod", "Meta" if mac else "Control")
    return key[:-1] + key[-1].upper()

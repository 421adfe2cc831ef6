"""How the form of a rule asks for each type of detail that an action has: see rules.actions."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.database import db
from app.desk import rule_names
from app.models.board import STATES, all_boards
from app.models.desk import the_desk
from app.models.person import people_working
from app.models.team import all_teams
from app.models.ticket import PRIORITIES, PRIORITY_NAMES, Tag
from app.models.webhook import all_webhooks
from app.words import N_, gettext, language_name
from rules.actions import LONGEST_TEXT, WAYS_TO_CHOOSE


class Way(NamedTuple):
    """How a form asks for the details of a type. `read` makes of what was sent what rules.actions reads, `write` does the
    opposite; `choices` are what is offered, as (value, words)."""

    widget: str
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    choices: Callable[[datetime], Iterable[tuple[str, str]]] = lambda _now: ()
    nothing: str = ""  # a msgid: what stands first in the choices, and means that none is made
    longest: int = 0


def _id(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) < 19 else 0


def _column(value: str) -> str | int:
    return _id(value) if value.isdecimal() else value


def _tag_name(tag: Any) -> str:
    if isinstance(tag, str):
        return tag
    found = db.session.get(Tag, tag)
    return found.name if found else ""


def _columns(_now: datetime) -> list[tuple[str, str]]:
    """Those of each board; and the states, which a rule for several boards wants."""
    boards = all_boards()
    own = [
        (str(column.id), column.name if len(boards) == 1 else f"{board.name}: {column.name}")
        for board in boards
        for column in board.columns
    ]
    of_state = N_("The column for %(state)s")
    return own + [(name, gettext(of_state, state=gettext(label))) for name, label in STATES.items()]


def _languages(_now: datetime) -> list[tuple[str, str]]:
    """Those that the desk serves."""
    desk = the_desk()
    return [(code, language_name(code)) for code in (desk.languages if desk else [])]


WAYS: Mapping[str, Way] = {
    "tag": Way("line", write=_tag_name, longest=40),
    "priority": Way(
        "choice",
        choices=lambda _now: [(name, gettext(PRIORITIES[n])) for n, name in enumerate(PRIORITY_NAMES)],
        nothing=N_("Choose a priority"),
    ),
    "language": Way("choice", choices=_languages, nothing=N_("Choose a language")),
    "column": Way("choice", _column, choices=_columns, nothing=N_("Choose a column")),
    "board": Way(
        "choice",
        _id,
        choices=lambda _now: [(str(board.id), board.name) for board in all_boards()],
        nothing=N_("Choose a board"),
    ),
    "yes_no": Way(
        "choice",
        lambda value: value != "no",
        lambda vip: "yes" if vip else "no",
        lambda _now: [("yes", gettext(rule_names.YES)), ("no", gettext(rule_names.NO))],
    ),
    "flag": Way("check", lambda value: value == "yes", lambda on: "yes" if on else ""),
    "person": Way(
        "choice",
        _id,
        choices=lambda now: [(str(person.id), person.name) for person in people_working(now)],
        nothing=N_("Choose a person"),
    ),
    "team": Way(
        "choice",
        _id,
        choices=lambda _now: [(str(team.id), team.name) for team in all_teams()],
        nothing=N_("Choose a team"),
    ),
    "webhook": Way(
        "choice",
        _id,
        choices=lambda _now: [(str(webhook.id), webhook.name) for webhook in all_webhooks()],
        nothing=N_("Choose a webhook"),
    ),
    "way": Way(
        "choice", choices=lambda _now: [(name, gettext(label)) for name, label in WAYS_TO_CHOOSE.items()]
    ),
    "length": Way("line", longest=20),
    "text": Way("text", longest=LONGEST_TEXT),
}

"""What a rule can do to a ticket: data only; the app carries it out through the verbs that people use.

One table, KINDS below, is what the form, the sweep, the sentence in words and the file that rules are kept in read.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from rules.placeholders import unknown
from rules.vocabulary import LANGUAGES, PRIORITIES, STATES
from rules.words import N_

WAYS_TO_CHOOSE = {"turn": N_("in turn"), "load": N_("who has least to do")}
LONGEST_TEXT = 4_000
LONGEST_SNOOZE = 366 * 86_400
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60}


class ActionError(Exception):
    """An action that cannot be. `message` is an English format string (a msgid) for `values`; `detail` names the one at fault,
    of texts with their language (`texts_ko`), where that is not the first one of its kind."""

    def __init__(self, message: str, *, detail: str | None = None, **values: str) -> None:
        super().__init__(message, values)
        self.message = message
        self.detail = detail
        self.values = values

    def __str__(self) -> str:
        return self.message.format(**self.values)


@dataclass(frozen=True)
class AddTag:
    """`tag` is a name, or the id that the app stores for it."""

    tag: str | int

    def __post_init__(self) -> None:
        _check_tag(self.tag, N_("a tag to add is missing"))


@dataclass(frozen=True)
class RemoveTag:
    tag: str | int

    def __post_init__(self) -> None:
        _check_tag(self.tag, N_("a tag to remove is missing"))


@dataclass(frozen=True)
class SetPriority:
    """`priority` is one of `rules.vocabulary.PRIORITIES`."""

    priority: str

    def __post_init__(self) -> None:
        if not self.priority:
            raise ActionError(N_("a priority is missing"))
        if self.priority not in PRIORITIES:
            raise ActionError(N_("`{priority}` is not a priority"), priority=str(self.priority))


@dataclass(frozen=True)
class SetLanguage:
    language: str

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ActionError(N_("a language is missing"))


@dataclass(frozen=True)
class Move:
    """`column` is the id of one, or a state: then it is the ticket's board's own column of that state."""

    column: str | int

    def __post_init__(self) -> None:
        if not _is_id(self.column) and self.column not in STATES:
            raise ActionError(N_("a column is missing"))


@dataclass(frozen=True)
class MoveToBoard:
    board: int

    def __post_init__(self) -> None:
        if not _is_id(self.board):
            raise ActionError(N_("a board is missing"))


@dataclass(frozen=True)
class SetVip:
    vip: bool

    def __post_init__(self) -> None:
        _check_flag(self.vip)


@dataclass(frozen=True)
class Assign:
    person_id: int

    def __post_init__(self) -> None:
        if not _is_id(self.person_id):
            raise ActionError(N_("a person to assign to is missing"))


@dataclass(frozen=True)
class AssignNobody:
    """Takes the ticket from whoever has it."""


@dataclass(frozen=True)
class AssignOnCall:
    """Assigns to whoever is on call when the action is carried out, which for an owed one is later. `speaking`: the backup,
    or nobody, when the first does not speak the ticket's language."""

    speaking: bool = False

    def __post_init__(self) -> None:
        _check_flag(self.speaking)


@dataclass(frozen=True)
class AssignFromTeam:
    """`way` is one of WAYS_TO_CHOOSE; `speaking`: only among those who speak the ticket's language."""

    team: int
    way: str = "turn"
    speaking: bool = False

    def __post_init__(self) -> None:
        _check_team(self.team)
        _check_flag(self.speaking)
        if self.way not in WAYS_TO_CHOOSE:
            raise ActionError(N_("`{way}` is no way to choose somebody"), detail="way", way=str(self.way))


@dataclass(frozen=True)
class SetTeam:
    team: int

    def __post_init__(self) -> None:
        _check_team(self.team)


@dataclass(frozen=True)
class Snooze:
    """`length` as people write it: 30m, 2h, 1d12h, 1w."""

    length: str

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= LONGEST_SNOOZE:
            raise ActionError(N_("write how long, such as 30m, 2h, 1d12h or 1w, at most a year"))

    @property
    def seconds(self) -> int:
        parts = re.fullmatch(r"(?:[0-9]{1,6}[wdhm])+", self.length) if isinstance(self.length, str) else None
        if parts is None:
            return 0
        return sum(int(part[:-1]) * _SECONDS[part[-1]] for part in re.findall(r"[0-9]+[wdhm]", parts[0]))


@dataclass(frozen=True)
class SnoozeUntilOpen:
    """Until the opening hours of the ticket's address begin again."""


@dataclass(frozen=True)
class AddNote:
    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)
        if not self.text.strip():
            raise ActionError(N_("a text is missing"))


@dataclass(frozen=True)
class Reply:
    """`texts` are other words for a language; `text` is what everybody else gets."""

    text: str
    texts: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        AddNote(self.text)
        if not isinstance(self.texts, dict) or not set(self.texts) <= set(LANGUAGES):
            raise ActionError(N_("a language is missing"))
        for language, text in self.texts.items():
            _check_text(text, f"texts_{language}")


@dataclass(frozen=True)
class TellPerson:
    person_id: int

    def __post_init__(self) -> None:
        if not _is_id(self.person_id):
            raise ActionError(N_("a person to tell is missing"))


@dataclass(frozen=True)
class TellTeam:
    team: int

    def __post_init__(self) -> None:
        _check_team(self.team)


@dataclass(frozen=True)
class TellOnCall:
    """Tells whoever is on call when the action is carried out."""


@dataclass(frozen=True)
class RaiseAlert:
    """Pages who is on call, then the next, until somebody acknowledges."""


@dataclass(frozen=True)
class CallWebhook:
    webhook: int

    def __post_init__(self) -> None:
        if not _is_id(self.webhook):
            raise ActionError(N_("a webhook is missing"))


Action = (
    AddTag
    | RemoveTag
    | SetPriority
    | SetLanguage
    | Move
    | MoveToBoard
    | SetVip
    | Assign
    | AssignNobody
    | AssignOnCall
    | AssignFromTeam
    | SetTeam
    | Snooze
    | SnoozeUntilOpen
    | AddNote
    | Reply
    | TellPerson
    | TellTeam
    | TellOnCall
    | RaiseAlert
    | CallWebhook
)


@dataclass(frozen=True)
class Detail:
    """What an action has to be told. `name` is its name in the stored action; `type` says what it may be, and so how a
    form asks for it; `label` is a msgid."""

    name: str
    type: str
    label: str

    @property
    def noun(self) -> str:
        """Its name in a sentence."""
        return self.name.removesuffix("_id")


@dataclass(frozen=True)
class Kind:
    """`label` is a msgid; `field` is what the action sets, of which a ticket has one: a later action wins, and a person's choice
    is left alone for a minute; None for what only adds up. `type` is its class; `said` is the msgid of what it does, with its
    details filled in by their nouns."""

    name: str
    label: str
    field: str | None
    type: type[Action]
    said: str
    details: tuple[Detail, ...] = ()


def kinds() -> Mapping[str, Kind]:
    """Every kind of action by its stored name, in the order in which a form offers them."""
    return _KINDS


def kind_of(action: Action) -> Kind:
    return _BY_TYPE[type(action)]


def slot_of(action: Action) -> str:
    """What the action sets: two that set the same cannot both be. Of tags each is one of its own (`tags:12`); what only adds up
    is in nobody's way."""
    kind = kind_of(action)
    if isinstance(action, AddTag | RemoveTag):
        return f"{kind.field}:{action.tag}"
    return kind.field or f"{kind.name}:{sorted(asdict(action).items())}"


def to_json(action: Action) -> dict[str, Any]:
    """`{"kind": "add_tag", "tag": "refund"}` and the like; a "no" that goes without saying is left out."""
    details = {one.name: getattr(action, one.name) for one in fields(action)}
    needed = _needed(type(action))
    return {
        "kind": kind_of(action).name,
        **{name: value for name, value in details.items() if value or name in needed},
    }


def from_json(data: Any) -> Action:
    """The action that `to_json` wrote, or that a form describes in the same shape; what has a usual value may be left out.
    Raises ActionError."""
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str) or data["kind"] not in _KINDS:
        raise ActionError(N_("an action of an unknown kind"))
    kind = _KINDS[data["kind"]]
    arguments = {name: value for name, value in data.items() if name != "kind"}
    known = {one.name for one in fields(kind.type)}
    if not _needed(kind.type) <= set(arguments) <= known:
        raise ActionError(N_("the action `{kind}` has other details"), kind=kind.name)
    return kind.type(**arguments)


def _needed(type: type[Action]) -> set[str]:
    return {one.name for one in fields(type) if one.default is MISSING and one.default_factory is MISSING}


def _is_id(value: object) -> bool:
    return type(value) is int and value > 0


def _check_tag(tag: object, message: str) -> None:
    if not (_is_id(tag) or (isinstance(tag, str) and tag.strip())):
        raise ActionError(message)


def _check_team(team: object) -> None:
    if not _is_id(team):
        raise ActionError(N_("a team is missing"))


def _check_flag(flag: object) -> None:
    if not isinstance(flag, bool):
        raise ActionError(N_("say yes or no"))


def _check_text(text: object, detail: str | None = None) -> None:
    if not isinstance(text, str):
        raise ActionError(N_("a text is missing"), detail=detail)
    if len(text) > LONGEST_TEXT:
        raise ActionError(N_("a text has at most {most} characters"), detail=detail, most=str(LONGEST_TEXT))
    if (place := unknown(text)) is not None:
        raise ActionError(N_("nothing is known to put into `{place}`"), detail=detail, place=place)


_TAG = Detail("tag", "tag", N_("Tag"))
_PERSON = Detail("person_id", "person", N_("Person"))
_TEAM = Detail("team", "team", N_("Team"))
_SPEAKING = Detail("speaking", "flag", N_("only who speaks the ticket's language"))

_KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("add_tag", N_("Add a tag"), "tags", AddTag, N_("Add the tag %(tag)s"), (_TAG,)),
        Kind("remove_tag", N_("Remove a tag"), "tags", RemoveTag, N_("Remove the tag %(tag)s"), (_TAG,)),
        Kind(
            "set_priority",
            N_("Set the priority"),
            "priority",
            SetPriority,
            N_("Set the priority to %(priority)s"),
            (Detail("priority", "priority", N_("Priority")),),
        ),
        Kind(
            "set_language",
            N_("Set the language"),
            "language",
            SetLanguage,
            N_("Set the language to %(language)s"),
            (Detail("language", "language", N_("Language")),),
        ),
        Kind(
            "move",
            N_("Move to a column"),
            "column",
            Move,
            N_("Move to %(column)s"),
            (Detail("column", "column", N_("Column")),),
        ),
        Kind(
            "board",
            N_("Move to another board"),
            "board",
            MoveToBoard,
            N_("Move to the board %(board)s"),
            (Detail("board", "board", N_("Board")),),
        ),
        Kind(
            "set_vip",
            N_("Mark the customer as VIP"),
            "vip",
            SetVip,
            N_("Customer is VIP: %(vip)s"),
            (Detail("vip", "yes_no", N_("Customer is VIP")),),
        ),
        Kind("assign", N_("Assign to a person"), "assignee", Assign, N_("Assign to %(person)s"), (_PERSON,)),
        Kind("assign_nobody", N_("Assign to nobody"), "assignee", AssignNobody, N_("Assign to nobody")),
        Kind(
            "assign_on_call",
            N_("Assign to who is on call"),
            "assignee",
            AssignOnCall,
            N_("Assign to who is on call"),
            (_SPEAKING,),
        ),
        Kind(
            "assign_from_team",
            N_("Assign to somebody of a team"),
            "assignee",
            AssignFromTeam,
            N_("Assign to somebody of the team %(team)s, %(way)s"),
            (_TEAM, Detail("way", "way", N_("Who of them")), _SPEAKING),
        ),
        Kind(
            "set_team",
            N_("Give to a team"),
            "team",
            SetTeam,
            N_("Give to the team %(team)s"),
            (_TEAM,),
        ),
        Kind(
            "snooze",
            N_("Snooze for a time"),
            "snooze",
            Snooze,
            N_("Snooze for %(length)s"),
            (Detail("length", "length", N_("How long, such as 2h or 3d")),),
        ),
        Kind(
            "snooze_until_open",
            N_("Snooze until the desk opens"),
            "snooze",
            SnoozeUntilOpen,
            N_("Snooze until the opening hours begin"),
        ),
        Kind(
            "add_note",
            N_("Add a note"),
            None,
            AddNote,
            N_("Add the note “%(text)s”"),
            (Detail("text", "text", N_("Note")),),
        ),
        Kind(
            "reply",
            N_("Answer automatically"),
            "reply",
            Reply,
            N_("Answer automatically: “%(text)s”"),
            (Detail("text", "text", N_("Answer")), Detail("texts", "texts", N_("Answer in %(language)s"))),
        ),
        Kind("tell_person", N_("Tell a person"), None, TellPerson, N_("Tell %(person)s"), (_PERSON,)),
        Kind("tell_team", N_("Tell a team"), None, TellTeam, N_("Tell the team %(team)s"), (_TEAM,)),
        Kind("tell_on_call", N_("Tell who is on call"), None, TellOnCall, N_("Tell who is on call")),
        Kind(
            "call_webhook",
            N_("Call a webhook"),
            None,
            CallWebhook,
            N_("Call the webhook %(webhook)s"),
            (Detail("webhook", "webhook", N_("Webhook")),),
        ),
        Kind("raise_alert", N_("Raise an alert"), None, RaiseAlert, N_("Raise an alert")),
    )
}
_BY_TYPE: Mapping[type[Action], Kind] = {kind.type: kind for kind in _KINDS.values()}

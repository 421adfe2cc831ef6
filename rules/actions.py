"""What a rule can do to a ticket: data only; the app carries it out through the verbs that people use."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rules.vocabulary import PRIORITIES
from rules.words import N_

TicketField = Literal["tags", "priority", "assignee"]


class ActionError(Exception):
    """An action that cannot be. `message` is an English format string (a msgid) for `values`."""

    def __init__(self, message: str, **values: str) -> None:
        super().__init__(message, values)
        self.message = message
        self.values = values

    def __str__(self) -> str:
        return self.message.format(**self.values)


@dataclass(frozen=True)
class AddTag:
    """`tag` is a name, or the id that the app stores for it."""

    tag: str | int

    def __post_init__(self) -> None:
        if not (_is_id(self.tag) or (isinstance(self.tag, str) and self.tag.strip())):
            raise ActionError(N_("a tag to add is missing"))


@dataclass(frozen=True)
class SetPriority:
    """`priority` is one of `rules.vocabulary.PRIORITIES`."""

    priority: str

    def __post_init__(self) -> None:
        if self.priority not in PRIORITIES:
            raise ActionError(N_("`{priority}` is not a priority"), priority=str(self.priority))


@dataclass(frozen=True)
class Assign:
    person_id: int

    def __post_init__(self) -> None:
        if not _is_id(self.person_id):
            raise ActionError(N_("a person to assign to is missing"))


@dataclass(frozen=True)
class AssignOnCall:
    """Assigns to whoever is on call when the action is carried out, which for an owed one is later."""


Action = AddTag | SetPriority | Assign | AssignOnCall


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
    """`label` is a msgid; `field` is what the action changes on a ticket; `type` is its class; `said` is the msgid of what
    it does, with its details filled in by their nouns."""

    name: str
    label: str
    field: TicketField
    type: type[Action]
    said: str
    details: tuple[Detail, ...] = ()


def kinds() -> Mapping[str, Kind]:
    """Every kind of action by its stored name, in the order in which a form offers them."""
    return _KINDS


def kind_of(action: Action) -> Kind:
    return _BY_TYPE[type(action)]


def slot_of(action: Action) -> str:
    """What the action sets: two that set the same cannot both be. Of tags each is one of its own: `tags:12`."""
    field = kind_of(action).field
    return f"{field}:{action.tag}" if isinstance(action, AddTag) else field


def to_json(action: Action) -> dict[str, Any]:
    """`{"kind": "add_tag", "tag": "refund"}` and the like."""
    return {"kind": kind_of(action).name, **asdict(action)}


def from_json(data: Any) -> Action:
    """The action that `to_json` wrote, or that a form describes in the same shape. Raises ActionError."""
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str) or data["kind"] not in _KINDS:
        raise ActionError(N_("an action of an unknown kind"))
    kind = _KINDS[data["kind"]]
    arguments = {name: value for name, value in data.items() if name != "kind"}
    if set(arguments) != set(kind.type.__dataclass_fields__):
        raise ActionError(N_("the action `{kind}` has other details"), kind=kind.name)
    return kind.type(**arguments)


def _is_id(value: object) -> bool:
    return type(value) is int and value > 0


_KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "add_tag",
            N_("Add a tag"),
            "tags",
            AddTag,
            N_("Add the tag %(tag)s"),
            (Detail("tag", "tag", N_("Tag")),),
        ),
        Kind(
            "set_priority",
            N_("Set the priority"),
            "priority",
            SetPriority,
            N_("Set the priority to %(priority)s"),
            (Detail("priority", "priority", N_("Priority")),),
        ),
        Kind(
            "assign",
            N_("Assign to a person"),
            "assignee",
            Assign,
            N_("Assign to %(person)s"),
            (Detail("person_id", "person", N_("Person")),),
        ),
        Kind(
            "assign_on_call",
            N_("Assign to who is on call"),
            "assignee",
            AssignOnCall,
            N_("Assign to who is on call"),
        ),
    )
}
_BY_TYPE: Mapping[type[Action], Kind] = {kind.type: kind for kind in _KINDS.values()}

"""The conversation of a ticket with what happened between, each with the way to take it back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from app.desk import access, history, undo
from app.desk.transfers import TRANSFERRED
from app.models.conversation import Said
from app.models.event import Event
from app.models.person import Person


class Happened(NamedTuple):
    """A line of the history; `sentences` are pairs with the token that takes back what they tell, or None."""

    id: int
    at: datetime
    sentences: list[tuple[str, str | None]]


def entries(
    said: Sequence[Said], events: Sequence[Event], person: Person, at: datetime
) -> list[tuple[str, Any]]:
    """For this reader: messages and the events between them, in order, with the way to take them back; what is older than the first message
    shown is left out."""
    said_at = sorted(entry.message.at for entry in said)
    lines = history.told(
        [event for event in events if event.kind in history.SHOWN],
        said_at,
        zone=person.zone,
        now=at,
        boards=access.visible_boards(person, at),
    )
    undos = undo.offers(lines, at)
    first = said[0].message.at if said else None
    entries: list[tuple[bool, datetime, int, int, tuple[str, Any]]] = [
        # what has not left stands behind everything
        *(
            (entry.message.kind == "later", entry.message.at, 0, entry.message.id, ("message", entry))
            for entry in said
        ),
        *(
            (False, line.at, 1, line.id, ("event", _happened(line, undos)))
            for line in lines
            if first is None or line.at >= first
        ),
    ]
    return [entry for *_, entry in sorted(entries, key=lambda entry: entry[:4])]


def moved_by_others(events: Sequence[Event], person: Person, at: datetime) -> str | None:
    """How it came to its board, when that was not by this person, who knows."""
    last = next((event for event in reversed(events) if event.kind == TRANSFERRED), None)
    if last is None or (last.by_kind, last.by_id) == ("person", person.id):
        return None
    (line,) = history.told([last], now=at, zone=person.zone, boards=access.visible_boards(person, at))
    return line.sentences[0]


def _happened(line: history.Line, undos: Mapping[tuple[int, int], str]) -> Happened:
    said = [(sentence, undos.get((line.id, place))) for place, sentence in enumerate(line.sentences)]
    return Happened(line.id, line.at, said)

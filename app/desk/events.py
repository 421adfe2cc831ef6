"""Records every change: one row per change, in the change's own transaction, numbered without gaps per stream."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.database import announce, db
from app.models.board import Board
from app.models.desk import STREAM, Desk
from app.models.event import By, Event
from app.words import N_


@dataclass(frozen=True)
class Kind:
    """How an event is told in a history. `{by}` is who did it; the others come from `changes`."""

    wording: str
    undo: bool = False


KINDS = {
    # on a board
    "ticket.opened": Kind(N_("%(by)s opened the ticket")),
    "ticket.moved": Kind(N_("%(by)s moved it from %(old)s to %(new)s"), undo=True),
    "ticket.assigned": Kind(N_("%(by)s assigned %(new)s"), undo=True),
    "ticket.prioritised": Kind(N_("%(by)s changed the priority from %(old)s to %(new)s"), undo=True),
    "ticket.tagged": Kind(N_("%(by)s added the tag %(new)s"), undo=True),
    "ticket.untagged": Kind(N_("%(by)s removed the tag %(old)s"), undo=True),
    "ticket.language": Kind(N_("%(by)s set the language from %(old)s to %(new)s"), undo=True),
    "message.received": Kind(N_("%(by)s wrote")),
    "message.replied": Kind(N_("%(by)s answered")),
    "message.withdrawn": Kind(N_("%(by)s took the answer back before it was sent")),
    "message.noted": Kind(N_("%(by)s wrote a note")),
    "ticket.read": Kind(N_("%(by)s read it")),
    "ticket.deadline": Kind(N_("The next deadline changed")),
    "delivery.failed": Kind(N_("An answer could not be delivered: %(error)s")),
    "delivery.sent": Kind(N_("The answer left")),
    "delivery.retried": Kind(N_("%(by)s had the answer sent again")),
    "alert.opened": Kind(N_("An alert was opened: %(new)s")),
    "alert.raised": Kind(N_("The alert became: %(new)s")),
    "alert.paged": Kind(N_("%(new)s was told")),
    "alert.acknowledged": Kind(N_("%(by)s acknowledged the alert")),
    "alert.closed": Kind(N_("The alert ended")),
    "alert.handed_over": Kind(N_("The alert passed to the next shift")),
    "ticket.disputed": Kind(N_("Rules disagree about this ticket: %(new)s")),
    "duty.changed": Kind(N_("%(new)s is on call")),
    "board.changed": Kind(N_("%(by)s changed the board")),
    "column.added": Kind(N_("%(by)s added the column %(new)s")),
    "column.changed": Kind(N_("%(by)s changed the column %(new)s")),
    "column.removed": Kind(N_("%(by)s removed the column %(old)s")),
    # on the desk
    "desk.set-up": Kind(N_("The desk was set up")),
    "desk.changed": Kind(N_("%(by)s changed the settings")),
    "board.added": Kind(N_("%(by)s added the board %(new)s")),
    "board.people": Kind(N_("%(by)s changed who belongs to the board %(new)s")),
    "person.added": Kind(N_("%(by)s added %(new)s")),
    "person.changed": Kind(N_("%(by)s changed %(new)s")),
    "channel.added": Kind(N_("%(by)s added the address %(new)s")),
    "channel.changed": Kind(N_("%(by)s changed the address %(new)s")),
    "calendar.added": Kind(N_("%(by)s added the opening hours %(new)s")),
    "calendar.changed": Kind(N_("%(by)s changed the opening hours")),
    "policy.changed": Kind(N_("%(by)s changed the SLA policy")),
    "rule.added": Kind(N_("%(by)s added the rule %(new)s")),
    "rule.changed": Kind(N_("%(by)s changed the rule %(new)s")),
    "rule.removed": Kind(N_("%(by)s removed the rule %(old)s")),
    "rota.changed": Kind(N_("%(by)s changed the rota")),
    "rota.published": Kind(N_("Shifts were published until %(new)s")),
    "shift.covered": Kind(N_("%(new)s covers %(old)s")),
    "shift.started": Kind(N_("%(new)s is on call")),
}


def record(
    stream: Board | Desk,
    kind: str,
    subject: tuple[str, int],
    *,
    by: By,
    now: datetime,
    **changes: Any,
) -> Event:
    """Writes the event of a change that was just made under the lock of `stream`.

    `changes` maps a field to [old, new] in JSON's types, or holds what the wording needs.
    """
    if kind not in KINDS:
        raise KeyError(kind)
    stream.seq += 1
    event = Event(
        stream=STREAM if isinstance(stream, Desk) else stream.id,
        seq=stream.seq,
        kind=kind,
        subject_kind=subject[0],
        subject_id=subject[1],
        by_kind=by.kind,
        by_id=by.id,
        changes=changes,
        at=now,
    )
    db.session.add(event)
    announce(db.session(), event.stream)
    return event

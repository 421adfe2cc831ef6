"""Records every change: one row per change, in the change's own transaction, numbered without gaps per stream."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.database import db, recorded
from app.models.board import Board
from app.models.desk import STREAM, Desk
from app.models.event import By, Event
from app.words import N_


@dataclass(frozen=True)
class Kind:
    """How an event is told in a history. The wording of a deed follows the name of who did it; what it names comes
    from `changes`."""

    wording: str
    undo: bool = False
    deed: bool = False


KINDS = {
    # on a board
    "ticket.opened": Kind(N_("opened the ticket"), deed=True),
    "ticket.moved": Kind(N_("moved it from %(old)s to %(new)s"), undo=True, deed=True),
    "ticket.transferred": Kind(N_("moved it from the board %(old)s to %(new)s"), undo=True, deed=True),
    "ticket.left": Kind(N_("moved it to the board %(new)s"), deed=True),
    "ticket.ranked": Kind(N_("put it elsewhere in its column"), deed=True),
    "ticket.assigned": Kind(N_("assigned %(new)s"), undo=True, deed=True),
    "ticket.prioritised": Kind(N_("changed the priority from %(old)s to %(new)s"), undo=True, deed=True),
    "ticket.tagged": Kind(N_("added the tag %(new)s"), undo=True, deed=True),
    "ticket.untagged": Kind(N_("removed the tag %(old)s"), undo=True, deed=True),
    "ticket.language": Kind(N_("set the language from %(old)s to %(new)s"), undo=True, deed=True),
    "ticket.mood": Kind(N_("set the mood to %(new)s"), undo=True, deed=True),
    "ticket.teamed": Kind(N_("gave it to the team %(new)s"), undo=True, deed=True),
    "ticket.snoozed": Kind(N_("snoozed it until %(new)s"), undo=True, deed=True),
    "ticket.unsnoozed": Kind(N_("ended the snooze"), undo=True, deed=True),
    "ticket.woken": Kind(N_("The snooze ended")),
    "ticket.followed": Kind(N_("added the follower %(new)s"), deed=True),
    "ticket.unfollowed": Kind(N_("removed the follower %(old)s"), deed=True),
    "ticket.linked": Kind(N_("linked it with #%(new)s"), deed=True),
    "ticket.unlinked": Kind(N_("took away the link with #%(old)s"), deed=True),
    "ticket.merged": Kind(N_("merged it into #%(new)s"), deed=True),
    "ticket.absorbed": Kind(N_("merged #%(new)s into it"), undo=True, deed=True),
    "ticket.split": Kind(N_("split off #%(new)s"), deed=True),
    "ticket.split-off": Kind(N_("split it off from #%(new)s"), deed=True),
    "ticket.deleted": Kind(N_("deleted the ticket"), undo=True, deed=True),
    "ticket.restored": Kind(N_("took it back after it was deleted"), deed=True),
    "ticket.forgotten": Kind(N_("The deleted ticket was removed for good")),
    "message.received": Kind(N_("wrote"), deed=True),
    "message.replied": Kind(N_("wrote an answer"), deed=True),
    "message.withdrawn": Kind(N_("took the answer back before it was sent"), deed=True),
    "message.noted": Kind(N_("wrote a note"), deed=True),
    "message.forwarded": Kind(N_("forwarded a message to %(new)s"), deed=True),
    "message.automatic": Kind(N_("prepared an automatic answer"), deed=True),
    "message.spared": Kind(N_("The automatic answer was not sent")),
    "ticket.capped": Kind(N_("No automatic answer: too much was written to this customer in a short time")),
    "ticket.scheduled": Kind(N_("wrote an answer that leaves later"), deed=True),
    "ticket.unscheduled": Kind(N_("took back an answer that was to leave later"), deed=True),
    "ticket.held-back": Kind(N_("An answer that was to leave later is held back: somebody wrote before")),
    "ticket.bounced": Kind(N_("Mail to %(new)s came back")),
    "ticket.bounce-cleared": Kind(N_("cleared the mark that mail to %(old)s came back"), deed=True),
    "ticket.read": Kind(N_("read it"), deed=True),
    "ticket.deadline": Kind(N_("The next deadline changed")),
    "delivery.failed": Kind(N_("An answer could not be delivered: %(error)s")),
    "delivery.sent": Kind(N_("The answer left")),
    "delivery.retried": Kind(N_("had the answer sent again"), deed=True),
    "alert.opened": Kind(N_("An alert was opened: %(new)s")),
    "alert.raised": Kind(N_("The alert became: %(new)s")),
    "alert.paged": Kind(N_("%(new)s was told")),
    "alert.acknowledged": Kind(N_("acknowledged the alert"), deed=True),
    "alert.closed": Kind(N_("The alert ended")),
    "alert.handed_over": Kind(N_("The alert passed to the next shift")),
    "ticket.disputed": Kind(N_("Rules disagree about this ticket and rest on it: %(new)s")),
    "duty.changed": Kind(N_("%(new)s is on call")),
    "customer.changed": Kind(N_("changed the customer %(new)s"), deed=True),
    "board.team": Kind(N_("changed the team %(old)s"), deed=True),
    "board.tag": Kind(N_("changed the tag %(old)s"), deed=True),
    "board.changed": Kind(N_("changed the board"), deed=True),
    "column.added": Kind(N_("added the column %(new)s"), deed=True),
    "column.changed": Kind(N_("changed the column %(new)s"), deed=True),
    "column.removed": Kind(N_("removed the column %(old)s"), deed=True),
    # on the desk
    "desk.set-up": Kind(N_("The desk was set up")),
    "desk.changed": Kind(N_("changed the settings"), deed=True),
    "mail.discarded": Kind(N_("discarded a failed message: %(new)s"), deed=True),
    "sender.blocked": Kind(N_("blocked the sender %(new)s"), deed=True),
    "sender.unblocked": Kind(N_("unblocked the sender %(old)s"), deed=True),
    "board.added": Kind(N_("added the board %(new)s"), deed=True),
    "board.people": Kind(N_("changed who belongs to the board %(new)s"), deed=True),
    "person.added": Kind(N_("added %(new)s"), deed=True),
    "person.changed": Kind(N_("changed %(new)s"), deed=True),
    "tag.changed": Kind(N_("renamed the tag %(old)s to %(new)s"), deed=True),
    "tag.merged": Kind(N_("merged the tag %(old)s into %(new)s"), deed=True),
    "tag.removed": Kind(N_("removed the tag %(old)s from the desk"), deed=True),
    "moods.changed": Kind(N_("changed the words of moods: %(new)s"), deed=True),
    "company.added": Kind(N_("added the company %(new)s"), deed=True),
    "company.changed": Kind(N_("changed the company %(new)s"), deed=True),
    "company.removed": Kind(N_("removed the company %(old)s"), deed=True),
    "team.added": Kind(N_("added the team %(new)s"), deed=True),
    "team.changed": Kind(N_("changed the team %(new)s"), deed=True),
    "team.removed": Kind(N_("removed the team %(old)s"), deed=True),
    "channel.added": Kind(N_("added the address %(new)s"), deed=True),
    "channel.changed": Kind(N_("changed the address %(new)s"), deed=True),
    "mailbox.changed": Kind(N_("set up the mailbox of %(new)s"), deed=True),
    "mailbox.removed": Kind(N_("removed the mailbox of %(old)s"), deed=True),
    "mailbox.allowed": Kind(N_("signed in to the mailbox of %(new)s"), deed=True),
    "calendar.added": Kind(N_("added the opening hours %(new)s"), deed=True),
    "calendar.changed": Kind(N_("changed the opening hours"), deed=True),
    "policy.changed": Kind(N_("changed the SLA policy"), deed=True),
    "rule.added": Kind(N_("added the rule %(new)s"), deed=True),
    "rule.changed": Kind(N_("changed the rule %(new)s"), deed=True),
    "rule.paused": Kind(N_("The rule %(new)s has paused: it fired too often")),
    "rule.resumed": Kind(N_("let the rule %(new)s go on"), deed=True),
    "rule.removed": Kind(N_("removed the rule %(old)s"), deed=True),
    "webhook.added": Kind(N_("added the webhook %(new)s"), deed=True),
    "webhook.changed": Kind(N_("changed the webhook %(new)s"), deed=True),
    "webhook.removed": Kind(N_("removed the webhook %(old)s"), deed=True),
    "view.shared": Kind(N_("shared the view %(new)s"), deed=True),
    "view.changed": Kind(N_("changed the view %(new)s"), deed=True),
    "view.removed": Kind(N_("deleted the view %(old)s"), deed=True),
    "rota.changed": Kind(N_("changed the rota"), deed=True),
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
    recorded(event)
    return event

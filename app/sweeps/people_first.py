"""What people have just set on tickets: rules leave it alone for a minute."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select

from app.database import db
from app.models.event import Event
from app.models.ticket import Tag, Ticket
from rules.plan import GUARD_FOR, Owed, Slot

# What a person has set when they recorded this. Who answers moves the ticket too, which is an event of its own. Another
# board would take the ticket out of the column that they chose, and perhaps from whom.
_SLOTS: Mapping[str, tuple[Slot, ...]] = {
    "ticket.moved": ("column", "board"),
    "ticket.transferred": ("board",),
    "ticket.assigned": ("assignee", "board"),
    "ticket.teamed": ("team", "board"),
    "ticket.prioritised": ("priority",),
    "ticket.language": ("language",),
    "ticket.snoozed": ("snooze",),
    "ticket.unsnoozed": ("snooze",),
    "message.replied": ("reply",),
}
_OF_TAGS = ("ticket.tagged", "ticket.untagged")


def set_at(
    tickets: Collection[Ticket], owed: Mapping[int, Collection[Owed]], now: datetime, *, vip: bool = False
) -> dict[int, dict[Slot, datetime]]:
    """ticket -> slot -> when a person has set it last, as far back as matters. Not asked of tickets that no person has
    touched since, and of customers only with `vip`."""
    since = {
        ticket.id: min([now - GUARD_FOR, *(one.planned_at for one in owed.get(ticket.id, ()))])
        for ticket in tickets
    }
    touched = [ticket.id for ticket in tickets if ticket.updated_at > since[ticket.id]]
    found: dict[int, dict[Slot, datetime]] = defaultdict(dict)
    touched = [ticket.id for ticket in tickets if ticket.updated_at > since[ticket.id]]
    if touched:
        _set_on_tickets(touched, min(since[ticket_id] for ticket_id in touched), found)
    if vip and tickets:
        _set_on_customers(tickets, min(since.values()), found)
    return found


def _set_on_tickets(
    ticket_ids: Collection[int], since: datetime, found: dict[int, dict[Slot, datetime]]
) -> None:
    rows = db.session.execute(
        select(Event.subject_id, Event.kind, Event.changes, Event.at)
        .where(
            Event.subject_kind == "ticket",
            Event.subject_id.in_(ticket_ids),
            Event.by_kind == "person",
            Event.at > since,
            Event.kind.in_((*_SLOTS, *_OF_TAGS)),
        )
        .order_by(Event.id)
    ).all()
    tags = _tags({name for row in rows if row.kind in _OF_TAGS for name in row.changes["tag"] if name})
    for ticket_id, kind, changes, at in rows:
        if kind in _SLOTS:
            found[ticket_id].update(dict.fromkeys(_SLOTS[kind], at))
        else:
            for name in filter(None, changes["tag"]):
                found[ticket_id][f"tags:{tags.get(name)}"] = at


def _set_on_customers(
    tickets: Collection[Ticket], since: datetime, found: dict[int, dict[Slot, datetime]]
) -> None:
    rows = db.session.execute(
        select(Event.subject_id, Event.changes, Event.at)
        .where(
            Event.subject_kind == "customer",
            Event.subject_id.in_({ticket.customer_id for ticket in tickets}),
            Event.by_kind == "person",
            Event.at > since,
        )
        .order_by(Event.id)
    )
    chosen = {customer_id: at for customer_id, changes, at in rows if "vip" in changes}
    for ticket in tickets:
        if ticket.customer_id in chosen:
            found[ticket.id]["vip"] = chosen[ticket.customer_id]


def _tags(names: Collection[str]) -> dict[str, int]:
    if not names:
        return {}
    return dict(db.session.execute(select(Tag.name, Tag.id).where(Tag.name.in_(names))).all())

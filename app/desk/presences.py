"""Having a ticket open. Bookkeeping: neither an event nor a lock."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from app.database import bookkeeping, insert_new, waking
from app.models.person import Person
from app.models.presence import DOINGS, Presence
from app.models.ticket import Ticket

LASTS_FOR = timedelta(seconds=25)  # after the last that was heard of them; a browser tells it every 15 s


def be_at(ticket: Ticket, person: Person, doing: str, now: datetime) -> None:
    """This person has the ticket open and does this. Clears away where they were."""
    said = {"doing": doing if doing in DOINGS else "reading", "until": now + LASTS_FOR}
    bookkeeping(
        delete(Presence).where(Presence.person_id == person.id, Presence.until <= now),
        *waking(),
        insert_new(Presence)
        .values(person_id=person.id, ticket_id=ticket.id, **said)
        .on_conflict_do_update(index_elements=[Presence.person_id, Presence.ticket_id], set_=said),
    )


def leave(number: int, person: Person) -> None:
    """They have it open no more. Says nothing when they had not."""
    bookkeeping(
        *waking(),
        delete(Presence).where(Presence.person_id == person.id, Presence.ticket_id == number),
    )

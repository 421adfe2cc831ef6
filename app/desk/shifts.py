"""The published shifts of a rota: who covers one, and what happens when one begins or ends."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from app.config import settings
from app.database import db
from app.desk import notices
from app.desk.events import record
from app.desk.refused import Refused
from app.models.alert import Alert
from app.models.board import Board
from app.models.desk import Desk
from app.models.event import CLOCK, By
from app.models.person import Person
from app.models.rota import PRIMARY, Shift
from app.words import N_, gettext, speaking


def cover(desk: Desk, shift: Shift, person_id: int, *, expected: int, by: By, now: datetime) -> Shift:
    """Somebody else takes one shift, and both are told unless they did it themselves; 409 when it is not the `expected`
    person's any more."""
    if shift.person_id != expected:
        raise Refused(N_("Somebody else has taken this shift meanwhile."), status=409)
    if shift.ends_at <= now:
        raise Refused(N_("This shift is over."))
    person = db.session.get(Person, person_id)
    if person is None or not person.works_here(max(now, shift.starts_at)):
        raise Refused(N_("That person does not work here any more."), field="person")
    if person_id == shift.person_id:
        return shift
    old = shift.person_id
    shift.person_id = person_id
    shift.reason = {"kind": "turn" if person_id == shift.origin_person_id else "covers", "for": old}
    shift.wake_at = max(shift.starts_at, now)
    db.session.flush()
    db.session.expire(shift, ["person"])
    event = record(desk, "shift.covered", ("shift", shift.id), by=by, now=now, person=[old, person_id])
    begins_now = shift.starts_at <= now  # then the hand-over tells the new person
    for told in (old,) if begins_now else (old, person_id):
        if by != By("person", told):
            tell_of_change(f"cover.{shift.id}.{event.seq}", told, now)
    return shift


def due(now: datetime) -> Sequence[Shift]:
    """Shifts that begin or end and have not been handed over yet."""
    return db.session.scalars(
        select(Shift).where(Shift.wake_at <= now).order_by(Shift.wake_at, Shift.id)
    ).all()


def start_or_end(desk: Desk, shift: Shift, now: datetime) -> bool:
    """The hand-over of one shift: who begins is told once, with what is open; what is over is marked as worked. True
    when it has begun."""
    if shift.ends_at <= now:
        shift.state, shift.wake_at = "worked", None
        return False
    began = f"shift.{shift.id}.{shift.wake_at or now:%Y%m%dT%H%M%S}"
    shift.wake_at = shift.ends_at
    record(
        desk, "shift.started", ("shift", shift.id), by=CLOCK, now=now, person=shift.person_id, role=shift.role
    )
    _tell_who_begins(shift, began, now)
    return True


def tell_of_change(cause: str, person_id: int, now: datetime) -> None:
    """Tells somebody that their turns on call have changed, once for each cause. Who has left is told nothing."""
    person = db.session.get(Person, person_id)
    if person is None or not person.works_here(now):
        return
    with speaking(person.locale):
        subject = gettext(N_("Your turns on call have changed"))
        text = gettext(
            N_("Hello %(name)s,\n\nyour turns on call have changed. See which ones are yours: %(link)s"),
            name=person.name,
            link=f"{settings().base_url}/rota",
        )
    notices.queue(cause, person, subject=subject, text=text, now=now)


def _tell_who_begins(shift: Shift, cause: str, now: datetime) -> None:
    person = shift.person
    if not person.works_here(now):
        return
    open_alerts = db.session.scalars(
        select(Alert)
        .join(Board, Alert.board_id == Board.id)
        .where(Board.rota_id == shift.rota_id, Alert.state != "closed")
        .order_by(Alert.deadline_at)
    ).all()
    with speaking(person.locale):
        if shift.role == PRIMARY:
            subject = gettext(N_("You are on call now"))
        else:
            subject = gettext(N_("You are the backup on call now"))
        lines = [
            f"#{a.ticket_id} {a.ticket.subject}\n{settings().base_url}/tickets/{a.ticket_id}"
            for a in open_alerts
        ]
        handed = "\n\n".join(lines) if lines else gettext(N_("Nothing is open from the shift before."))
        text = gettext(
            N_("Hello %(name)s,\n\nyour shift has begun. What is open:\n\n%(handed)s\n\nThe board: %(link)s"),
            name=person.name,
            handed=handed,
            link=settings().base_url,
        )
    notices.queue(cause, person, subject=subject, text=text, now=now)

"""The on-call rota: versions are generated into published shifts, and only those are asked who is on call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from app.config import settings
from app.database import db
from app.desk import deliveries, messages
from app.desk.events import record
from app.desk.refused import Refused
from app.models.alert import Alert
from app.models.board import Board
from app.models.desk import Desk
from app.models.event import CLOCK, By
from app.models.person import Person, people_working
from app.models.rota import BACKUP, PRIMARY, Rota, RotaVersion, Shift
from app.words import N_, gettext, speaking
from rules import rota as rules

LONGEST_ORDER = 100


@dataclass(frozen=True)
class OnCall:
    """Who is on call at an instant; `until` is the end of the primary's shift."""

    primary: Person | None
    backup: Person | None
    until: datetime | None
    next: Person | None


def on_call(rota_id: int | None, at: datetime) -> OnCall:
    """Who is on call for a rota, read from the published shifts alone. One statement."""
    if rota_id is None:
        return OnCall(None, None, None, None)
    rows = db.session.execute(
        select(Shift, Person)
        .join(Person, Shift.person_id == Person.id)
        .where(Shift.rota_id == rota_id, Shift.ends_at > at, Shift.starts_at <= at + timedelta(days=15))
        .order_by(Shift.starts_at, Shift.id)
    ).all()
    now = {
        shift.role: (shift, person)
        for shift, person in rows
        if shift.starts_at <= at and person.works_here(at)
    }
    later = next((person for shift, person in rows if shift.role == PRIMARY and shift.starts_at > at), None)
    primary, backup = now.get(PRIMARY), now.get(BACKUP)
    return OnCall(
        primary=primary[1] if primary else None,
        backup=backup[1] if backup else None,
        until=primary[0].ends_at if primary else None,
        next=later,
    )


def shifts(rota_id: int, from_: datetime, until: datetime) -> Sequence[Shift]:
    """The published shifts that touch a stretch, oldest first."""
    return db.session.scalars(
        select(Shift)
        .where(Shift.rota_id == rota_id, Shift.ends_at > from_, Shift.starts_at < until)
        .order_by(Shift.starts_at, Shift.role.desc())
    ).all()


def published_until(rota_id: int) -> datetime | None:
    """Where the published shifts end."""
    return db.session.scalar(select(func.max(Shift.ends_at)).where(Shift.rota_id == rota_id))


@dataclass(frozen=True)
class Change:
    """An edit of the rota before it is saved: what would be published from `from_at` on, and its hash."""

    version: rules.Version
    from_at: datetime
    planned: tuple[rules.PlannedShift, ...]
    replaced: Sequence[Shift]  # published shifts that would go, covers included
    digest: str

    @property
    def lost_covers(self) -> Sequence[Shift]:
        return [shift for shift in self.replaced if shift.person_id != shift.origin_person_id]

    def compared(self) -> tuple[rules.Change, ...]:
        """Who gains and who loses by it."""
        return rules.compare(self.replaced, self.planned)


def preview(
    rota: Rota, *, zone: str, weekday: int, time: str, people: Sequence[int], at_once: bool, now: datetime
) -> Change:
    """What an edit would publish: after the published shifts or, `at_once`, from the next hand-over on. Pure but for
    reading what is published."""
    if len(people) > LONGEST_ORDER:
        raise Refused(N_("At most %(most)s people can take turns."), field="people", most=LONGEST_ORDER)
    if not set(people) <= {person.id for person in people_working(now)}:
        raise Refused(N_("Somebody in this order does not work here any more."), field="people")
    running = db.session.scalar(
        select(func.max(Shift.ends_at)).where(
            Shift.rota_id == rota.id, Shift.starts_at <= now, Shift.ends_at > now
        )
    )
    start = (running if at_once else published_until(rota.id)) or now
    version = rules.Version(max(start, now), zone, weekday, time, tuple(people))
    try:
        version.validate()
    except rules.RotaError as error:
        raise Refused(error.message, field="people", **error.values) from error
    planned = _plan([version], version.effective_at, now + timedelta(weeks=rota.horizon_weeks))
    return Change(
        version=version,
        from_at=version.effective_at,
        planned=planned,
        replaced=db.session.scalars(
            select(Shift)
            .where(Shift.rota_id == rota.id, Shift.starts_at >= version.effective_at)
            .order_by(Shift.starts_at, Shift.id)
        ).all(),
        digest=rules.digest(planned),
    )


def change(desk: Desk, rota: Rota, edit: Change, *, digest: str, by: By, now: datetime) -> None:
    """Saves an edit and publishes exactly what its preview showed; 409 when that has changed since."""
    if edit.digest != digest:
        raise Refused(
            N_("The shifts have changed since this preview. Look at it again, then publish."), status=409
        )
    db.session.add(
        RotaVersion(
            rota_id=rota.id,
            effective_at=edit.from_at,
            zone=edit.version.zone,
            weekday=edit.version.weekday,
            time=edit.version.time,
            people=list(edit.version.people),
            created_at=now,
        )
    )
    db.session.execute(delete(Shift).where(Shift.rota_id == rota.id, Shift.starts_at >= edit.from_at))
    _publish(rota, edit.planned)
    record(
        desk,
        "rota.changed",
        ("rota", rota.id),
        by=by,
        now=now,
        people=list(edit.version.people),
        from_at=edit.from_at.isoformat(),
    )


def extend(desk: Desk, rota: Rota, now: datetime) -> int:
    """Publishes the weeks that have come within the horizon; returns how many shifts were added."""
    end = published_until(rota.id)
    horizon = now + timedelta(weeks=rota.horizon_weeks)
    if end is None or end >= horizon or not rota.versions:
        return 0
    planned = _plan([_version(version) for version in rota.versions], end, horizon)
    _publish(rota, planned)
    if planned:
        record(
            desk, "rota.published", ("rota", rota.id), by=CLOCK, now=now, new=planned[-1].ends_at.isoformat()
        )
    return len(planned)


def publish_from_start(desk: Desk, rota: Rota, now: datetime) -> None:
    """Publishes everything from the first version on; what is over counts as worked and tells nobody."""
    versions = [_version(version) for version in rota.versions]
    planned = _plan(versions, versions[0].effective_at, now + timedelta(weeks=rota.horizon_weeks))
    _publish(rota, planned)
    past = (Shift.rota_id == rota.id, Shift.starts_at <= now)
    db.session.execute(update(Shift).where(*past).values(wake_at=Shift.ends_at))
    db.session.execute(update(Shift).where(*past, Shift.ends_at <= now).values(state="worked", wake_at=None))
    record(desk, "rota.published", ("rota", rota.id), by=CLOCK, now=now, new=planned[-1].ends_at.isoformat())


def cover(desk: Desk, shift: Shift, person_id: int, *, expected: int, by: By, now: datetime) -> Shift:
    """Somebody else takes one shift; 409 when it is not the `expected` person's any more."""
    if shift.person_id != expected:
        raise Refused(N_("Somebody else has taken this shift meanwhile."), status=409)
    if shift.ends_at <= now:
        raise Refused(N_("This shift is over."))
    person = db.session.get(Person, person_id)
    if person is None or not person.works_here(now):
        raise Refused(N_("That person does not work here any more."), field="person")
    if person_id == shift.person_id:
        return shift
    old = shift.person_id
    shift.person_id = person_id
    shift.reason = {"kind": "turn" if person_id == shift.origin_person_id else "covers", "for": old}
    shift.wake_at = max(shift.starts_at, now)
    db.session.flush()
    db.session.expire(shift, ["person"])
    record(desk, "shift.covered", ("shift", shift.id), by=by, now=now, person=[old, person_id])
    return shift


def due_shifts(now: datetime) -> Sequence[Shift]:
    """Shifts that begin or end and have not been handed over yet."""
    return db.session.scalars(
        select(Shift).where(Shift.wake_at <= now).order_by(Shift.wake_at, Shift.id)
    ).all()


def start_or_end(desk: Desk, shift: Shift, now: datetime) -> None:
    """The hand-over of one shift: who begins is told once, with what is open; what is over is marked as worked."""
    if shift.ends_at <= now:
        shift.state, shift.wake_at = "worked", None
        return
    shift.wake_at = shift.ends_at
    record(
        desk, "shift.started", ("shift", shift.id), by=CLOCK, now=now, person=shift.person_id, role=shift.role
    )
    _tell(shift, now)


def _plan(
    versions: Sequence[rules.Version], start: datetime, horizon: datetime
) -> tuple[rules.PlannedShift, ...]:
    """Whole shifts from `start` to the first hand-over at or after the horizon."""
    last = max(versions, key=lambda version: version.effective_at)
    until = rules.handovers(last, max(horizon, start + timedelta(weeks=1)), horizon + timedelta(weeks=12))[0]
    return rules.generate(versions, start, until)


def _publish(rota: Rota, planned: Sequence[rules.PlannedShift]) -> None:
    db.session.add_all(
        Shift(
            rota_id=rota.id,
            role=shift.role,
            starts_at=shift.starts_at,
            ends_at=shift.ends_at,
            person_id=shift.person_id,
            origin_person_id=shift.person_id,
            reason=shift.reason.to_json(),
            wake_at=shift.starts_at,
        )
        for shift in planned
    )
    db.session.flush()


def _version(row: RotaVersion) -> rules.Version:
    return rules.Version(
        effective_at=row.effective_at,
        zone=row.zone,
        weekday=row.weekday,
        time=row.time,
        people=tuple(row.people),
    )


def _tell(shift: Shift, now: datetime) -> None:
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
    deliveries.queue(
        f"shift:{shift.id}:{person.id}",
        at=now,
        now=now,
        kind="notice",
        person_id=person.id,
        from_name="Nightdesk",
        from_address=messages.default_from(),
        to_name=person.name,
        to_address=person.email,
        subject=subject,
        text=text,
        language=person.locale,
        header_id=f"shift.{shift.id}.{person.id}@{settings().host_name}",
        automatic=True,
    )

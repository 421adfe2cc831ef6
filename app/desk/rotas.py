"""The on-call rota: versions are generated into published shifts, and only those are asked who is on call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, true, update

from app.database import db
from app.desk import shifts
from app.desk.events import record
from app.desk.refused import Refused
from app.models.desk import Desk
from app.models.event import CLOCK, By
from app.models.person import Person, people_working
from app.models.rota import BACKUP, PRIMARY, Rota, RotaVersion, Shift
from app.words import N_
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
    later = next(
        (
            person
            for shift, person in rows
            if shift.role == PRIMARY and shift.starts_at > at and person.works_here(shift.starts_at)
        ),
        None,
    )
    primary, backup = now.get(PRIMARY), now.get(BACKUP)
    return OnCall(
        primary=primary[1] if primary else None,
        backup=backup[1] if backup else None,
        until=primary[0].ends_at if primary else None,
        next=later,
    )


def published_until(rota_id: int) -> datetime | None:
    """Where the published shifts end."""
    return db.session.scalar(select(func.max(Shift.ends_at)).where(Shift.rota_id == rota_id))


@dataclass(frozen=True)
class Turns:
    """What an edit means for one person within the weeks that are compared; pairs are shifts before and after it."""

    person_id: int
    gains: Sequence[rules.Shift]
    loses: Sequence[rules.Shift]
    primary: tuple[int, int]
    backup: tuple[int, int]


@dataclass(frozen=True)
class Change:
    """An edit of the rota before it is saved: what would be published from `from_at` on, and its hash.

    `before` and `after` are the weeks from `from_at` to `until` as they would be without and with it. They are as many
    as the rota is published ahead, also when the edit itself publishes less.
    """

    version: rules.Version
    from_at: datetime
    planned: tuple[rules.PlannedShift, ...]
    replaced: Sequence[Shift]  # published shifts that would go, covers included
    before: Sequence[rules.Shift]
    after: Sequence[rules.Shift]
    until: datetime
    digest: str

    @property
    def lost_covers(self) -> Sequence[Shift]:
        return [shift for shift in self.replaced if shift.person_id != shift.origin_person_id]

    def turns(self) -> list[Turns]:
        """Everybody who takes turns before or after, with what they gain and lose."""
        changes = {change.person_id: change for change in rules.compare(self.before, self.after)}
        people = {shift.person_id for shift in (*self.before, *self.after)}
        return [
            Turns(
                person_id=person_id,
                gains=changes[person_id].gains if person_id in changes else (),
                loses=changes[person_id].loses if person_id in changes else (),
                primary=self._counts(person_id, PRIMARY),
                backup=self._counts(person_id, BACKUP),
            )
            for person_id in sorted(people)
        ]

    def _counts(self, person_id: int, role: str) -> tuple[int, int]:
        before, after = (
            sum(shift.person_id == person_id and shift.role == role for shift in shifts)
            for shifts in (self.before, self.after)
        )
        return before, after


def preview(
    rota: Rota, *, zone: str, weekday: int, time: str, people: Sequence[int], at_once: bool, now: datetime
) -> Change:
    """What an edit would publish: after the published shifts or, `at_once`, from the next hand-over on. Changes nothing."""
    if len(people) > LONGEST_ORDER:
        raise Refused(N_("At most %(most)s people can take turns."), field="people", most=LONGEST_ORDER)
    if not set(people) <= {person.id for person in people_working(now)}:
        raise Refused(N_("Somebody in this order does not work here any more."), field="people")
    version = rules.Version(_begin(rota, at_once, now), zone, weekday, time, tuple(people))
    try:
        version.validate()
    except rules.RotaError as error:
        field = next((name for name in ("zone", "time") if name in error.values), "people")
        raise Refused(error.message, field=field, **error.values) from error
    from_at, ahead = version.effective_at, timedelta(weeks=rota.horizon_weeks)
    planned = _plan([version], from_at, now + ahead)
    replaced = db.session.scalars(
        select(Shift)
        .where(Shift.rota_id == rota.id, Shift.starts_at >= from_at)
        .order_by(Shift.starts_at, Shift.id)
    ).all()
    # A day less: in UTC these weeks are an hour longer or shorter when the clocks change.
    after = _plan([version], from_at, from_at + ahead - timedelta(days=1))
    until = max((shift.ends_at for shift in after), default=from_at + ahead)
    as_it_was = max((shift.ends_at for shift in replaced), default=from_at)
    return Change(
        version=version,
        from_at=from_at,
        planned=planned,
        replaced=replaced,
        before=[
            *(shift for shift in replaced if shift.starts_at < until),
            *rules.generate(_versions(rota), as_it_was, until),
        ],
        after=after,
        until=until,
        digest=f"{rules.digest(planned)}{rules.digest(replaced)}",
    )


def change(desk: Desk, rota: Rota, edit: Change, *, digest: str, by: By, now: datetime) -> None:
    """Saves an edit, publishes exactly what its preview showed, and tells who gains or loses by it; 409 when that has
    changed since."""
    if edit.digest != digest:
        raise Refused(
            N_("The shifts have changed since this preview. Look at it again, then publish."), status=409
        )
    concerned = [turns.person_id for turns in edit.turns() if turns.gains or turns.loses]
    version = RotaVersion(
        rota_id=rota.id,
        effective_at=edit.from_at,
        zone=edit.version.zone,
        weekday=edit.version.weekday,
        time=edit.version.time,
        people=list(edit.version.people),
        created_at=now,
    )
    db.session.add(version)
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
    for person_id in concerned:
        shifts.tell_of_change(f"rota.{version.id}", person_id, now)


def extend(desk: Desk, rota: Rota, now: datetime) -> int:
    """Publishes the weeks that have come within the horizon; returns how many shifts were added."""
    end = published_until(rota.id)
    horizon = now + timedelta(weeks=rota.horizon_weeks)
    if end is None or end >= horizon or not rota.versions:
        return 0
    planned = _plan(_versions(rota), end, horizon)
    _publish(rota, planned)
    if planned:
        record(
            desk, "rota.published", ("rota", rota.id), by=CLOCK, now=now, new=planned[-1].ends_at.isoformat()
        )
    return len(planned)


def publish_from_start(desk: Desk, rota: Rota, now: datetime) -> None:
    """Publishes everything from the first version on; what is over counts as worked and tells nobody."""
    versions = _versions(rota)
    planned = _plan(versions, versions[0].effective_at, now + timedelta(weeks=rota.horizon_weeks))
    _publish(rota, planned)
    past = (Shift.rota_id == rota.id, Shift.starts_at <= now)
    db.session.execute(update(Shift).where(*past).values(wake_at=Shift.ends_at))
    db.session.execute(update(Shift).where(*past, Shift.ends_at <= now).values(state="worked", wake_at=None))
    record(desk, "rota.published", ("rota", rota.id), by=CLOCK, now=now, new=planned[-1].ends_at.isoformat())


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


def _begin(rota: Rota, at_once: bool, now: datetime) -> datetime:
    """Where an edit takes effect: at the end of what is published or is running. Where nothing is, at the full hour that
    runs now: the preview and what is published a minute later must be the same."""
    ends_at = db.session.scalars(
        select(Shift.ends_at)
        .where(Shift.rota_id == rota.id, Shift.starts_at <= now if at_once else true())
        .order_by(Shift.ends_at.desc())
        .limit(1)
    ).one_or_none()
    hour = now.replace(minute=0, second=0, microsecond=0)
    return max(ends_at, hour) if ends_at else hour


def _versions(rota: Rota) -> list[rules.Version]:
    """The versions that count: a later edit that takes effect earlier stands in for those that it overtakes."""
    counting: list[RotaVersion] = []
    for row in sorted(rota.versions, key=lambda version: version.id):
        counting = [earlier for earlier in counting if earlier.effective_at < row.effective_at]
        counting.append(row)
    return [
        rules.Version(
            effective_at=row.effective_at,
            zone=row.zone,
            weekday=row.weekday,
            time=row.time,
            people=tuple(row.people),
        )
        for row in counting
    ]

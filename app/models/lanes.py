"""What the page of a rota shows: the published shifts side by side, from hand-over to hand-over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.database import db
from app.models.rota import BACKUP, PRIMARY, Rota, Shift


@dataclass(frozen=True)
class Stretch:
    """A time in which nothing changes, half-open. A role that nobody has been given has no shift."""

    starts_at: datetime
    ends_at: datetime
    is_now: bool
    primary: Shift | None
    backup: Shift | None

    @property
    def covers(self) -> list[Shift]:
        """The shifts that somebody does in place of another."""
        both = [shift for shift in (self.primary, self.backup) if shift is not None]
        return [shift for shift in both if shift.person_id != shift.origin_person_id]


def stretches(rota: Rota, now: datetime) -> list[Stretch]:
    """What is published from now on, as far as the rota is published ahead. A gap is a stretch without shifts."""
    published = _published(rota, now)
    instants = sorted({at for shift in published for at in (shift.starts_at, shift.ends_at)} | {now})
    running_at = max((shift.starts_at for shift in published if shift.starts_at <= now), default=now)
    edges = [running_at, *(at for at in instants if at > now)]
    return [
        Stretch(
            starts_at=starts_at,
            ends_at=ends_at,
            is_now=starts_at <= now < ends_at,
            primary=_shift(published, PRIMARY, max(starts_at, now)),
            backup=_shift(published, BACKUP, max(starts_at, now)),
        )
        for starts_at, ends_at in pairwise(edges)
    ]


def shifts_of(person_id: int, now: datetime) -> Sequence[Shift]:
    """A person's own shifts that are not over, the next one first."""
    return db.session.scalars(
        select(Shift)
        .where(Shift.person_id == person_id, Shift.ends_at > now)
        .order_by(Shift.starts_at, Shift.id)
    ).all()


def _published(rota: Rota, now: datetime) -> Sequence[Shift]:
    return db.session.scalars(
        select(Shift)
        .where(
            Shift.rota_id == rota.id,
            Shift.ends_at > now,
            Shift.starts_at < now + timedelta(weeks=rota.horizon_weeks),
        )
        .options(joinedload(Shift.person), joinedload(Shift.origin_person))
        .order_by(Shift.starts_at, Shift.id)
    ).all()


def _shift(published: Sequence[Shift], role: str, at: datetime) -> Shift | None:
    present = [shift for shift in published if shift.role == role and shift.starts_at <= at < shift.ends_at]
    return present[-1] if present else None

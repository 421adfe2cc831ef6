"""What tests of nights on call begin with: a published rota, tickets with deadlines, and who was told what."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select

from app.database import db, writing
from app.desk import rotas
from app.desk.rotas import Change
from app.models.alert import Alert
from app.models.delivery import Delivery
from app.models.event import CLOCK
from app.models.person import Person
from app.models.rota import Rota, Shift
from tests.small import SmallDesk

TUESDAY_NIGHT = datetime(2026, 11, 3, 22, 0, tzinfo=UTC)  # closed in Berlin until 09:00, which is 08:00 UTC
MONDAY_HAND_OVER = datetime(2026, 11, 9, 8, 0, tzinfo=UTC)  # 09:00 in Berlin


def rota_of(desk: SmallDesk) -> Rota:
    assert desk.board.rota_id is not None
    return db.session.get_one(Rota, desk.board.rota_id)


def edit_of(desk: SmallDesk, people: Sequence[Person], now: datetime, **other: object) -> Change:
    """The preview of an edit: Mondays at 09:00 in Berlin, after the published weeks, unless `other` says otherwise."""
    wanted = {"zone": "Europe/Berlin", "weekday": 0, "time": "09:00", "at_once": False} | other
    return rotas.preview(rota_of(desk), people=[person.id for person in people], now=now, **wanted)  # type: ignore[arg-type]


def publish(desk: SmallDesk, people: Sequence[Person], now: datetime, **other: object) -> None:
    """Previews an edit and publishes it."""
    with writing(desk.row) as row:
        edit = edit_of(desk, people, now, **other)
        rotas.change(row, rota_of(desk), edit, digest=edit.digest, by=CLOCK, now=now)


def shifts(role: str = "primary") -> list[Shift]:
    """All shifts of a role in order."""
    return list(db.session.scalars(select(Shift).where(Shift.role == role).order_by(Shift.starts_at)))


def alerts() -> list[Alert]:
    return list(db.session.scalars(select(Alert).order_by(Alert.id)))


def told(kind: str = "page") -> list[str]:
    """First names of who was told by pages or notices, in order, as far as they were not taken back."""
    rows = db.session.execute(
        select(Person.name)
        .join(Delivery, Delivery.person_id == Person.id)
        .where(Delivery.kind == kind, Delivery.state != "cancelled")
        .order_by(Delivery.id)
    )
    return [name.split()[0] for (name,) in rows]

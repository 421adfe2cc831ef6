"""Mail to somebody who works here: about a shift, an invitation, an alert."""

from datetime import datetime

from app.config import settings
from app.desk import deliveries
from app.models.person import Person

FROM_NAME = "Nightdesk"


def default_from() -> str:
    """What mail comes from when no address is set up."""
    return settings().mail_from or f"desk@{settings().host_name}"


def queue(
    cause: str,
    person: Person,
    *,
    subject: str,
    text: str,
    now: datetime,
    kind: str = "notice",
    from_name: str = FROM_NAME,
    alert_id: int | None = None,
    board_id: int | None = None,
) -> int | None:
    """Queues one message in the person's language; None when the same `cause` has told them already. `cause` holds
    letters, digits, dots and hyphens; with the person it is the delivery's key and the Message-ID."""
    return deliveries.queue(
        f"{cause}.{person.id}",
        at=now,
        now=now,
        kind=kind,
        person_id=person.id,
        alert_id=alert_id,
        board_id=board_id,
        from_name=from_name,
        from_address=default_from(),
        to_name=person.name,
        to_address=person.email,
        subject=subject,
        text=text,
        language=person.locale,
        header_id=f"{cause}.{person.id}@{settings().host_name}",
        automatic=True,
    )

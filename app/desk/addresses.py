"""What is done with channels: the addresses of the desk and its contact form. Every verb works under the desk's lock."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.database import db
from app.desk import access, signatures
from app.desk.events import record
from app.desk.refused import Refused
from app.mail.addresses import canonical
from app.models.board import Board
from app.models.calendar import Calendar
from app.models.channel import Channel, channels_in_use
from app.models.desk import Desk
from app.models.event import By
from app.models.person import Person
from app.words import N_

LONGEST_NAME = 60
LONGEST_SIGNATURE = signatures.LONGEST
TO_ADD = ("email", "form")  # each board has its own channel for tickets made by hand


@dataclass(frozen=True)
class Values:
    """What an admin says of a channel. Only an e-mail address has an `address`; without hours of its own those of the
    board's policy hold."""

    name: str
    board_id: int
    address: str = ""
    calendar_id: int | None = None
    owner_id: int | None = None
    signature: str = ""


def add(desk: Desk, kind: str, values: Values, *, by: By, now: datetime) -> Channel:
    """Adds an e-mail address or the contact form. Refused, with the field at fault, when a value cannot be used."""
    access.demand(by, "edit_channels", None, now)
    if kind not in TO_ADD:
        raise Refused(N_("That is not one of the choices."), field="kind")
    if kind == "form" and channels_in_use("form"):
        raise Refused(N_("There is a contact form already."), field="kind")
    address = _address(values.address, None) if kind == "email" else None
    channel = Channel(kind=kind, address=address, **_checked(values, now))
    db.session.add(channel)
    db.session.flush()
    record(desk, "channel.added", ("channel", channel.id), by=by, now=now, new=_told(channel))
    return channel


def change(desk: Desk, channel_id: int, values: Values, *, by: By, now: datetime) -> Channel:
    """Changes a channel. What has arrived by it stays on its board; what comes from now on goes to the chosen one."""
    access.demand(by, "edit_channels", None, now)
    channel = _found(channel_id)
    wanted = _checked(values, now)
    if channel.kind == "email":
        wanted["address"] = _address(values.address, channel)
    if channel.kind == "manual" and values.board_id != channel.board_id:
        raise Refused(N_("Every board keeps its own channel for tickets made by hand."), field="board")
    changes = {
        field: [getattr(channel, field), value]
        for field, value in wanted.items()
        if getattr(channel, field) != value
    }
    if changes:
        for field, value in wanted.items():
            setattr(channel, field, value)
        record(
            desk, "channel.changed", ("channel", channel.id), by=by, now=now, new=_told(channel), **changes
        )
    return channel


def close(desk: Desk, channel_id: int, *, by: By, now: datetime) -> Channel:
    """Takes a channel out of use. Its tickets keep it and can still be answered."""
    access.demand(by, "edit_channels", None, now)
    channel = _found(channel_id)
    if channel.closed_at is not None:
        return channel
    if channel.kind == "manual":
        raise Refused(N_("Every board keeps its own channel for tickets made by hand."))
    if channel.kind == "email" and len(channels_in_use("email")) == 1:
        raise Refused(N_("Add another address first: without one, mail that arrives cannot be handled."))
    channel.closed_at = now
    _record_closed(desk, channel, [None, now.isoformat()], by, now)
    return channel


def reopen(desk: Desk, channel_id: int, *, by: By, now: datetime) -> Channel:
    """Takes a closed channel into use again."""
    access.demand(by, "edit_channels", None, now)
    channel = _found(channel_id)
    if channel.closed_at is None:
        return channel
    if channel.kind == "form" and channels_in_use("form"):
        raise Refused(N_("There is a contact form already."))
    old, channel.closed_at = channel.closed_at, None
    _record_closed(desk, channel, [old.isoformat(), None], by, now)
    return channel


def checked(address: str) -> str:
    """The spelling in which an address of the desk is kept and compared. Refused, at the field `address`, when it is
    none."""
    from email_validator import EmailNotValidError, validate_email  # here, not above: its tables take 20 ms

    try:
        # .local and the like are addresses too where a desk is reached inside a house only
        validate_email(address.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise Refused(N_("This is not an e-mail address."), field="address") from error
    kept = canonical(address)
    if kept is None:
        raise Refused(N_("This is not an e-mail address."), field="address")
    return kept


def _found(channel_id: int) -> Channel:
    channel = db.session.get(Channel, channel_id)
    if channel is None:
        raise access.not_found()
    return channel


def _address(address: str, channel: Channel | None) -> str:
    kept = checked(address)
    other = db.session.scalars(select(Channel).where(Channel.address == kept)).one_or_none()
    if other is not None and other is not channel:
        if other.closed_at is not None:
            raise Refused(N_("This address was closed. Open it again instead."), field="address")
        raise Refused(N_("This address is there already."), field="address")
    return kept


def _checked(values: Values, now: datetime) -> dict[str, Any]:
    """The columns of a channel, but for its address."""
    name = " ".join(values.name.split())
    if not name:
        raise Refused(N_("Give the channel a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    if db.session.get(Board, values.board_id) is None:
        raise Refused(N_("That is not one of the choices."), field="board")
    if values.calendar_id is not None and db.session.get(Calendar, values.calendar_id) is None:
        raise Refused(N_("That is not one of the choices."), field="calendar")
    owner = db.session.get(Person, values.owner_id) if values.owner_id is not None else None
    if values.owner_id is not None and (owner is None or not owner.works_here(now)):
        raise Refused(N_("That person does not work here any more."), field="owner")
    return {
        "name": name,
        "board_id": values.board_id,
        "calendar_id": values.calendar_id,
        "owner_id": values.owner_id,
        "signature": signatures.checked(values.signature),
    }


def _told(channel: Channel) -> str:
    return channel.address or channel.name


def _record_closed(desk: Desk, channel: Channel, closed_at: list[str | None], by: By, now: datetime) -> None:
    record(
        desk,
        "channel.changed",
        ("channel", channel.id),
        by=by,
        now=now,
        new=_told(channel),
        closed_at=closed_at,
    )

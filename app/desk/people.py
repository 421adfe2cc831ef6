"""What is done with people. Every verb works under the lock of the desk and records one event."""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import delete, func, select

from app.database import db
from app.desk import access, broken_rules, passwords, sign_ins, signatures
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board, BoardPerson
from app.models.desk import Desk
from app.models.event import By
from app.models.person import ROLES, THEMES, Person, person_by_email
from app.words import LOCALES, N_

LONGEST_NAME = 100
_LANGUAGE = re.compile(r"[a-z]{2}")


def add(
    desk: Desk,
    *,
    name: str,
    email: str,
    role: str,
    password: str | None = None,
    languages: Sequence[str] = (),
    locale: str = "en",
    zone: str = "UTC",
    ends_on: date | None = None,
    boards: Collection[int] = (),
    by: By,
    now: datetime,
) -> Person:
    """Adds a person. Without a password they cannot sign in until they choose one by an invitation.

    `boards` are the ids of the boards they belong to; `ends_on` is their last day, in their zone. Refused, with the field at fault, when a value cannot be used.
    """
    access.demand(by, "edit_people", None, now)
    person = Person(
        name=_name(name),
        email=_email(email, None),
        role=_one_of(role, ROLES, "role"),
        password_hash=None,
        languages=_languages(languages),
        locale=_one_of(locale, LOCALES, "locale"),
        zone=_one_of(zone, available_timezones(), "zone"),
        theme="system",
        ends_at=_end(ends_on, zone, None, now),
        created_at=now,
    )
    if password is not None:
        passwords.accept(password, about=(person.name, person.email))
        person.password_hash = passwords.hashed(password)
    db.session.add(person)
    db.session.flush()
    joined = _belongs_to(person, boards)
    _record(
        desk, "person.added", person, by, now, {"role": [None, role], "email": [None, person.email], **joined}
    )
    return person


def change(
    desk: Desk,
    person_id: int,
    *,
    name: str,
    email: str,
    role: str,
    languages: Sequence[str],
    locale: str,
    zone: str,
    ends_on: date | None,
    boards: Collection[int],
    by: By,
    now: datetime,
) -> Person:
    """Changes what an admin may change of a person. Refused when nobody would be left who can change people."""
    access.demand(by, "edit_people", None, now)
    person = _found(person_id)
    values = {
        "name": _name(name),
        "email": _email(email, person),
        "role": _one_of(role, ROLES, "role"),
        "languages": _languages(languages),
        "locale": _one_of(locale, LOCALES, "locale"),
        "zone": _one_of(zone, available_timezones(), "zone"),
        "ends_at": _end(ends_on, zone, person.ends_at, now),
    }
    if (values["role"] != "admin" or values["ends_at"] is not None) and not _admin_besides(person, now):
        field = "role" if values["role"] != "admin" else "ends_on"
        raise Refused(N_("Somebody must remain who is an admin without an end date."), field=field)
    changes = _set(person, values) | _belongs_to(person, boards)
    if changes:
        _record(desk, "person.changed", person, by, now, changes)
    return person


def change_own(
    desk: Desk,
    person: Person,
    *,
    name: str,
    languages: Sequence[str],
    locale: str,
    zone: str,
    theme: str,
    single_keys: bool = True,
    signature: str = "",
    now: datetime,
) -> Person:
    """Changes what everybody may change of themselves."""
    access.demand(person, "own_profile", None, now)
    changes = _set(
        person,
        {
            "name": _name(name),
            "languages": _languages(languages),
            "locale": _one_of(locale, LOCALES, "locale"),
            "zone": _one_of(zone, available_timezones(), "zone"),
            "theme": _one_of(theme, THEMES, "theme"),
            "signature": signatures.checked(signature),
            "single_keys": single_keys,
        },
    )
    if changes:
        _record(desk, "person.changed", person, By("person", person.id), now, changes)
    return person


def set_password(
    desk: Desk, person: Person, password: str, *, but: str | None = None, by: By, now: datetime
) -> Person:
    """Sets a password that somebody proved they may set, and ends every sign-in except the one with token `but`."""
    passwords.accept(password, about=(person.name, person.email))
    person.password_hash = passwords.hashed(password)
    sign_ins.end_all(person, but=but)
    _record(desk, "person.changed", person, by, now, {"password": True})
    return person


def deactivate(desk: Desk, person_id: int, *, by: By, now: datetime) -> Person:
    """Ends a person's access at once. What they did stays under their name; a rule that assigns to them is switched off."""
    access.demand(by, "edit_people", None, now)
    person = _found(person_id)
    if person.deactivated_at is not None:
        return person
    if by == By("person", person.id):
        raise Refused(N_("You cannot end your own access. Ask another admin."))
    if not _admin_besides(person, now):
        raise Refused(N_("Somebody must remain who is an admin without an end date."))
    person.deactivated_at = now
    sign_ins.end_all(person)
    _record(desk, "person.changed", person, by, now, {"deactivated_at": [None, now.isoformat()]})
    broken_rules.switch_off(desk, by=by, now=now)
    return person


def reactivate(desk: Desk, person_id: int, *, by: By, now: datetime) -> Person:
    """Gives a person their access back."""
    access.demand(by, "edit_people", None, now)
    person = _found(person_id)
    if person.deactivated_at is None:
        return person
    old, person.deactivated_at = person.deactivated_at, None
    _record(desk, "person.changed", person, by, now, {"deactivated_at": [old.isoformat(), None]})
    return person


def _found(person_id: int) -> Person:
    person = db.session.get(Person, person_id)
    if person is None:
        raise access.not_found()
    return person


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("A person needs a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    return name


def _email(email: str, person: Person | None) -> str:
    from email_validator import EmailNotValidError, validate_email  # here, not above: its tables take 20 ms

    try:
        # .local and the like are addresses too where a desk is reached inside a house only
        valid = validate_email(email.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise Refused(N_("This is not an e-mail address."), field="email") from error
    address = valid.normalized.casefold()
    other = person_by_email(address)
    if other is not None and other is not person:
        raise Refused(N_("%(name)s has this address already."), field="email", name=other.name)
    return address


def _one_of(value: str, known: Collection[str], field: str) -> str:
    if value not in known:
        raise Refused(N_("That is not one of the choices."), field=field)
    return value


def _languages(languages: Sequence[str]) -> list[str]:
    if not all(_LANGUAGE.fullmatch(code) for code in languages):
        raise Refused(N_("That is not one of the choices."), field="languages")
    return list(dict.fromkeys(languages))


def _end(ends_on: date | None, zone: str, old: datetime | None, now: datetime) -> datetime | None:
    """The instant at which somebody's last day is over."""
    if ends_on is None:
        return None
    midnight = datetime.combine(ends_on + timedelta(days=1), time(), ZoneInfo(zone))
    ends_at = midnight.astimezone(UTC)
    if ends_at != old and ends_at <= now:
        raise Refused(N_("This day is over. End the access at once instead."), field="ends_on")
    return ends_at


def _admin_besides(person: Person, now: datetime) -> bool:
    """Whether somebody else can go on changing people, or this person never could."""
    if person.role != "admin" or not person.works_here(now):
        return True
    others = select(func.count()).where(
        Person.role == "admin",
        Person.deactivated_at.is_(None),
        Person.ends_at.is_(None),
        Person.id != person.id,
    )
    return bool(db.session.scalar(others))


def _set(person: Person, values: dict[str, Any]) -> dict[str, Any]:
    """Sets what differs; returns it as an event's changes."""
    changes = {}
    for field, value in values.items():
        old = getattr(person, field)
        if old != value:
            setattr(person, field, value)
            changes[field] = [_plain(old), _plain(value)]
    return changes


def _belongs_to(person: Person, boards: Collection[int]) -> dict[str, Any]:
    """Makes these the boards of the person; returns the difference as an event's changes."""
    wanted = set(boards)
    if wanted - set(db.session.scalars(select(Board.id))):
        raise Refused(N_("That is not one of the choices."), field="boards")
    theirs = set(db.session.scalars(select(BoardPerson.board_id).where(BoardPerson.person_id == person.id)))
    if wanted == theirs:
        return {}
    db.session.execute(
        delete(BoardPerson).where(
            BoardPerson.person_id == person.id, BoardPerson.board_id.in_(theirs - wanted)
        )
    )
    db.session.add_all(BoardPerson(board_id=board, person_id=person.id) for board in sorted(wanted - theirs))
    db.session.flush()
    return {"boards": [sorted(theirs), sorted(wanted)]}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _record(desk: Desk, kind: str, person: Person, by: By, now: datetime, changes: dict[str, Any]) -> None:
    db.session.flush()
    record(desk, kind, ("person", person.id), by=by, now=now, new=person.name, **changes)

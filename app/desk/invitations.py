"""Links by which a person chooses a password: signed, good for a week, and for one use."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from app.config import settings
from app.database import db
from app.desk import access, notices, people
from app.desk.events import record
from app.desk.refused import Refused
from app.models.desk import Desk
from app.models.event import By
from app.models.person import Person
from app.words import N_, gettext, speaking

GOOD_FOR = timedelta(days=7)


def invite(desk: Desk, person: Person, *, by: By, now: datetime) -> str:
    """The address of a page where the person chooses a password; also sent to them where mail can be sent.

    It stops working when it was used, when the password or the address changes, and with the person's access. It is
    kept nowhere but in that mail: without a way to send one it would only lie among what was not delivered.
    """
    access.demand(by, "edit_people", None, now)
    if not person.works_here(now):
        raise Refused(N_("%(name)s has no access to this desk."), name=person.name, status=409)
    record(desk, "person.changed", ("person", person.id), by=by, now=now, new=person.name, invited=True)
    until = int((now + GOOD_FOR).timestamp())
    token = _signer().dumps([person.id, until, _state(person)])
    link = f"{settings().base_url}/invitations/{token}"
    if settings().smtp_url is not None:
        _send(desk, person, link, now)
    return link


def invited(token: str, now: datetime) -> Person | None:
    """Whom a link invites, or None when it is not one of ours or good no more."""
    try:
        person_id, until, state = _signer().loads(token)
    except (BadData, ValueError, TypeError):
        return None
    person = db.session.get(Person, person_id)
    if person is None or datetime.fromtimestamp(until, UTC) <= now or not person.works_here(now):
        return None
    return person if hmac.compare_digest(state, _state(person)) else None


def accept(desk: Desk, token: str, password: str, *, now: datetime) -> Person:
    """Sets the password that the invited person chose. Asks again under the lock: two uses at once are one."""
    person = invited(token, now)
    if person is None:
        raise gone()
    return people.set_password(desk, person, password, by=By("person", person.id), now=now)


def gone() -> Refused:
    return Refused(N_("This link was used already or is too old. Ask an admin for a new one."), status=404)


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(
        settings().secret_key, salt="invitation", signer_kwargs={"digest_method": hashlib.sha256}
    )


def _state(person: Person) -> str:
    """Changes with the password and the address, so that a link is good for one use."""
    return hashlib.sha256(f"{person.email}\n{person.password_hash}".encode()).hexdigest()


def _send(desk: Desk, person: Person, link: str, now: datetime) -> None:
    with speaking(person.locale):
        subject = gettext(N_("Choose your password for %(desk)s"), desk=desk.name)
        text = gettext(
            N_(
                "Hello %(name)s,\n\nyou have an account at %(desk)s. Choose a password here within seven days:\n\n"
                "%(link)s\n\nThe link works once."
            ),
            name=person.name,
            desk=desk.name,
            link=link,
        )
    cause = f"invitation.{person.id}.{desk.seq}"
    notices.queue(cause, person, subject=subject, text=text, now=now, from_name=desk.name)

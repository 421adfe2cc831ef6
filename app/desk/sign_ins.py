"""Sign-ins: sessions kept on the server. The cookie holds a random token, the row its SHA-256.

All of this is bookkeeping, one statement each, except `end_all`, which belongs to the change that ends the sessions.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Select, bindparam, delete, insert, or_, select, update

from app.database import bookkeeping, db, if_possible
from app.desk import passwords, throttle
from app.models.person import Person, SignIn, Throttle, person_by_email

IDLE_FOR = timedelta(days=14)  # unused for so long, it ends
LASTS_FOR = timedelta(days=90)  # and at the latest then
SEEN_EVERY = timedelta(minutes=1)
MOST_PER_ACCOUNT = 10  # tries within the window that do not succeed
MOST_PER_ADDRESS = 50  # an office shares one
LONGEST_BROWSER = 200


def sign_in(email: str, password: str, address: str, browser: str, now: datetime) -> str | None:
    """The token of a new sign-in, or None when address and password do not fit together.

    The same answer, after the same work, for people, strangers and those who left. Refused with 429 after too many
    tries for one account or from one network address; all processes count together.
    """
    _count_try(email, address, now)
    person = person_by_email(email)
    right = passwords.matches(person.password_hash if person else None, password)
    if person is None or not right or not person.works_here(now):
        return None
    _forgive_try(email, address)
    return open_for(person, address, browser, now)


def open_for(person: Person, address: str, browser: str, now: datetime) -> str:
    """The token of a new sign-in for somebody who has proved who they are. Clears away what has ended."""
    token = secrets.token_urlsafe(32)
    bookkeeping(delete(SignIn).where((SignIn.expires_at <= now) | (SignIn.seen_at <= now - IDLE_FOR)))
    bookkeeping(delete(Throttle).where(Throttle.until <= now))
    bookkeeping(
        insert(SignIn).values(
            id=_hashed(token),
            person_id=person.id,
            created_at=now,
            seen_at=now,
            expires_at=now + LASTS_FOR,
            address=address,
            browser=browser[:LONGEST_BROWSER],
        )
    )
    db.session.rollback()  # SQLite reads as of the first look: from here on the sign-in is there to be found
    return token


def prove(person: Person, password: str, address: str, now: datetime) -> bool:
    """Whether somebody who is signed in knows their own password; tries are counted as for signing in."""
    _count_try(person.email, address, now)
    right = passwords.matches(person.password_hash, password)
    if right:
        _forgive_try(person.email, address)
    return right


def find(token: str, now: datetime) -> Person | None:
    """The person signed in with this token, in one statement; at most once a minute notes that they were here."""
    asked = {"sign_in": _hashed(token), "now": now, "idle_since": now - IDLE_FOR}
    found = db.session.execute(_valid(), asked).one_or_none()
    if found is None or not found[0].works_here(now):
        return None
    person, seen_at = found
    person.sign_in_token = token
    if seen_at <= now - SEEN_EVERY:
        with if_possible():
            bookkeeping(
                update(SignIn)
                .where(SignIn.id == _hashed(token), SignIn.seen_at <= now - SEEN_EVERY)
                .values(seen_at=now)
            )
    return person


@cache
def _valid() -> Select[Person, datetime]:
    """Made once, for it is asked with every request: to build it takes longer than to run it."""
    return (
        select(Person, SignIn.seen_at)
        .join(SignIn, SignIn.person_id == Person.id)
        .where(
            SignIn.id == bindparam("sign_in"),
            SignIn.expires_at > bindparam("now"),
            SignIn.seen_at > bindparam("idle_since"),
        )
    )


def still_valid(tokens: Collection[str], now: datetime) -> set[str]:
    """Those of the tokens with which an open stream may go on: not signed out, and the person still works here.

    It looks with a connection of its own, because a stream's session may still read as of long ago.
    """
    hashed = {_hashed(token): token for token in tokens}
    statement = (
        select(SignIn.id)
        .join(Person, SignIn.person_id == Person.id)
        .where(
            SignIn.id.in_(hashed),
            SignIn.expires_at > now,
            SignIn.seen_at > now - IDLE_FOR,
            Person.deactivated_at.is_(None),
            or_(Person.ends_at.is_(None), Person.ends_at > now),
        )
    )
    with db.engine.connect() as connection:
        return {hashed[found] for found in connection.scalars(statement)}


def of(person: Person, now: datetime) -> Sequence[SignIn]:
    """The open sign-ins of a person, last used first."""
    return db.session.scalars(
        select(SignIn)
        .where(SignIn.person_id == person.id, SignIn.expires_at > now, SignIn.seen_at > now - IDLE_FOR)
        .order_by(SignIn.seen_at.desc(), SignIn.id)
    ).all()


def is_of(sign_in: SignIn, token: str | None) -> bool:
    """Whether this row is the sign-in with this token."""
    return token is not None and sign_in.id == _hashed(token)


def sign_out(token: str) -> None:
    bookkeeping(delete(SignIn).where(SignIn.id == _hashed(token)))


def end(person: Person, sign_in_id: str) -> bool:
    """Ends one of a person's own sign-ins; False when they have none such."""
    return (
        bookkeeping(delete(SignIn).where(SignIn.id == sign_in_id, SignIn.person_id == person.id)).count == 1
    )


def end_all(person: Person, but: str | None = None) -> None:
    """Ends every sign-in of a person, except the one with the token `but`. Inside writing(), with its cause."""
    others = delete(SignIn).where(SignIn.person_id == person.id)
    if but is not None:
        others = others.where(SignIn.id != _hashed(but))
    db.session.execute(others.execution_options(synchronize_session=False))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _count_try(email: str, address: str, now: datetime) -> None:
    """Counts before the password is looked at, so that tries made at the same instant are all counted."""
    throttle.count(_account(email), MOST_PER_ACCOUNT, now)
    throttle.count(_network(address), MOST_PER_ADDRESS, now)


def _forgive_try(email: str, address: str) -> None:
    bookkeeping(delete(Throttle).where(Throttle.key == _account(email)))
    bookkeeping(update(Throttle).where(Throttle.key == _network(address)).values(count=Throttle.count - 1))


def _account(email: str) -> str:
    """The key of an account; hashed, because people type passwords into the wrong field."""
    return "account:" + hashlib.sha256(email.strip().casefold().encode("utf-8", "surrogatepass")).hexdigest()


def _network(address: str) -> str:
    return f"address:{throttle.network(address)}"

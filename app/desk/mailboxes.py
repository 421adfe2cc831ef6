"""What is done with mailboxes. Their settings are changed under the desk's lock; the cursor, the claim and what became
of a look are bookkeeping."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import case, or_, select, update

from app.database import bookkeeping, db
from app.desk import access
from app.desk.events import record
from app.desk.refused import Refused
from app.desk.sealed import seal, unseal
from app.models.channel import Channel
from app.models.desk import Desk
from app.models.event import By
from app.models.mailbox import ENCRYPTIONS, PORTS, PROVIDERS, SIGN_INS, Mailbox, mailbox_of
from app.words import N_

EVERY = timedelta(minutes=1)  # between two looks where the server does not say that something came
CLAIM_FOR = timedelta(minutes=2)  # kept up with every message
PAUSES = tuple(timedelta(minutes=m) for m in (1, 2, 5, 15, 30, 60))  # after failures; the last one holds on
NEW_SIGN_IN = ("host", "port", "encryption", "user_name")  # a password is not sent anywhere else unasked
ANOTHER_MAILBOX = ("user_name", "folder")  # it begins now; a mailbox that has moved to another server goes on


@dataclass(frozen=True)
class Tokens:
    """What an OAuth2 server gave: `expires_at` is of the access token."""

    access: str
    refresh: str
    expires_at: datetime


def change(
    desk: Desk,
    channel: Channel,
    *,
    host: str,
    port: int | None,
    encryption: str,
    unprotected: bool,
    user_name: str,
    folder: str,
    sign_in: str,
    password: str,
    client_id: str,
    client_secret: str,
    authorise_url: str,
    token_url: str,
    scope: str,
    take_old: bool,
    by: By,
    now: datetime,
) -> Mailbox:
    """Sets the mailbox of an e-mail address up, or changes it. Refused, with the field at fault, when a value cannot be
    used. An empty `password` or `client_secret` keeps the present one, `port` None is the usual one of `encryption`."""
    access.demand(by, "edit_channels", None, now)
    if channel.kind != "email":
        raise Refused(N_("Only an e-mail address has a mailbox."))
    values = {
        **_server(host, port, encryption, unprotected, sign_in),
        **_client(sign_in, client_id, authorise_url, token_url, scope),
        "user_name": user_name.strip() or channel.address,
        "folder": folder.strip() or "INBOX",
        "take_old": take_old,
    }
    for field, text in {**values, "password": password, "client_secret": client_secret}.items():
        if isinstance(text, str) and not text.isprintable():  # a line end would begin another command
            raise Refused(N_("There is a character in it that cannot be used."), field=field)
    mailbox = mailbox_of(channel.id)
    old = {field: getattr(mailbox, field) if mailbox else None for field in values}
    if sign_in == "password":
        kept = (
            mailbox is not None and mailbox.password and all(values[one] == old[one] for one in NEW_SIGN_IN)
        )
        if not password and not kept:
            raise Refused(
                N_("The password is needed, also again when it goes to another server."), field="password"
            )
    if mailbox is None:
        mailbox = Mailbox(channel_id=channel.id, began_at=now)
        db.session.add(mailbox)
    if any(values[field] != old[field] for field in ANOTHER_MAILBOX):
        mailbox.began_at = now
    now_wanted = take_old and not old["take_old"]
    if now_wanted or any(values[field] != old[field] for field in (*ANOTHER_MAILBOX, "host")):
        mailbox.uid_validity, mailbox.last_uid, mailbox.old_until = None, 0, 0
    if any(
        values[field] != old[field] for field in ("sign_in", "client_id", "token_url", "user_name", "host")
    ):
        mailbox.tokens = None
    if client_secret or values["client_id"] != old["client_id"] or values["token_url"] != old["token_url"]:
        mailbox.client_secret = seal(client_secret) if client_secret else None
    if password:
        mailbox.password = seal(password)
    elif sign_in != "password":
        mailbox.password = None
    for field, value in values.items():
        setattr(mailbox, field, value)
    mailbox.version = (mailbox.version or 0) + 1
    mailbox.claim, mailbox.claimed_until = None, None
    mailbox.attempts, mailbox.error, mailbox.error_detail = 0, None, ""
    mailbox.stuck_uid, mailbox.stuck = None, 0
    mailbox.must_sign_in = mailbox.by_oauth and mailbox.tokens is None
    mailbox.wake_at = now
    db.session.flush()
    changes = {field: [old[field], value] for field, value in values.items() if old[field] != value}
    record(desk, "mailbox.changed", ("channel", channel.id), by=by, now=now, new=channel.address, **changes)
    return mailbox


def remove(desk: Desk, channel: Channel, *, by: By, now: datetime) -> None:
    """Nothing is fetched any more, and the secrets are forgotten. What was fetched stays, here and there."""
    access.demand(by, "edit_channels", None, now)
    mailbox = mailbox_of(channel.id)
    if mailbox is None:
        raise access.not_found()
    db.session.delete(mailbox)
    db.session.flush()
    record(desk, "mailbox.removed", ("channel", channel.id), by=by, now=now, old=channel.address)


def allow(desk: Desk, channel: Channel, tokens: Tokens, *, by: By, now: datetime) -> None:
    """Somebody has signed in at the provider: from now on the desk may read the mailbox."""
    access.demand(by, "edit_channels", None, now)
    mailbox = mailbox_of(channel.id)
    if mailbox is None:
        raise access.not_found()
    mailbox.tokens = _sealed(tokens)
    mailbox.must_sign_in, mailbox.attempts, mailbox.error, mailbox.error_detail = False, 0, None, ""
    mailbox.version += 1
    mailbox.wake_at = now
    record(desk, "mailbox.allowed", ("channel", channel.id), by=by, now=now, new=channel.address)


def apart(mailbox_id: int) -> tuple[Mailbox, str | None]:
    """A mailbox as it is set up now, with the address it is of. Nothing of the database is held open for it while the
    network is waited for. Raises NoResultFound when it is there no more."""
    mailbox = db.session.get_one(Mailbox, mailbox_id, populate_existing=True)
    address = mailbox.channel.address
    db.session.expunge(mailbox)
    db.session.rollback()
    return mailbox, address


def password(mailbox: Mailbox) -> str:
    """To be said to the server and to nobody else. Raises sealed.Unreadable when the desk's key has changed."""
    return unseal(mailbox.password) if mailbox.password else ""


def client_secret(mailbox: Mailbox) -> str:
    """As `password`."""
    return unseal(mailbox.client_secret) if mailbox.client_secret else ""


def tokens(mailbox: Mailbox) -> Tokens | None:
    """As `password`; None before anybody has signed in at the provider."""
    return _unsealed(mailbox.tokens)


def tokens_now(mailbox_id: int) -> Tokens | None:
    """As `tokens`, read again: another process may have kept others."""
    sealed = db.session.scalar(select(Mailbox.tokens).where(Mailbox.id == mailbox_id))
    db.session.rollback()
    return _unsealed(sealed)


def keep_tokens(mailbox_id: int, version: int, fresh: Tokens) -> None:
    """Keeps what a refresh gave, unless the settings have changed meanwhile."""
    bookkeeping(
        update(Mailbox)
        .where(Mailbox.id == mailbox_id, Mailbox.version == version)
        .values(tokens=_sealed(fresh))
    )


def due(now: datetime) -> Sequence[int]:
    """The mailboxes to look into, the longest waiting first, abandoned claims included."""
    return db.session.scalars(
        select(Mailbox.id)
        .join(Channel, Channel.id == Mailbox.channel_id)
        .where(Mailbox.wake_at <= now, _free(now), Channel.closed_at.is_(None))
        .order_by(Mailbox.wake_at, Mailbox.id)
    ).all()


def claim(mailbox_id: int, owner: str, now: datetime) -> bool:
    """Takes a mailbox for one look; False when another process was faster. A claim runs out by itself.

    The next look is set here: whoever learns meanwhile that something came brings it forward.
    """
    statement = (
        update(Mailbox)
        .where(Mailbox.id == mailbox_id, Mailbox.wake_at <= now, _free(now))
        .values(claim=owner, claimed_until=now + CLAIM_FOR, wake_at=now + EVERY)
    )
    return bookkeeping(statement).count == 1


def wake(mailbox_id: int, now: datetime) -> None:
    """Something came: look at once. A mailbox that fails is left to its pause."""
    bookkeeping(
        update(Mailbox)
        .where(Mailbox.id == mailbox_id, Mailbox.attempts == 0, Mailbox.wake_at > now)
        .values(wake_at=now)
    )


def start(mailbox_id: int, owner: str, uid_validity: int, after: int, old_until: int) -> bool:
    """The server numbers its messages (anew): they are read from the one after `after`, up to `old_until` only those
    that came since the beginning. False when the claim is lost."""
    return _held(mailbox_id, owner, uid_validity=uid_validity, last_uid=after, old_until=old_until)


def move(mailbox_id: int, owner: str, uid: int, now: datetime, *, taken: int) -> bool:
    """The cursor stands at a message that is in the archive, or that there is none of. False when the claim is lost."""
    until = now + CLAIM_FOR
    return _held(mailbox_id, owner, last_uid=uid, taken=Mailbox.taken + taken, claimed_until=until)


def mark_looked(mailbox_id: int, owner: str, now: datetime, *, more: bool) -> None:
    """A look went well; `more` messages wait."""
    _held(
        mailbox_id,
        owner,
        claim=None,
        claimed_until=None,
        looked_at=now,
        attempts=0,
        error=None,
        error_detail="",
        must_sign_in=False,
        stuck_uid=None,
        stuck=0,
        wake_at=now if more else Mailbox.wake_at,
    )


def mark_failed(
    mailbox_id: int,
    owner: str,
    error: str,
    detail: str,
    now: datetime,
    *,
    must_sign_in: bool,
    at_uid: int | None,
) -> None:
    """A look failed, at one message where `at_uid` names it: the next one after a growing pause."""
    stuck: dict[str, Any] = {}
    if at_uid is not None:
        again = case((Mailbox.stuck_uid == at_uid, Mailbox.stuck + 1), else_=1)
        stuck = {"stuck_uid": at_uid, "stuck": again}
    pause = case(
        *((Mailbox.attempts == n, now + one) for n, one in enumerate(PAUSES)), else_=now + PAUSES[-1]
    )
    _held(
        mailbox_id,
        owner,
        claim=None,
        claimed_until=None,
        attempts=Mailbox.attempts + 1,
        error=error,
        error_detail=detail,
        must_sign_in=True
        if must_sign_in
        else Mailbox.must_sign_in,  # until somebody has, or a look goes well
        wake_at=pause,
        **stuck,
    )


def _server(host: str, port: int | None, encryption: str, unprotected: bool, sign_in: str) -> dict[str, Any]:
    if encryption not in ENCRYPTIONS:
        raise Refused(N_("That is not one of the choices."), field="encryption")
    if sign_in not in SIGN_INS:
        raise Refused(N_("That is not one of the choices."), field="sign_in")
    host = host.strip().rstrip(".").lower()
    if not host and sign_in in PROVIDERS:
        host = PROVIDERS[sign_in].host
    if not host or len(host) > 253 or any(character <= " " or character in "/@\\" for character in host):
        raise Refused(N_("Write the name of a server, as imap.example.com."), field="host")
    port = PORTS[encryption] if port is None else port
    if not 1 <= port <= 65535:
        raise Refused(N_("A port is a number from 1 to 65535."), field="port")
    if encryption == "none" and not unprotected and not _is_here(host):
        raise Refused(
            N_(
                "Without encryption everybody on the way can read the password. Tick the box if that must be."
            ),
            field="unprotected",
        )
    return {"host": host, "port": port, "encryption": encryption}


def _client(sign_in: str, client_id: str, authorise_url: str, token_url: str, scope: str) -> dict[str, Any]:
    """What an OAuth2 server knows the desk by; nothing of it is kept where a password is used."""
    if sign_in == "password":
        return {"sign_in": sign_in, "client_id": "", "authorise_url": "", "token_url": "", "scope": ""}
    if not client_id.strip():
        raise Refused(
            N_("The provider gives a client id when you register the desk there."), field="client_id"
        )
    addresses = {"authorise_url": authorise_url.strip(), "token_url": token_url.strip()}
    for field, address in addresses.items():
        if not address and sign_in in PROVIDERS:
            continue
        if not _is_safe(address):
            raise Refused(N_("Write an address that begins with https://."), field=field)
    return {"sign_in": sign_in, "client_id": client_id.strip(), "scope": " ".join(scope.split()), **addresses}


def _is_safe(address: str) -> bool:
    try:
        parts = urlsplit(address)
        here = _is_here(parts.hostname or "")
    except ValueError:
        return False
    plain = address.isascii() and not any(character <= " " for character in address)
    return plain and bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and here))


def _is_here(host: str) -> bool:
    """Whether it is this machine, by its name alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _sealed(fresh: Tokens) -> str:
    return seal(json.dumps({**asdict(fresh), "expires_at": fresh.expires_at.astimezone(UTC).isoformat()}))


def _unsealed(sealed: str | None) -> Tokens | None:
    if sealed is None:
        return None
    data = json.loads(unseal(sealed))
    return Tokens(data["access"], data["refresh"], datetime.fromisoformat(data["expires_at"]))


def _free(now: datetime) -> Any:
    return or_(Mailbox.claimed_until.is_(None), Mailbox.claimed_until < now)


def _held(mailbox_id: int, owner: str, **values: Any) -> bool:
    """One change by whoever holds the claim."""
    held = update(Mailbox).where(Mailbox.id == mailbox_id, Mailbox.claim == owner).values(**values)
    return bookkeeping(held).count == 1

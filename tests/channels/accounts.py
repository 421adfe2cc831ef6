"""Mailboxes of the small desk, as tests set them up."""

from collections import Counter
from datetime import datetime
from typing import Any

from app import sweeps
from app.database import db, writing
from app.desk import mailboxes
from app.models.channel import Channel
from app.models.event import CLOCK
from app.models.mailbox import Mailbox, mailbox_of
from tests.dovecot import PASSWORD
from tests.small import SmallDesk

PLAIN: dict[str, Any] = {
    "host": "127.0.0.1",
    "encryption": "none",
    "unprotected": False,
    "folder": "",
    "sign_in": "password",
    "password": PASSWORD,
    "client_id": "",
    "client_secret": "",
    "authorise_url": "",
    "token_url": "",
    "scope": "",
    "take_old": False,
}


def set_up(
    desk: SmallDesk, now: datetime, port: int, user: str, *, channel: Channel | None = None, **other: Any
) -> Mailbox:
    with writing(desk.row) as row:
        values = {**PLAIN, "port": port, "user_name": user, **other}
        return mailboxes.change(row, channel or desk.email, **values, by=CLOCK, now=now)


def fetch(now: datetime) -> Counter[str]:
    """Everything that is due in all mailboxes; without what a round had nothing of."""
    counts: Counter[str] = Counter()
    while done := sweeps.fetch_mail(now):
        counts += done
    return counts


def fresh(channel: Channel) -> Mailbox:
    db.session.rollback()
    db.session.expire_all()
    mailbox = mailbox_of(channel.id)
    assert mailbox is not None
    return mailbox


def mail(subject: str, *, to: str = "support@example.com", text: str = "The lamp flickers.") -> bytes:
    return (
        f"From: Kim <kim@example.org>\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject.replace(' ', '.')}@example.org>\r\n\r\n{text}\r\n"
    ).encode()

"""Mailboxes on a real Dovecot: what is taken, how far, how often, and what is said when it cannot be."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from imap_tools.utils import encode_folder
from sqlalchemy import func, select, text

from app.channels import imap
from app.database import db, writing
from app.desk import addresses, mailboxes
from app.desk.refused import Refused
from app.models.channel import Channel
from app.models.event import CLOCK
from app.models.mailbox import Mailbox, mailbox_of
from app.models.message import Message, RawMessage
from app.models.ticket import Ticket
from tests.channels.accounts import PLAIN, fetch, fresh, mail, set_up
from tests.dovecot import PASSWORD, PASSWORDS, Dovecot
from tests.small import SmallDesk

MINUTE = timedelta(minutes=1)


def subjects() -> list[str]:
    return list(db.session.scalars(select(Ticket.subject).order_by(Ticket.id)))


@pytest.fixture
def second(desk: SmallDesk, now: datetime) -> Channel:
    with writing(desk.row) as row:
        values = addresses.Values("Sales", desk.board.id, "sales@example.com")
        return addresses.add(row, "email", values, by=CLOCK, now=now)


# what is taken


def test_what_comes_from_now_on_is_taken_and_left_as_it_was(
    desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    dovecot.deliver(mailbox_user, mail("Old"), at=now - timedelta(days=3))
    set_up(desk, now, dovecot.port, mailbox_user)
    assert fetch(now) == Counter()
    dovecot.deliver(mailbox_user, mail("First"), mail("Second"))
    assert fetch(now) == Counter(), "it is not time yet"
    with dovecot.client(mailbox_user) as client:  # somebody reads along in their mail program
        client.select("INBOX")
        client.store("2", "+FLAGS", r"(\Seen)")
    assert fetch(now + MINUTE) == Counter(created=2)
    assert subjects() == ["First", "Second"]
    assert fetch(now + 2 * MINUTE) == Counter()
    with dovecot.client(mailbox_user) as client:
        client.select("INBOX", readonly=True)
        assert client.search(None, "SEEN")[1] == [b"2"]
        assert client.search(None, "ALL")[1] == [b"1 2 3"]
    raw = db.session.scalars(select(RawMessage)).first()
    assert raw is not None
    assert (raw.source, raw.sent_to) == ("imap", "support@example.com")
    mailbox = fresh(desk.email)
    assert (mailbox.taken, mailbox.last_uid, mailbox.error, mailbox.claim) == (2, 3, None, None)
    assert mailbox.looked_at == now + 2 * MINUTE


def test_what_lay_there_is_taken_when_that_is_wanted(
    desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    dovecot.deliver(mailbox_user, *(mail(f"Old {n}") for n in range(3)))
    set_up(desk, now, dovecot.port, mailbox_user, take_old=True)
    assert fetch(now) == Counter(created=3)


def test_a_hundred_messages_and_one_is_broken(
    desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    set_up(desk, now, dovecot.port, mailbox_user)
    assert fetch(now) == Counter()
    messages = [mail(f"Lamp {n}") for n in range(99)]
    dovecot.deliver(mailbox_user, *messages[:50], b"Subject: From nobody\r\n\r\nHello", *messages[50:])
    assert fetch(now + MINUTE) == Counter(created=99, failed=1)
    assert db.session.scalar(select(func.count()).select_from(Ticket)) == 99
    assert db.session.scalars(select(RawMessage.state).where(RawMessage.state != "handled")).all() == [
        "failed"
    ]


def test_more_than_one_look_takes(
    desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    set_up(desk, now, dovecot.port, mailbox_user, take_old=True)
    dovecot.deliver(mailbox_user, *(b"Subject: From nobody\r\n\r\n%d" % n for n in range(imap.AT_A_TIME + 5)))
    assert fetch(now) == Counter(failed=imap.AT_A_TIME + 5)


def test_a_folder_whose_messages_are_numbered_anew(
    desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    """What is here is known again; what came before the beginning stays out; what is new comes in."""
    old, first, second = mail("Old"), mail("First"), mail("Second")
    with dovecot.client(mailbox_user) as client:
        client.create("Help")
        client.append("Help", "", '"01-Jan-2020 10:00:00 +0000"', old)
    set_up(desk, now, dovecot.port, mailbox_user, folder="Help")
    assert fetch(now) == Counter()
    with dovecot.client(mailbox_user) as client:
        client.append("Help", "", "", first)
    assert fetch(now + MINUTE) == Counter(created=1)
    before = fresh(desk.email).uid_validity
    with dovecot.client(mailbox_user) as client:
        client.delete("Help")
        client.create("Help")
        client.append("Help", "", '"01-Jan-2020 10:00:00 +0000"', old)
        for message in (second, first):
            client.append("Help", "", "", message)
    assert fetch(now + 2 * MINUTE) == Counter(created=1, duplicate=1)
    assert subjects() == ["First", "Second"]
    assert fresh(desk.email).uid_validity != before
    assert fetch(now + 3 * MINUTE) == Counter()


def test_what_is_too_large_stays_there_and_its_headers_are_a_ticket(
    desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    set_up(desk, now, dovecot.port, mailbox_user)
    fetch(now)
    line = b"A" * 76 + b"\r\n"
    head = b"From: =?utf-8?b?6rmA?= <kim@example.org>\r\nTo: support@example.com\r\nSubject: Photos of\r\n the lamp\r\n"
    kind = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=b\r\nMessage-ID: <huge@example.org>\r\n\r\n"
    dovecot.deliver(
        mailbox_user, head + kind + b"--b\r\n\r\n" + line * (26 * 1024 * 1024 // 78 + 1), mail("Small")
    )
    assert fetch(now + MINUTE) == Counter(created=2)
    message = db.session.scalars(select(Message).order_by(Message.id)).first()
    assert message is not None
    assert (message.subject, message.from_address) == ("Photos of the lamp", "kim@example.org")
    assert message.message_id == "huge@example.org"
    assert "too large for the desk (26 MB)" in message.text
    assert message.attachments == []
    with dovecot.client(mailbox_user) as client:
        client.select("INBOX", readonly=True)
        assert client.search(None, "UNSEEN")[1] == [b"1 2"]


def test_the_cursor_waits_for_the_archive(
    desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    set_up(desk, now, dovecot.port, mailbox_user)
    fetch(now)
    dovecot.deliver(mailbox_user, mail("First"))
    _say("ALTER TABLE raw_messages RENAME TO away")
    assert fetch(now + MINUTE) == Counter(broken=1)
    assert fresh(desk.email).last_uid == 0
    assert fresh(desk.email).error == "The desk's database cannot be written now."
    _say("ALTER TABLE away RENAME TO raw_messages")
    assert fetch(now + 2 * MINUTE) == Counter(created=1)
    assert fresh(desk.email).error is None


def _say(statement: str) -> None:
    db.session.rollback()
    with db.engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.execute(text(statement))


# several, and broken ones


def test_a_broken_mailbox_stops_no_other(
    desk: SmallDesk,
    second: Channel,
    now: datetime,
    dovecot: Dovecot,
    mailbox_user: str,
    free_port: Callable[[], int],
) -> None:
    set_up(desk, now, free_port(), "nobody")
    set_up(desk, now, dovecot.port, mailbox_user, channel=second, take_old=True)
    dovecot.deliver(mailbox_user, mail("For sales", to="sales@example.com"))
    assert fetch(now) == Counter(created=1, broken=1)
    assert db.session.scalars(select(Ticket.channel_id)).all() == [second.id]
    pauses, at = [], now
    for _ in range(8):
        mailbox = fresh(desk.email)
        assert mailbox.error == "Nothing answers at this port."
        pauses.append(int((mailbox.wake_at - at) / MINUTE))
        at = mailbox.wake_at
        assert fetch(at)["broken"] == 1
    assert pauses == [1, 2, 5, 15, 30, 60, 60, 60]
    assert fresh(desk.email).attempts == 9
    set_up(desk, at, dovecot.port, mailbox_user)
    fetch(at)
    assert (fresh(desk.email).attempts, fresh(desk.email).error) == (0, None)


def test_two_clocks_take_turns(desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str) -> None:
    mailbox = set_up(desk, now, dovecot.port, mailbox_user)
    assert mailboxes.claim(mailbox.id, "one", now)
    assert not mailboxes.claim(mailbox.id, "two", now)
    assert mailboxes.due(now + MINUTE) == []
    db.session.rollback()
    assert not mailboxes.move(mailbox.id, "two", 7, now, taken=1)
    assert mailboxes.due(now + 3 * MINUTE) == [mailbox.id], "one has died"
    assert mailboxes.claim(mailbox.id, "two", now + 3 * MINUTE)
    assert not mailboxes.move(mailbox.id, "one", 7, now, taken=1)
    assert fresh(desk.email).last_uid == 0


def test_what_comes_during_a_look_is_not_forgotten(desk: SmallDesk, now: datetime) -> None:
    mailbox = set_up(desk, now, 1, "kim")
    assert mailboxes.claim(mailbox.id, "one", now)
    mailboxes.wake(mailbox.id, now + timedelta(seconds=1))
    assert mailboxes.due(now + timedelta(seconds=1)) == []
    mailboxes.mark_looked(mailbox.id, "one", now, more=False)
    db.session.rollback()  # SQLite reads as of the first look
    assert mailboxes.due(now + timedelta(seconds=1)) == [mailbox.id]


def test_a_closed_address_is_not_fetched(desk: SmallDesk, second: Channel, now: datetime) -> None:
    set_up(desk, now, 1, "kim")
    with writing(desk.row) as row:
        addresses.close(row, desk.email.id, by=CLOCK, now=now)
    assert fetch(now) == Counter()


# signing in


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "wrong"}, "The server refuses the user name or the password."),
        ({"password": "빗자루"}, "The server refuses the user name or the password."),
        ({"folder": "Nowhere"}, "There is no such folder."),
        ({"host": "localhost", "encryption": "starttls"}, "The server's certificate cannot be trusted."),
        (
            {"encryption": "tls"},
            "The server does not speak TLS at this port. Try the other kind of encryption.",
        ),
        ({"host": "nowhere.invalid", "unprotected": True}, "There is no server of this name."),
    ],
)
def test_a_test_says_what_is_wrong(
    changed: dict[str, Any], said: str, desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    mailbox = set_up(desk, now, dovecot.port, mailbox_user, **changed)
    with pytest.raises(imap.Failed) as failed:
        imap.test(mailbox.id, now)
    assert failed.value.text == said


@pytest.mark.parametrize("encryption", ["tls", "starttls", "none"])
def test_every_kind_of_encryption(
    encryption: str,
    desk: SmallDesk,
    now: datetime,
    dovecot: Dovecot,
    mailbox_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", dovecot.certificate)
    dovecot.deliver(mailbox_user, mail("First"), mail("Second"))
    port = dovecot.tls_port if encryption == "tls" else dovecot.port
    mailbox = set_up(desk, now, port, mailbox_user, host="localhost", encryption=encryption)
    assert imap.test(mailbox.id, now) == imap.Found(messages=2, tells=True)


@pytest.mark.parametrize("user", PASSWORDS)
def test_passwords_of_all_kinds(user: str, desk: SmallDesk, now: datetime, dovecot: Dovecot) -> None:
    mailbox = set_up(desk, now, dovecot.port, user, password=PASSWORDS[user])
    assert imap.test(mailbox.id, now).messages == 0


@pytest.mark.parametrize("folder", ["문의 & 답변", 'Help "us" \\o', "Größe ~"])
def test_folders_of_all_names(
    folder: str, desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str
) -> None:
    with dovecot.client(mailbox_user) as client:
        client.create(encode_folder(folder))
        client.append(encode_folder(folder), "", "", mail("First"))
    set_up(desk, now, dovecot.port, mailbox_user, folder=folder, take_old=True)
    assert fetch(now) == Counter(created=1)


def test_secrets_are_sealed(
    desk: SmallDesk, now: datetime, app: Any, dovecot: Dovecot, mailbox_user: str
) -> None:
    mailbox = set_up(desk, now, dovecot.port, mailbox_user)
    assert mailbox.password is not None
    assert PASSWORD not in mailbox.password
    assert mailboxes.password(mailbox) == PASSWORD
    app.config["SETTINGS"] = replace(
        app.config["SETTINGS"], secret_key="another key of the desk, long enough"
    )
    with pytest.raises(imap.Failed, match="secret key has changed"):
        imap.test(mailbox.id, now)


# setting one up


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"host": ""}, "host"),
        ({"host": "imap example com"}, "host"),
        ({"port": 70000}, "port"),
        ({"encryption": "magic"}, "encryption"),
        ({"sign_in": "magic"}, "sign_in"),
        ({"password": ""}, "password"),
        ({"password": "a\r\nA1 DELETE INBOX"}, "password"),
        ({"user": "kim\r\nA1 DELETE INBOX"}, "user_name"),
        ({"folder": "Help\r\nA1 DELETE INBOX"}, "folder"),
        ({"host": "imap.example.com"}, "unprotected"),
        ({"sign_in": "google"}, "client_id"),
        ({"sign_in": "oauth", "client_id": "x"}, "authorise_url"),
        (
            {
                "sign_in": "oauth",
                "client_id": "x",
                "authorise_url": "https://a.example/",
                "token_url": "http://a.example/",
            },
            "token_url",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    changed: dict[str, Any], field: str, desk: SmallDesk, now: datetime
) -> None:
    with pytest.raises(Refused) as refused:
        set_up(desk, now, **{"port": 143, "user": "kim", **changed})
    assert refused.value.field == field
    assert mailbox_of(desk.email.id) is None


def test_a_password_goes_nowhere_else_unasked(desk: SmallDesk, now: datetime) -> None:
    set_up(desk, now, 143, "kim")
    kept = {**PLAIN, "password": "", "port": 143, "user_name": "kim"}
    with writing(desk.row) as row:
        mailboxes.change(row, desk.email, **{**kept, "folder": "Help"}, by=CLOCK, now=now)
    assert mailboxes.password(fresh(desk.email)) == PASSWORD
    for other in ({"host": "localhost"}, {"port": 1143}, {"user_name": "lee"}):
        with pytest.raises(Refused), writing(desk.row) as row:
            mailboxes.change(row, desk.email, **{**kept, "folder": "Help", **other}, by=CLOCK, now=now)


def test_removing_one_forgets_its_secrets(desk: SmallDesk, now: datetime) -> None:
    set_up(desk, now, 143, "kim")
    with writing(desk.row) as row:
        mailboxes.remove(row, desk.email, by=CLOCK, now=now)
    assert db.session.scalars(select(Mailbox)).all() == []

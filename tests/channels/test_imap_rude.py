"""Mailboxes on a server that loses messages, breaks off, says nonsense or nothing: what is taken all the same, what is
said, and that nothing is passed over that could be read."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app.channels import imap, imap_connection
from app.database import bookkeeping, db
from app.desk import inbox, mailboxes
from app.models.mailbox import Mailbox
from app.models.message import RawMessage
from app.models.ticket import Ticket
from tests.channels.accounts import fetch, fresh, mail, set_up
from tests.channels.rude_server import CLOSE, HANG, RudeServer
from tests.databases import on_one_database
from tests.small import SmallDesk

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[RudeServer]:
    with RudeServer() as running:
        yield running


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for a part of a second where people wait for many."""
    monkeypatch.setattr(imap_connection, "TIMEOUT", 0.3)


def subjects() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Ticket.subject).order_by(Ticket.id)))


# which messages become tickets


def test_what_came_while_the_first_look_failed_is_taken(
    desk: SmallDesk, now: datetime, server: RudeServer
) -> None:
    server.put(mail("Last week"), at=now - timedelta(days=7))
    server.put(mail("This morning"), at=now - HOUR)
    server.instead = [("LOGIN", b"%s NO the password is another\r\n")]
    set_up(desk, now, server.port, "kim")
    assert fetch(now) == Counter(broken=1)
    server.put(mail("At noon"), at=now + 2 * HOUR)
    server.put(mail("Last week, brought here from another folder"), at=now - timedelta(days=7))
    server.instead = []
    set_up(desk, now + 3 * HOUR, server.port, "kim")
    assert fetch(now + 3 * HOUR)["created"] == 1
    server.put(mail("An old one that a person drags here now"), at=now - timedelta(days=7))
    assert fetch(now + 4 * HOUR) == Counter(created=1)
    assert subjects() == ["At noon", "An old one that a person drags here now"]


@pytest.mark.parametrize("renumbered", ["another UIDVALIDITY", "restored from a backup", "another host"])
def test_thousands_of_old_messages_stay_out_when_numbers_change(
    renumbered: str, desk: SmallDesk, now: datetime, server: RudeServer
) -> None:
    old = mail("Old")
    server.messages = {uid: (old, now - timedelta(days=400)) for uid in range(1, 10_001)}
    set_up(desk, now, server.port, "kim", host="localhost")
    fetch(now)
    server.put(mail("First"), at=now + MINUTE)
    server.put(mail("Second"), at=now + MINUTE)
    assert fetch(now + 2 * MINUTE) == Counter(created=2)
    first, second = server.messages.pop(10_001), server.messages.pop(10_002)
    if renumbered == "restored from a backup":  # it forgets the last one, and gives its number out again
        server.messages |= {10_001: first}
    else:
        middle = {uid: (old, now - timedelta(days=400)) for uid in range(5_003, 5_303)}
        server.messages = {1: (old, now - timedelta(days=1)), 5_001: second, 5_002: first} | middle
    if renumbered == "another UIDVALIDITY":
        server.uid_validity = 8
    if renumbered == "another host":
        set_up(desk, now + 3 * MINUTE, server.port, "kim", host="127.0.0.1")
    counts = fetch(now + 3 * MINUTE)
    counts += fetch(now + 4 * MINUTE)
    assert (counts["created"], counts["broken"]) == (0, 0)
    server.put(mail("Third"), at=now + 5 * MINUTE)
    assert fetch(now + 6 * MINUTE) == Counter(created=1)
    assert subjects() == ["First", "Second", "Third"]
    asked_for = [command for command in server.heard if "BODY.PEEK" in command]
    assert len(asked_for) <= 5, "the old ones are not even read"


def test_a_new_port_is_the_same_mailbox(desk: SmallDesk, now: datetime, server: RudeServer) -> None:
    server.put(mail("First"), at=now)
    set_up(desk, now, server.port, "kim")
    fetch(now)
    with RudeServer(messages=server.messages) as moved:
        moved.put(mail("Second"), at=now)
        set_up(desk, now + HOUR, moved.port, "kim")
        assert fetch(now + HOUR) == Counter(created=1)
        set_up(desk, now + HOUR, moved.port, "lee")
        assert fetch(now + 2 * HOUR)["created"] == 0, "another mailbox begins when it is set up"


def test_the_old_ones_may_be_wanted_later(desk: SmallDesk, now: datetime, server: RudeServer) -> None:
    server.put(mail("Old"), at=now - 9 * HOUR)
    server.put(mail("New"), at=now)
    set_up(desk, now, server.port, "kim")
    assert fetch(now)["created"] == 1
    set_up(desk, now, server.port, "kim", take_old=True)
    assert fetch(now + MINUTE) == Counter(created=1, duplicate=1)
    set_up(desk, now, server.port, "kim", take_old=True)
    assert fetch(now + 2 * MINUTE) == Counter()


def test_a_process_that_dies_before_the_cursor_moves(
    desk: SmallDesk, now: datetime, server: RudeServer
) -> None:
    server.put(mail("With an id"), at=now)
    server.put(b"From: kim@example.org\r\nSubject: Without\r\n\r\nHello\r\n", at=now)
    mailbox = set_up(desk, now, server.port, "kim")
    assert fetch(now) == Counter(created=2)
    bookkeeping(Mailbox.__table__.update().where(Mailbox.id == mailbox.id).values(last_uid=0))
    assert fetch(now + MINUTE) == Counter(duplicate=2)
    assert subjects() == ["With an id", "Without"]


# messages that cannot be had


def test_messages_that_vanish_while_one_looks(desk: SmallDesk, now: datetime, server: RudeServer) -> None:
    server.put(*(mail(f"Message {n}") for n in range(1, 5)), at=now)
    server.uid_next = 5
    server.instead = [
        (r"UID SEARCH UID 1:", b"* SEARCH 1 2 3 4\r\n%s OK .\r\n"),
        (r"UID FETCH 3 \(UID BODY", b"%s OK nothing\r\n"),
    ]
    del server.messages[2]
    set_up(desk, now, server.port, "kim")
    assert fetch(now) == Counter(created=2, gone=2)
    assert subjects() == ["Message 1", "Message 4"]
    assert fresh(desk.email).last_uid == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"%s NO [SERVERBUG] this message is damaged\r\n",
        b"%s BAD something\r\n",
        CLOSE,
        b"* 1 FETCH (UID 2 BODY[] {2000000000}\r\n",
    ],
)
def test_a_message_that_cannot_be_had_holds_up_no_other_for_long(
    answer: bytes, desk: SmallDesk, now: datetime, server: RudeServer
) -> None:
    server.put(mail("Fine"), mail("Poisoned"), at=now)
    server.instead = [(r"UID FETCH 2 \(UID BODY.PEEK\[\]\)", answer)]
    set_up(desk, now, server.port, "kim")
    at = now
    for _ in range(imap.TRIES + 3):  # nothing waits behind it, so it is waited for
        assert fetch(at)["broken"] == 1
        at = fresh(desk.email).wake_at
    assert fresh(desk.email).last_uid == 1
    server.put(mail("Behind it"), at=now)
    assert fetch(at) == Counter(broken=1)
    assert fetch(fresh(desk.email).wake_at) == Counter(failed=1, created=1)
    assert subjects() == ["Fine", "Behind it"]
    failed = db.session.scalars(select(RawMessage).where(RawMessage.state == "failed")).one()
    assert failed.sent_to == "support@example.com"
    assert (fresh(desk.email).stuck, fresh(desk.email).error) == (0, None)


def test_a_server_that_is_ill_costs_no_message(desk: SmallDesk, now: datetime, server: RudeServer) -> None:
    """Hours in which it gives out none: all are there when it is well again."""
    server.put(mail("First"), mail("Second"), at=now)
    server.instead = [(r"UID FETCH .*BODY", b"%s NO [UNAVAILABLE] the disks are away\r\n")]
    set_up(desk, now, server.port, "kim")
    at = now
    while at < now + 6 * HOUR:
        assert fetch(at) == Counter(broken=1)
        at = fresh(desk.email).wake_at
    assert fresh(desk.email).error_detail == "[UNAVAILABLE] the disks are away"
    server.instead = []
    assert fetch(at) == Counter(created=2)


def test_a_server_that_refuses_sizes_together_is_asked_for_each(
    desk: SmallDesk, now: datetime, server: RudeServer
) -> None:
    server.put(*(mail(f"Message {n}") for n in range(1, 4)), at=now)
    server.instead = [(r"UID FETCH [\d,]*2[\d,]* \(UID RFC822", b"%s NO one of these is damaged\r\n")]
    set_up(desk, now, server.port, "kim")
    at = now
    for _ in range(imap.TRIES + 1):
        assert fetch(at)["broken"] == 1
        at = fresh(desk.email).wake_at
    assert fetch(at) == Counter(failed=1, created=1)
    assert subjects() == ["Message 1", "Message 3"]


# nonsense, and silence


@on_one_database
@pytest.mark.parametrize(
    ("where", "answer", "text"),
    [
        ("greeting", b"SSH-2.0-OpenSSH_9.2\r\n", "The server was not understood, or broke off."),
        ("greeting", b"* OK \xff\x00\xfe\r\n* BYE\r\n", "The server was not understood, or broke off."),
        ("greeting", CLOSE, "The server was not understood, or broke off."),
        (
            "greeting",
            HANG,
            "The server did not answer in time. If this port is for TLS, choose TLS.",
        ),
        ("LOGIN", HANG, "The server did not answer in time."),
        ("LOGIN", b"%s NO \x00\x1b[31m" + b"<b>no</b> " * 5000 + b"\r\n", "The server refuses"),
        ("EXAMINE", b"* OK [UIDVALIDITY x] .\r\n%s OK .\r\n", "The server was not understood, or broke off."),
        ("EXAMINE", b"* OK [UIDVALIDITY %d] .\r\n%%s OK .\r\n" % 10**30, "The server was not understood"),
        ("UID SEARCH", b"* SEARCH 1 two 3\r\n%s OK .\r\n", "The server was not understood, or broke off."),
        ("UID SEARCH", b"* SEARCH %d\r\n%%s OK .\r\n" % 10**30, "The server was not understood"),
        ("UID SEARCH", b"* OK and so on\r\n" * 3_000_000, "The server was not understood, or broke off."),
        ("UID SEARCH", b"* SEARCH {2000000000}\r\n", "The server was not understood, or broke off."),
        ("UID FETCH", b"* 1 FETCH (UID 1 RFC822.SIZE 10 INTERNALDATE " + b'"99-Foo-2026', "The server"),
    ],
)
def test_nonsense_is_told_and_tried_again(
    where: str,
    answer: bytes,
    text: str,
    desk: SmallDesk,
    now: datetime,
    server: RudeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if answer == HANG:  # only then: on a busy machine whoever has an answer may need longer to give it
        monkeypatch.setattr(imap_connection, "TIMEOUT", 0.3)
    server.put(mail("First"), at=now)
    server.greeting = answer if where == "greeting" else server.greeting
    server.instead = [] if where == "greeting" else [(where, answer)]
    set_up(desk, now, server.port, "kim", take_old=True)
    assert fetch(now) == Counter(broken=1)
    mailbox = fresh(desk.email)
    assert (mailbox.error or "").startswith(text)
    assert len(mailbox.error_detail) <= imap_connection.MOST_WORDS
    assert mailbox.error_detail.isprintable()
    assert (mailbox.claim, mailbox.wake_at) == (None, now + MINUTE)
    server.greeting, server.instead = b"* OK ready\r\n", []
    assert fetch(now + MINUTE) == Counter(created=1)


@on_one_database
def test_a_look_ends_however_slowly_a_server_talks(
    desk: SmallDesk, now: datetime, server: RudeServer, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Always a line before the patience is over: the others must not wait behind it for ever."""
    monkeypatch.setattr(imap_connection, "TIMEOUT", 60)
    monkeypatch.setattr(imap, "CUT_AFTER", 0.5)
    server.put(mail("First"), at=now)
    server.instead = [("UID SEARCH", HANG)]
    set_up(desk, now, server.port, "kim")
    assert fetch(now) == Counter(broken=1)
    assert fresh(desk.email).error == "The server was too slow, so the desk broke off."


def test_a_date_that_is_none_costs_no_message(desk: SmallDesk, now: datetime, server: RudeServer) -> None:
    server.put(mail("First"), at=now)
    date = b'"99-Foo-2026 99:99:99 +0000"'
    server.instead = [
        (
            r"UID FETCH 1 \(UID RFC822",
            b"* 1 FETCH (UID 1 RFC822.SIZE 99 INTERNALDATE %b)\r\n%%s OK .\r\n" % date,
        )
    ]
    set_up(desk, now, server.port, "kim")
    assert fetch(now) == Counter(created=1)


# signing in


def test_a_password_is_not_said_where_anybody_could_read_it(
    desk: SmallDesk, now: datetime, server: RudeServer
) -> None:
    server.capability = "IMAP4rev1 STARTTLS LOGINDISABLED"
    set_up(desk, now, server.port, "kim")
    fetch(now)
    assert "Choose TLS or STARTTLS" in (fresh(desk.email).error or "")
    assert not [command for command in server.heard if command.startswith(("LOGIN", "AUTHENTICATE"))]
    server.capability = "IMAP4rev1"
    mailbox = set_up(desk, now, server.port, "kim", encryption="starttls")
    with pytest.raises(imap.Failed, match="cannot begin TLS here"):
        imap.test(mailbox.id, now)


def test_a_server_that_repeats_the_password(desk: SmallDesk, now: datetime, server: RudeServer) -> None:
    server.instead = [("LOGIN", b'%s BAD not understood: LOGIN "kim" "a \\"secret\\" word"\r\n')]
    set_up(desk, now, server.port, "kim", password='a "secret" word')
    fetch(now)
    mailbox = fresh(desk.email)
    assert mailbox.error == "The server refuses the user name or the password."
    assert "secret" not in mailbox.error_detail


# others


def test_nothing_of_the_database_is_held_open_meanwhile(
    desk: SmallDesk, now: datetime, server: RudeServer, impatient: None
) -> None:
    mailbox = set_up(desk, now, server.port, "kim")
    kept, address = mailboxes.apart(mailbox.id)
    assert (kept.host, address) == ("127.0.0.1", "support@example.com")
    assert not db.session().in_transaction()


def test_a_mailbox_that_is_removed_meanwhile(desk: SmallDesk, now: datetime) -> None:
    assert imap.look(99, "one", now) == Counter(lost=1)
    assert inbox.left(now) == []

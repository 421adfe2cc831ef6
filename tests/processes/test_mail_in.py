"""Mail that comes to real processes: the clock that is told of new messages, and LMTP (see tests/channels/test_lmtp.py)."""

import signal
import smtplib
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db
from app.models.message import RawMessage
from app.models.ticket import Ticket
from tests.channels.accounts import fresh, mail, set_up
from tests.dovecot import Dovecot
from tests.small import SmallDesk
from tests.waiting import until

START_FOR = 30  # seconds


def subjects() -> list[str]:
    return sorted(db.session.scalars(select(Ticket.subject)))


def test_what_a_server_tells_of_is_taken_at_once(
    desk: SmallDesk, now: datetime, dovecot: Dovecot, mailbox_user: str, start_flask: Callable[..., Any]
) -> None:
    """Looks are a minute apart; three messages within less come only because the server tells of them."""
    set_up(desk, now, dovecot.port, mailbox_user)
    clock = start_flask("clock")
    until(lambda: fresh(desk.email).looked_at)
    for n in (1, 2, 3):
        dovecot.deliver(mailbox_user, mail(f"Message {n}"))
        until(lambda n=n: len(subjects()) == n)
    clock.send_signal(signal.SIGTERM)
    assert clock.wait(10) == 0


@pytest.fixture
def lmtp(start_flask: Callable[..., Any], free_port: Callable[[], int]) -> Callable[..., smtplib.LMTP]:
    """Starts the LMTP process and connects to it."""

    def start(**settings: str) -> smtplib.LMTP:
        port = free_port()
        start_flask("lmtp", "--port", str(port), **settings)
        return until(lambda: _connected("127.0.0.1", port), START_FOR)

    return start


def _connected(host: str, port: int | None = None) -> smtplib.LMTP | None:
    try:
        return smtplib.LMTP(host, port or 0, timeout=30)
    except (ConnectionRefusedError, FileNotFoundError):
        return None


def send(
    server: smtplib.LMTP, raw: bytes, *recipients: str, sender: str = "kim@example.org"
) -> list[tuple[int, bytes]]:
    """The answers to one message, one for each recipient."""
    server.ehlo_or_helo_if_needed()
    assert server.mail(sender)[0] == 250
    for recipient in recipients:
        assert server.rcpt(recipient)[0] == 250
    server.putcmd("data")
    assert server.getreply()[0] == 354
    server.send(raw.replace(b"\n.", b"\n..") + b"\r\n.\r\n")
    return [server.getreply() for _ in recipients]


def test_each_recipient_is_answered_for(desk: SmallDesk, lmtp: Callable[..., smtplib.LMTP]) -> None:
    with lmtp() as server:
        answers = send(server, mail("For two"), "support@example.com", "help@example.com")
        assert [code for code, _ in answers] == [250, 250]
        assert send(server, mail("For one", text="a\r\n.\r\nb"), "support@example.com")[0][0] == 250
        assert send(server, b"nothing that is a message", "support@example.com")[0][0] == 250
        assert server.noop()[0] == 250, "no answer too many"
    until(lambda: subjects() == ["For one", "For two"])
    raws = db.session.scalars(select(RawMessage).order_by(RawMessage.id)).all()
    assert [(raw.source, raw.sent_to, raw.state) for raw in raws] == [
        ("lmtp", "support@example.com", "handled"),
        ("lmtp", "help@example.com", "handled"),
        ("lmtp", "support@example.com", "handled"),
        ("lmtp", "support@example.com", "failed"),
    ]


def test_what_cannot_be_kept_is_to_come_again(desk: SmallDesk, lmtp: Callable[..., smtplib.LMTP]) -> None:
    with lmtp(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none") as server:
        answers = send(server, mail("Later"), "support@example.com", "b@example.com")
        assert [code for code, _ in answers] == [451, 451]


def test_a_socket_file_and_a_clean_end(
    desk: SmallDesk, start_flask: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "lmtp"
    process = start_flask("lmtp", "--socket", str(path))
    server = until(lambda: _connected(str(path)), START_FOR)
    assert send(server, mail("By a file"), "support@example.com")[0][0] == 250
    server.quit()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not path.exists()
    assert until(subjects) == ["By a file"]


def test_a_port_in_use_is_named(desk: SmallDesk, flask: Callable[..., Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = flask("lmtp", "--port", str(port))
    assert (done.returncode, f"127.0.0.1:{port} cannot be used" in done.stderr) == (1, True)

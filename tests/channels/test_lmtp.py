"""LMTP, by what a mail server or a stranger may say to it. The process itself is tests/processes/test_mail_in.py."""

import asyncio
import smtplib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.channels import lmtp
from app.database import db
from app.models.message import Blob, Message
from app.models.ticket import Ticket
from tests.channels.accounts import mail
from tests.small import SmallDesk

LINE = b"A" * 76 + b"\r\n"
Connect = Callable[[], smtplib.LMTP]


@pytest.fixture
def connect(app: Any, desk: SmallDesk) -> Iterator[Connect]:
    """A new connection to a server in a thread of this process."""
    loop = asyncio.new_event_loop()  # never of this thread, in which a browser's may run
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listening = lmtp.listen(app, host="127.0.0.1", port=0)
    server = asyncio.run_coroutine_threadsafe(listening, loop).result(20)
    port = server.sockets[0].getsockname()[1]
    made: list[smtplib.LMTP] = []

    def connect() -> smtplib.LMTP:
        made.append(smtplib.LMTP("127.0.0.1", port, timeout=20))
        return made[-1]

    yield connect
    for client in made:
        client.close()
    asyncio.run_coroutine_threadsafe(_end(server), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    await asyncio.get_running_loop().shutdown_default_executor()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def run(what: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own, for the same reason."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, what).result()


def begin(
    client: smtplib.LMTP, *recipients: str, sender: str = "<kim@example.org>", options: str = ""
) -> None:
    """Up to the data."""
    client.ehlo_or_helo_if_needed()
    assert client.docmd("MAIL", f"FROM:{sender} {options}".strip())[0] == 250
    for recipient in recipients or ("support@example.com",):
        assert client.rcpt(recipient)[0] == 250
    assert client.docmd("DATA")[0] == 354


def send(client: smtplib.LMTP, raw: bytes, **begun: str) -> int:
    begin(client, **begun)
    client.send(raw.replace(b"\n.", b"\n..") + b"\r\n.\r\n")
    return client.getreply()[0]


def subjects() -> list[str]:
    db.session.rollback()
    return sorted(db.session.scalars(select(Ticket.subject)))


def test_what_bounced_is_automatic(connect: Connect) -> None:
    assert send(connect(), mail("A report"), sender="<>") == 250
    assert db.session.scalars(select(Ticket)).one().automatic


def test_what_is_too_large_is_refused_for_each(connect: Connect) -> None:
    client = connect()
    begin(client, "support@example.com", "b@example.com")
    client.send(mail("Huge") + LINE * (26 * 1024 * 1024 // 78) + b"\r\n.\r\n")
    assert [client.getreply()[0] for _ in range(2)] == [552, 552]
    assert send(client, mail("Small")) == 250
    assert client.docmd("MAIL", f"FROM:<kim@example.org> SIZE={26 * 1024 * 1024}")[0] == 552
    assert subjects() == ["Small"]


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r\n.\r"])
def test_only_one_end_ends_a_message(end: bytes, connect: Connect) -> None:
    """Whoever takes another one for the end lets a sender smuggle a second message in, with an envelope of its own."""
    smuggled = (
        end + b"MAIL FROM:<boss@example.com>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n" + mail("Second")
    )
    client = connect()
    begin(client)
    client.send(mail("First") + smuggled.replace(b"\r\n.\r\n", b"") + b"\r\n.\r\n")
    assert client.getreply()[0] == 250
    assert client.noop()[0] == 250
    assert subjects() == ["First"]


def test_letters_of_all_kinds(connect: Connect) -> None:
    raw = mail("Größe", text="빗자루가 부러졌어요").replace(b"kim@example.org", "김@예시.한국".encode())
    client = connect()
    client.command_encoding = "utf-8"
    client.ehlo_or_helo_if_needed()
    assert {"8bitmime", "smtputf8", "size"} <= client.esmtp_features.keys()
    assert send(client, raw, sender="<김@예시.한국>", options="SMTPUTF8 BODY=8BITMIME") == 250
    message = db.session.scalars(select(Message)).one()
    assert (message.subject, message.text) == ("Größe", "빗자루가 부러졌어요")


def test_a_sender_puts_no_line_of_theirs_into_the_message(connect: Connect) -> None:
    client = connect()
    client.ehlo_or_helo_if_needed()
    client.send(b"MAIL FROM:<a\rX-Evil:b@example.org>\r\n")
    if client.getreply()[0] == 250:
        client.rcpt("support@example.com")
        client.docmd("DATA")
        client.send(mail("First") + b".\r\n")
        assert client.getreply()[0] == 250
        assert b"\rX-Evil" not in db.session.scalars(select(Blob.data)).one()


def test_too_many_recipients_come_again_and_what_is_none_does_not(connect: Connect) -> None:
    client = connect()
    client.ehlo_or_helo_if_needed()
    client.docmd("MAIL", "FROM:<kim@example.org>")
    client.send(b"RCPT TO:<sup\xff\xfeport@example.com>\r\n")
    assert client.getreply()[0] == 553
    for n in range(lmtp.MOST_RECIPIENTS):
        client.send(b"RCPT TO:<n%d@example.com>\r\n" % n)
    assert {client.getreply()[0] for _ in range(lmtp.MOST_RECIPIENTS)} == {250}
    assert client.rcpt("one@example.com")[0] == 452


def test_a_line_without_end_is_not_kept(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmtp, "MOST_HEARD", 4 * 1024 * 1024)
    client = connect()
    begin(client)
    with pytest.raises((OSError, smtplib.SMTPServerDisconnected)):
        send_for_ever(client)
    assert send(connect(), mail("Another")) == 250


def send_for_ever(client: smtplib.LMTP) -> None:
    while True:
        client.send(b"A" * 1024 * 1024)


def test_so_many_connections(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmtp, "MOST_CONNECTIONS", 2)
    first, second = connect(), connect()
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        connect()
    assert refused.value.smtp_code == 421
    assert send(second, mail("First")) == 250
    first.quit()
    first.close()


def test_a_socket_file_is_taken_from_nobody(app: Any, tmp_path: Path) -> None:
    path = tmp_path / "lmtp"

    async def listening() -> asyncio.Server:
        return await lmtp.listen(app, host="", port=0, path=path)

    async def twice() -> None:
        async with await listening():
            assert path.stat().st_mode & 0o777 == 0o660
            await listening()

    with pytest.raises(OSError, match="in use"):
        run(twice())
    with socket.socket(socket.AF_UNIX) as left:
        path.unlink(missing_ok=True)
        left.bind(str(path))

    async def after_a_kill() -> None:
        (await listening()).close()

    run(after_a_kill())
    path.unlink(missing_ok=True)
    path.write_text("a letter")
    with pytest.raises(FileExistsError):
        run(after_a_kill())
    assert path.read_text() == "a letter"

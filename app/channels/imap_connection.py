"""A connection to an IMAP server: encrypted, signed in, one folder open. What goes wrong is told in words.

No server is believed: not that it goes on to answer, and not that what it sends will end.
"""

import imaplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError

from app.channels import Temporary, oauth
from app.desk import inbox, mailboxes
from app.desk.mailboxes import Tokens
from app.desk.sealed import Unreadable
from app.mail.headers import one_line
from app.models.mailbox import Mailbox
from app.words import N_

TIMEOUT = 15  # seconds that a server may be silent
MOST_HEARD = inbox.LARGEST + 4 * 1024 * 1024  # bytes of the answer to one command
MOST_WORDS = 300  # characters of what a server says that people are shown
NEW_KEY = N_("The desk's secret key has changed. Enter the secrets of this mailbox again.")


class Failed(Temporary):
    """A mailbox cannot be read now. `text` is a msgid, `detail` what the server said, on one line and not long."""

    def __init__(self, text: str, detail: str = "", *, must_sign_in: bool = False) -> None:
        detail = one_line(detail)[:MOST_WORDS]
        super().__init__(f"{text} {detail}".strip())
        self.text, self.detail, self.must_sign_in = text, detail, must_sign_in


@contextmanager
def opened(
    mailbox: Mailbox, now: datetime, *, most: float | None, may_refresh: bool = True
) -> Iterator[BaseMailBox]:
    """Connected, signed in, the folder open read-only. Whatever goes wrong, also later, is Failed in words.

    After `most` seconds the connection is cut, whatever the server is doing. Some servers take a refresh token once
    only, so whoever does not hold the claim leaves the refresh to who does.
    """
    client, went_well = None, False
    try:
        tokens = _tokens(mailbox)
        client = _connected(mailbox, most)
        box = _Box(client)
        _sign_in(box, mailbox, tokens, now, may_refresh)
        box.folder.set(mailbox.folder, readonly=True)
        yield box
        went_well = True
    except Failed:
        raise
    except Unreadable as error:
        raise Failed(NEW_KEY, must_sign_in=mailbox.by_oauth) from error
    except oauth.Revoked as error:
        raise Failed(
            N_("The provider does not let the desk in any more."), str(error), must_sign_in=True
        ) from error
    except MailboxFolderSelectError as error:
        raise Failed(N_("There is no such folder."), _words(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise Failed(N_("The server's certificate cannot be trusted."), error.verify_message) from error
    except ssl.SSLError as error:
        raise Failed(
            N_("The server does not speak TLS at this port. Try the other kind of encryption."),
            error.reason or "",
        ) from error
    except socket.gaierror as error:
        raise Failed(N_("There is no server of this name.")) from error
    except ConnectionRefusedError as error:
        raise Failed(N_("Nothing answers at this port.")) from error
    except TimeoutError as error:
        raise Failed(_silent(mailbox, client)) from error
    except (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError, Temporary, oauth.Permanent) as error:
        if client is not None and client.was_cut:
            raise Failed(N_("The server was too slow, so the desk broke off.")) from error
        raise Failed(N_("The server was not understood, or broke off."), _words(error)) from error
    finally:
        if client is not None:
            client.end(politely=went_well)


def said(answer: tuple[str, list[Any]]) -> list[Any]:
    """The data of an answer. NO is an error here too: imaplib leaves it to the caller."""
    state, data = answer
    if state != "OK":
        raise imaplib.IMAP4.error(_decoded(data))
    return data


def tells(box: BaseMailBox) -> bool:
    """Whether the server tells of new messages (IDLE)."""
    box.client._get_capabilities()
    return "IDLE" in box.client.capabilities


class _Client(imaplib.IMAP4):
    """Hears so much for one command and, with `most` seconds, so long, and then no more."""

    was_cut = False

    def __init__(self, host: str, port: int, most: float | None) -> None:
        self._most, self._heard = most, 0
        self._timer: threading.Timer | None = None
        self._line: socket.socket | None = None
        try:
            super().__init__(host, port, timeout=TIMEOUT)
        except BaseException:
            self._leave()
            raise

    def read(self, size: int) -> bytes:
        self._count(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._count(len(line))
        return line

    def send(self, data: Any) -> None:
        self._heard = 0
        super().send(data)

    def end(self, *, politely: bool) -> None:
        if politely:
            with suppress(Exception):
                self.logout()
        with suppress(OSError):
            self.shutdown()
        self._leave()

    def _create_socket(self, timeout: float) -> socket.socket:
        made: socket.socket = super()._create_socket(timeout)  # type: ignore[misc]  # typeshed lacks it
        if self._most is not None:
            self._line = made.dup()  # whatever TLS does with the other, this ends the same connection
            self._timer = threading.Timer(self._most, self._cut)
            self._timer.daemon = True
            self._timer.start()
        return made

    def _cut(self) -> None:
        self.was_cut = True
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _count(self, size: int) -> None:
        self._heard += size
        if self._heard > MOST_HEARD:
            raise self.abort(f"an answer of more than {MOST_HEARD} bytes")

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._line is not None:
            self._line.close()


class _TlsClient(_Client):
    """TLS from the first byte."""

    def _create_socket(self, timeout: float) -> socket.socket:
        plain = super()._create_socket(timeout)
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


class _Box(BaseMailBox):
    """What imap_tools knows, around a client of ours."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._given = client
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._given


def _tokens(mailbox: Mailbox) -> Tokens | None:
    """None where a password is used. Whether there are any is told before anybody is asked."""
    if not mailbox.by_oauth:
        return None
    tokens = mailboxes.tokens(mailbox)
    if tokens is None:
        raise Failed(N_("Nobody has signed in at the provider yet."), must_sign_in=True)
    return tokens


def _connected(mailbox: Mailbox, most: float | None) -> _Client:
    if mailbox.encryption == "tls":
        return _TlsClient(mailbox.host, mailbox.port, most)
    client = _Client(mailbox.host, mailbox.port, most)
    if mailbox.encryption == "starttls":
        try:
            _begin_tls(client)
        except BaseException:
            client.end(politely=False)
            raise
    return client


def _begin_tls(client: _Client) -> None:
    try:
        client.starttls(ssl.create_default_context())
    except imaplib.IMAP4.error as error:
        raise Failed(
            N_("The server cannot begin TLS here. Try the other kind of encryption."), _words(error)
        ) from error


def _sign_in(
    box: BaseMailBox, mailbox: Mailbox, tokens: Tokens | None, now: datetime, may_refresh: bool
) -> None:
    try:
        if tokens is not None:
            _sign_in_by_token(box, mailbox, tokens, now, may_refresh)
        else:
            _sign_in_by_password(box, mailbox)
    except (imaplib.IMAP4.abort, Failed):
        raise
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        text = (
            N_("The server does not accept what the provider gave the desk.")
            if mailbox.by_oauth
            else N_("The server refuses the user name or the password.")
        )
        raise Failed(text, _words(error), must_sign_in=mailbox.by_oauth) from error


def _sign_in_by_password(box: BaseMailBox, mailbox: Mailbox) -> None:
    if "LOGINDISABLED" in box.client.capabilities:
        raise Failed(N_("The server takes a password only when it is encrypted. Choose TLS or STARTTLS."))
    password = mailboxes.password(mailbox)
    plain = (mailbox.user_name + password).isascii()
    try:
        (box.login if plain else box.login_utf8)(mailbox.user_name, password, None)
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        if _bare(password) in _bare(
            _words(error)
        ):  # some servers repeat the line that they do not understand
            raise Failed(N_("The server refuses the user name or the password.")) from None
        raise


def _sign_in_by_token(
    box: BaseMailBox, mailbox: Mailbox, tokens: Tokens, now: datetime, may_refresh: bool
) -> None:
    if tokens.expires_at - now >= oauth.FRESH_FOR:
        try:
            box.xoauth2(mailbox.user_name, tokens.access, None)
            return
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, ImapToolsError):
            pass  # taken back before its time: the provider says whether there is another
    if not may_refresh:
        raise Failed(N_("The server does not accept what the provider gave the desk."))
    box.xoauth2(mailbox.user_name, oauth.refreshed(mailbox, tokens, now).access, None)


def _silent(mailbox: Mailbox, client: _Client | None) -> str:
    if client is None and mailbox.encryption != "tls":  # who waits for TLS says nothing first
        return N_("The server did not answer in time. If this port is for TLS, choose TLS.")
    return N_("The server did not answer in time.")


def _words(error: Exception) -> str:
    result = getattr(error, "command_result", None)
    if isinstance(result, tuple) and len(result) == 2:
        return _decoded(result[1])
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(error) or type(error).__name__


def _bare(text: str) -> str:
    """Without what is written differently when it is quoted."""
    return "".join(character for character in text if character.isalnum())


def _decoded(data: object) -> str:
    items = data if isinstance(data, list | tuple) else [data]
    return " ".join(item.decode(errors="replace") for item in items if isinstance(item, bytes))

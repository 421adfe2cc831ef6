"""Mail in, from the mailboxes of the desk's addresses: looked into when they are due, watched where the server can.

A look reads on from the cursor (UIDVALIDITY and UID) and changes nothing in the mailbox: it is opened read-only. The
cursor moves only behind what is in the archive, so a message may be read twice but is never passed over.
"""

import imaplib
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxStarttlsError

from app.channels import Temporary, oauth
from app.database import db
from app.desk import inbox, mailboxes
from app.desk.sealed import Unreadable
from app.models.mailbox import Mailbox
from app.words import N_

TIMEOUT = 15  # seconds that a server may be silent
LOOK_FOR = 20  # seconds; what is left after them is for the next look
AT_A_TIME = 100  # messages of one look
FRESH_FOR = timedelta(minutes=2)  # an access token that ends sooner is not used any more
UNREADABLE_AFTER = 3  # failed looks; then a message that the server does not give out is listed as failed

UNREADABLE = b"Subject: The mail server does not give this message out (UID %d)\r\n\r\n"

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")


class Failed(Temporary):
    """A mailbox cannot be read now. `text` is a msgid, `detail` what the server said."""

    def __init__(self, text: str, detail: str = "", *, must_sign_in: bool = False) -> None:
        super().__init__(f"{text} {detail}".strip())
        self.text, self.detail, self.must_sign_in = text, detail, must_sign_in


@dataclass(frozen=True)
class Found:
    """What a test of a mailbox found: how many messages lie there, and whether the server tells of new ones."""

    messages: int
    tells: bool


def test(mailbox: Mailbox, now: datetime) -> Found:
    """Signs in and opens the folder. Raises Failed."""
    with opened(mailbox, now) as box:
        return Found(_number(box, "EXISTS"), tells(box))


def look(mailbox_id: int, owner: str, now: datetime) -> Counter[str]:
    """Takes in what has come to a mailbox that `owner` has claimed; returns how often what became of a message."""
    mailbox = db.session.get_one(Mailbox, mailbox_id)
    address = mailbox.channel.address
    db.session.rollback()  # nothing is held open while the network is waited for
    began = time.monotonic()
    counts: Counter[str] = Counter()
    try:
        with opened(mailbox, now) as box:
            reading = _Reading(box, mailbox, owner)
            uids = reading.new_uids()
            for uid, size in reading.sizes(uids[:AT_A_TIME]):
                instant = now + timedelta(seconds=time.monotonic() - began)
                counts[_take(reading, uid, size, address, instant)] += 1
                if time.monotonic() - began > LOOK_FOR:
                    break
            more = reading.last_uid < max(uids, default=0)
    except _Lost:
        return counts + Counter(lost=1)
    except inbox.Unavailable:
        _mark_failed(mailbox_id, owner, Failed(N_("The desk's database cannot be written now.")), now)
        return counts + Counter(broken=1)
    except Failed as failure:
        _mark_failed(mailbox_id, owner, failure, now)
        return counts + Counter(broken=1)
    mailboxes.mark_looked(mailbox_id, owner, now, more=more)
    return counts


def _mark_failed(mailbox_id: int, owner: str, failure: Failed, now: datetime) -> None:
    mailboxes.mark_failed(
        mailbox_id, owner, failure.text, failure.detail, now, must_sign_in=failure.must_sign_in
    )


class _Lost(Exception):
    """The mailbox was changed, or another process has it."""


class _Reading:
    """A mailbox that is open, and the cursor in it."""

    def __init__(self, box: BaseMailBox, mailbox: Mailbox, owner: str) -> None:
        self.box, self.mailbox, self.owner = box, mailbox, owner
        self.last_uid = mailbox.last_uid
        self.lowest_date: datetime | None = None
        uid_validity = _number(box, "UIDVALIDITY")
        if uid_validity != mailbox.uid_validity:
            self._start(uid_validity)

    def new_uids(self) -> Sequence[int]:
        """Behind the cursor, ascending. A server answers N:* with its last message also when that is before N."""
        data = _said(self.box.client.uid("SEARCH", f"UID {self.last_uid + 1}:*"))
        found = {int(uid) for line in data if isinstance(line, bytes) for uid in line.split()}
        return sorted(uid for uid in found if uid > self.last_uid)

    def sizes(self, uids: Sequence[int]) -> Iterator[tuple[int, int | None]]:
        """(uid, bytes) of each in order; None for what is not there any more or came too long ago."""
        if not uids:
            return
        data = _said(self.box.client.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE INTERNALDATE)"))
        known: dict[int, int] = {}
        for line in data:
            if not isinstance(line, bytes):
                continue
            uid, size = _UID.search(line), _SIZE.search(line)
            if uid and size and not self._is_old(line):
                known[int(uid[1])] = int(size[1])
        for uid_wanted in uids:
            yield uid_wanted, known.get(uid_wanted)

    def bytes_of(self, uid: int, part: str = "") -> bytes | None:
        """The message, or a part of it, as it lies there; None when it is not there any more."""
        data = _said(self.box.client.uid("FETCH", str(uid), f"(UID BODY.PEEK[{part}])"))
        for item in data:
            if isinstance(item, tuple) and b"BODY[" in item[0]:
                return bytes(item[1])
        return b"" if any(isinstance(item, bytes) and b"BODY[" in item for item in data) else None

    def move(self, uid: int, now: datetime, *, taken: int) -> None:
        if not mailboxes.move(self.mailbox.id, self.owner, uid, now, taken=taken):
            raise _Lost
        self.last_uid = uid

    def _start(self, uid_validity: int) -> None:
        """The first look takes what comes from now on, unless all is wanted. When the server has numbered its messages
        anew, all are read again: what the desk has already is known by its Message-ID."""
        if self.mailbox.uid_validity is None and not self.mailbox.take_old:
            self.last_uid = max(0, self._next_uid() - 1)
        else:
            self.last_uid = 0
            self.lowest_date = mailboxes.lowest_date(self.mailbox)
        if not mailboxes.start(self.mailbox.id, self.owner, uid_validity, self.last_uid):
            raise _Lost

    def _next_uid(self) -> int:
        try:
            return _number(self.box, "UIDNEXT")
        except Failed:  # it need not be said
            self.last_uid = 0
            return max(self.new_uids(), default=0) + 1

    def _is_old(self, line: bytes) -> bool:
        came = imaplib.Internaldate2tuple(line) if self.lowest_date else None
        if came is None or self.lowest_date is None:
            return False
        return datetime.fromtimestamp(time.mktime(came), UTC) < self.lowest_date


def _take(reading: _Reading, uid: int, size: int | None, address: str | None, now: datetime) -> str:
    """Archives and handles one message and moves the cursor behind it; returns what became of it."""
    raw = None
    if size is not None:
        try:
            raw = reading.bytes_of(uid, "" if size <= inbox.LARGEST else "HEADER")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            if reading.mailbox.attempts < UNREADABLE_AFTER:
                raise Failed(N_("The server does not give a message out."), str(error)) from error
            raw, size = UNREADABLE % uid, 0
    if raw is None or size is None:
        reading.move(uid, now, taken=0)
        return "gone"
    if size > inbox.LARGEST:
        receipt = inbox.receive_headers(raw, now=now, source="imap", sent_to=address, size=size)
    else:
        receipt = inbox.receive(raw, now=now, source="imap", sent_to=address)
    reading.move(uid, now, taken=1)
    return receipt.action


@contextmanager
def opened(mailbox: Mailbox, now: datetime, *, may_refresh: bool = True) -> Iterator[BaseMailBox]:
    """Connected, signed in, the folder open read-only. Whatever goes wrong, also later, is Failed in words.

    Some servers take a refresh token once only, so whoever does not hold the claim leaves the refresh to who does.
    """
    box = None
    try:
        box = _connected(mailbox)
        _sign_in(box, mailbox, now, may_refresh)
        box.folder.set(mailbox.folder, readonly=True)
        yield box
    except Failed:
        raise
    except Unreadable as error:
        raise Failed(
            N_("The desk's secret key has changed. Enter the secrets of this mailbox again.")
        ) from error
    except oauth.Revoked as error:
        raise Failed(
            N_("The provider does not let the desk in any more."), str(error), must_sign_in=True
        ) from error
    except MailboxFolderSelectError as error:
        raise Failed(N_("There is no such folder."), _words(error)) from error
    except MailboxStarttlsError as error:
        raise Failed(
            N_("The server cannot begin TLS here. Try the other kind of encryption."), _words(error)
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise Failed(N_("The server's certificate cannot be trusted."), error.verify_message) from error
    except ssl.SSLError as error:
        raise Failed(
            N_("The server does not speak TLS at this port. Try the other kind of encryption."),
            error.reason or "",
        ) from error
    except socket.gaierror as error:
        raise Failed(N_("There is no server of this name."), error.strerror or "") from error
    except ConnectionRefusedError as error:
        raise Failed(N_("Nothing answers at this port."), error.strerror or "") from error
    except TimeoutError as error:
        raise Failed(N_("The server did not answer in time.")) from error
    except (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError, Temporary, oauth.Permanent) as error:
        raise Failed(N_("The server was not understood, or broke off."), _words(error)) from error
    finally:
        if box is not None:
            with suppress(Exception):
                box.client.logout()


def _connected(mailbox: Mailbox) -> BaseMailBox:
    host, port = mailbox.host, mailbox.port
    if mailbox.encryption == "tls":
        return MailBox(host, port, timeout=TIMEOUT, ssl_context=ssl.create_default_context())
    if mailbox.encryption == "starttls":
        return MailBoxStartTls(host, port, timeout=TIMEOUT, ssl_context=ssl.create_default_context())
    return MailBoxUnencrypted(host, port, timeout=TIMEOUT)


def _sign_in(box: BaseMailBox, mailbox: Mailbox, now: datetime, may_refresh: bool) -> None:
    try:
        if mailbox.by_oauth:
            _sign_in_by_token(box, mailbox, now, may_refresh)
        else:
            password = mailboxes.password(mailbox)
            plain = (mailbox.user_name + password).isascii()
            (box.login if plain else box.login_utf8)(mailbox.user_name, password, None)
    except (imaplib.IMAP4.abort, Failed):
        raise
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        text = (
            N_("The server does not accept what the provider gave the desk.")
            if mailbox.by_oauth
            else N_("The server refuses the user name or the password.")
        )
        raise Failed(text, _words(error), must_sign_in=mailbox.by_oauth) from error


def _sign_in_by_token(box: BaseMailBox, mailbox: Mailbox, now: datetime, may_refresh: bool) -> None:
    tokens = mailboxes.tokens(mailbox)
    if tokens is None:
        raise Failed(N_("Nobody has signed in at the provider yet."), must_sign_in=True)
    if tokens.expires_at - now >= FRESH_FOR:
        try:
            box.xoauth2(mailbox.user_name, tokens.access, None)
            return
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, ImapToolsError):
            pass  # taken back before its time: the provider says whether there is another
    if not may_refresh:
        raise Failed(N_("The server does not accept what the provider gave the desk."))
    tokens = oauth.refresh(mailbox, tokens, now)
    mailboxes.keep_tokens(mailbox.id, mailbox.version, tokens)
    box.xoauth2(mailbox.user_name, tokens.access, None)


def _number(box: BaseMailBox, name: str) -> int:
    """What the server said of the folder when it was opened."""
    found = box.client.untagged_responses.get(name) or [b""]
    if not isinstance(found[-1], bytes) or not found[-1].isdigit():
        raise Failed(N_("The server was not understood, or broke off."), name)
    return int(found[-1])


def tells(box: BaseMailBox) -> bool:
    box.client._get_capabilities()
    return "IDLE" in box.client.capabilities


def _said(answer: tuple[str, list[object]]) -> list[object]:
    """The data of an answer. NO is an error here too: imaplib leaves it to the caller."""
    state, data = answer
    if state != "OK":
        raise imaplib.IMAP4.error(_decoded(data))
    return data


def _words(error: Exception) -> str:
    result = getattr(error, "command_result", None)
    if isinstance(result, tuple) and len(result) == 2:
        return _decoded(result[1])
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(error) or type(error).__name__


def _decoded(data: object) -> str:
    items = data if isinstance(data, list | tuple) else [data]
    return " ".join(item.decode(errors="replace") for item in items if isinstance(item, bytes))

"""Mail in, from the mailboxes of the desk's addresses: looked into when they are due, watched where the server can.

A look reads on from the cursor (UIDVALIDITY and UID) and changes nothing in the mailbox: it is opened read-only. The
cursor moves only behind what is in the archive, so a message may be read twice but is never passed over.
"""

import imaplib
import logging
import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from imap_tools import BaseMailBox
from sqlalchemy.exc import NoResultFound

from app.channels.imap_connection import NEW_KEY, Failed, opened, said, tells
from app.desk import inbox, mailboxes
from app.models.mailbox import Mailbox
from app.words import N_

__all__ = ["NEW_KEY", "Failed", "Found", "look", "test"]

log = logging.getLogger(__name__)

LOOK_FOR = 20  # seconds; what is left after them is for the next look
CUT_AFTER = 50  # seconds; a look that is not at its end by then is ended, for others wait behind it
TEST_FOR = 30  # seconds that a person waits at most
AT_A_TIME = 100  # messages of one look
TRIES = 2  # failed looks at one message, and one more; then it holds up nothing that can be read behind it

UNREADABLE = b"Subject: The mail server does not give this message out (UID %d)\r\n\r\n"

_LAST_NUMBER = 2**32  # of UID and UIDVALIDITY, and one more
# As the protocol names them; strftime speaks the operator's language.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,15})\b")


@dataclass(frozen=True)
class Found:
    """What a test of a mailbox found: how many messages lie there, and whether the server tells of new ones."""

    messages: int
    tells: bool


def test(mailbox_id: int, now: datetime) -> Found:
    """Signs in and opens the folder. Raises Failed."""
    mailbox, _ = mailboxes.apart(mailbox_id)
    with opened(mailbox, now, most=TEST_FOR) as box:
        return Found(_number(box, "EXISTS"), tells(box))


def look(mailbox_id: int, owner: str, now: datetime) -> Counter[str]:
    """Takes in what has come to a mailbox that `owner` has claimed; returns how often what became of a message."""
    try:
        mailbox, address = mailboxes.apart(mailbox_id)
    except NoResultFound:
        return Counter(lost=1)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    reading: _Reading | None = None
    try:
        with opened(mailbox, now, most=CUT_AFTER) as box:
            reading = _Reading(box, mailbox, owner)
            uids = reading.new_uids()
            reading.learn_sizes(uids[:AT_A_TIME])
            for uid in uids[:AT_A_TIME]:
                instant = now + timedelta(seconds=time.monotonic() - began)
                counts[_take(reading, uids, uid, address, instant)] += 1
                if time.monotonic() - began > LOOK_FOR:
                    break
            reading.settle(now)
            more = reading.last_uid < max(uids, default=0)
    except _Lost:
        return counts + Counter(lost=1)
    except inbox.Unavailable:
        failure = Failed(N_("The desk's database cannot be written now."))
    except Failed as error:
        failure = error
    except Exception:
        log.exception("the look into mailbox %s failed", mailbox_id)
        failure = Failed(N_("The desk itself failed at this mailbox. Its log tells more."))
    else:
        mailboxes.mark_looked(mailbox_id, owner, now, more=more)
        return counts
    mailboxes.mark_failed(
        mailbox_id,
        owner,
        failure.text,
        failure.detail,
        now,
        must_sign_in=failure.must_sign_in,
        at_uid=reading.failed_at if reading else None,
    )
    return counts + Counter(broken=1)


class _Lost(Exception):
    """The mailbox was changed, or another process has it."""


class _Reading:
    """A mailbox that is open, and the cursor in it."""

    def __init__(self, box: BaseMailBox, mailbox: Mailbox, owner: str) -> None:
        self.box, self.mailbox, self.owner = box, mailbox, owner
        self.last_uid, self.old_until = mailbox.last_uid, mailbox.old_until
        self.asked_for: int | None = None  # the message that the server is asked for and has not given out
        self._known: dict[int, int | None] = {}
        self._passed, self._is_blamed = 0, False
        uid_validity = _number(box, "UIDVALIDITY")
        if uid_validity != mailbox.uid_validity or self._was_put_back():
            self._start(uid_validity)

    def new_uids(self) -> Sequence[int]:
        """Behind the cursor, ascending. A server answers N:* with its last message also when that is before N."""
        return [uid for uid in self._search(f"UID {self.last_uid + 1}:*") if uid > self.last_uid]

    def learn_sizes(self, uids: Sequence[int]) -> None:
        """Asks once for all of them."""
        try:
            self._known = self._sizes(uids)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:  # one of them is why: asked for alone, it is found
            self._known = {}

    def size_of(self, uid: int) -> int | None:
        """Bytes; None for what is not there any more or came too long ago."""
        if uid in self._known:
            return self._known[uid]
        self.asked_for = uid
        alone = self._sizes([uid])
        if uid not in alone and self._search(f"UID {uid}"):
            raise Failed(N_("The server does not give a message out."), f"UID {uid}")
        self.asked_for = None
        return alone.get(uid)

    def bytes_of(self, uid: int, part: str = "") -> bytes | None:
        """The message, or a part of it, as it lies there; None when it is not there any more."""
        data = said(self.box.client.uid("FETCH", str(uid), f"(UID BODY.PEEK[{part}])"))
        for item in data:
            if isinstance(item, tuple) and b"BODY[" in item[0]:
                return bytes(item[1])
        return b"" if any(isinstance(item, bytes) and b"BODY[" in item for item in data) else None

    def gives_up(self, uid: int, others: Sequence[int]) -> bool:
        """Whether the server keeps failing at this message while it gives out what lies behind it. One that gives out
        nothing is ill, and costs no message."""
        self._is_blamed = self.mailbox.stuck_uid != uid or self.mailbox.stuck < TRIES
        behind = [other for other in others if other > uid][:3]
        if self._is_blamed or not behind:
            return False
        self.bytes_of(behind[self.mailbox.attempts % len(behind)], "HEADER")
        self._is_blamed = True
        return self.mailbox.stuck > TRIES

    @property
    def failed_at(self) -> int | None:
        """The message to blame for a failure."""
        return self.asked_for if self._is_blamed else None

    def pass_over(self, uid: int) -> None:
        """There is nothing to take; the cursor follows with the next message, or at the end."""
        self._passed = uid

    def settle(self, now: datetime) -> None:
        if self._passed > self.last_uid:
            self.move(self._passed, now, taken=0)

    def move(self, uid: int, now: datetime, *, taken: int) -> None:
        if not mailboxes.move(self.mailbox.id, self.owner, uid, now, taken=taken):
            raise _Lost
        self.last_uid = uid

    def _was_put_back(self) -> bool:
        """Whether the server gives out numbers again that it has given out, as one restored from a backup does."""
        with suppress(Failed):  # UIDNEXT need not be said
            return _number(self.box, "UIDNEXT") <= self.last_uid and not self._search(f"UID {self.last_uid}")
        return False

    def _start(self, uid_validity: int) -> None:
        """What came before the desk began to read here is left alone, unless it is wanted. When the server has
        numbered its messages anew, all others are read again: what the desk has already is known."""
        self.last_uid = self.old_until = 0
        if not self.mailbox.take_old:
            self.old_until = self._last_number()
            day = self.mailbox.began_at - timedelta(
                days=1
            )  # SINCE knows days, and those of the server's zone
            since = self._search(f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}")
            self.last_uid = min(since, default=self.old_until + 1) - 1
        if not mailboxes.start(self.mailbox.id, self.owner, uid_validity, self.last_uid, self.old_until):
            raise _Lost

    def _last_number(self) -> int:
        try:
            return _number(self.box, "UIDNEXT") - 1
        except Failed:
            return max(self._search("UID 1:*"), default=0)

    def _search(self, criteria: str) -> list[int]:
        data = said(self.box.client.uid("SEARCH", criteria))
        found = {int(uid) for line in data if isinstance(line, bytes) for uid in line.split()}
        if not all(0 < uid < _LAST_NUMBER for uid in found):
            raise Failed(N_("The server was not understood, or broke off."), "SEARCH")
        return sorted(found)

    def _sizes(self, uids: Sequence[int]) -> dict[int, int | None]:
        if not uids:
            return {}
        asked = self.box.client.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE INTERNALDATE)")
        known: dict[int, int | None] = {}
        for line in said(asked):
            if isinstance(line, bytes) and (uid := _UID.search(line)) and (size := _SIZE.search(line)):
                number = int(uid[1])
                known[number] = None if self._is_old(number, line) else int(size[1])
        return known

    def _is_old(self, uid: int, line: bytes) -> bool:
        if uid > self.old_until:
            return False
        try:
            came = imaplib.Internaldate2tuple(line)
            return came is not None and time.mktime(came) < int(self.mailbox.began_at.timestamp())
        except (ValueError, KeyError, OverflowError):  # no date: rather a ticket too many
            return False


def _take(reading: _Reading, uids: Sequence[int], uid: int, address: str | None, now: datetime) -> str:
    """Archives and handles one message and moves the cursor behind it; returns what became of it."""
    given_up = reading.gives_up(uid, uids)
    raw, size = (UNREADABLE % uid, 0) if given_up else _asked_for(reading, uid)
    if raw is None:
        reading.pass_over(uid)
        return "gone"
    if size > inbox.LARGEST:
        receipt = inbox.receive_headers(raw, now=now, source="imap", sent_to=address, size=size)
    else:
        receipt = inbox.receive(raw, now=now, source="imap", sent_to=address)
    reading.move(uid, now, taken=1)
    return receipt.action


def _asked_for(reading: _Reading, uid: int) -> tuple[bytes | None, int]:
    """(the message, or the headers of one that is too large, its bytes); None when there is nothing to take."""
    try:
        size = reading.size_of(uid)
        if size is None:
            return None, 0
        reading.asked_for = uid
        raw = reading.bytes_of(uid, "" if size <= inbox.LARGEST else "HEADER")
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise Failed(N_("The server does not give a message out."), str(error)) from error
    reading.asked_for = None
    return raw, size


def _number(box: BaseMailBox, name: str) -> int:
    """What the server said of the folder when it was opened."""
    found = (box.client.untagged_responses.get(name) or [b""])[-1]
    if not isinstance(found, bytes) or not found.isdigit() or len(found) > 10 or int(found) >= _LAST_NUMBER:
        raise Failed(N_("The server was not understood, or broke off."), name)
    return int(found)

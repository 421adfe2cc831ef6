"""Watches mailboxes whose server tells of new messages (IDLE), so that they are looked into at once.

One thread and one connection per mailbox, in the process that keeps the clock. They take nothing in: they bring the
next look forward. Whatever breaks here costs only time, for the look comes by itself every minute.
"""

import logging
import selectors
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime

from flask import Flask
from imap_tools import BaseMailBox
from sqlalchemy.exc import NoResultFound

from app.channels.imap_connection import Failed, opened, tells
from app.database import db
from app.desk import mailboxes
from app.models.mailbox import mailboxes_in_use

log = logging.getLogger(__name__)

RENEW_AFTER = 300  # seconds; routers forget silent connections after some minutes
TRY_AGAIN_AFTER = 60  # seconds, when a connection has broken
END_FOR = 2  # seconds that an end waits for a thread


class Watchers:
    """The watched mailboxes of this process. `keep` and `end` may be called again and again, by one thread at a time."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._threads: dict[tuple[int, int], _Watcher] = {}

    def keep(self) -> None:
        """Watches every mailbox in use as it is set up now, and no other. Needs the app's context."""
        wanted = {(mailbox.id, mailbox.version) for mailbox in mailboxes_in_use() if not mailbox.must_sign_in}
        db.session.rollback()
        with self._lock:
            for key in self._threads.keys() - wanted:
                self._threads.pop(key).stop()
            for key in wanted - self._threads.keys():
                self._threads[key] = _Watcher(self._app, key[0])
                self._threads[key].start()

    def end(self) -> None:
        """Watches nothing any more; waits a moment for the threads to be gone."""
        with self._lock:
            threads, self._threads = list(self._threads.values()), {}
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(END_FOR)


class _Watcher(threading.Thread):
    """Ends by itself where the server tells nothing; it is then kept, so that it is not asked again."""

    def __init__(self, app: Flask, mailbox_id: int) -> None:
        super().__init__(name=f"watch mailbox {mailbox_id}", daemon=True)
        self._app, self._mailbox_id = app, mailbox_id
        self._stopped = threading.Event()
        self._bell, self._ear = socket.socketpair()

    def stop(self) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._bell.send(b"!")

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    with self._app.app_context():
                        if not self._watch():
                            return
                except Failed as failure:
                    log.info("mailbox %s is not watched now: %s", self._mailbox_id, failure)
                except Exception:
                    log.exception("mailbox %s is not watched now", self._mailbox_id)
                self._stopped.wait(TRY_AGAIN_AFTER)
        finally:
            self._bell.close()
            self._ear.close()

    def _watch(self) -> bool:
        """Until the end, or until something breaks. False when there is nothing to watch."""
        try:
            mailbox, _ = mailboxes.apart(self._mailbox_id)
        except NoResultFound:
            return False
        with opened(mailbox, datetime.now(UTC), most=None, may_refresh=False) as box:
            if not tells(box):
                return False
            while not self._stopped.is_set():
                box.idle.start()
                mailboxes.wake(self._mailbox_id, datetime.now(UTC))  # what came before is told by nobody
                self._wait(box)
                box.idle.stop()  # reads what the server said; a connection that has ended fails here
        return True

    def _wait(self, box: BaseMailBox) -> None:
        """Until the server says something, the end comes, or it is time to ask anew."""
        with selectors.DefaultSelector() as selector:
            selector.register(box.client.sock, selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            selector.select(RENEW_AFTER)

"""Mail in by LMTP, from the mail server of this machine: each recipient of a message is answered for."""

import asyncio
import logging
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from app.desk import inbox

log = logging.getLogger(__name__)

TOO_LARGE = "552 5.3.4 The message is larger than 25 MB"
LATER = "451 4.3.0 The message cannot be kept now, send it again"
FULL = "452 4.3.1 There is no room for the message now, send it again"
KEPT = "250 2.0.0 Kept"
OUR_LINE = 1024  # bytes kept free for the Return-Path that is added
LONGEST_LINE = 1024 * 1024  # bytes; mail programs break the rule of 1,000


def serve(app: Flask, *, host: str, port: int, path: Path | None, ready: Callable[[str], None]) -> None:
    """Listens, on the socket `path` when there is one, until SIGTERM or SIGINT; `ready` is told the address.

    Raises OSError when the address cannot be used.
    """
    asyncio.run(_serve(app, host, port, path, ready))


async def _serve(app: Flask, host: str, port: int, path: Path | None, ready: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    make = partial(_Server, _Handler(app), loop=loop)
    if path is None:
        server = await loop.create_server(make, host, port)
        ready(f"{host}:{port}")
    else:
        path.unlink(missing_ok=True)  # what a process that was killed has left
        server = await loop.create_unix_server(make, path)
        path.chmod(0o660)
        ready(str(path))
    await ended.wait()
    server.close()
    if path is not None:
        path.unlink(missing_ok=True)


class _Server(LMTP):
    """LMTP answers DATA once per recipient; aiosmtpd answers once, as SMTP does."""

    line_length_limit = LONGEST_LINE

    def __init__(self, handler: "_Handler", *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            handler,
            loop=loop,
            data_size_limit=inbox.LARGEST - OUR_LINE,
            enable_SMTPUTF8=True,
            ident="Nightdesk",
            hostname="localhost",
        )
        self._owed = 0  # answers to the data that is being sent

    async def push(self, status: str | bytes) -> None:
        text = status.decode("ascii", "replace") if isinstance(status, bytes) else status
        if text.startswith("354"):
            self._owed = len(self.envelope.rcpt_tos) if self.envelope else 1
        elif self._owed:
            owed, self._owed = self._owed, 0
            if text.startswith("552"):
                text = TOO_LARGE
            if "\r\n" not in text:
                text = "\r\n".join([text] * owed)
        await super().push(text)


class _Handler:
    """What aiosmtpd calls."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        sender = (envelope.mail_from or "").strip("<>").encode("utf-8", "replace")
        raw = b"Return-Path: <" + sender + b">\r\n" + content  # as the last server on the way must
        answers = [await asyncio.to_thread(self._receive, raw, recipient) for recipient in envelope.rcpt_tos]
        return "\r\n".join(answers)

    def _receive(self, raw: bytes, recipient: str) -> str:
        with self._app.app_context():
            try:
                inbox.receive(raw, now=datetime.now(UTC), source="lmtp", sent_to=recipient)
            except inbox.Unavailable as reason:
                return FULL if reason.full else LATER
            except Exception:
                log.exception("a message could not be taken in")
                return LATER
        return KEPT

"""Mail in by LMTP, from the mail server of this machine: each recipient of a message is answered for."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from app.desk import inbox
from app.ending import asked_to_end

log = logging.getLogger(__name__)

TOO_LARGE = "552 5.3.4 The message is larger than 25 MB"
LATER = "451 4.3.0 The message cannot be kept now, send it again"
FULL = "452 4.3.1 There is no room for the message now, send it again"
KEPT = "250 2.0.0 Kept"
MANY = "452 4.5.3 Too many recipients, send it to the others once more"
NO_ADDRESS = "553 5.1.3 This is no address"
BUSY = b"421 4.3.2 Too many connections, come again later\r\n"
MOST_RECIPIENTS = 100  # of one message, as the standard wants at least
MOST_CONNECTIONS = 32  # each may hold a large message in memory
MOST_HEARD = 4 * inbox.LARGEST  # bytes of one message, of which what is too much is not kept
OUR_LINE = 1024  # bytes kept free for the Return-Path that is added
LONGEST_LINE = 1024 * 1024  # bytes; mail programs break the rule of 1,000


def serve(app: Flask, *, host: str, port: int, path: Path | None, ready: Callable[[str], None]) -> None:
    """Listens, on the socket `path` when there is one, until SIGTERM or SIGINT; `ready` is told the address.

    Raises OSError when the address cannot be used.
    """
    asyncio.run(_serve(app, host, port, path, ready))


async def listen(app: Flask, *, host: str, port: int, path: Path | None = None) -> asyncio.Server:
    """Takes mail in from now on. A socket file may be used by the group of its folder. Raises OSError as `serve`."""
    loop = asyncio.get_running_loop()
    handler = _Handler(app)

    def make() -> asyncio.BaseProtocol:
        return _Busy() if len(handler.connected) >= MOST_CONNECTIONS else _Server(handler, loop=loop)

    if path is None:
        return await loop.create_server(make, host, port)
    _remove_left(path)
    mask = os.umask(0o117)  # from its first moment nobody else may use it
    try:
        return await loop.create_unix_server(make, path)
    finally:
        os.umask(mask)


async def _serve(app: Flask, host: str, port: int, path: Path | None, ready: Callable[[str], None]) -> None:
    ended = asked_to_end()
    server = await listen(app, host=host, port=port, path=path)
    ready(str(path or f"{host}:{port}"))
    await ended.wait()
    server.close()
    if path is not None:
        path.unlink(missing_ok=True)


def _remove_left(path: Path) -> None:
    """Removes the socket of a process that was killed. Raises OSError when somebody listens, or when it is no socket."""
    if not path.exists():
        return
    if not path.is_socket():
        raise FileExistsError(errno.EEXIST, "there is something else of this name")
    with socket.socket(socket.AF_UNIX) as probe, suppress(ConnectionRefusedError):
        probe.settimeout(5)
        probe.connect(str(path))
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    path.unlink()


class _Busy(asyncio.Protocol):
    """Sends away whoever comes while so many are here."""

    def connection_made(self, transport: Any) -> None:
        transport.write(BUSY)
        transport.close()


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
        self._handler = handler
        self._owed = 0  # answers to the data that is being sent
        self._heard = 0  # bytes since our last answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handler.connected.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._handler.connected.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        if self._heard > MOST_HEARD and isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()  # aiosmtpd keeps the whole of a line that does not end
        else:
            super().data_received(data)

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
        self._heard = 0
        await super().push(text)


class _Handler:
    """What aiosmtpd calls."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.connected: set[_Server] = set()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return MANY
        if not address.isprintable():  # bytes that are no UTF-8 among them
            return NO_ADDRESS
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        sender = "".join(filter(str.isprintable, envelope.mail_from or "")).strip("<>").encode()
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

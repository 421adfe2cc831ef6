"""A mail server that delivers nothing and keeps everything."""

import email
import email.policy
import threading
from dataclasses import dataclass
from email.message import EmailMessage
from types import TracebackType
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True)
class Delivered:
    """One message as it came over the wire."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)


class Sink:
    """`answer` may be set to refuse what follows: "451 4.3.0 Try again later" or "550 5.1.1 Unknown". `tires` may be set
    to how many messages it takes over one connection, and whether it says so (421) or hangs up."""

    def __init__(self, port: int) -> None:
        self.url = f"smtp://127.0.0.1:{port}"
        self.answer: str | None = None
        self.tires: tuple[int, bool] | None = None
        self.refused: dict[str, str] = {}  # recipient -> the answer to it
        self.tries = 0
        self.connections = 0
        self.delivered: list[Delivered] = []
        self._changed = threading.Condition()
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    def wait_for(self, count: int, seconds: float = 20) -> list[Delivered]:
        """Returns what was delivered as soon as there are `count`; an AssertionError says what came instead."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.delivered) >= count, timeout=seconds)
            subjects = [delivered.message["Subject"] for delivered in self.delivered]
            assert came, f"{len(subjects)} of {count} messages came: {subjects}"
            return list(self.delivered)

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name, session.taken = hostname, 0
        self.connections += 1
        return responses

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.tires is not None and session.taken >= self.tires[0]:
            return "421 4.7.0 Too many messages in this connection"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        session.taken += 1
        if self.tires is not None and not self.tires[1] and session.taken >= self.tires[0]:
            server.loop.call_later(0, server.transport.close)  # after the answer
        with self._changed:
            self.tries += 1
            if self.answer is None:
                self.delivered.append(
                    Delivered(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.original_content)
                )
            self._changed.notify_all()
        return self.answer or "250 Kept"

    def __enter__(self) -> "Sink":
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._controller.stop()

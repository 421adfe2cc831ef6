"""A mail server that keeps nothing but who was sent what: lean, so that it is the sender that is measured.

A process of its own, which is asked by its standard input.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.config import ROOT

ANSWERS = {
    "EHLO": b"250-sink\r\n250-SIZE 30000000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    "DATA": b"354 Go on\r\n",
    "QUIT": b"221 Bye\r\n",
}


class Sink:
    """A running sink."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def count(self) -> int:
        """How many recipients have got something."""
        return int(self._ask("count"))

    def came(self) -> dict[str, list[str]]:
        """recipient -> the Message-IDs of what was delivered to them, in their order."""
        came: dict[str, list[str]] = json.loads(self._ask("came"))
        return came

    def _ask(self, what: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def sink() -> Iterator[Sink]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sink"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Sink(process)
    finally:
        process.kill()
        process.wait()


class _Conversation(asyncio.Protocol):
    """SMTP as far as a relay needs it. A message counts once its last dot has come, before that is answered."""

    def __init__(self, came: dict[str, list[str]]) -> None:
        self._came = came
        self._read = b""
        self._recipients: list[str] = []
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._read += data
        while True:
            message, end, rest = self._read.partition(b"\r\n.\r\n" if self._in_data else b"\r\n")
            if not end:
                return
            self._read = rest
            if self._in_data:
                self._keep(message)
            else:
                self._answer(message.decode())

    def _answer(self, line: str) -> None:
        word = line[:4].upper()
        if word == "RCPT":
            self._recipients.append(line.partition("<")[2].partition(">")[0])
        elif word in ("MAIL", "RSET", "EHLO"):
            self._recipients = []
        self._in_data = word == "DATA"
        self._transport.write(ANSWERS.get(word, b"250 OK\r\n"))
        if word == "QUIT":
            self._transport.close()

    def _keep(self, message: bytes) -> None:
        found = [line[11:].strip() for line in message.split(b"\r\n") if line[:11].lower() == b"message-id:"]
        for recipient in self._recipients:
            self._came.setdefault(recipient, []).append(found[0].decode())
        self._in_data, self._recipients = False, []
        self._transport.write(b"250 Kept\r\n")


async def _serve() -> None:
    came: dict[str, list[str]] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Conversation(came), "127.0.0.1", 0, backlog=200)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(len(came) if line.strip() == "count" else json.dumps(came), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())

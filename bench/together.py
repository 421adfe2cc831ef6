"""Many clients at once from one process: kept connections, raw sockets and one loop, so that asking costs little.

What a client does is a generator: it yields a request as bytes and is sent the Answer; it ends when it has asked enough.
"""

import selectors
import socket
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bench.server import Client

LARGEST = 1024 * 1024  # bytes of one answer
SILENT_FOR = 60  # seconds without any answer end a run with an error


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


Script = Generator[bytes, Answer, None]


@dataclass
class Run:
    """What all clients together have been answered; `taken` are milliseconds, `lasted` is in seconds."""

    taken: list[float] = field(default_factory=list)
    failures: int = 0
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.taken) / self.lasted

    def slowest(self, share: float) -> float:
        """The milliseconds within which that share was answered."""
        return sorted(self.taken)[min(len(self.taken) - 1, int(len(self.taken) * share))]


def together(port: int, scripts: Sequence[Script], good: Sequence[int] = (200,)) -> Run:
    """Runs all scripts at once, each on a connection of its own. A status that is not `good` counts as a failure."""
    run = Run()
    begun = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for script in scripts:
            asking = _Asking(port, script)
            selector.register(asking.socket, selectors.EVENT_READ, asking)
            asking.ask(next(script))
        while selector.get_map():
            ready = selector.select(SILENT_FOR)
            if not ready:
                raise RuntimeError(f"no answer within {SILENT_FOR} seconds")
            for key, _ in ready:
                answer, took = key.data.read()
                if answer is None:
                    continue
                run.taken.append(took * 1000)
                run.failures += answer.status not in good
                try:
                    key.data.ask(key.data.script.send(answer))
                except StopIteration:
                    selector.unregister(key.fileobj)
                    key.data.socket.close()
    run.lasted = time.perf_counter() - begun
    return run


def getting(client: Client, path: str, until: float, check: Callable[[bytes], bool] | None = None) -> Script:
    """Asks for one path again and again until that instant of time.monotonic(); RuntimeError for a body that fails `check`."""
    request = client.head("GET", path) + b"\r\n"
    while time.monotonic() < until:
        answer = yield request
        if check is not None and not check(answer.body):
            raise RuntimeError(
                f"{path} answered {answer.status} with {len(answer.body)} bytes that are not the page"
            )


def posting(client: Client, path: str, **form: object) -> bytes:
    """The request that sends a form and wants JSON back."""
    body = urlencode(form).encode()
    return (
        client.head("POST", path)
        + b"Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


class _Asking:
    """One connection with the request it waits for."""

    def __init__(self, port: int, script: Script) -> None:
        self.script = script
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = memoryview(bytearray(LARGEST))
        self._got = 0
        self._whole = 0  # how long the answer is, 0 until its head is there
        self._body_at = 0
        self._asked_at = 0.0

    def ask(self, request: bytes) -> None:
        self._got = self._whole = 0
        self._asked_at = time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> tuple[Answer | None, float]:
        """The answer with its seconds when it is complete, else None."""
        received = self.socket.recv_into(self._buffer[self._got :])
        if received == 0:
            raise RuntimeError("the server closed a connection")
        self._got += received
        if not self._whole:
            self._read_head()
        if not self._whole or self._got < self._whole:
            return None, 0.0
        took = time.perf_counter() - self._asked_at
        status = int(bytes(self._buffer[9:12]))
        return Answer(status, bytes(self._buffer[self._body_at : self._whole])), took

    def _read_head(self) -> None:
        head = bytes(self._buffer[: min(self._got, 8192)])
        end = head.find(b"\r\n\r\n")
        if end < 0:
            return
        length = next(
            line.partition(b":")[2]
            for line in head[:end].split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        self._body_at = end + 4
        self._whole = self._body_at + int(length)

"""A real server on a free loopback port for the length of a measurement, and one client that keeps its connection."""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from app.config import ROOT
from bench.fill import EMAIL, PASSWORD

Ask = Callable[[int], tuple[int, bytes, float]]  # a turn's number -> status, body, seconds


class Client:
    """One browser's worth of HTTP: a kept connection, cookies, and seconds per request."""

    def __init__(self, port: int, pid: int = 0) -> None:
        self.port = port
        self.pid = pid  # of the server's first process, whose children answer
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._cookie = ""
        self.origin = f"http://127.0.0.1:{port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, float]:
        """(status, body, seconds from the first byte sent to the last received)."""
        sent = {"Cookie": self._cookie, "Origin": self.origin, "Sec-Fetch-Site": "same-origin", **headers}
        begun = time.perf_counter()
        try:
            self._connection.request(method, path, body, sent)
            response = self._connection.getresponse()
        except http.client.RemoteDisconnected:  # a connection that was idle for long is ended by the server
            self._connection.close()
            self._connection.request(method, path, body, sent)
            response = self._connection.getresponse()
        data = response.read()
        took = time.perf_counter() - begun
        if cookie := response.headers.get("Set-Cookie"):
            self._cookie = cookie.partition(";")[0]
        return response.status, data, took

    def post(self, path: str, **form: object) -> tuple[int, bytes, float]:
        return self.ask(
            "POST",
            path,
            urlencode(form).encode(),
            **{"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        )

    def head(self, method: str, path: str) -> bytes:
        """The first lines of a request as this client would send it, without the empty line that ends them."""
        lines = (
            f"{method} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Cookie: {self._cookie}",
            f"Origin: {self.origin}",
            "Sec-Fetch-Site: same-origin",
            "",
        )
        return "\r\n".join(lines).encode()

    @property
    def cookie(self) -> str:
        """name=value"""
        return self._cookie

    def close(self) -> None:
        self._connection.close()

    def sign_in(self) -> None:
        status, _, _ = self.post("/sign-in", email=EMAIL, password=PASSWORD)
        if status != 303:
            raise RuntimeError(f"signing in answered {status}")


@contextmanager
def serving(environment: dict[str, str], workers: int = 1) -> Iterator[Client]:
    """The product's own gunicorn settings with the yardsticks beside it; a signed-in client."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "bench.wsgi:app"],
        cwd=ROOT,
        env={**os.environ, **environment, "PORT": str(port), "WORKERS": str(workers), "CLOCK": "off"},
        stderr=subprocess.DEVNULL,
    )
    try:
        client = _reached(port, process)
        client.sign_in()
        yield client
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _reached(port: int, process: subprocess.Popen[bytes]) -> Client:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client = Client(port, process.pid)
            client.ask("GET", "/sign-in")
        except OSError:
            time.sleep(0.05)
        else:
            return client
    raise RuntimeError("the server did not start")


def in_turn(times: int, one: Ask, other: Ask) -> tuple[float, float]:
    """p50 in milliseconds of two requests made in turn, so that both meet the same machine; the first tenth is warm-up."""
    taken: tuple[list[float], list[float]] = ([], [])
    for n in range(times + times // 10):
        for call, kept in zip((one, other), taken, strict=True):
            status, _, seconds = call(n)
            if status >= 400:
                raise RuntimeError(f"a request answered {status}")
            if n >= times // 10:
                kept.append(seconds * 1000)
    return statistics.median(taken[0]), statistics.median(taken[1])

"""What the world outside sees of running processes: a browser's answers, a mail server's, and the log."""

import http.client
import smtplib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.browsing import sign_in
from tests.server import Server
from tests.waiting import until


@dataclass
class Visitor:
    """A browser in which somebody is signed in, on a real server."""

    server: Server
    cookie: str

    def ask(
        self, path: str, fields: dict[str, object] | None = None, language: str = "en"
    ) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=60)
        headers = {
            "Cookie": self.cookie,
            "Sec-Fetch-Site": "same-origin",
            "Accept-Language": language,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        method, body = ("GET", None) if fields is None else ("POST", urlencode(fields))
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        return answer.status, said, answer.headers


def visitor(app: Any, server: Server, person: Any, now: datetime) -> Visitor:
    browser = app.test_client()
    sign_in(browser, person, now)
    kept = browser.get_cookie(app.config["SESSION_COOKIE_NAME"], domain="127.0.0.1")
    return Visitor(server, f"{kept.key}={kept.value}")


class Words:
    """What the processes write."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.so_far = ""

    def hears(self, text: str) -> None:
        until(lambda: text in self._read())

    def _read(self) -> str:
        self.so_far += self._capfd.readouterr().err
        return self.so_far


def deliver(port: int, raw: bytes) -> int:
    """The answer to one message; 0 while nobody listens."""
    try:
        with smtplib.LMTP("127.0.0.1", port, timeout=60) as server:
            server.ehlo_or_helo_if_needed()
            server.mail("kim@example.org")
            server.rcpt("support@example.com")
            return server.data(raw)[0]
    except ConnectionRefusedError:
        return 0


def open_stream(visitor: Visitor, path: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(visitor.server.url).netloc, timeout=30)
    connection.request("GET", path, headers={"Cookie": visitor.cookie, "Sec-Fetch-Site": "same-origin"})
    answer = connection.getresponse()
    assert answer.status == 200
    answer.readline()
    return connection, answer

"""The server as an operator meets it: it starts, says what is wrong, and ends when asked, streams or not."""

import http.client
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.around import process_environment
from tests.browsing import sign_in
from tests.server import ROOT, Server

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_open_streams(
    serve: Callable[..., Server], app: Any, desk: Any, by: signal.Signals, cookie: Callable[[Any], str]
) -> None:
    server = serve()
    address = f"/boards/{desk.board.id}/stream"
    with (
        stream(server, address, cookie(desk.bob)) as first,
        stream(server, address, cookie(desk.alice)) as second,
    ):
        assert first.status == second.status == 200
        server.stop(by)
    assert server.process.returncode == 0


def test_it_starts_again_where_it_was_killed(
    serve: Callable[..., Server], cookie: Callable[[Any], str], desk: Any
) -> None:
    server = serve()
    signed_in = cookie(desk.bob)
    server.kill()
    server.restart()
    with stream(server, f"/boards/{desk.board.id}/stream", signed_in) as answer:
        assert answer.status == 200


def test_a_port_in_use_is_named(serve: Callable[..., Server], environment: dict[str, str]) -> None:
    serve()
    second = start(environment)
    assert second.returncode == 1
    assert second.stderr.startswith(
        f"Nightdesk cannot start. PORT: 127.0.0.1:{environment['PORT']} cannot be used"
    )
    assert len(second.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("THREADS", "4"),
        ("WORKERS", "0"),
        ("BASE_URL", "desk.example.com"),
        ("SMTP_URL", "mail.example.com:25"),
        ("DATABASE_URL", "mysql://localhost/desk"),
        ("CLOCK", "maybe"),
        ("TRUSTED_PROXIES", "-1"),
        ("SECRET_KEY", "short"),
        ("LOG_FORMAT", "xml"),
        ("METRICS_ALLOW", "10.0.0.0/99"),
        ("WEBHOOK_ALLOW", "somewhere"),
        ("NIGHTDESK_DATA", "/proc/desk"),
    ],
)
@pytest.mark.parametrize("command", [GUNICORN, [sys.executable, "-m", "flask", "--app", "wsgi", "migrate"]])
def test_a_wrong_setting_names_itself(tmp_path: Any, command: list[str], name: str, value: str) -> None:
    done = start({"NIGHTDESK_DATA": str(tmp_path), name: value}, command)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Nightdesk cannot start. {name}: ")
    assert len(done.stderr.splitlines()) == 1


def start(settings: dict[str, str], command: list[str] = GUNICORN) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=process_environment(settings, {}), capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def cookie(app: Any, now: Any) -> Callable[[Any], str]:
    """The cookie of a browser in which this person is signed in."""

    def make(person: Any) -> str:
        browser = app.test_client()
        sign_in(browser, person, now)
        kept = browser.get_cookie(app.config["SESSION_COOKIE_NAME"], domain="127.0.0.1")
        return f"{kept.key}={kept.value}"

    return make


@contextmanager
def stream(server: Server, path: str, cookie: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    connection.request("GET", path, headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin"})
    try:
        answer = connection.getresponse()
        answer.readline()  # it has begun
        yield answer
    finally:
        connection.close()

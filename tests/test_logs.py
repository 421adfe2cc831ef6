"""What the desk writes about itself: ids that lead from an answer to its lines, and nothing that is secret."""

import json
import logging
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from app import logs
from tests.server import Server
from tests.small import SmallDesk

GIVEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("proxies", "given", "taken"),
    [
        (0, GIVEN, False),
        (1, GIVEN, True),
        (1, "short", False),
        (1, "x" * 65, False),
        (1, "with blank and \u00e9", False),
        (1, '"},{"forged":"', False),
        (1, "", False),
    ],
)
def test_an_id_is_taken_from_trusted_proxies_only(
    app_with: Callable[..., Any], proxies: int, given: str, taken: bool
) -> None:
    made = app_with(proxies=proxies)
    headers = {"X-Request-Id": given.encode().decode("latin-1")}
    answer = made.test_client().get("/sign-in", headers=headers)
    assert (answer.headers["X-Request-Id"] == given) is taken
    assert len(answer.headers["X-Request-Id"]) == 16


def test_each_answer_has_its_own(browser_as: Callable[..., Any]) -> None:
    browser = browser_as()
    paths = ("/sign-in", "/health", "/none", "/health")
    assert len({browser.get(path).headers["X-Request-Id"] for path in paths}) == 4


def test_an_error_page_says_it(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    answer = browser_as(desk.bob).get("/boards/4711")
    assert f"Request {answer.headers['X-Request-Id']}" in answer.get_data(as_text=True)


def test_a_line_holds_route_and_person(
    desk: SmallDesk, browser_as: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.logs")
    browser_as(desk.bob).get(f"/boards/{desk.board.id}?q=lamp")
    browser_as().get("/invitations/a-secret-token")
    first, second = (json.loads(logs.JsonFormatter().format(record)) for record in caplog.records)
    assert {key: first[key] for key in ("method", "route", "status", "person", "level")} == {
        "method": "GET",
        "route": "/boards/<int:board_id>",
        "status": 200,
        "person": desk.bob.id,
        "level": "info",
    }
    assert first["ms"] >= 0
    assert second["route"] == "/invitations/<token>"
    assert "person" not in second
    assert "a-secret-token" not in json.dumps(second)
    assert "lamp" not in json.dumps(first)


def test_the_server_writes_json(
    serve: Callable[..., Server], desk: SmallDesk, flask: Callable[..., Any]
) -> None:
    mail = b"From: kim@example.org\nTo: support@example.com\nSubject: The lamp\n\nA secret text"
    assert flask("receive", input=mail, LOG_FORMAT="json").stderr == ""
    server = serve(LOG_FORMAT="json", TRUSTED_PROXIES="1")
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    connection.request("GET", "/invitations/a-secret-token", headers={"X-Request-Id": GIVEN})
    assert connection.getresponse().headers["X-Request-Id"] == GIVEN
    connection.close()
    while '"sweep"' not in server.log:
        assert server.process.poll() is None
    server.stop()
    written = [json.loads(line) for line in server.log.splitlines()]
    (asked,) = (line for line in written if line.get("request_id") == GIVEN)
    assert (asked["route"], asked["status"]) == ("/invitations/<token>", 404)
    swept = [line for line in written if line["message"] == "sweep"]
    assert any(line["did"].get("tickets") == 1 for line in swept if line["sweep"] == "tickets")
    assert "a-secret-token" not in server.log
    assert "secret text" not in server.log


def test_an_error_has_its_trace() -> None:
    record = logging.LogRecord("app", logging.ERROR, __file__, 1, "it %s", ("broke",), None)
    try:
        raise ValueError("why")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    line = json.loads(logs.JsonFormatter().format(record))
    assert (line["message"], line["level"]) == ("it broke", "error")
    assert line["trace"].endswith("ValueError: why")
    assert "request_id" not in line

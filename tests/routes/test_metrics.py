"""Figures for Prometheus: who gets them, and whether they count."""

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import clock
from app.desk import inbox
from tests.small import SmallDesk

Open = Callable[..., Any]
MAIL = b"From: kim@example.org\r\nTo: support@example.com\r\nSubject: Hello\r\n\r\nWhere is it?\r\n"


def figures(answer: Any) -> dict[tuple[str, ...], float]:
    """(name, values of its labels...) -> figure."""
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.get_data(as_text=True))
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("address", "headers", "proxies", "status"),
    [
        ("127.0.0.1", {}, 0, 200),
        ("::1", {}, 0, 200),
        ("::ffff:127.0.0.1", {}, 0, 200),
        ("10.9.0.7", {}, 0, 200),
        ("10.8.0.7", {}, 0, 404),
        ("127.0.0.2", {}, 0, 404),
        ("", {}, 0, 404),
        ("127.0.0.1", {"X-Forwarded-For": "10.8.0.7"}, 1, 404),
        ("127.0.0.1", {"X-Forwarded-For": "10.9.0.7"}, 1, 200),
        ("127.0.0.1", {"X-Forwarded-For": "10.9.0.7, 10.8.0.7"}, 1, 404),  # what a client made up
        ("127.0.0.1", {"X-Forwarded-For": "10.9.0.7"}, 0, 404),  # a proxy that nobody told us of
        ("127.0.0.1", {"Forwarded": "for=10.9.0.7"}, 0, 404),
    ],
)
def test_who_gets_them(
    settings: Any, app_with: Open, address: str, headers: dict[str, str], proxies: int, status: int
) -> None:
    allowed = (*settings.metrics_allow, ip_network("10.9.0.0/16"))
    made = app_with(metrics_allow=allowed, proxies=proxies)
    answer = made.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address}, headers=headers)
    assert answer.status_code == status
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_requests_are_counted_by_route(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.bob)
    browser.get(f"/boards/{desk.board.id}")
    browser.get("/boards/99999")
    browser.get("/invitations/a-secret-token")
    browser.get("/no/such/page")
    answer = browser_as().get("/metrics")
    found = figures(answer)
    assert found["nightdesk_requests_total", "GET", "/boards/<int:board_id>", "200"] == 1
    assert found["nightdesk_requests_total", "GET", "/boards/<int:board_id>", "404"] == 1
    assert found["nightdesk_requests_total", "GET", "none", "404"] == 1
    assert found["nightdesk_request_seconds_count", "/boards/<int:board_id>"] == 2
    assert "a-secret-token" not in answer.get_data(as_text=True)


def test_what_waits_is_counted(desk: SmallDesk, browser_as: Open, now: datetime) -> None:
    inbox.receive(MAIL, now=now, source="command")
    inbox.receive(b"", now=now, source="command")
    browser_as(desk.bob)
    clock.beat("tickets", now)
    clock.beat("alerts", now, "ValueError: secret words")
    answer = browser_as().get("/metrics")
    found = figures(answer)
    assert found["nightdesk_tickets_due",] == 1
    assert found["nightdesk_messages", "failed"] == 1
    assert found["nightdesk_messages", "received"] == 0
    assert found["nightdesk_deliveries", "queued"] == 0
    assert found["nightdesk_alerts_open",] == 0
    assert found["nightdesk_people_signed_in",] == 1
    assert found["nightdesk_streams_open",] == 0
    assert found["nightdesk_database_up",] == 1
    assert 0 <= found["nightdesk_sweep_age_seconds", "tickets"] < 3600
    assert found["nightdesk_sweep_failing", "tickets"] == 0
    assert found["nightdesk_sweep_failing", "alerts"] == 1
    assert "secret" not in answer.get_data(as_text=True)


def test_sweeps_of_this_process_are_counted(
    app: Any, desk: SmallDesk, browser_as: Open, now: datetime
) -> None:
    inbox.receive(MAIL, now=now, source="command")
    beating = clock._Beating(app)
    for job in clock.JOBS:
        beating.run(job)
    beating.end()
    found = figures(browser_as().get("/metrics"))
    assert found["nightdesk_sweep_seconds_count", "tickets"] == 1
    assert found["nightdesk_swept_total", "tickets", "tickets"] == 1


def test_without_the_database_the_rest_is_told(app_with: Open) -> None:
    made = app_with(database_url="sqlite:////nowhere/nightdesk.db")
    found = figures(made.test_client().get("/metrics"))
    assert found["nightdesk_database_up",] == 0
    assert ("nightdesk_tickets_due",) not in found

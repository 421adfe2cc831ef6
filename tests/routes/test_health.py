from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app import clock, create_app
from app.clock import JOBS
from tests.small import SmallDesk

Open = Callable[..., Any]


@pytest.fixture
def stranger(browser_as: Open) -> Any:
    return browser_as()


def test_an_empty_desk_is_well(stranger: Any) -> None:
    answer = stranger.get("/health")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_desk_whose_clock_runs_is_well(desk: SmallDesk, stranger: Any, now: datetime, travel: Any) -> None:
    travel.shift(timedelta(hours=5))
    for job in JOBS:
        clock.beat(job.sweep, now + timedelta(hours=5))
    answer = stranger.get("/health")
    assert answer.status_code == 200
    assert answer.json["database"] == {"reachable": True}
    assert set(answer.json["clock"]) == {job.sweep for job in JOBS}
    assert answer.json["clock"]["tickets"] == {
        "at": (now + timedelta(hours=5)).isoformat(),
        "alive": True,
        "failed": False,
    }


def test_the_clock_has_a_minute_to_begin(desk: SmallDesk, stranger: Any, travel: Any) -> None:
    assert stranger.get("/health").status_code == 200
    travel.shift(timedelta(seconds=90))
    answer = stranger.get("/health")
    assert (answer.status_code, answer.json["status"]) == (503, "degraded")
    assert [name for name, sweep in answer.json["clock"].items() if sweep["alive"]] == [
        "tidy"
    ]  # runs once an hour


def test_a_clock_that_stopped_is_seen(desk: SmallDesk, stranger: Any, now: datetime, travel: Any) -> None:
    for job in JOBS:
        clock.beat(job.sweep, now)
    assert stranger.get("/health").status_code == 200
    travel.shift(timedelta(seconds=90))
    answer = stranger.get("/health")
    assert answer.status_code == 503
    assert answer.json["clock"]["tickets"]["alive"] is False


def test_a_sweep_that_fails_is_seen_without_its_words(desk: SmallDesk, stranger: Any, now: datetime) -> None:
    for job in JOBS:
        clock.beat(job.sweep, now)
    clock.beat("tickets", now, "ValueError: kim@example.org has a secret")
    answer = stranger.get("/health")
    assert answer.status_code == 503
    assert answer.json["clock"]["tickets"]["failed"] is True
    assert "secret" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/nightdesk.db", "postgresql+psycopg://nobody@127.0.0.1:1/none"]
)
def test_a_database_that_does_not_answer(url: str, tmp_path: Any) -> None:
    from app.config import load

    settings = load({"NIGHTDESK_DATA": str(tmp_path)})
    app = create_app(replace(settings, database_url=url), TESTING=True)
    answer = app.test_client().get("/health")
    assert answer.status_code == 503
    assert answer.json == {"status": "degraded", "clock": {}, "database": {"reachable": False}}


def test_the_cookie_is_not_read(desk: SmallDesk, browser_as: Open) -> None:
    answer = browser_as(desk.dana).get("/health")
    assert "Cookie" not in answer.headers.get("Vary", "")

"""What tests stand on: a migrated database of their own, the app, a small desk, and real processes around them.

Every test that uses `settings` (or anything built on it) runs on SQLite and on PostgreSQL; tests that need no
database run once. NIGHTDESK_TEST_DATABASE=sqlite or =postgresql restricts a run to one of them.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import create_engine

from tests.postgres import Postgres, running

DATABASES = ("sqlite", "postgresql")
CHOSEN = os.environ.get("NIGHTDESK_TEST_DATABASE")
if CHOSEN and CHOSEN not in DATABASES:
    raise pytest.UsageError(f"NIGHTDESK_TEST_DATABASE: {CHOSEN!r} is neither sqlite nor postgresql")

pytest_plugins = ("tests.around",)
_numbers = itertools.count(1)


@pytest.fixture(params=[CHOSEN] if CHOSEN else DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Which of the two: "sqlite" or "postgresql"."""
    return request.param


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The name of a migrated database to copy."""
    _migrate(postgres.create("template"))
    return "template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file to copy."""
    path = tmp_path_factory.mktemp("template") / "nightdesk.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def empty_database(
    request: pytest.FixtureRequest, database: str, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Makes databases without any table; each call returns the address of a new one."""
    made: list[str] = []

    def make() -> str:
        name = f"empty_{next(_numbers)}"
        if database == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        made.append(name)
        return request.getfixturevalue("postgres").create(name)

    yield make
    for name in made:
        request.getfixturevalue("postgres").drop(name)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database of this test alone."""
    if database == "sqlite":
        data = tmp_path / "data"
        data.mkdir()
        path = shutil.copy(request.getfixturevalue("sqlite_template"), data / "nightdesk.db")
        yield f"sqlite:///{path}"
    else:
        server, name = request.getfixturevalue("postgres"), f"test_{next(_numbers)}"
        yield server.create(name, template=request.getfixturevalue("postgres_template"))
        server.drop(name)


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, free_port: Callable[[], int]
) -> dict[str, str]:
    """The settings as the environment of a process; `settings`, `app`, `serve` and `flask` all go by it."""
    wanted = {
        "NIGHTDESK_DATA": str(tmp_path / "data"),
        "DATABASE_URL": database_url,
        "SECRET_KEY": "the secret of the tests, which is no secret",
        "PORT": str(free_port()),
    }
    if "smtp_sink" in request.fixturenames:
        wanted["SMTP_URL"] = request.getfixturevalue("smtp_sink").url
    return wanted


@pytest.fixture
def settings(environment: dict[str, str]) -> Any:
    from app.config import load

    return load(environment)


@pytest.fixture
def now(request: pytest.FixtureRequest) -> datetime:
    """A Tuesday morning at 09:30 UTC; the true instant where real processes take part."""
    if "serve" in request.fixturenames or "flask" in request.fixturenames:
        return datetime.now(UTC).replace(microsecond=0)
    return datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


@pytest.fixture
def app(settings: Any) -> Iterator[Any]:
    """The app on a fresh database, with a context for the test's own look at the database."""
    from app import create_app, live
    from app.database import db
    from tests.browsing import Browser

    made = create_app(settings, TESTING=True)
    made.test_client_class = Browser
    with made.app_context():
        yield made
        live.close()  # its watcher would look at a database that is gone
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def desk(app: Any, now: datetime) -> Any:
    """A small desk that is set up: see tests/small.py."""
    from tests.small import small_desk

    return small_desk(now)


@pytest.fixture
def travel(now: datetime) -> Iterator[time_machine.Traveller]:
    """The clock stands at `now` and ticks on; `travel.move_to(instant)` and `travel.shift(seconds)` turn it."""
    with time_machine.travel(now, tick=True) as traveller:
        yield traveller


@pytest.fixture
def browser_as(app: Any, travel: time_machine.Traveller) -> Callable[..., Any]:
    """A browser (without script) in which this person is signed in; nobody when called without one."""
    from tests.browsing import sign_in

    def open_browser(person: Any = None) -> Any:
        browser = app.test_client()
        if person is not None:
            sign_in(browser, person, datetime.now(UTC))
        return browser

    return open_browser


def _migrate(url: str) -> None:
    from app.migrations import upgrade

    engine = create_engine(url)
    upgrade(engine)
    engine.dispose()

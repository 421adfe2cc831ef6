"""What tests stand on: a migrated database of their own, the app, a small desk, and real processes around them.

Every test that uses `settings` (or anything built on it) runs on SQLite and on PostgreSQL; tests that need no
database run once. NIGHTDESK_TEST_DATABASE=sqlite or =postgresql restricts a run to one of them.
"""

import gc
import itertools
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import Engine, event
from werkzeug.routing import Rule

from tests.databases import DATABASES
from tests.lent import Lent
from tests.postgres import Postgres, running

TUESDAY = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
REAL_TIME = {
    "serve",
    "flask",
    "start_flask",
}  # fixtures that start processes, which no test can give another time

pytest_plugins = ("tests.around",)
_numbers = itertools.count(1)

Lend = Callable[
    [bool], AbstractContextManager[str]
]  # with the small desk in it or not -> the address, for a while


def pytest_collection_finish() -> None:
    """What is there before the first test stays to the end: to look through it for garbage took a fifth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Which of the two: "sqlite" or "postgresql"."""
    return request.param


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], str]:
    """The name of a migrated database to copy, with the small desk in it when that is asked for."""

    @cache
    def make(small: bool) -> str:
        name = "small" if small else "blank"
        _prepare(postgres.create(name), small, tmp_path_factory.mktemp(name))
        return name

    return make


@pytest.fixture(scope="session")
def lent(postgres: Postgres, postgres_template: Callable[[bool], str]) -> Iterator[Lend]:
    """A copy of the template that other tests had before."""
    made: dict[bool, Lent] = {}

    def database(small: bool) -> AbstractContextManager[str]:
        if small not in made:
            made[small] = Lent(postgres, postgres_template(small))
        return made[small].database()

    yield database
    for each in made.values():
        each.close()


@pytest.fixture(scope="session")
def copied(postgres: Postgres, postgres_template: Callable[[bool], str]) -> Lend:
    """A copy of its own, for tests whose processes die in the middle."""

    @contextmanager
    def database(small: bool) -> Iterator[str]:
        name = f"test_{next(_numbers)}"
        yield postgres.create(name, template=postgres_template(small))
        postgres.drop(name)

    return database


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Path]:
    """A migrated database file to copy, with the small desk in it when that is asked for."""

    @cache
    def make(small: bool) -> Path:
        folder = tmp_path_factory.mktemp("small" if small else "blank")
        _prepare(f"sqlite:///{folder / 'nightdesk.db'}", small, folder)
        return folder / "nightdesk.db"

    return make


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
    """The address of a fresh, migrated database of this test alone.

    It holds the small desk already where the test wants that and time stands at TUESDAY.
    """
    real = REAL_TIME & set(request.fixturenames)
    small = "desk" in request.fixturenames and not real
    if database == "sqlite":
        data = tmp_path / "data"
        data.mkdir()
        path = shutil.copy(request.getfixturevalue("sqlite_template")(small), data / "nightdesk.db")
        yield f"sqlite:///{path}"
    else:
        with request.getfixturevalue("copied" if real else "lent")(small) as url:
            yield url


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
    if REAL_TIME & set(request.fixturenames):
        return datetime.now(UTC).replace(microsecond=0)
    return TUESDAY


@pytest.fixture(scope="session", autouse=True)
def fleeting() -> None:
    """Nothing of a test survives the machine, so nothing of its own process's needs to reach the disk (see tests/postgres.py)."""
    import app.database  # noqa: F401 - it says otherwise, and first

    @event.listens_for(Engine, "connect")
    def hurry(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=off")


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """What a request of one test has made its thread speak is not spoken in the next one."""
    from app import words

    with words.speaking("en"):
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_addresses() -> Iterator[None]:
    """Every app compiles a function for each of its addresses, which takes longer than most tests: each is compiled once."""
    builders: dict[Any, Any] = {}
    compile_builder = Rule._compile_builder

    def compile_once(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, rule.subdomain, repr(rule.defaults), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        yield


@pytest.fixture(scope="session")
def standing() -> Callable[[Any], AbstractContextManager[Any]]:
    from tests.standing import Standing

    apps: dict[Any, Standing] = {}

    def serving(settings: Any) -> AbstractContextManager[Any]:
        kind = Standing.kind(settings)
        if kind not in apps:
            apps[kind] = Standing(settings)
        return apps[kind].serving(settings)

    return serving


@pytest.fixture
def app(settings: Any, standing: Callable[[Any], AbstractContextManager[Any]]) -> Iterator[Any]:
    """The app on a fresh database, with a context for the test's own look at the database."""
    with standing(settings) as serving:
        yield serving


@pytest.fixture
def app_with(settings: Any) -> Iterator[Callable[..., Any]]:
    """More apps on the same database, with some settings changed: `app_with(proxies=1)`."""
    from app import create_app
    from app.database import db

    made: list[Any] = []

    def make(**changes: Any) -> Any:
        made.append(create_app(replace(settings, **changes), TESTING=True))
        return made[-1]

    yield make
    for each in made:
        with each.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def desk(app: Any, now: datetime) -> Any:
    """A small desk that is set up: see tests/small.py."""
    from tests.small import find_small_desk, make_small_desk

    if now != TUESDAY:
        make_small_desk(now)
    return find_small_desk()


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


def _prepare(url: str, small: bool, folder: Path) -> None:
    """Migrates the database at this address and sets the small desk up in it."""
    from app import create_app
    from app.config import load
    from app.database import db
    from app.migrations import upgrade
    from tests.small import make_small_desk

    app = create_app(load({"DATABASE_URL": url, "NIGHTDESK_DATA": str(folder)}))
    with app.app_context():
        upgrade()
        if small:
            make_small_desk(TUESDAY)
        db.session.remove()
        db.engine.dispose()  # the last connection brings SQLite's log into the file

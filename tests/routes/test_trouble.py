"""A database that is away, held by somebody else, or full: what is told, in whose language, and what goes on."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from app import create_app
from app.config import load
from app.database import db, trouble
from app.desk import inbox
from app.desk.sign_ins import SEEN_EVERY
from app.mail.parse import parse
from app.models.board import Board
from app.models.message import Message, RawMessage
from app.models.person import SignIn
from tests.channels.accounts import mail
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.trouble import every_connection, impatient

NOWHERE = ["sqlite:////nowhere/nightdesk.db", "postgresql+psycopg://nobody@127.0.0.1:1/none"]
FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$
"""
Open = Callable[..., Any]


# ---- What is trouble, and what is a fault of our own


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", "full"),  # disk full
        ("53300", "away"),  # too many connections
        ("57P01", "away"),  # the server is being stopped
        ("57P03", "away"),  # it is starting
        ("08006", "away"),  # the connection broke
        ("40P01", "away"),  # a deadlock
        ("55P03", "away"),  # somebody holds a lock
        ("25006", "away"),  # a server that only reads
        ("54000", None),  # more than fits into an index, today and tomorrow
        ("42P01", None),  # no such table
        ("23505", None),  # a key that is there already
    ],
)
def test_what_postgresql_says(postgres: Any, state: str, kind: str | None) -> None:
    engine = create_engine(postgres.url("postgres"))
    with pytest.raises(SQLAlchemyError) as failed, engine.connect() as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"))
    engine.dispose()
    assert trouble(failed.value) == kind


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("INSERT INTO kept VALUES (1)", "away"),  # another connection holds the lock
        ("INSERT INTO other.kept VALUES (zeroblob(100000))", "full"),
        ("INSERT INTO nothing VALUES (1)", None),
    ],
)
def test_what_sqlite_says(tmp_path: Path, statement: str, kind: str | None) -> None:
    path = tmp_path / "held.db"
    other = sqlite3.connect(path, isolation_level=None)
    for said in ("PRAGMA journal_mode=wal", "CREATE TABLE kept (it)", "BEGIN IMMEDIATE"):
        other.execute(said)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        for said in (
            "PRAGMA busy_timeout=0",
            "ATTACH ':memory:' AS other",
            "CREATE TABLE other.kept (it)",
            "PRAGMA other.max_page_count=3",
        ):
            connection.exec_driver_sql(said)
        with pytest.raises(SQLAlchemyError) as failed:
            connection.exec_driver_sql(statement)
    engine.dispose()
    other.close()
    assert trouble(failed.value) == kind


def test_no_connection_is_free(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'one.db'}", pool_size=1, max_overflow=0, pool_timeout=0)
    with engine.connect(), pytest.raises(SQLAlchemyError) as failed:
        engine.connect()
    engine.dispose()
    assert trouble(failed.value) == "away"


# ---- Away


@pytest.mark.parametrize("url", NOWHERE)
@pytest.mark.parametrize("path", ["/sign-in", "/contact", "/boards/1", "/boards/1/delta", "/nothing"])
@pytest.mark.parametrize(("language", "title"), [("en", "Back in a moment"), ("ko", "잠시 후")])
def test_every_page_says_it_in_the_readers_language(
    nowhere: Callable[[str], Any], url: str, path: str, language: str, title: str
) -> None:
    browser = nowhere(url).test_client()
    with browser.session_transaction(base_url="http://127.0.0.1:5000") as session:
        session["_user_id"] = "whoever this is"
    answer = browser.get(path, base_url="http://127.0.0.1:5000", headers={"Accept-Language": language})
    assert answer.status_code == 503
    assert title in answer.get_data(as_text=True)
    assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("5", "no-store")
    assert f'lang="{language}"' in answer.get_data(as_text=True)


@pytest.mark.parametrize("url", NOWHERE)
def test_a_message_is_to_come_again(url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "receive"],
        input=mail("Later"),
        capture_output=True,
        env={"NIGHTDESK_DATA": str(tmp_path), "DATABASE_URL": url, "PATH": ""},
    )
    assert (done.returncode, done.stdout, b"Traceback" in done.stderr) == (75, b"", False)


def test_what_was_archived_before_it_went_is_no_failure(
    desk: SmallDesk, now: datetime, database: str
) -> None:
    """The bytes are safe, so whoever brought them is told so; the sweep does the rest."""
    raw_id = inbox.archive(mail("Kept"), now=now, source="command")
    with full(database):
        assert inbox.handle(raw_id, now=now).action == "failed"
    assert db.session.get_one(RawMessage, raw_id).state == "received"
    db.session.rollback()
    assert inbox.handle(raw_id, now=now).action == "created"


def test_the_same_archived_message_by_two_processes(desk: SmallDesk, now: datetime) -> None:
    """Also one that is kept under an id of its own, because others have taken the ids it could have."""
    raw = mail("One", text="What counts")
    digest = parse(raw, own_id=lambda _: False, channel_addresses=frozenset()).digest
    others = [mail("One", text="First"), mail("One").replace(b"<One@example.org>", b"<%s>" % taken(digest))]
    assert {inbox.receive(other, now=now, source="command").action for other in others} == {"created"}
    raw_id = inbox.archive(raw, now=now, source="command")
    assert [inbox.handle(raw_id, now=now).action for _ in range(2)] == ["appended", "duplicate"]
    assert db.session.scalar(select(func.count()).select_from(Message)) == 3


def taken(digest: str) -> bytes:
    return f"{digest[:40]}{inbox.UNNAMED}".encode()


# ---- Held by somebody else, and full


def test_a_lock_that_is_held_too_long(
    app: Any, desk: SmallDesk, browser_as: Open, now: datetime, database: str
) -> None:
    ticket = ticket_in(desk, "open", "A lamp", now)
    browser = browser_as(desk.bob)
    moved = {"column": desk.columns["waiting"].id, "expected": ticket.column_id}
    with impatient(database), locked(desk):
        answer = browser.post(f"/tickets/{ticket.id}/column", data=moved)
        assert answer.status_code == 503
        assert "Back in a moment" in answer.get_data(as_text=True)
        assert browser.get(f"/boards/{desk.board.id}").status_code == 200
    assert browser.post(f"/tickets/{ticket.id}/column", data=moved).status_code == 303


def test_a_full_database_is_read_and_not_written(
    app: Any, desk: SmallDesk, browser_as: Open, now: datetime, travel: Any, database: str
) -> None:
    ticket = ticket_in(desk, "open", "A lamp", now)
    browser = browser_as(desk.bob)
    travel.shift(SEEN_EVERY + timedelta(seconds=1))  # reading would like to note that bob was here
    before = db.session.get_one(Board, desk.board.id).seq
    writing = [f"/tickets/{ticket.id}/column", f"/tickets/{ticket.id}/notes"]
    with full(database):
        for path in (f"/boards/{desk.board.id}", f"/tickets/{ticket.id}", "/profile"):
            assert browser.get(path).status_code == 200
        for path in writing:
            data = {"column": desk.columns["waiting"].id, "text": "A note"}
            answer = browser.post(path, data=data, headers={"Accept-Language": "ko"})
            assert answer.status_code == 507
            assert "Nothing can be saved now" in answer.get_data(as_text=True)  # bob reads English
        with pytest.raises(inbox.Unavailable) as refused:
            inbox.receive(mail("Later"), now=now, source="command")
        assert refused.value.full
        db.session.rollback()
    assert db.session.get_one(Board, desk.board.id, populate_existing=True).seq == before
    assert browser.post(writing[1], data={"text": "A note"}).status_code == 303
    assert db.session.scalars(select(SignIn.seen_at)).one() > now


# ---- Making trouble


# ---- A fault of our own


def test_a_statement_that_cannot_be_ends_in_a_page(
    desk: SmallDesk, browser_as: Callable[..., Any], app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where PostgreSQL answers nothing more after it."""
    browser = browser_as(desk.alice)
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE search_documents RENAME TO gone"))
    app.testing = False
    answer = browser.get("/search?q=lamp")
    assert answer.status_code == 500
    assert "<title>Something broke" in answer.get_data(as_text=True)
    assert "GET /search" in caplog.text


@pytest.fixture
def nowhere(tmp_path: Path) -> Callable[[str], Any]:
    """An app whose database is not there."""
    settings = load({"NIGHTDESK_DATA": str(tmp_path)})
    return lambda url: create_app(replace(settings, database_url=url), TESTING=True)


@contextmanager
def locked(desk: SmallDesk) -> Iterator[None]:
    """Somebody else holds what everybody who writes to the board must have."""
    if db.engine.dialect.name == "sqlite":
        other = sqlite3.connect(str(db.engine.url.database), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
    else:
        engine = create_engine(db.engine.url)
        with engine.begin() as connection:
            connection.execute(select(Board.seq).where(Board.id == desk.board.id).with_for_update())
            yield
        engine.dispose()


@contextmanager
def full(database: str) -> Iterator[None]:
    """Nothing can be written any more, and everything can be read."""
    if database == "sqlite":
        with every_connection("PRAGMA query_only=on"):
            yield
        return
    db.session.remove()
    with db.engine.begin() as connection:
        connection.exec_driver_sql(FULL)
        for table in db.metadata.tables:
            connection.exec_driver_sql(
                f'CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON "{table}" EXECUTE FUNCTION no_room()'
            )
    yield
    db.session.remove()
    with db.engine.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION no_room CASCADE")

"""A backup holds the desk as it stood at one moment, and becomes the same desk again, on either database."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, func, insert, select, text

from app import backup, migrations
from app.backup import Impossible, Manifest
from app.database import Base, bookkeeping, db, writing
from app.desk import followers, inbox, links, merges, removals, snoozes, tickets
from app.desk.links import Both
from app.export import lines
from app.models.alert import Alert
from app.models.event import By, Event
from app.models.message import Blob
from app.models.person import Person
from app.models.ticket import Ticket
from app.restore import restore
from tests.around import process_environment
from tests.server import ROOT
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_migrations import NOW, fill, reflected

MAIL = b"From: Kim <kim@example.org>\r\nTo: support@example.com\r\nSubject: %d \xec\xa1\xb0\xeb\xaa\x85\r\n\r\nHello \xf0\x9f\x92\xa1\r\n"


@pytest.fixture
def make_engine(empty_database: Callable[[], str]) -> Iterator[Callable[..., Engine]]:
    """Engines on databases without any table; `url` names one that there is."""
    made: list[Engine] = []

    def make(url: str | None = None) -> Engine:
        made.append(create_engine(url or empty_database()))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def filled(desk: SmallDesk, now: datetime) -> SmallDesk:
    """The small desk with some mail, a note of each kind of value, and an odd text."""
    for number in range(3):
        inbox.receive(MAIL % number, now=now, source="command")
    bookkeeping(insert(Blob).values(sha256="0" * 64, size=3, data=b"\x00\xff\n"))
    with writing(desk.board) as board:
        ticket = db.session.scalars(select(Ticket).order_by(Ticket.id)).first()
        assert ticket is not None
        tickets.add_tag(board, ticket, "öde-lampe", by=By("person", desk.bob.id), now=now)
    return desk


def test_a_desk_comes_back_as_it_was(
    filled: SmallDesk, tmp_path: Path, now: datetime, make_engine: Callable[..., Engine]
) -> None:
    file, again = tmp_path / "desk.backup", tmp_path / "again.backup"
    written = backup.write(file, now)
    there = make_engine()
    assert restore(file, there) == written
    assert backup.write(again, now, there).tables == written.tables
    assert {copied.name: copied.rows for copied in written.tables}["tickets"] == 3
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob(".*")] == []
    with there.connect() as connection:
        assert migrations.revision_of(connection) == migrations.head()


def test_a_desk_moves_to_the_other_database(
    request: pytest.FixtureRequest,
    filled: SmallDesk,
    tmp_path: Path,
    now: datetime,
    make_engine: Callable[..., Engine],
) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    if db.engine.dialect.name == "sqlite":
        server = request.getfixturevalue("postgres")
        other = server.create("moved")
        request.addfinalizer(lambda: server.drop("moved"))
    there = make_engine(other)
    request.addfinalizer(there.dispose)
    written = backup.write(tmp_path / "desk.backup", now)
    restore(tmp_path / "desk.backup", there)
    assert backup.write(tmp_path / "again.backup", now, there).tables == written.tables
    highest = db.session.scalar(select(func.max(Person.id))) or 0
    with there.connect().execution_options(writing=True) as connection, connection.begin():
        new = connection.execute(
            insert(Person)
            .values(name="New", email="new@example.com", role="agent", languages=[], created_at=now)
            .returning(Person.id)
        ).scalar_one()
    assert new == highest + 1


def test_every_table_and_kind_of_value(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    """Two rows in each table there is, also in those that this version's small desk leaves empty."""
    here, there = make_engine(), make_engine()
    migrations.upgrade(here)
    with here.connect().execution_options(writing=True) as connection, connection.begin():
        fill(connection, reflected(connection))
    written = backup.write(tmp_path / "full.backup", NOW, here)
    assert {copied.name for copied in written.tables} == set(Base.metadata.tables) - backup.LEFT_OUT
    assert {copied.rows for copied in written.tables} == {2}
    restore(tmp_path / "full.backup", there)
    assert backup.write(tmp_path / "again.backup", NOW, there).tables == written.tables


def test_a_backup_is_one_moment(filled: SmallDesk, app: Any, tmp_path: Path, now: datetime) -> None:
    """A writer works on while backups are made; each holds whole changes only, and none hinders the writer."""
    ended, begun = threading.Event(), threading.Event()
    faults: list[BaseException] = []

    def work() -> None:
        number = 100
        with app.app_context():
            try:
                while not ended.is_set():
                    inbox.receive(MAIL % number, now=now, source="command")
                    number += 1
                    begun.set()
            except BaseException as fault:
                faults.append(fault)
                begun.set()

    writer = threading.Thread(target=work)
    writer.start()
    begun.wait()
    try:
        made = [backup.write(tmp_path / f"{number}.backup", now) for number in range(4)]
    finally:
        ended.set()
        writer.join()
    assert not faults
    for number, manifest in enumerate(made):
        rows = {copied.name: copied.rows for copied in manifest.tables}
        assert rows["tickets"] == rows["messages"]
        assert rows["raw_messages"] - rows["tickets"] in (0, 1)  # archived first, in a change of its own
        boards = lines_of(tmp_path / f"{number}.backup", manifest, "boards")
        events = lines_of(tmp_path / f"{number}.backup", manifest, "events")
        on_board = [event["seq"] for event in events if event["stream"] == boards[0]["id"]]
        assert sorted(on_board) == list(range(1, boards[0]["seq"] + 1))
        restore(tmp_path / f"{number}.backup", fresh := create_engine(f"sqlite:///{tmp_path}/{number}.db"))
        fresh.dispose()


def test_a_desk_that_is_not_empty_is_left_alone(
    filled: SmallDesk, tmp_path: Path, now: datetime, flask: Callable[..., Any]
) -> None:
    before = backup.write(tmp_path / "desk.backup", now)
    done = flask("restore", str(tmp_path / "desk.backup"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "this desk is not empty" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert backup.write(tmp_path / "after.backup", now).tables == before.tables


def test_the_commands_say_what_they_did(
    filled: SmallDesk, tmp_path: Path, flask: Callable[..., Any], empty_database: Callable[[], str]
) -> None:
    file = tmp_path / "desk.backup"
    written = flask("backup", str(file))
    assert (written.returncode, written.stderr) == (0, "")
    url = empty_database()
    restored = flask("restore", str(file), DATABASE_URL=url)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert restored.stdout.splitlines()[:-1] == written.stdout.splitlines()[:-1]
    assert any(line.split()[:2] == ["tickets", "3"] for line in restored.stdout.splitlines())
    again = flask("restore", str(file), DATABASE_URL=url)
    assert again.returncode == 1


def test_a_restored_desk_works_on(
    filled: SmallDesk, tmp_path: Path, flask: Callable[..., Any], empty_database: Callable[[], str]
) -> None:
    flask("backup", str(tmp_path / "desk.backup"))
    url = empty_database()
    flask("migrate", DATABASE_URL=url)  # an empty desk with tables is empty, too
    assert flask("restore", str(tmp_path / "desk.backup"), DATABASE_URL=url).returncode == 0
    known = json.loads(flask("receive", input=MAIL % 1, DATABASE_URL=url).stdout)
    new = json.loads(flask("receive", input=MAIL % 77, DATABASE_URL=url).stdout)
    assert (known["action"], new["action"]) == ("duplicate", "created")
    assert new["ticket"] == (db.session.scalar(select(func.max(Ticket.id))) or 0) + 1
    assert flask("clock", "--once", DATABASE_URL=url).returncode == 0


@pytest.mark.parametrize(
    "damage",
    ["cut", "turned", "a letter", "a row less", "no table", "no backup", "empty", "newer", "other"],
)
def test_a_damaged_file_changes_nothing(
    damage: str, filled: SmallDesk, tmp_path: Path, now: datetime, make_engine: Callable[..., Engine]
) -> None:
    file, there = tmp_path / "desk.backup", make_engine()
    manifest = backup.write(file, now)
    whole = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(whole[: len(whole) // 2])
        case "turned":
            middle = whole.index(b"tables/messages.jsonl") + 60
            file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
        case "a letter":
            rewrite(file, "tables/tickets.jsonl", lambda text: text.replace("조명", "조용"))
        case "a row less":
            rewrite(file, "tables/events.jsonl", lambda text: text.split("\n", 1)[1])
        case "no table":
            tables = [asdict(copied) for copied in manifest.tables if copied.name != "events"]
            rewrite(file, backup.MANIFEST, lambda text: json.dumps({**json.loads(text), "tables": tables}))
        case "no backup":
            file.write_bytes(b"From: kim@example.org\n\nHello")
        case "empty":
            file.write_bytes(b"")
        case "newer":
            rewrite(file, backup.MANIFEST, lambda text: text.replace(f'"{manifest.revision}"', '"9999"'))
        case "other":
            rewrite(file, backup.MANIFEST, lambda text: text.replace(backup.FORMAT, "nightdesk backup 2"))
    with pytest.raises(Impossible):
        restore(file, there)
    assert migrations.current(there) is None


def test_a_full_disk_leaves_no_half_file(
    filled: SmallDesk, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The process may write no file beyond 256 KB, which is refused as a full disk is."""
    noise = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(20_000))
    bookkeeping(insert(Blob).values(sha256="1" * 64, size=len(noise), data=noise))
    kept = tmp_path / "kept" / "desk.backup"
    kept.parent.mkdir()
    kept.write_bytes(b"the backup of yesterday")
    command = [sys.executable, "-m", "flask", "--app", "wsgi"]
    done = subprocess.run(
        [*["sh", "-c"], 'ulimit -f 512; exec "$@"', "sh", *command, "backup", str(kept)],
        cwd=ROOT,
        env=process_environment(environment, {"PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == f"There is no backup. {kept}: File too large\n"
    assert os.listdir(kept.parent) == ["desk.backup"]
    assert kept.read_bytes() == b"the backup of yesterday"


def test_a_folder_that_is_not_there(filled: SmallDesk, tmp_path: Path, flask: Callable[..., Any]) -> None:
    for command in ("backup", "restore", "export"):
        done = flask(command, str(tmp_path / "nowhere" / "desk.backup"))
        assert done.returncode == 1
        assert "No such file or directory" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_database_that_does_not_answer(flask: Callable[..., Any], tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    done = flask("backup", str(tmp_path / "desk.backup"), DATABASE_URL=url)
    assert done.returncode == 1
    assert "the database does not answer" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "desk.backup").exists()


def test_an_empty_database_has_no_backup(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    with pytest.raises(Impossible, match="empty"):
        backup.write(tmp_path / "none.backup", NOW, make_engine())
    assert list(tmp_path.glob("*.backup")) == []


def test_a_backup_of_an_older_schema_is_upgraded(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    """From the first revision, into a database that stands at the newest one, and into one without tables."""
    here = make_engine()
    migrations.upgrade(here, "0001")
    with here.connect().execution_options(writing=True) as connection, connection.begin():
        fill(connection, reflected(connection))
    written = backup.write(tmp_path / "old.backup", NOW, here)
    assert written.revision == "0001"
    for migrated in (True, False):
        there = make_engine()
        if migrated:
            migrations.upgrade(there)
        restore(tmp_path / "old.backup", there)
        assert migrations.current(there) == migrations.head()
        with there.connect() as connection:
            for table in ("tickets", "messages", "events", "blobs"):
                assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 2


def test_no_session_is_in_it(filled: SmallDesk, browser_as: Any, tmp_path: Path, now: datetime) -> None:
    browser_as(filled.bob).get("/")
    manifest = backup.write(tmp_path / "desk.backup", now)
    assert {copied.name for copied in manifest.tables} & {"sign_ins", "throttles", "leases"} == set()


def test_the_export(filled: SmallDesk, tmp_path: Path, flask: Callable[..., Any]) -> None:
    printed = flask("export")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert flask("export", str(tmp_path / "desk.jsonl")).returncode == 0
    assert (tmp_path / "desk.jsonl").read_text() == printed.stdout
    told = [json.loads(line) for line in printed.stdout.splitlines()]
    kinds = [each["type"] for each in told]
    assert kinds == ["person"] * 5 + ["customer"] + ["ticket"] * 3
    assert "argon2" not in printed.stdout
    customer = told[5]
    assert customer["addresses"] == [{"address": "kim@example.org", "bounced_at": None}]
    ticket = told[6]
    assert (ticket["subject"], ticket["board"], ticket["state"]) == ("0 조명", "Support", "new")
    assert (ticket["priority"], ticket["tags"]) == ("normal", ["öde-lampe"])
    assert ticket["customer_id"] == customer["id"]
    (message,) = ticket["messages"]
    assert (message["kind"], message["text"]) == ("customer", "Hello 💡")
    assert {event["kind"] for event in ticket["events"]} >= {"ticket.opened", "ticket.tagged"}
    count = db.session.scalar(select(func.count()).select_from(Event).where(Event.subject_kind == "ticket"))
    assert sum(len(each["events"]) for each in told if each["type"] == "ticket") == count
    assert db.session.scalar(select(func.count()).select_from(Alert)) == 0


def test_the_export_says_what_belongs_together(desk: SmallDesk, now: datetime) -> None:
    """Who follows a ticket, its links told by both ends, what it was merged into, until when it is put off; nothing of
    what is deleted."""
    one, other, gone, merged = (ticket_in(desk, "open", name, now) for name in ("A", "B", "C", "D"))
    until = now + timedelta(days=1)
    with writing(desk.board) as board:
        rows = [db.session.get_one(Ticket, ticket.id) for ticket in (one, other, gone, merged)]
        alice = desk.alice.by
        for linked in rows[1:3]:
            links.link(Both(board, rows[0], board, linked), by=alice, now=now)
        for person in (desk.bob, desk.alice):
            followers.follow(board, rows[0], person.id, by=alice, now=now)
        snoozes.snooze(board, rows[0], until, by=alice, now=now)
        merges.merge(Both(board, rows[3], board, rows[1]), by=alice, now=now)
        removals.delete(board, rows[2], by=alice, now=now)
    told = {line["id"]: line for line in map(json.loads, lines()) if line["type"] == "ticket"}
    names = ("followers", "links", "merged_into", "snoozed_until")
    assert {number: tuple(line[name] for name in names) for number, line in told.items()} == {
        one.id: ([desk.alice.id, desk.bob.id], [other.id], None, until.isoformat()),
        other.id: ([], [one.id], None, None),
        merged.id: ([], [], other.id, None),
    }


def rewrite(file: Path, name: str, change: Callable[[str], str]) -> None:
    """The same archive, whole by its own checksums, with one entry changed."""
    with zipfile.ZipFile(file) as archive:
        entries = {each: archive.read(each).decode() for each in archive.namelist()}
    changed = change(entries[name])
    assert changed != entries[name]
    with zipfile.ZipFile(file, "w") as archive:
        for each, content in {**entries, name: changed}.items():
            archive.writestr(each, content)


def lines_of(file: Path, manifest: Manifest, table: str) -> list[dict[str, Any]]:
    columns = next(copied.columns for copied in manifest.tables if copied.name == table)
    with zipfile.ZipFile(file) as archive:
        lines = archive.read(f"tables/{table}.jsonl").decode().splitlines()
    return [dict(zip(columns, json.loads(line), strict=True)) for line in lines]

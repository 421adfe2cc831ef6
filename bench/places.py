"""Where the desks of a run live: files in one folder, or databases of a PostgreSQL server that is started for it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from sqlalchemy import func, select, text

from app import create_app, migrations
from app.config import load
from app.database import db
from app.models.board import all_boards
from app.models.ticket import Ticket
from bench import fill
from tests.postgres import Postgres, running

RULES = 50
SECRET = "the secret of the bench, which is none"


class Place:
    """Makes desks of any size. A size is filled once and copied from then on, so that no figure meets another's traces."""

    def __init__(self, database: str, folder: Path, server: Postgres | None) -> None:
        self.database = database
        self._folder, self._server = folder, server
        self._filled: list[tuple[int, timedelta]] = []
        self._numbers = count(1)

    def desk(self, tickets: int, came_over: timedelta = fill.YEAR) -> dict[str, str]:
        """The environment of a fresh desk: six columns, RULES rules, so many tickets, and one agent (fill.EMAIL)."""
        if (tickets, came_over) not in self._filled:
            self._fill(tickets, came_over)
        return self._copy(_name(tickets, came_over), f"desk_{next(self._numbers)}")

    def _fill(self, tickets: int, came_over: timedelta) -> None:
        print(f"{tickets:>9,} tickets ...", flush=True)
        alike = (size for size, over in self._filled if size < tickets and over == came_over)
        smaller = max(alike, default=None)
        environment = self._copy(_name(smaller, came_over) if smaller else None, _name(tickets, came_over))
        app = create_app(load(environment))
        now = datetime.now(UTC)
        with app.app_context():
            migrations.upgrade(db.engine)
            if smaller is None:
                fill.desk(now)
                fill.rules(RULES, now)
            had = db.session.scalar(select(func.count()).select_from(Ticket)) or 0
            fill.tickets(all_boards()[0], had + 1, tickets, now, came_over)
            db.session.rollback()
            fill.count_on()
            if self._server is not None:  # as its autovacuum does; SQLite plans without statistics
                with db.engine.connect() as connection:
                    connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
            close()
        self._filled.append((tickets, came_over))

    def _copy(self, template: str | None, name: str) -> dict[str, str]:
        data = self._folder / name
        data.mkdir()
        if self._server is not None:
            url = self._server.create(name, template=template or "template0")
        else:
            if template:
                shutil.copy(self._folder / template / "nightdesk.db", data)
            url = f"sqlite:///{data / 'nightdesk.db'}"
        return {"NIGHTDESK_DATA": str(data), "DATABASE_URL": url, "SECRET_KEY": SECRET, "CLOCK": "off"}


def _name(tickets: int, came_over: timedelta) -> str:
    return f"filled_{tickets}_{came_over.days}"


@contextmanager
def place(database: str, folder: Path) -> Iterator[Place]:
    """A place on "sqlite" or "postgresql"; what is written there reaches the disk, as it does in production."""
    if database == "sqlite":
        yield Place(database, folder, None)
    else:
        with running(durable=True) as server:
            yield Place(database, folder, server)


def close() -> None:
    """Leaves the database of the pushed app context; on SQLite everything is in the one file then."""
    db.session.remove()
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                "PRAGMA wal_checkpoint(TRUNCATE)"
            )
    db.engine.dispose()

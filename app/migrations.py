"""Brings a database to the shape that the models describe, and makes the revisions that do it.

One history for SQLite and PostgreSQL. A run is one transaction on both: it happens whole or not at all, and two
processes that start together take turns.
"""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, text

from app.config import ROOT
from app.database import db

FOLDER = ROOT / "migrations"
_LOCK = 5_021_977  # of PostgreSQL's advisory locks, any number that nothing else uses


class BrokenReferences(RuntimeError):
    """A migration left rows that point to nothing; it was rolled back. The text names the tables."""


def upgrade(engine: Engine | None = None, to: str = "head") -> None:
    """Runs every missing revision up to `to`, on the app's own database when none is given. Nothing is touched, and no
    table read through, when it stands at the newest one, as at every start but the first.

    Raises BrokenReferences, or whatever the database says; the database is then as it was.
    """
    if to == "head" and current(engine) == head():
        return
    with rebuilding(engine) as connection:
        step(connection, to)


@contextmanager
def rebuilding(engine: Engine | None = None) -> Iterator[Connection]:
    """A connection in one transaction that may rebuild tables, alone among all that ask for it. Commits at the end;
    an exception, or references that lead nowhere (BrokenReferences), roll everything back."""
    with (engine or db.engine).connect().execution_options(writing=True) as connection:
        if connection.dialect.name == "sqlite":
            with _unreferenced(connection), connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise BrokenReferences(", ".join(sorted({row[0] for row in broken})))
        else:
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                yield connection


def step(connection: Connection, to: str = "head") -> None:
    """Runs every missing revision up to `to` in the transaction of a connection from rebuilding()."""
    command.upgrade(_config(connection), to)


def head() -> str:
    """The newest revision there is."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise RuntimeError(f"{FOLDER} holds no revision")
    return newest


def known(revision: str) -> bool:
    """Whether this version of the app has that revision."""
    try:
        return ScriptDirectory.from_config(_config()).get_revision(revision) is not None
    except CommandError:
        return False


def current(engine: Engine | None = None) -> str | None:
    """The revision the database stands at; None when it is empty."""
    with (engine or db.engine).connect() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """The revision as this connection's transaction sees it; None when the database is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def new_revision(message: str) -> Path:
    """Writes the revision that leads from the newest one to the models as they are, and returns its file.

    It is a draft: what it does to rows must be written by hand.
    """
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/draft.db")
        if any((FOLDER / "versions").glob("*.py")):
            upgrade(engine)
        number = f"{len(list((FOLDER / 'versions').glob('*.py'))) + 1:04d}"
        with engine.connect() as connection:
            draft = command.revision(_config(connection), message, autogenerate=True, rev_id=number)
        engine.dispose()
    return Path(draft.path)  # type: ignore[union-attr]


@contextmanager
def _unreferenced(connection: Connection) -> Iterator[None]:
    """Changing a table rebuilds it; with foreign keys on, dropping the old one would delete its children by cascade.

    The switch is ignored inside a transaction, so it is turned before one begins.
    """
    raw = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys=off")  # type: ignore[union-attr]
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=on")  # type: ignore[union-attr]


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection}, cmd_opts=Namespace(quiet=True))
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config

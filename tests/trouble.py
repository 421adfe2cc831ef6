"""Making trouble for the app's connections to its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from app.database import db


@contextmanager
def every_connection(statement: str) -> Iterator[None]:
    """Runs a statement on each connection of the app, those to come and those that wait in the pool."""

    def say(connection: Any, *_: Any) -> None:
        connection.execute(statement)
        connection.commit()

    db.session.remove()
    db.engine.dispose()
    event.listen(db.engine, "connect", say)
    try:
        yield
    finally:
        event.remove(db.engine, "connect", say)
        db.session.remove()
        db.engine.dispose()


@contextmanager
def impatient(database: str) -> Iterator[None]:
    """Nobody waits for a lock of somebody else."""
    statement = "PRAGMA busy_timeout=0" if database == "sqlite" else "SET lock_timeout=1"
    with every_connection(statement):
        yield

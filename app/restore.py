"""A backup becomes a desk again, in one transaction: whole and verified, or not at all."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, func, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.expression import TableClause

from app import migrations
from app.backup import (
    LEFT_OUT,
    Copied,
    Impossible,
    Manifest,
    described,
    lines,
    read_manifest,
    table_names,
    values,
)
from app.database import Base

ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 1024 * 1024


def restore(path: Path, engine: Engine | None = None) -> Manifest:
    """Fills the app's own database, or another, with a backup; returns what the backup says, which was read back and
    found so. A backup of an older schema is upgraded after that.

    Raises Impossible when the desk is not empty, or the file is damaged, is not a backup, or comes from a newer
    version; OSError when it cannot be read. The database is then as it was.
    """
    manifest = read_manifest(path)
    if not migrations.known(manifest.revision):
        raise Impossible(
            f"it was made by a newer version of Nightdesk (its schema is {manifest.revision}, "
            f"this version's is {migrations.head()})"
        )
    try:
        with migrations.rebuilding(engine) as connection, zipfile.ZipFile(path) as archive:
            _make_room(connection, manifest.revision)
            _fill(connection, manifest, archive)
            migrations.step(connection)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError) as error:
        raise Impossible(f"the file is damaged ({error})") from error
    except (SQLAlchemyError, migrations.BrokenReferences) as error:
        raise Impossible(f"the database refuses it ({str(error).splitlines()[0]})") from error
    return manifest


def count_on(connection: Connection, target: TableClause) -> None:
    """The next row of this table gets a number above all that were written with theirs. SQLite does so by itself."""
    if connection.dialect.name != "postgresql" or "id" not in target.c:
        return
    quote = connection.dialect.identifier_preparer.quote
    sequence = connection.scalar(
        text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": quote(target.name)}
    )
    if sequence:
        highest = connection.scalar(select(func.max(target.c.id)))
        connection.execute(
            text("SELECT setval(:sequence, :value, :used)"),
            {"sequence": sequence, "value": highest or 1, "used": highest is not None},
        )


def _make_room(connection: Connection, revision: str) -> None:
    """Leaves the empty tables of that revision; Impossible when somebody's desk is here."""
    present = set(inspect(connection).get_table_names())
    for name in sorted(present & set(Base.metadata.tables) - LEFT_OUT):
        if connection.scalar(select(func.count()).select_from(Base.metadata.tables[name])):
            raise Impossible(
                f"this desk is not empty: its table {name} has rows. A backup goes into a new database "
                "(another DATABASE_URL, or another NIGHTDESK_DATA)"
            )
    here = migrations.revision_of(connection)
    if here not in (None, revision):
        if here != migrations.head():
            raise Impossible(
                "the database has an older schema; flask --app wsgi migrate brings it up to date"
            )
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    migrations.step(connection, revision)


def _fill(connection: Connection, manifest: Manifest, archive: zipfile.ZipFile) -> None:
    if {copied.name for copied in manifest.tables} != set(table_names(connection)):
        raise ValueError("it has not the tables of its revision")
    _defer_references(connection, True)
    targets = {copied.name: described(connection, copied.name) for copied in manifest.tables}
    for copied in manifest.tables:
        for rows in _batches(archive, copied, targets[copied.name]):
            connection.execute(insert(targets[copied.name]), rows)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    _defer_references(connection, False)
    for copied in manifest.tables:
        _verify(connection, targets[copied.name], copied)
        count_on(connection, targets[copied.name])


def _batches(archive: zipfile.ZipFile, copied: Copied, target: TableClause) -> Iterator[list[dict[str, Any]]]:
    """A table's rows, a few at a time; ValueError when they are not the ones that were written."""
    digest = hashlib.sha256()
    rows: list[dict[str, Any]] = []
    size = 0
    with archive.open(f"tables/{copied.name}.jsonl") as packed:
        # the archive itself would read a long line by 512 bytes at a time
        entry = io.BufferedReader(cast(io.RawIOBase, packed), 1 << 20)
        for line in entry:
            digest.update(line)
            rows.append(values(line, target, copied.columns))
            size += len(line)
            if len(rows) >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
                yield rows
                rows, size = [], 0
    if rows:
        yield rows
    if digest.hexdigest() != copied.sha256:
        raise ValueError(f"the rows of {copied.name} are not those that were written")


def _verify(connection: Connection, target: TableClause, copied: Copied) -> None:
    """Reads the table back: the same number of rows, the same lines."""
    digest, count = hashlib.sha256(), 0
    for line in lines(connection, target):
        digest.update(line)
        count += 1
    if (count, digest.hexdigest()) != (copied.rows, copied.sha256):
        raise Impossible(
            f"{copied.name} came out differently: {count} rows of {copied.rows}, SHA-256 {digest.hexdigest()}"
        )


def _defer_references(connection: Connection, wait: bool) -> None:
    """PostgreSQL looks at references when all rows are there; SQLite's are checked before the commit anyway."""
    if connection.dialect.name != "postgresql":
        return
    quote = connection.dialect.identifier_preparer.quote
    when = "DEFERRABLE INITIALLY DEFERRED" if wait else "NOT DEFERRABLE"
    look = inspect(connection)
    for name in look.get_table_names():
        for reference in look.get_foreign_keys(name):
            connection.execute(
                text(f"ALTER TABLE {quote(name)} ALTER CONSTRAINT {quote(reference['name'] or '')} {when}")
            )

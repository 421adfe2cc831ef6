"""One file that holds the desk: the same for SQLite and PostgreSQL, so that a desk can move from one to the other.

A ZIP archive. `tables/NAME.jsonl` has one JSON array for each row, by primary key, in UTF-8: instants as ISO 8601 in
UTC, bytes in base64, stored JSON as its text. `manifest.json` has the schema's revision and, for each table, its
columns, its number of rows and the SHA-256 of its lines. Everything is read in one snapshot, while others write.
"""

import base64
import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Date,
    DateTime,
    Dialect,
    Engine,
    Integer,
    LargeBinary,
    String,
    Text,
    cast,
    collate,
    column,
    inspect,
    select,
    table,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ColumnClause, TableClause
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.database import UTCDateTime, db, is_index
from app.files import whole_file
from app.migrations import revision_of

FORMAT = "nightdesk backup 1"
MANIFEST = "manifest.json"
# What running processes keep for themselves. Sign-ins, too: one that was ended must not come back with an old file.
LEFT_OUT = frozenset({"alembic_version", "heartbeats", "leases", "presences", "sign_ins", "throttles"})
ROWS_AT_ONCE = 200
BLOBS_AT_ONCE = 2  # each may be as large as the largest message


class Impossible(Exception):
    """There can be no backup, or this one cannot be restored; the text says why to an operator."""


@dataclass(frozen=True)
class Copied:
    """A table in a backup: `sha256` is that of its lines."""

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says about itself. `made_at` is ISO 8601 in UTC."""

    format: str
    revision: str
    made_at: str
    tables: tuple[Copied, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Manifest":
        """Raises ValueError, KeyError or TypeError for anything that to_json() did not write."""
        read = json.loads(text)
        tables = tuple(
            Copied(each["name"], tuple(each["columns"]), int(each["rows"]), each["sha256"])
            for each in read["tables"]
        )
        return cls(read["format"], read["revision"], read["made_at"], tables)


def write(path: Path, now: datetime, engine: Engine | None = None) -> Manifest:
    """Writes the backup of the app's own database, or of another, and returns what it says about itself.

    Raises Impossible when the database has no tables or does not answer, and OSError when the file cannot be written;
    there is then no new file.
    """
    try:
        return _write(path, now, engine)
    except SQLAlchemyError as error:
        raise Impossible(f"the database does not answer ({str(error).splitlines()[0]})") from error


@contextmanager
def snapshot(engine: Engine | None = None) -> Iterator[Connection]:
    """A connection whose every statement sees the database as it was at the first one. Holds no writer up."""
    with (engine or db.engine).connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        yield connection


def table_names(connection: Connection) -> list[str]:
    """The tables that belong into a backup of this database, by name."""
    return sorted(
        name for name in inspect(connection).get_table_names() if name not in LEFT_OUT and not is_index(name)
    )


def described(connection: Connection, name: str) -> TableClause:
    """The table as the database has it now, whatever the revision, with types that read alike on both databases."""
    return table(
        name,
        *(
            column(each["name"], _portable(each["type"], connection.dialect, f"{name}.{each['name']}"))
            for each in inspect(connection).get_columns(name)
        ),
    )


def lines(connection: Connection, source: TableClause) -> Iterator[bytes]:
    """Each row as a line, by primary key. Holds only a few rows at a time."""
    heavy = any(isinstance(each.type, LargeBinary) for each in source.c)
    statement = select(*source.c).order_by(*_order(connection, source))
    few = {"yield_per": BLOBS_AT_ONCE if heavy else ROWS_AT_ONCE}
    with connection.execute(statement, execution_options=few) as rows:
        for row in rows:
            yield json.dumps([_said(value) for value in row], ensure_ascii=False).encode() + b"\n"


def values(line: bytes, source: TableClause, columns: Sequence[str]) -> dict[str, Any]:
    """column -> value of a line that lines() wrote."""
    read = json.loads(line)
    if len(read) != len(columns):
        raise ValueError("a row has another number of columns")
    return {name: _meant(value, source.c[name].type) for name, value in zip(columns, read, strict=True)}


def read_manifest(file: BinaryIO | Path) -> Manifest:
    """What a backup says about itself; Impossible when it is none, or was made by a version that wrote another kind."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = Manifest.from_json(archive.read(MANIFEST))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise Impossible("this is no backup of Nightdesk, or its end is missing") from error
    if manifest.format != FORMAT:
        raise Impossible(f"this is a {manifest.format!r}; this version reads {FORMAT!r}")
    return manifest


class _StoredJSON(TypeDecorator[str]):
    """JSON as the text that is stored, so that it comes back letter by letter, and null stays apart from NULL."""

    impl = Text
    cache_ok = True

    def __init__(self, native: bool) -> None:
        super().__init__()
        self.native = native  # whether the database has a type of its own for it

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(column, Text) if self.native else column

    def bind_expression(self, bindparam: Any) -> ColumnElement[Any]:
        return cast(bindparam, JSON) if self.native else bindparam


def _portable(kind: TypeEngine[Any], dialect: Dialect, where: str) -> TypeEngine[Any]:
    """The type that reads and writes the same Python values on both databases."""
    if isinstance(kind, JSON):
        return _StoredJSON(dialect.name == "postgresql")
    if isinstance(kind, DateTime):
        return UTCDateTime()
    for plain in (Boolean, Integer, LargeBinary, Date, String):
        if isinstance(kind, plain):
            return plain()
    raise Impossible(f"{where} has the type {kind}, which a backup does not know")


def _write(path: Path, now: datetime, engine: Engine | None) -> Manifest:
    with snapshot(engine) as connection, whole_file(path) as file:
        revision = revision_of(connection)
        if revision is None:
            raise Impossible("the database is empty; flask --app wsgi migrate makes its tables")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
            copied = [_copy(connection, name, archive) for name in table_names(connection)]
            manifest = Manifest(FORMAT, revision, now.astimezone(UTC).isoformat(), tuple(copied))
            archive.writestr(MANIFEST, manifest.to_json())
    return manifest


def _copy(connection: Connection, name: str, archive: zipfile.ZipFile) -> Copied:
    source = described(connection, name)
    digest, count = hashlib.sha256(), 0
    with archive.open(f"tables/{name}.jsonl", "w", force_zip64=True) as entry:
        for line in lines(connection, source):
            entry.write(line)
            digest.update(line)
            count += 1
    return Copied(name, tuple(each.name for each in source.c), count, digest.hexdigest())


def _order(connection: Connection, source: TableClause) -> list[ColumnElement[Any]]:
    """By primary key; texts by their bytes, as SQLite sorts them, whatever the language of the other database."""
    keys = inspect(connection).get_pk_constraint(source.name)["constrained_columns"]
    return [_by_bytes(connection, source.c[key]) for key in keys]


def _by_bytes(connection: Connection, key: ColumnClause[Any]) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql" and isinstance(key.type, String):
        return collate(key, "C")
    return key


def _said(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else value


def _meant(value: Any, kind: TypeEngine[Any]) -> Any:
    if value is None:
        return None
    if isinstance(kind, UTCDateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value, validate=True)
    if isinstance(kind, Date):
        return datetime.fromisoformat(value).date()
    return value

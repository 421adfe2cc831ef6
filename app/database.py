"""The session, the column types, and all that differs between SQLite and PostgreSQL.

Entry points open `writing(board)`; it locks the stream that the change is recorded on, so nothing read before is
trusted and the sequence numbers of a stream have no gaps. Bookkeeping (sessions, throttles, heartbeats) is one
statement by `bookkeeping` and takes no lock.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    DDL,
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Executable,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    bindparam,
    cast,
    column,
    event,
    func,
    literal_column,
    select,
    table,
    text,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import TypeDecorator, TypeEngine

from rules.tokens import Phrase

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
CHANNEL = "nightdesk"  # what PostgreSQL's NOTIFY is sent on
MAPPED = 1024 * 1024 * 1024  # bytes of SQLite's file, at most
# How long a dead connection may look alive: a machine that is gone says nothing. Seconds, the last in milliseconds.
POSTGRESQL = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# Pages are asked for by many at once: a query that takes other cores to itself, or compiles itself first, makes the others
# wait longer than it saves, and both are planned for by guesses.
AS_MANY_ASK = {"max_parallel_workers_per_gather": 0, "jit": "off"}
SEARCH_INDEX = (
    "search_index"  # SQLite's full-text table; it keeps what it knows in others whose names begin with this
)
MOST_LOOKED_UP = 12  # tokens of a phrase that the index is asked for; the text says the rest
_INDEX = table(SEARCH_INDEX, column("rowid", Integer), column(SEARCH_INDEX))
_DOCUMENTS = table("search_documents")
_id = literal_column("search_documents.id", Integer)
_tokens = literal_column("search_documents.tokens", String)
# PostgreSQL's index knows no order, so each document also holds which EPOCH of documents it belongs to: of a word that
# is in very many, those of the newest epochs can be asked for.
EPOCH = 16_384  # documents
EPOCHS = 4  # that the index is asked for at a time
_LEXEMES = (
    "array_to_tsvector(string_to_array(btrim(search_documents.tokens || '·' || "
    "CAST(search_documents.id / 16384 AS text)), ' '))"
)
# Any token survives: the index cuts at ASCII signs only, and tokens hold none. It does not store the texts again.
_TO_INDEX = "INSERT INTO search_index (rowid, tokens) VALUES (new.id, new.tokens);"
_FROM_INDEX = "INSERT INTO search_index (search_index, rowid, tokens) VALUES ('delete', old.id, old.tokens);"
INDEX_MADE_BY = {
    "sqlite": (
        f"CREATE VIRTUAL TABLE {SEARCH_INDEX} USING fts5(tokens, content='search_documents', content_rowid='id', "
        "tokenize='ascii', prefix='2 3', detail='none', columnsize=0)",
        f"CREATE TRIGGER search_documents_added AFTER INSERT ON search_documents BEGIN {_TO_INDEX} END",
        f"CREATE TRIGGER search_documents_removed AFTER DELETE ON search_documents BEGIN {_FROM_INDEX} END",
        "CREATE TRIGGER search_documents_changed AFTER UPDATE OF tokens ON search_documents BEGIN "
        f"{_FROM_INDEX} {_TO_INDEX} END",
    ),
    "postgresql": (
        "CREATE INDEX search_index ON search_documents USING gin ("
        "array_to_tsvector(string_to_array(btrim(tokens || '·' || CAST(id / 16384 AS text)), ' ')))",
    ),
}
Trouble = Literal["away", "full"]


class UTCDateTime(TypeDecorator[datetime]):
    """An instant. Only aware datetimes go in; UTC comes out on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """A page reads hundreds of instants: what SQLite keeps as text becomes one in a single step."""
        return _read if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


class Base(DeclarativeBase):
    """Of every mapped class."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UTCDateTime}  # noqa: RUF012 - SQLAlchemy reads this name


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
S = TypeVar("S", bound=Base)

_SQLITE: dict[int, Trouble] = {
    sqlite3.SQLITE_BUSY: "away",
    sqlite3.SQLITE_LOCKED: "away",
    sqlite3.SQLITE_CANTOPEN: "away",
    sqlite3.SQLITE_PROTOCOL: "away",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "full",  # what a quota or a limit of the process's files looks like
    sqlite3.SQLITE_READONLY: "full",
}


@contextmanager
def writing(stream: S) -> Iterator[S]:
    """One transaction that may change things, recorded on `stream` (the Desk or a Board), which it locks.

    Yields the stream as it stands under the lock. Commits at the end; an exception rolls everything back. It first
    ends any open transaction: rows read before are expired and are read again when used.
    """
    session = db.session()
    if session.info.get("writing"):
        raise RuntimeError("writing() inside writing(): a verb opened its own transaction")
    ident = stream.__mapper__.primary_key_from_instance(stream)
    session.rollback()
    session.expire_all()
    session.connection(execution_options={"writing": True})
    session.info["writing"] = True
    session.info["locked"], session.info["recorded"], session.info["written"] = [], [], []
    try:
        yield _locked(session, stream, ident)
        session.commit()
        kept = [event for event in session.info["recorded"] if event in session]  # no savepoint took it back
        session.info["written"] = kept
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop("writing", None)
        session.info.pop("announced", None)
        session.info.pop("locked", None)
        session.info.pop("recorded", None)


class OutOfOrder(Exception):
    """A stream was wanted that comes before one that is held: whoever holds it lets go and begins again with all of them."""

    def __init__(self, ident: int) -> None:
        super().__init__(ident)
        self.ident = ident


@contextmanager
def writing_all(kind: type[S], idents: Iterable[int]) -> Iterator[dict[int, S]]:
    """One transaction on several streams of a kind, which are locked by number, so that nobody waits for each other:
    number -> stream, as it stands under its lock."""
    first, *others = sorted(set(idents))
    with writing(kind(id=first)) as stream:
        yield {first: stream, **{ident: lock(kind(id=ident)) for ident in others}}


def recorded(event: Any) -> None:
    """An event was added to this transaction: kept for written(), and told to the watchers."""
    session = db.session()
    session.info["recorded"].append(event)
    announce(session, event.stream)


def recording() -> Sequence[Any]:
    """The events of the transaction that is under way until now, in their order."""
    return db.session().info.get("recorded", ())


def written() -> list[Any]:
    """The events that the last writing() has recorded; none when it failed."""
    return list(db.session().info.get("written", ()))


def lock(stream: S) -> S:
    """Locks another stream inside writing(), for a change that is seen on several. The desk is first and boards follow
    by id: who holds a board never asks for the desk, nor for a board before it."""
    session = db.session()
    if not session.info.get("writing"):
        raise RuntimeError("a lock outside writing()")
    return _locked(session, stream, stream.__mapper__.primary_key_from_instance(stream))


def locked(kind: type[S], ident: int) -> S | None:
    """The stream of this number as it stands under its lock; None when this transaction has not locked it."""
    rows = db.session().info.get("locked", ())
    return next((row for row in rows if isinstance(row, kind) and row.id == ident), None)  # type: ignore[attr-defined]


def lock_late(kind: type[S], ident: int) -> S:
    """Locks a stream of which it shows only now that it is needed. Raises OutOfOrder where that could wait for who waits for
    this transaction."""
    if (held := locked(kind, ident)) is not None:
        return held
    if any(isinstance(row, kind) and row.id > ident for row in db.session().info.get("locked", ())):  # type: ignore[attr-defined]
        raise OutOfOrder(ident)
    return lock(kind(id=ident))


def _locked(session: Session, stream: S, ident: Any) -> S:
    row = session.get_one(type(stream), ident, with_for_update=True, populate_existing=True)
    session.info["locked"].append(row)
    return row


@dataclass(frozen=True)
class Kept:
    """What one bookkeeping statement did."""

    rows: Sequence[Row[*tuple[Any, ...]]]
    count: int


def bookkeeping(*statements: Executable) -> Kept:
    """Runs one statement, or some that make no sense alone, in a transaction of their own; returns the rows of the last
    one's RETURNING and how many it touched."""
    if db.session().info.get("writing"):
        raise RuntimeError("bookkeeping inside writing() would wait for its own lock")
    with db.engine.connect() as connection:
        connection = connection.execution_options(writing=True)
        with connection.begin():
            *before, last = statements
            for statement in before:
                connection.execute(statement)
            result = connection.execute(last)
            rows = result.all() if result.returns_rows else []
            return Kept(rows, result.rowcount)


def trouble(error: BaseException) -> Trouble | None:
    """Why the database could not do what it was asked: "full" when nothing more can be written to its disk, "away" when
    it is not there or somebody else holds it. Both pass by themselves, or with an operator's help; the same request may
    succeed later. None: the fault lies elsewhere."""
    if isinstance(error, NoConnectionFree):
        return "away"
    fault = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(fault, sqlite3.Error):
        return _SQLITE.get(getattr(fault, "sqlite_errorcode", 0) & 0xFF)
    state = str(getattr(fault, "sqlstate", None) or "")
    if state == "53100":  # disk full
        return "full"
    if state.startswith("54"):  # more than PostgreSQL can hold in one place: it will never succeed
        return None
    read_only = state == "25006"  # a server that has just been replaced by another
    broken = isinstance(error, DBAPIError) and error.connection_invalidated
    passing = "OperationalError" in (
        kind.__name__ for kind in type(fault).__mro__
    )  # as every driver calls it
    return "away" if read_only or broken or passing else None


def words_of(error: BaseException) -> str:
    """What the database's driver said, in one line."""
    return next(iter(str(getattr(error, "orig", None) or error).splitlines()), type(error).__name__)


@contextmanager
def if_possible() -> Iterator[None]:
    """For a write that reading does not depend on: left undone while the database is in trouble."""
    try:
        yield
    except SQLAlchemyError as error:
        if trouble(error) is None:
            raise


class TookTooLong(Exception):
    """A query asked for more than a reader can wait for. Nothing is wrong with the database."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is read inside may take the database so long: all of it on SQLite, each statement on PostgreSQL, there until
    the transaction ends. Raises TookTooLong and ends the transaction."""
    session = db.session()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))
    else:
        until = time.monotonic() + seconds
        raw: Any = session.connection().connection.driver_connection
        raw.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    except DBAPIError as error:
        if not _interrupted(error):
            raise
        session.rollback()
        raise TookTooLong from error
    finally:
        if session.get_bind().dialect.name == "sqlite":
            with suppress(sqlite3.ProgrammingError):  # closed meanwhile
                raw.set_progress_handler(None, 0)


_STEPS = 50_000  # of SQLite's machine between two looks at the clock, some milliseconds


def _interrupted(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT
    return getattr(error.orig, "sqlstate", None) == "57014"


E = TypeVar("E", bound=Executable)


def planned_for_its_values(statement: E) -> E:
    """For what people ask for in their own words. PostgreSQL else plans a statement that comes again for any values, and
    then neither knows how many a text finds nor that a tag is rare."""
    return statement.execution_options(planned_for_its_values=True)


def as_stored(id: Any, found: ColumnElement[bool]) -> ColumnElement[bool]:
    """A condition that an index answers for very many rows, which are read in the order they are stored: SQLite would go to
    and fro in its file as the index says. PostgreSQL does so by itself."""
    return found if _on_postgresql() else id.in_(select(id).where(found).correlate(None))


AT_A_TIME = 500  # rows: fewer than make the interpreter look whether any can go


def read(statement: Executable) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows of a SELECT of columns, for whoever keeps little of each: few are held at a time. Very many objects make the
    interpreter look through all that it holds."""
    for some in db.session.connection().execute(statement).partitions(AT_A_TIME):
        yield from some


def unsought(column: Any) -> Any:
    """A column in a condition on what is met anyway, by another index or in its order. PostgreSQL knows how soon enough is
    met; SQLite would rather find by the condition, and put in order whatever that is. A plus keeps it from that."""
    return column if _on_postgresql() else UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def sent(name: str, columns: Mapping[str, TypeEngine[Any]], rows: Sequence[Sequence[Any]]) -> Any:
    """A table of these rows for one statement to read: numbers and instants, however many, as one value or one a column."""
    if _on_postgresql():
        arrays = [
            bindparam(None, [row[place] for row in rows], postgresql.ARRAY(type))
            for place, type in enumerate(columns.values())
        ]
        names = [column(key, type) for key, type in columns.items()]
        return func.unnest(*arrays).table_valued(*names).render_derived(name=name)
    text_of = json.dumps(rows, default=_as_sqlite_keeps_it, separators=(",", ":"))
    each = func.json_each(text_of).table_valued("value", name=f"{name}_sent")
    parts = [
        type_coerce(func.json_extract(each.c.value, f"$[{place}]"), type).label(key)
        for place, (key, type) in enumerate(columns.items())
    ]
    return select(*parts).cte(name).prefix_with("MATERIALIZED")


_NAIVE = len("2026-11-01 09:00:00.000000")


def _as_sqlite_keeps_it(at: datetime) -> str:
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat(" ", "microseconds")[:_NAIVE]


def insert_new(table: Any) -> Any:
    """An INSERT that knows ON CONFLICT, for the database in use."""
    return (postgresql if db.engine.dialect.name == "postgresql" else sqlite).insert(table)


def in_index(phrase: Phrase) -> ColumnElement[bool]:
    """The condition on search_documents that they hold a phrase, found by the full-text index.

    The index knows which tokens a document holds, not where: of several, the text itself says whether they stand
    together. So it stays small, and no text is too long for it.
    """
    # OFFSET 0 keeps PostgreSQL from making the lexemes of every newest document instead, until enough have them.
    return _id.in_(_held(phrase).offset(0) if _on_postgresql() else _held(phrase))


def newest_in_index(phrase: Phrase, most: int, share: float) -> Sequence[int]:
    """The ids of the newest search_documents that hold a phrase, newest first. `share` of the newest ones do, roughly."""
    if not _on_postgresql():
        return db.session.scalars(_held(phrase).order_by(_INDEX.c.rowid.desc()).limit(most)).all()
    newest = (_id + 0).desc()  # no order that could be had from the documents' own index, for the same reason
    last = (db.session.scalar(select(func.max(_id)).select_from(_DOCUMENTS)) or 0) // EPOCH
    epochs = int(2 * most / share / EPOCH) + 2 if share else last + 1
    if epochs <= last:
        # One after the other, until there are enough: asked for together, they cost the square of how many they are.
        recent = union_all(
            *(
                _held(phrase, range(first, first - EPOCHS, -1))
                .with_only_columns(_id.label("id"))
                .order_by(newest)
                .limit(most)
                for first in range(last, last - epochs, -EPOCHS)
            )
        )
        found = db.session.scalars(select(recent.subquery().c.id).limit(most)).all()
        if len(found) == most:
            return found
    return db.session.scalars(_held(phrase).order_by(newest).limit(most)).all()


def _held(phrase: Phrase, epochs: Iterable[int] = ()) -> Select[int]:
    *before, last = phrase.tokens
    looked_up = list(dict.fromkeys(before))[: MOST_LOOKED_UP - 1]
    useless = phrase.cut and len(last) < 3 and looked_up  # the beginning of very many words
    wanted = looked_up if useless else [*looked_up, last]
    cut = phrase.cut and not useless
    together = [_tokens.like(phrase.pattern)] if len(phrase.tokens) > 1 else []
    if _on_postgresql():
        asked = " & ".join(f"'{token}'" for token in wanted) + (":*" if cut else "")
        if epochs:
            among = " | ".join(f"'·{epoch}'" for epoch in epochs)
            asked += f" & ({among})"
        found = literal_column(_LEXEMES).bool_op("@@")(cast(asked, postgresql.TSQUERY))
        return select(_id).select_from(_DOCUMENTS).where(found, *together)
    asked = " ".join(f'"{token}"' for token in wanted) + ("*" if cut else "")
    held = select(_INDEX.c.rowid).where(_INDEX.c.search_index.bool_op("MATCH")(asked))
    if together:
        held = held.join(_DOCUMENTS, _id == _INDEX.c.rowid).where(*together)
    return held


def _on_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def keep_index(documents: Table) -> None:
    """Makes the full-text index with its table, and takes it away with it. Each change of a document changes it."""
    event.listen(
        documents, "before_drop", DDL(f"DROP TABLE IF EXISTS {SEARCH_INDEX}").execute_if(dialect="sqlite")
    )
    for dialect, statements in INDEX_MADE_BY.items():
        for statement in statements:
            event.listen(documents, "after_create", DDL(statement).execute_if(dialect=dialect))


def is_index(name: str | None) -> bool:
    """Whether a table or an index of this name is the full-text index, or what SQLite keeps it in: nothing of ours."""
    return name is not None and name.startswith(SEARCH_INDEX)


def announce(session: Session, stream_id: int) -> None:
    """Wakes the watchers of other processes when this transaction commits, once however much it changes. SQLite's
    watchers see it by themselves."""
    announced = session.info.setdefault("announced", set())
    if session.get_bind().dialect.name == "postgresql" and stream_id not in announced:
        announced.add(stream_id)
        session.execute(
            text("SELECT pg_notify(:channel, :stream)"), {"channel": CHANNEL, "stream": str(stream_id)}
        )


def waking() -> tuple[Executable, ...]:
    """What makes bookkeeping wake the watchers of other processes. SQLite's watchers see it by themselves."""
    return (select(func.pg_notify(CHANNEL, "")),) if _on_postgresql() else ()


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        with connection.cursor() as cursor:
            cursor.execute("; ".join(f"SET {name} = {value}" for name, value in AS_MANY_ASK.items()))
        connection.commit()
        return
    connection.isolation_level = None
    # Mapped, pages are read where the system holds them already: SQLite's own cache of 2 MB is smaller than any desk.
    mapped = f"mmap_size={MAPPED}"
    for pragma in ("journal_mode=wal", "busy_timeout=30000", "foreign_keys=on", "synchronous=full", mapped):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@event.listens_for(Engine, "do_execute")
def _execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:
    """True: done, otherwise than usual."""
    if context.dialect.name != "postgresql" or not context.execution_options.get("planned_for_its_values"):
        return None
    cursor.execute(statement, parameters, prepare=False)
    return True


@event.listens_for(Session, "before_flush")
def _refuse_flush(session: Session, *_: Any) -> None:
    if not session.info.get("writing") and (session.new or session.dirty or session.deleted):
        raise RuntimeError("a change outside writing()")


@event.listens_for(Session, "do_orm_execute")
def _refuse_statement(state: ORMExecuteState) -> None:
    if (state.is_insert or state.is_update or state.is_delete) and not state.session.info.get("writing"):
        raise RuntimeError("a change outside writing()")

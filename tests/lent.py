"""PostgreSQL's databases, lent to one test after the other: putting one back takes a fraction of the time of a new copy."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql
from psycopg.sql import SQL, Identifier, Literal

from tests.postgres import Postgres

WORN = 5_000  # rows that were taken out of a database again; it keeps the room they took
# What changes with any table, column, index, trigger or statistics: such a database is not lent again.
SHAPE = """
    SELECT (SELECT sum(xmin::text::bigint) FROM pg_class), (SELECT sum(xmin::text::bigint) FROM pg_attribute),
           (SELECT sum(xmin::text::bigint) FROM pg_constraint), (SELECT sum(xmin::text::bigint) FROM pg_trigger),
           (SELECT count(*) FROM pg_statistic)
"""
# Ends what others have left open here; says whether one of them is still at it.
ALONE = """
    WITH others AS MATERIALIZED (
        SELECT pid, xact_start FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    )
    SELECT count(xact_start) FROM others WHERE pg_terminate_backend(pid)
"""


class Lent:
    """Copies of one template. Every test has one for itself, as the template holds it; none has another's connections."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server = server
        self._template = template
        self._made = 0
        self._kept: str | None = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a database as the template holds it, until the block ends."""
        if self._kept is None:
            self._make()
        assert self._kept
        try:
            yield self._server.url(self._kept)
        finally:
            if not self._put_back():
                self.close()

    def close(self) -> None:
        """Nothing is kept for the next one."""
        if self._kept is not None:
            self._connection.close()
            self._server.drop(self._kept)
            self._kept = None

    def _make(self) -> None:
        self._made += 1
        self._kept = f"{self._template}_{self._made}"
        self._server.create(self._kept, template=self._template)
        self._connection = psycopg.connect(self._server.words(self._kept), autocommit=True)
        self._worn = 0
        self._shape = self._connection.execute(SHAPE).fetchone()
        self._tables = self._names("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        self._filled = {name: self._fill(name) for name in self._tables}
        self._counted = self._count()
        sequences = self._names("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
        self._numbers = [self._number(name) for name in sequences]

    def _put_back(self) -> bool:
        """Whether it may be lent again."""
        with suppress(psycopg.Error):
            while self._connection.execute(ALONE).fetchone()[0]:
                pass
            if self._connection.execute(SHAPE).fetchone() == self._shape:
                self._undo()
                return self._worn < WORN
        return False

    def _undo(self) -> None:
        """Leaves in each table that has changed what was in it at first."""
        found = self._count()
        changed = [
            name for name, now, then in zip(self._tables, found, self._counted, strict=True) if now != then
        ]
        # In this role no foreign key and no trigger says a word.
        done = [SQL("BEGIN; SET LOCAL session_replication_role = replica"), *self._numbers]
        for name in changed:
            done += [SQL("DELETE FROM {}").format(Identifier(name)), *self._filled[name]]
        results = self._connection.execute(SQL("; ").join([*done, SQL("COMMIT")])).results()
        self._worn += sum(
            each.rowcount for each in results if (each.statusmessage or "").startswith("DELETE")
        )
        self._counted = self._count()

    def _count(self) -> list[str]:
        """Of each table something that any change of its rows changes: a row that is written has a newer transaction."""
        each = SQL("(SELECT (count(*), sum(xmin::text::bigint))::text FROM {})")
        asked = SQL("SELECT ") + SQL(", ").join(each.format(Identifier(name)) for name in self._tables)
        return list(self._connection.execute(asked).fetchone())

    def _fill(self, name: str) -> list[sql.Composable]:
        """The statement that puts the rows of a table in; none where there are none."""
        table = Identifier(name)
        rows = self._connection.execute(
            SQL("SELECT json_agg(each) FROM {} AS each").format(table)
        ).fetchone()[0]
        put = SQL("INSERT INTO {} SELECT * FROM json_populate_recordset(NULL::{}, {})")
        return [put.format(table, table, Literal(json.dumps(rows)))] if rows else []

    def _number(self, name: str) -> sql.Composable:
        """The statement that sets a sequence to where it stands."""
        at = self._connection.execute(SQL("SELECT last_value, is_called FROM {}").format(Identifier(name)))
        return SQL("SELECT setval({}, {}, {})").format(Literal(name), *map(Literal, at.fetchone()))

    def _names(self, asked: str) -> list[str]:
        return [row[0] for row in self._connection.execute(asked)]

"""The history of migrations leads to what the models say, on both databases, and keeps what a desk holds."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    MetaData,
    UniqueConstraint,
    create_engine,
    func,
    insert,
    inspect,
    select,
)

from app.database import Base, is_index
from app.migrations import FOLDER, current, head, upgrade

REVISIONS = sorted(path.stem.split("_")[0] for path in (FOLDER / "versions").glob("*.py"))
NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


@pytest.fixture
def make_engine(empty_database: Callable[[], str]) -> Iterator[Callable[[], Engine]]:
    """Engines on databases without any table."""
    made: list[Engine] = []

    def make() -> Engine:
        made.append(create_engine(empty_database()))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def test_the_history_is_one_line_with_numbers() -> None:
    assert [f"{number:04d}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
    assert head() == REVISIONS[-1]


def test_models_and_migrations_agree(make_engine: Callable[[], Engine]) -> None:
    migrated, created = make_engine(), make_engine()
    assert current(migrated) is None
    upgrade(migrated)
    assert current(migrated) == head()
    with created.connect().execution_options(writing=True) as connection, connection.begin():
        Base.metadata.create_all(connection)

    with migrated.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _: not (kind in ("table", "index") and is_index(name)),
            },
        )
        assert compare_metadata(context, Base.metadata) == []
    # What Alembic does not compare: checks, conditions of indexes, cascades.
    assert described(migrated) == described(created)


def test_a_second_run_changes_nothing(make_engine: Callable[[], Engine]) -> None:
    engine = make_engine()
    upgrade(engine)
    before = described(engine)
    upgrade(engine)
    assert described(engine) == before


def test_a_filled_desk_keeps_its_rows(make_engine: Callable[[], Engine]) -> None:
    """Through every revision there was, with rows from each of those before: a table that is rebuilt must not take its
    children along."""
    engine = make_engine()
    there: dict[str, int] = {}
    for number, revision in enumerate(REVISIONS):
        upgrade(engine, revision)
        with engine.connect().execution_options(writing=True) as connection, connection.begin():
            tables = reflected(connection)
            kept = counts(connection, tables)
            assert (revision, {name: kept.get(name) for name in there}) == (revision, there)
            fill(connection, tables, first=1000 * number + 1)  # clear of what a migration itself adds
            there = {name: count + 2 for name, count in kept.items()}


def test_a_desk_that_is_upgraded_says_nothing_by_itself(make_engine: Callable[[], Engine]) -> None:
    engine = make_engine()
    upgrade(engine, "0001")
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        fill(connection, reflected(connection))
    upgrade(engine)
    with engine.connect() as connection:
        tables = reflected(connection).tables
        channels = tables["channels"].columns
        assert connection.execute(select(channels.acknowledges, channels.acknowledgements)).all() == [
            (False, {}),
            (False, {}),
        ]
        assert connection.execute(select(tables["customers"].columns.acknowledged_at)).scalars().all() == [
            None,
            None,
        ]


def test_a_migration_that_fails_changes_nothing(make_engine: Callable[[], Engine]) -> None:
    engine = make_engine()
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.exec_driver_sql(
            "CREATE TABLE tickets (id INTEGER PRIMARY KEY)"
        )  # in the way of the first revision
    before = described(engine)
    with pytest.raises(Exception, match="already exists"):
        upgrade(engine)
    assert described(engine) == before
    assert current(engine) is None
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def described(engine: Engine) -> dict[str, Any]:
    """Everything the database itself says about its tables, but Alembic's own."""
    with engine.connect() as connection:
        look = inspect(connection)
        return {
            table: {
                "columns": [{**column, "type": str(column["type"])} for column in look.get_columns(table)],
                "primary": look.get_pk_constraint(table),
                "references": by_name(look.get_foreign_keys(table)),
                "uniques": by_name(look.get_unique_constraints(table)),
                "checks": by_name(look.get_check_constraints(table)),
                "indexes": [in_words(index) for index in by_name(look.get_indexes(table))],
            }
            for table in look.get_table_names()
            if table != "alembic_version" and not is_index(table)
        } | {"search": search(connection)}


def search(connection: Connection) -> list[Any]:
    """The full-text index and what keeps it, in the words that made it: SQLAlchemy knows nothing of either."""
    if connection.dialect.name == "sqlite":
        asked = (
            "SELECT type, name, sql FROM sqlite_master WHERE type = 'trigger' OR sql LIKE 'CREATE VIRTUAL%'"
        )
    else:
        asked = "SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '%USING gin%'"
    return sorted(map(tuple, connection.exec_driver_sql(asked.replace("%", "%%"))))


def by_name(things: Any) -> list[Any]:
    return sorted(things, key=lambda thing: str(thing["name"]))


def in_words(index: Any) -> dict[str, Any]:
    conditions = {name: str(condition) for name, condition in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": conditions}


def reflected(connection: Connection) -> MetaData:
    tables = MetaData()
    tables.reflect(connection, only=lambda name, _: not is_index(name))
    tables.remove(tables.tables["alembic_version"])
    return tables


def counts(connection: Connection, tables: MetaData) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in tables.sorted_tables
    }


def fill(connection: Connection, tables: MetaData, first: int = 1) -> None:
    """Two rows in every table, made from the schema alone, so that it works at any revision."""
    for table in tables.sorted_tables:
        checks = inspect(connection).get_check_constraints(table.name)
        for row in (first, first + 1):
            connection.execute(
                insert(table).values({column.name: value(column, row, checks) for column in table.columns})
            )


def value(column: Column[Any], row: int, checks: list[Any]) -> Any:
    """Something this column takes; a reference leads to the row of the same number."""
    if column.foreign_keys:
        column = next(iter(column.foreign_keys)).column
        checks = []
    if allowed := first_allowed(column.name, checks):
        return allowed
    if isinstance(column.type, JSON):
        return {}
    made: dict[type, Any] = {
        int: row if is_one_of_a_kind(column) else 2 - row % 2,  # some have a range
        bool: row % 2 == 1,
        float: float(row),
        str: f"{column.name} {row}",
        bytes: b"bytes",
        datetime: NOW,
        date: NOW.date(),
    }
    return made[column.type.python_type]


def is_one_of_a_kind(column: Column[Any]) -> bool:
    keys = [index for index in column.table.indexes if index.unique]
    keys += [key for key in column.table.constraints if isinstance(key, UniqueConstraint)]
    return column.primary_key or any(column.name in key.columns for key in keys)


def first_allowed(column: str, checks: list[Any]) -> str | None:
    """The first of the words that a check like `state IN ('new', 'open')` lists."""
    for check in checks:
        text = check["sqltext"]
        if text.strip("(").startswith(column) and "'" in text:
            return str(text.split("'")[1])
    return None

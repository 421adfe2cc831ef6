"""How the database goes about a statement that somebody has asked."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from app.database import db


def plans_of(ask: Callable[[], object], said: str) -> list[str]:
    """The plan of each statement with these words that `ask` makes. PostgreSQL reads nothing through that an index finds: it would
    of so few rows."""
    asked: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if said in sql:
            asked.append((sql, parameters))

    event.listen(db.engine, "before_cursor_execute", keep)
    try:
        ask()
    finally:
        event.remove(db.engine, "before_cursor_execute", keep)
    with db.engine.connect() as connection:
        explain = "EXPLAIN QUERY PLAN "
        if db.engine.dialect.name == "postgresql":
            explain = "EXPLAIN "
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return [
            "\n".join(str(row) for row in connection.exec_driver_sql(explain + sql, parameters))
            for sql, parameters in asked
        ]

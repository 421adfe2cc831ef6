"""Names that queries look for, and opening hours as instants"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from rules import hours

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

AT_ONCE = 1_000
BACK_FOR, AHEAD_FOR = timedelta(days=3_653), timedelta(days=731)


def upgrade() -> None:
    for table in ("customers", "attachments"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("name_search", sa.String(), server_default="", nullable=False))
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column("name_search", existing_type=sa.String(), server_default=None)
    connection = op.get_bind()
    tables = sa.MetaData()
    tables.reflect(connection, only=("customers", "attachments", "calendars", "calendar_windows"))
    _fold(connection, tables.tables["customers"], ("name",), _folded)
    _fold(
        connection,
        tables.tables["attachments"],
        ("name", "media_type"),
        lambda name, media_type: f"{_folded(name)}\n{_folded(media_type)}",
    )
    _write_windows(connection, tables.tables["calendars"], tables.tables["calendar_windows"])


def downgrade() -> None:
    for table in ("attachments", "customers"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("name_search")
    op.execute("DELETE FROM calendar_windows")


def _fold(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], folded: Callable[..., str]
) -> None:
    after = 0
    named = sa.select(table.c.id, *(table.c[name] for name in columns)).order_by(table.c.id).limit(AT_ONCE)
    change = (
        sa.update(table).where(table.c.id == sa.bindparam("row")).values(name_search=sa.bindparam("said"))
    )
    while found := connection.execute(named.where(table.c.id > after)).all():
        connection.execute(change, [{"row": id, "said": folded(*values)} for id, *values in found])
        after = found[-1].id


def _folded(text: str) -> str:
    """As rules.vocabulary.fold does it today."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"\s+", " ", folded)


def _write_windows(connection: sa.Connection, calendars: sa.Table, windows: sa.Table) -> None:
    now = datetime.now(UTC)
    for calendar_id, week in connection.execute(sa.select(calendars.c.id, calendars.c.hours)).all():
        try:
            calendar = hours.Calendar.from_json(week)
        except hours.CalendarError:
            continue  # it opens nowhere else either
        rows: list[dict[str, Any]] = [
            {"calendar_id": calendar_id, "opens_at": opens_at, "closes_at": closes_at}
            for opens_at, closes_at in hours.windows(calendar, now - BACK_FOR, now + AHEAD_FOR)
        ]
        if rows:
            connection.execute(sa.insert(windows), rows)

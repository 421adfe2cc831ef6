"""What Alembic runs. The connection and its transaction come from app/migrations.py."""

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext

from app import models  # noqa: F401 - maps every table
from app.database import Base, UTCDateTime, is_index


def render(kind: str, item: Any, autogen: AutogenContext) -> str | bool:
    """Revisions stand for themselves: they name no type of the app, which may change after them."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render,
    include_name=lambda name, kind, _: not (kind in ("table", "index") and is_index(name)),
)
with context.begin_transaction():
    context.run_migrations()

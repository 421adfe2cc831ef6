"""Indexes of boards whose columns are people, priorities, channels or languages"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

UNRESOLVED = sa.text("closed_at IS NULL")
FIELDS = {"assignee": "assignee_id", "priority": "priority", "channel": "channel_id", "language": "language"}


def upgrade() -> None:
    for name, field in FIELDS.items():
        op.create_index(
            f"ix_tickets_of_{name}",
            "tickets",
            ["board_id", field, "sort_key", "id"],
            sqlite_where=UNRESOLVED,
            postgresql_where=UNRESOLVED,
        )
    op.drop_index("ix_tickets_unresolved", table_name="tickets")


def downgrade() -> None:
    op.create_index(
        "ix_tickets_unresolved",
        "tickets",
        ["board_id", "assignee_id", "id"],
        sqlite_where=UNRESOLVED,
        postgresql_where=UNRESOLVED,
    )
    for name in FIELDS:
        op.drop_index(f"ix_tickets_of_{name}", table_name="tickets")

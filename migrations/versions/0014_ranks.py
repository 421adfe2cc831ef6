"""The place of tickets in their columns, and how people look at boards"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ORDERS = {
    "rank": ("rank",),
    "priority": ("priority", "sort_key"),
    "waiting": ("waiting_since",),
    "created": ("created_at",),
    "updated": ("updated_at",),
}


def upgrade() -> None:
    # The defaults are for the rows there are; the models give new ones theirs.
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(sa.Column("looks", sa.JSON(), server_default="{}", nullable=False))
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.alter_column("looks", existing_type=sa.JSON(), server_default=None)

    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rank", sa.BigInteger(), server_default="0", nullable=False))
        for name, columns in ORDERS.items():
            batch_op.create_index(f"ix_tickets_column_{name}", ["column_id", *columns, "id"], unique=False)
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.alter_column("rank", existing_type=sa.BigInteger(), server_default=None)
    op.execute("UPDATE tickets SET rank = CAST(id AS BIGINT) * 1048576")  # the oldest on top


def downgrade() -> None:
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        for name in ORDERS:
            batch_op.drop_index(f"ix_tickets_column_{name}")
        batch_op.drop_column("rank")

    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.drop_column("looks")

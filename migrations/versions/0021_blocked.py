"""Blocked senders"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blocked_senders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["people.id"], name=op.f("fk_blocked_senders_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_senders")),
        sa.UniqueConstraint("sender", name=op.f("uq_blocked_senders_sender")),
    )
    with op.batch_alter_table("blocked_senders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_blocked_senders_by_id"), ["by_id"], unique=False)


def downgrade() -> None:
    op.drop_table("blocked_senders")

"""Answers that leave later"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

OLD = "'customer', 'reply', 'note', 'forward'"


def upgrade() -> None:
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("leaves_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("then", sa.String(), nullable=True))
        batch_op.drop_constraint(batch_op.f("ck_messages_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_messages_kind"), f"kind IN ({OLD}, 'later')")
        batch_op.create_index(
            "ix_messages_leaves",
            ["leaves_at"],
            unique=False,
            sqlite_where=sa.text("leaves_at IS NOT NULL"),
            postgresql_where=sa.text("leaves_at IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_messages_leaves",
            sqlite_where=sa.text("leaves_at IS NOT NULL"),
            postgresql_where=sa.text("leaves_at IS NOT NULL"),
        )
        batch_op.drop_constraint(batch_op.f("ck_messages_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_messages_kind"), f"kind IN ({OLD})")
        batch_op.drop_column("then")
        batch_op.drop_column("leaves_at")

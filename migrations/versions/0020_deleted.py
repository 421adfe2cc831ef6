"""Deleted tickets"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("deleted_from_id", sa.Integer(), nullable=True))
        batch_op.alter_column("board_id", existing_type=sa.Integer(), nullable=True)
        batch_op.alter_column("column_id", existing_type=sa.Integer(), nullable=True)
        batch_op.create_index(batch_op.f("ix_tickets_deleted_from_id"), ["deleted_from_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_tickets_deleted_from_id"), "boards", ["deleted_from_id"], ["id"]
        )


def downgrade() -> None:
    op.execute(
        "UPDATE tickets SET board_id = deleted_from_id, column_id = (SELECT min(columns.id) FROM columns "
        "WHERE columns.board_id = tickets.deleted_from_id AND columns.state = tickets.state) "
        "WHERE deleted_from_id IS NOT NULL"
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_tickets_deleted_from_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_tickets_deleted_from_id"))
        batch_op.alter_column("column_id", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column("board_id", existing_type=sa.Integer(), nullable=False)
        batch_op.drop_column("deleted_from_id")
        batch_op.drop_column("deleted_at")

"""Forwards that are being written"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forward_drafts",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("cc", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("stamp", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_forward_drafts_message_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_forward_drafts_person_id")),
        sa.PrimaryKeyConstraint("person_id", "message_id", name=op.f("pk_forward_drafts")),
    )
    with op.batch_alter_table("forward_drafts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_forward_drafts_message_id"), ["message_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_forward_drafts_changed_at"), ["changed_at"], unique=False)
    with op.batch_alter_table("draft_files", schema=None) as batch_op:
        batch_op.add_column(sa.Column("message_id", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_draft_files_message_id"), ["message_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_draft_files_message_id"), "messages", ["message_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("draft_files", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_draft_files_message_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_draft_files_message_id"))
        batch_op.drop_column("message_id")
    op.drop_table("forward_drafts")

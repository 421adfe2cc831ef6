"""Files that wait to be sent"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "draft_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_draft_files_person_id")),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name=op.f("fk_draft_files_sha256")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_draft_files_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft_files")),
        sa.UniqueConstraint("token", name=op.f("uq_draft_files_token")),
    )
    with op.batch_alter_table("draft_files", schema=None) as batch_op:
        batch_op.create_index("ix_draft_files_draft", ["person_id", "ticket_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_draft_files_ticket_id"), ["ticket_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_draft_files_sha256"), ["sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_draft_files_created_at"), ["created_at"], unique=False)
    # Whether nothing needs some bytes any more is asked of every table that names them.
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attachments_sha256"), ["sha256"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachments_sha256"))
    op.drop_table("draft_files")

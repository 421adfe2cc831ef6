"""Who has which ticket open"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "presences",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("doing", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("doing IN ('reading', 'reply', 'note')", name=op.f("ck_presences_doing")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_presences_person_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_presences_ticket_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "ticket_id", name=op.f("pk_presences")),
    )
    op.create_index(op.f("ix_presences_ticket_id"), "presences", ["ticket_id"])


def downgrade() -> None:
    op.drop_table("presences")

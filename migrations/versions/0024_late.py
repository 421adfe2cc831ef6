"""What is late is counted along the default order"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_tickets_late", table_name="tickets")


def downgrade() -> None:
    op.create_index("ix_tickets_late", "tickets", ["column_id", "next_deadline_at"])

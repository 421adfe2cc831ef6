"""The mood of messages and tickets, and an order in which the angry and the urgent come first"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

RANGE = "mood BETWEEN -100 AND 100"


def upgrade() -> None:
    # The defaults are for the rows there are; the models give new ones theirs.
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mood", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("mood_reasons", sa.JSON(), server_default="[]", nullable=False))
        batch_op.create_check_constraint(batch_op.f("ck_messages_mood"), RANGE)
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.alter_column("mood_reasons", existing_type=sa.JSON(), server_default=None)

    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index("ix_tickets_column_priority")
        batch_op.add_column(sa.Column("mood", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("mood_by_hand", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("heat", sa.Integer(), server_default="2", nullable=False))
        batch_op.create_check_constraint(batch_op.f("ck_tickets_mood"), RANGE)
    # In the default order the mood stands behind the deadline and the priority, which are 14 digits.
    op.execute(
        "UPDATE tickets SET heat = 2 * priority, sort_key = substr(sort_key, 1, 14) || "
        "CASE WHEN closed_at IS NULL THEN '100' ELSE '000' END || substr(sort_key, 15)"
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.alter_column("mood_by_hand", existing_type=sa.Boolean(), server_default=None)
        batch_op.alter_column("heat", existing_type=sa.Integer(), server_default=None)
        batch_op.create_index("ix_tickets_heat", ["heat", "id"], unique=False)
        batch_op.create_index("ix_tickets_column_heat", ["column_id", "heat", "sort_key", "id"], unique=False)


def downgrade() -> None:
    op.execute("DELETE FROM ticket_intervals WHERE field = 'mood'")
    op.execute("UPDATE tickets SET sort_key = substr(sort_key, 1, 14) || substr(sort_key, 18)")
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index("ix_tickets_column_heat")
        batch_op.drop_index("ix_tickets_heat")
        batch_op.drop_constraint(batch_op.f("ck_tickets_mood"), type_="check")
        batch_op.drop_column("heat")
        batch_op.drop_column("mood_by_hand")
        batch_op.drop_column("mood")
        batch_op.create_index(
            "ix_tickets_column_priority", ["column_id", "priority", "sort_key", "id"], unique=False
        )

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_messages_mood"), type_="check")
        batch_op.drop_column("mood_reasons")
        batch_op.drop_column("mood")

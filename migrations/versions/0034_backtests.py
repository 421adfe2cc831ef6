"""Backtests, and the past found from its instants"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

UNFINISHED = sa.text("state IN ('queued', 'running')")
WITHDRAWN = sa.text("withdrawn_at IS NOT NULL")
ENDED = sa.text("until_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "backtests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("once_per", sa.String(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("looked_at", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'stopped', 'failed')", name=op.f("ck_backtests_state")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_backtests_person_id")),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.id"], name=op.f("fk_backtests_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backtests")),
    )
    op.create_index("ix_backtests_rule", "backtests", ["rule_id", "person_id", "id"])
    op.create_index("ix_backtests_asked", "backtests", ["asked_at"])
    op.create_index(
        "uq_backtests_person",
        "backtests",
        ["person_id"],
        unique=True,
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    op.create_index("ix_messages_at", "messages", ["at", "ticket_id"])
    op.create_index(
        "ix_messages_withdrawn",
        "messages",
        ["withdrawn_at"],
        sqlite_where=WITHDRAWN,
        postgresql_where=WITHDRAWN,
    )
    past = ["field", "value", "ticket_id"]
    op.create_index("ix_ticket_intervals_from", "ticket_intervals", ["from_at", *past])
    op.create_index(
        "ix_ticket_intervals_until",
        "ticket_intervals",
        ["until_at", *past],
        sqlite_where=ENDED,
        postgresql_where=ENDED,
    )


def downgrade() -> None:
    op.drop_index("ix_ticket_intervals_until", table_name="ticket_intervals")
    op.drop_index("ix_ticket_intervals_from", table_name="ticket_intervals")
    op.drop_index("ix_messages_withdrawn", table_name="messages")
    op.drop_index("ix_messages_at", table_name="messages")
    op.drop_table("backtests")

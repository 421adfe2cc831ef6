"""Rules that disagree about a ticket rest on it"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

KINDS = "'assigned', 'mentioned', 'answered', 'rule', 'broken', 'paused'"


def upgrade() -> None:
    op.create_table(
        "rule_quarrels",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.id"], name=op.f("fk_rule_quarrels_rule_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_rule_quarrels_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", "rule_id", name=op.f("pk_rule_quarrels")),
    )
    with op.batch_alter_table("rule_quarrels", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rule_quarrels_rule_id"), ["rule_id"], unique=False)
    _constrain(f"{KINDS}, 'quarrel'")


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE kind = 'quarrel'")
    _constrain(KINDS)
    op.drop_table("rule_quarrels")


def _constrain(kinds: str) -> None:
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_notifications_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_notifications_kind"), f"kind IN ({kinds})")

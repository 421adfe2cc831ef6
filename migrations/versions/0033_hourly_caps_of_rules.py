"""Rules that fire too often pause by themselves"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

KINDS = "'assigned', 'mentioned', 'answered', 'rule', 'broken'"


def upgrade() -> None:
    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hourly_cap", sa.Integer(), nullable=False, server_default="500"))
        batch_op.add_column(sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("capped_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.alter_column("hourly_cap", existing_type=sa.Integer(), server_default=None)
    _constrain(f"{KINDS}, 'paused'")


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE kind = 'paused'")
    _constrain(KINDS)
    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.drop_column("capped_at")
        batch_op.drop_column("resumed_at")
        batch_op.drop_column("paused_at")
        batch_op.drop_column("hourly_cap")


def _constrain(kinds: str) -> None:
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_notifications_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_notifications_kind"), f"kind IN ({kinds})")

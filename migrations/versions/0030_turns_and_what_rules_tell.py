"""Turns within teams, and notifications that rules send"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

KINDS = "'assigned', 'mentioned', 'answered'"


def upgrade() -> None:
    with op.batch_alter_table("team_people", schema=None) as batch_op:
        batch_op.add_column(sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("team_people", schema=None) as batch_op:
        batch_op.alter_column("turn", existing_type=sa.Integer(), server_default=None)
    _constrain(f"{KINDS}, 'rule'")


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE kind = 'rule'")
    _constrain(KINDS)
    with op.batch_alter_table("team_people", schema=None) as batch_op:
        batch_op.drop_column("turn")


def _constrain(kinds: str) -> None:
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_notifications_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_notifications_kind"), f"kind IN ({kinds})")

"""Versions of rules keep their hourly caps"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("rule_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hourly_cap", sa.Integer(), nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_rule_versions_hourly_cap"), "hourly_cap BETWEEN 1 AND 100000"
        )


def downgrade() -> None:
    with op.batch_alter_table("rule_versions", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_rule_versions_hourly_cap"), type_="check")
        batch_op.drop_column("hourly_cap")

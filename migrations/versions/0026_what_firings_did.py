"""What firings of rules did, and what they did not"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("rule_firings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("done", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("dropped", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("rule_firings", schema=None) as batch_op:
        batch_op.alter_column("done", server_default=None)
        batch_op.alter_column("dropped", server_default=None)
        batch_op.create_index("ix_rule_firings_rule", ["rule_id", "at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("rule_firings", schema=None) as batch_op:
        batch_op.drop_index("ix_rule_firings_rule")
        batch_op.drop_column("dropped")
        batch_op.drop_column("done")

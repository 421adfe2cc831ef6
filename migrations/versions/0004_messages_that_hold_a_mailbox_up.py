"""Messages that hold a mailbox up, and what lay there before"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("mailboxes") as batch_op:
        batch_op.add_column(sa.Column("old_until", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("stuck_uid", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("stuck", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("mailboxes") as batch_op:
        batch_op.alter_column("old_until", existing_type=sa.BigInteger(), server_default=None)
        batch_op.alter_column("stuck", existing_type=sa.Integer(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("mailboxes") as batch_op:
        batch_op.drop_column("stuck")
        batch_op.drop_column("stuck_uid")
        batch_op.drop_column("old_until")

"""Languages of customers that a person has set"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default is for the rows there are; the models give new ones theirs.
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("language_by_hand", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.alter_column("language_by_hand", existing_type=sa.Boolean(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_column("language_by_hand")

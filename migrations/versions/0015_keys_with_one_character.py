"""Keys with one character are switched off by whoever wants"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default is for the rows there are; the model gives new ones theirs.
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(sa.Column("single_keys", sa.Boolean(), server_default=sa.true(), nullable=False))
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.alter_column("single_keys", existing_type=sa.Boolean(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.drop_column("single_keys")

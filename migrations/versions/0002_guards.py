"""Acknowledgements, discarded messages, and who was written to when"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("raw_messages", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_raw_messages_state"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_raw_messages_state"),
            "state IN ('received', 'handled', 'ignored', 'failed', 'discarded')",
        )

    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_deliveries_kind"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_deliveries_kind"), "kind IN ('reply', 'automatic', 'page', 'notice')"
        )
        batch_op.create_index("ix_deliveries_recipient", ["to_address", "created_at"], unique=False)

    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True))

    # The defaults are for the rows there are; the models give new ones theirs.
    with op.batch_alter_table("channels", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("acknowledges", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("acknowledgements", sa.JSON(), server_default="{}", nullable=False))
    with op.batch_alter_table("channels", schema=None) as batch_op:
        batch_op.alter_column("acknowledges", existing_type=sa.Boolean(), server_default=None)
        batch_op.alter_column("acknowledgements", existing_type=sa.JSON(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("channels", schema=None) as batch_op:
        batch_op.drop_column("acknowledgements")
        batch_op.drop_column("acknowledges")

    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_column("acknowledged_at")

    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_deliveries_recipient")
        batch_op.drop_constraint(batch_op.f("ck_deliveries_kind"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_deliveries_kind"), "kind IN ('reply', 'page', 'notice')"
        )

    with op.batch_alter_table("raw_messages", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_raw_messages_state"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_raw_messages_state"), "state IN ('received', 'handled', 'ignored', 'failed')"
        )

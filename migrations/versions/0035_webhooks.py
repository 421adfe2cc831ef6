"""Webhooks that rules call"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

KINDS = "'reply', 'automatic', 'forward', 'page', 'notice'"


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("name", name=op.f("uq_webhooks_name")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("webhook_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_deliveries_webhook_id"), "webhooks", ["webhook_id"], ["id"]
        )
    _constrain(f"{KINDS}, 'webhook'")


def downgrade() -> None:
    op.execute("DELETE FROM deliveries WHERE kind = 'webhook'")
    _constrain(KINDS)
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_deliveries_webhook_id"), type_="foreignkey")
        batch_op.drop_column("webhook_id")
    op.drop_table("webhooks")


def _constrain(kinds: str) -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_deliveries_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_deliveries_kind"), f"kind IN ({kinds})")

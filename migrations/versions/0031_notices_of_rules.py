"""People are told of rules, too"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

OLD = "'assigned', 'mentioned', 'answered', 'rule'"


def upgrade() -> None:
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rule_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("about", sa.String(), server_default="", nullable=False))
        batch_op.alter_column("ticket_id", existing_type=sa.Integer(), nullable=True)
        batch_op.create_foreign_key(batch_op.f("fk_notifications_rule_id"), "rules", ["rule_id"], ["id"])
        batch_op.drop_constraint(batch_op.f("ck_notifications_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_notifications_kind"), f"kind IN ({OLD}, 'broken')")
        batch_op.create_check_constraint(
            batch_op.f("ck_notifications_about_one"), "ticket_id IS NOT NULL OR rule_id IS NOT NULL"
        )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.alter_column("about", existing_type=sa.String(), server_default=None)


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE rule_id IS NOT NULL")
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_notifications_about_one"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_notifications_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_notifications_kind"), f"kind IN ({OLD})")
        batch_op.drop_constraint(batch_op.f("fk_notifications_rule_id"), type_="foreignkey")
        batch_op.alter_column("ticket_id", existing_type=sa.Integer(), nullable=False)
        batch_op.drop_column("about")
        batch_op.drop_column("rule_id")

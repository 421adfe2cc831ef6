"""Copies of answers, messages sent on, and colleagues called in notes"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KINDS = {
    "messages": ("'customer', 'reply', 'note'", "'customer', 'reply', 'note', 'forward'"),
    "deliveries": (
        "'reply', 'automatic', 'page', 'notice'",
        "'reply', 'automatic', 'forward', 'page', 'notice'",
    ),
}
LISTS = {"messages": ("cc", "mentions"), "deliveries": ("cc",)}


def upgrade() -> None:
    for table, (_, new) in KINDS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            if table == "messages":
                batch_op.add_column(sa.Column("to_address", sa.String(), nullable=True))
            for name in LISTS[table]:
                batch_op.add_column(sa.Column(name, sa.JSON(), server_default="[]", nullable=False))
            batch_op.drop_constraint(batch_op.f(f"ck_{table}_kind"), type_="check")
            batch_op.create_check_constraint(batch_op.f(f"ck_{table}_kind"), f"kind IN ({new})")
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in LISTS[table]:
                batch_op.alter_column(name, existing_type=sa.JSON(), server_default=None)
    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("to_address", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("cc", sa.String(), nullable=True))
    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.alter_column("to_address", existing_type=sa.String(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.drop_column("cc")
        batch_op.drop_column("to_address")
    for table, (old, _) in KINDS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(batch_op.f(f"ck_{table}_kind"), type_="check")
            batch_op.create_check_constraint(batch_op.f(f"ck_{table}_kind"), f"kind IN ({old})")
            for name in reversed(LISTS[table]):
                batch_op.drop_column(name)
            if table == "messages":
                batch_op.drop_column("to_address")

"""The past of tickets is read by field"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

ENDED = sa.text("until_at IS NOT NULL")


def upgrade() -> None:
    _make_anew(["field", "from_at"], ["field", "until_at"])


def downgrade() -> None:
    _make_anew(["from_at", "field"], ["until_at", "field"])


def _make_anew(begun: list[str], ended: list[str]) -> None:
    rest = ["value", "ticket_id"]
    op.drop_index("ix_ticket_intervals_from", table_name="ticket_intervals")
    op.create_index("ix_ticket_intervals_from", "ticket_intervals", [*begun, *rest])
    op.drop_index("ix_ticket_intervals_until", table_name="ticket_intervals")
    op.create_index(
        "ix_ticket_intervals_until",
        "ticket_intervals",
        [*ended, *rest],
        sqlite_where=ENDED,
        postgresql_where=ENDED,
    )

"""Versions of rules: what each was after each change. What a rule is now is its first one."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

DESK = 0


def upgrade() -> None:
    op.create_table(
        "rule_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("named", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("once_per", sa.String(), nullable=False),
        sa.Column("stop_after", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("by_kind", sa.String(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cause IN ('added', 'changed', 'switched', 'moved', 'returned', 'merged', 'broken', 'removed')",
            name=op.f("ck_rule_versions_cause"),
        ),
        sa.CheckConstraint("once_per IN ('episode', 'ticket')", name=op.f("ck_rule_versions_once_per")),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.id"], name=op.f("fk_rule_versions_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_versions")),
    )
    with op.batch_alter_table("rule_versions", schema=None) as batch_op:
        batch_op.create_index("uq_rule_versions_number", ["rule_id", "number"], unique=True)
    _begin()


def downgrade() -> None:
    op.drop_table("rule_versions")


def _begin() -> None:
    """Who changed a rule last stands in its events."""
    found = sa.MetaData()
    found.reflect(op.get_bind(), only=["rules", "events", "rule_versions"])
    rules, events, versions = (found.tables[name] for name in ("rules", "events", "rule_versions"))
    connection = op.get_bind()
    for rule in connection.execute(sa.select(rules)).mappings():
        changed = sa.select(events.c.by_kind, events.c.by_id, events.c.at).where(
            events.c.stream == DESK, events.c.subject_kind == "rule", events.c.subject_id == rule["id"]
        )
        last = connection.execute(changed.order_by(events.c.id.desc()).limit(1)).one_or_none()
        kind, by, at = last or ("clock", None, datetime.now(UTC))
        kept = ("name", "query", "actions", "stop_after", "enabled", "position")
        connection.execute(
            versions.insert().values(
                **{name: rule[name] for name in kept},
                rule_id=rule["id"],
                number=rule["version"],
                cause="changed",
                once_per="ticket" if rule["once_per"] == "ticket" else "episode",
                about="",
                by_kind=kind,
                by_id=by,
                at=at,
            )
        )

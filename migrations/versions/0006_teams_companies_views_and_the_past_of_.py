"""Teams, companies, views and the past of tickets"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


AT_ONCE = 500  # tickets whose past is told at a time
CLOSED = ("resolved", "archived")
PRIORITIES = ("low", "normal", "high", "urgent")
KINDS = {
    "ticket.opened": ("column", "state"),
    "ticket.moved": ("column", "state"),
    "ticket.assigned": ("assignee",),
    "ticket.prioritised": ("priority",),
    "ticket.language": ("language",),
    "ticket.tagged": ("tag",),
    "ticket.untagged": ("tag",),
}


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("name", name=op.f("uq_companies_name")),
    )
    op.create_table(
        "teams",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("name", name=op.f("uq_teams_name")),
    )
    op.create_table(
        "calendar_windows",
        sa.Column("calendar_id", sa.Integer(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["calendars.id"],
            name=op.f("fk_calendar_windows_calendar_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("calendar_id", "opens_at", name=op.f("pk_calendar_windows")),
    )
    op.create_table(
        "company_domains",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_company_domains_company_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_company_domains")),
    )
    with op.batch_alter_table("company_domains", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_company_domains_company_id"), ["company_id"], unique=False)

    op.create_table(
        "team_people",
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_team_people_person_id")),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_team_people_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("team_id", "person_id", name=op.f("pk_team_people")),
    )
    with op.batch_alter_table("team_people", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_team_people_person_id"), ["person_id"], unique=False)

    op.create_table(
        "views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("sort", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], name=op.f("fk_views_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_views")),
    )
    with op.batch_alter_table("views", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_views_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "ticket_intervals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_intervals_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_intervals")),
    )
    with op.batch_alter_table("ticket_intervals", schema=None) as batch_op:
        batch_op.create_index("ix_ticket_intervals_ticket", ["ticket_id", "field", "from_at"], unique=False)
        batch_op.create_index(
            "uq_ticket_intervals_open",
            ["ticket_id", "field", "value"],
            unique=True,
            sqlite_where=sa.text("until_at IS NULL"),
            postgresql_where=sa.text("until_at IS NULL"),
        )

    # The defaults are for the rows there are; the models give new ones theirs.
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("company_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("vip", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("notes", sa.String(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_customers_company_id"), ["company_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_customers_company_id"), "companies", ["company_id"], ["id"]
        )
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.alter_column("vip", existing_type=sa.Boolean(), server_default=None)
        batch_op.alter_column("notes", existing_type=sa.String(), server_default=None)

    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("team_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("customer_wrote_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("reopened", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index(batch_op.f("ix_tickets_team_id"), ["team_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_tickets_team_id"), "teams", ["team_id"], ["id"])
        for name, column in (
            ("updated", "updated_at"),
            ("created", "created_at"),
            ("sort", "sort_key"),
            ("priority", "priority"),
        ):
            batch_op.create_index(f"ix_tickets_{name}", [column, "id"], unique=False)
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.alter_column("reopened", existing_type=sa.Integer(), server_default=None)

    _remember(op.get_bind())


def downgrade() -> None:
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_tickets_team_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_tickets_team_id"))
        for name in ("updated", "created", "sort", "priority"):
            batch_op.drop_index(f"ix_tickets_{name}")
        batch_op.drop_column("reopened")
        batch_op.drop_column("customer_wrote_at")
        batch_op.drop_column("team_id")

    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_customers_company_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_customers_company_id"))
        batch_op.drop_column("notes")
        batch_op.drop_column("vip")
        batch_op.drop_column("company_id")

    with op.batch_alter_table("ticket_intervals", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_ticket_intervals_open",
            sqlite_where=sa.text("until_at IS NULL"),
            postgresql_where=sa.text("until_at IS NULL"),
        )
        batch_op.drop_index("ix_ticket_intervals_ticket")

    op.drop_table("ticket_intervals")
    with op.batch_alter_table("views", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_views_owner_id"))

    op.drop_table("views")
    with op.batch_alter_table("team_people", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_team_people_person_id"))

    op.drop_table("team_people")
    with op.batch_alter_table("company_domains", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_company_domains_company_id"))

    op.drop_table("company_domains")
    op.drop_table("calendar_windows")
    op.drop_table("teams")
    op.drop_table("companies")


def _remember(connection: sa.Connection) -> None:
    """Tells the past of every ticket again from its events, how often it was reopened and when its customer wrote."""
    tables = sa.MetaData()
    names = ("tickets", "events", "tags", "ticket_tags", "messages", "ticket_intervals")
    tables.reflect(connection, only=names)
    tickets, events, tags, ticket_tags, messages, intervals = (tables.tables[name] for name in names)
    connection.execute(
        sa.update(tickets).values(
            customer_wrote_at=sa.select(sa.func.max(messages.c.at))
            .where(
                messages.c.ticket_id == tickets.c.id,
                messages.c.kind == "customer",
                messages.c.automatic.is_(None),
            )
            .scalar_subquery()
        )
    )
    tag_ids = dict(connection.execute(sa.select(tags.c.name, tags.c.id)).all())
    for found in _some(connection, tickets):
        ids = [ticket.id for ticket in found]
        told: dict[int, list[Any]] = defaultdict(list)
        for event in connection.execute(
            sa.select(events.c.subject_id, events.c.kind, events.c.changes, events.c.at)
            .where(events.c.subject_kind == "ticket", events.c.subject_id.in_(ids), events.c.kind.in_(KINDS))
            .order_by(events.c.id)
        ):
            told[event.subject_id].append(event)
        worn: dict[int, set[int]] = defaultdict(set)
        for ticket_id, tag_id in connection.execute(
            sa.select(ticket_tags.c.ticket_id, ticket_tags.c.tag_id).where(ticket_tags.c.ticket_id.in_(ids))
        ):
            worn[ticket_id].add(tag_id)
        rows = [
            {
                "ticket_id": ticket.id,
                "field": field,
                "value": str(value),
                "from_at": from_at,
                "until_at": until,
            }
            for ticket in found
            for field, value, from_at, until in (
                *_past(ticket, told[ticket.id]),
                *_tags(ticket, told[ticket.id], worn[ticket.id], tag_ids),
            )
        ]
        if rows:
            connection.execute(sa.insert(intervals), rows)
        for ticket in found:
            reopened = sum(_reopens(event) for event in told[ticket.id])
            if reopened:
                connection.execute(
                    sa.update(tickets).where(tickets.c.id == ticket.id).values(reopened=reopened)
                )


def _some(connection: sa.Connection, tickets: sa.Table) -> Iterator[list[Any]]:
    after = 0
    while found := list(
        connection.execute(
            sa.select(tickets).where(tickets.c.id > after).order_by(tickets.c.id).limit(AT_ONCE)
        )
    ):
        after = found[-1].id
        yield found


def _past(ticket: Any, told: list[Any]) -> Iterator[tuple[str, Any, Any, Any]]:
    """(field, value, from, until) of what a ticket has one of at a time. What no event tells has held since it came."""
    now = {
        "board": ticket.board_id,
        "column": ticket.column_id,
        "state": ticket.state,
        "priority": ticket.priority,
        "assignee": ticket.assignee_id,
        "language": ticket.language,
    }
    for field, present in now.items():
        steps = [
            (event.at, *(_value(field, each) for each in event.changes[field]))
            for event in told
            if field in KINDS[event.kind] and len(event.changes.get(field) or ()) == 2
        ]
        opened = steps and steps[0][1] is None and field in ("column", "state")
        value = steps[0][2] if opened else steps[0][1] if steps else present
        since = ticket.created_at
        for at, _, following in steps[1:] if opened else steps:
            if following != value:
                if value is not None:
                    yield field, value, since, at
                value, since = following, at
        if value != present:  # written without an event: from the last step on
            value = present
        if value is not None:
            yield field, value, since, None


def _tags(
    ticket: Any, told: list[Any], worn: set[int], ids: dict[str, int]
) -> Iterator[tuple[str, Any, Any, Any]]:
    since: dict[int, Any] = {}
    for event in told:
        if event.kind not in ("ticket.tagged", "ticket.untagged"):
            continue
        old, new = (ids.get(name) for name in (event.changes.get("tag") or (None, None)))
        if old is not None:
            yield "tag", old, since.pop(old, ticket.created_at), event.at
        if new is not None:
            since.setdefault(new, event.at)
    for tag in sorted(worn):
        yield "tag", tag, since.get(tag, ticket.created_at), None


def _value(field: str, told: Any) -> Any:
    return PRIORITIES.index(told) if field == "priority" and told in PRIORITIES else told


def _reopens(event: Any) -> bool:
    old, new = event.changes.get("state") or (None, None)
    return event.kind == "ticket.moved" and old in CLOSED and new not in CLOSED

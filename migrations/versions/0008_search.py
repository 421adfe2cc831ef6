"""Documents to search in"""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

from rules.tokens import document

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AT_ONCE = 1_000  # messages

INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE search_index USING fts5(tokens, content='search_documents', content_rowid='id', "
        "tokenize='ascii', prefix='2 3', detail='none', columnsize=0)",
        "INSERT INTO search_index (search_index) VALUES ('rebuild')",
        "CREATE TRIGGER search_documents_added AFTER INSERT ON search_documents BEGIN "
        "INSERT INTO search_index (rowid, tokens) VALUES (new.id, new.tokens); END",
        "CREATE TRIGGER search_documents_removed AFTER DELETE ON search_documents BEGIN "
        "INSERT INTO search_index (search_index, rowid, tokens) VALUES ('delete', old.id, old.tokens); END",
        "CREATE TRIGGER search_documents_changed AFTER UPDATE OF tokens ON search_documents BEGIN "
        "INSERT INTO search_index (search_index, rowid, tokens) VALUES ('delete', old.id, old.tokens); "
        "INSERT INTO search_index (rowid, tokens) VALUES (new.id, new.tokens); END",
    ),
    "postgresql": (
        "CREATE INDEX search_index ON search_documents USING gin ("
        "array_to_tsvector(string_to_array(btrim(tokens || '·' || CAST(id / 16384 AS text)), ' ')))",
    ),
}


def upgrade() -> None:
    op.create_table(
        "search_documents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("tokens", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_search_documents_message_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_search_documents_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_documents")),
    )
    with op.batch_alter_table("search_documents", schema=None) as batch_op:
        batch_op.create_index("ix_search_documents_ticket", ["ticket_id", "message_id"], unique=True)

    connection = op.get_bind()
    _fill(connection)
    for statement in INDEX[connection.dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_index")
    op.drop_table("search_documents")


def _fill(connection: sa.Connection) -> None:
    """A document for every ticket and message, in the order in which they came: the newest has the highest number."""
    tables = sa.MetaData()
    names = ("tickets", "messages", "customers", "customer_addresses", "companies", "search_documents")
    tables.reflect(connection, only=names)
    tickets, messages, documents = (
        tables.tables[name] for name in ("tickets", "messages", "search_documents")
    )
    said = sa.select(
        messages.c.id, messages.c.ticket_id, messages.c.subject, messages.c.text, messages.c.withdrawn_at
    )
    after, last_ticket = 0, 0
    while found := connection.execute(
        said.where(messages.c.id > after).order_by(messages.c.id).limit(AT_ONCE)
    ).all():
        after = found[-1].id
        newest = max(message.ticket_id for message in found)
        own = _of_tickets(connection, tables, last_ticket, newest)
        last_ticket = max(last_ticket, newest)
        subjects = dict(
            connection.execute(
                sa.select(tickets.c.id, tickets.c.subject).where(
                    tickets.c.id.in_({message.ticket_id for message in found})
                )
            ).all()
        )
        rows = []
        for message in found:
            if message.ticket_id in own:
                rows.append(
                    {"ticket_id": message.ticket_id, "message_id": None, "tokens": own.pop(message.ticket_id)}
                )
            if message.withdrawn_at is None:
                parts = (_other(subjects[message.ticket_id], message.subject), message.text)
                rows.append(
                    {
                        "ticket_id": message.ticket_id,
                        "message_id": message.id,
                        "tokens": document(parts),
                    }
                )
        rows += [{"ticket_id": id, "message_id": None, "tokens": tokens} for id, tokens in own.items()]
        connection.execute(sa.insert(documents), rows)
    highest = connection.scalar(sa.select(sa.func.max(tickets.c.id))) or 0
    while last_ticket < highest:
        own = _of_tickets(connection, tables, last_ticket, last_ticket + AT_ONCE)
        last_ticket += AT_ONCE
        rows = [{"ticket_id": id, "message_id": None, "tokens": tokens} for id, tokens in own.items()]
        if rows:
            connection.execute(sa.insert(documents), rows)


def _of_tickets(connection: sa.Connection, tables: sa.MetaData, after: int, until: int) -> dict[int, str]:
    """ticket -> its tokens: subject, customer, addresses, company."""
    tickets, customers = tables.tables["tickets"], tables.tables["customers"]
    addresses, companies = tables.tables["customer_addresses"], tables.tables["companies"]
    within = (tickets.c.id > after) & (tickets.c.id <= until)
    theirs: dict[int, list[str]] = defaultdict(list)
    for customer_id, address in connection.execute(
        sa.select(addresses.c.customer_id, addresses.c.address)
        .where(addresses.c.customer_id.in_(sa.select(tickets.c.customer_id).where(within)))
        .order_by(addresses.c.id)
    ):
        theirs[customer_id].append(address)
    rows: Any = connection.execute(
        sa.select(tickets.c.id, tickets.c.subject, customers.c.id, customers.c.name, companies.c.name)
        .join(customers, customers.c.id == tickets.c.customer_id)
        .outerjoin(companies, companies.c.id == customers.c.company_id)
        .where(within)
        .order_by(tickets.c.id)
    )
    return {
        id: document((subject, name, *theirs[customer_id], company or ""))
        for id, subject, customer_id, name, company in rows
    }


def _other(ours: str, theirs: str) -> str:
    """The subject of a message that says more than its ticket's."""
    here, there = document((ours,)).split(), document((theirs,)).split()
    return "" if there[len(there) - len(here) :] == here else theirs

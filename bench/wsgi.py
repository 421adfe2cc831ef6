"""The product's app, with the yardsticks served by the same server beside it."""

from datetime import UTC, datetime
from pathlib import Path

from flask import Response, render_template, request
from flask_login import login_required
from sqlalchemy import event, insert, select, update
from sqlalchemy.engine import Engine

from app import create_app
from app.config import settings
from app.database import db, writing
from app.models.board import Board
from app.models.customer import Customer
from app.models.ticket import Ticket

app = create_app()
_kept: dict[str, bytes] = {}
_statements = 0
_empty = app.jinja_env.from_string("")


@event.listens_for(Engine, "before_cursor_execute")
def _count(_connection, _cursor, statement, *_rest) -> None:  # type: ignore[no-untyped-def]
    global _statements
    _statements += not statement.startswith("BEGIN")


@app.put("/bench/memory")
def keep() -> str:
    """Takes the bytes that /bench/memory answers with, once for all processes."""
    _page().write_bytes(request.get_data())
    return ""


@app.get("/bench/memory")
def memory() -> Response:
    """The same bytes from memory."""
    if "page" not in _kept:
        _kept["page"] = _page().read_bytes()
    return Response(_kept["page"], mimetype="text/html")


def _page() -> Path:
    return settings().data / "bench.html"


@app.post("/bench/update/<int:ticket_id>")
@login_required
def one_update(ticket_id: int) -> str:
    """One durable UPDATE through SQLAlchemy, signed in: the yardstick of a move."""
    now = datetime.now(UTC)
    with writing(db.session.get_one(Board, 1)):
        db.session.execute(
            update(Ticket)
            .where(Ticket.id == ticket_id)
            .values(updated_at=now)
            .execution_options(synchronize_session=False)
        )
    return "done"


@app.post("/bench/insert")
@login_required
def one_insert() -> str:
    """One durable INSERT through SQLAlchemy, signed in: the yardstick of a new ticket."""
    now = datetime.now(UTC)
    with writing(db.session.get_one(Board, 1)):
        db.session.execute(insert(Customer).values(name="Somebody", language="en", created_at=now))
    return "done"


@app.get("/bench/select/<int:ticket_id>")
@login_required
def one_select(ticket_id: int) -> str:
    """One indexed SELECT and an empty template, signed in: the yardstick of a ticket's page.

    Rendered as every page is, with what the shell asks for: who is signed in, and the counts of the navigation.
    """
    ticket = db.session.execute(select(Ticket.id, Ticket.subject).where(Ticket.id == ticket_id)).one()
    return render_template(_empty, ticket=ticket)


@app.get("/bench/statements")
def statements() -> str:
    """How many SQL statements this process has run."""
    return str(_statements)

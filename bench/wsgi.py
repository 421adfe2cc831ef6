"""The product's app, with the yardsticks served by the same server beside it."""

from datetime import UTC, datetime

from flask import Response, request
from flask_login import login_required
from sqlalchemy import event, update
from sqlalchemy.engine import Engine

from app import create_app
from app.database import db, writing
from app.models.board import Board
from app.models.ticket import Ticket

app = create_app()
_kept: dict[str, bytes] = {}
_statements = 0


@event.listens_for(Engine, "before_cursor_execute")
def _count(_connection, _cursor, statement, *_rest) -> None:  # type: ignore[no-untyped-def]
    global _statements
    _statements += not statement.startswith("BEGIN")


@app.put("/bench/memory")
def keep() -> str:
    """Takes the bytes that /bench/memory answers with."""
    _kept["page"] = request.get_data()
    return ""


@app.get("/bench/memory")
def memory() -> Response:
    """The same bytes from memory."""
    return Response(_kept["page"], mimetype="text/html")


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


@app.get("/bench/statements")
def statements() -> str:
    """How many SQL statements this process has run."""
    return str(_statements)

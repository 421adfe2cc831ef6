"""What a script is told after a change that it asked for: as JSON, with all that changed on its board meanwhile."""

from typing import Any

from flask import Response, json, request

from app import cards
from app.auth import now, signed_in_person
from app.models.ticket import Ticket
from app.routes.boards import view_of
from rules.query import QueryError


def by_script() -> bool:
    """Whether a script asks, which shows the answer itself."""
    return request.accept_mimetypes.best == "application/json"


def answer(ticket: Ticket, text: str, *, status: int = 200, **more: Any) -> Response:
    """`text` for a toast, the ticket's number, `more`, and the delta for the board that asks. It says how it looks at the
    board: `since`, the last event it knows of, and how: `q`, `sort`."""
    told: dict[str, Any] = {"text": text, "ticket": ticket.id, **more}
    since, person = request.form.get("since", type=int), signed_in_person()
    if since is not None:
        try:
            view = view_of(ticket.board_id, request.form.get("q", "").strip(), person, request.form)
        except QueryError:
            view = view_of(ticket.board_id, "", person, request.form)
        told["delta"] = cards.changes_since(view, since, now())._asdict()
    return Response(json.dumps(told), status, mimetype="application/json")

"""What somebody is told after a change that they asked for, with the way to take it back: scripts as JSON, with all that
changed on their board meanwhile."""

from typing import Any

from flask import Response, flash, json, request

from app import cards
from app.auth import now, signed_in_person
from app.desk import access, undo
from app.desk.refused import Refused
from app.html import wants_part
from app.models.ticket import Ticket
from app.routes.boards import view_of
from rules.query import QueryError


def by_script() -> bool:
    """Whether a script asks, which shows the answer itself."""
    return request.accept_mimetypes.best == "application/json"


def way_back() -> str | None:
    """The address that takes back what this request has changed; None when it cannot be."""
    done = undo.just_done()
    return f"/undo/{undo.token(done)}" if done else None


def answer(ticket: Ticket, text: str, *, status: int = 200, **more: Any) -> Response:
    """`text` for a toast, the ticket's number, `more`, and the delta for the board that asks."""
    more.setdefault("undo", way_back())
    return answer_on(ticket.board_id, text, status=status, ticket=ticket.id, **more)


def answer_on(board_id: int | None, text: str, *, status: int = 200, **more: Any) -> Response:
    """`text` for a toast, `more`, and the delta for the board that asks. It says how it looks at the board: `since`, the
    last event it knows of, and how: `q`, `sort`."""
    told: dict[str, Any] = {"text": text, **more}
    since, person, at = request.form.get("since", type=int), signed_in_person(), now()
    if since is not None and board_id is not None:
        try:
            view = view_of(board_id, request.form.get("q", "").strip(), person, request.form)
        except QueryError:
            view = view_of(board_id, "", person, request.form)
        told["delta"] = cards.changes_since(view, since, at)._asdict()
    return Response(json.dumps(told), status, mimetype="application/json")


def board_asking() -> int | None:
    """The board that the form says it is on, when it is one for this person."""
    board_id = request.form.get("board", type=int)
    if board_id is None:
        return None
    try:
        return access.board_seen_by(signed_in_person(), board_id, now()).id
    except Refused:
        return None


def tell(response: Any, text: str, undo: str | None = None) -> Any:
    """Says `text` in a toast, with its way back: on the page that htmx has asked from, else on the next one."""
    if wants_part():
        response.headers["HX-Trigger"] = json.dumps({"toast": {"text": text, "undo": undo}})
    else:
        flash({"text": text, "undo": undo})  # type: ignore[arg-type]  # see toast() in _parts/ui.html
    return response

"""How a person looks at a board: what the menu "Display" sets."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.desk import access, looks
from app.filters import LONGEST_TYPED
from app.models.group import GROUPS, STATE
from app.models.order import ORDERS, USUAL

bp = Blueprint("looks", __name__)


@bp.post("/boards/<int:board_id>/look")
@login_required
def choose(board_id: int) -> Response:
    """Remembers the choice, and shows the board by an address that says it. What is no choice is the usual one."""
    person = signed_in_person()
    board = access.board_seen_by(person, board_id, now())
    sort = request.form.get("sort", "")
    group = request.form.get("group", "")
    chosen: dict[str, Any] = {
        "sort": sort if sort in ORDERS else USUAL,
        "group": group if group in GROUPS else STATE,
    }
    looks.remember(person, board.id, compact=request.form.get("cards") == "compact", **chosen)
    text = request.form.get("q", "")[:LONGEST_TYPED] or None
    return redirect(url_for("boards.show", board_id=board.id, q=text, **chosen), code=303)

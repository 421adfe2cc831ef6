"""How a person looks at a board: what the menu "Display" sets, and which columns are collapsed."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.database import db
from app.desk import access, looks
from app.filters import LONGEST_TYPED
from app.models.board import Board, Column
from app.models.group import GROUPS, LANES, NO_LANES, STATE
from app.models.order import ORDERS, USUAL
from app.routes import told

bp = Blueprint("looks", __name__)


@bp.post("/boards/<int:board_id>/look")
@login_required
def choose(board_id: int) -> Response:
    """Remembers the choice, and shows the board by an address that says it. What is no choice is the usual one."""
    person = signed_in_person()
    board = access.board_seen_by(person, board_id, now())
    sort = request.form.get("sort", "")
    group = request.form.get("group", "")
    lanes = request.form.get("lanes", "")
    chosen: dict[str, Any] = {
        "sort": sort if sort in ORDERS else USUAL,
        "group": group if group in GROUPS else STATE,
        "lanes": lanes if lanes in LANES else NO_LANES,
    }
    looks.remember(person, board.id, compact=request.form.get("cards") == "compact", **chosen)
    text = request.form.get("q", "")[:LONGEST_TYPED] or None
    return redirect(url_for("boards.show", board_id=board.id, q=text, **chosen), code=303)


@bp.post("/columns/<int:column_id>/look")
@login_required
def collapse(column_id: int) -> Response:
    """Remembers whether the column is collapsed, and shows the board as the address has it."""
    person, column = signed_in_person(), db.session.get(Column, column_id)
    if column is None:
        raise access.not_found()
    board = access.board_seen_by(person, column.board_id, now())
    return _collapsed(board, column_id, f"column_{column_id}")


@bp.post("/boards/<int:board_id>/groups/<key>/look")
@login_required
def collapse_group(board_id: int, key: str) -> Response:
    """The same of a column that is made of what `group` says, or of a lane that is made of what `lanes` says."""
    person, at = signed_in_person(), now()
    board = access.board_seen_by(person, board_id, at)
    lane = "of_lane" in request.args
    made_of = request.args.get("lanes" if lane else "group", "assignee")
    if made_of not in (LANES if lane else GROUPS) or key not in LANES[made_of].keys(board.id, at):
        raise access.not_found()
    return _collapsed(board, looks.made(made_of, key, lane=lane), f"lane_{key}" if lane else f"column_{key}")


def _collapsed(board: Board, what: int | str, anchor: str) -> Response:
    looks.collapse(signed_in_person(), board, what, collapsed=bool(request.form.get("collapsed")))
    if told.by_script():
        return Response(status=204)
    names = ("q", "sort", "group", "lanes")
    carried: dict[str, Any] = {name: request.args.get(name, "")[:LONGEST_TYPED] or None for name in names}
    return redirect(url_for("boards.show", board_id=board.id, _anchor=anchor, **carried), code=303)

"""Boards as the web asks for them: the page, more cards of a column, and what changed since."""

from collections.abc import Mapping
from datetime import datetime

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import cards, clock, filters
from app.auth import current_person, login_required, now, signed_in_person
from app.database import db
from app.desk import access, looks
from app.html import bounded, page
from app.models import card as rows
from app.models import order
from app.models.board import Board, Column
from app.models.card import PER_COLUMN, View, said
from app.models.channel import channels_in_use
from app.models.group import GROUPS, LANES, NO_LANES, STATE
from app.models.order import MANUAL, ORDERS, USUAL
from app.models.person import Person
from app.models.presence import present_on
from app.words import locale
from rules.query import QueryError

bp = Blueprint("boards", __name__)

SWEEPING = ("tickets", "alerts", "shifts", "deliveries")  # the jobs whose standstill everybody must know


@bp.get("/")
@login_required
def index() -> AnyResponse:
    board_id = db.session.scalars(access.visible_boards(current_person(), now()).limit(1)).one_or_none()
    if board_id is None:
        return page("boards/none.html")
    return redirect(url_for("boards.show", board_id=board_id), code=303)


@bp.get("/boards/<int:board_id>")
@login_required
@bounded
def show(board_id: int) -> AnyResponse:
    person, at = signed_in_person(), now()
    board = access.board_seen_by(person, board_id, at)
    asked = filters.read(request.args.get("q", ""), person)
    view = _view(board.id, asked, person, request.args)
    seen = rows.overview(view, at)
    folded = looks.collapsed(person, board.id)
    nothing_yet = not asked.text and not any(head.count for head in seen.heads)
    return page(
        "boards/show.html",
        status=422 if asked.error else 200,
        board=board,
        view=view,
        orders=ORDERS,
        groups={name: by.label for name, by in LANES.items()},
        asked=asked,
        carried={name: request.args[name] for name in ("sort", "group", "lanes") if request.args.get(name)},
        hidden=said(seen.hidden),
        columns=cards.columns_of(view, seen, folded, at),
        lanes=cards.lanes_of(view, seen, folded, at),
        archived=[head for head in seen.heads if head.state == "archived"],
        ways_in=[way for way in channels_in_use() if way.board_id == board.id] if nothing_yet else [],
        on_call=cards.draw_on_call(board.rota_id, at),
        stopped=clock_stopped(at),
    )


@bp.get("/columns/<int:column_id>/cards")
@login_required
@bounded
def column(column_id: int) -> AnyResponse:
    """A column from a card on: a page of its own, or the part that "Show more" puts below the others."""
    person, at = signed_in_person(), now()
    found = db.session.get(Column, column_id)
    if found is None:
        raise access.not_found()
    return _more(access.board_seen_by(person, found.board_id, at), column_id, STATE)


@bp.get("/boards/<int:board_id>/groups/<key>/cards")
@login_required
@bounded
def of_group(board_id: int, key: str) -> AnyResponse:
    """The same for a column that is made of what `group` says, else of people."""
    board = access.board_seen_by(signed_in_person(), board_id, now())
    by = request.args.get("group", "assignee")
    if by not in GROUPS:
        raise access.not_found()
    return _more(board, key, by)


def _more(board: Board, key: int | str, by: str) -> AnyResponse:
    person, at = signed_in_person(), now()
    text = request.args.get("q", "").strip()
    try:
        view = view_of(board.id, text, person, {**request.args, "group": by})
        after = order.cursor(request.args["after"]) if "after" in request.args else None
    except (QueryError, ValueError):
        raise access.not_found() from None
    seen, lane = rows.overview(view, at), request.args.get("lane", "")
    head = next((head for head in seen.heads if head.id == key), None)
    if head is None or lane not in ("", *(lane.key for lane in seen.lanes)):
        raise access.not_found()
    there = rows.more_cards(view, head, after, at, lane)
    return page(
        "boards/column.html",
        part="boards/_more_cards.html",
        board=board,
        column=head,
        lane=next((each for each in seen.lanes if each.key == lane), None),
        view=view,
        first=after is None,
        cards=cards.draw(there[:PER_COLUMN], view, at),
        empty=not there,
        address=cards.address_of(view, key, lane),
        more=cards.cursor(there[PER_COLUMN - 1], view) if len(there) > PER_COLUMN else None,
    )


@bp.get("/boards/<int:board_id>/delta")
@login_required
@bounded
def delta(board_id: int) -> AnyResponse:
    """JSON: what changed since the event `since`, see cards.Delta, and who is at which ticket. 422 when the filter does not parse."""
    person, at = signed_in_person(), now()
    board = access.board_seen_by(person, board_id, at)
    try:
        view = view_of(board.id, request.args.get("q", "").strip(), person, request.args)
    except QueryError as wrong:
        return jsonify(filters.said(wrong)), 422  # type: ignore[return-value]
    changed = cards.changes_since(view, request.args.get("since", -1, int), at)
    answer = jsonify(**changed._asdict(), presence=present_on([board.id], at).get(board.id, {}))
    answer.headers["X-Clock"] = "stopped" if clock_stopped(at) else "running"
    return answer


def view_of(board_id: int, text: str, person: Person, asked: Mapping[str, str]) -> View:
    """How this person looks at the board with this filter: as asked, else as they did before. Raises QueryError."""
    return _view(board_id, filters.parsed(text, person), person, asked)


def _view(board_id: int, found: filters.Filter, person: Person, asked: Mapping[str, str]) -> View:
    said = (asked, looks.at_board(person, board_id))
    sort = next((at["sort"] for at in said if at.get("sort") in ORDERS), USUAL)
    by = next((at["group"] for at in said if at.get("group") in LANES), STATE)
    lanes = next((at["lanes"] for at in said if at.get("lanes") in (NO_LANES, *LANES)), NO_LANES)
    if lanes == by:
        lanes = NO_LANES
    if sort == MANUAL and (by, lanes) != (STATE, NO_LANES):
        sort = USUAL  # people arrange the columns of the board
    text = "" if found.error else found.text
    return View(board_id, locale(), found.query, text, found.me, found.zone, sort=sort, group=by, lanes=lanes)


def clock_stopped(at: datetime) -> bool:
    """Whether a sweep stands still whose standstill everybody must know."""
    health = clock.health(at)
    return not all(health[job]["alive"] for job in SWEEPING)

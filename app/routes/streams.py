"""A board's changes as a stream of events, for as long as the page is open and its reader may see the board."""

from collections.abc import Collection, Mapping
from datetime import datetime

from flask import Blueprint, Flask, Response, current_app, json, jsonify, request
from werkzeug.wrappers import Response as AnyResponse

from app import cards, filters, live
from app.auth import login_required, now, signed_in_person
from app.database import db, within
from app.desk import access, sign_ins
from app.models.presence import present_on
from app.routes.boards import clock_stopped, view_of
from rules.query import QueryError

bp = Blueprint("streams", __name__)

STREAM = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
TRY_AGAIN_FOR = 30  # seconds, when no stream is free


@bp.get("/boards/<int:board_id>/stream")
@login_required
def show(board_id: int) -> AnyResponse:
    """What /delta answers, again and again, as events: delta, clock, presence, reload, ended, full. 503 when no stream is free."""
    person, at = signed_in_person(), now()
    board = access.board_seen_by(person, board_id, at)
    try:
        view = view_of(board.id, request.args.get("q", "").strip(), person, request.args)
    except QueryError as wrong:
        return jsonify(filters.said(wrong)), 422  # type: ignore[return-value]
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    streams = live.of(app)
    try:
        seat = streams.sit(live.Reader(person.id, person.get_id(), board.id))
    except live.Full:
        return Response(status=503, headers={"Retry-After": str(TRY_AGAIN_FOR)})
    try:
        since = request.headers.get("Last-Event-ID", type=int) or request.args.get("since", -1, int)
        with within(live.DRAWN_FOR):
            first = cards.changes_since(view, since, at)
        db.session.remove()
        streams.watch(seat, view, first.seq, cards.changes_since)
    except BaseException:
        seat.leave()
        raise
    answer = Response(streams.told(seat, first), mimetype="text/event-stream", headers=STREAM)
    answer.call_on_close(seat.leave)
    return answer


def present(boards: Collection[int], at: datetime) -> Mapping[int, str]:
    """Board -> who has its tickets open, as scripts read it."""
    return {board_id: json.dumps(found) for board_id, found in present_on(boards, at).items()}


def standing(readers: Collection[live.Reader], at: datetime) -> live.Standing:
    """Which of these readers are still signed in and may still see their board."""
    signed_in = sign_ins.still_valid({reader.token for reader in readers}, at)
    pairs = access.who_see({(reader.person_id, reader.board_id) for reader in readers}, at)
    allowed = {
        reader
        for reader in readers
        if reader.token in signed_in and (reader.person_id, reader.board_id) in pairs
    }
    return live.Standing(allowed, "stopped" if clock_stopped(at) else "running")

"""Search over all tickets of the boards that the reader sees, in the language of filters."""

import re
from typing import Any

from flask import Blueprint, redirect, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import filters
from app.auth import login_required, now, signed_in_person
from app.database import db
from app.desk import access
from app.html import bounded, page
from app.models import finding
from app.models.ticket import Ticket
from rules.tokens import Phrase, excerpt, fold, places

bp = Blueprint("search", __name__)

PER_PAGE = 20
LONGEST_EXCERPT = 200
_NUMBER = re.compile(r"#? ?([0-9]{1,9})")


@bp.get("/search")
@login_required
@bounded
def show() -> Response:
    person, at = signed_in_person(), now()
    text = request.args.get("q", "").strip()
    boards = access.visible_boards(person, at)
    if number := _number_of(text):
        known = select(Ticket.id).where(Ticket.id == number, Ticket.board_id.in_(boards.order_by(None)))
        if db.session.scalar(known):
            return redirect(url_for("tickets.show", number=number), code=303)
    asked = filters.read(text, person)
    if asked.all:
        return page("search/show.html", status=422 if asked.error else 200, asked=asked)
    found = finding.find(asked.query, boards, at, asked.me, asked.zone)
    pages = max(1, -(-len(found.hits) // PER_PAGE))
    place = min(max(1, request.args.get("page", 1, int)), pages)
    shown = finding.rows(found.hits[(place - 1) * PER_PAGE : place * PER_PAGE])
    wanted = finding.phrases(asked.query)
    return page(
        "search/show.html",
        asked=asked,
        count=len(found.hits),
        more=found.more,
        place=place,
        pages=pages,
        rows=[_row(row, wanted) for row in shown],
        now=at,
    )


def _number_of(text: str) -> int:
    found = _NUMBER.fullmatch(fold(text))
    return int(found[1]) if found else 0


def _row(row: finding.Row, wanted: list[Phrase]) -> dict[str, Any]:
    """What the list shows of a ticket, each text in pieces: what was looked for is marked. An address only if it was."""
    address = next((address for address in row.addresses if places(address, wanted)), "")
    return {
        "id": row.id,
        "subject": excerpt(row.subject, wanted),
        "people": [excerpt(text, wanted) for text in (row.customer, address, row.company or "") if text],
        "state": row.state,
        "column": row.column,
        "board": row.board,
        "at": row.last_message_at,
        "kind": row.kind,
        "text": excerpt(row.text, wanted, LONGEST_EXCERPT),
    }

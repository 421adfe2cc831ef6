"""Tickets as a list, and as a file for a spreadsheet. The whole state stands in the address."""

import csv
import io
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from sqlalchemy import true
from werkzeug.wrappers import Response as AnyResponse

from app import filters
from app.auth import login_required, now, signed_in_person
from app.database import db
from app.desk import access
from app.desk.refused import Refused
from app.html import bounded, page
from app.models import ticket_list as rows
from app.models.card import said
from app.models.ticket import PRIORITIES, mood_word
from app.models.ticket_list import COLUMNS, NEWEST_CHANGE, ORDERS, USUAL, Row, Wanted
from app.models.vocabulary import binding
from app.routes.view_list import entries
from app.words import N_, gettext
from rules.compile import condition

bp = Blueprint("ticket_list", __name__)

MOST_EXPORTED = 10_000
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would reckon with it


@bp.get("/tickets")
@login_required
@bounded
def index() -> AnyResponse:
    at = now()
    asked, wanted, columns = _asked(at)
    after = None
    if cursor := request.args.get("after"):
        try:
            after = rows.read_cursor(cursor, wanted)
        except ValueError:
            raise access.not_found() from None
    found = [] if asked.error else rows.page_of(wanted, after)
    shown = found[: rows.PER_PAGE]
    return page(
        "tickets/index.html",
        part="tickets/_rows.html",
        status=422 if asked.error else 200,
        asked=asked,
        rows=shown,
        more=_address(after=rows.cursor_of(shown[-1], wanted)) if len(found) > rows.PER_PAGE else None,
        count=said(rows.count_of(wanted)) if not asked.error and after is None else None,
        columns=columns,
        usual=columns == list(USUAL),
        sort=wanted.sort,
        sorts={column: _address(sort=_turned(column, wanted.sort)) for column in columns if column in ORDERS},
        every_column=COLUMNS,
        carried=_carried(),
        file="/tickets.csv?" + _address().partition("?")[2],
        views=entries(signed_in_person(), at, board_id=None),
        now=at,
    )


@bp.get("/tickets.csv")
@login_required
@bounded
def export() -> AnyResponse:
    """At most MOST_EXPORTED rows in the order of the list; instants in the reader's zone."""
    asked, wanted, columns = _asked(now())
    if asked.error:
        raise Refused(
            N_("Column %(column)s: %(mistake)s"), column=asked.error["column"], mistake=asked.error["message"]
        )
    text = _file(wanted, columns, ZoneInfo(signed_in_person().zone))
    answer = Response(text, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="tickets.csv"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _asked(at: datetime) -> tuple[filters.Filter, Wanted, list[str]]:
    """The filter, what it wants, and the columns to show it in."""
    person = signed_in_person()
    asked = filters.read(request.args.get("q", ""), person)
    boards = db.session.scalars(access.visible_boards(person, at)).all()
    matches = true() if asked.all else condition(asked.query, binding(at, asked.me, asked.zone), at)
    sort = request.args.get("sort", "")
    sort = sort if sort.removeprefix("-") in ORDERS else NEWEST_CHANGE
    chosen = ",".join(request.args.getlist("columns")).split(",")
    columns = [column for column in COLUMNS if column in chosen]
    return asked, Wanted(boards, matches, sort), columns or list(USUAL)


def _address(**changed: str) -> str:
    """This page with another order or further down; never with what was further down before."""
    kept = {"q": request.args["q"]} if request.args.get("q") else {}
    query = urlencode({**kept, **_carried(), **changed})
    return f"/tickets?{query}" if query else "/tickets"


def _carried() -> dict[str, str]:
    """What stands in the address besides the query."""
    columns = ",".join(request.args.getlist("columns"))
    found = {"columns": columns, "sort": request.args.get("sort", "")}
    return {name: value for name, value in found.items() if value}


def _turned(column: str, sort: str) -> str:
    """The order that a click on the column's head asks for: newest and most first, and the other way round."""
    first = column if column == "due" else f"-{column}"
    return first if sort != first else first.removeprefix("-") if first.startswith("-") else f"-{first}"


def _file(wanted: Wanted, columns: list[str], zone: ZoneInfo) -> str:
    """The whole file, a few MB at most: what fails half way shall not look like a file."""
    buffer = io.StringIO()
    buffer.write("\ufeff")  # by this sign spreadsheets know UTF-8
    write = csv.writer(buffer).writerow
    write([gettext(COLUMNS[column]) for column in columns])
    for row in rows.every(wanted, MOST_EXPORTED):
        write([_harmless(_cell(row, column, zone)) for column in columns])
    return buffer.getvalue()


def _cell(row: Row, column: str, zone: ZoneInfo) -> Any:
    match column:
        case "number":
            return row.id
        case "priority":
            return gettext(PRIORITIES[row.priority])
        case "mood":
            return gettext(mood_word(row.mood)) if row.mood is not None else ""
        case "tags":
            return ", ".join(row.tag_names)
        case "messages":
            return row.message_count
        case "created" | "updated" | "closed" | "due":
            at = row.next_deadline_at if column == "due" else getattr(row, f"{column}_at")
            return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else ""
        case _:
            return getattr(row, column) or ""


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value

"""A query box's query as a form: rows to choose and to fill in, with the text beside them."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, redirect, request
from htmx_flask import request as htmx_request
from werkzeug.wrappers import Response

from app import conditions, filters
from app.auth import login_required, signed_in_person
from app.html import page, wants_part
from rules.form import Group, from_form, text_of, to_form
from rules.query import QueryError, parse

bp = Blueprint("query_form", __name__)

USUAL = "/tickets"
FIRST = "query-all"  # where a form is begun to be read
CARRIED = ("columns", "sort")  # what stands in the address of a list besides the query
_PLACE = re.compile(r"/boards/[0-9]{1,9}|/tickets|/search", re.ASCII)


@bp.get("/queries/form")
@login_required
def show() -> Response:
    """The query `q` as a form; `at` is the page whose query it is."""
    text, at = request.args.get("q", "").strip(), _place(request.args.get("at", ""))
    names = filters.names_for(signed_in_person())
    try:
        form = to_form(parse(text, me=True, names=names), names=names)
    except QueryError as wrong:
        return _page(conditions.EMPTY, at, 422, focus=FIRST, typed=text, mistake=filters.said(wrong))
    return _page(form if form.parts else conditions.EMPTY, at, focus=FIRST)


@bp.post("/queries/form")
@login_required
def change() -> Response:
    """The form with a row more or less, or what is new of it while somebody types; with `do=use` the page itself, filtered.
    Nothing is kept."""
    at, form = _place(request.form.get("at", "")), conditions.read(request.form)
    if htmx_request.htmx and htmx_request.htmx.target == "query-said":
        return _said(form)
    if request.form.get("do") != "use":
        return _page(form, at, focus=conditions.focus_of(request.form, form))
    if _mistake(form) is not None:
        return _page(form, at, 422)
    address = _address(at, text_of(form))
    if wants_part():
        response = Response(status=204)
        response.headers["HX-Redirect"] = address
        return response
    return redirect(address, code=303)


def _said(form: Group) -> Response:
    """The text beside the form, what is wrong with its rows, and what may be typed where somebody is typing."""
    names, first = filters.names_for(signed_in_person()), filters.likely_values()
    offered = conditions.offered(request.form, names, request.headers.get("HX-Trigger", ""), first)
    return page("queries/_said.html", **_drawn(form), offered=offered, apart=True)


def _page(form: Group, at: str, status: int = 200, **more: Any) -> Response:
    return page(
        "queries/form.html",
        part="queries/_form.html",
        status=status,
        at=at,
        field_groups=conditions.FIELD_GROUPS,
        said=conditions.SAID,
        **{**_drawn(form), **more},
    )


def _drawn(form: Group) -> dict[str, Any]:
    """What the templates take of a form: it as it is drawn, its rows, its text, and a mistake that no row is at fault for."""
    error = _mistake(form)
    mistake = filters.said(error) if error else None
    names, first = filters.names_for(signed_in_person()), filters.likely_values()
    drawn, in_place = conditions.shown(form, names, error, mistake["message"] if mistake else "", first)
    return {
        "form": drawn,
        "rows": list(conditions.rows(drawn)),
        "text": text_of(form),
        "mistake": None if in_place else mistake,
    }


def _mistake(form: Group) -> QueryError | None:
    try:
        from_form(form, me=True, names=filters.names_for(signed_in_person()))
    except QueryError as wrong:
        return wrong
    return None


def _place(text: str) -> str:
    """The page to go back to: a board, the list or the search, with what stands in its address; else the list."""
    path, _, query = text.partition("?")
    if not _PLACE.fullmatch(path):
        return USUAL
    kept = [(name, value) for name, value in parse_qsl(query) if name in CARRIED]
    return f"{path}?{urlencode(kept)}" if kept else path


def _address(at: str, text: str) -> str:
    query = urlencode({"q": text}) if text else ""
    return at + ("&" if "?" in at else "?") + query if query else at

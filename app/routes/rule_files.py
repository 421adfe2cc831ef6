"""Rules as files: one or all of them to keep, and those of a file to look at before they are added."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from app.auth import acting, allowed, now
from app.database import TookTooLong, within, writing
from app.desk import rule_files, rule_names, rules
from app.desk.refused import Refused
from app.desk.rule_files import Read
from app.desk.setup import ensure_desk
from app.html import READ_FOR, page
from app.models import vocabulary
from app.models.person import people_working
from app.models.rule import Rule
from app.words import ngettext
from rules.exchange import LONGEST, FileError

bp = Blueprint("rule_files", __name__)


@bp.get("/rules/file")
@allowed("edit_rules")
def download() -> Response:
    return _file(list(rules.in_order()), "rules.toml")


@bp.get("/rules/<int:rule_id>/file")
@allowed("edit_rules")
def download_one(rule_id: int) -> Response:
    return _file([rules.found(rule_id)], f"rule-{rule_id}.toml")


@bp.get("/rules/import")
@allowed("edit_rules")
def ask() -> Response:
    return page("rules/import.html", text="", found=None, mistake="")


@bp.post("/rules/import")
@allowed("edit_rules")
def bring() -> Response:
    """The rules of a text, or of a file: shown, and with `do=add` those that are chosen are added."""
    text = _sent()
    try:
        found = rule_files.read(text, vocabulary.names(), {person.id for person in people_working(now())})
    except FileError as error:
        return page("rules/import.html", text=text, found=None, mistake=rule_files.said(error), status=422)
    if request.form.get("do") != "add":
        return _page(text, found)
    wanted = request.form.getlist("rule")
    chosen = [one for place, one in enumerate(found) if str(place) in wanted and one.mistake is None]
    try:
        with writing(ensure_desk(now())) as desk:
            rule_files.add(desk, chosen, by=acting(), now=now())
    except Refused as refused:
        return _page(text, found, refused.said(), refused.status)
    said = ngettext("%(n)s rule is added, switched off.", "%(n)s rules are added, switched off.", len(chosen))
    flash(said)
    return redirect(url_for("rules.index"), code=303)


def _sent() -> str:
    file = request.files.get("file")
    if file is None or not file.filename:
        return request.form.get("text", "").replace("\r\n", "\n")
    return file.stream.read(4 * LONGEST + 1).decode("utf-8", "replace").replace("\r\n", "\n")


def _page(text: str, found: list[Read], mistake: str = "", status: int = 200) -> Response:
    shown = _shown(found)
    return page(
        "rules/import.html", text=text, found=shown, newest=rules.NEWEST, mistake=mistake, status=status
    )


def _shown(found: list[Read]) -> list[dict[str, Any]]:
    """Each rule with what it would do and hold for, or its mistake."""
    try:
        with within(READ_FOR):
            counts = rule_files.holding(found, now())
    except TookTooLong:
        counts = {}
    names, there = vocabulary.names(), rule_files.there(found, rules.in_order())
    return [
        {
            "read": one,
            "mistake": rule_files.said(one.mistake) if one.mistake else "",
            "deeds": rule_names.sentences(one.then, names),
            "holding": counts.get(place),
            "there": there.get(place),
        }
        for place, one in enumerate(found)
    ]


def _file(found: list[Rule], name: str) -> Response:
    readable = [rule for rule in found if rules.fault(rule) is None]
    text = rule_files.written(readable, vocabulary.names())
    answer = Response(text, content_type="application/toml; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer

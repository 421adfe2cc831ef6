"""What a rule has been: its versions with who changed what, and the way back to one of them."""

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from app import sweeps
from app.auth import acting, allowed, now
from app.database import writing
from app.desk import rule_versions, rules
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.html import page
from app.models.person import names_of
from app.words import gettext

bp = Blueprint("rule_versions", __name__)


@bp.get("/rules/<int:rule_id>/versions")
@allowed("edit_rules")
def index(rule_id: int) -> Response:
    return _page(rule_id)


@bp.post("/rules/<int:rule_id>/versions")
@allowed("edit_rules")
def go_back(rule_id: int) -> Response:
    """What version `number` said becomes the newest version."""
    sent = request.form.get("number", "")
    number = int(sent) if sent.isdecimal() and len(sent) < 10 else 0
    try:
        with writing(ensure_desk(now())) as desk:
            rule = rules.go_back(desk, rules.found(rule_id), number, by=acting(), now=now())
    except Refused as refused:
        return _page(rule_id, refused.said(), 422)
    sweeps.judge_anew(now(), rule)
    flash(gettext("The rule says again what it said in version %(number)s.", number=number))
    return redirect(url_for("rule_versions.index", rule_id=rule_id), code=303)


def _page(rule_id: int, mistake: str = "", status: int = 200) -> Response:
    rule = rules.found(rule_id)
    told = rule_versions.told(rule)
    return page(
        "rules/versions.html",
        rule=rule,
        told=told,
        whole=rule_versions.whole([version for version, _, _ in told]),
        by=names_of({version.by_id for version, _, _ in told if version.by_kind == "person"}),
        mistake=mistake,
        status=status,
    )

"""Switching a rule on or off, its place in the order, and picking rules of the starter pack."""

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from app import sweeps
from app.auth import acting, allowed, now
from app.database import writing
from app.desk import missing, rule_names, rule_pauses, rules
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.html import page, wants_part
from app.models import vocabulary
from app.models.rule import Rule
from app.words import gettext, locale, ngettext
from rules.query import to_text
from rules.rule import load_starters

bp = Blueprint("rule_switches", __name__)


@bp.get("/rules/<int:rule_id>/switch")
@allowed("edit_rules")
def ask(rule_id: int) -> Response:
    """Of one that cannot be read there is nothing to ask: it is written anew."""
    rule = rules.found(rule_id)
    if rules.fault(rule) is not None:
        return redirect(url_for("rules.edit", rule_id=rule_id), code=303)
    return _page(rule)


@bp.post("/rules/<int:rule_id>/switch")
@allowed("edit_rules")
def switch(rule_id: int) -> Response:
    on, also_present = request.form.get("on") == "yes", request.form.get("also_present") == "yes"
    try:
        with writing(ensure_desk(now())) as desk:
            rule = rules.found(rule_id)
            rules.switch(desk, rule, on, also_present=also_present, by=acting(), now=now())
    except Refused as refused:
        rule = rules.found(rule_id)
        if rules.fault(rule) is not None or refused.status != 422:
            raise
        return _page(rule, 422)
    sweeps.judge_anew(now(), rule)
    said = gettext("The rule %(name)s is on.") if on else gettext("The rule %(name)s is off.")
    flash(said % {"name": rule.name})
    return redirect(url_for("rules.index"), code=303)


@bp.post("/rules/all")
@allowed("edit_rules")
def switch_all() -> Response:
    on = request.form.get("on") == "yes"
    with writing(ensure_desk(now())) as desk:
        rules.switch_all(desk, on, by=acting(), now=now())
    sweeps.judge_anew(now())
    flash(gettext("The rules act again.") if on else gettext("All rules are stopped."))
    return redirect(url_for("rules.index"), code=303)


@bp.post("/rules/<int:rule_id>/resumption")
@allowed("edit_rules")
def go_on(rule_id: int) -> Response:
    """Lets a rule go on that has paused by itself."""
    with writing(ensure_desk(now())) as desk:
        rule = rules.found(rule_id)
        rule_pauses.go_on(desk, rule, by=acting(), now=now())
    sweeps.judge_anew(now(), rule)
    flash(gettext("The rule %(name)s goes on.", name=rule.name))
    return redirect(url_for("rules.index") + f"#rule_{rule_id}", code=303)


@bp.post("/rules/<int:rule_id>/place")
@allowed("edit_rules")
def place(rule_id: int) -> Response:
    """To a place, from 0, or one `up` or `down`."""
    to = request.form.get("to", "")
    with writing(ensure_desk(now())) as desk:
        rule = rules.found(rule_id)
        if to.isdecimal() and len(to) < 6:
            rules.move(desk, rule, int(to), by=acting(), now=now())
        else:
            rules.reorder(desk, rule, to == "up", by=acting(), now=now())
    if wants_part():
        return Response(status=204)
    return redirect(url_for("rules.index") + f"#rule_{rule_id}", code=303)


@bp.get("/rules/starters")
@allowed("edit_rules")
def starters() -> Response:
    return page(
        "rules/starters.html",
        starters=load_starters(),
        there=_there(),
        actions=rule_names.of_starter,
        locale=locale(),
    )


@bp.post("/rules/starters")
@allowed("edit_rules")
def pick() -> Response:
    wanted, there = set(request.form.getlist("starter")), _there()
    chosen = [one for one in load_starters() if one.key in wanted and one.key not in there]
    with writing(ensure_desk(now())) as desk:
        for starter in chosen:
            rule = rules.add_starter(desk, starter, language=locale(), by=acting(), now=now())
            if request.form.get("on") == "yes":
                rules.switch(desk, rule, True, by=acting(), now=now())
    if request.form.get("on") == "yes":
        sweeps.judge_anew(now())
    flash(ngettext("%(n)s rule is added.", "%(n)s rules are added.", len(chosen)))
    return redirect(url_for("rules.index"), code=303)


def _page(rule: Rule, status: int = 200) -> Response:
    """What is missing is said in the place of the question."""
    gone = missing.of(rule, vocabulary.names(), now())
    return page(
        "rules/switch.html",
        rule=rule,
        text=rules.text_of(rule),
        missing=gone,
        present=None if gone else rules.present(rule, now()),
        status=status,
    )


def _there() -> set[str]:
    """The keys of the starters whose condition a rule has already."""
    texts = {rules.text_of(rule) for rule in rules.in_order() if rules.fault(rule) is None}
    return {starter.key for starter in load_starters() if to_text(starter.query) in texts}

"""The rules in their order: what each asks, what it does, whether it is on."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from app import conditions, sweeps
from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, missing, rule_names, rules
from app.desk.refused import Refused
from app.desk.rule_versions import ONCE_PER
from app.desk.setup import ensure_desk
from app.html import page, wants_part
from app.models import firing, quarrel, vocabulary
from app.models.rule import Rule
from app.routes import rule_drafts
from app.routes.rule_actions import Row, changed, to_json
from app.routes.rule_forms import RuleForm, begun, drawn, mistakes
from app.words import gettext
from rules.query import And
from rules.rule import USUAL_CAP

bp = Blueprint("rules", __name__)

WEEK = timedelta(days=7)


@bp.get("/rules")
@allowed("see_rules")
def index() -> Response:
    found = rules.in_order()
    names, boards = vocabulary.names(), access.visible_boards(signed_in_person(), now())
    faults = {rule.id: fault for rule in found if (fault := rules.fault(rule))}
    readable = [rule for rule in found if rule.id not in faults]
    gone = rules.broken(readable, names, now())
    read = {rule.id: missing.read(rule, names) for rule in readable if rule.id in gone}
    for rule in readable:
        if rule.id not in gone:
            read[rule.id] = rules.text_of(rule, names), rule_names.sentences(rule.actions, names)
    return page(
        "rules/index.html",
        rules=found,
        faults=faults,
        texts={rule_id: text for rule_id, (text, _) in read.items()},
        broken={rule.id: missing.of(rule, names, now()) for rule in readable if rule.id in gone},
        left=missing.who_left(readable, now()),
        actions={rule_id: actions for rule_id, (_, actions) in read.items()},
        once_per=ONCE_PER,
        holding=rules.holding([rules.ready(rule) for rule in readable], now()),
        acted=firing.counts(boards, now() - WEEK),
        quarrels=quarrel.of_rules(boards),
        newest=rules.NEWEST,
        rules_on=ensure_desk(now()).rules_on,
        may_edit=access.can(signed_in_person(), "edit_rules", None, now()),
    )


@bp.get("/rules/new")
@allowed("edit_rules")
def new() -> Response:
    """An empty rule, one of the filter `q`, or a copy of another one."""
    copied = request.args.get("copy", type=int)
    if copied is not None:
        rule = rules.found(copied)
        name = gettext("Copy of %(name)s", name=rule.name)[: rules.LONGEST_NAME]
        return drawn(None, **begun(rule, name))
    form = RuleForm(query=request.args.get("q", ""), hourly_cap=USUAL_CAP)
    return drawn(None, form, [Row("add_tag", {})])


@bp.post("/rules")
@allowed("edit_rules")
def create() -> Response:
    return _save(None)


@bp.get("/rules/<int:rule_id>")
@allowed("edit_rules")
def edit(rule_id: int) -> Response:
    """One that cannot be read is written anew."""
    rule = rules.found(rule_id)
    return drawn(rule, **begun(rule, rule.name))


@bp.post("/rules/<int:rule_id>")
@allowed("edit_rules")
def update(rule_id: int) -> Response:
    return _save(rules.found(rule_id))


@bp.post("/rules/<int:rule_id>/removal")
@allowed("edit_rules")
def remove(rule_id: int) -> Response:
    with writing(ensure_desk(now())) as desk:
        rule = db.session.get(Rule, rule_id)
        if rule is None:
            raise access.not_found()
        rules.remove(desk, rule, by=acting(), now=now())
    flash(gettext("The rule %(name)s is removed. What it did stays.", name=rule.name))
    return redirect(url_for("rules.index"), code=303)


def _save(rule: Rule | None) -> Response:
    form, names = RuleForm.from_request(), vocabulary.names()
    draft = rule_drafts.sent(request.form, names)
    form.query.data = draft.text
    do = request.form.get("do", "save")
    rows, focus, _ = changed(request.form, do)
    if do == "check":
        status = 422 if draft.error else 200
        return drawn(rule, form, rows, draft=draft, status=status, **rule_drafts.counted(draft.tree))
    if do == "try":
        told = rule_drafts.tried(draft, request.form.get("number", ""))
        return drawn(rule, form, rows, draft=draft, **told)
    if do not in ("save", "backtest"):
        focus = focus or conditions.focus_of(request.form, draft.form)
        return drawn(rule, form, rows, draft=draft, wrong=rule_drafts.still_wrong(rows), focus=focus)
    if do == "save":
        form.validate()
    wrong = mistakes(form, rows, draft)
    if form.errors or wrong:
        everything = rule_drafts.all_unresolved() if draft.tree == And(()) else None
        response = drawn(rule, form, rows, draft=draft, wrong=wrong, everything=everything, status=422)
        if do == "backtest":
            response.headers["HX-Trigger-After-Settle"] = (
                "drafted"  # what is told of it came with none of this
            )
        return response
    if do == "backtest":
        return _look_back(rule)
    try:
        rule = _saved(rule, form, rows)
    except Refused as refused:
        form.refuse(refused)
        return drawn(rule, form, rows, draft=draft, status=refused.status)
    sweeps.judge_anew(now(), rule)
    flash(gettext("The rule %(name)s is saved.", name=rule.name))
    if not rule.enabled:
        return redirect(url_for("rule_switches.ask", rule_id=rule.id), code=303)
    return redirect(url_for("rules.index"), code=303)


def _look_back(rule: Rule | None) -> Response:
    """What stands in the editor is sent on as it came. By htmx that it can be is all that was asked: the browser then opens the
    other window, which nobody but the form itself can."""
    if wants_part():
        return Response(status=204, headers={"HX-Trigger": "rehearse"})
    return redirect(url_for("backtests.draft", rule=rule.id if rule else None), code=307)


def _saved(rule: Rule | None, form: RuleForm, rows: list[Row]) -> Rule:
    with writing(ensure_desk(now())) as desk:
        return rules.save(
            desk,
            rules.found(rule.id) if rule else None,
            name=form.name.data,
            text=form.query.data,
            then=[to_json(row) for row in rows],
            once_per=form.once_per.data,
            stop_after=form.stop_after.data,
            hourly_cap=form.hourly_cap.data or USUAL_CAP,
            everything=request.form.get("everything") == "yes",
            expected=request.form.get("version", type=int),
            by=acting(),
            now=now(),
        )

"""What a rule would have done in the last days: before it is saved, and at any time."""

from dataclasses import replace

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from app import sweeps
from app.auth import allowed, now, signed_in_person
from app.database import db
from app.desk import access, backtests
from app.desk.refused import Refused
from app.html import page
from app.models import vocabulary
from app.models.backtest import DAYS, UNFINISHED, Backtest
from app.models.board import all_boards
from app.models.candidates import not_told
from app.models.rule import Rule
from app.routes import rule_drafts
from app.routes.backtest_results import told
from app.routes.rule_actions import row_of, rows_sent, shown, to_json
from rules import query, stored
from rules.vocabulary import Names

bp = Blueprint("backtests", __name__)

USUAL = 30  # days


@bp.get("/rules/<int:rule_id>/backtest")
@allowed("edit_rules")
def of_rule(rule_id: int) -> Response:
    rule = _found(rule_id)
    newest = backtests.newest_of(rule, signed_in_person())
    if newest is not None and not _same(newest, rule):
        newest = None
    return _page(newest, backtests.of_rule(rule), rule)


@bp.post("/rules/<int:rule_id>/backtest")
@allowed("edit_rules")
def start(rule_id: int) -> Response:
    return _start(backtests.of_rule(_found(rule_id)))


@bp.post("/rules/backtest")
@allowed("edit_rules")
def draft() -> Response:
    """Of what stands in the editor, of a new rule or of `rule`; nothing of it is saved."""
    asked = _of_editor()
    saved = request.args.get("rule", "")
    return _start(replace(asked, rule_id=_found(int(saved)).id) if saved.isdecimal() else asked)


@bp.post("/rules/backtest/newest")
@allowed("edit_rules")
def newest() -> Response:
    """What is known of exactly that what stands in the editor: nothing while it cannot be read."""
    try:
        like = backtests.newest_like(_of_editor(), signed_in_person())
    except Refused:
        like = None
    return page("backtests/_newest.html", backtest=like)


@bp.get("/rules/backtests")
@allowed("edit_rules")
def index() -> Response:
    names = vocabulary.names()
    recent = backtests.recent_of(signed_in_person())
    return page(
        "backtests/index.html",
        backtests=recent,
        texts={one.id: _text_of(one, names) for one in recent},
        kept_for=backtests.KEPT_FOR.days,
    )


@bp.get("/rules/backtests/<int:backtest_id>")
@allowed("edit_rules")
def show(backtest_id: int) -> Response:
    backtest = backtests.seen_by(signed_in_person(), backtest_id)
    rule = db.session.get(Rule, backtest.rule_id) if backtest.rule_id is not None else None
    return _page(backtest, backtests.again(backtest), rule if rule and rule.removed_at is None else None)


@bp.post("/rules/backtests/<int:backtest_id>")
@allowed("edit_rules")
def again(backtest_id: int) -> Response:
    """The same rule over other days, or once more."""
    return _start(backtests.again(backtests.seen_by(signed_in_person(), backtest_id)))


@bp.post("/rules/backtests/<int:backtest_id>/stop")
@allowed("edit_rules")
def stop(backtest_id: int) -> Response:
    backtests.stop(backtests.seen_by(signed_in_person(), backtest_id))
    return redirect(url_for("backtests.show", backtest_id=backtest_id), code=303)


def _of_editor() -> backtests.Asked:
    sent = request.form
    then = [to_json(row) for row in rows_sent(sent, "save")]
    text = rule_drafts.sent(sent, vocabulary.names()).text
    return backtests.of_draft(sent.get("name", ""), text, then, sent.get("once_per", "episode"))


def _text_of(backtest: Backtest, names: Names) -> str | None:
    """None of one that cannot be read any more."""
    try:
        return query.to_text(query.from_json(backtest.query), names=names)
    except stored.UNREADABLE:
        return None


def _start(asked: backtests.Asked) -> Response:
    days = request.form.get("days", str(USUAL))
    wanted = int(days) if days in map(str, DAYS) else 0
    backtest_id = sweeps.answer_at_once(asked, wanted, person=signed_in_person(), now=now())
    return redirect(url_for("backtests.show", backtest_id=backtest_id), code=303)


def _page(backtest: Backtest | None, asked: backtests.Asked, rule: Rule | None) -> Response:
    names = vocabulary.names()
    then = [shown(row_of(action)) for action in asked.then]
    return page(
        "backtests/show.html",
        part="backtests/_result.html",
        backtest=backtest,
        running=backtest is not None and backtest.state in UNFINISHED,
        rule=rule,
        name=asked.name,
        text=query.to_text(asked.tree, names=names),
        then=then,
        changed=backtest is not None and rule is not None and not _same(backtest, rule),
        days=DAYS,
        usual=backtest.days if backtest else USUAL,
        untold=[query.to_text(term, names=names) for term in not_told(asked.tree)],
        some_boards=len(all_boards()) > len(_boards()),
        **(
            told(backtest, asked, then, _boards())
            if backtest is not None and backtest.result
            else {"result": None}
        ),
    )


def _same(backtest: Backtest, rule: Rule) -> bool:
    return (backtest.query, backtest.actions, backtest.once_per) == (rule.query, rule.actions, rule.once_per)


def _boards() -> list[int]:
    return list(db.session.scalars(access.visible_boards(signed_in_person(), now())))


def _found(rule_id: int) -> Rule:
    rule = db.session.get(Rule, rule_id)
    if rule is None or rule.removed_at is not None:
        raise access.not_found()
    return rule

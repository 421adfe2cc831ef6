"""The editor of a rule: its form as it begins, what is wrong in it, and its page."""

from collections.abc import Sequence
from typing import Any

from flask import request
from werkzeug.wrappers import Response
from wtforms import BooleanField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.auth import now
from app.desk import lost_names, rules
from app.desk.lost_names import Lost
from app.desk.rule_checks import WrongAction
from app.desk.rule_versions import ONCE_PER
from app.forms import Form, said
from app.html import page
from app.models import vocabulary
from app.models.rule import Rule
from app.routes import rule_drafts
from app.routes.rule_actions import Row, asked, mistaken, offered, rows_of, to_json
from app.words import N_, gettext
from rules import query
from rules.form import to_form
from rules.rule import MOST_AN_HOUR, USUAL_CAP
from rules.vocabulary import Names


class RuleForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=rules.LONGEST_NAME)])
    query = TextAreaField(N_("When"), id="condition")
    once_per = SelectField(N_("How often it acts"), choices=said(ONCE_PER))
    hourly_cap = IntegerField(
        N_("Times an hour until it pauses"),
        [Optional(), NumberRange(1, MOST_AN_HOUR)],
    )
    stop_after = BooleanField(N_("While its condition holds, rules behind it are skipped"))


def begun(rule: Rule, name: str) -> dict[str, Any]:
    """What `drawn` takes of a rule that is opened, or copied. What it names that is gone stands there by its old name, marked; of
    one that cannot be read nothing does."""
    kept = {"once_per": rule.once_per, "hourly_cap": rule.hourly_cap, "stop_after": rule.stop_after}
    if rules.fault(rule) is not None:
        return {"form": RuleForm(name=name, **kept), "rows": [Row("add_tag", {})]}
    names = vocabulary.names()
    missing = rules.broken([rule], names, now()).get(rule.id, ())
    lost = lost_names.of(rule, names) if missing else {}
    then = lost_names.known(names, lost)
    form = RuleForm(name=name, query=rules.text_of(rule, then), **kept)
    before = to_form(query.from_json(rule.query), names=then)
    rows = _named(rows_of(rule), rule, lost)
    return {
        "form": form,
        "rows": rows,
        "draft": rule_drafts.of_text(form.query.data, names, before),
        "wrong": [*_wrong(rows), *_tags_gone(rows, rule, names)] if missing else (),
        "missing": lost_names.said(missing, lost),
        "lost": lost,
    }


def mistakes(form: RuleForm, rows: list[Row], draft: rule_drafts.Draft) -> list[WrongAction]:
    """Of the actions; what is wrong with the rest stands in the form. A look back may be at every ticket."""
    sure = request.form.get("everything") == "yes" or request.form.get("do") == "backtest"
    found = rules.mistakes(draft.text, [to_json(row) for row in rows], everything=sure, now=now())
    for mistake in found:
        if not isinstance(mistake, WrongAction):
            form.refuse(mistake)
    return [mistake for mistake in found if isinstance(mistake, WrongAction)]


def drawn(
    rule: Rule | None,
    form: RuleForm,
    rows: list[Row],
    *,
    draft: rule_drafts.Draft | None = None,
    wrong: Sequence[WrongAction] = (),
    lost: Lost | None = None,
    status: int = 200,
    **more: Any,
) -> Response:
    names = vocabulary.names()
    if lost is None and rule is not None:
        lost = lost_names.of(rule, names)
    # what somebody else has changed meanwhile is replaced only after it was told
    since = request.form.get("version", type=int) if status != 409 else None
    then = asked(rows, now(), wrong, lost or {})
    shown = rule_drafts.drawn(draft or rule_drafts.of_text(form.query.data or "", names), names)
    told = {
        "unsaved": request.method == "POST",
        "usual_cap": USUAL_CAP,
        "everything": None,
        "focus": "",
        "number": "",
        "missing": (),
    }
    return page(
        "rules/edit.html",
        rule=rule,
        form=form,
        then=then,
        wrong_actions=mistaken(then) if status != 200 else (),
        kinds=offered(),
        version=since or (rule.version if rule else None),
        status=status,
        **{**told, **shown, **more},
    )


def _named(rows: list[Row], rule: Rule, lost: Lost) -> list[Row]:
    """With the old names of tags that are gone: a tag is written, not chosen."""
    tags = lost.get("tag", {})
    return [
        Row(row.kind, {**row.values, "tag": tags[action["tag"]]}) if action.get("tag") in tags else row
        for row, action in zip(rows, rule.actions, strict=True)
    ]


def _wrong(rows: list[Row]) -> list[WrongAction]:
    found = rules.mistakes("", [to_json(row) for row in rows], everything=True, now=now())
    return [mistake for mistake in found if isinstance(mistake, WrongAction)]


def _tags_gone(rows: list[Row], rule: Rule, names: Names) -> list[WrongAction]:
    said = gettext(N_("this tag was deleted; it is made anew when the rule is saved"))
    there = names["tag"].values()
    return [
        WrongAction(place, "tag", said)
        for place, (row, action) in enumerate(zip(rows, rule.actions, strict=True))
        if row.values.get("tag") and type(action.get("tag")) is int and action["tag"] not in there
    ]

"""A rule while somebody writes it: its text and its form in step, what it holds for now, and how it judges one ticket.
Nothing is kept."""

from typing import Any, NamedTuple

from flask import Blueprint, request
from htmx_flask import request as htmx_request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app import conditions, filters, sweeps
from app.auth import allowed, now, signed_in_person
from app.database import TookTooLong, db, within
from app.desk import access, lost_names, rule_names, rule_trials, rules, why
from app.desk.refused import Refused
from app.desk.rule_checks import WrongAction
from app.html import READ_FOR, page
from app.models import vocabulary
from app.models.rule import Rule
from app.routes.rule_actions import Row, asked, changed, label_of, offered, rows_sent, to_json
from app.words import N_, gettext, language_name
from rules import actions
from rules.form import Group, text_of, to_form
from rules.query import And, Query, QueryError, parse
from rules.vocabulary import Names

bp = Blueprint("rule_drafts", __name__)

TOO_LONG = N_("It takes too long to count these. Narrow the condition: add a state, a tag or a time.")


class Draft(NamedTuple):
    """The condition as text and as the rows of a form; with an `error` the form is what it was before, or empty."""

    text: str
    form: Group
    tree: Query | None
    error: QueryError | None


def of_text(text: str, names: Names, before: Group = conditions.EMPTY) -> Draft:
    """What somebody has typed; `before` stays the form of a text that cannot be read."""
    try:
        tree = parse(text, names=names)
    except QueryError as error:
        return Draft(text, before, None, error)
    form = to_form(tree, names=names)
    return Draft(text, form if form.parts else conditions.EMPTY, tree, None)


def sent(values: MultiDict[str, str], names: Names, *, by_form: bool = False) -> Draft:
    """The condition of a form that was sent. What was typed counts, unless the text is what it was and the rows are not,
    or they are what was worked on (`by_form`)."""
    text = values.get("query", "").replace("\x00", "").strip()
    rows = any(name.startswith("query-") for name in values)
    form = conditions.read(values) if rows else conditions.EMPTY
    if by_form or (rows and text == values.get("text_was", "").strip()):
        return of_text(text_of(form), names)._replace(form=form)
    return of_text(text, names, form)


def drawn(draft: Draft, names: Names) -> dict[str, Any]:
    """What the templates take of it."""
    mistake = filters.said(draft.error) if draft.error else None
    first = filters.likely_values()
    form, _ = conditions.shown(draft.form, names, draft.error, mistake["message"] if mistake else "", first)
    return {
        "text": draft.text,
        "conditions_form": form,
        "mistake": mistake,
        "field_groups": conditions.FIELD_GROUPS,
        "said": conditions.SAID,
    }


@bp.post("/rules/draft")
@allowed("edit_rules")
def change() -> Response:
    """What is new of the text and the form after one of them has changed."""
    names, trigger = vocabulary.names(), request.headers.get("HX-Trigger", "")
    by_text = trigger == "condition-text"
    draft = sent(request.form, names, by_form=not by_text)
    by_row = htmx_request.htmx and htmx_request.htmx.target == "query-said" and not by_text
    shown = drawn(draft, names)
    response = page(
        "rules/_draft.html",
        **shown,
        rows=list(conditions.rows(shown["conditions_form"])),
        form_anew=not by_row and not (by_text and draft.error),
        text_anew=not by_text,
        offered=conditions.offered(request.form, names, trigger, filters.likely_values()) if by_row else None,
        focus="" if by_text else conditions.focus_of(request.form, draft.form),
    )
    response.headers["HX-Trigger-After-Swap"] = "drafted"
    return response


@bp.post("/rules/actions")
@allowed("edit_rules")
def act() -> Response:
    """The actions after one was added, left out or moved."""
    rows, focus, told = changed(request.form, request.form.get("do", ""))
    lost = _lost(request.form.get("rule", ""))
    response = page(
        "rules/_actions.html",
        then=asked(rows, now(), still_wrong(rows), lost),
        kinds=offered(),
        focus=focus,
        told=told,
    )
    if told:
        response.headers["HX-Trigger-After-Swap"] = "acted"
    return response


@bp.post("/rules/matches")
@allowed("edit_rules")
def matches() -> Response:
    """How many tickets the condition holds for now, and some of them."""
    return page("rules/_matches.html", **counted(sent(request.form, vocabulary.names()).tree))


@bp.post("/rules/trial")
@allowed("edit_rules")
def trial() -> Response:
    """Whether the condition holds for the ticket `number`, term by term, and what the rule would do to it."""
    draft = sent(request.form, vocabulary.names())
    return page("rules/_trial.html", **tried(draft, request.form.get("number", "")))


def still_wrong(rows: list[Row]) -> list[WrongAction]:
    """What stays marked while other rows come, go and move; a new one is not filled in yet."""
    if "marked" not in request.form:
        return []
    found = rules.mistakes("", [to_json(row) for row in rows], everything=True, now=now())
    return [one for one in found if isinstance(one, WrongAction) and rows[one.place].values]


def counted(tree: Query | None) -> dict[str, Any]:
    """What rules/_matches.html takes."""
    if tree is None:
        return {"matches": None, "trouble": ""}
    boards = access.visible_boards(signed_in_person(), now())
    try:
        with within(READ_FOR):
            return {"matches": rule_trials.matches(tree, boards, now()), "trouble": ""}
    except TookTooLong:
        return {"matches": None, "trouble": gettext(TOO_LONG)}


def all_unresolved() -> int:
    """How many tickets a rule without a condition concerns."""
    return rule_trials.matches(And(()), access.visible_boards(signed_in_person(), now()), now()).count


def tried(draft: Draft, number: str) -> dict[str, Any]:
    """What rules/_trial.html takes."""
    told: dict[str, Any] = {"trial": None, "number": number, "not_tried": ""}
    number, person = number.strip().removeprefix("#"), signed_in_person()
    if draft.tree is None:
        return {**told, "not_tried": gettext(N_("Mend the condition first."))}
    try:
        known = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0
        ticket = access.ticket_seen_by(person, known, now())
    except Refused:
        return {**told, "not_tried": gettext(N_("There is no ticket of this number that you may see."))}
    with within(READ_FOR):
        shown = why.of_draft(draft.tree, ticket, person.zone, now())
    if shown is None:
        return {**told, "not_tried": gettext(N_("The database cannot ask this of the ticket."))}
    wanted = [to_json(row) for row in rows_sent(request.form, "")]
    words = rule_names.sentences(wanted, vocabulary.names())
    read = [_action(data) for data in wanted]
    name = request.form.get("name", "").replace("\x00", "").strip()[: rules.LONGEST_NAME]
    ready = [action for action in read if not isinstance(action, str)]
    outcomes = iter(sweeps.try_out(ticket, name, ready, person.zone, now()))
    found = [sweeps.Outcome("not", one) if isinstance(one, str) else next(outcomes) for one in read]
    deeds = [
        (label_of(data["kind"]) if outcome.text else said, outcome, language_name(outcome.language))
        for data, said, outcome in zip(wanted, words, found, strict=True)
    ]  # what would be written is shown as it would read, not as the rule has it
    return {**told, "trial": shown, "ticket": access.ticket_seen_by(person, known, now()), "deeds": deeds}


def _lost(rule_id: str) -> lost_names.Lost:
    """Of the rule that is being changed."""
    rule = db.session.get(Rule, int(rule_id)) if rule_id.isdecimal() and len(rule_id) < 10 else None
    return lost_names.of(rule, vocabulary.names()) if rule else {}


def _action(data: dict[str, Any]) -> actions.Action | str:
    """What is not filled in yet is said."""
    try:
        return actions.from_json(data)
    except actions.ActionError as error:
        return gettext(error.message).format(**error.values)

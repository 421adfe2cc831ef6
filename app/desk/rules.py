"""Rules as people write them: text and actions in, checked and stored as trees with ids."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case, exists, func, literal, select, update

from app.database import TookTooLong, db, insert_new, trouble
from app.desk import access, missing, rule_checks, rule_names, rule_versions, tickets, uses, waking
from app.desk.events import record
from app.desk.refused import Refused
from app.models import vocabulary
from app.models.desk import Desk
from app.models.document import words_in_texts
from app.models.event import By
from app.models.rule import Rule, RuleFiring, RuleState
from app.models.ticket import Ticket
from app.words import N_, gettext
from rules import actions, query, stored
from rules import rule as rules
from rules.compile import columns, condition, truth
from rules.vocabulary import DID_YOU_MEAN, Names, QueryError

log = logging.getLogger(__name__)

MOST_RULES = 200
LONGEST_NAME = 100
NEWEST = 1000  # tickets that the list of rules looks at


class Written(NamedTuple):
    """What somebody can write of a rule, checked."""

    name: str
    query: dict[str, Any]
    actions: list[dict[str, Any]]
    once_per: str
    stop_after: bool
    hourly_cap: int


def in_order() -> Sequence[Rule]:
    """All rules that are still there, as they are asked."""
    return db.session.scalars(
        select(Rule).where(Rule.removed_at.is_(None)).order_by(Rule.position, Rule.id)
    ).all()


def found(rule_id: int) -> Rule:
    """Refused with 404 when there is no such rule, or none any more."""
    rule = db.session.get(Rule, rule_id)
    if rule is None or rule.removed_at is not None:
        raise access.not_found()
    return rule


def enabled() -> list[rules.Rule]:
    """The rules that act, ready for rules.plan. One that cannot be read stops none of the others."""
    found = []
    for row in in_order():
        if not row.enabled or row.paused_at is not None:
            continue
        try:
            found.append(ready(row))
        except stored.UNREADABLE as error:
            log.error("rule %s cannot be read and is passed over: %s", row.id, error)
    return found


def fault(rule: Rule) -> str | None:
    """Why a rule cannot be read as it is stored, in words; None when it can."""
    try:
        ready(rule)
    except stored.UNREADABLE as error:
        return gettext(error.message).format(**error.values)
    return None


def ready(row: Rule) -> rules.Rule:
    """The rule as rules.plan takes it. Raises one of stored.UNREADABLE."""
    return rules.Rule(
        id=row.id,
        position=row.position,
        name=row.name,
        query=stored.query_of(row.query),
        actions=stored.actions_of(row.actions),
        once_per="ticket" if row.once_per == "ticket" else "episode",
        stop_after=row.stop_after,
        version=row.version,
        hourly_cap=row.hourly_cap,
    )


def text_of(rule: Rule, names: Names | None = None) -> str:
    """The query as people read and edit it; `names` saves asking for them again."""
    return query.to_text(query.from_json(rule.query), names=names or vocabulary.names())


def broken(found: Sequence[Rule], names: Names, now: datetime) -> dict[int, tuple[str, ...]]:
    """rule id -> what it names that is missing by now; only rules that name any such thing."""
    terms = {
        rule.id: rule_names.missing(query.from_json(rule.query), rule.actions, names, now) for rule in found
    }
    return {rule_id: gone for rule_id, gone in terms.items() if gone}


def read_query(text: str, *, everything: bool = False) -> query.Query:
    """The tree of a rule's query; without a condition only when `everything` is meant. Refused with the column of the
    mistake."""
    try:
        tree = query.parse(text, names=vocabulary.names())
    except QueryError as error:
        raise Refused(N_("Column %(column)s: %(mistake)s"), field="query", **said(error)) from error
    if tree == query.And(()) and not everything:
        raise Refused(
            N_("Without a condition a rule holds for every ticket. Say that you mean it."), field="query"
        )
    return tree


def said(error: QueryError) -> dict[str, Any]:
    """A mistake in a query, in the language being spoken: `column` and `mistake`."""
    mistake = gettext(error.message).format(**error.values)
    if error.suggestion is not None:
        mistake = f"{mistake}, {gettext(DID_YOU_MEAN).format(suggestion=error.suggestion)}"
    return {"column": error.column, "mistake": mistake}


def mistakes(
    text: str, then: Sequence[dict[str, Any]], *, everything: bool = False, now: datetime
) -> list[Refused]:
    """All that keeps a rule with this query and these actions from being saved; of an action it is a rule_checks.WrongAction."""
    found = [] if then else [Refused(N_("A rule needs something to do."), field="actions")]
    try:
        read_query(text, everything=everything)
    except Refused as refused:
        found.insert(0, refused)
    for place, one in enumerate(then):
        try:
            rule_checks.read(one, place, now)
        except rule_checks.WrongAction as wrong:
            found.append(wrong)
    return found


def save(
    desk: Desk,
    rule: Rule | None,
    *,
    name: str,
    text: str,
    then: Sequence[dict[str, Any]],
    once_per: str = "episode",
    stop_after: bool = False,
    hourly_cap: int | None = None,
    everything: bool = False,
    expected: int | None = None,
    by: By,
    now: datetime,
) -> Rule:
    """Adds a rule at the end, switched off, or changes one. With another query a rule that is on acts on new matches
    only. `hourly_cap`: None leaves it as it is; `everything`: it may be one without a condition; `expected`: the version that was changed. Refused with 409 when
    somebody has changed what the rule says since."""
    if rule is not None and expected is not None:
        rule_versions.demand_unchanged(rule, expected)
    name = name.strip()[:LONGEST_NAME]
    if not name:
        raise Refused(N_("Give the rule a name."), field="name")
    if wrong := mistakes(text, then, everything=everything, now=now):
        raise wrong[0]
    tree = read_query(text, everything=everything)
    checked = (rule_checks.checked(rule_checks.read(one, n, now), now) for n, one in enumerate(then))
    kept = [actions.to_json(action) for action in checked]
    cap = rule.hourly_cap if rule else rules.USUAL_CAP
    if hourly_cap is not None:
        if not 1 <= hourly_cap <= rules.MOST_AN_HOUR:
            raise Refused(
                N_("Write a number from 1 to %(most)s."), field="hourly_cap", most=rules.MOST_AN_HOUR
            )
        cap = hourly_cap
    written = Written(name, query.to_json(tree), kept, once_per, stop_after, cap)
    return _write(desk, rule, written, "added" if rule is None else "changed", by=by, now=now)


def go_back(desk: Desk, rule: Rule, number: int, *, by: By, now: datetime) -> Rule:
    """Makes of an older version the newest: what it said and did. Whether the rule is on, and its place, stay."""
    version = rule_versions.found(rule, number)
    try:
        tree = stored.query_of(version.query)
        stored.actions_of(version.actions)
    except stored.UNREADABLE as error:
        raise Refused(N_("This version cannot be read any more.")) from error
    gone = rule_names.missing(tree, version.actions, vocabulary.names(), now)
    if gone:
        raise Refused(N_("This version names what is missing now: %(terms)s."), terms=", ".join(gone))
    cap = version.hourly_cap or rule.hourly_cap
    written = Written(version.name, version.query, version.actions, version.once_per, version.stop_after, cap)
    return _write(desk, rule, written, "returned", about=str(number), by=by, now=now)


def add_starter(desk: Desk, starter: rules.Starter, *, language: str, by: By, now: datetime) -> Rule:
    """Adds a rule of the starter pack, switched off. The tags it asks for are made, if another one was to add them."""
    for term in query.terms(starter.query):
        if isinstance(term, query.Term) and term.field == "tag":
            for tag in term.values:
                tickets.tag_named(str(tag))
    return save(
        desk,
        None,
        name=starter.name(language),
        text=starter.text,
        then=[actions.to_json(action) for action in starter.actions],
        once_per=starter.once_per,
        stop_after=starter.stop_after,
        by=by,
        now=now,
    )


def holding(those: Sequence[rules.Rule], now: datetime) -> dict[int, int]:
    """rule id -> for how many of the newest NEWEST unresolved tickets its query holds. One statement for all; one that
    cannot be asked is left out."""
    try:
        return _holding(those, now)
    except Exception as error:
        if trouble(error) or isinstance(error, TookTooLong):
            raise
        return dict(one for rule in those for one in _asked_alone(rule, now).items())


def _asked_alone(rule: rules.Rule, now: datetime) -> dict[int, int]:
    db.session.rollback()
    try:
        return _holding([rule], now)
    except Exception as error:
        if trouble(error):
            raise
        log.error("rule %s cannot be asked: %s", rule.id, error)
        return {}


def _holding(those: Sequence[rules.Rule], now: datetime) -> dict[int, int]:
    if not those:
        return {}
    newest = select(Ticket.id).where(Ticket.closed_at.is_(None)).order_by(Ticket.id.desc()).limit(NEWEST)
    counts = dict.fromkeys([rule.id for rule in those], 0)
    judged = columns(those, vocabulary.binding(now, words=words_in_texts), now)
    for row in db.session.execute(select(*judged).where(Ticket.id.in_(newest))):
        for rule_id, holds in truth(those, row._mapping).items():
            counts[rule_id] += holds
    return counts


class Present(NamedTuple):
    """For how many unresolved tickets a rule that is off holds: on those it would act, on these it has."""

    left: int
    acted: int


def present(rule: Rule, now: datetime) -> Present:
    """On what a rule would act, if it were switched on for the tickets of now too."""
    where = condition(query.from_json(rule.query), vocabulary.binding(now, whole=True), now)
    acted = exists().where(RuleFiring.rule_id == rule.id, RuleFiring.ticket_id == Ticket.id)
    if rule.once_per == "episode":
        acted = acted.where(
            RuleState.rule_id == rule.id,
            RuleState.ticket_id == Ticket.id,
            RuleState.holds,
            RuleState.episode == RuleFiring.episode,
        )
    counts = select(func.count(case((~acted, 1))), func.count(case((acted, 1)))).select_from(Ticket)
    return Present._make(db.session.execute(counts.where(Ticket.closed_at.is_(None), where)).one())


def switch(desk: Desk, rule: Rule, on: bool, *, also_present: bool = False, by: By, now: datetime) -> Rule:
    """Switches a rule on or off. On, it acts on new matches only, or `also_present` tickets it holds for already, however
    many these are."""
    if rule.enabled == on:
        return rule
    if on and fault(rule) is not None:
        raise Refused(N_("This rule cannot be read as it is stored. Write it anew first."))
    if on and (gone := missing.of(rule, vocabulary.names(), now)):
        raise Refused(
            N_("This rule names what is not there any more: %(terms)s. Change it before you switch it on."),
            terms=", ".join(gone),
        )
    if on and also_present and present(rule, now).left:
        rule.resumed_at = now + waking.lasts_for()  # the cap does not count what somebody has just asked for
    rule.enabled, rule.paused_at = on, None
    rule_versions.keep(rule, "switched", by=by, now=now)
    if on:
        _settle_present(rule, now, act=also_present)
    record(desk, "rule.changed", ("rule", rule.id), by=by, now=now, new=rule.name, enabled=[not on, on])
    return rule


def switch_all(desk: Desk, on: bool, *, by: By, now: datetime) -> None:
    """The switch that stops all rules. Each keeps its own; what they missed in between they do when all are on again."""
    if desk.rules_on != on:
        desk.rules_on = on
        record(desk, "desk.changed", ("desk", desk.id), by=by, now=now, rules_on=[not on, on])


def reorder(desk: Desk, rule: Rule, up: bool, *, by: By, now: datetime) -> None:
    """Moves a rule one place; a later rule wins over an earlier one."""
    place = list(in_order()).index(rule)
    move(desk, rule, place - 1 if up else place + 1, by=by, now=now)


def move(desk: Desk, rule: Rule, place: int, *, by: By, now: datetime) -> None:
    """Puts a rule at a place among the others, from 0. Outside of the list nothing is moved."""
    order = list(in_order())
    if place == order.index(rule) or not 0 <= place < len(order):
        return
    order.remove(rule)
    order.insert(place, rule)
    for position, one in enumerate(order, start=1):
        one.position = position
    rule_versions.keep(rule, "moved", by=by, now=now)
    record(desk, "rule.changed", ("rule", rule.id), by=by, now=now, new=rule.name)


def remove(desk: Desk, rule: Rule, *, by: By, now: datetime) -> None:
    """Takes a rule away; a second time changes nothing. What it did stays, and stays explained."""
    if rule.removed_at is None:
        rule.removed_at, rule.enabled = now, False
        rule_versions.keep(rule, "removed", by=by, now=now)
        record(desk, "rule.removed", ("rule", rule.id), by=by, now=now, old=rule.name)


def exchange_tag(desk: Desk, old: int, new: int, *, by: By, now: datetime) -> None:
    """Rules that name one tag name the other instead. What such a rule holds for by that alone is no new match."""
    for rule in uses.rules_with("tag", old):
        asked = uses.names(rule.query, "tag", old)
        rule.query = uses.exchanged(rule.query, "tag", old, new)
        exchanged = [
            {**action, "tag": new} if action.get("tag") == old else action for action in rule.actions
        ]
        rule.actions = [one for place, one in enumerate(exchanged) if one not in exchanged[:place]]
        rule_versions.keep(rule, "merged", by=by, now=now)
        if rule.enabled and asked:
            _settle_present(rule, now, act=False)
        record(desk, "rule.changed", ("rule", rule.id), by=by, now=now, new=rule.name)


def _write(
    desk: Desk, rule: Rule | None, written: Written, cause: str, *, about: str = "", by: By, now: datetime
) -> Rule:
    fresh = rule is None
    if rule is None:
        count, last = db.session.execute(
            select(func.count(), func.max(Rule.position)).where(Rule.removed_at.is_(None))
        ).one()
        if count >= MOST_RULES:
            raise Refused(N_("A desk has at most %(most)s rules."), most=MOST_RULES)
        rule = Rule(position=(last or 0) + 1, enabled=False, version=0)
        db.session.add(rule)
    other_query = not fresh and rule.query != written.query
    for field, value in written._asdict().items():
        setattr(rule, field, value)
    rule.failed_at = rule.failure = None
    rule_versions.keep(rule, cause, about=about, by=by, now=now)
    if rule.enabled and other_query:
        _settle_present(rule, now, act=False)
    record(desk, "rule.added" if fresh else "rule.changed", ("rule", rule.id), by=by, now=now, new=rule.name)
    return rule


def _settle_present(rule: Rule, now: datetime, *, act: bool) -> None:
    """What is remembered of the rule from before is put right: it was not asked while it was off.

    `act`: tickets that it holds for and has not acted on are taken for new matches; otherwise their episode has begun
    without it.
    """
    where = condition(query.from_json(rule.query), vocabulary.binding(now, whole=True), now)
    states = update(RuleState).where(RuleState.rule_id == rule.id, RuleState.holds)
    states = states.values(holds=False).execution_options(synchronize_session=False)
    db.session.execute(states.where(RuleState.ticket_id.not_in(select(Ticket.id).where(where))))
    if act:
        acted = exists().where(
            RuleFiring.rule_id == RuleState.rule_id,
            RuleFiring.ticket_id == RuleState.ticket_id,
            RuleFiring.episode == RuleState.episode,
        )
        db.session.execute(states.where(~acted))
        return
    present = select(Ticket.id, literal(rule.id), literal(True), literal(0)).where(where)
    remembered = insert_new(RuleState).from_select(["ticket_id", "rule_id", "holds", "episode"], present)
    db.session.execute(
        remembered.on_conflict_do_update(index_elements=["ticket_id", "rule_id"], set_={"holds": True})
    )

"""Why each rule has acted on a ticket, or why not, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from app.database import db
from app.desk import explanations, firings, rules
from app.desk.actual import Actual
from app.models import quarrel, vocabulary
from app.models.desk import the_desk
from app.models.firing import of_ticket
from app.models.judged import lines_of
from app.models.rule import Rule, RuleState
from app.models.ticket import Ticket
from app.words import N_, gettext
from rules import query, stored
from rules.outline import Kind, Line, outline
from rules.vocabulary import Names

GROUPS: Mapping[Kind, str] = {
    "all": N_("All of these"),
    "any": N_("At least one of these"),
    "not_all": N_("Not all of these"),
    "none": N_("None of these"),
}
# What a reader sees first: the word, and the look of the chip.
CHIPS: Mapping[str, tuple[str, str]] = {
    "acted": (N_("acted"), "good"),
    "waits": (N_("waits"), "paused"),
    "undone": (N_("undone"), "plain"),
    "partly": (N_("partly undone"), "plain"),
    "changed": (N_("changed since"), "plain"),
    "does-not-hold": (N_("does not hold"), "plain"),
    "off": (N_("off"), "paused"),
    "paused": (N_("paused"), "late"),
    "rests": (N_("skipped"), "paused"),
    "disagrees": (N_("disagrees"), "late"),
    "not-again": (N_("not again"), "plain"),
    "before": (N_("held before"), "plain"),
    "next": (N_("acts next"), "accent"),
    "broken": (N_("broken"), "late"),
    "gone": (N_("removed"), "plain"),
}

_UNDONE: Mapping[str, str] = {
    "undone": N_(
        "It has acted, and that was taken back. It acts again only when its condition has become false and true again."
    ),
    "partly": N_(
        "It has acted, and what of it can be undone was. It acts again only when its condition has become false and true again."
    ),
    "changed": N_(
        "It has acted, and that was changed since. It acts again only when its condition has become false and true again."
    ),
}


@dataclass(frozen=True)
class Shown:
    """A line of a condition as it is read: a group's words or a term's text, ticked or crossed, with what the ticket has."""

    text: str
    holds: bool
    is_group: bool
    actual: str = ""
    lines: tuple["Shown", ...] = ()
    any_will_do: bool = False  # a group of which one line is enough


@dataclass(frozen=True)
class Why:
    """A rule and a ticket: `state` is a key of CHIPS, `said` the sentence for it."""

    rule: Rule
    state: str
    said: str
    shown: Shown | None
    firings: Sequence[firings.Told]

    @property
    def chip(self) -> tuple[str, str]:
        text, kind = CHIPS[self.state]
        return gettext(text), kind


def told(ticket: Ticket, zone: str, now: datetime, boards: Select[int] | None = None) -> list[Why]:
    """Every rule in its order; those that are gone and have acted follow. `boards` as for history.told()."""
    rows = list(rules.in_order())
    outlines = {row.id: outline(tree) for row in rows if (tree := _query(row)) is not None}
    truths = lines_of(ticket.id, outlines, now)
    known = _firings(ticket.id, zone, now, boards)
    actual, names, desk = Actual(ticket, zone, now), vocabulary.names(), the_desk()
    resting = quarrel.standing({ticket.id: ticket.updated_at}).resting.get(ticket.id, {})
    disagreeing = {
        row.id: [one.name for one in rows if one.id in resting[row.id]] for row in rows if row.id in resting
    }
    judge = _Judge(
        _states(ticket.id), disagreeing, rules_on=desk is None or desk.rules_on, zone=zone, now=now
    )
    found = []
    for row in rows:
        truth, acted = truths.get(row.id), known.pop(row.id, [])
        shown = _shown(outlines[row.id], iter(truth), actual, names) if truth is not None else None
        state, said = judge.verdict(row, shown, acted)
        found.append(Why(row, state, said, shown, acted))
    gone = db.session.scalars(select(Rule).where(Rule.id.in_(known)).order_by(Rule.id)).all() if known else ()
    removed = gettext(N_("This rule was removed. What it did stays."))
    return [*found, *(Why(row, "gone", removed, None, known[row.id]) for row in gone)]


def of_draft(tree: query.Query, ticket: Ticket, zone: str, now: datetime) -> Shown | None:
    """How a condition that nobody has saved is read beside the ticket; None when it cannot be asked of it."""
    line = outline(tree)
    truth = lines_of(ticket.id, {0: line}, now).get(0)
    return _shown(line, iter(truth), Actual(ticket, zone, now), vocabulary.names()) if truth else None


class _Judge:
    """Says of one rule after the other why it has acted or not; one that stops the others is remembered."""

    def __init__(
        self,
        states: Mapping[int, RuleState],
        disagreeing: Mapping[int, Sequence[str]],  # rule -> the names of those because of which it rests
        *,
        rules_on: bool,
        zone: str,
        now: datetime,
    ) -> None:
        self._states, self._disagreeing = states, disagreeing
        self._rules_on, self._zone, self._now = rules_on, zone, now
        self._stopped_by: str | None = None

    def verdict(self, rule: Rule, shown: Shown | None, acted: Sequence[firings.Told]) -> tuple[str, str]:
        behind = self._stopped_by
        acts = rule.enabled and rule.paused_at is None and rule.id not in self._disagreeing
        if shown is not None and shown.holds and acts and rule.stop_after and behind is None:
            self._stopped_by = rule.name
        fault = rules.fault(rule)
        if fault is not None:
            return "broken", gettext(N_("It cannot be read as it is stored: %(fault)s"), fault=fault)
        if shown is None:
            return "broken", gettext(N_("It failed and was passed over."))
        if rule.id in self._disagreeing:
            text = N_(
                "It disagrees with “%(names)s” about this ticket. They rest on it until a person or the customer changes the"
                " ticket, or one of these rules is changed."
            )
            return "disagrees", gettext(text, names="”, “".join(self._disagreeing[rule.id]))
        state = self._states.get(rule.id)
        if not shown.holds:
            return "does-not-hold", gettext(N_("Its condition does not hold."))
        if state is not None and state.holds:
            now = next((one for one in acted if one.episode == state.episode), None)
            if now is not None:
                return self._acted(now)
        return self._has_not(rule, state, acted, behind)

    def _acted(self, firing: firings.Told) -> tuple[str, str]:
        if firing.owed and firing.owed_until is not None:
            until = explanations.instant(firing.owed_until, self._zone, self._now)
            text = N_(
                "A person was faster. It does the rest %(time)s unless somebody sets it again until then."
            )
            return "waits", gettext(text, time=until)
        if firing.undone:
            return firing.state, gettext(_UNDONE[firing.state])
        text = N_("It has acted, and does so again only when its condition has become false and true again.")
        return "acted", gettext(text)

    def _has_not(
        self, rule: Rule, state: RuleState | None, acted: Sequence[firings.Told], behind: str | None
    ) -> tuple[str, str]:
        """Its condition holds, and yet it has done nothing in this episode."""
        if not rule.enabled:
            return "off", gettext(N_("Its condition holds, but it is switched off."))
        if rule.paused_at is not None:
            text = N_("Its condition holds, but it fired too often %(time)s and has paused by itself.")
            return "paused", gettext(text, time=explanations.instant(rule.paused_at, self._zone, self._now))
        if not self._rules_on:
            return "off", gettext(N_("Its condition holds, but all rules are stopped."))
        if rule.once_per == "ticket" and acted:
            return "not-again", gettext(
                N_("Its condition holds again, but it acts only once on each ticket.")
            )
        if behind is not None:
            text = N_("Its condition holds, but it is skipped while that of “%(name)s” before it does.")
            return "rests", gettext(text, name=behind)
        if state is not None and state.holds:
            text = N_("Its condition held already when it was switched on or changed, for new matches only.")
            return "before", gettext(text)
        if rule.failed_at is not None:
            return "broken", gettext(N_("It failed and was passed over. It is tried again."))
        return "next", gettext(N_("Its condition holds. It acts when the ticket is looked at next."))


def _query(rule: Rule) -> query.Query | None:
    try:
        return stored.query_of(rule.query)
    except query.QueryError:
        return None


def _firings(
    ticket_id: int, zone: str, now: datetime, boards: Select[int] | None
) -> dict[int, list[firings.Told]]:
    """rule -> when it has acted on the ticket, the newest first."""
    rows = of_ticket(ticket_id)
    said = firings.told(rows, zone, now, boards)
    found: dict[int, list[firings.Told]] = {}
    for row in rows:
        found.setdefault(row.rule_id, []).append(said[row.id])
    return found


def _states(ticket_id: int) -> dict[int, RuleState]:
    rows = db.session.scalars(select(RuleState).where(RuleState.ticket_id == ticket_id))
    return {row.rule_id: row for row in rows}


def _shown(line: Line, answers: Iterator[bool], actual: Actual, names: Names) -> Shown:
    holds = next(answers)
    if line.leaf is not None:
        text = query.to_text(line.tree, names=names)
        return Shown(text, holds, is_group=False, actual=actual.said(line.leaf, holds != line.negated))
    below = tuple(_shown(one, answers, actual, names) for one in line.lines)
    return Shown(
        gettext(GROUPS[line.kind]), holds, is_group=True, lines=below, any_will_do=line.kind == "any"
    )

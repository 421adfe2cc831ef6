"""What a rule would have done: asked for, worked out slice by slice, stopped and forgotten. Nothing else is touched.

`result` of a backtest, as JSON: `times` it would have acted, on `tickets`; `days` local date -> times; `newest` [ticket,
instant, for each action whether it was so already]; `actions` with `told` (whether the past
can tell), `already`, `agreed` (tickets of which people made
the same), `ruled` (how many a rule had done already), `people` (how many in all), `missed` (some of those that it would
not have met); `others` rule -> tickets of which it wanted something else, `stops` rule -> tickets of which it would have
kept this rule from being asked.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, delete, func, insert, or_, select, update

from app.database import TookTooLong, bookkeeping, db, within
from app.desk import access, rules
from app.desk.refused import Refused
from app.models import rehearsal, vocabulary
from app.models.backtest import DAYS, UNFINISHED, Backtest
from app.models.candidates import Past, candidates
from app.models.episodes import beginnings, held
from app.models.person import Person
from app.models.rule import Rule
from app.models.ticket import Tag, Ticket
from app.words import N_, gettext
from rules import actions, query, spans
from rules.actions import Action, ActionError, AddTag, RemoveTag
from rules.hours import by_day, day_of
from rules.moments import stays
from rules.query import fold

CLAIM_FOR = timedelta(minutes=2)  # by then a process must have said that it goes on
KEPT_FOR = timedelta(days=30)
MOST_SHOWN = 50  # tickets
MOST_MISSED = 10
MOST_LISTED = 50
AT_ONCE = 5_000  # tickets of a slice that are asked at their instants
MANY = 20_000  # tickets that have changed: nobody waits for what has to be asked of them at their instants
AS_EASY = 10  # that many whose answer is known already weigh as much as one of these


@dataclass(frozen=True)
class Asked:
    """A rule as somebody wants to know of it; `rule_id` is None while it is not saved."""

    name: str
    tree: query.Query
    then: Sequence[dict[str, Any]]
    once_per: str
    rule_id: int | None = None


def of_rule(rule: Rule) -> Asked:
    """Refused when it cannot be read any more."""
    if mistake := rules.fault(rule):
        raise Refused(N_("This rule cannot be read as it is stored: %(mistake)s"), mistake=mistake)
    return Asked(rule.name, query.from_json(rule.query), rule.actions, rule.once_per, rule.id)


def of_draft(name: str, text: str, then: Sequence[dict[str, Any]], once_per: str) -> Asked:
    """What an editor sent. Refused with its mistakes as desk.rules.save does, but a new tag is not made."""
    tree = rules.read_query(text, everything=True)
    if not then:
        raise Refused(N_("A rule needs something to do."), field="actions")
    for one in then:
        try:
            actions.from_json(one)
        except ActionError as error:
            raise Refused(
                N_("Action: %(mistake)s"),
                field="actions",
                mistake=gettext(error.message).format(**error.values),
            ) from error
    return Asked(
        name.strip()[: rules.LONGEST_NAME], tree, then, "ticket" if once_per == "ticket" else "episode"
    )


def again(backtest: Backtest) -> Asked:
    """The same rule as it stood then."""
    tree = query.from_json(backtest.query)
    return Asked(backtest.name, tree, backtest.actions, backtest.once_per, backtest.rule_id)


def is_soon_done(asked: Asked, days: int, now: datetime) -> bool:
    """Whether somebody may wait for it: it asks about tickets as they came, or about few of them at many instants."""
    if stays(asked.tree):
        return True
    touched = select(Ticket.id).where(Ticket.updated_at > now - timedelta(days=days)).limit(MANY).subquery()
    return (db.session.scalar(select(func.count()).select_from(touched)) or 0) < MANY


def start(asked: Asked, days: int, *, person: Person, now: datetime, process: str | None = None) -> int:
    """Queues it, or claims it for this process, in place of what this person had asked before and is not finished; returns
    its number."""
    if days not in DAYS:
        raise Refused(N_("A backtest looks at the last 7, 30 or 90 days."), field="days")
    since, _ = spans.bounds(f"last {days} days", person.zone, day_of(person.zone, now))
    stopped = _unfinished(person.id).values(state="stopped", claim=None)
    new = insert(Backtest).values(
        person_id=person.id,
        rule_id=asked.rule_id,
        name=asked.name,
        query=query.to_json(asked.tree),
        actions=list(asked.then),
        once_per=asked.once_per,
        days=days,
        zone=person.zone,
        since_at=since,
        until_at=now,
        asked_at=now,
        state="running" if process else "queued",
        claim=process,
        claimed_until=now + CLAIM_FOR if process else None,
    )
    return int(bookkeeping(stopped, new.returning(Backtest.id)).rows[0][0])


def stop(backtest: Backtest) -> None:
    """What has been found until now stays."""
    mine = _unfinished(backtest.person_id).where(Backtest.id == backtest.id)
    bookkeeping(mine.values(state="stopped", claim=None))


def seen_by(person: Person, backtest_id: int) -> Backtest:
    """Refused with 404 unless they have asked for it themselves: another sees other boards."""
    backtest = db.session.get(Backtest, backtest_id)
    if backtest is None or backtest.person_id != person.id:
        raise access.not_found()
    return backtest


def newest_of(rule: Rule, person: Person) -> Backtest | None:
    return db.session.scalars(
        select(Backtest)
        .where(Backtest.rule_id == rule.id, Backtest.person_id == person.id)
        .order_by(Backtest.id.desc())
        .limit(1)
    ).first()


def recent_of(person: Person) -> Sequence[Backtest]:
    """What this person has asked, newest first; what is older than KEPT_FOR is forgotten."""
    mine = select(Backtest).where(Backtest.person_id == person.id)
    return db.session.scalars(mine.order_by(Backtest.id.desc()).limit(MOST_LISTED)).all()


def newest_like(asked: Asked, person: Person) -> Backtest | None:
    """The newest one of exactly this condition, these actions and how often it acts, whatever it was called."""
    tree, then = query.to_json(asked.tree), _named(asked.then)
    for backtest in recent_of(person):
        if (backtest.query, backtest.once_per) == (tree, asked.once_per) and _named(backtest.actions) == then:
            return backtest
    return None


def claim(process: str, now: datetime) -> int | None:
    """Takes the one that waits longest for a process; None when there is none."""
    free = _free(now)
    waiting = select(Backtest.id).where(free).order_by(Backtest.id).limit(1).with_for_update(skip_locked=True)
    taken = bookkeeping(
        update(Backtest)
        .where(Backtest.id == waiting.scalar_subquery(), free)
        .values(state="running", claim=process, claimed_until=now + CLAIM_FOR)
        .returning(Backtest.id)
    ).rows
    return int(taken[0][0]) if taken else None


def waiting(now: datetime) -> bool:
    """Whether there is one to claim. Reading alone, for a clock that asks each second."""
    return db.session.scalar(select(Backtest.id).where(_free(now)).limit(1)) is not None


def abandon(process: str) -> None:
    """What a dead process had claimed is gone on with by any other, from its last slice."""
    bookkeeping(
        update(Backtest)
        .where(Backtest.claim == process, Backtest.state == "running")
        .values(state="queued", claim=None)
    )


def give_back(backtest_id: int, process: str) -> None:
    """Somebody else goes on."""
    bookkeeping(_claimed(backtest_id, process).values(state="queued", claim=None))


def fail(backtest_id: int, process: str, error: str) -> None:
    bookkeeping(_claimed(backtest_id, process).values(state="failed", claim=None, error=error[:500]))


def forget_old(now: datetime) -> int:
    return bookkeeping(delete(Backtest).where(Backtest.asked_at <= now - KEPT_FOR)).count


class Work:
    """A claimed backtest that is being worked out: `slice()` until it says that there is no more."""

    def __init__(self, backtest: Backtest, process: str, now: datetime) -> None:
        self._id, self._process, self._each = backtest.id, process, backtest.once_per == "episode"
        person = db.session.get(Person, backtest.person_id)
        boards = db.session.scalars(access.visible_boards(person, now)).all()
        self._past = Past(
            query.from_json(backtest.query),
            backtest.since_at,
            backtest.until_at,
            vocabulary.desk_zone(),
            boards,
        )
        self._days = backtest.zone
        self._actions = _named(backtest.actions)
        self._aims = [rehearsal.aim_of(action) for action in self._actions]
        self._done = [
            rehearsal.done(aim, self._past) if aim else rehearsal.Done(set(), set(), set())
            for aim in self._aims
        ]
        enabled = [rule for rule in rules.enabled() if rule.id != backtest.rule_id]
        self._others = [
            rule
            for rule in enabled
            if any(rehearsal.differ(mine, theirs) for mine in self._actions for theirs in rule.actions)
        ]
        place = _place_of(backtest)
        self._stoppers = [rule for rule in enabled if rule.stop_after and (rule.position, rule.id) < place]
        self._settled, self._asked = candidates(self._past)
        numbers = sorted([*self._settled, *self._asked])
        self._of = len(numbers)
        self._left = numbers[bisect_right(numbers, backtest.last_id) :]
        self._result = dict(backtest.result) or _nothing(self._aims)

    def slice(self, most: int, seconds: float, now: datetime) -> bool:
        """Looks at the next tickets and writes down what it found; True when there are no more, or when somebody has
        stopped it. TookTooLong when the database needs more than so many seconds: nothing has been done then."""
        taken, before = self._next(most), deepcopy(self._result)
        try:
            with within(seconds):
                self._add(taken)
        except TookTooLong:
            self._result = before
            raise
        db.session.rollback()
        self._left = self._left[len(taken) :]
        over = not self._left
        if over:
            self._finish()
        values: dict[str, Any] = {
            "result": self._result,
            "total": self._of,
            "looked_at": self._of - len(self._left),
        }
        values |= {"last_id": taken[-1]} if taken else {}
        values |= {"state": "done", "claim": None} if over else {"claimed_until": now + CLAIM_FOR}
        kept = bookkeeping(_claimed(self._id, self._process).values(**values)).count
        return over or not kept

    def _next(self, most: int) -> list[int]:
        if not self._asked:
            return self._left[: most * AS_EASY]
        weights = (AS_EASY if id in self._asked else 1 for id in self._left)
        end = next((place for place, sum in enumerate(accumulate(weights)) if sum > most * AS_EASY), None)
        return self._left[:end]

    def _add(self, taken: Sequence[int]) -> None:
        result = self._result
        first = {id: self._settled[id] for id in taken if id in self._settled}
        times = list(first.values())
        asked = {id: self._asked[id] for id in taken if id in self._asked}
        later = dict[int, datetime]()
        for ticket_id, at in beginnings(self._past, asked, each=self._each):
            later.setdefault(ticket_id, at)
            times.append(at)
        so = rehearsal.already(list(later.items()), self._aims)
        so = [self._came_so(place, first) | found for place, found in enumerate(so)]
        first |= later
        days = Counter(result["days"])
        days.update({day.isoformat(): n for day, n in by_day(self._days, times)})
        result["days"] = dict(days)
        result["times"] += len(times)
        result["tickets"] += len(first)
        newest = nlargest(MOST_SHOWN, zip(first.values(), first, strict=True))
        shown = [[id, at.isoformat(), [id in each for each in so]] for at, id in newest]
        shown = sorted([*result["newest"], *shown], key=lambda one: (one[1], one[0]), reverse=True)
        result["newest"] = shown[:MOST_SHOWN]
        for place, one in enumerate(result["actions"]):
            one["already"] += len(so[place])
            one["agreed"] += sorted(self._done[place].people & first.keys())
            one["ruled"] += len(self._done[place].others & first.keys())
        if first and (self._others or self._stoppers):
            self._meet(first)

    def _came_so(self, place: int, settled: Mapping[int, datetime]) -> set[int]:
        """Of these tickets, those that were so when they came. What somebody has made of a ticket is known already."""
        aim = self._aims[place]
        if aim is not None and (aim.takes or aim.value is None):
            return rehearsal.already(list(settled.items()), [aim])[0]
        return self._done[place].came_so & settled.keys()

    def _meet(self, first: dict[int, datetime]) -> None:
        """The other rules that want something else, at the same time or at another one in this past."""
        zone, moments = self._past.zone, list(first.items())
        acted = rehearsal.fired([rule.id for rule in self._others], list(first), self._past.since)
        met = rehearsal.met(moments, self._others, zone)
        for rule in self._others:
            tickets = met.get(rule.id, set()) | acted.get(rule.id, set())
            _count(self._result["others"], rule.id, len(tickets))
        for rule in self._stoppers:
            _count(self._result["stops"], rule.id, len({id for id, _ in held(rule.query, moments, zone)}))

    def _finish(self) -> None:
        for place, one in enumerate(self._result["actions"]):
            people = self._done[place].people
            one["people"] = len(people)
            one["missed"] = sorted(people - set(one["agreed"]), reverse=True)[:MOST_MISSED]
            one["agreed"] = len(one["agreed"])


def _nothing(aims: Sequence[rehearsal.Aim | None]) -> dict[str, Any]:
    each = [
        {"told": aim is not None, "already": 0, "agreed": [], "ruled": 0, "people": 0, "missed": []}
        for aim in aims
    ]
    return {"times": 0, "tickets": 0, "days": {}, "newest": [], "actions": each, "others": {}, "stops": {}}


def _named(then: Sequence[dict[str, Any]]) -> list[Action]:
    return [_known(actions.from_json(one)) for one in then]


def _known(action: Action) -> Action:
    """A tag by its number, when there is one of that name."""
    if isinstance(action, AddTag | RemoveTag) and isinstance(action.tag, str):
        tag_id = db.session.scalar(select(Tag.id).where(Tag.name == fold(action.tag).strip()))
        return replace(action, tag=tag_id) if tag_id is not None else action
    return action


def _place_of(backtest: Backtest) -> tuple[float, int]:
    """Where it stands among the rules; a new one is the last."""
    rule = db.session.get(Rule, backtest.rule_id) if backtest.rule_id is not None else None
    return (rule.position, rule.id) if rule is not None else (float("inf"), 0)


def _count(counts: dict[str, int], rule_id: int, tickets: int) -> None:
    if tickets:
        counts[str(rule_id)] = counts.get(str(rule_id), 0) + tickets


def _unfinished(person_id: int) -> Update:
    return update(Backtest).where(Backtest.person_id == person_id, Backtest.state.in_(UNFINISHED))


def _claimed(backtest_id: int, process: str) -> Update:
    mine = (Backtest.id == backtest_id, Backtest.claim == process, Backtest.state == "running")
    return update(Backtest).where(*mine)


def _free(now: datetime) -> ColumnElement[bool]:
    dead = and_(Backtest.state == "running", Backtest.claimed_until <= now)
    return or_(Backtest.state == "queued", dead)

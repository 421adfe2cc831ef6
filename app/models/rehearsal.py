"""What a rule's actions would have met on tickets of the past: what was so already, what people did, which rules differ."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, String, case, cast, exists, func, or_, select
from sqlalchemy.orm import aliased

from app.database import db, planned_for_its_values, read
from app.models.candidates import Past
from app.models.episodes import Moment, asked_at
from app.models.event import Event
from app.models.interval import TicketInterval
from app.models.rule import RuleFiring
from app.models.ticket import Ticket
from app.models.vocabulary import NEVER
from rules.actions import (
    Action,
    AddTag,
    Assign,
    AssignNobody,
    Move,
    MoveToBoard,
    RemoveTag,
    SetLanguage,
    SetPriority,
    SetTeam,
    kind_of,
)
from rules.compile import columns, truth
from rules.rule import Rule
from rules.vocabulary import PRIORITIES

# What the change of a field is called when somebody makes it.
DONE_BY = {
    "tag": ("ticket.tagged", "ticket.untagged"),
    "priority": ("ticket.prioritised",),
    "assignee": ("ticket.assigned",),
    "team": ("ticket.teamed",),
    "column": ("ticket.moved",),
    "state": ("ticket.moved",),
    "board": ("ticket.transferred",),
    "language": ("ticket.language",),
}


class Aim(NamedTuple):
    """What an action makes of a ticket, as the past remembers it: it holds `value`, or None of the field, or, with
    `takes`, that value no more."""

    field: str
    value: str | None
    takes: bool = False


def aim_of(action: Action) -> Aim | None:
    """None: the past cannot tell, or it depends on who is there at the time."""
    match action:
        case AddTag(int(tag)):
            return Aim("tag", str(tag))
        case AddTag():
            return Aim("tag", "")  # one that nothing is called yet
        case SetPriority(priority):
            return Aim("priority", str(PRIORITIES.index(priority)))
        case RemoveTag(tag):
            return Aim("tag", str(tag) if isinstance(tag, int) else "", takes=True)
        case SetLanguage(language):
            return Aim("language", language)
        case Move(column):
            return Aim("column" if isinstance(column, int) else "state", str(column))
        case MoveToBoard(board):
            return Aim("board", str(board))
        case Assign(person_id):
            return Aim("assignee", str(person_id))
        case AssignNobody():
            return Aim("assignee", None)
        case SetTeam(team):
            return Aim("team", str(team))
    return None


def differ(one: Action, other: Action) -> bool:
    """Whether two actions want something else of the same field."""
    mine, theirs = aim_of(one), aim_of(other)
    if mine is not None and theirs is not None and mine.field == theirs.field == "tag":
        return mine.value == theirs.value and mine.takes != theirs.takes
    field = kind_of(one).field
    return one != other and field == kind_of(other).field and field in DONE_BY


class Done(NamedTuple):
    """The tickets of which an aim was made in a past: by people, by rules or the clock alone, or as they came."""

    people: set[int]
    others: set[int]
    came_so: set[int]


def already(moments: Sequence[Moment], aims: Sequence[Aim | None]) -> list[set[int]]:
    """For each aim the tickets that were so at their moments; none where it cannot be told."""
    found: list[set[int]] = [set() for _ in aims]
    told = [place for place, aim in enumerate(aims) if aim]
    if not moments or not told:
        return found
    table, _ = asked_at(moments, [], "UTC")
    so = [_is_so(aim, table.c.at).label(f"aim_{place}") for place, aim in enumerate(aims) if aim]
    rows = select(table.c.ticket_id, *so).join_from(table, Ticket, Ticket.id == table.c.ticket_id)
    for ticket_id, *answers in read(planned_for_its_values(rows)):
        for place, answer in zip(told, answers, strict=True):
            if answer:
                found[place].add(ticket_id)
    return found


def done(aim: Aim, past: Past) -> Done:
    """Whose the changes of this past were that made tickets so."""
    row = TicketInterval
    over = aim.takes or aim.value is None
    at = row.until_at if over else row.from_at
    made = exists().where(  # asked of each, not joined: SQLite would begin with all events of the desk
        Event.subject_kind == "ticket",
        Event.subject_id == row.ticket_id,
        Event.at == at,
        Event.kind.in_(DONE_BY[aim.field]),
    )
    by = case((made.where(Event.by_kind == "person"), "people"), (made, "others"))
    rows = (
        select(row.ticket_id, by.label("by"), (at <= Ticket.created_at).label("came_so"))
        .join(Ticket, Ticket.id == row.ticket_id)
        .where(
            row.field == aim.field,
            at >= past.since,
            at <= past.until,
            Ticket.board_id.in_(past.boards),
            Ticket.deleted_at.is_(None),
        )
    )
    if aim.value is not None:
        rows = rows.where(row.value == aim.value)
    else:
        other = aliased(row)
        begun = exists().where(other.ticket_id == row.ticket_id, other.field == row.field)
        rows = rows.where(~begun.where(other.from_at == at).correlate_except(other))
    each = rows.offset(0).subquery()  # put into the other SELECT, SQLite would ask for each `by` twice
    # a row of each ticket would be most of the work
    numbers = func.aggregate_strings(cast(each.c.ticket_id, String), ",")
    grouped = select(each.c.by, each.c.came_so, numbers).group_by(each.c.by, each.c.came_so)
    found: dict[str | None, set[int]] = defaultdict(set)
    for kind, came_so, together in db.session.execute(planned_for_its_values(grouped)):
        tickets = [int(number) for number in together.split(",")]
        found[kind].update(tickets)
        if came_so:
            found["came"].update(tickets)
    return Done(found["people"], found["others"] - found["people"], found["came"])


def met(moments: Sequence[Moment], others: Sequence[Rule], zone: str) -> dict[int, set[int]]:
    """rule -> the tickets of which its query held at these moments, too."""
    if not moments or not others:
        return {}
    table, bound = asked_at(moments, [rule.query for rule in others], zone)
    asked = columns(others, bound, NEVER)
    rows = select(table.c.ticket_id, *asked).join_from(table, Ticket, Ticket.id == table.c.ticket_id)
    found: dict[int, set[int]] = defaultdict(set)
    for row in db.session.execute(planned_for_its_values(rows)):
        for rule_id, holds in truth(others, row._mapping).items():
            if holds:
                found[rule_id].add(row.ticket_id)
    return found


def fired(rule_ids: Iterable[int], tickets: Sequence[int], since: datetime) -> dict[int, set[int]]:
    """rule -> those of these tickets on which it has acted since."""
    found: dict[int, set[int]] = defaultdict(set)
    rows = select(RuleFiring.rule_id, RuleFiring.ticket_id).where(
        RuleFiring.ticket_id.in_(tickets), RuleFiring.rule_id.in_([*rule_ids]), RuleFiring.at > since
    )
    for rule_id, ticket_id in db.session.execute(rows):
        found[rule_id].add(ticket_id)
    return found


def _is_so(aim: Aim, at: ColumnElement[datetime]) -> ColumnElement[bool]:
    row = TicketInterval
    held = exists().where(
        row.ticket_id == Ticket.id,
        row.field == aim.field,
        row.from_at <= at,
        or_(row.until_at.is_(None), row.until_at > at),
    )
    if aim.value is None:
        return ~held
    held = held.where(row.value == aim.value)
    return ~held if aim.takes else held

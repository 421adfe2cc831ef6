"""What is done with the tags of the desk, under its lock. On a ticket they are added and removed by desk.tickets."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, delete, exists, func, insert, literal, select

from app.database import db
from app.desk import access, boards, broken_rules, intervals, rules, tickets, uses
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board
from app.models.desk import Desk
from app.models.event import By
from app.models.interval import TicketInterval
from app.models.ticket import Tag, Ticket, TicketTag
from app.words import N_
from rules.query import quoted


class Effects(NamedTuple):
    """What a tag is needed for. `asking` and `adding` are names of rules; of `views` only the shared ones are named."""

    unresolved: int
    tickets: int
    asking: list[str]
    adding: list[str]
    views: list[str]
    own_views: int


def rename(desk: Desk, tag_id: int, name: str, *, by: By, now: datetime) -> Tag:
    """Gives a tag another name. Queries and rules hold its id, so none of them changes."""
    access.demand(by, "edit_tags", None, now)
    held = boards.locked_all()
    tag = found(tag_id)
    old, new = tag.name, tickets.tag_name(name)
    if old == new:
        return tag
    if db.session.scalar(select(Tag.id).where(Tag.name == new)) is not None:
        raise Refused(N_("There is a tag of this name already. Merge the two instead."), field="name")
    tickets.touch(Ticket.id.in_(_tickets_of(tag)), now, wake=False)
    tag.name = new
    db.session.flush()
    _tell(held, tag, old, new, by, now)
    record(desk, "tag.changed", ("tag", tag.id), by=by, now=now, old=old, new=new)
    return tag


def merge(desk: Desk, tag_id: int, into: int, *, by: By, now: datetime) -> Tag:
    """Makes one tag of two; returns the one that stays. Tickets, rules and views that had the other have it now."""
    access.demand(by, "edit_tags", None, now)
    held = boards.locked_all()
    tag = found(tag_id)
    kept = db.session.get(Tag, into)
    if kept is None or kept.id == tag.id:
        raise Refused(N_("Choose the tag that stays."), field="into")
    tickets.touch(Ticket.id.in_(_tickets_of(tag)), now)
    _tell(held, tag, tag.name, kept.name, by, now)
    intervals.end("tag", tag.id, _tickets_of(tag), now)
    joins = _tickets_of(tag).where(
        ~exists().where(TicketTag.ticket_id == Ticket.id, TicketTag.tag_id == kept.id)
    )
    past = joins.add_columns(literal("tag"), literal(str(kept.id)), literal(now, Ticket.created_at.type))
    columns = ["ticket_id", "field", "value", "from_at"]
    db.session.execute(insert(TicketInterval).from_select(columns, past))
    db.session.execute(
        insert(TicketTag).from_select(["ticket_id", "tag_id"], joins.add_columns(literal(kept.id)))
    )
    _delete(tag)
    rules.exchange_tag(desk, tag.id, kept.id, by=by, now=now)
    for view in uses.views_with("tag", tag.id).all:
        view.query = uses.exchanged(view.query, "tag", tag.id, kept.id)
        view.version += 1
    record(desk, "tag.merged", ("tag", tag.id), by=by, now=now, old=tag.name, new=kept.name, into=kept.id)
    return kept


def remove(desk: Desk, tag_id: int, *, by: By, now: datetime) -> str:
    """Takes a tag away from every ticket; returns its name. What names it in a query matches nothing; a rule that
    names it is switched off."""
    access.demand(by, "edit_tags", None, now)
    held = boards.locked_all()  # a ticket is tagged under its board's lock
    tag = found(tag_id)
    tickets.touch(Ticket.id.in_(_tickets_of(tag)), now)
    _tell(held, tag, tag.name, None, by, now)
    intervals.end("tag", tag.id, _tickets_of(tag), now)
    _delete(tag)
    record(desk, "tag.removed", ("tag", tag.id), by=by, now=now, old=tag.name)
    broken_rules.switch_off(desk, called={f"tag:#{tag.id}": f"tag:{quoted(tag.name)}"}, by=by, now=now)
    return tag.name


def effects_of(tag: Tag) -> Effects:
    """What changes when this tag is removed."""
    views = uses.views_with("tag", tag.id)
    named = uses.rules_with("tag", tag.id)
    on = select(func.count()).select_from(TicketTag).join(Ticket)
    on = on.where(TicketTag.tag_id == tag.id, Ticket.deleted_at.is_(None))
    return Effects(
        unresolved=db.session.scalar(on.where(Ticket.closed_at.is_(None))) or 0,
        tickets=db.session.scalar(on) or 0,
        asking=[rule.name for rule in named if uses.names(rule.query, "tag", tag.id)],
        adding=[rule.name for rule in named if uses.acts_with(rule, "tag", tag.id)],
        views=[view.name for view in views.shared],
        own_views=len(views.own),
    )


def found(tag_id: int) -> Tag:
    """Refused with 404 when there is no such tag."""
    tag = db.session.get(Tag, tag_id)
    if tag is None:
        raise access.not_found()
    return tag


def _tickets_of(tag: Tag) -> Select[int]:
    return select(Ticket.id).where(
        exists().where(TicketTag.ticket_id == Ticket.id, TicketTag.tag_id == tag.id)
    )


def _tell(held: list[Board], tag: Tag, old: str, new: str | None, by: By, now: datetime) -> None:
    """The boards on which the tag is seen."""
    seen = set(db.session.scalars(select(Ticket.board_id).where(Ticket.id.in_(_tickets_of(tag))).distinct()))
    for board in held:
        if board.id in seen:
            record(board, "board.tag", ("tag", tag.id), by=by, now=now, old=old, new=new)


def _delete(tag: Tag) -> None:
    db.session.execute(delete(TicketTag).where(TicketTag.tag_id == tag.id))
    db.session.delete(tag)
    db.session.flush()

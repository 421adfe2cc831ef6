"""Rules that disagree about a ticket, and since when they rest on it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, Select, and_, exists, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from app.database import Base, db
from app.models.rule import Rule
from app.models.ticket import Ticket

MOST_NAMED = 500  # that the list of rules looks at


class RuleQuarrel(Base):
    """A rule rests on a ticket, with the others of the same ticket and instant: as long as nobody has changed the ticket
    (`changed_at` is its `updated_at` still) and each of them is what it was (`version`)."""

    __tablename__ = "rule_quarrels"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rules.id"), primary_key=True, index=True)
    version: Mapped[int]
    changed_at: Mapped[datetime]
    at: Mapped[datetime]


class Quarrel(NamedTuple):
    """What a rule disagrees about: its newest ticket, with whom there, and about how many it does."""

    ticket_id: int
    others: tuple[int, ...]
    tickets: int


class Standing(NamedTuple):
    """What rests where: ticket -> rule -> the others that it disagrees with there; and the tickets of which a quarrel is over."""

    resting: dict[int, dict[int, tuple[int, ...]]]
    over: set[int]


def standing(tickets: Mapping[int, datetime]) -> Standing:
    """Of tickets and when each was changed last. One statement where there is no quarrel."""
    rows = db.session.scalars(select(RuleQuarrel).where(RuleQuarrel.ticket_id.in_(tickets))).all()
    found = Standing({}, set())
    if not rows:
        return found
    there = select(Rule.id, Rule.version).where(
        Rule.id.in_({row.rule_id for row in rows}), Rule.removed_at.is_(None)
    )
    versions = dict(db.session.execute(there).all())
    quarrels: dict[tuple[int, datetime], list[RuleQuarrel]] = {}
    for row in rows:
        quarrels.setdefault((row.ticket_id, row.at), []).append(row)
    for (ticket_id, _), those in quarrels.items():
        unchanged = all(row.changed_at == tickets[ticket_id] for row in those)
        if not unchanged or any(versions.get(row.rule_id) != row.version for row in those):
            found.over.add(ticket_id)
            continue
        numbers = [row.rule_id for row in those]
        rests = found.resting.setdefault(ticket_id, {})
        rests |= {number: tuple(one for one in numbers if one != number) for number in numbers}
    return found


def of_rules(boards: Select[int]) -> dict[int, Quarrel]:
    """rule -> what it disagrees about, of the tickets on `boards` (ids)."""
    rows = db.session.execute(
        select(RuleQuarrel.rule_id, RuleQuarrel.ticket_id, RuleQuarrel.at)
        .join(Ticket, Ticket.id == RuleQuarrel.ticket_id)
        .where(_unchanged(boards))
        .order_by(RuleQuarrel.at.desc(), RuleQuarrel.ticket_id.desc(), RuleQuarrel.rule_id)
        .limit(MOST_NAMED)
    ).all()
    groups: dict[tuple[int, datetime], list[int]] = {}
    for rule_id, ticket_id, at in rows:
        groups.setdefault((ticket_id, at), []).append(rule_id)
    found: dict[int, Quarrel] = {}
    for (ticket_id, _), those in groups.items():
        for rule_id in those:
            known = found.get(rule_id)
            others = tuple(one for one in those if one != rule_id)
            found[rule_id] = (
                known._replace(tickets=known.tickets + 1) if known else Quarrel(ticket_id, others, 1)
            )
    return found


def disagrees(boards: Select[int]) -> ColumnElement[bool]:
    """The condition on rules: one disagrees with another about a ticket on `boards` (ids)."""
    return (
        exists()
        .where(RuleQuarrel.rule_id == Rule.id, Ticket.id == RuleQuarrel.ticket_id, _unchanged(boards))
        .correlate(Rule)
    )


def together_with(rule_id: int) -> Select[RuleQuarrel]:
    """The rows of all quarrels of a rule, locked in the order in which everybody locks them."""
    of_it = aliased(RuleQuarrel)
    same = and_(
        of_it.rule_id == rule_id, of_it.ticket_id == RuleQuarrel.ticket_id, of_it.at == RuleQuarrel.at
    )
    return _locked().where(exists().where(same).correlate(RuleQuarrel))


def of_tickets(ticket_ids: Collection[int]) -> Select[RuleQuarrel]:
    """As together_with(), of tickets."""
    return _locked().where(RuleQuarrel.ticket_id.in_(ticket_ids))


def _locked() -> Select[RuleQuarrel]:
    return select(RuleQuarrel).order_by(RuleQuarrel.ticket_id, RuleQuarrel.rule_id).with_for_update()


def _unchanged(boards: Select[int]) -> ColumnElement[bool]:
    return and_(Ticket.updated_at == RuleQuarrel.changed_at, Ticket.board_id.in_(boards.order_by(None)))

"""What the side navigation counts, in one statement."""

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, func, literal, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from app.database import db
from app.models import notification, quarrel
from app.models.alert import Alert
from app.models.board import Board
from app.models.card import MOST_COUNTED
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.mailbox import Mailbox, unread
from app.models.message import RawMessage
from app.models.rule import Rule
from app.models.rule_version import RuleVersion
from app.models.ticket import Ticket


class Line(NamedTuple):
    """A board and what waits on it; the last seven are of all these boards together. Counts stop at MOST_COUNTED."""

    id: int
    name: str
    unresolved: int
    mine: int
    unassigned: int
    alerts: int
    undelivered: int
    failed: int
    unread: int  # mailboxes that cannot be read
    notified: int  # what the person was told of and has not read
    rules: int  # that somebody should look at
    rules_on: bool


def lines(boards: Select[int], **parameters: object) -> list[Line]:
    """One for each board whose id `boards` selects, in the order of their ids; `person` is whose tickets are counted."""
    return [Line._make(row) for row in db.session.execute(_lines(boards), parameters)]


@lru_cache(maxsize=64)
def _lines(boards: Select[int]) -> Select[*tuple[Any, ...]]:
    here = boards.order_by(None)
    person = bindparam("person", type_=Integer())
    return (
        select(
            Board.id,
            Board.name,
            _tickets(),
            _tickets(Ticket.assignee_id == person),
            _tickets(Ticket.assignee_id.is_(None)),
            _counted(Alert.id, Alert.state == "open", Alert.board_id.in_(here)),
            _counted(Delivery.id, Delivery.state.in_(("held", "failed")), Delivery.board_id.in_(here)),
            _counted(RawMessage.id, RawMessage.state == "failed"),
            _counted(Mailbox.id, unread()),
            select(func.count())
            .select_from(notification.unread(boards, person).subquery())
            .scalar_subquery(),
            _counted(Rule.id, _needs_a_look(boards)),
            func.coalesce(select(Desk.rules_on).limit(1).scalar_subquery(), true()),
        )
        .where(Board.id.in_(here))
        .order_by(Board.id)
    )


def _needs_a_look(boards: Select[int]) -> ColumnElement[bool]:
    """The condition on rules: paused by itself, failing, in a quarrel about a ticket on these boards, or switched off by the
    desk for what it misses, and left at that."""
    last = select(RuleVersion.cause).where(RuleVersion.rule_id == Rule.id, RuleVersion.cause != "moved")
    last = last.order_by(RuleVersion.number.desc()).limit(1).correlate(Rule)
    acts = or_(Rule.paused_at.is_not(None), Rule.failed_at.is_not(None), quarrel.disagrees(boards))
    return and_(
        Rule.removed_at.is_(None),
        or_(and_(Rule.enabled, acts), and_(~Rule.enabled, last.scalar_subquery() == "broken")),
    )


def _tickets(*conditions: ColumnElement[bool]) -> Any:
    """Unresolved ones, along the index that holds only them."""
    return _counted(Ticket.id, Ticket.board_id == Board.id, Ticket.closed_at.is_(None), *conditions)


def _counted(of: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> Any:
    some = select(literal(1)).select_from(of.class_).where(*conditions).correlate(Board).limit(MOST_COUNTED)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()

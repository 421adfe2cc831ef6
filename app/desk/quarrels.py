"""Rules that disagree about a ticket rest on it until somebody changes the ticket or one of them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, insert, select

from app.database import db
from app.desk import notifications, tickets
from app.models import quarrel
from app.models.board import Board
from app.models.event import CLOCK
from app.models.notification import Notification
from app.models.quarrel import RuleQuarrel
from app.models.rule_version import RuleVersion
from app.models.ticket import Ticket
from rules.rule import Rule


def resting(due: Collection[Ticket]) -> dict[int, Collection[int]]:
    """ticket -> the rules that rest on it. Quarrels that are over are forgotten."""
    found = quarrel.standing({ticket.id: ticket.updated_at for ticket in due})
    if found.over:
        for row in db.session.scalars(quarrel.of_tickets(found.over)).all():
            if row.rule_id not in found.resting.get(row.ticket_id, ()):
                db.session.delete(row)
        db.session.flush()
    return {ticket_id: rests.keys() for ticket_id, rests in found.resting.items()}


def begin(board: Board, ticket: Ticket, those: Sequence[Rule], *, now: datetime) -> None:
    """These rules disagree about the ticket, as they are now and as it is. Who manages rules and sees it is told once, until
    one of the rules is changed."""
    rows = [
        {
            "ticket_id": ticket.id,
            "rule_id": rule.id,
            "version": rule.version,
            "changed_at": ticket.updated_at,
            "at": now,
        }
        for rule in those
    ]
    db.session.execute(insert(RuleQuarrel), rows)
    names = ", ".join(rule.name for rule in those)
    tickets.changed(board, ticket, "ticket.disputed", by=CLOCK, now=now, rules=[None, names])
    managers = notifications.rule_managers(ticket, now)
    untold = managers - _told(managers, those, names)
    notifications.told_of_quarrel(untold, ticket, those[0].id, names, now=now)


def end(rule_id: int) -> None:
    """The rule has changed: neither it nor those that disagreed with it rest any more. Under the desk's lock."""
    for row in db.session.scalars(quarrel.together_with(rule_id)).all():
        db.session.delete(row)


def _told(people: Collection[int], those: Sequence[Rule], names: str) -> set[int]:
    """Those of these people who know already that rules of these names disagree, as the rules are now."""
    since = select(func.max(RuleVersion.at)).where(RuleVersion.rule_id.in_([rule.id for rule in those]))
    known = select(Notification.person_id).where(
        Notification.person_id.in_(people),
        Notification.kind == "quarrel",
        Notification.rule_id == those[0].id,
        Notification.by_name == names,
        Notification.at >= since.scalar_subquery(),
    )
    return set(db.session.scalars(known))

"""Rules that pause by themselves: one that fires above its hourly cap rests until a manager lets it go on."""

from datetime import datetime

from app.desk import access, notifications
from app.desk.events import record
from app.models.desk import Desk
from app.models.event import CLOCK, By
from app.models.rule import Rule
from app.models.ticket import Ticket


def pause(desk: Desk, rule: Rule, ticket: Ticket, *, now: datetime) -> None:
    """It has fired too often, and would have on this ticket. Whoever manages rules and sees the ticket is told."""
    if rule.paused_at is not None or not rule.enabled:
        return
    rule.paused_at = now
    record(desk, "rule.paused", ("rule", rule.id), by=CLOCK, now=now, new=rule.name, cap=rule.hourly_cap)
    notifications.told_of_pause(notifications.rule_managers(ticket, now), ticket, rule, now=now)


def go_on(desk: Desk, rule: Rule, *, by: By, now: datetime) -> None:
    """A manager lets it go on, also with what it has missed. It is counted from now on; a second time changes nothing."""
    access.demand(by, "edit_rules", None, now)
    if rule.paused_at is None:
        return
    rule.paused_at, rule.resumed_at = None, now
    record(desk, "rule.resumed", ("rule", rule.id), by=by, now=now, new=rule.name)

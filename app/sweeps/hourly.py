"""How often rules have fired in the last hour, and which fire more than they may."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update

from app.database import bookkeeping, db, writing
from app.desk import rule_pauses
from app.models.desk import Desk
from app.models.rule import Rule as RuleRow
from app.models.rule import RuleFiring
from app.models.ticket import Ticket
from rules.rule import Rule

HOUR = timedelta(hours=1)


class Hourly:
    """Of one sweep of a board, under its lock. What follows for the rules themselves is written by `settle` after it: a
    board's holder never asks for the desk."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._fired: Counter[int] = Counter()
        self._counted: set[int] = set()
        self._over: dict[int, int] = {}
        self._capped: set[int] = set()
        self._free: set[int] = set()  # what they do is what somebody has just asked for

    def spent(self, rules: Sequence[Rule]) -> set[int]:
        """Those of these rules that may not fire any more."""
        self._count({rule.id for rule in rules} - self._counted)
        return {
            rule.id for rule in rules if self._fired[rule.id] >= rule.hourly_cap and rule.id not in self._free
        }

    def fired(self, rule_id: int) -> None:
        self._fired[rule_id] += 1

    def held(self, rule_ids: Iterable[int], ticket: Ticket) -> None:
        """These would have fired on this ticket."""
        for rule_id in rule_ids:
            self._over.setdefault(rule_id, ticket.id)

    def capped(self, rule_id: int) -> None:
        """An answer of it was not sent, because too much had been written to the customer."""
        self._capped.add(rule_id)

    def settle(self) -> None:
        """Pauses the rules that would have gone on. Whoever dies before it leaves that to the next sweep."""
        for rule_id in sorted(self._capped):
            bookkeeping(update(RuleRow).where(RuleRow.id == rule_id).values(capped_at=self._now))
        for rule_id, ticket_id in sorted(self._over.items()):
            with writing(db.session.get_one(Desk, 1)) as desk:
                rule, ticket = db.session.get_one(RuleRow, rule_id), db.session.get_one(Ticket, ticket_id)
                rule_pauses.pause(desk, rule, ticket, now=self._now)
        self._over, self._capped = {}, set()

    def _count(self, rule_ids: set[int]) -> None:
        if not rule_ids:
            return
        rows = db.session.execute(
            select(RuleFiring.rule_id, func.count())
            .join(RuleRow, RuleRow.id == RuleFiring.rule_id)
            .where(
                RuleFiring.rule_id.in_(rule_ids),
                RuleFiring.at > self._now - HOUR,
                or_(RuleRow.resumed_at.is_(None), RuleFiring.at > RuleRow.resumed_at),
            )
            .group_by(RuleFiring.rule_id)
        )
        later = select(RuleRow.id).where(RuleRow.id.in_(rule_ids), RuleRow.resumed_at > self._now)
        self._free |= set(db.session.scalars(later))
        self._counted |= rule_ids
        self._fired.update(dict(rows.all()))

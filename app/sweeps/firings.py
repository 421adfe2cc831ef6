"""What a firing of a rule says of itself: what was done and can be taken back, what was not and why, what is owed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.database import db
from app.models.rule import RuleFiring
from rules import actions
from rules.plan import Change, Dropped, Firing, Owed

Stretch = tuple[int, int, int]  # a board's id, and the first and last number of its events


class Firings:
    """The firings of one ticket that a round writes to: those that owe something, and the new ones."""

    def __init__(self, ticket_id: int, owing: Iterable[RuleFiring] = ()) -> None:
        self._ticket_id = ticket_id
        self._rows = {(row.rule_id, row.episode): row for row in owing}

    @property
    def owed(self) -> list[Owed]:
        """Oldest firing first."""
        return [
            Owed(row.rule_id, row.episode, actions.from_json(one), row.at, row.owed_until or row.at)
            for row in self._rows.values()
            for one in row.owed
        ]

    def keep(self, waiting: Iterable[Owed]) -> None:
        """Of what was owed only this still is."""
        left: Mapping[tuple[int, int], list[Owed]] = defaultdict(list)
        for one in waiting:
            left[one.rule_id, one.episode].append(one)
        for key, row in self._rows.items():
            _owe(row, left[key])

    def begin(self, firing: Firing, now: datetime) -> None:
        """Written before any effect; unique for its episode."""
        row = RuleFiring(
            rule_id=firing.rule.id,
            ticket_id=self._ticket_id,
            episode=firing.episode,
            at=now,
            done=[],
            dropped=[],
        )
        _owe(row, firing.owed)
        db.session.add(row)
        self._rows[firing.rule.id, firing.episode] = row

    def did(self, change: Change, events: Stretch | None) -> None:
        row = self._rows[change.rule_id, change.episode]
        row.done = [*row.done, {"action": actions.to_json(change.action), "events": events and list(events)}]

    def dropped(self, one: Change | Dropped, reason: str, **values: Any) -> None:
        row = self._rows[one.rule_id, one.episode]
        told = {"action": actions.to_json(one.action), "reason": reason, "values": values}
        row.dropped = [*row.dropped, told]


def owing(ticket_ids: Collection[int]) -> dict[int, list[RuleFiring]]:
    """ticket -> its firings that owe something, oldest first."""
    found: dict[int, list[RuleFiring]] = defaultdict(list)
    rows = db.session.scalars(
        select(RuleFiring)
        .where(RuleFiring.ticket_id.in_(ticket_ids), RuleFiring.owed_until.is_not(None))
        .order_by(RuleFiring.id)
    )
    for row in rows:
        found[row.ticket_id].append(row)
    return found


def next_owed(ticket_ids: Collection[int], now: datetime) -> dict[int, datetime]:
    """ticket -> when the next of what is owed to it is due."""
    rows = db.session.execute(
        select(RuleFiring.ticket_id, RuleFiring.owed_until).where(
            RuleFiring.ticket_id.in_(ticket_ids), RuleFiring.owed_until > now
        )
    )
    found: dict[int, datetime] = {}
    for ticket_id, at in rows:
        if at is not None:
            found[ticket_id] = min(at, found.get(ticket_id, at))
    return found


def _owe(row: RuleFiring, owed: Sequence[Owed]) -> None:
    row.owed = [actions.to_json(one.action) for one in owed]
    row.owed_until = max((one.due_at for one in owed), default=None)

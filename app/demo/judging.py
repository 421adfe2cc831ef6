"""The rules of the demo, from the day on which they were switched on: they judge what customers write when it is written."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.database import db, lock
from app.demo.content import Demo
from app.desk import rules as desk_rules
from app.desk.rule_acts import Acts
from app.models.board import Board
from app.models.desk import Desk
from app.models.event import OPERATOR
from app.models.person import Person
from app.models.ticket import Ticket
from app.sweeps.hourly import Hourly
from app.sweeps.rules import apply_rules
from rules.rule import Rule, load_starters

ON_FOR = timedelta(days=16)  # what came before them people have tagged by hand
SOON_FOR = timedelta(seconds=2)  # as the sweep takes


class Judging:
    """What the rules do in the transaction that fills the desk."""

    def __init__(self, desk: Desk, board: Board, demo: Demo, staff: dict[str, Person]) -> None:
        self._desk, self._demo, self._staff = desk, demo, staff
        self._starters = {starter.key: starter for starter in load_starters()}
        self._rules: list[Rule] = []
        lock(board)

    def begin(self, now: datetime) -> None:
        """Switched on for new matches only."""
        for key in self._demo.starters:
            self._add_starter(key, now)
        for own in self._demo.rules:
            then: list[dict[str, object]] = [{"kind": "add_tag", "tag": tag} for tag in own.tags]
            if own.priority:
                then.append({"kind": "set_priority", "priority": own.priority})
            if own.assign:
                then.append({"kind": "assign", "person_id": self._staff[own.assign].id})
            rule = desk_rules.save(
                self._desk, None, name=own.name, text=own.query, then=then, by=OPERATOR, now=now
            )
            desk_rules.switch(self._desk, rule, True, by=OPERATOR, now=now)
        db.session.flush()
        self._rules = desk_rules.enabled()

    def judge(self, ticket: Ticket, at: datetime) -> None:
        """What a customer has just written. They fire too seldom to pause."""
        if self._rules:
            apply_rules([ticket], self._rules, Acts(at), Hourly(at), at)

    def end(self, tickets: Sequence[Ticket], now: datetime) -> None:
        """All as they stand now. The last rules are on from here on, for new matches only, so that the board is first seen as
        it was told."""
        apply_rules(tickets, self._rules, Acts(now), Hourly(now), now)
        for key in self._demo.last_starters:
            self._add_starter(key, now)

    def _add_starter(self, key: str, now: datetime) -> None:
        rule = desk_rules.add_starter(self._desk, self._starters[key], language="en", by=OPERATOR, now=now)
        desk_rules.switch(self._desk, rule, True, by=OPERATOR, now=now)

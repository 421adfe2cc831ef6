"""The events of many firings are read however many there are."""

from datetime import datetime

from app.models.firing import events_of
from app.models.rule import RuleFiring
from tests.small import SmallDesk


def test_the_events_of_many_firings(desk: SmallDesk, now: datetime) -> None:
    done = [{"action": {}, "events": [desk.board.id, n, n]} for n in range(3)]
    rows = [
        RuleFiring(id=n, rule_id=1, ticket_id=n, at=now, done=done, dropped=[], owed=[]) for n in range(600)
    ]
    assert set(events_of(rows)) == set(range(600))

"""The history of a ticket: ids are names, what belongs together is one line, what the page shows anyway is not told."""

from datetime import datetime, timedelta

import pytest

from app.database import writing
from app.desk import history, tickets
from app.models import conversation
from app.models.event import CLOCK, By
from app.models.ticket import Ticket
from app.words import speaking
from tests.small import SmallDesk
from tests.stories import ticket_in


@pytest.fixture
def ticket(desk: SmallDesk, now: datetime) -> Ticket:
    return ticket_in(desk, "new", "Where is my parcel?", now)


def told(ticket: Ticket, *said_at: datetime) -> list[tuple[str, ...]]:
    return [
        line.sentences for line in history.told(conversation.events_of(ticket.id, history.SHOWN), said_at)
    ]


def test_the_beginning_is_the_first_message(ticket: Ticket) -> None:
    assert told(ticket) == []


def test_names_and_languages(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    bob = By("person", desk.bob.id)
    with writing(desk.board) as board:
        tickets.assign(board, ticket, desk.alice.id, by=bob, now=now)
        tickets.assign(board, ticket, desk.bob.id, by=bob, now=now)
        tickets.assign(board, ticket, None, by=CLOCK, now=now)
        tickets.prioritise(board, ticket, 3, by=bob, now=now)
        tickets.set_language(board, ticket, "ko", by=bob, now=now)
        tickets.move(
            board, ticket, to=desk.columns["open"].id, by=By("customer", ticket.customer_id), now=now
        )
        tickets.read(board, ticket, by=bob, now=now)
    with speaking("en"):
        assert told(ticket) == [
            (
                "Bob Reyes assigned Alice Moor, took it",
                "Nightdesk took it from Bob Reyes and gave it to nobody",
                "Bob Reyes changed the priority from Normal to Urgent, set the language from unknown to Korean",
                "Kim Seoyeon moved it from New to Open",
            )
        ]
    with speaking("ko"):
        assert told(ticket)[0][2] == "Bob Reyes – 우선순위 변경: 보통 → 긴급, 언어 변경: 알 수 없음 → 한국어"


def test_lines_break_with_time_and_at_messages(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    with writing(desk.board) as board:
        for seconds, tag in ((10, "a"), (40, "b"), (75, "c"), (80, "d")):
            tickets.add_tag(board, ticket, tag, by=By("rule", seconds), now=now + timedelta(seconds=seconds))
    assert [len(line) for line in told(ticket)] == [2, 2]
    assert [len(line) for line in told(ticket, now + timedelta(seconds=20))] == [1, 3]
    assert [len(line) for line in told(ticket, now + timedelta(seconds=10))] == [2, 2]


def test_whoever_is_gone_is_somebody(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    """What an event names may be gone for good."""
    with writing(desk.board) as board:
        tickets.add_tag(board, ticket, "a", by=By("rule", 404), now=now)
        tickets.add_tag(board, ticket, "b", by=By("person", 404), now=now)
    with speaking("en"):
        assert told(ticket) == [("Rule ? added the tag a", "somebody added the tag b")]

"""The language of tickets: found on arrival, corrected by people, and remembered for the customer."""

from datetime import datetime, timedelta
from itertools import count

import pytest

from app.database import db, writing
from app.desk import customers, history, inbox, messages, tickets, undo
from app.models import conversation
from app.models.customer import Customer
from app.models.event import By
from app.models.ticket import Ticket
from tests.desk.test_inbox import mail
from tests.small import SmallDesk

GERMAN = "Guten Tag, wo bleibt meine Bestellung? Ich warte seit zwei Wochen darauf."
FRENCH = "Bonjour, je voudrais renvoyer la lampe, elle est arrivée cassée."
SHORT = "A-1042?"
NUMBERS = count()
LATER = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def three(desk: SmallDesk) -> None:
    with writing(desk.row) as row:
        row.languages = ["en", "de", "fr"]


def arrives(text: str, now: datetime, subject: str = "88213", **headers: str) -> Ticket:
    db.session.rollback()
    headers["Message_ID"] = f"<{next(NUMBERS)}@example.org>"
    found = inbox.receive(mail(text, subject=subject, **headers), now=now, source="command")
    return db.session.get_one(Ticket, found.ticket)


def corrected(desk: SmallDesk, ticket: Ticket, language: str | None, now: datetime) -> int:
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        tickets.set_language(board, row, language, by=By("person", desk.bob.id), now=now)
        return board.seq


def customer() -> tuple[str | None, bool]:
    db.session.rollback()
    one = db.session.query(Customer).populate_existing().one()
    return one.language, one.language_by_hand


def test_what_a_person_sets_counts_where_the_text_does_not_tell(desk: SmallDesk, now: datetime) -> None:
    first = arrives(SHORT, now)
    assert (first.language, customer()) == (None, (None, False))
    corrected(desk, first, "de", now)
    assert customer() == ("de", True)
    unsure = arrives(SHORT, now + LATER)
    assert (unsure.language, unsure.language_confidence) == ("de", 0)
    told = arrives(FRENCH, now + LATER)
    assert (told.language, told.language_confidence > 60) == ("fr", True)
    assert customer() == ("de", True)


def test_what_was_only_found_is_not_taken_for_sure(desk: SmallDesk, now: datetime) -> None:
    arrives(GERMAN, now)
    assert customer() == ("de", False)
    assert arrives(SHORT, now + LATER).language is None


def test_another_language_than_those_of_the_desk_is_not_the_customers(desk: SmallDesk, now: datetime) -> None:
    corrected(desk, arrives(SHORT, now), "de", now)
    assert arrives("주문한 상품이 아직 도착하지 않았습니다.", now + LATER).language is None
    with writing(desk.row) as row:
        row.languages = ["en"]
    assert arrives(SHORT, now + LATER).language is None


def test_a_correction_that_is_undone_is_forgotten(desk: SmallDesk, now: datetime) -> None:
    ticket = arrives(GERMAN, now)
    seq = corrected(desk, ticket, "fr", now)
    assert customer() == ("fr", True)
    for expected in (("de", False), ("fr", True)):  # undone, and that undone again
        with writing(desk.board) as board:
            row = db.session.get_one(Ticket, ticket.id)
            for events in undo.events_of([(board.id, seq, seq)], now).values():
                undo.take_back(board, row, events, by=By("person", desk.bob.id), now=now)
            seq = board.seq
        assert customer() == expected


def test_an_undone_correction_leaves_what_was_set_since(desk: SmallDesk, now: datetime) -> None:
    ticket, other = arrives(GERMAN, now), arrives(SHORT, now)
    seq = corrected(desk, ticket, "fr", now)
    corrected(desk, other, "en", now)
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        for events in undo.events_of([(board.id, seq, seq)], now).values():
            undo.take_back(board, row, events, by=By("person", desk.bob.id), now=now)
    assert customer() == ("en", True)


def test_neither_a_rule_nor_unknown_is_remembered(desk: SmallDesk, now: datetime) -> None:
    ticket = arrives(GERMAN, now)
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        tickets.set_language(board, row, "en", by=By("rule", 1), now=now)
    corrected(desk, ticket, None, now)
    assert customer() == ("de", False)


def test_the_customers_page_sets_it_too(desk: SmallDesk, now: datetime) -> None:
    ticket = arrives(SHORT, now)
    for language, by_hand in (("fr", True), (None, False)):
        with writing(desk.board) as board:
            one = db.session.get_one(Customer, ticket.customer_id)
            rest = {"name": one.name, "company": None, "vip": False, "notes": ""}
            customers.change(board, one, language=language, by=By("person", desk.bob.id), now=now, **rest)
        assert customer() == (language, by_hand)


def test_an_unknown_language_becomes_that_of_the_first_message_that_tells(
    desk: SmallDesk, now: datetime
) -> None:
    ticket = arrives(SHORT, now)
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        answer = messages.reply(board, row, "Which lamp?", person=desk.bob, seen=None, now=now)
        answered = answer.message_id
    again = arrives(GERMAN, now + LATER, In_Reply_To=f"<{answered}>")
    assert (again.id, again.language, again.language_confidence > 60) == (ticket.id, "de", True)
    lines = history.told(conversation.events_of(ticket.id, history.SHOWN))
    assert "Nightdesk set the language from unknown to German" in [
        s for line in lines for s in line.sentences
    ]
    assert arrives(FRENCH, now + 2 * LATER, In_Reply_To=f"<{answered}>").language == "de"

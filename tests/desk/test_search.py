"""What search looks through follows every change, and the two forms of one meaning agree on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, insert, select

from app.database import db, newest_in_index, writing
from app.desk import messages, search
from app.models.company import Company
from app.models.customer import Customer, CustomerAddress
from app.models.document import Document, words_in_index, words_in_texts
from app.models.message import Message
from app.models.past import as_of
from app.models.ticket import Ticket
from rules.compile import condition
from rules.query import parse
from rules.tokens import document, phrase
from tests.stories import ticket_in

WORDS = [
    "order",
    "orders",
    "orderly",
    "lamp",
    "Lámpe",
    "환불",
    "환불은",
    "교환",
    "불가",
    "주문번호",
    "데이터",
    "東京",
    "東京タワー",
    "ﾃﾞｰﾀ",
    "退款",
    "我要退款",
    "où",
    "ist",
    "größe",
    "🙂",
    "👍",
    "!!!",
    "%",
    "_",
    "'",
    "42",
    "4711",
    "kim@example.org",
    "don't",
    "हिन्दी",
    "ไทย",
    "x",
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
WANTED = st.one_of(TEXTS, st.text("aор환불은교가東京デ🙂4 .'\"\\%_·", max_size=4), st.text(max_size=6))


def found(condition: ColumnElement[bool]) -> list[int]:
    return list(db.session.scalars(select(Ticket.id).where(condition).order_by(Ticket.id)))


def finds(text: str) -> list[int]:
    by_index = found(words_in_index(text))
    assert by_index == found(words_in_texts(text))
    return by_index


def test_a_conversation_is_found_by_all_that_counts_in_it(desk: Any, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "환불 문의", now)
    other = ticket_in(desk, "new", "Broken lamp", now)
    with writing(desk.board) as board:
        ticket, other = db.session.get_one(Ticket, ticket.id), db.session.get_one(Ticket, other.id)
        messages.note(board, other, "Ask the warehouse", person=desk.bob, now=now)
        sent = messages.reply(board, ticket, "곧 처리하겠습니다", person=desk.bob, seen=None, now=now)
    assert finds("불 문") == [ticket.id]
    assert finds("환") == [ticket.id]
    assert finds("WARE") == [other.id]
    assert finds("house") == []
    assert finds("처리하") == [ticket.id]
    assert finds("kim seo") == finds("kim@example.org") == [ticket.id, other.id]
    assert finds("lamp kim") == []
    assert finds("...") == []

    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, ticket.id)
        messages.withdraw(board, ticket, sent.id, person=desk.bob, now=now + timedelta(seconds=1))
    assert finds("처리하") == []


def test_the_desks_own_answer_comes_and_goes_with_its_sending(desk: Any, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Where is it", now)
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, ticket.id)
        messages.answer_automatically(
            board,
            ticket,
            "We have your message",
            reason="acknowledgement",
            to="kim@example.org",
            language="en",
            at=now + timedelta(minutes=1),
            now=now,
        )
    assert finds("have your") == [ticket.id]
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, ticket.id)
        answer = messages.reply(board, ticket, "Tomorrow", person=desk.bob, seen=None, now=now)
    assert finds("have your") == []
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, ticket.id)
        messages.withdraw(board, ticket, answer.id, person=desk.bob, now=now + timedelta(seconds=1))
    assert finds("have your") == [ticket.id]
    assert finds("tomorrow") == []


def test_a_customer_or_company_that_is_renamed_is_found_by_its_new_name(desk: Any, now: datetime) -> None:
    tickets = [ticket_in(desk, "new", f"Matter {n}", now) for n in range(3)]
    ids = [ticket.id for ticket in tickets]
    with writing(desk.board):
        company = Company(name="Acme 물산", created_at=now)
        db.session.add(company)
        db.session.flush()
        customer = db.session.get_one(Customer, tickets[0].customer_id)
        customer.name, customer.company_id = "Lee Jiwoo", company.id
        db.session.add(CustomerAddress(customer_id=customer.id, address="jiwoo@acme.example"))
        db.session.flush()
        search.index_customer(customer.id)
    assert finds("lee ji") == finds("jiwoo@acme.example") == finds("물산") == ids
    assert finds("kim seoyeon") == []

    with writing(desk.row):
        company = db.session.get_one(Company, company.id)
        company.name = "Globex"
        db.session.flush()
        search.index_company(company.id)
    assert finds("globex") == ids
    assert finds("acme 물산") == []
    assert (
        db.session.scalars(select(Document.message_id).where(Document.message_id.is_(None))).all()
        == [None] * 3
    )


def test_the_subject_of_a_message_counts_when_it_says_more(desk: Any, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Broken lamp", now)
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, ticket.id)
        for subject in ("Re: Broken lamp", "Another matter"):
            messages.receive(
                board,
                ticket,
                by=messages.CLOCK,
                now=now,
                text="hello",
                subject=subject,
                from_name="Kim",
                from_address="kim@example.org",
            )
    assert finds("another matter") == [ticket.id]
    stored = db.session.scalars(select(Document.tokens).where(Document.message_id.is_not(None))).all()
    assert stored[1:] == [" hello ", " another matter · hello "]


def test_words_as_of_an_instant_are_those_that_had_been_said(desk: Any, now: datetime) -> None:
    """Not what came later; what is known of the ticket itself as it stands today."""
    ticket, other = (ticket_in(desk, "new", subject, now) for subject in ("환불 문의", "Broken lamp"))
    hour = timedelta(hours=1)
    for after, text in ((1, "Ask the warehouse"), (3, "Straße is closed, so tomorrow")):
        with writing(desk.board) as board:
            held = db.session.get_one(Ticket, other.id)
            messages.note(board, held, text, person=desk.bob, now=now + after * hour)
            held = db.session.get_one(Ticket, ticket.id)
            messages.reply(
                board, held, f"{text} 창고", person=desk.bob, seen=None, then="keep", now=now + after * hour
            )

    def then(query: str, hours: float) -> list[int]:
        at = now + hours * hour
        return found(condition(parse(query), as_of(at), at))

    both = [ticket.id, other.id]
    assert then("warehouse", 0) == []
    assert then("warehouse", 1) == then("warehouse", 2) == then("ware", 9) == both
    assert then("strasse", 2) == then('"closed so"', 2) == []
    assert then("strasse", 3) == then('"closed so"', 3) == both
    assert then("고", 1) == [ticket.id]
    assert then("불 문", 0) == [ticket.id]
    assert then("warehouse -lamp", 2) == [ticket.id]
    assert then("NOT warehouse", 0) == both
    assert then("lamp OR 창고", 0) == [other.id]
    assert then("lamp", -1) == []


@given(
    st.lists(st.lists(TEXTS, min_size=1, max_size=3), min_size=1, max_size=6), st.lists(WANTED, max_size=8)
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_forms_say_what_the_tokens_say(desk: Any, now: datetime, told: Any, wanted: list[str]) -> None:
    """On each database: by the index, by the texts, and by plain Python."""
    with writing(desk.board) as board:
        held = {}
        for texts in told:
            ticket = Ticket(
                board_id=board.id,
                column_id=desk.columns["new"].id,
                state="new",
                state_since=now,
                subject="",
                subject_search="",
                customer_id=_customer(now),
                channel_id=desk.email.id,
                created_at=now,
                updated_at=now,
                last_message_at=now,
                last_speaker="customer",
                sort_key="",
            )
            db.session.add(ticket)
            db.session.flush()
            said = [Message(ticket_id=ticket.id, kind="note", text=text, at=now) for text in texts]
            db.session.add_all(said)
            db.session.flush()
            held[ticket.id] = [document((text,)) for text in texts]
            db.session.execute(
                insert(Document),
                [
                    {"ticket_id": ticket.id, "message_id": message.id, "tokens": tokens}
                    for message, tokens in zip(said, held[ticket.id], strict=True)
                ],
            )
        for text in [*wanted, *(text for texts in told for text in texts)]:
            meant = phrase(text)
            expected = [
                id for id, texts in held.items() if meant and any(meant.needle in tokens for tokens in texts)
            ]
            theirs = Ticket.id.in_(held)
            assert found(theirs & words_in_index(text)) == expected, text
            assert found(theirs & words_in_texts(text)) == expected, text


def _customer(now: datetime) -> int:
    customer = Customer(name="", created_at=now)
    db.session.add(customer)
    db.session.flush()
    return customer.id


@pytest.mark.parametrize("share", [0.0, 0.001, 1.0])
def test_the_newest_places_come_first_however_many_there_seem_to_be(
    desk: Any, now: datetime, share: float
) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    ids = [20_000, 40_000, 40_001, 90_000]
    with writing(desk.board):
        said = [Message(ticket_id=ticket.id, kind="note", text="", at=now) for _ in ids]
        db.session.add_all(said)
        db.session.flush()
        db.session.execute(
            insert(Document),
            [
                {"id": id, "ticket_id": ticket.id, "message_id": message.id, "tokens": " violet ray "}
                for id, message in zip(ids, said, strict=True)
            ],
        )
    for text in ("viol", "violet ray"):
        meant = phrase(text)
        assert meant is not None
        assert newest_in_index(meant, 2, share) == [90_000, 40_001]
        assert newest_in_index(meant, 9, share) == ids[::-1]

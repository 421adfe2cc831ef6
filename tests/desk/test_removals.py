"""Spam, and deleting a ticket: gone at once everywhere, back within thirty days, then forgotten with its bytes."""

import json
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import func, select, text

from app import sweeps
from app.database import Base, db, writing
from app.desk import alerts, history, inbox, later, messages, removals, tickets
from app.desk.refused import Refused
from app.export import lines
from app.models import conversation, vocabulary
from app.models.alert import Alert
from app.models.card import View, overview
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.message import Blob, Message, RawMessage
from app.models.past import as_of
from app.models.ticket import Ticket
from rules.compile import condition
from rules.query import parse
from tests.routes.conversation import kim_writes
from tests.small import ADDRESS, SmallDesk

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fresh(number: int) -> Ticket:
    return db.session.get_one(Ticket, number, populate_existing=True)


def delete(desk: SmallDesk, number: int, now: datetime) -> None:
    with writing(desk.board) as board:
        removals.delete(board, fresh(number), by=By("person", desk.alice.id), now=now)


def restore(desk: SmallDesk, number: int, now: datetime) -> None:
    with writing(desk.board) as board:
        removals.restore(board, fresh(number), by=By("person", desk.alice.id), now=now)


def answer(desk: SmallDesk, number: int, now: datetime) -> Message:
    with writing(desk.board) as board:
        return messages.reply(board, fresh(number), "We look.", person=desk.bob, seen=None, now=now)


def mail(reply_to: Message) -> bytes:
    raw = EmailMessage()
    raw["From"], raw["To"], raw["Subject"] = "kim@example.org", ADDRESS, "Re: Lamp"
    raw["In-Reply-To"] = f"<{reply_to.message_id}>"
    raw.set_content("Any news?")
    return raw.as_bytes()


def test_it_is_gone_from_boards_counts_queries_and_exports(desk: SmallDesk, now: datetime) -> None:
    number, other = kim_writes(now), kim_writes(now, number=2, subject="Bulb")
    delete(desk, number, now)
    assert sum(head.count for head in overview(View(desk.board.id, "en"), now).heads) == 1
    visible = Ticket.board_id.in_([desk.board.id])
    assert db.session.scalars(
        select(Ticket.id).where(visible, vocabulary.matches(parse("lamp"), now))
    ).all() == [other]
    past = condition(parse(""), as_of(now + HOUR), now + HOUR)
    assert db.session.scalars(select(Ticket.id).where(past)).all() == [other]
    exported = [json.loads(line) for line in lines()]
    assert [line["id"] for line in exported if line["type"] == "ticket"] == [other]
    sweeps.wake_tickets(now + 9 * HOUR)
    assert fresh(number).wake_at is None


def test_nothing_more_is_sent_and_nobody_is_called(desk: SmallDesk, now: datetime) -> None:
    number = kim_writes(now)
    ours = answer(desk, number, now)
    with writing(desk.board) as board:
        later.schedule(board, fresh(number), "And then?", person=desk.bob, seen=None, at=now + DAY, now=now)
    with writing(desk.board):
        db.session.add(
            Alert(
                key="1",
                ticket_id=number,
                board_id=desk.board.id,
                kind="resolution",
                level="breach",
                deadline_at=now,
                opened_at=now,
            )
        )
    delete(desk, number, now)
    assert db.session.scalars(select(Delivery.state).where(Delivery.message_id == ours.id)).all() == [
        "cancelled"
    ]
    assert db.session.scalars(select(Message.id).where(Message.leaves_at.is_not(None))).all() == []
    assert [alert.state for alert in alerts.of_tickets([number])[number]] == ["closed"]


def test_mail_for_a_deleted_ticket_opens_a_new_one(desk: SmallDesk, now: datetime) -> None:
    number = kim_writes(now)
    ours = answer(desk, number, now)
    delete(desk, number, now)
    receipt = inbox.receive(mail(ours), now=now + HOUR, source="command", sent_to=ADDRESS)
    assert (receipt.action, receipt.ticket == number) == ("created", False)
    assert db.session.get_one(Ticket, receipt.ticket).linked_id is None


@pytest.mark.parametrize("state", ["new", "waiting", "resolved"])
def test_taken_back_it_is_where_it_was(desk: SmallDesk, now: datetime, state: str) -> None:
    number = kim_writes(now)
    with writing(desk.board) as board:
        tickets.move(board, fresh(number), to=desk.columns[state].id, by=By("person", desk.bob.id), now=now)
    before = (fresh(number).column_id, fresh(number).state, fresh(number).closed_at)
    delete(desk, number, now + HOUR)
    restore(desk, number, now + 2 * HOUR)
    assert (fresh(number).column_id, fresh(number).state, fresh(number).closed_at) == before
    assert fresh(number).deleted_at is None
    sweeps.wake_tickets(now + 2 * HOUR)
    told = [line.sentences for line in history.told(conversation.events_of(number, history.SHOWN))]
    assert ("Alice Moor took it back after it was deleted",) in told
    with pytest.raises(Refused) as refused:
        restore(desk, number, now + 3 * HOUR)
    assert refused.value.status == 409


def test_agents_may_not(desk: SmallDesk, now: datetime) -> None:
    number = kim_writes(now)
    with writing(desk.board) as board, pytest.raises(Refused) as refused:
        removals.delete(board, fresh(number), by=By("person", desk.bob.id), now=now)
    assert refused.value.status == 403


def test_after_thirty_days_nothing_is_left_but_its_events(desk: SmallDesk, now: datetime) -> None:
    kept, number = kim_writes(now, number=2, subject="Bulb"), kim_writes(now)
    answer(desk, number, now)
    with writing(desk.board) as board:
        tickets.add_tag(board, fresh(number), "angry", by=By("person", desk.bob.id), now=now)
        fresh(kept).linked_id = number
    delete(desk, number, now)
    assert sweeps.tidy(now + 29 * DAY)["deleted"] == 0
    assert fresh(number)
    events = db.session.scalar(select(func.count()).where(Event.subject_id == number))
    assert sweeps.tidy(now + 30 * DAY)["deleted"] == 1
    assert db.session.get(Ticket, number, populate_existing=True) is None
    assert fresh(kept).linked_id is None
    assert db.session.scalar(select(func.count()).where(Event.subject_id == number)) == (events or 0) + 1
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table.name == "tickets":
                found = select(func.count()).select_from(table).where(key.parent == number)
                assert (table.name, db.session.scalar(found)) == (table.name, 0)
    held = set(db.session.scalars(select(RawMessage.sha256)))
    files = set(db.session.scalars(text("SELECT sha256 FROM attachments")))
    assert set(db.session.scalars(select(Blob.sha256))) == held | files
    assert len(held) == 1
    assert files  # the other ticket has the same files
    assert sweeps.tidy(now + 31 * DAY)["deleted"] == 0


def test_spam_is_put_away_and_answered_by_nobody(desk: SmallDesk, now: datetime) -> None:
    number = kim_writes(now)
    with writing(desk.board) as board:
        removals.mark_spam(board, fresh(number), by=By("person", desk.bob.id), now=now)
    sweeps.wake_tickets(now + HOUR)
    ticket = fresh(number)
    assert (ticket.state, [tag.name for tag in ticket.tags], ticket.unread) == ("archived", ["spam"], False)
    assert ticket.next_deadline_at is None
    assert db.session.scalars(select(Delivery.id).where(Delivery.state == "queued")).all() == []

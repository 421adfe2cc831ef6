"""The mood of a ticket: found in what the customer writes, kept by who corrects it, and the order that it makes."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import history, inbox, merges, messages, moods
from app.desk.links import Both
from app.desk.refused import Refused
from app.mail.mood import Heard
from app.models import conversation
from app.models.event import CLOCK, By
from app.models.message import Message
from app.models.ticket import Ticket, heat
from tests.desk.test_inbox import mail
from tests.small import SmallDesk
from tests.stories import ticket_in

HOUR = timedelta(hours=1)
ANGRY, CALM, PLEASED = Heard(angry=70, long=True), Heard(long=True), Heard(pleased=60, long=True)


def wrote(desk: SmallDesk, ticket: Ticket, heard: Heard, at: datetime, **values: Any) -> int | None:
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        said = {"text": "...", "from_name": "Kim", "from_address": "kim@example.org"}
        messages.receive(board, row, by=CLOCK, now=at, heard=heard, **said, **values)
        return row.mood


def answer(desk: SmallDesk, ticket: Ticket, at: datetime) -> Message:
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        return messages.reply(board, row, "Sorry!", person=desk.bob, seen=None, now=at)


def put(desk: SmallDesk, ticket: Ticket, choice: str, at: datetime, **values: Any) -> Ticket:
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        return moods.set_mood(board, row, choice, by=By("person", desk.bob.id), now=at, **values)


def test_mail_is_heard_without_what_it_quotes(desk: SmallDesk, now: datetime) -> None:
    text = "Das ist eine Frechheit, ich warte seit drei Wochen auf meine Lampe!!\n\n-- \nKim\nBegeistert von Lampen"
    first = inbox.receive(mail(text, subject="Wo bleibt meine Lampe?"), now=now, source="command")
    ticket = db.session.get_one(Ticket, first.ticket)
    message = db.session.scalars(select(Message).where(Message.ticket_id == ticket.id)).one()
    assert (ticket.mood, message.mood) == (-80, -80)
    assert message.mood_reasons == [["word", "Frechheit"], ["signs", "!!"]]
    assert (ticket.angry, ticket.heat) == (True, heat(1, angry=True))
    automatic = mail(
        "Unacceptable! I am furious, this is a scam.", Auto_Submitted="auto-replied", subject="Away"
    )
    away = inbox.receive(automatic, now=now, source="command")
    assert db.session.get_one(Ticket, away.ticket).mood is None


def test_the_newest_text_counts_and_one_without_a_feeling_takes_nothing_back(
    desk: SmallDesk, now: datetime
) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    assert wrote(desk, ticket, ANGRY, now + HOUR) == -70
    assert wrote(desk, ticket, CALM, now + 2 * HOUR) == -70
    assert wrote(desk, ticket, PLEASED, now + 3 * HOUR) == 60
    assert wrote(desk, ticket, ANGRY, now + 4 * HOUR, automatic="auto-replied") == 60
    answer(desk, ticket, now + 5 * HOUR)
    assert db.session.get_one(Ticket, ticket.id).mood == 60
    assert wrote(desk, ticket, CALM, now + 6 * HOUR) is None


def test_an_answer_that_is_taken_back_has_parted_nothing(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    wrote(desk, ticket, ANGRY, now + HOUR)
    reply = answer(desk, ticket, now + 2 * HOUR)
    assert wrote(desk, ticket, CALM, now + 2 * HOUR) is None
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        messages.withdraw(board, row, reply.id, person=desk.bob, now=now + 2 * HOUR)
        assert row.mood == -70


def test_the_third_message_without_an_answer_adds_to_it(desk: SmallDesk, now: datetime) -> None:
    weak = Heard(angry=20, long=True)
    ticket = ticket_in(desk, "new", "Lamp", now)
    assert wrote(desk, ticket, weak, now + HOUR) is None
    assert wrote(desk, ticket, weak, now + 2 * HOUR) == -40
    newest = db.session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()
    assert newest.mood_reasons == [["unanswered", "3"]]
    quick = ticket_in(desk, "new", "Lamp", now)
    for minute in (1, 2, 3):  # one after the other: nobody could have answered
        assert wrote(desk, quick, weak, now + timedelta(minutes=minute)) is None


def test_what_was_resolved_and_is_opened_again_adds_to_it(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "resolved", "Lamp", now)
    assert wrote(desk, ticket, Heard(angry=25, long=True), now + HOUR) == -35


def test_what_a_person_says_stays(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    wrote(desk, ticket, ANGRY, now + HOUR)
    before = db.session.get_one(Ticket, ticket.id).sort_key
    assert (put(desk, ticket, "neutral", now + HOUR).mood, ticket.mood_by_hand) == (0, True)
    assert db.session.get_one(Ticket, ticket.id).sort_key > before
    assert wrote(desk, ticket, ANGRY, now + 2 * HOUR) == 0
    assert put(desk, ticket, "found", now + 3 * HOUR).mood == -90  # the third message
    assert wrote(desk, ticket, PLEASED, now + 4 * HOUR) == 60
    with pytest.raises(Refused):
        put(desk, ticket, "angry", now + 4 * HOUR, expected=-70)
    with pytest.raises(Refused):
        put(desk, ticket, "bored", now + 4 * HOUR)
    assert put(desk, ticket, "unknown", now + 5 * HOUR, expected=60).mood is None
    lines = history.told(conversation.events_of(ticket.id, history.SHOWN))
    assert [sentence for line in lines for sentence in line.sentences] == [
        "Bob Reyes set the mood to neutral",
        "Bob Reyes left the mood to what is found: angry",
        "Bob Reyes set the mood to unknown",
    ]


def test_the_default_order_knows_moods_between_priority_and_waiting(desk: SmallDesk, now: datetime) -> None:
    made = {mood: ticket_in(desk, "new", str(mood), now) for mood in ("pleased", "unknown", "angry")}
    for mood, ticket in made.items():
        put(desk, ticket, mood, now)
    keys = {mood: db.session.get_one(Ticket, ticket.id).order() for mood, ticket in made.items()}
    assert sorted(keys, key=keys.__getitem__) == ["angry", "unknown", "pleased"]
    assert {len(key) for key in keys.values()} == {30}


def test_a_merged_ticket_takes_its_moods_along(desk: SmallDesk, now: datetime) -> None:
    ticket, into = (ticket_in(desk, "new", name, now) for name in ("Lamp", "Light"))
    wrote(desk, ticket, ANGRY, now + HOUR)
    with writing(desk.board) as board:
        rows = [db.session.get_one(Ticket, one.id) for one in (ticket, into)]
        both = Both(board, rows[0], board, rows[1])
        merges.merge(both, by=By("person", desk.bob.id), now=now + 2 * HOUR)
        assert [row.mood for row in rows] == [None, -70]

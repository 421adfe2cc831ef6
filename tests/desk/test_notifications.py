"""Who is told of what: by whom it was done, what they want to be told of, when a mail comes and what it does not say."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import access, followers, messages, notifications, tickets
from app.models import notification as told
from app.models.board import BoardPerson
from app.models.delivery import Delivery
from app.models.event import CLOCK, By, Event
from app.models.notification import USUAL, Notification
from app.models.ticket import URGENT, Ticket
from tests.small import SmallDesk
from tests.stories import ticket_in

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def assign(desk: SmallDesk, ticket: Ticket, person: Any, by: By, now: datetime) -> None:
    with writing(desk.board) as board:
        held = db.session.get_one(Ticket, ticket.id)
        tickets.assign(board, held, person.id if person else None, by=by, now=now)


def write(desk: SmallDesk, ticket: Ticket, now: datetime, **more: Any) -> None:
    with writing(desk.board) as board:
        held = db.session.get_one(Ticket, ticket.id)
        messages.receive(
            board,
            held,
            by=By("customer", held.customer_id),
            now=now,
            text="My PIN is 4711",
            from_name="Kim",
            from_address="kim@example.org",
            **more,
        )


def told_to(person: Any) -> list[tuple[int, str]]:
    db.session.rollback()
    rows = db.session.scalars(select(Notification).order_by(Notification.id))
    return [(row.ticket_id, row.kind) for row in rows if row.person_id == person.id]


def mails() -> list[Delivery]:
    db.session.rollback()
    found = select(Delivery).where(Delivery.kind == "notice").order_by(Delivery.id)
    return [mail for mail in db.session.scalars(found) if mail.key.startswith("notification")]


def test_each_is_told_of_what_others_do(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    assign(desk, ticket, desk.bob, desk.bob.by, now)
    assert told_to(desk.bob) == []  # their own doing
    assign(desk, ticket, desk.alice, desk.bob.by, now)
    with writing(desk.board) as board:
        held = db.session.get_one(Ticket, ticket.id)
        followers.follow(board, held, desk.bob.id, by=desk.bob.by, now=now)
    write(desk, ticket, now + MINUTE)
    write(desk, ticket, now + MINUTE, automatic="auto-replied")
    with writing(desk.board) as board:
        held = db.session.get_one(Ticket, ticket.id)
        messages.note(board, held, "@Bob Reyes and @Alice Moor, please look", person=desk.alice, now=now)
    assert told_to(desk.alice) == [(ticket.id, "assigned"), (ticket.id, "answered")]
    assert told_to(desk.bob) == [(ticket.id, "answered"), (ticket.id, "mentioned")]
    assert told_to(desk.dana) == []


def test_what_is_taken_away_again_needs_not_be_told(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    assign(desk, ticket, desk.alice, CLOCK, now)
    assign(desk, ticket, desk.bob, CLOCK, now)
    assert told_to(desk.alice) == []
    sweeps.mail_people(now + MINUTE)
    assert [mail.to_address for mail in mails()] == [desk.bob.email]


def test_what_is_undone_is_not_told_anew(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    assign(desk, ticket, desk.bob, desk.bob.by, now)
    assign(desk, ticket, desk.dana, desk.alice.by, now)
    with writing(desk.board) as board:
        held = db.session.get_one(Ticket, ticket.id)
        event = db.session.scalars(
            select(Event).where(Event.kind == "ticket.assigned").order_by(Event.seq.desc()).limit(1)
        ).one()
        tickets.assign(board, held, desk.bob.id, by=desk.alice.by, now=now, undoes=event)
    assert told_to(desk.dana) == told_to(desk.bob) == []


def test_a_mail_comes_when_it_was_not_read_and_says_nothing_of_what_was_written(
    desk: SmallDesk, now: datetime
) -> None:
    with writing(desk.row):
        desk.bob.locale = "ko"
    ticket = ticket_in(desk, "new", "Where is my lamp", now)
    notifications.choose(desk.bob, dict.fromkeys(USUAL, True))
    assign(desk, ticket, desk.bob, desk.alice.by, now)
    write(desk, ticket, now + 10 * SECOND)
    sweeps.mail_people(now + 29 * SECOND)
    assert mails() == []
    sweeps.mail_people(now + 30 * SECOND)
    (mail,) = mails()
    assert (mail.to_address, mail.language, mail.board_id) == (desk.bob.email, "ko", desk.board.id)
    assert "나에게 배정 · Alice Moor" in mail.text
    assert f"/tickets/{ticket.id}" in mail.text
    assert mail.text.startswith(f"#{ticket.id} Where is my lamp\n")
    assert "4711" not in mail.text + mail.subject
    assert sweeps.mail_people(now + MINUTE).total() == 0

    write(desk, ticket, now + MINUTE)  # the next one about it waits for ten minutes
    sweeps.mail_people(now + 10 * MINUTE - SECOND)
    assert len(mails()) == 1
    sweeps.mail_people(now + 11 * MINUTE)
    assert len(mails()) == 2
    with writing(desk.board) as board:
        tickets.prioritise(board, db.session.get_one(Ticket, ticket.id), URGENT, by=CLOCK, now=now)
    write(desk, ticket, now + 12 * MINUTE)  # unless it is urgent
    sweeps.mail_people(now + 12 * MINUTE)
    assert len(mails()) == 3

    write(desk, ticket, now + 40 * MINUTE)
    notifications.read(desk.bob, ticket.id, now + 40 * MINUTE)  # it is looked at
    sweeps.mail_people(now + 90 * MINUTE)
    assert len(mails()) == 3


def test_many_tickets_at_once_are_one_mail(desk: SmallDesk, now: datetime) -> None:
    some = [ticket_in(desk, "new", f"Lamp {n}", now) for n in range(3)]
    for place, ticket in enumerate(some):
        assign(desk, ticket, desk.bob, desk.alice.by, now + place * SECOND)
    sweeps.mail_people(now + 30 * SECOND)
    (mail,) = mails()
    assert mail.subject == "3 tickets for you"
    assert all(f"/tickets/{ticket.id}\n" in mail.text for ticket in some)


def test_who_may_not_see_it_any_more_is_not_told(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    assign(desk, ticket, desk.bob, desk.alice.by, now)

    def seen() -> tuple[int, int]:
        db.session.rollback()
        boards = access.visible_boards(desk.bob, now)
        return len(told.of(desk.bob, boards)[0]), told.unread_count(desk.bob, boards)

    assert seen() == (1, 1)
    with writing(desk.row):
        db.session.delete(db.session.get_one(BoardPerson, (desk.board.id, desk.bob.id)))
    assert seen() == (0, 0)
    sweeps.mail_people(now + MINUTE)
    assert mails() == []


@pytest.mark.parametrize(
    ("wanted", "shown", "mailed"),
    [({}, 0, 0), ({("answered", "page")}, 1, 0), ({("answered", "mail")}, 0, 1)],
)
def test_what_is_not_wanted_is_not_told(
    desk: SmallDesk, now: datetime, wanted: set[tuple[str, str]], shown: int, mailed: int
) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    assign(desk, ticket, desk.bob, desk.bob.by, now)
    notifications.choose(desk.bob, dict.fromkeys(USUAL, True))
    notifications.choose(desk.bob, dict.fromkeys(wanted, True))
    write(desk, ticket, now)
    assert told.unread_count(desk.bob, access.visible_boards(desk.bob, now)) == shown
    sweeps.mail_people(now + MINUTE)
    assert len(mails()) == mailed


def test_old_ones_are_forgotten(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    assign(desk, ticket, desk.bob, desk.alice.by, now)
    assert sweeps.tidy(now + notifications.KEEP_FOR)["notifications"] == 0
    assert sweeps.tidy(now + notifications.KEEP_FOR + SECOND)["notifications"] == 1
    assert told_to(desk.bob) == []


def test_a_clock_that_was_set_back_mails_all_the_same(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    assign(desk, ticket, desk.bob, desk.alice.by, now + timedelta(days=300))
    sweeps.set_back(now)
    sweeps.mail_people(now + notifications.MAIL_EVERY)
    assert len(mails()) == 1

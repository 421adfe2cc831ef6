"""Snoozing: natural choices in the person's zone, and what ends a snooze: its time, the customer, a person, the end of the work."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import history, messages, snoozes, tickets
from app.desk.refused import Refused
from app.models import conversation
from app.models.event import CLOCK, By, Event
from app.models.ticket import Ticket
from tests.small import SmallDesk
from tests.stories import ticket_in

HOUR = timedelta(hours=1)


def fresh(ticket: Ticket) -> Ticket:
    return db.session.get_one(Ticket, ticket.id, populate_existing=True)


def snoozed(desk: SmallDesk, ticket: Ticket, until: datetime, now: datetime) -> None:
    with writing(desk.board) as board:
        snoozes.snooze(board, fresh(ticket), until, by=By("person", desk.bob.id), now=now)


def kinds(ticket: Ticket) -> list[str]:
    return list(
        db.session.scalars(select(Event.kind).where(Event.subject_id == ticket.id).order_by(Event.id))
    )


@pytest.mark.parametrize(
    ("at", "offered"),
    [
        (
            "2026-11-03T10:20",
            {"later": "11-03 13:15", "tomorrow": "11-04", "monday": "11-09", "week": "11-10"},
        ),
        ("2026-11-03T19:40", {"tomorrow": "11-04", "monday": "11-09", "week": "11-10"}),
        ("2026-11-08T09:00", {"later": "11-08 12:00", "tomorrow": "11-09", "week": "11-15"}),
        ("2026-11-09T09:00", {"later": "11-09 12:00", "tomorrow": "11-10", "monday": "11-16"}),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Seoul", "America/Los_Angeles"])
def test_choices_are_times_of_the_persons_own_day(at: str, offered: dict[str, str], zone: str) -> None:
    now = snoozes.read(at, zone).astimezone(UTC)
    expected = {key: f"{time} 09:00" if " " not in time else time for key, time in offered.items()}
    found = snoozes.choices(now, zone)
    assert {one.key: f"{one.until:%m-%d %H:%M}" for one in found} == expected
    assert [one.until for one in found] == sorted(one.until for one in found)
    assert all(snoozes.chosen(one.key, now, zone) == one.until > now for one in found)


@pytest.mark.parametrize("text", ["", "soon", "2026-11-03", "2026-11-03T09:00Z", "2026-02-30T09:00", "٣"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        snoozes.read(text, "Asia/Seoul")


@pytest.mark.parametrize("state", ["new", "open", "waiting"])
def test_a_snooze_that_ends_moves_to_open(desk: SmallDesk, now: datetime, state: str) -> None:
    ticket = ticket_in(desk, state, "Lamp", now)
    sweeps.wake_tickets(now)
    snoozed(desk, ticket, now + 30 * HOUR, now)
    for at in (now, now + 30 * HOUR - timedelta(microseconds=1)):
        sweeps.wake_tickets(at)
        assert (fresh(ticket).state, fresh(ticket).snoozed_until) == (state, now + 30 * HOUR)
    sweeps.wake_tickets(now + 30 * HOUR)
    assert (fresh(ticket).state, fresh(ticket).snoozed_until) == ("open", None)
    sweeps.wake_tickets(now + 31 * HOUR)
    assert kinds(ticket).count("ticket.woken") == 1


def test_promises_go_on(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    sweeps.wake_tickets(now)
    due_at = fresh(ticket).next_deadline_at
    snoozed(desk, ticket, now + 300 * HOUR, now)
    sweeps.wake_tickets(now)
    assert fresh(ticket).next_deadline_at == due_at
    assert fresh(ticket).wake_at < now + 300 * HOUR  # the clock looks at its deadlines before


@pytest.mark.parametrize(("automatic", "ends"), [(None, True), ("auto-replied", False)])
def test_the_customer_ends_it_and_a_machine_does_not(
    desk: SmallDesk, now: datetime, automatic: str | None, ends: bool
) -> None:
    ticket = ticket_in(desk, "waiting", "Lamp", now)
    snoozed(desk, ticket, now + 30 * HOUR, now)
    with writing(desk.board) as board:
        messages.receive(
            board,
            fresh(ticket),
            by=CLOCK,
            now=now + HOUR,
            text="Any news?",
            from_name="Kim",
            from_address="kim@example.org",
            automatic=automatic,
        )
    assert (fresh(ticket).snoozed_until is None) is ends
    assert fresh(ticket).state == ("open" if ends else "waiting")


def test_a_person_ends_it_once_and_it_stays_where_it_is(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "waiting", "Lamp", now)
    snoozed(desk, ticket, now + 30 * HOUR, now)
    for wanted in (None, 409):
        with writing(desk.board) as board:
            if wanted is None:
                snoozes.end(board, fresh(ticket), by=By("person", desk.bob.id), now=now)
                continue
            with pytest.raises(Refused) as refused:
                snoozes.end(board, fresh(ticket), by=By("person", desk.bob.id), now=now)
            assert refused.value.status == wanted
    assert (fresh(ticket).state, fresh(ticket).snoozed_until) == ("waiting", None)


def test_resolving_ends_it_and_what_is_resolved_is_not_put_off(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "open", "Lamp", now)
    snoozed(desk, ticket, now + 30 * HOUR, now)
    with writing(desk.board) as board:
        tickets.move(board, fresh(ticket), to=desk.columns["resolved"].id, by=CLOCK, now=now)
    assert fresh(ticket).snoozed_until is None
    with pytest.raises(Refused) as refused:
        snoozed(desk, ticket, now + HOUR, now)
    assert refused.value.status == 422
    sweeps.wake_tickets(now + 31 * HOUR)
    assert fresh(ticket).state == "resolved"


def test_what_somebody_else_has_put_off_meanwhile_is_not_put_off_blindly(
    desk: SmallDesk, now: datetime
) -> None:
    ticket = ticket_in(desk, "open", "Lamp", now)
    snoozed(desk, ticket, now + 30 * HOUR, now)
    with writing(desk.board) as board:
        for expected in (None, now):
            with pytest.raises(Refused) as refused:
                snoozes.snooze(board, fresh(ticket), now + HOUR, expected=expected, by=CLOCK, now=now)
            assert refused.value.status == 409
        snoozes.snooze(board, fresh(ticket), now + HOUR, expected=now + 30 * HOUR, by=CLOCK, now=now)
    assert fresh(ticket).snoozed_until == now + HOUR


@pytest.mark.parametrize("ahead", [timedelta(0), -HOUR, timedelta(days=367)])
def test_times_that_are_past_or_far_are_refused(desk: SmallDesk, now: datetime, ahead: timedelta) -> None:
    ticket = ticket_in(desk, "open", "Lamp", now)
    with pytest.raises(Refused):
        snoozed(desk, ticket, now + ahead, now)
    assert fresh(ticket).snoozed_until is None


def test_the_history_says_until_when_in_the_readers_zone(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "open", "Lamp", now)
    snoozed(desk, ticket, datetime(2026, 11, 4, 8, tzinfo=UTC), now)
    with writing(desk.board) as board:
        snoozes.end(board, fresh(ticket), by=By("person", desk.bob.id), now=now + HOUR)
    told = history.told(
        conversation.events_of(ticket.id, ("ticket.snoozed", "ticket.unsnoozed")),
        zone="Asia/Seoul",
        now=now,
    )
    assert [line.sentences for line in told] == [
        ("Bob Reyes snoozed it until tomorrow 17:00",),
        ("Bob Reyes ended the snooze",),
    ]

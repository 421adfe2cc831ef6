"""The demo desk is whole and believable, whenever it is filled."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.demo.content import Message, Ticket, load
from app.demo.moments import Moments
from rules.actions import to_json
from rules.hours import Calendar, after, between, is_open
from rules.query import parse
from rules.rule import load_starters
from rules.vocabulary import VOCABULARY

DEMO = load()
BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {person.email: person for person in DEMO.people}

# Weekday noon, night, weekend, Easter, Christmas, both changes of the clocks, hand-over, new year, midnight.
AWKWARD = [
    datetime.fromisoformat(text).replace(tzinfo=BERLIN)
    for text in (
        "2026-11-18T12:00",
        "2026-11-19T02:30",
        "2026-11-21T22:00",
        "2026-11-23T08:59",
        "2026-11-23T09:00",
        "2026-04-06T20:00",
        "2026-04-07T08:00",
        "2026-12-27T12:00",
        "2027-01-01T00:00",
        "2027-01-04T00:01",
        "2026-03-29T03:00",
        "2026-03-30T02:15",
        "2026-10-25T02:30",
        "2026-10-26T03:40",
        "2027-05-17T13:00",
    )
]
any_moment = st.integers(0, 690 * 86_400).map(
    lambda second: datetime(2026, 2, 1, tzinfo=UTC) + timedelta(seconds=second)
)


def named(ticket: Ticket) -> str:
    return ticket.subject[:40]


each_ticket = pytest.mark.parametrize("ticket", DEMO.tickets, ids=named)


def test_eight_people_of_the_company() -> None:
    assert Counter(person.role for person in DEMO.people) == {
        "agent": 5,
        "manager": 1,
        "member": 1,
        "admin": 1,
    }
    assert len(PEOPLE) == 8
    for person in DEMO.people:
        assert person.email.endswith("@northlight.example")
        assert person.email == person.email.casefold()
        assert set(person.languages) <= set(DEMO.languages)
        assert person.languages
        assert person.locale in ("en", "ko")
        assert ZoneInfo(person.zone)
    assert {language for person in DEMO.people for language in person.languages} == set(DEMO.languages)


def test_as_many_tickets_as_a_busy_month() -> None:
    assert Counter(ticket.language for ticket in DEMO.tickets) == {
        "en": 22,
        "ko": 14,
        "de": 12,
        "fr": 7,
        "ja": 6,
    }
    assert Counter(ticket.state for ticket in DEMO.tickets) == {
        "new": 9,
        "open": 16,
        "waiting": 13,
        "resolved": 23,
    }
    assert {ticket.priority for ticket in DEMO.tickets} == {"low", "normal", "high", "urgent"}
    assert {ticket.channel for ticket in DEMO.tickets} == {"email", "form"}
    assert len({ticket.subject for ticket in DEMO.tickets}) == len(DEMO.tickets)


def test_customers_write_from_addresses_that_cannot_exist() -> None:
    emails = [customer.email for customer in DEMO.customers.values()]
    assert len(set(emails)) == len(emails)
    for email in emails:
        domain = email.partition("@")[2]
        assert domain in ("example.com", "example.org", "example.net") or domain.endswith(".example")
    assert {ticket.customer for ticket in DEMO.tickets} == set(DEMO.customers)
    assert max(Counter(ticket.customer for ticket in DEMO.tickets).values()) > 1


@each_ticket
def test_a_ticket_refers_to_what_exists(ticket: Ticket) -> None:
    assert DEMO.customers[ticket.customer].language == ticket.language
    assert ticket.assignee is None or ticket.assignee in PEOPLE
    assert set(ticket.tags) <= set(DEMO.tags)
    assert len(set(ticket.tags)) == len(ticket.tags)
    assert 1 <= len(ticket.messages) <= 6
    for message in ticket.messages:
        assert message.text
        assert message.full_text.startswith(message.text)
        assert (message.by is None) == (message.kind == "customer")
        for attachment in message.attachments:
            is_picture = attachment.content.startswith(b"\x89PNG\r\n\x1a\n")
            assert attachment.media_type == ("image/png" if is_picture else "text/plain")
            assert attachment.content


@each_ticket
def test_the_state_is_where_the_messages_have_led_it(ticket: Ticket) -> None:
    spoken = [message.kind for message in ticket.messages if message.kind != "note"]
    last = ticket.messages[-1]
    assert spoken[0] == "customer"
    assert {
        "new": set(kinds_of(ticket)) == {"customer"},
        "open": last.kind in ("customer", "note") and len(ticket.messages) > 1,
        "waiting": spoken[-1] == "reply",
        "resolved": last.resolves,
    }[ticket.state]
    assert not any(message.resolves and message.kind == "customer" for message in ticket.messages)
    assert ticket.state == "resolved" or not any(message.resolves for message in ticket.messages)


@each_ticket
def test_who_answers_a_customer_speaks_the_language(ticket: Ticket) -> None:
    for message in ticket.messages:
        if message.by is not None and message.kind == "reply":
            assert ticket.language in PEOPLE[message.by].languages


def test_the_conversations_show_what_a_desk_meets() -> None:
    messages = [message for ticket in DEMO.tickets for message in ticket.messages]
    assert 1 <= sum(message.html is not None for message in messages) <= 3
    assert sum(bool(message.attachments) for message in messages) >= 3
    assert sum(message.full_text != message.text for message in messages) >= 3
    assert sum(message.kind == "note" for message in messages) >= 15
    assert any(sum(message.resolves for message in ticket.messages) == 2 for ticket in DEMO.tickets), (
        "one reopened"
    )
    assert any(
        "angry" in ticket.tags and kinds_of(ticket).count("customer") == 3 for ticket in DEMO.tickets
    ), "an angry third letter"


def test_the_holidays_are_those_of_all_germany() -> None:
    for year, easter in ((2026, date(2026, 4, 5)), (2027, date(2027, 3, 28))):
        days = {day: name for day, name in DEMO.calendar.holidays.items() if day.year == year}
        fixed = [date(year, *day) for day in ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))]
        assert sorted(days) == sorted(fixed + [easter + timedelta(days=n) for n in (-2, 1, 39, 50)])
        assert days[easter + timedelta(days=39)] == "Christi Himmelfahrt"


def test_the_policy_promises_more_to_the_more_urgent() -> None:
    hours = {
        priority: (targets["first_response"] / 3600, targets["resolution"] / 3600)
        for priority, targets in DEMO.policy.targets.items()
    }
    assert hours == {"urgent": (1, 8), "high": (2, 16), "normal": (4, 24), "low": (8, 40)}
    assert DEMO.policy.round_the_clock == {"urgent": 1800}
    assert DEMO.policy.warn_percent == 75


def test_the_rota_is_weekly_and_begins_with_its_first_person() -> None:
    rota = DEMO.rota
    assert (rota.weekday, rota.time, rota.zone) == (0, "09:00", "Europe/Berlin")
    assert len(set(rota.order)) == 6
    assert set(rota.order) <= PEOPLE.keys()
    assert rota.began_weeks_ago % len(rota.order) == 0
    assert rota.horizon_weeks == 12


def test_the_starter_rules_exist_and_add_tags_of_the_desk() -> None:
    starters = {starter.key: starter for starter in load_starters()}
    chosen = (*DEMO.starters, *DEMO.last_starters)
    assert len(set(chosen)) == len(chosen)
    assert {"refund", "delivery", "broken", "cancel", "german"} <= set(chosen) <= starters.keys()
    added = {
        action["tag"] for key in chosen for action in map(to_json, starters[key].actions) if "tag" in action
    }
    assert added <= set(DEMO.tags)


@pytest.mark.parametrize("rule", DEMO.rules, ids=lambda rule: rule.name)
def test_a_rule_can_be_read_and_does_something(rule) -> None:
    tree = parse(rule.query, VOCABULARY)
    assert tree != parse("", VOCABULARY)
    assert rule.tags or rule.priority or rule.assign
    assert set(rule.tags) <= set(DEMO.tags)
    assert rule.assign is None or rule.assign in PEOPLE
    assert rule.priority in (None, "low", "normal", "high", "urgent")


@pytest.mark.parametrize("now", AWKWARD, ids=str)
def test_the_desk_can_be_filled_at_an_awkward_moment(now: datetime) -> None:
    check_filled(now)


@settings(max_examples=25, deadline=None)
@given(any_moment)
def test_the_desk_can_be_filled_at_any_moment(now: datetime) -> None:
    check_filled(now)


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ("-18m", "2026-11-18T11:42"),
        ("-3d 4h 12m", "2026-11-15T07:48"),
        ("-2h open", "2026-11-18T10:00"),
        ("-3h open", "2026-11-18T09:00"),
        ("-3h 1m open", "2026-11-17T17:59"),
        ("-3d open", "2026-11-13T12:00"),
        ("-9d 02:14", "2026-11-09T02:14"),
        ("-1w thu 02:14", "2026-11-12T02:14"),
        ("-1w mon 09:30", "2026-11-09T09:30"),
    ],
)
def test_an_offset_is_read(offset: str, expected: str) -> None:
    now = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN)
    assert at(now).of([offset]) == (datetime.fromisoformat(expected).replace(tzinfo=BERLIN).astimezone(UTC),)


def test_an_offset_after_the_message_before() -> None:
    now = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN)
    read = at(now).of(["-6d 20:00", "+40m open", "+2h"])
    assert [instant.astimezone(BERLIN).isoformat()[:16] for instant in read] == [
        "2026-11-12T20:00",
        "2026-11-13T09:40",
        "2026-11-13T11:40",
    ]


def test_the_on_call_week_lasts_until_the_hand_over() -> None:
    before = at(datetime(2026, 11, 23, 8, 59, tzinfo=BERLIN)).of(["-1w thu 02:14"])
    behind = at(datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN)).of(["-1w thu 02:14"])
    assert [read[0].astimezone(BERLIN).date() for read in (before, behind)] == [
        date(2026, 11, 12),
        date(2026, 11, 19),
    ]


@pytest.mark.parametrize(
    "offsets",
    [
        ["yesterday"],
        ["-"],
        ["- open"],
        ["+5m"],
        ["-0m"],
        ["-1h", "-1h"],
        ["-1h", "-2h"],
        ["-1h", "+2h"],
        ["-9d 25:00"],
    ],
)
def test_a_wrong_offset_is_refused(offsets: list[str]) -> None:
    with pytest.raises(ValueError, match=r"not|before"):
        at(datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN)).of(offsets)


def test_a_calendar_that_was_shut_for_long_is_refused() -> None:
    calendar = Calendar("Europe/Berlin", {0: [("09:00", "10:00")]})
    with pytest.raises(ValueError, match="fewer than"):
        Moments(calendar, 0, "09:00", datetime(2026, 11, 18, tzinfo=UTC)).of(["-20d open"])


def at(now: datetime) -> Moments:
    return Moments(DEMO.calendar, DEMO.rota.weekday, DEMO.rota.time, now)


def kinds_of(ticket: Ticket) -> list[str]:
    return [message.kind for message in ticket.messages]


def check_filled(now: datetime) -> None:
    written = DEMO.written_at(now)
    left = []
    for ticket, instants in zip(DEMO.tickets, written, strict=True):
        assert now - timedelta(days=31) < instants[0]
        assert all(earlier < later for earlier, later in zip(instants, [*instants[1:], now], strict=True))
        check_replies(ticket.messages, instants)
        if ticket.state == "new":
            left.append(share_left(ticket, instants[0], now))
    assert sum(share <= 0 for share in left) >= 1, "some are breached"
    assert sum(0 < share <= 0.35 for share in left) >= 2, "some are due soon"
    nights = [instants[0].astimezone(BERLIN).hour for instants in written]
    assert sum(hour >= 22 or hour < 6 for hour in nights) >= 3, "some arrived at night"


def check_replies(messages: tuple[Message, ...], instants: tuple[datetime, ...]) -> None:
    """Only who is on call writes out of hours. A message at closing time to the second is still in hours."""
    for message, instant in zip(messages, instants, strict=True):
        if message.kind == "reply" and not is_open(DEMO.calendar, instant - timedelta(seconds=1)):
            assert is_open(DEMO.calendar, instant) or message.by == "luc.martin@northlight.example"


def share_left(ticket: Ticket, arrived: datetime, now: datetime) -> float:
    """Of the time for the first answer, what is left now: 1 is all, 0 or less is breached."""
    if ticket.priority in DEMO.policy.round_the_clock and not is_open(DEMO.calendar, arrived):
        target = DEMO.policy.round_the_clock[ticket.priority]
        return 1 - (now - arrived).total_seconds() / target
    target = DEMO.policy.targets[ticket.priority]["first_response"]
    due = after(DEMO.calendar, arrived, target)
    return between(DEMO.calendar, now, due) / target

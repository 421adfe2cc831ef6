from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import customers, tickets
from app.models.board import Board, BoardPerson, Column, all_boards
from app.models.calendar import Calendar
from app.models.channel import Channel, channels_in_use
from app.models.desk import the_desk
from app.models.event import CLOCK, Event
from app.models.policy import Policy
from app.models.ticket import Ticket
from rules import hours
from tests.small import SmallDesk

Open = Callable[..., Any]
WEEK = {
    "name": "Opening hours",
    "zone": "Europe/Berlin",
    "monday": "09:00-12:00, 13:00-18:00",
    "tuesday": "9-18",
    "saturday": "22:00-02:00",
    "holidays": "2026-12-25 Christmas\n2027-01-01 New Year",
}


def said(answer: Any) -> str:
    return answer.get_data(as_text=True).replace("&#39;", "'").replace("&#34;", '"')


def events(kind: str) -> list[Event]:
    return list(db.session.scalars(select(Event).where(Event.kind == kind).order_by(Event.id)))


@pytest.fixture
def ticket(desk: SmallDesk, now: datetime) -> Ticket:
    """One that is open and sleeps."""
    with writing(desk.board) as board:
        customer = customers.find_or_make("kim@example.org", "Kim", "en", now=now)
        opened = tickets.open_ticket(
            board, channel=desk.email, customer=customer, subject="The lamp flickers", by=CLOCK, now=now
        )
        opened.wake_at = now + timedelta(days=1)
    return opened


@pytest.mark.parametrize(
    ("path", "here"),
    [
        ("/settings", 'href="/settings" aria-current="page"'),
        ("/settings/addresses", 'href="/settings" aria-current="true"'),
        ("/settings/columns/1", 'href="/settings" aria-current="true"'),
        ("/people/new", 'href="/settings" aria-current="true"'),
        ("/rules/starters", 'href="/rules" aria-current="true"'),
        ("/rota/edit", 'href="/rota" aria-current="true"'),
    ],
)
def test_the_navigation_says_where_one_is(desk: SmallDesk, browser_as: Open, path: str, here: str) -> None:
    shown = browser_as(desk.dana).get(path).text
    assert here in shown
    assert shown.count("aria-current=") == 1


# the desk


def test_everybody_finds_what_they_may_set(desk: SmallDesk, browser_as: Open) -> None:
    pages = {
        who.role: said(browser_as(who).get("/settings"))
        for who in (desk.erin, desk.bob, desk.alice, desk.dana)
    }
    shown = {role: page.count('class="row-main"') for role, page in pages.items()}
    assert shown == {"member": 1, "agent": 5, "manager": 10, "admin": 13}


def test_the_desk_is_renamed(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.dana)
    answer = browser.post("/settings/desk", data={"name": " Lamp  Co ", "languages": ["ko", "fr"]})
    assert answer.status_code == 303
    row = the_desk()
    assert row is not None
    assert (row.name, sorted(row.languages)) == ("Lamp Co", ["fr", "ko"])
    assert browser.post("/settings/desk", data={"name": "Lamp Co"}).status_code == 422
    assert browser.post("/settings/desk", data={"name": " ", "languages": ["ko"]}).status_code == 422
    assert len(events("desk.changed")) == 1


# boards and columns


def test_a_board_is_added(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.dana)
    answer = browser.post("/settings/boards", data={"name": "Wholesale", "policy": "", "rota": ""})
    board = all_boards()[-1]
    assert (answer.status_code, answer.location) == (303, f"/settings/boards/{board.id}")
    assert (board.name, board.policy_id, board.rota_id) == ("Wholesale", None, None)
    assert [(column.state, column.is_default) for column in board.columns] == [
        (state, True) for state in ("new", "open", "waiting", "resolved", "archived")
    ]
    assert [channel.board_id for channel in channels_in_use("manual")] == [desk.board.id, board.id]
    assert browser.get(f"/settings/boards/{board.id}").status_code == 200
    assert browser.get(f"/boards/{board.id}").status_code == 200
    assert [event.changes["new"] for event in events("board.added")] == ["Wholesale"]


@pytest.mark.parametrize("name", ["", "  ", "support", "S" * 61])
def test_names_no_board_can_have(name: str, desk: SmallDesk, browser_as: Open) -> None:
    answer = browser_as(desk.dana).post(
        "/settings/boards", data={"name": name, "policy": desk.board.policy_id, "rota": ""}
    )
    assert answer.status_code == 422
    assert 'class="error"' in said(answer)
    assert len(all_boards()) == 1


def test_a_board_is_changed(desk: SmallDesk, ticket: Ticket, browser_as: Open, now: datetime) -> None:
    browser = browser_as(desk.dana)
    values = {"name": "Help", "policy": desk.board.policy_id, "rota": desk.board.rota_id, "reopen_days": "30"}
    address = f"/settings/boards/{desk.board.id}"
    assert browser.post(address, data=values).status_code == 303
    board = db.session.get_one(Board, desk.board.id)
    assert (board.name, board.reopen_days) == ("Help", 30)
    assert db.session.get_one(Ticket, ticket.id).wake_at == now + timedelta(days=1)
    assert browser.post(address, data=values).status_code == 303
    assert browser.post(address, data=values | {"policy": ""}).status_code == 303
    assert db.session.get_one(Board, board.id).policy_id is None
    woken_at = db.session.get_one(Ticket, ticket.id).wake_at
    assert woken_at is not None
    assert woken_at < now + timedelta(hours=1)
    assert [set(event.changes) for event in events("board.changed")] == [
        {"name", "reopen_days"},
        {"policy_id"},
    ]


@pytest.mark.parametrize("days", ["", "-1", "366", "soon"])
def test_days_that_cannot_be(days: str, desk: SmallDesk, browser_as: Open) -> None:
    values = {"name": "Help", "policy": "", "rota": "", "reopen_days": days}
    assert browser_as(desk.dana).post(f"/settings/boards/{desk.board.id}", data=values).status_code == 422
    assert db.session.get_one(Board, desk.board.id).name == "Support"


def test_who_belongs_to_a_board(desk: SmallDesk, browser_as: Open, now: datetime) -> None:
    address = f"/settings/boards/{desk.board.id}/people"
    with writing(desk.row):
        desk.alice.deactivated_at = now - timedelta(days=1)
    answer = browser_as(desk.dana).post(address, data={"people": [desk.charlie.id, desk.dana.id]})
    assert answer.status_code == 303
    belong = select(BoardPerson.person_id).where(BoardPerson.board_id == desk.board.id)
    # Alice has no access now, so the form does not ask about her
    assert set(db.session.scalars(belong)) == {desk.alice.id, desk.charlie.id, desk.dana.id}
    assert browser_as(desk.charlie).get(f"/boards/{desk.board.id}").status_code == 200
    assert browser_as(desk.bob).get(f"/boards/{desk.board.id}").status_code == 404
    assert browser_as(desk.dana).post(address, data={"people": [9999]}).status_code == 422
    assert len(events("board.people")) == 1


def test_a_column_joins_those_of_its_state(desk: SmallDesk, browser_as: Open) -> None:
    values = {
        "column-name": "With the workshop",
        "column-state": "waiting",
        "column-wip_limit": "12",
    }
    answer = browser_as(desk.dana).post(f"/settings/boards/{desk.board.id}/columns", data=values)
    assert answer.status_code == 303
    board = db.session.get_one(Board, desk.board.id)
    assert [(column.position, column.name) for column in board.columns] == [
        (0, "New"),
        (1, "Open"),
        (2, "Waiting"),
        (3, "With the workshop"),
        (4, "Resolved"),
        (5, "Archived"),
    ]
    new = board.columns[3]
    assert (new.state, new.is_default, new.wip_limit) == ("waiting", False, 12)
    assert [event.changes["new"] for event in events("column.added")] == ["With the workshop"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"column-name": ""},
        {"column-name": "  "},
        {"column-name": "waiting"},
        {"column-name": "W" * 41},
        {"column-wip_limit": "0"},
        {"column-wip_limit": "1000"},
        {"column-wip_limit": "many"},
        {"column-state": "spam"},
    ],
)
def test_columns_that_cannot_be(wrong: dict[str, str], desk: SmallDesk, browser_as: Open) -> None:
    values = {
        "column-name": "Workshop",
        "column-state": "waiting",
        "column-wip_limit": "7",
    } | wrong
    answer = browser_as(desk.dana).post(f"/settings/boards/{desk.board.id}/columns", data=values)
    assert answer.status_code == 422
    assert 'class="error"' in said(answer)
    assert 'value="7"' in said(answer) or "column-wip_limit" in wrong
    assert len(db.session.get_one(Board, desk.board.id).columns) == 5


def test_a_column_is_changed_moved_and_made_the_default(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.dana)
    browser.post(
        f"/settings/boards/{desk.board.id}/columns", data={"column-name": "Later", "column-state": "open"}
    )
    later = db.session.scalars(select(Column).where(Column.name == "Later")).one()
    address = f"/settings/columns/{later.id}"
    assert browser.get(address).status_code == 200
    values = {"name": "Next week", "wip_limit": ""}
    assert browser.post(address, data=values).status_code == 303
    assert browser.post(address, data=values | {"name": "New"}).status_code == 422
    for direction in ("up", "up", "up"):
        assert browser.post(f"{address}/position", data={"direction": direction}).status_code == 303
    assert browser.post(f"{address}/default").status_code == 303
    board = db.session.get_one(Board, desk.board.id)
    assert [column.name for column in board.columns] == [
        "Next week",
        "New",
        "Open",
        "Waiting",
        "Resolved",
        "Archived",
    ]
    assert board.column_for("open").id == later.id
    assert [column.name for column in board.columns if not column.is_default] == ["Open"]
    assert browser.post(f"{address}/position", data={"direction": "down"}).status_code == 303
    assert db.session.get_one(Column, later.id).position == 1


def test_only_an_empty_column_that_is_no_default_is_removed(
    desk: SmallDesk, ticket: Ticket, browser_as: Open, now: datetime
) -> None:
    browser = browser_as(desk.dana)
    browser.post(
        f"/settings/boards/{desk.board.id}/columns", data={"column-name": "Inbox", "column-state": "new"}
    )
    inbox = db.session.scalars(select(Column).where(Column.name == "Inbox")).one()
    first = desk.columns["new"].id
    refused = browser.post(f"/settings/columns/{first}/removal")
    assert refused.status_code == 422
    assert "Tickets still in New: 1. Move them first." in said(refused)
    with writing(desk.board) as board:
        tickets.move(board, db.session.get_one(Ticket, ticket.id), to=inbox.id, by=CLOCK, now=now)
    refused = browser.post(f"/settings/columns/{first}/removal")
    assert refused.status_code == 422
    assert "Make another column of its state the default first." in said(refused)
    browser.post(f"/settings/columns/{inbox.id}/default")
    answer = browser.post(f"/settings/columns/{first}/removal")
    assert (answer.status_code, answer.location) == (303, f"/settings/boards/{desk.board.id}")
    assert db.session.get(Column, first) is None
    assert browser.post(f"/settings/columns/{first}/removal").status_code == 404
    assert [event.changes["old"] for event in events("column.removed")] == ["New"]
    assert browser.get(f"/boards/{desk.board.id}").status_code == 200


# addresses


def channel_form(desk: SmallDesk, **other: Any) -> dict[str, Any]:
    return {
        "kind": "email",
        "name": "Shop",
        "address": "Shop@Example.com",
        "board": desk.board.id,
        "owner": desk.bob.id,
        "calendar": "",
        "signature": "Your team",
    } | other


def test_an_address_is_added_changed_closed_and_opened(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.dana)
    assert browser.get("/settings/addresses/new").status_code == 200
    assert browser.post("/settings/addresses", data=channel_form(desk)).status_code == 303
    shop = channels_in_use("email")[-1]
    assert (shop.address, shop.owner_id, shop.calendar_id) == ("shop@example.com", desk.bob.id, None)
    address = f"/settings/addresses/{shop.id}"
    changed = channel_form(desk, address="laden@bücher.example", name="Laden")
    assert browser.post(address, data=changed).status_code == 303
    assert db.session.get_one(Channel, shop.id).address == "laden@xn--bcher-kva.example"
    assert browser.post(f"{address}/closing").status_code == 303
    assert [channel.id for channel in channels_in_use("email")] == [desk.email.id]
    again = browser.post("/settings/addresses", data=changed)
    assert again.status_code == 422
    assert "This address was closed. Open it again instead." in said(again)
    assert "Laden" in said(browser.get("/settings/addresses"))
    assert browser.post(f"{address}/reopening").status_code == 303
    assert len(channels_in_use("email")) == 2
    assert len(events("channel.added")) == 1
    assert len(events("channel.changed")) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": ""},
        {"address": "shop"},
        {"address": "support@EXAMPLE.com"},
        {"name": " "},
        {"name": "S" * 61},
        {"board": 9999},
        {"owner": 9999},
        {"calendar": 9999},
        {"signature": "S" * 2001},
        {"kind": "manual"},
        {"kind": "form"},
    ],
)
def test_addresses_that_cannot_be(wrong: dict[str, Any], desk: SmallDesk, browser_as: Open) -> None:
    answer = browser_as(desk.dana).post("/settings/addresses", data=channel_form(desk, **wrong))
    assert answer.status_code == 422
    assert 'class="error"' in said(answer)
    assert len(channels_in_use()) == 3


def test_the_last_address_and_what_is_made_by_hand_stay(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.dana)
    for channel, words in (desk.email, "Add another address first"), (desk.by_hand, "keeps its own channel"):
        answer = browser.post(f"/settings/addresses/{channel.id}/closing")
        assert answer.status_code == 422
        assert words in said(answer)
    assert len(channels_in_use()) == 3


def test_a_desk_has_one_form(desk: SmallDesk, browser_as: Open) -> None:
    browser, first = browser_as(desk.dana), desk.form.id
    assert browser.post(f"/settings/addresses/{first}/closing").status_code == 303
    assert browser.get("/contact").status_code == 404
    added = browser.post("/settings/addresses", data=channel_form(desk, kind="form", address=""))
    assert added.status_code == 303
    assert browser.get("/contact").status_code == 200
    assert browser.post(f"/settings/addresses/{first}/reopening").status_code == 422


# opening hours


def test_hours_are_changed_and_deadlines_judged_anew(
    desk: SmallDesk, ticket: Ticket, browser_as: Open, now: datetime
) -> None:
    row = db.session.scalars(select(Calendar)).one()
    browser = browser_as(desk.alice)
    assert browser.post(f"/settings/calendars/{row.id}", data=WEEK).status_code == 303
    week = hours.Calendar.from_json(db.session.get_one(Calendar, row.id).hours)
    assert week.weekly == {
        0: (("09:00", "12:00"), ("13:00", "18:00")),
        1: (("09:00", "18:00"),),
        5: (("22:00", "02:00"),),
    }
    assert sorted(week.holidays.values()) == ["Christmas", "New Year"]
    woken_at = db.session.get_one(Ticket, ticket.id).wake_at
    assert woken_at is not None
    assert woken_at < now + timedelta(hours=1)
    page = said(browser.get(f"/settings/calendars/{row.id}"))
    assert 'value="09:00-12:00, 13:00-18:00"' in page
    assert "2026-12-25 Christmas" in page
    assert len(events("calendar.changed")) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": " "}, "Give the opening hours a name"),
        ({"zone": "Europe/Atlantis"}, "Not a valid choice"),
        ({"monday": "all day"}, "all day is not a stretch of time"),
        ({"sunday": "09:00-25:00"}, "25:00 is not a time"),
        ({"holidays": "Christmas"}, "Line 1: write a date and a name"),
        ({"holidays": "2026-02-30 Never"}, "Line 1: write a date and a name"),
        ({"monday": "", "tuesday": "", "saturday": ""}, "This calendar would never open"),
        ({"monday": "00:00-00:01", "tuesday": "", "saturday": ""}, None),
    ],
)
def test_hours_that_cannot_be(
    wrong: dict[str, str], words: str | None, desk: SmallDesk, browser_as: Open
) -> None:
    row = db.session.scalars(select(Calendar)).one()
    answer = browser_as(desk.alice).post(f"/settings/calendars/{row.id}", data=WEEK | wrong)
    if words is None:  # little, but 40 hours of it are found within 200 years
        assert answer.status_code == 303
        return
    assert answer.status_code == 422
    assert words in said(answer)
    assert wrong.get("monday", WEEK["monday"]) in said(answer)
    assert events("calendar.changed") == []


def test_a_calendar_that_cannot_hold_the_targets(desk: SmallDesk, browser_as: Open) -> None:
    calendar, policy = db.session.scalars(select(Calendar)).one(), db.session.scalars(select(Policy)).one()
    browser = browser_as(desk.alice)
    form = policy_form(calendar.id, low_resolution="2000h")
    assert browser.post(f"/settings/policies/{policy.id}", data=form).status_code == 303
    rarely = {"name": "Rarely", "zone": "UTC", "monday": "00:00-00:01"}
    answer = browser.post(f"/settings/calendars/{calendar.id}", data=rarely)
    assert answer.status_code == 422
    assert "lie more than 200 years ahead" in said(answer)


def test_a_second_calendar_is_added_by_managers_and_seen_by_agents(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    assert browser.get("/settings/calendars/new").status_code == 200
    assert browser.post("/settings/calendars", data=WEEK | {"name": "Shop", "always": "y"}).status_code == 303
    new = db.session.scalars(select(Calendar).where(Calendar.name == "Shop")).one()
    assert hours.Calendar.from_json(new.hours).always
    assert browser.post("/settings/calendars", data={"name": "Never", "zone": "UTC"}).status_code == 422
    agent = browser_as(desk.bob)
    assert '<fieldset class="form" disabled>' in said(agent.get(f"/settings/calendars/{new.id}"))
    assert agent.post(f"/settings/calendars/{new.id}", data=WEEK).status_code == 403
    assert "Shop" in said(agent.get("/settings/calendars"))


# policies


def policy_form(calendar_id: int, **other: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"name": "Standard", "calendar": calendar_id, "warn_percent": "75"}
    for priority in ("urgent", "high", "normal", "low"):
        values |= {f"{priority}_first_response": "1h", f"{priority}_resolution": "8h"}
    return values | other


def test_a_policy_is_changed(desk: SmallDesk, ticket: Ticket, browser_as: Open, now: datetime) -> None:
    policy = db.session.scalars(select(Policy)).one()
    form = policy_form(
        policy.calendar_id,
        urgent_first_response="1h 30m",
        urgent_next_response="2h",
        urgent_always="30m",
        low_first_response="",
        low_resolution="",
        warn_percent="50",
    )
    browser = browser_as(desk.alice)
    assert browser.post(f"/settings/policies/{policy.id}", data=form).status_code == 303
    policy = db.session.get_one(Policy, policy.id)
    assert policy.targets == {
        "urgent": {"first_response": 5400, "next_response": 7200, "resolution": 28_800},
        "high": {"first_response": 3600, "resolution": 28_800},
        "normal": {"first_response": 3600, "resolution": 28_800},
    }
    assert (policy.round_the_clock, policy.warn_percent, policy.version) == ({"urgent": 1800}, 50, 2)
    woken_at = db.session.get_one(Ticket, ticket.id).wake_at
    assert woken_at is not None
    assert woken_at < now + timedelta(hours=1)
    page = said(browser.get(f"/settings/policies/{policy.id}"))
    assert 'value="1h 30m"' in page
    assert browser.post(f"/settings/policies/{policy.id}", data=form).status_code == 303
    assert len(events("policy.changed")) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"calendar": 9999}, "Not a valid choice"),
        ({"warn_percent": "0"}, "Use 1 to 99 percent"),
        ({"warn_percent": "100"}, "Use 1 to 99 percent"),
        ({"warn_percent": "half"}, "Not a valid integer value"),
        ({"high_first_response": "4"}, "Write hours and minutes"),
        ({"high_first_response": "soon"}, "Write hours and minutes"),
        ({"high_resolution": "2001h"}, "at most 2000h"),
        ({"low_always": "0m"}, "Use at least 1m"),
        ({"normal_resolution": "30m"}, "A ticket cannot be resolved before it is answered"),
    ],
)
def test_policies_that_cannot_be(
    wrong: dict[str, Any], words: str, desk: SmallDesk, browser_as: Open
) -> None:
    policy = db.session.scalars(select(Policy)).one()
    answer = browser_as(desk.alice).post(
        f"/settings/policies/{policy.id}", data=policy_form(policy.calendar_id, **wrong)
    )
    assert answer.status_code == 422
    assert words in said(answer)
    assert "calendar" in wrong or str(next(iter(wrong.values()))) in said(answer)
    assert db.session.get_one(Policy, policy.id).version == 1


def test_a_policy_says_what_it_means(desk: SmallDesk, browser_as: Open) -> None:
    """A Tuesday, 10:30 in Berlin: an urgent ticket is answered by 11:30, one that comes at 18:15 by 18:45."""
    policy = db.session.scalars(select(Policy)).one()
    page = said(browser_as(desk.bob).get(f"/settings/policies/{policy.id}"))
    assert 'datetime="2026-11-03T10:30:' in page
    assert 'datetime="2026-11-03T17:15:00Z"' in page
    assert 'datetime="2026-11-03T17:45:00Z"' in page
    assert 'name="name" ' in page
    assert ">Save<" not in page

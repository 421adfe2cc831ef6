"""The board over the web: what it shows, to whom, in how many statements; moves; what changed since."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from app.database import db, writing
from app.desk import tickets
from app.models import card as rows
from app.models.board import Board, Column
from app.models.clock import Heartbeat
from app.models.event import CLOCK, By, Event
from app.models.ticket import Ticket
from tests.stories import fill, ticket_in

JSON = {"Accept": "application/json"}


def board_url(desk: Any, more: str = "") -> str:
    return f"/boards/{desk.board.id}{more}"


def cards_in(html: str, column: Column) -> list[int]:
    """The numbers of the cards of one column, from the top."""
    section = html.split(f'id="column_{column.id}"')[1].split("</section>")[0]
    return [int(number) for number in re.findall(r'<li class="card[^"]*" id="ticket_(\d+)"', section)]


def test_the_board_shows_each_ticket_in_its_column(desk: Any, browser_as: Any, now: Any) -> None:
    made = {state: ticket_in(desk, state, f"In {state}", now).id for state in desk.columns}
    html = browser_as(desk.bob).get(board_url(desk)).text
    for state in ("new", "open", "waiting", "resolved"):
        assert cards_in(html, desk.columns[state]) == [made[state]]
    archive = desk.columns["archived"].id
    assert f'id="column_{archive}"' not in html
    assert f'href="/columns/{archive}/cards?' in html
    assert "In archived" in browser_as(desk.bob).get(f"/columns/{archive}/cards").text


def test_an_empty_board_says_how_customers_reach_it(desk: Any, browser_as: Any, now: Any) -> None:
    hint = "Customers reach this board here:"
    shown = browser_as(desk.bob).get(f"/boards/{desk.board.id}").text
    assert hint in shown
    assert f"<strong>{desk.email.address}</strong>" in shown
    assert hint not in browser_as(desk.bob).get(f"/boards/{desk.board.id}?q=tag:vip").text
    ticket_in(desk, "resolved", "Where is my parcel?", now)
    assert hint not in browser_as(desk.bob).get(f"/boards/{desk.board.id}").text


def test_the_first_page_is_the_first_visible_board(desk: Any, browser_as: Any) -> None:
    assert browser_as(desk.bob).get("/").location == board_url(desk)
    nobody = browser_as(desk.charlie).get("/")
    assert nobody.status_code == 200
    assert "No board is open to you" in nobody.text
    assert browser_as(None).get("/").location == "/sign-in"


@pytest.mark.parametrize(
    "path", ["/boards/{board}", "/boards/{board}/delta?since=0", "/boards/{board}/stream?since=0",
             "/columns/{column}/cards", "/tickets/{ticket}/move", "/boards/999", "/columns/999/cards",
             "/boards/99999999999999999999", "/tickets/99999999999999999999/move"],
)  # fmt: skip
def test_what_one_may_not_see_is_not_there(path: str, desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Secret", now)
    url = path.format(board=desk.board.id, column=desk.columns["new"].id, ticket=ticket.id)
    assert browser_as(desk.charlie).get(url).status_code == 404


@pytest.mark.parametrize("query", ["", "?q=is:unresolved+tag:none+assignee:bob@example.com"])
def test_a_board_takes_at_most_eight_statements(query: str, desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        for number in range(60):
            fill(board, desk, ("new", "open", "waiting")[number % 3], f"Number {number}", now)
    browser = browser_as(desk.bob)
    url = board_url(desk)
    browser.get(url)  # a process asks only once whether the desk is set up
    said: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SET LOCAL", "SELECT 1")):
            said.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        assert browser.get(url + query).status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert len(said) <= 8, "\n".join(said)


def test_a_card_says_who_spoke_last_what_is_due_and_who_has_it(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(
        desk, "open", "배송이 멈췄어요 <b>", now - timedelta(hours=2), priority=3, language="ko"
    )
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, ticket.id)
        tickets.assign(board, ticket, desk.bob.id, by=CLOCK, now=now)
        for name in ("refund", "delivery", "vip"):
            tickets.add_tag(board, ticket, name, by=CLOCK, now=now)
        ticket.next_deadline_at, ticket.next_deadline_kind = now - timedelta(minutes=18), "first_response"
        ticket.next_deadline_for = 3600
    html = browser_as(desk.alice).get(board_url(desk)).text
    card = html.split(f'id="ticket_{ticket.id}"')[1].split("</li>")[0]
    for part in ("배송이 멈췄어요 &lt;b&gt;", 'lang="ko"', "urgent", "unread", "Kim Seoyeon", "2 h", "18 min late",
                 "chip-late", "delivery", "refund", "+1", "Bob Reyes", f'data-version="{ticket.version}"'):  # fmt: skip
        assert part in card
    assert 'title="vip">+1<' in card


@pytest.mark.parametrize(
    ("minutes", "whole", "state"),
    [
        (120, 240, "ok"),
        (60, 240, "ok"),
        (59, 240, "near"),
        (1, None, "ok"),
        (0, 240, "late"),
        (-5, 240, "late"),
    ],
)
def test_a_deadline_is_near_in_its_last_quarter(
    minutes: int, whole: int | None, state: str, desk: Any, now: Any
) -> None:
    ticket = ticket_in(desk, "open", "Soon", now)
    with writing(desk.board):
        ticket = db.session.get_one(Ticket, ticket.id)
        ticket.next_deadline_at = now + timedelta(minutes=minutes)
        ticket.next_deadline_for = whole and whole * 60
    card = rows.cards_of(rows.View(desk.board.id, "en"), [ticket.id], now)[0]
    assert card.deadline_state(now) == state


def test_counts_stop_and_late_ones_are_counted(
    desk: Any, browser_as: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(desk.board) as board:
        for number in range(5):
            ticket = fill(board, desk, "new", f"Number {number}", now)
            ticket.next_deadline_at = now + timedelta(hours=1) if number else now
            ticket.sort_key = ticket.order()
    view = rows.View(desk.board.id, "en")
    head = rows.overview(view, now).heads[0]
    assert head.id == desk.columns["new"].id
    assert (head.count_said, head.late) == ("5", 1)
    assert [rows.said(count) for count in (0, 999, 1000)] == ["0", "999", "999+"]
    monkeypatch.setattr(rows, "MOST_COUNTED", 3)
    head = rows.overview(view, now).heads[0]
    assert head.id == desk.columns["new"].id
    assert (head.count, head.count_said) == (3, "2+")


def test_forty_of_a_column_and_the_rest_page_by_page(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        made = [
            fill(board, desk, "new", f"Number {number}", now + timedelta(seconds=number)).id
            for number in range(95)
        ]
    browser, column = browser_as(desk.bob), desk.columns["new"]
    html = browser.get(board_url(desk)).text
    seen = cards_in(html, column)
    assert seen == made[:40]
    assert "Show 40 more" in html
    assert "(55)" in html
    for _ in range(2):
        more = re.search(r'class="show-more"[^>]* href="([^"]+)"', html)
        assert more
        part = browser.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"})
        assert "<html" not in part.text
        html = browser.get(more[1].replace("&amp;", "&")).text
        assert "<html" in html
        found = [int(number) for number in re.findall(r'id="ticket_(\d+)"', html)]
        assert found == [int(number) for number in re.findall(r'id="ticket_(\d+)"', part.text)]
        seen += found
    assert seen == made
    assert "show-more" not in html


@pytest.mark.parametrize("after", ["", "x", "1.", ".1", "1.x", "-1.5", "9" * 100, "١.١"])
def test_a_cursor_nobody_gave_out_is_refused(after: str, desk: Any, browser_as: Any) -> None:
    url = f"/columns/{desk.columns['new'].id}/cards"
    assert browser_as(desk.bob).get(url, query_string={"after": after}).status_code == 404


def test_a_filter_shows_what_fits_it(desk: Any, browser_as: Any, now: Any) -> None:
    mine = ticket_in(desk, "open", "Mine to do", now)
    other = ticket_in(desk, "open", "Somebody else's", now)
    with writing(desk.board) as board:
        tickets.assign(board, db.session.get_one(Ticket, mine.id), desk.bob.id, by=CLOCK, now=now)
    for query, expected in (
        ("assignee:me", [mine.id]),
        ("-assignee:me", [other.id]),
        ("somebody", [other.id]),
    ):
        html = browser_as(desk.bob).get(board_url(desk), query_string={"q": query}).text
        assert cards_in(html, desk.columns["open"]) == expected
        assert f'<span class="count">{len(expected)}</span>' in html
    html = browser_as(desk.alice).get(board_url(desk), query_string={"q": "assignee:me"}).text
    assert cards_in(html, desk.columns["open"]) == []
    assert "Nothing here fits the filter." in html


def test_a_mistake_in_a_filter_is_shown_with_its_column(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Still here", now)
    answer = browser_as(desk.bob).get(board_url(desk), query_string={"q": "is:open langauge:de"})
    assert answer.status_code == 422
    assert "Column 9" in answer.text
    assert "did you mean `lang`?" in answer.text
    assert 'value="is:open langauge:de"' in answer.text
    assert cards_in(answer.text, desk.columns["new"]) == [ticket.id]
    assert browser_as(desk.bob).get(board_url(desk, "/delta?since=0&q=is:"), headers=JSON).status_code == 422


def test_a_move_by_form_goes_back_to_the_board(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Move me", now)
    browser = browser_as(desk.bob)
    form = browser.get(f"/tickets/{ticket.id}/move")
    assert f'name="expected" value="{desk.columns["new"].id}"' in form.text
    answer = browser.post(
        f"/tickets/{ticket.id}/column",
        data={"column": desk.columns["waiting"].id, "expected": desk.columns["new"].id},
    )
    assert (answer.status_code, answer.location) == (303, board_url(desk, f"#ticket_{ticket.id}"))
    html = browser.get(board_url(desk)).text
    assert cards_in(html, desk.columns["waiting"]) == [ticket.id]
    assert f"#{ticket.id} moved to Waiting" in html
    moved = db.session.scalars(select(Event).where(Event.kind == "ticket.moved")).one()
    assert (moved.by_kind, moved.by_id) == ("person", desk.bob.id)


def test_a_stale_move_is_refused_with_the_true_card(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Two want me", now)
    new, open_, waiting = (desk.columns[state].id for state in ("new", "open", "waiting"))
    seq = db.session.get_one(Board, desk.board.id).seq
    url = f"/tickets/{ticket.id}/column"
    data = {"column": open_, "expected": new, "since": seq}
    assert browser_as(desk.alice).post(url, data=data, headers=JSON).status_code == 200

    late = browser_as(desk.bob).post(url, data={**data, "column": waiting}, headers=JSON)
    assert late.status_code == 409
    assert re.fullmatch(r"Alice Moor moved this to Open \d+ s ago\.", late.json["text"])
    assert late.json["column"] == open_
    assert f'data-column="{open_}"' in late.json["delta"]["cards"][0]["html"]
    assert db.session.get_one(Ticket, ticket.id).column_id == open_

    plain = browser_as(desk.bob).post(url, data={**data, "column": waiting})
    assert plain.status_code == 409
    assert "Alice Moor moved this to Open" in plain.text
    assert f'name="expected" value="{open_}"' in plain.text
    assert "Move anyway" in plain.text

    again = browser_as(desk.bob).post(url, data={"column": waiting, "expected": open_}, headers=JSON)
    assert (again.status_code, again.json["left"]) == (200, open_)


@pytest.mark.parametrize("column", ["", "x", "999", "-1", "9" * 30])
def test_a_column_that_is_not_there_is_refused(column: str, desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Stay", now)
    for headers in ({}, JSON):
        answer = browser_as(desk.bob).post(
            f"/tickets/{ticket.id}/column", data={"column": column}, headers=headers
        )
        assert answer.status_code == 422
    assert db.session.get_one(Ticket, ticket.id).column_id == desk.columns["new"].id


def test_nobody_moves_what_they_may_not_see(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Stay", now)
    data = {"column": desk.columns["open"].id}
    assert browser_as(desk.charlie).post(f"/tickets/{ticket.id}/column", data=data).status_code == 404
    assert browser_as(None).post(f"/tickets/{ticket.id}/column", data=data, headers=JSON).status_code == 401
    assert db.session.get_one(Ticket, ticket.id).column_id == desk.columns["new"].id


def test_what_changed_since(desk: Any, browser_as: Any, now: Any) -> None:
    shown = ticket_in(desk, "new", "Shown", now)
    gone = ticket_in(desk, "new", "Put away", now)
    seq = db.session.get_one(Board, desk.board.id).seq
    browser = browser_as(desk.bob)

    def since(number: int, **query: str) -> Any:
        url = board_url(desk, "/delta")
        return browser.get(url, query_string={"since": number, **query}, headers=JSON).json

    assert since(seq) == {**since(seq), "since": seq, "seq": seq, "reload": False, "cards": [], "gone": []}
    with writing(desk.board) as board:
        tickets.prioritise(board, db.session.get_one(Ticket, shown.id), 3, by=CLOCK, now=now)
        put_away = db.session.get_one(Ticket, gone.id)
        tickets.move(board, put_away, to=desk.columns["archived"].id, by=CLOCK, now=now)
    delta = since(seq)
    assert delta["seq"] == seq + 2
    assert [card["id"] for card in delta["cards"]] == [shown.id]
    assert 'data-priority="3"' in delta["cards"][0]["html"]
    assert delta["gone"] == [gone.id]
    assert len(delta["heads"]) == 4
    assert since(seq, q="priority:low")["gone"] == [shown.id, gone.id]
    assert "Nobody is on call" in delta["on_call"]


def test_when_the_columns_change_the_page_is_read_again(desk: Any, browser_as: Any, now: Any) -> None:
    from app.desk.events import record

    browser = browser_as(desk.bob)
    for since in (-1, 10_000, "x"):
        assert browser.get(board_url(desk, f"/delta?since={since}"), headers=JSON).json["reload"] is True
    seq = db.session.get_one(Board, desk.board.id).seq
    with writing(desk.board) as board:
        record(board, "column.changed", ("column", 1), by=By("person", desk.dana.id), now=now)
    assert browser.get(board_url(desk, f"/delta?since={seq}"), headers=JSON).json["reload"] is True


def test_too_much_at_once_is_read_again(desk: Any, now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_CHANGES", 3)
    with writing(desk.board) as board:
        for number in range(4):
            fill(board, desk, "new", f"Number {number}", now)
    seq = db.session.get_one(Board, desk.board.id).seq
    assert rows.changes(desk.board.id, 0, seq).reload
    assert not rows.changes(desk.board.id, seq - 2, seq).reload


def test_a_stopped_clock_is_said_to_everybody(desk: Any, browser_as: Any, now: Any, travel: Any) -> None:
    said = r'<p id="clock"[^>]*>'
    travel.shift(120)
    for person in (desk.bob, desk.dana):
        html = browser_as(person).get(board_url(desk)).text
        found = re.search(said, html)
        assert found
        assert "hidden" not in found[0]
        assert ('href="/health"' in html) == (person is desk.dana)
    from app import clock

    for job in clock.JOBS:
        clock.beat(job.sweep, now + timedelta(seconds=110))
    found = re.search(said, browser_as(desk.bob).get(board_url(desk)).text)
    assert found
    assert "hidden" in found[0]
    assert db.session.scalars(select(Heartbeat)).first() is not None


def test_the_limit_of_a_column_is_said_in_words(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board):
        db.session.get_one(Column, desk.columns["open"].id).wip_limit = 1
    assert "Limit 1" in browser_as(desk.bob).get(board_url(desk)).text
    for number in range(2):
        ticket_in(desk, "open", f"Number {number}", now)
    assert "Over its limit of 1" in browser_as(desk.bob).get(board_url(desk)).text


def test_the_side_navigation_counts_what_waits(desk: Any, browser_as: Any, now: Any) -> None:
    for state in ("new", "open", "resolved"):
        ticket_in(desk, state, state, now)
    with writing(desk.board) as board:
        tickets.assign(board, db.session.get_one(Ticket, 1), desk.bob.id, by=CLOCK, now=now)
    html = browser_as(desk.bob).get(board_url(desk)).text
    for label, count in (("Support", 2), ("Mine", 1), ("Unassigned", 1)):
        assert f'<span>{label}</span><span class="count">{count}</span>' in html


def test_the_board_speaks_korean(desk: Any, browser_as: Any, now: Any) -> None:
    ticket_in(desk, "new", "Hello", now - timedelta(hours=1))
    with writing(desk.row):
        desk.bob.locale = "ko"
    answer = browser_as(desk.bob).get(board_url(desk, "/delta?since=0"), headers=JSON)
    assert "고객" in json.dumps(answer.json, ensure_ascii=False)
    english = browser_as(desk.alice).get(board_url(desk, "/delta?since=0"), headers=JSON)
    assert "고객" not in json.dumps(english.json, ensure_ascii=False)

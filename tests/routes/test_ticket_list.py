"""Tickets as a list: the filter, the order, pages by cursor, chosen columns, and the file for a spreadsheet."""

import csv
import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.database import writing
from app.desk import tickets
from app.models.event import By
from app.models.ticket_list import ORDERS, PER_PAGE
from tests.small import SmallDesk
from tests.stories import fill, ticket_in

MINUTE = timedelta(minutes=1)


def listed(html: str) -> list[str]:
    """The subjects in the order in which they stand."""
    return re.findall(r'class="is-subject"><a [^>]*>([^<]*)</a>', html)


def many(desk: SmallDesk, now: datetime, count: int) -> None:
    """So many tickets, with equal and different instants and priorities."""
    with writing(desk.board) as board:
        for n in range(count):
            ticket = fill(board, desk, "new", f"Lamp {n}", now - (n // 3) * MINUTE)
            tickets.prioritise(board, ticket, n % 4, by=By("clock"), now=now)


def test_the_list(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    ticket_in(desk, "new", "The lamp <b>is</b> broken", now - MINUTE)
    ticket_in(desk, "open", "Parcel", now)
    html = browser_as(desk.bob).get("/tickets").text
    assert listed(html) == ["Parcel", "The lamp &lt;b&gt;is&lt;/b&gt; broken"]
    assert "2 tickets" in html
    found = browser_as(desk.bob).get("/tickets", query_string={"q": "is:open"}).text
    assert listed(found) == ["Parcel"]
    wrong = browser_as(desk.bob).get("/tickets", query_string={"q": "langauge:ko"})
    assert wrong.status_code == 422
    assert "did you mean `lang`?" in wrong.text
    none = browser_as(desk.bob).get("/tickets", query_string={"q": "lang:ko is:archived"}).text
    assert "No ticket fits." in none


def test_nobody_finds_what_they_may_not_see(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    ticket_in(desk, "new", "A secret lamp", now)
    for path in ("/tickets", "/tickets.csv"):
        assert "secret" not in browser_as(desk.charlie).get(path).text
        assert "secret" in browser_as(desk.bob).get(path).text
    assert 'class="count">1<' not in browser_as(desk.charlie).get("/views").text


@pytest.mark.parametrize("sort", [sign + key for key in ORDERS for sign in ("", "-")])
def test_pages_follow_each_other(sort: str, desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    """Every ticket once, whatever the order, also where many are equal in it."""
    count = 2 * PER_PAGE + 3
    many(desk, now, count)
    browser, seen, path = browser_as(desk.bob), [], f"/tickets?sort={sort}&q=subject:lamp"
    whole = [row[0] for row in rows_of(browser, f"/tickets.csv?columns=number&sort={sort}")]
    for _ in range(3):
        html = browser.get(path).text
        seen += re.findall(r'class="is-number"[^>]*><a href="/tickets/(\d+)"', html)
        more = re.search(r'class="show-more" href="([^"]+)"', html)
        if more is None:
            break
        path = more[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == count
    assert seen == whole


def test_a_made_up_cursor_leads_nowhere(desk: SmallDesk, browser_as: Any) -> None:
    for after in ("x", "1", "1.", ".1", "9" * 50 + ".1", "1.-1", "٣.1"):
        for sort in ("number", "-updated", "due"):
            answer = browser_as(desk.bob).get("/tickets", query_string={"after": after, "sort": sort})
            assert answer.status_code == 404, (after, sort)


def test_columns_and_order_stand_in_the_address(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    ticket_in(desk, "new", "Lamp", now)
    address = {"columns": ["subject", "priority"], "sort": "priority", "q": "subject:lamp"}
    html = browser_as(desk.bob).get("/tickets", query_string=address).text
    assert re.findall(r'<th scope="col" class="is-(\w+)"', html) == ["subject", "priority"]
    assert 'aria-sort="ascending"' in html
    assert "/tickets?q=subject%3Alamp&amp;columns=subject%2Cpriority&amp;sort=-priority" in html
    odd = browser_as(desk.bob).get("/tickets?columns=nothing,';&sort=password").text
    assert "is-subject" in odd


def rows_of(browser: Any, path: str) -> list[list[str]]:
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(answer.text[1:])))[1:]


def test_the_file(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    ticket = ticket_in(desk, "new", '=HYPERLINK("http://evil.example")', now)
    with writing(desk.board) as board:
        tickets.add_tag(board, ticket, "b", by=By("clock"), now=now)
        tickets.add_tag(board, ticket, "a", by=By("clock"), now=now)
    answer = browser_as(desk.bob).get("/tickets.csv?columns=number,subject,customer,tags,priority,created")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tickets.csv"'
    head, row = csv.reader(io.StringIO(answer.text[1:]))
    assert head == ["Number", "Subject", "Customer", "Priority", "Tags", "Created"]
    assert row == [
        str(ticket.id),
        '\'=HYPERLINK("http://evil.example")',
        "Kim Seoyeon",
        "Normal",
        "a, b",
        now.strftime("%Y-%m-%d %H:%M"),
    ]
    korean = browser_as(desk.bob).get("/tickets.csv?q=nix:1")
    assert korean.status_code == 422


def test_chips_take_one_condition_away_each(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    html = browser_as(desk.bob).get("/tickets", query_string={"q": "is:open -lang:ko (is:new OR lamp)"}).text
    chips = re.findall(r'<code>([^<]*)</code><a href="([^"]*)"', html)
    assert chips == [
        ("is:open", "/tickets?q=-lang%3Ako%20%28is%3Anew%20OR%20lamp%29"),
        ("-lang:ko", "/tickets?q=is%3Aopen%20%28is%3Anew%20OR%20lamp%29"),
        ("is:new OR lamp", "/tickets?q=is%3Aopen%20-lang%3Ako"),
    ]


def test_the_board_says_how_many_are_hidden(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    for n in range(3):
        ticket_in(desk, "new", f"Lamp {n}", now)
    ticket_in(desk, "open", "Parcel", now)
    path = f"/boards/{desk.board.id}"
    assert "3 hidden" in browser_as(desk.bob).get(path, query_string={"q": "parcel"}).text
    assert "hidden</span>" not in browser_as(desk.bob).get(path).text


def test_what_may_follow_is_asked_for(desk: SmallDesk, browser_as: Any) -> None:
    html = browser_as(desk.bob).get("/queries/completion", query_string={"q": "is:open assignee:ali"}).text
    assert re.findall(r'data-text="([^"]*)"', html)[0] == "is:open assignee:&#34;Alice Moor&#34; "
    assert "data-text" not in browser_as(desk.bob).get("/queries/completion", query_string={"q": "nix:"}).text
    html = browser_as(desk.bob).get("/queries/completion", query_string={"q": "lang:"}).text
    first = re.findall(r'data-text="([^"]*)"', html)[: len(desk.row.languages)]
    assert first == [f"lang:{language} " for language in desk.row.languages]


@given(numbers=st.lists(st.integers(0, 10**6), max_size=3))
@settings(max_examples=20, deadline=None)
def test_a_cursor_is_read_as_it_was_written(numbers: list[int]) -> None:
    from sqlalchemy import true

    from app.models.ticket_list import Wanted, read_cursor

    for number in numbers:
        assert read_cursor(f"{number}.{number}", Wanted([1], true(), "number")) == (number, number)

"""How a board is looked at: each order page by page, remembered, and the same live as on the page."""

import random
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select

from app.database import db, writing
from app.desk import tickets
from app.desk.ranks import Place
from app.models import card as rows
from app.models.board import Board
from app.models.event import CLOCK
from app.models.group import GROUPS
from app.models.order import ORDERS
from app.models.person import Person
from app.models.ticket import Ticket
from tests.stories import fill

JSON = {"Accept": "application/json"}
CARD = re.compile(r'<li class="card[^"]*" id="ticket_(\d+)" data-id="\d+" data-column="([^"]*)"([^>]*)>')
LANE = re.compile(r' data-lane="([^"]*)"')
SORT = re.compile(r'data-sort="(\d+)"')


def shown(html: str) -> dict[str, list[int]]:
    """column, or column/lane -> the numbers of its cards from the top, as they stand in the page."""
    found: dict[str, list[int]] = {}
    for section in html.split('<section class="column"')[1:]:
        key = re.search(r'data-column="([^"]*)"', section)
        assert key
        found[cell_of(key[1], section[key.end() :])] = [int(number) for number, _, _ in CARD.findall(section)]
    return found


def cell_of(column: str, rest: str) -> str:
    lane = LANE.match(rest)
    return f"{column}/{lane[1]}" if lane else column


class Watching:
    """A board as a browser has it that only follows the changes: cards by column, in the order of what they carry."""

    def __init__(self, browser: Any, url: str, asked: dict[str, str]) -> None:
        self.browser, self.url, self.asked = browser, url, asked
        self.open()

    def open(self) -> None:
        html = self.browser.get(self.url, query_string=self.asked).text
        self.columns = set(shown(html))
        self.seq = int(re.search(r'data-seq="(\d+)"', html)[1])  # type: ignore[index]
        self.cards: dict[int, tuple[str, str]] = {}
        self.take(html)

    def take(self, html: str) -> None:
        for number, column, rest in CARD.findall(html):
            self.cards[int(number)] = (cell_of(column, rest), SORT.search(rest)[1])  # type: ignore[index]

    def catch_up(self) -> None:
        """As board.js does it: the page is read again when there is a column that it does not know."""
        asked = {**self.asked, "since": self.seq}
        delta = self.browser.get(f"{self.url}/delta", query_string=asked, headers=JSON).json
        heads, lanes = ({str(head["id"]) for head in delta[kind]} for kind in ("heads", "lanes"))
        cells = {f"{head}/{lane}" for head in heads for lane in lanes} if lanes else heads
        if delta["reload"] or cells != self.columns:
            self.open()
            return
        for entry in delta["cards"]:
            self.take(entry["html"])
        for number in delta["gone"]:
            self.cards.pop(number, None)
        self.seq = delta["seq"]

    @property
    def shown(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {column: [] for column in self.columns}
        for number, (column, _) in sorted(self.cards.items(), key=lambda card: (card[1][1], card[0])):
            found[column].append(number)
        return found


def change_something(chance: random.Random, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        number = chance.choice(db.session.scalars(select(Ticket.id)).all())
        ticket = db.session.get_one(Ticket, number)
        match chance.randrange(6):
            case 0:
                column = desk.columns[chance.choice(["new", "open", "waiting", "resolved"])].id
                tickets.move(board, ticket, to=column, by=CLOCK, now=now)
            case 1:
                place = Place(end=chance.choice(["top", "bottom"]))
                tickets.move(board, ticket, to=ticket.column_id, place=place, by=CLOCK, now=now)
            case 2:
                tickets.prioritise(board, ticket, chance.randrange(4), by=desk.bob.by, now=now)
            case 3:
                person = chance.choice([None, desk.bob.id, desk.alice.id])
                tickets.assign(board, ticket, person, by=desk.bob.by, now=now)
            case 4:
                language = chance.choice([None, "en", "ko", "ja"])
                tickets.set_language(board, ticket, language, by=CLOCK, now=now)
            case _:
                fill(board, desk, "new", "One more", now)


VIEWS: list[dict[str, str]] = [
    *({"sort": sort} for sort in ORDERS),
    *({"group": by} for by in GROUPS),
    {"group": "assignee", "sort": "newest", "q": "-priority:low"},
    *({"lanes": by} for by in GROUPS),
    {"group": "language", "lanes": "state"},
    {"group": "assignee", "lanes": "priority", "sort": "newest", "q": "-priority:low"},
]


@pytest.mark.parametrize("asked", VIEWS, ids=lambda asked: "-".join(map("-".join, asked.items())))
def test_what_is_told_is_what_a_new_page_shows(
    asked: dict[str, str], desk: Any, browser_as: Any, now: Any
) -> None:
    chance = random.Random(str(asked))
    with writing(desk.board) as board:
        for number in range(12):
            at = now + timedelta(minutes=number % 5)
            fill(board, desk, ("new", "open", "waiting")[number % 3], f"Number {number}", at)
    browser, url = browser_as(desk.bob), f"/boards/{desk.board.id}"
    watching = Watching(browser, url, asked)
    for turn in range(4):
        for step in range(5):
            change_something(chance, desk, now + timedelta(minutes=turn * 5 + step))
        watching.catch_up()
        assert watching.shown == shown(browser.get(url, query_string=asked).text)


@pytest.mark.parametrize("sort", ORDERS)
def test_each_order_page_by_page(sort: str, desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        for number in range(95):
            ticket = fill(board, desk, "new", f"{number}", now + timedelta(seconds=number % 7))
            if number % 3 == 0:
                tickets.prioritise(board, ticket, number % 4, by=desk.bob.by, now=now)
            if number % 4 == 0:
                ticket.waiting_since = None
            if number % 5 < 2:
                ticket.mood = (-60, -40)[number % 5]
            ticket.sort_key = ticket.order()
    browser = browser_as(desk.bob)
    html = browser.get(f"/boards/{desk.board.id}", query_string={"sort": sort}).text
    seen: list[tuple[str, int]] = []
    while True:
        seen += [(SORT.search(rest)[1], int(number)) for number, _, rest in CARD.findall(html)]  # type: ignore[index]
        more = re.search(r'class="show-more"[^>]* href="([^"]+)"', html)
        if not more:
            break
        html = browser.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    assert len({number for _, number in seen}) == len(seen) == 95
    assert seen == sorted(seen)
    by = {ticket.id: ticket for ticket in db.session.scalars(select(Ticket))}
    facts = {
        "due": lambda one: one.sort_key,
        "priority": lambda one: (-one.priority, one.sort_key),
        "angry": lambda one: (-2 * one.priority - 3 * ((one.mood or 0) <= -50), one.sort_key),
        "waiting": lambda one: (one.waiting_since is None, one.waiting_since or now),
        "newest": lambda one: -one.created_at.timestamp(),
        "oldest": lambda one: one.created_at,
        "updated": lambda one: -one.updated_at.timestamp(),
        "manual": lambda one: one.rank,
    }
    order = [facts[sort](by[number]) for _, number in seen]
    assert order == sorted(order)


def test_the_display_is_remembered_and_said_in_the_address(desk: Any, browser_as: Any, now: Any) -> None:
    browser, url = browser_as(desk.bob), f"/boards/{desk.board.id}"
    chosen = browser.post(f"{url}/look", data={"sort": "newest", "cards": "compact", "q": "is:open"})
    assert (chosen.status_code, chosen.location) == (
        303,
        f"{url}?q=is:open&sort=newest&group=state&lanes=none",
    )
    html = browser.get(url).text
    assert '<option value="newest" selected>' in html
    assert "is-compact" in html
    assert '<option value="oldest" selected>' in browser.get(f"{url}?sort=oldest").text
    assert '<option value="newest" selected>' in browser.get(url).text
    assert '<option value="due" selected>' in browser_as(desk.alice).get(url).text
    browser.post(f"{url}/look", data={"sort": "nonsense"})
    assert db.session.get_one(Person, desk.bob.id).looks == {
        "compact": False,
        "boards": {str(desk.board.id): {"sort": "due", "group": "state", "lanes": "none"}},
    }


def test_a_place_is_chosen_by_the_dialog(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        made = [fill(board, desk, "new", f"Number {number}", now).id for number in range(3)]
    browser, new = browser_as(desk.bob), desk.columns["new"].id
    assert 'name="place"' not in browser.get(f"/tickets/{made[0]}/move").text
    dialog = browser.get(f"/tickets/{made[0]}/move?sort=manual").text
    assert re.findall(r'<option value="(\w+)"[^>]*>[^<]*(?:top|Below|bottom)', dialog) == [
        "top",
        str(made[1]),
        str(made[2]),
        "bottom",
    ]
    data = {"column": new, "expected": new, "place": made[1], "sort": "manual"}
    moved = browser.post(f"/tickets/{made[0]}/column", data={**data, "since": 0}, headers=JSON)
    assert moved.json["text"] == ""
    url = f"/boards/{desk.board.id}?sort=manual"
    assert shown(browser.get(url).text)[str(new)] == [made[1], made[0], made[2]]
    assert browser.post(f"/tickets/{made[0]}/column", data={**data, "place": "top"}).status_code == 303
    assert shown(browser.get(url).text)[str(new)] == made
    for place in ("x", "0", "-1", "9" * 12):
        answer = browser.post(f"/tickets/{made[0]}/column", data={**data, "place": place}, headers=JSON)
        assert (place, answer.status_code) == (place, 422)


@pytest.mark.parametrize("asked", VIEWS, ids=lambda asked: "-".join(map("-".join, asked.items())))
def test_every_view_takes_at_most_eight_statements(
    asked: dict[str, str], desk: Any, browser_as: Any, now: Any
) -> None:
    with writing(desk.board) as board:
        for number in range(6):
            fill(board, desk, ("new", "open", "waiting")[number % 3], f"Number {number}", now)
    browser, url = browser_as(desk.bob), f"/boards/{desk.board.id}"
    browser.get(url)
    told: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SET LOCAL", "SELECT 1")):
            told.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        assert browser.get(url, query_string={"q": "-tag:none OR tag:none", **asked}).status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert len(told) <= 8, "\n".join(told)
    assert db.session.get_one(Board, desk.board.id).seq


def test_columns_of_people(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        mine, nobodys, done = (fill(board, desk, "new", f"Number {number}", now) for number in range(3))
        tickets.assign(board, mine, desk.bob.id, by=CLOCK, now=now)
        tickets.move(board, done, to=desk.columns["resolved"].id, by=CLOCK, now=now)
        number, other = mine.id, nobodys.id
    browser, url = browser_as(desk.bob), f"/boards/{desk.board.id}?group=assignee"
    html = browser.get(url).text
    people = [str(person.id) for person in (desk.alice, desk.bob, desk.dana)]
    assert shown(html) == {"none": [other], **{key: [] for key in people}, str(desk.bob.id): [number]}
    assert list(shown(html)) == ["none", *people]
    dialog = browser.get(f"/tickets/{number}/move?group=assignee").text
    assert f'<option value="{desk.bob.id}" selected>Bob Reyes' in dialog
    data = {"person": desk.alice.id, "expected": desk.bob.id, "group": "assignee", "since": 0}
    moved = browser.post(f"/tickets/{number}/assignee", data=data, headers=JSON)
    (card,) = [card for card in moved.json["delta"]["cards"] if card["id"] == number]
    assert f'data-column="{desk.alice.id}"' in card["html"]
    again = browser.post(f"/tickets/{number}/assignee", data={**data, "person": ""}, headers=JSON)
    assert again.status_code == 409


def test_columns_of_languages_and_priorities_are_set_as_they_were_seen(
    desk: Any, browser_as: Any, now: Any
) -> None:
    with writing(desk.board) as board:
        number = fill(board, desk, "new", "One", now, language="ja").id
    browser, url = browser_as(desk.bob), f"/boards/{desk.board.id}"
    assert shown(browser.get(f"{url}?group=language").text)["ja"] == [number]
    for path, data, status in (
        ("language", {"language": "en", "expected": "de"}, 409),
        ("language", {"language": "en", "expected": "ja"}, 200),
        ("priority", {"priority": 3, "expected": 0}, 409),
        ("priority", {"priority": 3, "expected": 1}, 200),
    ):
        answer = browser.post(f"/tickets/{number}/{path}", data=data, headers=JSON)
        assert (path, data, answer.status_code) == (path, data, status)
    assert shown(browser.get(f"{url}?group=language").text)["en"] == [number]
    assert shown(browser.get(f"{url}?group=priority").text)["3"] == [number]
    assert 'data-field=""' in browser.get(f"{url}?group=channel").text


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_page_by_page(group: str, desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        made = [
            fill(board, desk, ("new", "open")[number % 2], f"{number}", now, language="ko").id
            for number in range(50)
        ]
    browser = browser_as(desk.bob)
    html = browser.get(f"/boards/{desk.board.id}", query_string={"group": group}).text
    seen = [int(number) for number, _, _ in CARD.findall(html)]
    more = re.search(r'class="show-more"[^>]* href="([^"]+)"', html)
    assert more
    address = more[1].replace("&amp;", "&")
    seen += [int(number) for number, _, _ in CARD.findall(browser.get(address).text)]
    assert sorted(seen) == made
    for wrong in ("x", "999", "-1", "²", "9" * 30):
        url = f"/boards/{desk.board.id}/groups/{wrong}/cards?group={group}"
        assert (wrong, browser.get(url).status_code) == (wrong, 404)
    assert browser.get(f"/boards/{desk.board.id}/groups/none/cards?group=x").status_code == 404


@pytest.mark.parametrize("sort", [sort for sort in ORDERS if sort != "manual"])
def test_many_of_a_group_in_each_order(
    sort: str, desk: Any, browser_as: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a column of people holds more than are counted, its first cards are found on another way."""
    monkeypatch.setattr(rows, "MOST_COUNTED", 20)
    with writing(desk.board) as board:
        made = []
        for number in range(95):
            at = now + timedelta(seconds=number * 7 % 23)
            made.append(fill(board, desk, ("new", "open", "waiting")[number % 3], f"{number}", at))
            if number % 3 == 0:
                tickets.prioritise(board, made[-1], number % 4, by=desk.bob.by, now=at)
        expected = {ticket.id for ticket in made}
    browser = browser_as(desk.bob)
    html = browser.get(f"/boards/{desk.board.id}", query_string={"sort": sort, "group": "assignee"}).text
    assert 'id="column_none_head" data-count="20"' in html
    seen: list[tuple[str, int]] = []
    while True:
        seen += [(SORT.search(rest)[1], int(number)) for number, _, rest in CARD.findall(html)]  # type: ignore[index]
        more = re.search(r'class="show-more"[^>]* href="([^"]+)"', html)
        if not more:
            break
        html = browser.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    assert seen == sorted(seen)
    assert {number for _, number in seen} == expected


@pytest.mark.parametrize(
    "asked", [{"group": by} for by in GROUPS] + [{"group": "channel", "sort": "newest"}], ids=str
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_board_reads_no_more_the_more_it_holds(
    asked: dict[str, str], desk: Any, browser_as: Any, now: Any
) -> None:
    """However many are unresolved. Counted are the steps of SQLite, which are the same each time."""
    with writing(desk.board) as board:
        number = fill(board, desk, "new", "One of many", now).id
    many_like(number, 1_500, desk)
    browser, url = browser_as(desk.bob), f"/boards/{desk.board.id}"
    browser.get(url, query_string=asked)
    before = steps_of(lambda: browser.get(url, query_string=asked))
    many_like(number, 6_000, desk)
    assert steps_of(lambda: browser.get(url, query_string=asked)) < 1.2 * before


def many_like(number: int, count: int, desk: Any) -> None:
    """So many more tickets like that one."""
    with writing(desk.board):
        like = db.session.execute(select(Ticket.__table__).where(Ticket.id == number)).one()._asdict()
        del like["id"]
        db.session.execute(insert(Ticket), [like] * count)


def steps_of(do: Callable[[], Any]) -> int:
    """How many steps, in hundreds, SQLite needs for what is asked meanwhile."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def listen(connection: Any, *_: Any) -> None:
        connection.connection.driver_connection.set_progress_handler(count, 100)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        do()
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    return steps

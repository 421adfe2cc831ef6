"""The live stream: what watchers are told, in order and without gaps, and when a stream ends."""

import json
import threading
from collections.abc import Collection, Iterator
from contextvars import Context
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app import cards, live
from app.database import TookTooLong, db, writing
from app.desk import presences, sign_ins, teams, tickets
from app.models.board import Board
from app.models.card import View
from app.models.event import CLOCK, By
from app.models.ticket import Ticket
from app.routes.streams import present, standing
from tests.browsing import sign_in
from tests.stories import ticket_in

SOON = 10.0  # seconds that a test waits at most
MOST_HEARD = 100  # heartbeats and changes, where a test listens by itself


@pytest.fixture
def streams(app: Any) -> Iterator[live.Live]:
    """Streams with a quick heartbeat, which everybody may read, ended with the test."""
    made = live.Live(app, most=20, ask=everybody, beat_every=0.2)
    yield made
    made.close()


def everybody(readers: Collection[live.Reader], at: datetime) -> live.Standing:
    return live.Standing(readers, "running")


def reader(person: int, token: str = "") -> live.Reader:
    return live.Reader(person, token, 1)


class Watching:
    """A browser that holds a stream, in a thread of its own: keeps what it hears."""

    def __init__(self, streams: live.Live, view: View, person: int, token: str = "") -> None:
        self.seat = streams.sit(live.Reader(person, token, view.board_id))
        first = cards.changes_since(
            view, db.session.get_one(Board, view.board_id).seq, datetime.now().astimezone()
        )
        db.session.rollback()
        streams.watch(self.seat, view, first.seq, cards.changes_since)
        self.events: list[tuple[str, Any]] = []
        self._heard = threading.Condition()
        self._stream = streams.told(self.seat, first)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def until(self, seq: int) -> list[dict[str, Any]]:
        """The deltas, once one leads to the event `seq`."""
        with self._heard:
            heard = self._heard.wait_for(lambda: any(delta["seq"] >= seq for delta in self.deltas), SOON)
        assert heard, f"event {seq} was not told; {self.events}"
        return self.deltas

    def until_heard(self, name: str, data: Any) -> None:
        with self._heard:
            assert self._heard.wait_for(lambda: (name, data) in self.events, SOON), self.events

    def ended(self) -> list[str]:
        """The names of all events, once the stream has ended."""
        self._thread.join(SOON)
        assert not self._thread.is_alive(), "the stream did not end"
        return [name for name, _ in self.events]

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == "delta"]

    def _listen(self) -> None:
        for text in self._stream:
            for told in text.strip().split("\n\n"):
                lines = dict(
                    line.split(": ", 1) for line in told.split("\n") if ": " in line and line[0] != ":"
                )
                with self._heard:
                    if "event" in lines:
                        data = lines["data"]
                        self.events.append(
                            (lines["event"], json.loads(data) if data.startswith("{") else data)
                        )
                    self._heard.notify_all()
        self.seat.leave()


def prioritised(desk: Any, ticket: Ticket, priority: int, now: datetime) -> int:
    """Changes a ticket; returns the number of the event."""
    with writing(desk.board) as board:
        tickets.prioritise(board, db.session.get_one(Ticket, ticket.id), priority, by=CLOCK, now=now)
        return board.seq


def test_a_change_is_told_to_every_watcher_of_the_view(desk: Any, streams: live.Live, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Hello", now)
    english, korean = View(desk.board.id, "en"), View(desk.board.id, "ko")
    watching = [Watching(streams, view, person) for view in (english, korean) for person in (1, 2)]
    seq = prioritised(desk, ticket, 3, now)
    heard = [watcher.until(seq)[-1] for watcher in watching]
    assert heard[0] == heard[1]
    assert heard[2] == heard[3]
    assert "urgent" in heard[0]["cards"][0]["html"]
    assert "고객" in heard[2]["cards"][0]["html"]


def test_a_card_with_everything_on_it_is_told(desk: Any, streams: live.Live, now: Any) -> None:
    """The watcher draws without a request, also what has an icon: a team, a VIP, somebody who has it."""
    ticket = ticket_in(desk, "new", "Hello", now)
    with writing(desk.row) as row:
        team = teams.add(row, name="Repairs", people=[desk.bob.id], by=CLOCK, now=now)
    with writing(desk.board) as board:
        theirs = db.session.get_one(Ticket, ticket.id)
        theirs.customer.vip = True
        tickets.assign(board, theirs, desk.bob.id, by=CLOCK, now=now)
        tickets.add_tag(board, theirs, "refund", by=CLOCK, now=now)
        tickets.give_to_team(board, theirs, team.id, by=CLOCK, now=now)
    watching = Watching(streams, View(desk.board.id, "en"), 1)
    (card,) = watching.until(prioritised(desk, ticket, 3, now))[-1]["cards"]
    assert "Repairs" in card["html"]
    assert "icons.svg" in card["html"]


def test_what_is_told_has_no_gaps(desk: Any, streams: live.Live, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Hello", now)
    watcher = Watching(streams, View(desk.board.id, "en"), 1)
    for number in range(20):
        seq = prioritised(desk, ticket, number % 2 * 3, now)
    told = watcher.until(seq)
    assert [delta["since"] for delta in told[1:]] == [delta["seq"] for delta in told[:-1]]
    late = Watching(streams, View(desk.board.id, "en"), 2)
    assert late.until(seq)[0]["seq"] == seq


def test_each_view_is_drawn_once_however_many_watch(desk: Any, streams: live.Live, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Hello", now)
    view, drawn = View(desk.board.id, "en"), []

    def draw(view: View, since: int, at: datetime) -> cards.Delta:
        drawn.append(since)
        return cards.changes_since(view, since, at)

    start = db.session.get_one(Board, desk.board.id).seq
    seats = [streams.sit(reader(person)) for person in range(10)]
    for seat in seats:
        streams.watch(seat, view, start, draw)
    told = [streams.told(seat, cards.Delta(start, start)) for seat in seats]
    for stream in told:
        next(stream)
    prioritised(desk, ticket, 3, now)
    texts = {next(text for text in islice(stream, MOST_HEARD) if text.startswith("event")) for stream in told}
    assert len(texts) == 1
    assert len(drawn) == 1


def test_who_is_on_call_is_told_although_no_ticket_changed(desk: Any, streams: live.Live, now: Any) -> None:
    from app.desk.events import record

    watcher = Watching(streams, View(desk.board.id, "en"), 1)
    seq = db.session.get_one(Board, desk.board.id).seq
    told: list[dict[str, Any]] = []
    for _ in range(50):  # the watcher has to have looked once before it can see a difference
        with writing(desk.row) as row:
            record(row, "shift.started", ("shift", 1), by=CLOCK, now=now)
        with watcher._heard:
            watcher._heard.wait_for(lambda: len(watcher.deltas) > 1, 0.2)
        told = watcher.deltas
        if len(told) > 1:
            break
    assert told[1]["seq"] == seq
    assert "on_call" in told[1]["on_call"]


def test_streams_end_although_nothing_changes(desk: Any, app: Any, now: Any) -> None:
    """Who is signed out, and nobody else; all of them are asked for together."""
    at = datetime.now().astimezone()
    bob, alice = (sign_in(app.test_client(), person, at) for person in (desk.bob, desk.alice))
    streams = live.Live(app, most=20, ask=standing, beat_every=0.2, asked_every=0)
    view = View(desk.board.id, "en")
    bobs = [Watching(streams, view, desk.bob.id, bob) for _ in range(2)]
    other = Watching(streams, view, desk.alice.id, alice)
    other.until_heard("beat", {})
    sign_ins.sign_out(bob)
    assert [watcher.ended()[-1] for watcher in bobs] == ["ended", "ended"]
    assert streams.open == 1
    streams.close()
    assert "ended" not in other.ended()


def test_streams_hear_whether_the_clock_runs(desk: Any, app: Any) -> None:
    clocks = ["running"]

    def ask(readers: Collection[live.Reader], at: datetime) -> live.Standing:
        return live.Standing(readers, clocks[-1])

    streams = live.Live(app, most=20, ask=ask, beat_every=0.2, asked_every=0)
    watcher = Watching(streams, View(desk.board.id, "en"), 1)
    watcher.until_heard("beat", {})
    for state in ("stopped", "running"):
        clocks.append(state)
        watcher.until_heard("clock", state)
    streams.close()


def test_who_has_a_ticket_open_is_told_and_forgotten(desk: Any, app: Any, now: Any) -> None:
    """To every watcher of its board; a browser that is not heard of any more has left."""
    ticket, here = ticket_in(desk, "new", "Hello", now), View(desk.board.id, "en")
    streams = live.Live(app, most=20, ask=everybody, beat_every=0.2, asked_every=0, present=present)
    watcher = Watching(streams, here, desk.alice.id)
    at = datetime.now().astimezone()
    presences.be_at(ticket, desk.bob, "reply", at)
    watcher.until_heard("presence", {str(ticket.id): [[desk.bob.id, "Bob Reyes", "reply"]]})
    presences.leave(ticket.id, desk.bob)
    watcher.until_heard("presence", {})
    presences.be_at(ticket, desk.bob, "nonsense", at - presences.LASTS_FOR + timedelta(seconds=2))
    late = Watching(streams, here, desk.alice.id)
    late.until_heard("presence", {str(ticket.id): [[desk.bob.id, "Bob Reyes", "reading"]]})
    late.until_heard("presence", {})
    streams.close()


def test_streams_end_when_nobody_can_say_who_may_read_them(
    desk: Any, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(readers: Collection[live.Reader], at: datetime) -> live.Standing:
        raise OperationalError("SELECT", None, Exception("the database is away"))

    monkeypatch.setattr(live, "UNKNOWN_FOR", 0)
    streams = live.Live(app, most=20, ask=ask, asked_every=0)
    assert Watching(streams, View(desk.board.id, "en"), 1).ended()[-1] == "ended"
    streams.close()


def test_a_filter_that_takes_too_long_ends_its_streams_alone(desk: Any, streams: live.Live, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Hello", now)

    def draw(view: View, since: int, at: datetime) -> cards.Delta:
        raise TookTooLong

    start = db.session.get_one(Board, desk.board.id).seq
    heavy = streams.sit(reader(1))
    streams.watch(heavy, View(desk.board.id, "ko"), start, draw)
    other = Watching(streams, View(desk.board.id, "en"), 2)
    other.until(prioritised(desk, ticket, 3, now))
    told = list(islice(streams.told(heavy, cards.Delta(start, start)), MOST_HEARD))
    assert told[-1].startswith("event: ended")
    assert streams.open == 1


def test_closing_ends_every_stream_at_once(desk: Any, streams: live.Live) -> None:
    watching = [Watching(streams, View(desk.board.id, "en"), person) for person in range(5)]
    streams.close()
    for watcher in watching:
        watcher.ended()
    assert streams.open == 0
    with pytest.raises(live.Full):
        streams.sit(reader(1))


def test_a_stream_slower_than_the_ring_reads_the_page_again(
    desk: Any, streams: live.Live, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RING", 2)
    ticket = ticket_in(desk, "new", "Hello", now)
    view = View(desk.board.id, "en")
    start = db.session.get_one(Board, desk.board.id).seq
    slow = streams.sit(reader(1))
    streams.watch(slow, view, start, cards.changes_since)
    stream = streams.told(slow, cards.Delta(start, start))
    next(stream)
    quick = Watching(streams, view, 2)
    for number in range(4):
        quick.until(prioritised(desk, ticket, number % 2 * 3, now))
    assert [text.split("\n")[0] for text in islice(stream, MOST_HEARD)] == ["event: reload"]


def test_streams_are_limited(app: Any) -> None:
    made = live.Live(app, most=3, ask=everybody)
    mine = made.sit(reader(1))
    made.sit(reader(2))
    made.sit(reader(3))
    with pytest.raises(live.Full):
        made.sit(reader(4))
    mine.leave()
    mine.leave()
    assert made.open == 2
    made.sit(reader(4))


def test_of_too_many_streams_of_one_person_the_oldest_gives_up(desk: Any, streams: live.Live) -> None:
    """Who goes quickly from page to page leaves streams behind that the server has not noticed to be dead."""
    watching = [Watching(streams, View(desk.board.id, "en"), 1) for _ in range(live.MOST_PER_PERSON)]
    Watching(streams, View(desk.board.id, "en"), 1)
    assert watching[0].ended()[-1] == "full"
    assert streams.open == live.MOST_PER_PERSON


def test_the_stream_over_the_web(desk: Any, browser_as: Any, app: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Hello", now)
    seq = db.session.get_one(Board, desk.board.id).seq
    answer = browser_as(desk.bob).get(f"/boards/{desk.board.id}/stream?since={seq - 1}", buffered=False)
    assert answer.status_code == 200
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    parts = iter(answer.response)
    first = next(parts).decode()
    assert first.startswith("retry: ")
    assert f"id: {seq}\n" in first
    assert f"ticket_{ticket.id}" in first
    assert live.of(app).open == 1
    with writing(desk.board) as board:
        moved = db.session.get_one(Ticket, ticket.id)
        by = By("person", desk.alice.id)
        tickets.move(board, moved, to=desk.columns["open"].id, by=by, now=now)
    assert f"id: {seq + 1}\n" in Context().run(next, parts).decode()
    answer.close()
    assert live.of(app).open == 0
    live.close()


def test_when_no_stream_is_free_the_browser_is_told_to_ask(
    desk: Any, browser_as: Any, app: Any, settings: Any
) -> None:
    taken = [live.of(app).sit(reader(1000 + n)) for n in range(settings.streams)]
    answer = browser_as(desk.bob).get(f"/boards/{desk.board.id}/stream?since=0")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    for seat in taken:
        seat.leave()


def test_a_stream_asks_to_sign_in_by_its_status(desk: Any, browser_as: Any) -> None:
    url = f"/boards/{desk.board.id}/stream?since=0"
    assert browser_as(None).get(url, headers={"Accept": "text/event-stream"}).status_code == 401

"""Who watches a board, and what they are told: one watcher for each process, however many streams are open.

The watcher notices that something was committed, has the change drawn once for each view that somebody looks at, and
puts it into that view's ring. It also asks, for all streams together, who may go on. A stream holds no database
session: it waits for the ring and passes on what is new.
"""

import logging
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet

from flask import Flask
from sqlalchemy import Engine, select

from app import metrics
from app.database import CHANNEL, TookTooLong, db, trouble, within, words_of
from app.models.board import Board
from app.models.card import View
from app.models.desk import Desk
from app.words import speaking

log = logging.getLogger(__name__)

RING = 256  # changes kept for a stream that is slower than the others
MOST_PER_PERSON = 8
LOOK_EVERY = 0.1  # seconds
BEAT_EVERY = 15.0
TRUSTED_FOR = 1.0  # how long changes are passed on without asking again who may go on
ASKED_EVERY = 5.0  # and how often that is asked when nothing changes
DRAWN_FOR = 5.0  # what a filter may take, as where it is asked for once; see html.bounded
UNKNOWN_FOR = 15.0  # when nobody answers for so long, all streams end
LASTS_FOR = (600.0, 900.0)  # a stream ends by itself, so that no server is for ever
RETRY_FOR = (1000, 5000)  # milliseconds; browsers come back one by one


class Drawn(Protocol):
    """What a view has to change: cards.Delta."""

    @property
    def seq(self) -> int: ...
    def to_json(self) -> str: ...


class Reader(NamedTuple):
    """Who reads a stream: by which sign-in, and which board."""

    person_id: int
    token: str
    board_id: int


class Standing(NamedTuple):
    """Which readers may go on, and whether the clock is "running" or "stopped"."""

    readers: Collection[Reader]
    clock: str


Draw = Callable[[View, int, datetime], Drawn]
Ask = Callable[[Collection[Reader], datetime], Standing]
Present = Callable[
    [Collection[int], datetime], Mapping[int, str]
]  # boards -> who is at their tickets, as JSON
NOBODY = "{}"


class Full(Exception):
    """No stream is free in this process: ask for the changes from time to time instead."""


class Seat:
    """One person's place at a stream; leave() gives it back, once or often."""

    __slots__ = ("_live", "clock", "here", "last_word", "left", "place", "reader", "watched")

    def __init__(self, live: "Live", reader: Reader) -> None:
        self._live = live
        self.reader = reader
        self.watched: _Watched | None = None
        self.place = 0  # number of the newest change passed on
        self.clock = "running"  # as the page was told
        self.here = NOBODY  # likewise, who is at the board's tickets
        self.left = False
        self.last_word: str | None = None  # the event that says why it was taken away

    def leave(self) -> None:
        self._live.leave(self)


class _Told(NamedTuple):
    """A change in a ring: `number` counts them, `seq` is the board's event it leads to, `text` the stream's."""

    number: int
    seq: int
    text: str


class _Watched:
    """A view that somebody looks at, and what was drawn for it."""

    def __init__(self, view: View, seq: int, desk_seq: int | None, draw: Draw) -> None:
        self.view = view
        self.seq = seq
        self.desk_seq = desk_seq
        self.draw = draw
        self.ring: deque[_Told] = deque(maxlen=RING)
        self.number = 0
        self.seats = 0


class Live:
    """The streams of one process."""

    def __init__(
        self,
        app: Flask,
        most: int,
        ask: Ask,
        *,
        beat_every: float = BEAT_EVERY,
        trusted_for: float = TRUSTED_FOR,
        asked_every: float = ASKED_EVERY,
        present: Present = lambda _boards, _at: {},
    ) -> None:
        self._app = app
        self._most = most
        self._ask = ask
        self._present = present
        self._beat_every = beat_every
        self._trusted_for = trusted_for
        self._asked_every = asked_every
        self._asked_at = 0.0  # monotonic
        self._clock = "running"
        self._here: Mapping[int, str] = {}
        self._changed = threading.Condition()
        self._seats: dict[int, list[Seat]] = defaultdict(list)  # of each person, oldest first
        self._open = 0
        self._views: dict[View, _Watched] = {}
        self._watcher: threading.Thread | None = None
        self._look_again = False
        self._closed = False

    @property
    def open(self) -> int:
        """How many streams there are."""
        return self._open

    def sit(self, reader: Reader) -> Seat:
        """A place for one more stream of this person; Full when there is none.

        Of more than MOST_PER_PERSON the oldest gives up its place: most often that is a page they have left, which the
        server learns only when it next writes to it.
        """
        with self._changed:
            theirs = self._seats[reader.person_id]
            if len(theirs) >= MOST_PER_PERSON:
                self._leave(theirs[0], "full")
            if self._closed or self._open >= self._most:
                raise Full
            seat = Seat(self, reader)
            self._seats[reader.person_id].append(seat)
            self._open += 1
            metrics.of(self._app).streams.inc()
            return seat

    def watch(self, seat: Seat, view: View, seq: int, draw: Draw) -> None:
        """From here on the seat is told what changes in the view after the event `seq`. Starts the watcher."""
        with self._changed:
            if seat.left:
                return
            watched = self._views.get(view)
            if watched is None:
                watched = self._views[view] = _Watched(view, seq, None, draw)
            watched.seats += 1
            seat.watched = watched
            seat.place = next((told.number - 1 for told in watched.ring if told.seq > seq), watched.number)
            self._look_again = True  # something may have been committed since `seq` was read
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._run, name="live", daemon=True)
                self._watcher.start()

    def told(self, seat: Seat, first: Drawn) -> Iterator[str]:
        """The stream: `first`, then every change as it comes, and a sign of life. Holds no database session."""
        end = time.monotonic() + random.uniform(*LASTS_FOR)  # noqa: S311
        with self._changed:
            seat.here = self._at(seat)
        began = _event("delta", first.to_json(), first.seq) + _event("presence", seat.here)
        yield f"retry: {random.randint(*RETRY_FOR)}\n\n{began}"  # noqa: S311
        del first
        while time.monotonic() < end:
            news = self._next(seat)
            if news:
                yield news
            if news is None or seat.left:
                return

    def leave(self, seat: Seat) -> None:
        with self._changed:
            self._leave(seat)

    def close(self) -> None:
        """Ends every stream and the watcher; returns when the watcher has ended."""
        with self._changed:
            self._closed = True
            watcher = self._watcher
            self._changed.notify_all()
        if watcher is not None and watcher is not threading.current_thread():
            watcher.join(timeout=1)

    def _leave(self, seat: Seat, last_word: str | None = None) -> None:
        if seat.left:
            return
        seat.left = True
        seat.last_word = last_word
        self._open -= 1
        metrics.of(self._app).streams.dec()
        theirs = self._seats[seat.reader.person_id]
        theirs.remove(seat)
        if not theirs:
            del self._seats[seat.reader.person_id]
        if seat.watched is not None:
            seat.watched.seats -= 1
            if seat.watched.seats == 0:
                self._views.pop(seat.watched.view, None)
        if last_word:
            self._changed.notify_all()

    def _next(self, seat: Seat) -> str | None:
        """What the seat has not been told, after waiting for it, or a sign of life; None when there is no more."""
        watched = seat.watched
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._closed
                    or seat.left
                    or watched is None
                    or watched.number > seat.place
                    or seat.clock != self._clock
                    or seat.here != self._at(seat)
                ),
                self._beat_every,
            )
            if seat.left:
                return seat.last_word and _event(seat.last_word, "{}")
            if self._closed or watched is None:
                return None
            said = ""
            if seat.clock != self._clock:
                seat.clock = self._clock
                said = _event("clock", self._clock)
            if seat.here != self._at(seat):
                seat.here = self._at(seat)
                said += _event("presence", seat.here)
            if watched.number == seat.place:
                return said or _event("beat", "{}")  # no comment: the page listens for it, too
            if watched.ring[0].number > seat.place + 1:
                self._leave(seat)
                return _event("reload", "{}")
            new = [told for told in watched.ring if told.number > seat.place]
            seat.place = watched.number
        return said + "".join(told.text for told in new)

    def _at(self, seat: Seat) -> str:
        return self._here.get(seat.reader.board_id, NOBODY)

    def _run(self) -> None:
        """The watcher: looks when something was committed, ends when nobody looks any more."""
        self._asked_at, began_at = 0.0, time.monotonic()
        while True:
            try:
                with self._app.app_context(), _waiting(db.engine) as wait:
                    self._look()
                    while self._wanted():
                        if wait() or self._look_again:
                            self._look()
                        if time.monotonic() >= self._asked_at + self._asked_every:
                            self._ask_for_all()
                            self._look_who_is_here()  # some of them have not been heard of for long
                    return
            except Exception as error:
                if not self._wanted():
                    return
                if trouble(error):
                    log.warning("the live boards wait for the database: %s", words_of(error))
                else:
                    log.exception("the watcher of the live boards failed and begins again")
                if time.monotonic() >= max(began_at, self._asked_at) + UNKNOWN_FOR:
                    self._end_all()
                time.sleep(1)

    def _wanted(self) -> bool:
        with self._changed:
            if self._closed or not self._views:
                self._watcher = None
                return False
            return True

    def _look(self) -> None:
        """Draws what has changed for every view, outside the lock, and tells it to those who may go on."""
        self._look_who_is_here()
        with self._changed:
            self._look_again = False
            views = list(self._views.values())
        drawn: list[tuple[_Watched, Drawn]] = []
        try:
            boards = dict(db.session.execute(select(Board.id, Board.seq)).all())
            desk_seq = db.session.scalar(select(Desk.seq)) or 0
            for watched in views:
                if watched.desk_seq is None:
                    watched.desk_seq = desk_seq
                if boards.get(watched.view.board_id) == watched.seq and watched.desk_seq == desk_seq:
                    continue
                try:
                    with speaking(watched.view.locale), within(DRAWN_FOR):
                        drawn.append((watched, watched.draw(watched.view, watched.seq, datetime.now(UTC))))
                except TookTooLong:
                    self._end_view(watched)
        finally:
            db.session.remove()
        if not drawn:
            return
        if (
            time.monotonic() >= self._asked_at + self._trusted_for
        ):  # who was signed out meanwhile is told none
            self._ask_for_all()
        with self._changed:
            for watched, delta in drawn:
                watched.seq, watched.desk_seq = delta.seq, desk_seq
                watched.number += 1
                text = _event("delta", delta.to_json(), delta.seq)
                watched.ring.append(_Told(watched.number, delta.seq, text))
            self._changed.notify_all()

    def _end_view(self, watched: _Watched) -> None:
        """Its filter takes too long to be asked again and again: whoever looks at it learns that when they ask once."""
        with self._changed:
            for seat in [seat for theirs in self._seats.values() for seat in theirs]:
                if seat.watched is watched:
                    self._leave(seat, "ended")

    def _look_who_is_here(self) -> None:
        with self._changed:
            boards = {watched.view.board_id for watched in self._views.values()}
        try:
            here = self._present(boards, datetime.now(UTC))
        finally:
            db.session.remove()
        with self._changed:
            if here != self._here:
                self._here = here
                self._changed.notify_all()

    def _ask_for_all(self) -> None:
        """Ends the streams of those who may not go on, and tells the others whether the clock runs."""
        with self._changed:
            seats = [seat for theirs in self._seats.values() for seat in theirs]
        try:
            standing = self._ask({seat.reader for seat in seats}, datetime.now(UTC))
        finally:
            db.session.remove()
        self._asked_at = time.monotonic()
        with self._changed:
            for seat in seats:
                if seat.reader not in standing.readers:
                    self._leave(seat, "ended")
            if standing.clock != self._clock:
                self._clock = standing.clock
                self._changed.notify_all()

    def _end_all(self) -> None:
        """Nobody knows who may go on: the pages ask for themselves, and learn what is the matter."""
        with self._changed:
            for seat in [seat for theirs in self._seats.values() for seat in theirs]:
                self._leave(seat, "ended")


_all: WeakSet[Live] = WeakSet()


def init_app(app: Flask, ask: Ask, present: Present) -> None:
    """`ask` is asked from time to time who may go on, `present` who has which ticket open."""
    use(app, Live(app, app.config["SETTINGS"].streams, ask, present=present))


def use(app: Flask, live: Live) -> None:
    """These are the streams of this app from now on."""
    app.extensions["live"] = live
    _all.add(live)


def of(app: Flask) -> Live:
    """The streams of this app in this process."""
    found: Live = app.extensions["live"]
    return found


def close() -> None:
    """Ends all streams of this process, so that the server can end at once."""
    for live in list(_all):
        live.close()


def _event(name: str, data: str, seq: int | None = None) -> str:
    return f"event: {name}\n{'' if seq is None else f'id: {seq}' + chr(10)}data: {data}\n\n"


@contextmanager
def _waiting(engine: Engine) -> Iterator[Callable[[], bool]]:
    """A function that waits a moment and says whether something was committed, on a connection of its own."""
    connection = engine.raw_connection()
    raw: Any = connection.driver_connection  # a detached connection no longer tells it
    connection.detach()
    try:
        yield _wait_postgresql(raw) if engine.dialect.name == "postgresql" else _wait_sqlite(raw)
    finally:
        raw.close()  # not the pool's way, which rolls back first: a connection that broke would be logged as a fault


def _wait_sqlite(raw: Any) -> Callable[[], bool]:
    """`data_version` changes when another connection commits, of this process or not."""

    def version() -> int:
        return int(raw.execute("PRAGMA data_version").fetchone()[0])

    seen = version()

    def wait() -> bool:
        nonlocal seen
        time.sleep(LOOK_EVERY)
        before, seen = seen, version()
        return seen != before

    return wait


def _wait_postgresql(raw: Any) -> Callable[[], bool]:
    """Every event is announced with NOTIFY as its transaction commits."""
    raw.autocommit = True
    raw.execute(f"LISTEN {CHANNEL}")

    def wait() -> bool:
        return bool(list(raw.notifies(timeout=LOOK_EVERY, stop_after=1)))

    return wait

"""Who watches a board, and what they are told: one watcher for each process, however many streams are open.

The watcher notices that something was committed, has the change drawn once for each view that somebody looks at, and
puts it into that view's ring. A stream holds no database session: it waits for the ring and passes on what is new.
"""

import logging
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet

from flask import Flask
from sqlalchemy import Engine, select

from app import metrics
from app.config import settings
from app.database import CHANNEL, db
from app.models.board import Board
from app.models.card import View
from app.models.desk import Desk
from app.words import speaking

log = logging.getLogger(__name__)

RING = 256  # changes kept for a stream that is slower than the others
NOT_STREAMS = 32  # connections of a server that streams leave to everything else
MOST_PER_PERSON = 8
LOOK_EVERY = 0.1  # seconds
BEAT_EVERY = 15.0
TRUSTED_FOR = 1.0  # how long a change is passed on without asking again whether the stream may go on
LASTS_FOR = (600.0, 900.0)  # a stream ends by itself, so that no server is for ever
RETRY_FOR = (1000, 5000)  # milliseconds; browsers come back one by one


class Drawn(Protocol):
    """What a view has to change: cards.Delta."""

    @property
    def seq(self) -> int: ...
    def to_json(self) -> str: ...


Draw = Callable[[View, int, datetime], Drawn]
Beat = Callable[[], str | None]


class Full(Exception):
    """No stream is free in this process: ask for the changes from time to time instead."""


class Seat:
    """One person's place at a stream; leave() gives it back, once or often."""

    def __init__(self, live: "Live", person_id: int) -> None:
        self._live = live
        self.person_id = person_id
        self.watched: _Watched | None = None
        self.place = 0  # number of the newest change passed on
        self.left = False
        self.given_up = False  # to a newer stream of the same person

    def leave(self) -> None:
        self._live.leave(self)


class _Told(NamedTuple):
    """A change in a ring: `number` counts them, `seq` is the board's event it leads to."""

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
        self, app: Flask, most: int, beat_every: float = BEAT_EVERY, trusted_for: float = TRUSTED_FOR
    ) -> None:
        self._app = app
        self._most = most
        self._beat_every = beat_every
        self._trusted_for = trusted_for
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

    def sit(self, person_id: int) -> Seat:
        """A place for one more stream of this person; Full when there is none.

        Of more than MOST_PER_PERSON the oldest gives up its place: most often that is a page they have left, which the
        server learns only when it next writes to it.
        """
        with self._changed:
            if len(self._seats[person_id]) >= MOST_PER_PERSON:
                oldest = self._seats[person_id][0]
                oldest.given_up = True
                self._leave(oldest)
            if self._closed or self.open >= self._most:
                raise Full
            seat = Seat(self, person_id)
            self._seats[person_id].append(seat)
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

    def told(self, seat: Seat, first: Drawn, beat: Beat) -> Iterator[str]:
        """The stream: `first`, then every change as it comes. `beat` is asked from time to time, and before
        changes, what to say besides, and ends the stream with None. Holds no database session."""
        now = time.monotonic()
        end, next_beat = now + random.uniform(*LASTS_FOR), now + self._beat_every  # noqa: S311
        trusted_until = now + self._trusted_for
        yield f"retry: {random.randint(*RETRY_FOR)}\n\n{_event('delta', first.to_json(), first.seq)}"  # noqa: S311
        while time.monotonic() < end:
            news = self._next(seat, next_beat)
            if news is None:
                if seat.given_up:
                    yield _event("full", "{}")
                return
            if seat.watched and news and news[0].number > seat.place + 1:
                yield _event("reload", "{}")
                return
            now = time.monotonic()
            is_due = now >= next_beat
            if is_due or now >= trusted_until:  # before the news: who was signed out meanwhile is told none
                said = beat()
                if said is None:
                    yield _event("ended", "{}")
                    return
                if said or is_due:
                    yield said or ": still here\n\n"
                now = time.monotonic()
                trusted_until, next_beat = now + self._trusted_for, now + self._beat_every
            for told in news:
                seat.place = told.number
                yield _event("delta", told.text, told.seq)

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

    def _leave(self, seat: Seat) -> None:
        if seat.left:
            return
        seat.left = True
        self._open -= 1
        metrics.of(self._app).streams.dec()
        self._seats[seat.person_id].remove(seat)
        if not self._seats[seat.person_id]:
            del self._seats[seat.person_id]
        if seat.watched is not None:
            seat.watched.seats -= 1
            if seat.watched.seats == 0:
                self._views.pop(seat.watched.view, None)
        self._changed.notify_all()

    def _next(self, seat: Seat, until: float) -> list[_Told] | None:
        """What the seat has not been told, after waiting for it at most until then; None when all ends."""
        with self._changed:
            if seat.left:
                return None
            watched = seat.watched
            if watched is None:
                raise RuntimeError("a seat that watches nothing")
            self._changed.wait_for(
                lambda: self._closed or seat.left or watched.number > seat.place,
                max(0.0, until - time.monotonic()),
            )
            if self._closed or seat.left:
                return None
            return [told for told in watched.ring if told.number > seat.place]

    def _run(self) -> None:
        """The watcher: looks when something was committed, ends when nobody looks any more."""
        while True:
            try:
                with self._app.app_context(), _waiting(db.engine) as wait:
                    self._look()
                    while self._wanted():
                        if wait() or self._look_again:
                            self._look()
                    return
            except Exception:
                if not self._wanted():
                    return
                log.exception("the watcher of the live boards failed and begins again")
                time.sleep(1)

    def _wanted(self) -> bool:
        with self._changed:
            if self._closed or not self._views:
                self._watcher = None
                return False
            return True

    def _look(self) -> None:
        """Draws what has changed for every view, outside the lock, and tells it."""
        with self._changed:
            self._look_again = False
            views = list(self._views.values())
        try:
            boards = dict(db.session.execute(select(Board.id, Board.seq)).all())
            desk_seq = db.session.scalar(select(Desk.seq)) or 0
            for watched in views:
                if watched.desk_seq is None:
                    watched.desk_seq = desk_seq
                if boards.get(watched.view.board_id) == watched.seq and watched.desk_seq == desk_seq:
                    continue
                with speaking(watched.view.locale):
                    drawn = watched.draw(watched.view, watched.seq, datetime.now(UTC))
                with self._changed:
                    watched.seq, watched.desk_seq = drawn.seq, desk_seq
                    watched.number += 1
                    watched.ring.append(_Told(watched.number, drawn.seq, drawn.to_json()))
                    self._changed.notify_all()
        finally:
            db.session.remove()


_all: WeakSet[Live] = WeakSet()
_making = threading.Lock()


def of(app: Flask) -> Live:
    """The streams of this app in this process."""
    with _making:
        if "live" not in app.extensions:
            with app.app_context():
                app.extensions["live"] = Live(app, max(0, settings().connections - NOT_STREAMS))
            _all.add(app.extensions["live"])
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
        connection.close()


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

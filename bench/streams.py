"""Open boards: every move reaches all of them, how soon, and what an open board costs in memory.

One process plays all browsers: raw sockets and one loop. It shares the machine's cores with the servers, and what it
needs to read an event counts into the delay of the next one.
"""

import os
import re
import resource
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import insert, select

from app import create_app, live
from app.config import load
from app.database import bookkeeping, db, writing
from app.models.board import BoardPerson, all_boards
from app.models.person import Person, SignIn
from app.models.ticket import Ticket
from bench.figure import Figure
from bench.places import Place, close
from bench.server import Client, serving
from bench.together import posting

BOARDS, MANY = 500, 5_000  # open at once; many only on PostgreSQL
WORKERS = 2
TICKETS = 10_000
TO = 2  # the column that tickets are moved to
MOVES, EVERY = 30, 1.0  # seconds
WARM_UP = 16  # moves
OPENING = 16  # boards that are being opened at the same time
GIVE_UP_AFTER = 60  # seconds without anything heard
_EVENT = re.compile(rb'data: {"since":(-?\d+),"seq":(\d+)')


def measure(place: Place, most: int) -> list[Figure]:
    sizes = (BOARDS,) if place.database == "sqlite" else (BOARDS, MANY)
    return [figure for size in sizes for figure in _open_boards(place, size, min(TICKETS, most))]


@dataclass
class Stream:
    """An open board: the event it has been told last, and whether a change came that does not follow on it."""

    socket: socket.socket
    seq: int | None = None
    has_gap: bool = False
    buffer: bytearray = field(default_factory=bytearray)

    def heard(self) -> list[int]:
        """Reads what has come: the events that are new to it."""
        data = self.socket.recv(65_536)
        if not data:
            raise RuntimeError("the server closed a stream")
        self.buffer += data
        *events, rest = bytes(self.buffer).split(b"\n\n")
        self.buffer[:] = rest
        new: list[int] = []
        for event in events:
            if b"HTTP/1.1" in event and b" 200 " not in event:
                raise RuntimeError(f"a stream was refused: {event[:60]!r}")
            if b"event: ended" in event or b"event: reload" in event or b'"reload":true' in event:
                raise RuntimeError(f"a stream was told {event[-60:]!r}")
            if found := _EVENT.search(event):
                since, seq = int(found[1]), int(found[2])
                before = (
                    seq if self.seq is None else self.seq
                )  # a page passes over what it has been told already
                self.has_gap |= since > before
                new += range(before + 1, seq + 1)
                self.seq = max(before, seq)
        return new


@dataclass
class Heard:
    """Milliseconds from the sending of each move to its arrival at each board, in order, and how much did not come."""

    delays: list[float]
    missing: int
    gaps: int
    server: float  # of a core, while boards were moved
    client: float

    def within(self, share: float) -> float:
        return self.delays[min(len(self.delays) - 1, int(len(self.delays) * share))]


def _open_boards(place: Place, boards: int, tickets: int) -> list[Figure]:
    _allow_files(boards + 256)
    environment = place.desk(tickets)
    people = _people(environment, -(-boards // live.MOST_PER_PERSON))
    threads = {"THREADS": str(min(1000, boards + 100))}
    print(f"{boards:>9,} open boards ...", flush=True)
    with serving(environment | threads, WORKERS) as client:
        pids = [client.pid, *_children(client.pid)]
        _warm_up(client, people)
        idle = _memory(pids)
        streams = _open(client, people, boards)
        heard = _move(client, pids, streams, people.tickets[:MOVES])
        with_boards = _memory(pids)
        _close(streams)
    what = f"{boards:,} open boards, a move a second, {WORKERS} processes"
    p95, each = heard.within(0.95), (with_boards - idle) / boards
    late = f"p50 {heard.within(0.5):.0f} ms, worst {heard.within(1):.0f} ms, from the sending of the move"
    size = f"{with_boards / 1024:,.0f} MB with them, {idle / 1024:,.0f} MB before (PSS of all processes)"
    detail = (
        f"{heard.server:.0%} of a core in the processes, {heard.client:.0%} in the client on the same machine"
    )
    if boards != BOARDS:
        detail += f"; p95 of the delay {p95:.0f} ms, {late}; {each:.0f} KB each, {size}"
    lost = heard.missing + heard.gaps
    found = [Figure(f"{what}: changes not delivered, of {boards * MOVES:,}", lost, "", 0, detail=detail)]
    if boards == BOARDS:
        found.append(Figure(f"{what}: p95 of the delay", round(p95, 1), "ms", 500, detail=late))
        found.append(Figure(f"{what}: memory of each", round(each, 1), "KB", 60, detail=size))
    return found


@dataclass(frozen=True)
class People:
    """The cookies of people who are signed in, the board's last event, and tickets to move."""

    cookies: list[str]
    seq: int
    tickets: list[int]


def _people(environment: dict[str, str], number: int) -> People:
    """So many new people of the board."""
    app = create_app(load(environment))
    now = datetime.now(UTC)
    cookies = []
    with app.app_context():
        with writing(all_boards()[0]) as board:
            people = [
                Person(
                    name=f"Reader {n}",
                    email=f"reader{n}@example.com",
                    role="agent",
                    languages=["en"],
                    created_at=now,
                )
                for n in range(number)
            ]
            db.session.add_all(people)
            db.session.flush()
            db.session.add_all(BoardPerson(board_id=board.id, person_id=person.id) for person in people)
            ids, seq = [person.id for person in people], board.seq
        signer = SecureCookieSessionInterface().get_signing_serializer(app)
        times = {"created_at": now, "seen_at": now, "expires_at": now + timedelta(days=1)}
        for person_id in ids:
            token = token_hex(16)
            row = {"id": sha256(token.encode()).hexdigest(), "person_id": person_id, **times}
            bookkeeping(insert(SignIn).values(**row, address="", browser=""))
            cookie = signer.dumps({"_user_id": token, "_fresh": True})
            cookies.append(f"{app.config['SESSION_COOKIE_NAME']}={cookie}")
        elsewhere = select(Ticket.id).where(Ticket.column_id != TO).order_by(Ticket.id)
        found = People(cookies, seq, list(db.session.scalars(elsewhere.limit(MOVES + WARM_UP))))
        close()
    return found


def _warm_up(client: Client, people: People) -> None:
    """Pages, moves and a few streams in every process, so that what is measured then is what open boards cost."""
    few = _open(client, people, live.MOST_PER_PERSON)
    for ticket in people.tickets[MOVES:]:
        again = Client(client.port)
        again.sign_in()
        again.ask("GET", "/boards/1")
        again.post(f"/tickets/{ticket}/column", column=TO)
        again.close()
    _close(few)


def _open(client: Client, people: People, boards: int) -> list[Stream]:
    """So many streams, MOST_PER_PERSON for each of the people; returns when all have heard their first event."""
    cookies = [cookie for cookie in people.cookies for _ in range(live.MOST_PER_PERSON)]
    waiting, opened = deque(cookies[:boards]), []
    with selectors.DefaultSelector() as selector:
        while waiting or selector.get_map():
            while waiting and len(selector.get_map()) < OPENING:
                stream = Stream(socket.create_connection(("127.0.0.1", client.port)))
                lines = (
                    f"GET /boards/1/stream?since={people.seq} HTTP/1.1",
                    f"Host: 127.0.0.1:{client.port}",
                    f"Cookie: {waiting.popleft()}",
                    "Sec-Fetch-Site: same-origin",
                )
                stream.socket.sendall("\r\n".join((*lines, "", "")).encode())
                selector.register(stream.socket, selectors.EVENT_READ, stream)
            ready = selector.select(GIVE_UP_AFTER)
            if not ready:
                raise RuntimeError(f"nothing was heard for {GIVE_UP_AFTER} seconds")
            for key, _ in ready:
                key.data.heard()
                if key.data.seq is not None:
                    selector.unregister(key.fileobj)
                    opened.append(key.data)
    return opened


def _move(client: Client, pids: Iterable[int], streams: Sequence[Stream], tickets: Sequence[int]) -> Heard:
    """Moves one ticket after the other, one every second, and listens to all streams."""
    (start,) = {stream.seq for stream in streams}
    if start is None:
        raise RuntimeError("a board has heard nothing")
    sent_at: list[float] = []
    delays: list[float] = []
    mover = socket.create_connection(("127.0.0.1", client.port))
    server, own, began_at = _cpu(pids), time.process_time(), time.perf_counter()
    with selectors.DefaultSelector() as selector:
        selector.register(mover, selectors.EVENT_READ, None)
        for stream in streams:
            selector.register(stream.socket, selectors.EVENT_READ, stream)
        while len(delays) < len(streams) * len(tickets):
            wait = float(GIVE_UP_AFTER)
            if len(sent_at) < len(tickets):
                wait = began_at + len(sent_at) * EVERY - time.perf_counter()
                if wait <= 0:
                    path = f"/tickets/{tickets[len(sent_at)]}/column"
                    sent_at.append(time.perf_counter())
                    mover.sendall(posting(client, path, column=TO))
                    continue
            ready = selector.select(wait)
            if not ready and wait == GIVE_UP_AFTER:
                break
            for key, _ in ready:
                if key.data is None:
                    _answered(mover)
                    continue
                new = key.data.heard()  # every move is one event
                delays += [(time.perf_counter() - sent_at[seq - start - 1]) * 1000 for seq in new]
    took = time.perf_counter() - began_at
    mover.close()
    missing = len(streams) * len(tickets) - len(delays)
    gaps = sum(stream.has_gap for stream in streams)
    cpu = (_cpu(pids) - server) / took, (time.process_time() - own) / took
    return Heard(sorted(delays), missing, gaps, *cpu)


def _answered(mover: socket.socket) -> None:
    head = mover.recv(65_536)
    if head.startswith(b"HTTP/1.1 ") and not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"a move answered {head[:80]!r}")


def _close(streams: Iterable[Stream]) -> None:
    for stream in streams:
        stream.socket.close()


def _allow_files(number: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if number > most:
        raise RuntimeError(f"{number} files must be allowed: ulimit -Hn says {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _memory(pids: Iterable[int]) -> float:
    """PSS of the processes together, in KB."""
    text = "".join(Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(int(found) for found in re.findall(r"^Pss:\s+(\d+)", text, re.M))


def _cpu(pids: Iterable[int]) -> float:
    """Seconds of a core that the processes have used."""
    parts = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(part[11]) + int(part[12]) for part in parts) / os.sysconf("SC_CLK_TCK")

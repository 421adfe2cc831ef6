"""Several servers and clocks on one database are one desk: what is done at one is seen and counted at the others."""

import http.client
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select, update

from app.config import AT_ONCE
from app.database import bookkeeping, db
from app.desk import sign_ins
from app.models.clock import Lease
from app.models.ticket import Ticket
from tests.processes.from_outside import Visitor, open_stream
from tests.server import Server
from tests.small import PASSWORD, SmallDesk
from tests.stories import ticket_in
from tests.waiting import until


def test_two_servers_are_one_desk(
    app: Any,
    desk: SmallDesk,
    now: datetime,
    serve: Callable[..., Server],
    free_port: Callable[[], int],
) -> None:
    ticket = ticket_in(desk, "new", "Hello", now)
    one, other = serve(CLOCK="off"), serve(CLOCK="off", WORKERS="2", PORT=str(free_port()))

    # Who signs in at one is signed in at the other, in each of its processes.
    alice, bob = signs_in(one, desk.alice.email), signs_in(other, desk.bob.email)
    board = f"/boards/{desk.board.id}"
    bob_at_one = Visitor(one, bob.cookie)
    assert [Visitor(other, alice.cookie).ask(board)[0] for _ in range(4)] == [200] * 4

    # What is moved at one is told to a stream at the other. On PostgreSQL its process looks at nothing but NOTIFY.
    connection, stream = open_stream(bob, f"{board}/stream")
    before = next_event(stream)
    assert alice.ask(f"/tickets/{ticket.id}/column", {"column": desk.columns["open"].id})[0] == 303
    assert next_event(stream) == ("delta", before[1] + 1)

    # Its workers count together, whichever of them is asked.
    for _ in range(4):
        figures = other_figures(other)
        assert figures["nightdesk_streams_open"] == 1
        assert (
            figures['nightdesk_requests_total{method="GET",route="/boards/<int:board_id>",status="200"}'] == 4
        )
        assert len([name for name in figures if name.startswith("process_resident_memory_bytes")]) == 2

    # Who signs out at one hears no more at the other, although the board goes on changing.
    assert bob_at_one.ask("/sign-out", {})[0] == 303
    name = "delta"
    for number in range(1000):
        column = desk.columns[("new", "open")[number % 2]].id
        assert alice.ask(f"/tickets/{ticket.id}/column", {"column": column})[0] == 303
        name, _ = next_event(stream)
        if name != "delta":
            break
    assert name == "ended"
    connection.close()
    assert bob.ask(board)[0] == 303

    # Who sends slowly keeps nobody else waiting, and is answered in the end.
    slow = [begins_to_send(one) for _ in range(AT_ONCE + 1)]
    assert alice.ask(board)[0] == 200
    for sender in slow:
        sender.sendall(b"mail=nobody")
        assert sender.recv(65_536).startswith(b"HTTP/1.1 422 ")
        sender.close()

    # Wrong passwords are counted together.
    tries = [
        Visitor((one, other)[n % 2], "").ask("/sign-in", {"email": desk.bob.email, "password": f"wrong {n}"})[
            0
        ]
        for n in range(sign_ins.MOST_PER_ACCOUNT + 2)
    ]
    assert tries == [422] * sign_ins.MOST_PER_ACCOUNT + [429] * 2


def test_the_other_clock_goes_on(
    app: Any, desk: SmallDesk, now: datetime, start_flask: Callable[..., subprocess.Popen[bytes]]
) -> None:
    clocks = {clock.pid: clock for clock in (start_flask("clock"), start_flask("clock"))}
    first = ticket_in(desk, "new", "First", now)
    holder = until(lambda: looked_at(first.id) and who_holds())
    assert holder in clocks
    clocks.pop(holder).send_signal(signal.SIGKILL)
    bookkeeping(update(Lease).values(until=now - timedelta(seconds=1)))  # as if its time had run out
    second = ticket_in(desk, "new", "Second", now)
    (left,) = clocks
    until(lambda: looked_at(second.id) and who_holds() == left)
    assert db.session.scalars(select(Lease.fence)).one() == 2


def signs_in(server: Server, email: str) -> Visitor:
    status, _, headers = Visitor(server, "").ask("/sign-in", {"email": email, "password": PASSWORD})
    assert status == 303
    return Visitor(server, headers["Set-Cookie"].partition(";")[0])


def begins_to_send(server: Server) -> socket.socket:
    """A form of which a part has arrived; b"mail=nobody" is missing."""
    address = urlsplit(server.url)
    sender = socket.create_connection((address.hostname, address.port), timeout=20)
    lines = (
        "POST /sign-in HTTP/1.1",
        f"Host: {address.netloc}",
        "Sec-Fetch-Site: same-origin",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: 12",
        "Connection: close",
    )
    sender.sendall("\r\n".join((*lines, "", "e")).encode())
    return sender


def next_event(stream: http.client.HTTPResponse) -> tuple[str, int]:
    """The name of the next event that is more than a sign of life or who looks, and its number; the connection's time bounds it."""
    name, number = "", 0
    while line := stream.readline().decode().rstrip("\n"):
        field, _, value = line.partition(": ")
        name = value if field == "event" else name
        number = int(value) if field == "id" else number
    return (name, number) if name not in ("", "presence", "beat") else next_event(stream)


def other_figures(server: Server) -> dict[str, float]:
    text = Visitor(server, "").ask("/metrics")[1]
    return {name: float(value) for name, value in re.findall(r"^([a-z]\S+) (\S+)$", text, re.M)}


def who_holds() -> int:
    """The process that has the lease of the clock."""
    owner = db.session.scalars(select(Lease.owner)).one_or_none()
    return int(owner.split(":")[1]) if owner else 0


def looked_at(ticket_id: int) -> bool:
    """Whether a sweep has been there: it says when to look again."""
    ticket = db.session.get_one(Ticket, ticket_id)
    return ticket.wake_at != ticket.created_at

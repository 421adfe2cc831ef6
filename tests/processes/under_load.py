"""A desk of real processes under load, of which one after the other is killed: two web servers, two clocks, LMTP.

Whoever loads it keeps a list of what was answered. What was answered with success must be there once; what was refused
must not be there; of what was cut off nobody knows, it may be there once.
"""

import http.client
import itertools
import random
import signal
import smtplib
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from tests.server import Server

RECIPIENT = "support@example.com"


class Killable(Protocol):
    """Something that runs, is killed, and is started again on the same data."""

    name: str

    def kill(self) -> None: ...
    def restart(self) -> None: ...
    def stop(self) -> int: ...


class Web:
    """One gunicorn with its workers."""

    def __init__(self, name: str, serve: Callable[[], Server]) -> None:
        self.name, self.server = name, serve()

    def kill(self) -> None:
        self.server.kill()

    def restart(self) -> None:
        self.server.restart()

    def stop(self) -> int:
        self.server.stop()
        return self.server.process.returncode


class Command:
    """One `flask ...` that runs until it is stopped."""

    def __init__(self, name: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name, self._start = name, start
        self.process = start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.process = self._start()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@dataclass
class Answers:
    """What became of what was sent under one name: "yes", "no" or "unknown", each name as often as it was sent."""

    said: dict[str, Counter[tuple[object, ...]]] = field(
        default_factory=lambda: {"yes": Counter(), "no": Counter(), "unknown": Counter()}
    )

    def add(self, said: str, *key: object) -> None:
        self.said[said][key] += 1

    def check(self, there: Counter[tuple[object, ...]]) -> None:
        """Whether what is there is what was answered."""
        yes, unknown = self.said["yes"], self.said["unknown"]
        lost = yes - there
        doubled = there - (yes + unknown)
        assert (lost, doubled) == (Counter(), Counter())


class Load(ABC):
    """Something that is done again and again by a thread of its own until it is told to stop."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.fault: BaseException | None = None
        self.done = 0  # how often it was answered

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(60)
        if self.fault:
            raise self.fault
        assert not self._thread.is_alive(), "a load does not end"

    def has_done(self, more_than: int) -> bool:
        """Whether it was answered more often than that; raises what it has failed with."""
        if self.fault:
            raise self.fault
        return self.done > more_than

    def pause(self, seconds: float) -> bool:
        """True when the end has come."""
        return self._ended.wait(seconds)

    @abstractmethod
    def once(self) -> None:
        """What is done, once."""

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self.once()
        except BaseException as fault:
            self.fault = fault


class MailServer(Load):
    """Brings messages by LMTP, each until it is taken, as a mail server does. Every third has no Message-ID."""

    _numbers = itertools.count(1)

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.accepted: list[str] = []  # subjects
        self.brought_again = 0
        self.waiting: str | None = None  # what was not accepted when the end came

    def once(self) -> None:
        number = next(self._numbers)
        subject = f"Letter {number}"
        raw = _letter(number, subject)
        while not self._bring(raw):
            self.brought_again += 1
            if self.pause(0.1):
                self.waiting = subject
                return
        self.accepted.append(subject)
        self.done += 1

    def _bring(self, raw: bytes) -> bool:
        try:
            with smtplib.LMTP("127.0.0.1", self._port, timeout=60) as server:
                server.sendmail("kim@example.org", [RECIPIENT], raw)
        except (OSError, smtplib.SMTPException):
            return False
        return True


class Agent(Load):
    """Somebody who works with both servers in turn: opens tickets by hand, answers them and moves them.

    Each ticket is opened by one agent and moved by nobody else, so that every move can be counted.
    """

    def __init__(
        self, urls: list[str], cookie: str, board: int, columns: list[int], name: str, chance: random.Random
    ) -> None:
        super().__init__()
        self._urls = itertools.cycle(urls)
        self._headers = {
            "Cookie": cookie,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self._board, self._columns, self._name, self._chance = board, columns, name, chance
        self._numbers = itertools.count(1)
        self._tickets: dict[int, int | None] = {}  # and the column where it is; None when nobody knows
        self.opened, self.replied, self.moved = Answers(), Answers(), Answers()

    def once(self) -> None:
        what = self._chance.choice([self._open, self._reply, self._move, self._move])
        (what if self._tickets else self._open)()

    def _open(self) -> None:
        subject = f"By hand {self._name} {next(self._numbers)}"
        priority = self._chance.choice([1, 3])
        fields = {
            "board": self._board,
            "email": f"{subject.replace(' ', '.')}@example.org",
            "subject": subject,
            "text": "It does not work.",
            "priority": priority,
        }
        said, location = self._post("/tickets/new", fields)
        self.opened.add(said, subject)
        if said == "yes":
            self._tickets[int(urlsplit(location).path.rpartition("/")[2])] = 0

    def _reply(self) -> None:
        text = f"Answer {self._name} {next(self._numbers)}"
        ticket = self._chance.choice(list(self._tickets))
        said, _ = self._post(f"/tickets/{ticket}/replies", {"text": text, "then": "keep", "seen": 2**31 - 1})
        self.replied.add(said, ticket, text)

    def _move(self) -> None:
        ticket = self._chance.choice(list(self._tickets))
        known = self._tickets[ticket]
        column = self._chance.choice([column for column in self._columns if column != known])
        said, _ = self._post(f"/tickets/{ticket}/column", {"column": column})
        self.moved.add("unknown" if known is None else said, ticket, column)  # it may have been there already
        if said != "no":
            self._tickets[ticket] = column if said == "yes" else None

    def _post(self, path: str, fields: dict[str, object]) -> tuple[str, str]:
        """(what was said, where to go on): 303 is yes, a refusal no, and whatever breaks off unknown."""
        connection = http.client.HTTPConnection(urlsplit(next(self._urls)).netloc, timeout=60)
        try:
            connection.request("POST", path, urlencode(fields), self._headers)
            answer = connection.getresponse()
            answer.read()
        except ConnectionRefusedError:
            self.pause(0.05)
            return "no", ""
        except (OSError, http.client.HTTPException):
            return "unknown", ""
        finally:
            connection.close()
        if answer.status == 303:
            self.done += 1
            return "yes", answer.headers["Location"]
        assert answer.status in (409, 422, 429, 503), f"{path} was answered with {answer.status}"
        return ("unknown" if answer.status == 503 else "no"), ""


def kill_one_after_the_other(
    processes: list[Killable],
    chance: random.Random,
    pool: ThreadPoolExecutor,
    *,
    rounds: int,
    seconds: float,
    between: tuple[float, float],
) -> Counter[str]:
    """Kills each of them once, then any, some seconds `between` two, and starts it again at once; ends after so many
    rounds and seconds, and when all of them run again. Returns how often each was killed.

    The threads of `pool` are the parents of the new processes, which die with them (server.die_with_parent).
    """
    killed: Counter[str] = Counter()
    first = chance.sample(processes, len(processes))
    end = time.monotonic() + seconds
    starting: dict[str, Future[None]] = {}
    while killed.total() < rounds or time.monotonic() < end:
        time.sleep(chance.uniform(*between))
        process = first.pop() if first else chance.choice(processes)
        if process.name in starting:
            starting[process.name].result()
        process.kill()
        killed[process.name] += 1
        starting[process.name] = pool.submit(process.restart)
    for one in starting.values():
        one.result()
    return killed


def _letter(number: int, subject: str) -> bytes:
    message_id = f"Message-ID: <letter.{number}@example.org>\r\n" if number % 3 else ""
    return (
        f"From: Kim <kim{number}@example.org>\r\nTo: {RECIPIENT}\r\nSubject: {subject}\r\n{message_id}"
        f"Date: Tue, 03 Nov 2026 09:30:00 +0000\r\n\r\nWhere is my parcel number {number}?\r\n"
    ).encode()

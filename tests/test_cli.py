"""The commands, as processes of their own."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from subprocess import CompletedProcess
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.config import settings
from app.database import db
from app.models.board import BoardPerson
from app.models.message import RawMessage
from app.models.person import person_by_email
from app.models.ticket import Ticket
from tests.small import SmallDesk

Run = Callable[..., CompletedProcess[str]]
KEYS = [
    "action",
    "ticket",
    "message_id",
    "from",
    "subject",
    "text",
    "attachments",
    "automatic",
    "language",
]
MAIL = b"""\
From: =?utf-8?b?6rmA66+87IiY?= <Kim@Example.org>
To: support@example.com
Subject: =?utf-8?b?7KGw66qF?=
Message-ID: <1@example.org>
Auto-Submitted: no
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

\xec\xa3\xbc\xeb\xac\xb8\xed\x95\x9c \xec\xa1\xb0\xeb\xaa\x85\xec\x9d\xb4 \xea\xb9\x9c\xeb\xb0\x95\xec\x9e\x85\xeb\x8b\x88\xeb\x8b\xa4.
--b
Content-Type: image/png; name="lamp.png"
Content-Disposition: attachment; filename="lamp.png"
Content-Transfer-Encoding: base64

iVBORw==
--b--
"""


def one_line(done: CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout.endswith("\n")
    assert done.stdout.count("\n") == 1
    return dict(json.loads(done.stdout))


def test_receive_prints_one_line_of_json(desk: SmallDesk, flask: Run) -> None:
    done = flask("receive", input=MAIL)
    assert (done.returncode, done.stderr) == (0, "")
    receipt = one_line(done)
    assert sorted(receipt) == sorted(KEYS)
    assert receipt == {
        "action": "created",
        "ticket": db.session.scalars(select(Ticket.id)).one(),
        "message_id": "1@example.org",
        "from": "kim@example.org",
        "subject": "조명",
        "text": "주문한 조명이 깜박입니다.",
        "attachments": [{"name": "lamp.png", "size": 4, "type": "image/png"}],
        "automatic": None,
        "language": "ko",
    }
    assert "조명" in done.stdout  # as people read it, not escaped
    assert one_line(flask("receive", input=MAIL))["action"] == "duplicate"


def test_receive_says_which_address_it_came_to(desk: SmallDesk, flask: Run) -> None:
    raw = b"From: kim@example.org\nSubject: Hi\n\nHello"
    assert one_line(flask("receive", "--to", "support@example.com", input=raw))["action"] == "created"
    assert db.session.scalars(select(RawMessage.sent_to)).one() == "support@example.com"


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b"Subject: From nobody\n\nHello"])
def test_what_cannot_be_parsed_is_accepted(raw: bytes, desk: SmallDesk, flask: Run) -> None:
    done = flask("receive", input=raw)
    receipt = one_line(done)
    assert done.returncode == 0
    assert (receipt["action"], receipt["ticket"]) == ("failed", None)
    assert receipt["error"]
    assert set(KEYS) <= set(receipt)
    assert db.session.scalars(select(RawMessage.state)).one() == "failed"


@pytest.mark.parametrize("url", ["sqlite:////nowhere/nightdesk.db", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_message_that_cannot_be_kept_is_to_be_sent_again(url: str, environment: Any, flask: Run) -> None:
    done = flask("receive", input=MAIL, DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr.startswith("try again later: ")


def test_a_person_is_added(desk: SmallDesk, flask: Run) -> None:
    password = "seven quiet rivers"
    done = flask(
        *("people", "add", "--name", "Finn Berg", "--email", "Finn@Example.com", "--role", "manager"),
        *("--zone", "Europe/Berlin", "--locale", "ko", "--password", "-"),
        input=password + "\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "finn@example.com can sign in" in done.stdout.lower()
    person = person_by_email("finn@example.com")
    assert person is not None
    assert (person.role, person.zone, person.locale) == ("manager", "Europe/Berlin", "ko")
    boards = select(BoardPerson.board_id).where(BoardPerson.person_id == person.id)
    assert db.session.scalars(boards).all() == [desk.board.id]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--email", "bob@example.com"), "Bob Reyes has this address already."),
        (("--email", "nobody"), "This is not an e-mail address."),
        (("--zone", "Europe/Atlantis"), "That is not one of the choices."),
        (("--password", "short"), "12"),
    ],
)
def test_a_person_who_cannot_be(wrong: tuple[str, str], words: str, desk: SmallDesk, flask: Run) -> None:
    options = {"--name": "Finn", "--email": "finn@example.com", "--password": "seven quiet rivers"} | dict(
        [wrong]
    )
    done = flask("people", "add", *(part for option in options.items() for part in option))
    assert done.returncode == 1
    assert words in done.stderr
    assert person_by_email("finn@example.com") is None


def test_the_first_person_is_added_before_there_is_a_desk(app: Any, flask: Run) -> None:
    options = ("--name", "Ada", "--email", "ada@example.com", "--role", "admin")
    assert flask("people", "add", *options, "--password", "seven quiet rivers").returncode == 0
    person = person_by_email("ada@example.com")
    assert person is not None
    assert person.role == "admin"


def test_the_clock_does_once_what_is_due(desk: SmallDesk, flask: Run, now: datetime) -> None:
    flask("receive", input=MAIL)
    done = flask("clock", "--once")
    counts = one_line(done)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(counts) == set(sweeps.SWEEPS)
    assert counts["tickets"]["tickets"] >= 1
    ticket = db.session.scalars(select(Ticket)).one()
    assert ticket.next_deadline_at is not None
    assert one_line(flask("clock", "--once"))["tickets"].get("tickets", 0) == 0
    later = (now + timedelta(days=30)).isoformat()
    assert one_line(flask("clock", "--once", "--now", later))["tickets"]["tickets"] >= 1


@pytest.mark.parametrize(
    "arguments", [("--now", "2026-11-21T09:00:00+01:00"), ("--once", "--now", "tomorrow")]
)
def test_a_clock_that_cannot_be(arguments: tuple[str, ...], desk: SmallDesk, flask: Run) -> None:
    done = flask("clock", *arguments)
    assert done.returncode == 2
    assert "--now" in done.stderr or "tomorrow" in done.stderr


def test_a_link_for_a_new_password(desk: SmallDesk, flask: Run, browser_as: Any) -> None:
    done = flask("people", "invite", "Bob@example.com")
    assert done.returncode == 0, done.stderr
    page = browser_as().get(done.stdout.strip().removeprefix(settings().base_url))
    assert page.status_code == 200
    assert "bob@example.com" in page.get_data(as_text=True)
    nobody = flask("people", "invite", "nobody@example.com")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "nobody@example.com" in nobody.stderr

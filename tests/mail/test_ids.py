"""Signed ids: ours are known again, nobody else's is."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mail.addresses import Mailbox
from app.mail.ids import mint, read, read_reply_address, reply_address, threads
from app.mail.parse import parse
from app.mail.report import Report

SECRET = b"a secret of the desk"
IDS = st.integers(1, 10**18 - 1)


@dataclass(frozen=True)
class Answer:
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    delivered_to: tuple[str, ...] = ()
    report: Report | None = None


@settings(max_examples=100)
@given(IDS, IDS)
def test_what_is_minted_is_read(ticket_id: int, message_id: int) -> None:
    minted = mint(ticket_id, message_id, SECRET, "Desk.Example")
    assert minted == mint(ticket_id, message_id, SECRET, "desk.example")
    for written in (minted, f"<{minted}>", minted.upper(), f" <{minted}> "):
        assert read(written, SECRET) == (ticket_id, message_id)
    address = reply_address(ticket_id, SECRET, "desk.example", "support")
    assert read_reply_address(address.upper(), SECRET) == ticket_id
    assert len(address.partition("@")[0]) <= 64


@settings(max_examples=100)
@given(st.integers(0, 60), st.characters(codec="ascii"))
def test_one_changed_letter_is_not_ours(at: int, letter: str) -> None:
    minted = mint(42, 1007, SECRET, "d.example")
    local, _, domain = minted.partition("@")
    at %= len(local)
    changed = local[:at] + letter + local[at + 1 :]
    if changed.lower() != local:
        assert read(f"{changed}@{domain}", SECRET) is None


@pytest.mark.parametrize(
    "other",
    [
        "",
        "<>",
        "x@y",
        "nd.1.2@desk.example",
        "nd.1.2.aaaaaaaaaaaaaaaaaaaaaaaa@desk.example",
        "nd.٤.2.aaaaaaaaaaaaaaaaaaaaaaaa@d.example",
    ],
)
def test_others_are_not_ours(other: str) -> None:
    assert read(other, SECRET) is None
    assert read_reply_address(other, SECRET) is None


def test_a_signature_serves_one_purpose_and_one_secret() -> None:
    minted = mint(42, 1, SECRET, "d.example")
    assert read(minted, "another secret") is None
    assert read(minted.replace("nd.42.", "nd.43."), SECRET) is None
    signature = reply_address(42, SECRET, "d.example").partition("-")[2].partition("@")[0]
    assert read(f"nd.42.1.{signature}@d.example", SECRET) is None


@pytest.mark.parametrize("number", [0, -1, 10**18])
def test_impossible_ids_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="between"):
        mint(number, 1, SECRET, "d.example")
    with pytest.raises(ValueError, match="between"):
        reply_address(number, SECRET, "d.example")


OURS = mint(42, 1007, SECRET, "desk.example")
OLDER = mint(41, 3, SECRET, "desk.example")
REPLY = reply_address(7, SECRET, "desk.example")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(), None),
        (Answer(in_reply_to=("x@y",), references=("a@b", "c@d")), None),
        (Answer(in_reply_to=(OURS,), references=(OLDER,)), (42, 1007)),
        (Answer(in_reply_to=("x@y",), references=(OLDER, "c@d", OURS, "e@f")), (42, 1007)),
        (Answer(report=Report(OURS, ("a@b",), (), "5.1.1")), (42, 1007)),
        (Answer(to=(Mailbox("", "support@desk.example"), Mailbox("", REPLY))), (7, None)),
        (Answer(cc=(Mailbox("", REPLY),), references=(OURS,)), (42, 1007)),
        (Answer(delivered_to=(REPLY,)), (7, None)),
    ],
)
def test_threads(answer: Answer, expected: tuple[int, int | None] | None) -> None:
    assert threads(answer, SECRET) == expected


def test_a_parsed_message_threads() -> None:
    raw = f"From: a@b.example\r\nReferences: <x@y>\r\n <{OURS}>\r\n\r\nx"
    assert threads(parse(raw.encode()), SECRET) == (42, 1007)

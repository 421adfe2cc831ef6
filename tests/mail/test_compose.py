"""What leaves the desk: readable by everybody, and nothing can be smuggled in."""

import email
import email.policy
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mail.compose import compose
from app.mail.parse import parse

NOW = datetime(2026, 11, 3, 8, 12, 45, tzinfo=UTC)
USUAL: dict[str, Any] = {
    "from_name": "Nightdesk Support",
    "from_address": "support@desk.example",
    "to": "ada@web.example",
    "subject": "Re: Lamp",
    "text": "Hello Ada,\n\nit is on its way.",
    "message_id": "nd.1.2.abc@desk.example",
    "in_reply_to": "first@web.example",
    "references": ["first@web.example"],
    "date": NOW,
    "language": "en",
}


def composed(**changes: Any) -> bytes:
    return compose(**{**USUAL, **changes})


@pytest.mark.parametrize(
    ("name", "subject", "text", "language"),
    [
        ("Nightdesk", "Lamp", "Hello", "en"),
        (
            "나이트데스크 고객센터",
            "환불 안내: 주문 A-1042 에 대하여 " * 4,
            "안녕하세요.\n\n환불되었습니다.",
            "ko",
        ),
        ("デスク", "返品について", "お世話になっております。", "ja"),
        ('Müller, "Jürgen" <x>', "Größe & Maß", "Grüße\naus Köln", "de"),
        ('O\'Brien, "Pat" \\ Co', "=?utf-8?q?not_a_word?=", "x" * 3_000, "fr"),
        ("", "", "", "en"),
    ],
)
def test_what_is_composed_is_read_again(name: str, subject: str, text: str, language: str) -> None:
    raw = composed(from_name=name, subject=subject, text=text, language=language)
    message = parse(raw)
    assert message.from_name == name.strip("\"' ")
    assert message.subject == " ".join(subject.split())
    assert message.full_text == text
    assert message.date == NOW
    assert message.message_id == USUAL["message_id"]
    assert message.in_reply_to == message.references == ("first@web.example",)
    assert message.automatic is None
    assert dict(message.headers)["Content-Language"] == language
    assert f'<html lang="{language}">' in (message.html or "")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_other_parsers_agree() -> None:
    raw = composed(
        from_name="나이트데스크",
        subject="환불 " * 30,
        cc=["b@web.example"],
        reply_to="support+1@desk.example",
    )
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["From"].addresses[0].display_name == "나이트데스크"
    assert message["Subject"] == ("환불 " * 30).strip()
    assert [str(one) for one in message["Cc"].addresses] == ["b@web.example"]
    assert message["Reply-To"] == "support+1@desk.example"
    plain = message.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().startswith("Hello Ada,")
    assert not message.defects


def test_the_same_row_gives_the_same_bytes() -> None:
    assert composed() == composed()


@pytest.mark.parametrize("field", ["from_name", "subject"])
@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n", "\u2028", "\x0b", "\x85", "\0"])
def test_line_ends_in_a_header_become_blanks(field: str, line_end: str) -> None:
    raw = composed(**{field: f"Hello{line_end}Bcc: victim@web.example"})
    assert b"\r\nBcc" not in raw
    assert "bcc" not in {name.lower() for name, _ in parse(raw).headers}


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "ada@web.example\nBcc: x@y.example"},
        {"to": "a@b.example, c@d.example"},
        {"to": "Ada <ada@web.example>"},
        {"to": ""},
        {"to": []},
        {"cc": ["a b@web.example"]},
        {"from_address": "support"},
        {"reply_to": "x@y.example\r\nX: y"},
        {"message_id": "a b@c"},
        {"message_id": "a@b>\r\nX: y"},
        {"in_reply_to": "a@b\nX: y"},
        {"language": "en\r\nX: y"},
        {"language": '"><script>'},
        {"date": datetime(2026, 11, 3)},  # noqa: DTZ001
    ],
)
def test_what_cannot_be_written_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^(Not a|A message|The date)"):
        composed(**changes)


def test_a_broken_reference_of_others_is_left_out() -> None:
    raw = composed(
        references=["good@a.example", "bad id@b.example", "worse\r\nX: y@c.example"], in_reply_to=None
    )
    assert parse(raw).references == ("good@a.example",)


def test_references_keep_the_first_and_the_last() -> None:
    chain = [f"{number}@web.example" for number in range(60)]
    references = parse(composed(references=chain, in_reply_to=chain[-1])).references
    assert references == (chain[0], *chain[-20:])


def test_long_ids_are_not_encoded() -> None:
    long = "a" * 300 + "@web.example"
    raw = composed(in_reply_to=long, references=[long])
    assert raw.count(f"<{long}>".encode()) == 2


@pytest.mark.parametrize(
    ("in_reply_to", "expected"), [("first@web.example", "auto-replied"), (None, "auto-generated")]
)
def test_automatic_messages_say_so(in_reply_to: str | None, expected: str) -> None:
    raw = composed(automatic=True, in_reply_to=in_reply_to, references=[])
    assert dict(parse(raw).headers)["Auto-Submitted"] == expected
    assert parse(raw).automatic == "auto-submitted"


def test_domains_are_written_in_ascii() -> None:
    message = parse(composed(to=["kunde@bücher.example", "x@straße.example"]))
    assert [box.address for box in message.to] == ["kunde@xn--bcher-kva.example", "x@xn--strae-oqa.example"]


def test_html_part() -> None:
    text = "Hi <b>,\nsee https://x.example/?a=1&b=2.\n\nBye"
    html = parse(composed(text=text, signature="The <desk>")).html or ""
    assert "<p>Hi &lt;b&gt;,<br>" in html
    assert '<a href="https://x.example/?a=1&amp;b=2">https://x.example/?a=1&amp;b=2</a>.</p>' in html
    assert "-- <br>\nThe &lt;desk&gt;" in html


def test_the_signature_is_recognised_as_one() -> None:
    message = parse(composed(signature="Nightdesk\nBerlin"))
    assert message.full_text == "Hello Ada,\n\nit is on its way.\n\n-- \nNightdesk\nBerlin"
    assert message.text == "Hello Ada,\n\nit is on its way."


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=400))
def test_any_text_stays_in_its_place(name: str, subject: str, text: str) -> None:
    raw = composed(from_name=name, subject=subject, text=text)
    head = raw.partition(b"\r\n\r\n")[0]
    names = re.findall(rb"(?m)^([A-Za-z-]+):", head)
    assert names == [
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"In-Reply-To", b"References", b"Content-Language",
        b"MIME-Version", b"Content-Type",
    ]  # fmt: skip
    assert parse(raw).from_address == "support@desk.example"

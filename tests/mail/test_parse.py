"""What parse promises for any bytes at all."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.mail.parse import MAX_ATTACHMENTS, MAX_SUBJECT, MAX_TEXT, Message, ParseError, parse

RAW = [path.read_bytes() for path in sorted((Path(__file__).parent / "messages").glob("*.eml"))]
HEAD = b"From: Ada <ada@web.example>\r\nTo: support@desk.example\r\nSubject: Hello\r\n"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def assert_sound(message: Message) -> None:
    """What the database and the pages rely on."""
    texts = [
        message.message_id,
        message.from_name,
        message.from_address,
        message.subject,
        message.text,
        message.full_text,
    ]
    texts += [message.html or "", *message.in_reply_to, *message.references, *message.delivered_to]
    texts += [text for pair in message.headers for text in pair]
    texts += [text for box in (*message.to, *message.cc, *message.reply_to) for text in box]
    texts += [
        text for one in message.attachments for text in (one.name, one.media_type, one.content_id or "")
    ]
    assert not any(UNSTORABLE.search(text) for text in texts)
    assert message.message_id
    assert message.from_address.count("@") == 1
    assert message.from_address == message.from_address.lower()
    assert "\n" not in message.subject
    assert len(message.subject) <= MAX_SUBJECT
    assert len(message.full_text) <= MAX_TEXT
    assert len(message.attachments) <= MAX_ATTACHMENTS
    for attachment in message.attachments:
        assert attachment.name
        assert not re.search(r"[/\\\x00-\x1f]", attachment.name)
        assert not attachment.name.startswith(".")
        assert attachment.size == len(attachment.content)


def parsed(raw: bytes) -> Message | None:
    try:
        message = parse(raw)
    except ParseError:
        return None
    assert_sound(message)
    return message


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2_000))
def test_any_bytes_parse_or_say_why_not(raw: bytes) -> None:
    parsed(raw)
    parsed(HEAD + raw)
    parsed(HEAD + b"\r\n" + raw)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(RAW), st.integers(0, 2**32))
def test_damaged_messages_parse_or_say_why_not(raw: bytes, seed: int) -> None:
    parsed(damaged(raw, random.Random(seed)))


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=200),
    st.sampled_from(["From", "Content-Type", "Content-Disposition", "Date", "References", "Subject"]),
)
def test_any_header_value_parses_or_says_why_not(value: str, name: str) -> None:
    parsed(f"{name}: {value}\r\n".encode("utf-8", "surrogatepass") + HEAD + b"\r\nbody")


def damaged(raw: bytes, dice: random.Random) -> bytes:
    """A few of the things that happen to mail on its way."""
    data = bytearray(raw)
    for _ in range(dice.randint(1, 12)):
        at, length = dice.randrange(len(data) + 1), dice.randint(1, 40)
        kind = dice.randrange(5)
        if kind == 0:
            del data[at : at + length]
        elif kind == 1:
            data[at:at] = dice.randbytes(length)
        elif kind == 2:
            data[at:at] = data[at : at + length * 10]
        elif kind == 3:
            data[at:at] = dice.choice(
                [b"\r\n", b"\0", b'"', b";", b"=?utf-8?B?", b"--", b"<", b"(", b"\xff", b"%", b"*0*="]
            )
        else:
            data[at : at + 1] = bytes([dice.randrange(256)])
    return bytes(data[: dice.randrange(len(data) + 1)] if dice.random() < 0.2 else data)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b" \r\n\r\n\t", "empty"),
        (b"\0\0\0", "empty"),
        (b"Hello, this is no mail.\r\n", "no headers"),
        (b"\x89PNG\r\n\x1a\n", "no headers"),
        (b"Subject: x\r\n\r\nbody", "sender"),
        (b"From: \r\n\r\nbody", "sender"),
        (b"From: undisclosed-recipients:;\r\n\r\nbody", "sender"),
        (b"From: Ada <>\r\n\r\nbody", "sender"),
        (b"From: a@b.example\xef\xbc\xa0c.example, @x, x@\r\n\r\nbody", "sender"),
    ],
)
def test_refused(raw: bytes, why: str) -> None:
    with pytest.raises(ParseError, match=why):
        parse(raw)


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        ("ada@web.example", "", "ada@web.example"),
        ("<ada@web.example>", "", "ada@web.example"),
        ("ADA@Web.Example (Ada Lovelace)", "Ada Lovelace", "ada@web.example"),
        ('"Lovelace, Ada" <ada@web.example>', "Lovelace, Ada", "ada@web.example"),
        ('"ada@web.example" <ada@web.example>', "", "ada@web.example"),
        ('"Ada \\"Byron\\"" <ada@web.example>', 'Ada "Byron', "ada@web.example"),
        ("Ada <@relay.example:ada@web.example>", "Ada", "ada@web.example"),
        ("Desk: Ada <ada@web.example>, b@web.example;", "Ada", "ada@web.example"),
        ("Ada < ada@web.example >", "Ada", "ada@web.example"),
        ("Ada <ada@web.example", "Ada", "ada@web.example"),
        ("ada@straße.example", "", "ada@xn--strae-oqa.example"),
        ("ada@XN--BCHER-KVA.example", "", "ada@xn--bcher-kva.example"),
        ("=?utf-8?Q?Ada=2C_Lovelace?= <ada@web.example>", "Ada, Lovelace", "ada@web.example"),
        ("support\u202e@desk.example <ada@web.example>", "support@desk.example", "ada@web.example"),
        ("root@localhost", "", "root@localhost"),
        ("root@[192.0.2.1]", "", "root@[192.0.2.1]"),
    ],
)
def test_sender(value: str, name: str, address: str) -> None:
    message = parse(f"From: {value}\r\n\r\nx".encode())
    assert (message.from_name, message.from_address) == (name, address)


def test_a_sender_header_helps_where_from_is_unusable() -> None:
    assert parse(b"From: Ada\r\nSender: ada@web.example\r\n\r\nx").from_address == "ada@web.example"


def test_a_thousand_nested_parts() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (depth, depth)
        for depth in range(1_000)
    )
    message = parsed(HEAD + nested + b"\r\nThe innermost text.\r\n")
    assert message is not None
    assert b"The innermost text." in message.attachments[0].content


def test_attachments_beyond_the_limit_are_counted() -> None:
    part = b"--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n"
    message = parsed(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 130 + b"--b--")
    assert message is not None
    assert (len(message.attachments), message.attachments_left_out) == (100, 30)


def test_a_giant_header_does_not_hide_the_others() -> None:
    message = parsed(b"X-Junk: " + b"a" * 5_000_000 + b"\r\n" + HEAD + b"\r\nbody")
    assert message is not None
    assert message.subject == "Hello"
    assert all(len(value) <= 64_000 for _, value in message.headers)


@pytest.mark.parametrize(
    "body",
    [
        b"> quoted\r\n" * 200_000,
        b" " * 2_000_000,
        b"On a 1:\r\n" * 100_000,
        b"a \r\n" * 500_000,
        b"\r\n" * 500_000,
    ],
)
def test_large_texts_end(body: bytes) -> None:
    assert parsed(HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n" + body) is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\\\Users\\\\ada\\\\a.doc", "a.doc"),
        (".htaccess", "htaccess"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a:b|c?.txt", "a_b_c_.txt"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("...", "attachment.pdf"),
        ("", "attachment.pdf"),
    ],
)
def test_attachment_names_are_safe(name: str, expected: str) -> None:
    head = f'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'
    message = parse(HEAD + head.encode() + b"x")
    assert message.attachments[0].name == expected


@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("ks_c_5601-1987", "cp949", "똠방각하 펲시"),
        ("euc-kr", "utf-8", "안녕하세요 고객님"),
        ("x-unknown", "euc_kr", "안녕하세요 고객님"),
        ("", "cp932", "お世話になっております。"),
        ("", "euc_jp", "お世話になっております。"),
        ("gb2312", "gb18030", "您好，镕先生"),
        ("big5", "big5", "您好，訂單沒有收到"),
        ("iso-8859-1", "cp1252", "Preis: 5 € – “gut”"),
        ("utf-8", "cp1252", "Änderung der Größe"),
        ("", "cp1252", "Änderung der Größe für Öl"),
        ("iso-8859-2", "iso8859-2", "Zażółć gęślą jaźń"),
        ("koi8-r", "koi8-r", "Здравствуйте"),
        ("utf-16", "utf-16", "Zwei Byte für alles"),
        ("iso-2022-jp", "iso2022_jp", "注文をキャンセル"),
        ("", "iso2022_jp", "注文をキャンセル"),
    ],
)
def test_charsets(declared: str, codec: str, text: str) -> None:
    content_type = f"Content-Type: text/plain{f'; charset={declared}' if declared else ''}\r\n\r\n"
    assert parse(HEAD + content_type.encode() + text.encode(codec)).text == text

"""Mail as customers of many countries write it, 2 to 60 KB a message, and what should become of each."""

import base64
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from app.demo import content
from app.mail import ids
from bench.fill import CUSTOMERS
from bench.places import SECRET

DESK = "bench@example.com"
SIGNATURES = {
    "en": "Sent on the road\nNorthlight Lamps Ltd, 12 Harbour Street",
    "de": "Mit der Bahn unterwegs geschrieben\nNordlicht GmbH, Hafenstraße 12",
    "fr": "Lumière du Nord SARL\n12, rue du Port",
    "ja": "北の灯株式会社\n港町十二番地",
    "ko": "북쪽등불 주식회사\n항구로 12",
}
QUOTED = {
    "en": "On Tue, Nov 3, 2026 at 9:30 AM Bench <bench@example.com> wrote:",
    "de": "Am Di., 3. Nov. 2026 um 09:30 Uhr schrieb Bench <bench@example.com>:",
    "fr": "Le mar. 3 nov. 2026 à 09:30, Bench <bench@example.com> a écrit :",
    "ja": "2026年11月3日(火) 9:30 Bench <bench@example.com>:",
    "ko": "2026년 11월 3일 (화) 오전 9:30, Bench <bench@example.com>님이 작성:",
}
CHARSETS = {"de": ("utf-8", "iso-8859-1"), "ja": ("utf-8", "iso-2022-jp"), "ko": ("utf-8", "euc-kr")}
SHAPES = ("plain",) * 6 + ("both",) * 6 + ("markup",) * 2 + ("answer",) * 4 + ("file",) * 2
STYLE = "margin:0;padding:4px 8px;font-family:'Segoe UI',Helvetica,Arial,sans-serif;font-size:14px;line-height:1.5"
SMALLEST, LARGEST = 2_000, 60_000  # bytes


@dataclass(frozen=True)
class Letter:
    """One message. `ticket` is the one it must join; `words` those that must be read as its text."""

    raw: bytes
    sender: str
    action: str
    ticket: int | None
    language: str
    words: Sequence[str]
    files: int


@dataclass(frozen=True)
class Open:
    """A ticket that can be answered; `message` is the one of it that is."""

    ticket: int
    customer: int
    message: int


def letters(count: int, open_tickets: Sequence[Open], first: int = 1) -> Iterator[Letter]:
    """So many messages, the same at every run; one of fifty comes a second time. `first` tells runs on one desk apart."""
    said = _said()
    before: Letter | None = None
    for n in range(first, first + count):
        if n % 50 == 49 and before is not None:
            yield Letter(before.raw, before.sender, "duplicate", None, before.language, before.words, 0)
            continue
        before = _letter(n, said, open_tickets)
        yield before


def texts() -> list[str]:
    """What customers of the demo desk wrote, in all their languages."""
    return [text for said in _said().values() for _, text in said]


def _said() -> dict[str, list[tuple[str, str]]]:
    """language -> (subject, text) of what customers of the demo desk wrote."""
    said: dict[str, list[tuple[str, str]]] = {}
    for ticket in content.load().tickets:
        texts = [message.text for message in ticket.messages if message.kind == "customer"]
        # A last line that a telephone adds is a signature, and is not read as text.
        texts = [text for text in texts if "Sent from my" not in text]
        said.setdefault(ticket.language, []).extend((ticket.subject, text) for text in texts)
    return said


def _letter(n: int, said: dict[str, list[tuple[str, str]]], open_tickets: Sequence[Open]) -> Letter:
    chance = random.Random(n)
    language = ("en", "ko", "de", "fr", "ja")[n % 5]
    shape = chance.choice(SHAPES)
    subject = f"{chance.choice(said[language])[0]} ({n})"
    paragraphs = [text for _, text in chance.sample(said[language], min(4, len(said[language])))]
    paragraphs = paragraphs[: chance.randrange(1, 5)]
    answered = chance.choice(open_tickets) if shape == "answer" else None
    if answered:
        sender = f"customer{answered.customer}@example.org"
    elif chance.random() < 0.3:
        sender = f"customer{chance.randrange(1, CUSTOMERS + 1)}@example.org"
    else:
        sender = f"kim.{n}@example.net"
    message = EmailMessage(policy=SMTP)
    for name, value in _travelled(chance, sender):
        message[name] = value
    message["From"], message["To"], message["Subject"] = f"Kim {n} <{sender}>", DESK, subject
    message["Date"] = f"Tue, 03 Nov 2026 10:{n % 60:02}:00 +0900"
    message["Message-ID"] = f"<letter.{n}.{chance.randrange(10**12)}@mail.example.net>"
    earlier: list[str] = []
    if answered:
        about = ids.mint(answered.ticket, answered.message, SECRET, "desk.example.com")
        message["In-Reply-To"] = f"<{about}>"
        message["References"] = f"<first.{n}@mail.example.net> <{about}>"
        message.replace_header("Subject", f"Re: {subject}")
        earlier = [text for _, text in chance.sample(said[language], min(6, len(said[language])))]
    files = _write(message, shape, paragraphs, language, earlier, chance)
    raw = message.as_bytes()
    if not SMALLEST <= len(raw) <= LARGEST:
        raise RuntimeError(f"letter {n} has {len(raw)} bytes")
    return Letter(
        raw,
        sender,
        "appended" if answered else "created",
        answered.ticket if answered else None,
        language,
        " ".join(paragraphs).split(),
        files,
    )


def _travelled(chance: random.Random, sender: str) -> Iterator[tuple[str, str]]:
    """The marks of a way over four servers."""
    for hop in range(4):
        yield (
            "Received",
            f"from mx{hop}.example.net (mx{hop}.example.net [192.0.2.{hop + 1}]) by mx{hop + 1}.example.com "
            f"with ESMTPS id {chance.randbytes(10).hex()} for <{DESK}>; Tue, 3 Nov 2026 01:00:0{hop} +0000",
        )
    signature = base64.b64encode(chance.randbytes(256)).decode()
    domain = sender.partition("@")[2]
    yield (
        "DKIM-Signature",
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=key; h=from:to:subject:date; b={signature}",
    )
    sealed = base64.b64encode(chance.randbytes(256)).decode()
    yield "ARC-Seal", f"i=1; a=rsa-sha256; d=mx.example.com; s=arc; cv=none; b={sealed}"
    yield "Authentication-Results", f"mx.example.com; dkim=pass header.d={domain}; spf=pass; dmarc=pass"
    yield "X-Spam-Status", "No, score=-2.1 required=5.0 tests=DKIM_SIGNED,DKIM_VALID,SPF_PASS"
    yield "User-Agent", "Mozilla Thunderbird"


def _write(
    message: EmailMessage,
    shape: str,
    paragraphs: Sequence[str],
    language: str,
    earlier: Sequence[str],
    chance: random.Random,
) -> int:
    """Gives the message its body in one of SHAPES; returns how many files are attached."""
    plain = "\n\n".join(paragraphs) + f"\n\n-- \n{SIGNATURES[language]}\n"
    if earlier:
        quoted = "\n".join(f"> {line}" for text in earlier for line in text.splitlines())
        plain = "\n\n".join(paragraphs) + f"\n\n{QUOTED[language]}\n{quoted}\n"
    markup = _markup(paragraphs, earlier, language, chance.randrange(5, 200))
    if shape == "markup":
        message.set_content(markup, subtype="html", charset="utf-8")
        return 0
    _set_plain(message, plain, chance.choice(CHARSETS.get(language, ("utf-8",))), chance)
    if shape != "plain":
        message.add_alternative(markup, subtype="html", charset="utf-8")
    if shape != "file":
        return 0
    count = chance.randrange(1, 3)
    for number in range(count):
        data = chance.randbytes(chance.randrange(2_000, 14_000))
        message.add_attachment(data, maintype="image", subtype="jpeg", filename=f"photo-{number}.jpg")
    return count


def _set_plain(message: EmailMessage, text: str, charset: str, chance: random.Random) -> None:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        charset = "utf-8"
    message.set_content(text, charset=charset, cte=chance.choice(("base64", "quoted-printable")))


def _markup(paragraphs: Sequence[str], earlier: Sequence[str], language: str, styles: int) -> str:
    """As mail programs write it: so many styles above, one on every element, and the history in a quote."""
    said = "\n".join(f'<div style="{STYLE}">{_lines(text)}</div><div><br></div>' for text in paragraphs)
    history = "".join(
        f'<table width="100%" cellpadding="0"><tr><td style="{STYLE};color:#444"><p>{_lines(text)}</p></td></tr></table>'
        for text in earlier
    )
    if history:
        history = (
            f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{escape(QUOTED[language])}<br></div>'
            f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{history}</blockquote></div>'
        )
    rules = "\n".join(f".c{n} {{ {STYLE}; color: #{n:06x} }}" for n in range(styles))
    return (
        f'<html lang="{language}"><head><meta charset="utf-8"><style>{rules}</style></head>'
        f'<body><div dir="ltr">{said}</div>{history}</body></html>\n'
    )


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")

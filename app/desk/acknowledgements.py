"""The acknowledgement: the desk itself tells a customer that their first message has arrived, and when it is open.

Once per ticket and once a day per customer; only to a message that a person wrote; it answers nothing, so every
deadline goes on. It leaves after DELAY_FOR, and not at all when a person answers first (desk.messages sees to that).
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import select

from app.database import db
from app.desk import access, customers, guards, messages
from app.desk.events import record
from app.desk.opening_hours import in_words
from app.desk.refused import Refused
from app.mail.headers import one_line
from app.models.board import Board
from app.models.calendar import Calendar
from app.models.channel import Channel
from app.models.desk import Desk, the_desk
from app.models.event import By
from app.models.message import Message
from app.models.policy import Policy
from app.models.ticket import Ticket
from app.words import N_
from rules import hours

DELAY_FOR = timedelta(seconds=60)
LONGEST_TEXT = 4000
LONGEST_NAME = 60
FALLBACK = "en"
_PLACE = re.compile(r"\{([^{}]*)\}")
_PLACES = ("name", "hours")
# A name is what anybody typed into the form, and the answer goes to an address that anybody typed: no links in it.
_LINK = re.compile(r"[/@:<>]|www\.|\.\w\w", re.IGNORECASE)


def set_up(
    desk: Desk, channel_id: int, *, on: bool, texts: Mapping[str, str], by: By, now: datetime
) -> Channel:
    """Switches the acknowledgement of a channel on or off, with its texts by language; a text that is empty or the
    usual one is not kept. Refused with the language as the field."""
    access.demand(by, "edit_channels", None, now)
    channel = db.session.get(Channel, channel_id)
    if channel is None or channel.kind == "manual":
        raise access.not_found()
    own = {language: _checked(text, language) for language, text in texts.items()}
    own = {language: text for language, text in own.items() if text and text != usual_text(language)}
    if on and hours_of(channel) is None:
        raise Refused(N_("Choose opening hours for this address first: the answer names them."), field="on")
    if (channel.acknowledges, channel.acknowledgements) == (on, own):
        return channel
    was, channel.acknowledges, channel.acknowledgements = channel.acknowledges, on, own
    told = channel.address or channel.name
    record(
        desk,
        "channel.changed",
        ("channel", channel.id),
        by=by,
        now=now,
        new=told,
        acknowledges=[was, on],
        languages=sorted(own),
    )
    return channel


def offer(board: Board, ticket: Ticket, message: Message, *, now: datetime) -> Message | None:
    """Acknowledges the message that has just opened a ticket, where that is wanted and harmless; None when it is not."""
    channel, address = ticket.channel, message.from_address
    if not channel.acknowledges or message.automatic is not None:
        return None
    week = hours_of(channel)
    if week is None:
        return None
    if _is_vain(ticket, address):
        return None
    if not customers.acknowledge(ticket.customer_id, now):
        return None
    language = language_for(ticket)
    sent = messages.answer_automatically(
        board,
        ticket,
        written(channel, language, name=ticket.customer.name, address=address, week=week),
        reason="acknowledgement",
        to=address,
        language=language,
        at=now + DELAY_FOR,
        now=now,
    )
    if sent is None:
        customers.give_acknowledgement_back(ticket.customer_id)
    return sent


def tell_too_large(board: Board, ticket: Ticket, message: Message, *, now: datetime) -> Message | None:
    """Tells a customer that only the headers of their message were taken, once in a ticket, whether the address
    acknowledges or not: they believe that all of it has arrived."""
    address = message.from_address
    if message.automatic is not None or _is_told(ticket) or _is_vain(ticket, address):
        return None
    language = language_for(ticket)
    words = _words(language)
    greeting = {"name": greeted(ticket.customer.name, address)}
    return messages.answer_automatically(
        board,
        ticket,
        f"{_filled(words['too_large'].strip(), greeting)}\n\n{words['automatic']}",
        reason="too-large",
        to=address,
        language=language,
        at=now + DELAY_FOR,
        now=now,
    )


def written(channel: Channel, language: str, *, name: str, address: str, week: hours.Calendar) -> str:
    """The whole text for one customer, with the line that says that nobody wrote it."""
    return filled(text_of(channel, language), language, name=name, address=address, week=week)


def filled(text: str, language: str, *, name: str, address: str, week: hours.Calendar) -> str:
    """A text with its places filled in, and the line below."""
    said = {"name": greeted(name, address), "hours": in_words(week, language, _words(language)["always"])}
    return f"{_filled(text, said)}\n\n{_words(language)['automatic']}"


def text_of(channel: Channel, language: str) -> str:
    """The text of a channel in this language: its own, else the usual one."""
    return channel.acknowledgements.get(language) or usual_text(language)


def usual_text(language: str) -> str:
    return _words(language)["text"].strip()


def hours_of(channel: Channel) -> hours.Calendar | None:
    """The opening hours that a channel's customers are told: its own, else those of the board's policy."""
    calendar_id = channel.calendar_id
    if calendar_id is None and channel.board.policy_id is not None:
        calendar_id = db.session.get_one(Policy, channel.board.policy_id).calendar_id
    calendar = db.session.get(Calendar, calendar_id) if calendar_id is not None else None
    return hours.Calendar.from_json(calendar.hours) if calendar is not None else None


def language_for(ticket: Ticket) -> str:
    """The language that this customer is answered in: the message's, the customer's, else the desk's first."""
    desk = the_desk()
    known = desk.languages if desk else [FALLBACK]
    return next((code for code in (ticket.language, ticket.customer.language) if code in known), known[0])


def _is_told(ticket: Ticket) -> bool:
    told = select(Message.id).where(Message.ticket_id == ticket.id, Message.automatic == "too-large")
    return db.session.scalars(told.limit(1)).first() is not None


def _is_vain(ticket: Ticket, address: str) -> bool:
    """Whether nobody would read what is sent there."""
    return guards.is_a_machine(address) or customers.bounced(ticket.customer_id, address) is not None


def automatic_line(language: str) -> str:
    """What says that nobody wrote it."""
    return _words(language)["automatic"]


def _checked(text: str, language: str) -> str:
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if len(text) > LONGEST_TEXT:
        raise Refused(N_("Use at most %(most)s characters."), field=language, most=LONGEST_TEXT)
    places = _PLACE.findall(text)
    if any(place not in _PLACES for place in places):
        raise Refused(N_("Only {name} and {hours} are filled in."), field=language)
    if text and "hours" not in places:
        raise Refused(N_("Write {hours} where the opening hours belong."), field=language)
    return text


def _filled(text: str, said: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda found: said.get(found[1], found[0]), text)


def greeted(name: str, address: str) -> str:
    """What a customer is called in a text that nobody looks at before it leaves."""
    name = one_line(name)
    if not name or len(name) > LONGEST_NAME or _LINK.search(name):
        return address.partition("@")[0][:LONGEST_NAME]
    return name


def _words(language: str) -> dict[str, str]:
    words = all_words()
    return words.get(language, words[FALLBACK])


@cache
def all_words() -> dict[str, dict[str, str]]:
    """language -> what the desk says by itself in it; see acknowledgements.toml."""
    with (Path(__file__).parent / "acknowledgements.toml").open("rb") as file:
        return tomllib.load(file)

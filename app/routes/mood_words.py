"""Moods as people read them: what led to one, and what may be chosen instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.desk.moods import CHOICES, FOUND
from app.mail import mood
from app.models.message import Message
from app.models.ticket import MOOD_WORDS, Ticket, mood_word
from app.words import N_, gettext

QUOTED = N_("“%(words)s”")
TOLD = {
    mood.CAPITALS: N_("in capitals"),
    mood.REOPENED: N_("opened again after it was resolved"),
}
NTH_MESSAGE = {
    3: N_("third message without an answer"),
    4: N_("fourth message without an answer"),
    5: N_("fifth message without an answer"),
}
MANY_MESSAGES = N_("%(n)s messages without an answer")


@dataclass(frozen=True)
class Moods:
    """`said` of each message whose mood is known, `choices` (value, text, whether it is the present one) of the ticket, and
    `why` it is what it is."""

    said: Mapping[int, str]
    choices: Sequence[tuple[str, str, bool]]
    why: str


def of(ticket: Ticket, known: Sequence[Message]) -> Moods:
    """The moods of a ticket and of its messages, as far as these are shown."""
    said = {one.id: told(one.mood, one.mood_reasons) for one in known if one.mood is not None}
    return Moods(said, _choices(ticket), _why(ticket, known))


def told(score: int, reasons: Sequence[Sequence[str]]) -> str:
    """A mood with what led to it: angry: “unacceptable”, third message without an answer."""
    said = ", ".join(_reason(*reason) for reason in reasons)
    if not said:
        return gettext(mood_word(score))
    return gettext(N_("%(mood)s: %(reasons)s"), mood=gettext(mood_word(score)), reasons=said)


def _choices(ticket: Ticket) -> list[tuple[str, str, bool]]:
    kept = mood_word(ticket.mood) if ticket.mood_by_hand else None
    return [
        (FOUND, gettext(N_("As found in the messages")), kept is None),
        *((name, gettext(MOOD_WORDS[name]), MOOD_WORDS[name] == kept) for name in CHOICES),
    ]


def _why(ticket: Ticket, known: Sequence[Message]) -> str:
    if ticket.mood_by_hand:
        return gettext(N_("Set by a person. What the customer writes does not change it."))
    if ticket.mood is None:
        return gettext(N_("Unknown: what the customer wrote last does not say it clearly."))
    found = next((one for one in reversed(known) if one.mood == ticket.mood and not one.withdrawn_at), None)
    return told(ticket.mood, found.mood_reasons if found else ())


def _reason(kind: str, text: str) -> str:
    if kind == mood.UNANSWERED:
        count = int(text)
        return gettext(NTH_MESSAGE[count]) if count in NTH_MESSAGE else gettext(MANY_MESSAGES, n=count)
    if kind in TOLD:
        return gettext(TOLD[kind])
    return gettext(QUOTED, words=text)

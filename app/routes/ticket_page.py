"""The page of a ticket as all its routes show it: whole, or the parts that a change may have touched."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.auth import now, signed_in_person
from app.config import settings
from app.database import db, writing_all
from app.desk import (
    access,
    deadlines,
    explanations,
    history,
    mentions,
    messages,
    recipients,
    signatures,
    snoozes,
    tickets,
)
from app.desk.refused import MOVED_MEANWHILE, Refused
from app.html import page, wants_part
from app.mail.language import MIN_CONFIDENCE
from app.models import conversation
from app.models.board import Board
from app.models.desk import Desk, the_desk
from app.models.draft import begun_in
from app.models.link import RELATIONS, links_of
from app.models.ticket import PRIORITIES, Ticket
from app.routes import mood_words, shown_promises, timeline, told
from app.routes.two_tickets import lead
from app.routes.written import Written
from app.words import N_, gettext, language_name

SURE = 80  # of a hundred: with less it is said how sure a language is


@contextmanager
def working_on(
    number: int, *, into: Iterable[int] = (), beside: Iterable[int] = ()
) -> Iterator[tuple[Board, Ticket]]:
    """A transaction on the ticket's board, and both under its lock; the boards `into` which it may come are locked, too,
    where this person sees them, and those that change `beside` it. Refused with 404 when it is not for this person."""
    ticket = access.ticket_seen_by(signed_in_person(), number, now())
    boards = {ticket.board_id, *beside, *access.boards_among(signed_in_person(), into, now())}
    with writing_all(Board, boards) as held:
        ticket = access.ticket_seen_by(signed_in_person(), number, now())
        if ticket.board_id not in held:
            raise Refused(MOVED_MEANWHILE, status=409)
        if ticket.merged_into_id is not None:
            raise tickets.merged(ticket)
        yield held[ticket.board_id], ticket


def changed(number: int, anchor: str = "", said: str | None = None) -> AnyResponse:
    """The answer to a change that was made: the parts for htmx, else the way back to the page. `said` is told in a toast
    with the way to take it back."""
    back = told.way_back() if said else None
    to = url_for("tickets.show", number=number) + anchor
    response = shown(number) if wants_part() else redirect(to, code=303)
    return told.tell(response, said, back) if said else response


def refused(number: int, error: Refused, draft: Written | None = None) -> Response:
    """The answer to a change that was refused: the ticket as it truly is, the reason, and what was written."""
    if error.status in (403, 404):
        raise error
    if draft is not None:
        draft = replace(draft, errors=(error.said(),), conflict=error.status == 409)
        return shown(number, status=error.status, draft=draft)
    response = shown(number, status=error.status, said=error.said())
    if wants_part():
        response.headers["HX-Trigger"] = json.dumps({"toast": {"text": error.said(), "kind": "error"}})
    return response


def shown(
    number: int,
    *,
    status: int = 200,
    said: str | None = None,
    draft: Written | None = None,
    beside: bool = False,
) -> Response:
    """The ticket's page, or all its parts, or what is shown `beside` a board. `said` is why something was refused."""
    at, person, desk = now(), signed_in_person(), the_desk()
    ticket = access.ticket_seen_by(person, number, at, *conversation.SHOWN_WITH)
    if status == 200 and (way := lead(ticket, person, at, beside=beside)):
        return way
    board = db.session.get_one(Board, ticket.board_id)
    everything = "all" in request.args
    most = None if everything else conversation.MOST_MESSAGES
    said_in_it = conversation.messages_of(number, person.id, most)
    known = [entry.message for entry in said_in_it]
    events = conversation.events_of(number, history.SHOWN | deadlines.STATES)
    found = deadlines.of(board, ticket, at, events if len(events) < conversation.MOST_EVENTS else None)
    promised = [shown_promises.told(deadline, found, person.zone, at) for deadline in found]
    kept, files = begun_in(person.id, number)
    return page(
        "tickets/_panel.html" if beside else "tickets/show.html",
        part=None if beside else "tickets/_parts.html",
        status=status,
        ticket=ticket,
        board=board,
        entries=timeline.entries(said_in_it, events, person, at),
        moved=timeline.moved_by_others(events, person, at),
        hidden_messages=0 if everything else conversation.hidden_messages(number, len(said_in_it)),
        deliveries=messages.deliveries_of(ticket),
        deadlines=promised,
        due=next((deadline for deadline in promised if deadline.is_next), None),
        choices=conversation.choices(board, ticket, at),
        priorities=PRIORITIES,
        languages=_languages(ticket, desk),
        language_why=_language_why(ticket),
        moods=mood_words.of(ticket, known),
        customer=ticket.customer,
        earlier=conversation.earlier_tickets(
            ticket, access.boards_of(person.role), **access.asked_by(person, at)
        ),
        bounced=messages.bounced_address(ticket),
        links=links_of(ticket, access.boards_of(person.role), **access.asked_by(person, at)),
        relations=RELATIONS,
        firings=conversation.firings_of(number),
        newest=max((entry.message.id for entry in said_in_it), default=0),
        draft=draft or Written.kept(kept),
        kept=kept,
        to=messages.usual_address(ticket, known) if ticket.customer.addresses else None,
        cc=", ".join(recipients.reading_along(ticket, known)),
        mentioned=mentions.names_of(known),
        later=[
            (one.key, one.label, explanations.instant(one.until, person.zone, at))
            for one in snoozes.choices(at, person.zone)
        ],
        signature=signatures.below(person, messages.sender(ticket.channel)),
        files=files,
        limits=settings(),
        said=said,
        may_delete=access.can(person, "delete_tickets", board, at),
        may_block=access.can(person, "block_senders", None, at),
        may_see_rules=access.can(person, "see_rules", None, at),
        may_see_raw=access.can(person, "see_failed_messages", None, at),
        now=at,
    )


def language_choices(ticket: Ticket, desk: Desk | None) -> list[str]:
    """The codes that a ticket's language may be set to."""
    return list(dict.fromkeys([*(desk.languages if desk else ()), *filter(None, [ticket.language])]))


def _languages(ticket: Ticket, desk: Desk | None) -> list[tuple[str, str]]:
    return [(code, language_name(code)) for code in language_choices(ticket, desk)]


def _language_why(ticket: Ticket) -> str:
    """How sure it is; empty when it is."""
    if ticket.language is None:
        return gettext(N_("Unknown: what was written is too short or too unsure."))
    if ticket.language_confidence < MIN_CONFIDENCE:
        return gettext(N_("As set for this customer: what was written does not tell."))
    if ticket.language_confidence < SURE:
        return gettext(N_("Not quite sure: %(n)s %%."), n=ticket.language_confidence)
    return ""

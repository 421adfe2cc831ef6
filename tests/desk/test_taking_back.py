"""Taking back what a rule did beyond the ticket's own fields: answers, VIPs and alerts go back, and what cannot is named."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import customers, deliveries, firings, messages, tickets
from app.desk.refused import Refused
from app.models.alert import Alert
from app.models.delivery import Delivery
from app.models.message import Message
from app.models.rule import RuleFiring
from app.models.ticket import Ticket
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_sweeps import add_rule, fresh, tag, tags

MINUTE = timedelta(minutes=1)
REPLY = {"kind": "reply", "text": "We have it."}
NOTE = {"kind": "add_note", "text": "Look at the lamp."}
VIP = {"kind": "set_vip", "vip": True}
ALERT = {"kind": "raise_alert"}


def tell(desk: SmallDesk) -> dict[str, Any]:
    return {"kind": "tell_person", "person_id": desk.alice.id}


def told(ticket: Ticket, now: datetime) -> firings.Told:
    """The newest firing on a ticket."""
    db.session.rollback()
    row = db.session.scalars(
        select(RuleFiring).where(RuleFiring.ticket_id == ticket.id).order_by(RuleFiring.id.desc())
    ).first()
    assert row is not None
    return firings.told([row], "UTC", now)[row.id]


def take_back(desk: SmallDesk, ticket: Ticket, now: datetime) -> tuple[str, ...]:
    """Bob takes the newest firing back; returns what cannot be."""
    firing = told(ticket, now)
    with writing(desk.board) as board:
        return firings.take_back(board, fresh(ticket), firing.id, by=desk.bob.by, now=now)


def answer() -> tuple[Message, Delivery]:
    return db.session.execute(
        select(Message, Delivery)
        .join(Delivery, Delivery.message_id == Message.id)
        .execution_options(populate_existing=True)
    ).one()


def test_an_answer_that_has_not_left_is_stopped(desk: SmallDesk, now: datetime) -> None:
    """A firing with only an answer offers Undo while it can be stopped, and not afterwards."""
    add_rule(desk, "lamp", now, REPLY, name="Answers")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    said = told(ticket, now)
    assert (said.done, said.undo, said.stays) == ("prepared an automatic answer", True, ())
    assert take_back(desk, ticket, now) == ()
    message, delivery = answer()
    assert (message.withdrawn_at, delivery.state) == (now, "cancelled")
    said = told(ticket, now)
    assert (said.undo, said.undone, said.back_by, said.back_at) == (False, True, "Bob Reyes", now)
    assert deliveries.claim("this", now + 2 * MINUTE, 10) == []
    with pytest.raises(Refused, match="Bob Reyes has undone this already"):
        take_back(desk, ticket, now)
    sweeps.wake_tickets(now + 2 * MINUTE)
    assert len(db.session.scalars(select(RuleFiring)).all()) == 1


def test_what_cannot_be_taken_back_is_named(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, tag("lamp"), NOTE, REPLY, tell(desk), name="Much")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    assert deliveries.claim("this", now + MINUTE, 10)
    stays = ("wrote a note", "sent an automatic answer", "told Alice Moor")
    assert told(ticket, now).stays == stays
    assert take_back(desk, ticket, now + MINUTE) == stays
    assert tags(ticket) == []
    said = told(ticket, now + MINUTE)
    assert (said.undo, said.undone, said.stays) == (False, True, stays)
    assert said.chip == "partly undone"
    assert answer()[0].withdrawn_at is None


def test_nothing_is_offered_where_nothing_can_be_taken_back(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, NOTE, REPLY, name="Says")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    assert deliveries.claim("this", now + MINUTE, 10)
    said = told(ticket, now)
    assert (said.undo, said.undone, said.chip) == (False, False, "")
    with pytest.raises(Refused, match="Nothing of what it did can be taken back"):
        take_back(desk, ticket, now + MINUTE)


def test_an_answer_that_somebody_was_faster_with_is_no_undo(desk: SmallDesk, now: datetime) -> None:
    """A person's answer has stopped it: nothing is left to undo, and nobody has undone it."""
    add_rule(desk, "lamp", now, REPLY, tag("lamp"), name="Answers")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    with writing(desk.board) as board:
        messages.reply(board, fresh(ticket), "Hello", person=desk.bob, seen=None, now=now)
        tickets.remove_tag(board, fresh(ticket), "lamp", by=desk.bob.by, now=now)
    said = told(ticket, now)
    assert (said.undo, said.undone, said.back_by, said.chip) == (False, True, "", "changed since")


@pytest.mark.parametrize("since", [None, True, False])
def test_a_vip_is_none_any_more(desk: SmallDesk, now: datetime, since: bool | None) -> None:
    """Unless somebody has chosen since."""
    add_rule(desk, "lamp", now, VIP, name="Important")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    assert told(ticket, now).done == "marked the customer as VIP"
    if since is not None:
        with writing(desk.board) as board:
            for vip in (False, since):
                customers.set_vip(board, fresh(ticket).customer, vip, by=desk.alice.by, now=now)
        assert (told(ticket, now).undo, told(ticket, now).chip) == (False, "changed since")
        with pytest.raises(Refused):
            take_back(desk, ticket, now)
    else:
        assert take_back(desk, ticket, now) == ()
        assert told(ticket, now).chip == "undone"
    sweeps.wake_tickets(now + 2 * MINUTE)
    assert fresh(ticket).customer.vip is bool(since)


@pytest.mark.parametrize("paged", [False, True])
def test_an_alert_ends(desk: SmallDesk, now: datetime, paged: bool) -> None:
    add_rule(desk, "lamp", now, ALERT, name="Alarm")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    sweeps.wake_alerts(now)
    if paged:
        assert deliveries.claim("this", now, 10)
    stays = ("told Alice Moor", "told Dana Wolf") if paged else ()
    assert take_back(desk, ticket, now) == stays
    sweeps.wake_tickets(now + MINUTE)
    alert = db.session.scalars(select(Alert)).one()
    assert (alert.state, alert.wake_at) == ("closed", None)
    assert db.session.scalars(select(Delivery.state)).all() == ["claimed" if paged else "cancelled"] * 2
    said = told(ticket, now)
    assert (said.undo, said.back_by, said.stays) == (False, "Bob Reyes", stays)


def test_what_was_so_already_is_no_deed(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, VIP, name="Important")
    ones = [ticket_in(desk, "open", f"A lamp {n}", now) for n in range(2)]
    sweeps.wake_tickets(now)
    said = told(ones[1], now)
    assert (said.done, said.dropped) == ("", ("Customer is VIP: Yes (it was so already)",))
    assert (said.undo, said.undone) == (False, False)

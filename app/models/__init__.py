"""Nouns: mapped classes and the questions they answer. Importing this package maps all of them."""

from app.models import (
    alert,
    board,
    calendar,
    channel,
    clock,
    customer,
    delivery,
    desk,
    event,
    mailbox,
    message,
    person,
    policy,
    rota,
    rule,
    ticket,
)

__all__ = [
    "alert",
    "board",
    "calendar",
    "channel",
    "clock",
    "customer",
    "delivery",
    "desk",
    "event",
    "mailbox",
    "message",
    "person",
    "policy",
    "rota",
    "rule",
    "ticket",
]

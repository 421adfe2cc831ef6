"""The web's side of each noun: find, call one verb, render."""

from flask import Blueprint

from app.routes import (
    alert_links,
    alerts,
    attachments,
    boards,
    frames,
    invitations,
    moves,
    people,
    profile,
    replies,
    rotas,
    rule_switches,
    rules,
    shifts,
    sign_ins,
    ticket_fields,
    tickets,
    undelivered,
)

BLUEPRINTS: list[Blueprint] = [
    alert_links.bp,
    alerts.bp,
    attachments.bp,
    boards.bp,
    frames.bp,
    invitations.bp,
    moves.bp,
    people.bp,
    profile.bp,
    replies.bp,
    rotas.bp,
    rule_switches.bp,
    rules.bp,
    shifts.bp,
    sign_ins.bp,
    ticket_fields.bp,
    tickets.bp,
    undelivered.bp,
]

"""The web's side of each noun: find, call one verb, render."""

from flask import Blueprint

from app.routes import boards, invitations, moves, people, profile, sign_ins

BLUEPRINTS: list[Blueprint] = [
    boards.bp,
    invitations.bp,
    moves.bp,
    people.bp,
    profile.bp,
    sign_ins.bp,
]

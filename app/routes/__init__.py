"""The web's side of each noun: find, call one verb, render."""

from flask import Blueprint

from app.routes import invitations, people, profile, sign_ins

BLUEPRINTS: list[Blueprint] = [
    invitations.bp,
    people.bp,
    profile.bp,
    sign_ins.bp,
]

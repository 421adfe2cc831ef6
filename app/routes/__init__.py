"""The web's side of each noun: find, call one verb, render."""

from flask import Blueprint

BLUEPRINTS: list[Blueprint] = []

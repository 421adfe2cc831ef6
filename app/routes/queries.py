"""The reference of the query language, made from the vocabulary."""

from dataclasses import dataclass

from flask import Blueprint
from werkzeug.wrappers import Response

from app.auth import login_required
from app.html import page
from rules.reference import BASICS, GROUPS, REFERENCE, Entry
from rules.vocabulary import VOCABULARY, Field

bp = Blueprint("queries", __name__)


@dataclass(frozen=True)
class Section:
    title: str
    terms: list[tuple[Field, Entry]]


@bp.get("/queries/reference")
@login_required
def reference() -> Response:
    sections = [
        Section(group.title, [(VOCABULARY[name], REFERENCE[name]) for name in group.fields])
        for group in GROUPS
    ]
    return page("queries/reference.html", sections=sections, basics=BASICS)

"""What a query box asks for while somebody types."""

from flask import Blueprint, request
from werkzeug.wrappers import Response

from app.auth import login_required, signed_in_person
from app.filters import LONGEST_TYPED, likely_values, names_for
from app.html import page
from app.words import gettext
from rules.completion import complete
from rules.vocabulary import VOCABULARY

bp = Blueprint("query_box", __name__)


@bp.get("/queries/completion")
@login_required
def completion() -> Response:
    """The list below the box: what may follow at the end of `q`, or of a rule's `query`. Empty when nothing may, or nobody
    types that much."""
    text = request.args.get("q", request.args.get("query", ""))
    if len(text) > LONGEST_TYPED:
        return page("queries/_options.html", options=())
    labels = {name: gettext(field.label) for name, field in VOCABULARY.items()}
    options = complete(text, names_for(signed_in_person()), labels=labels, first=likely_values())
    return page("queries/_options.html", options=options)

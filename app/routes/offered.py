"""What a field for a customer or a company offers while somebody types into it: only what they may see."""

from flask import Blueprint, request
from werkzeug.wrappers import Response

from app.auth import allowed, now, signed_in_person
from app.database import within
from app.desk import access
from app.html import READ_FOR, page
from app.models import directory

bp = Blueprint("offered", __name__)

LONGEST_TYPED = 200


@bp.get("/customers/offered")
@allowed("see_customers")
def customers() -> Response:
    """Options of customers whose name or address has what was typed as `name` or as `email`; an option writes the one of
    the two."""
    field = "name" if "name" in request.args else "email"
    text = _typed(field)
    with within(READ_FOR):
        found = directory.known(access.sees_customer(signed_in_person(), now()), text) if text else []
    options = [(row.address, row.name) if field == "email" else (row.name, row.address) for row in found]
    return page("customers/_offered.html", options=[option for option in options if option[0]])


@bp.get("/companies/offered")
@allowed("see_customers")
def companies() -> Response:
    """Options of companies with what was typed as `company` in their name."""
    text = _typed("company")
    with within(READ_FOR):
        seen = access.sees_company(signed_in_person(), now())
        found = directory.company_names(seen, text) if text else []
    return page("customers/_offered.html", options=[(name, "") for name in found])


def _typed(field: str) -> str:
    return request.args.get(field, "").replace("\x00", "").strip()[:LONGEST_TYPED]

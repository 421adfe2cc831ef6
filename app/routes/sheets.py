"""What is asked for in the sheet over a page, or on a page of its own without script: how it is answered."""

from flask import Response, flash, json, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.desk.refused import Refused
from app.html import wants_part
from app.models.ticket import Ticket
from app.routes import ticket_page, told


def done(ticket: Ticket, text: str, *, leads: bool = False) -> AnyResponse:
    """The answer to a change of a ticket that was made. From the sheet it says so and leaves the page below to hear of
    it as everybody does; from the ticket's own page it is its parts; scripts get JSON, a plain form the ticket's page.
    `leads`: it is another ticket, to which one goes."""
    if told.by_script():
        return told.answer(ticket, text)
    address = url_for("tickets.show", number=ticket.id)
    if leads:
        flash({"text": text, "undo": told.way_back()})  # type: ignore[arg-type]
        if wants_part():
            return Response(status=204, headers={"HX-Redirect": address})
        return redirect(address, code=303)
    if in_sheet():
        what = {"toast": {"text": text, "undo": told.way_back()}, "sheet:done": {"ticket": ticket.id}}
        return Response(status=204, headers={"HX-Trigger": json.dumps(what)})
    return ticket_page.changed(ticket.id, said=text)


def refused(ticket: Ticket, error: Refused, form: Response | None = None) -> AnyResponse:
    """The answer to a change that was refused; `form` is what was asked for, with the reason, as the sheet shows it."""
    if error.status not in (409, 422):
        raise error
    if told.by_script():
        return told.answer(ticket, error.said(), status=error.status)
    if form is not None and (in_sheet() or not wants_part()):
        return form
    return ticket_page.refused(ticket.id, error)


def in_sheet() -> bool:
    return wants_part() and request.form.get("from") == "sheet"

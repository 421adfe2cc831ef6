"""One ticket on its own page, and tickets opened by hand."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from app.auth import acting, login_required, now, signed_in_person
from app.database import writing
from app.desk import access, manual, notifications, tickets
from app.desk.messages import LONGEST_TEXT
from app.desk.refused import Refused
from app.forms import Form
from app.html import page
from app.models.ticket import NORMAL, PRIORITIES, Ticket
from app.routes.ticket_page import shown, working_on
from app.words import N_, gettext

bp = Blueprint("tickets", __name__)


class NewTicketForm(Form):
    board = SelectField(N_("Board"), coerce=int)
    name = StringField(N_("Customer's name"), [Length(max=200)])
    email = StringField(N_("Customer's e-mail address"), [InputRequired(), Length(max=320)])
    subject = StringField(N_("Subject"), [InputRequired(), Length(max=tickets.LONGEST_SUBJECT)])
    text = TextAreaField(N_("Message"), [InputRequired(), Length(max=LONGEST_TEXT)])
    send = BooleanField(
        N_("Send this to the customer"),
        description=N_("As our first message. Otherwise it is kept as what the customer told us."),
    )
    priority = SelectField(N_("Priority"), coerce=int)

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.boards = access.boards_seen_by(signed_in_person(), now())
        self.board.choices = [(board.id, board.name) for board in self.boards]
        self.priority.choices = [(value, gettext(PRIORITIES[value])) for value in reversed(PRIORITIES)]

    def open(self, raw_id: int | None = None) -> Ticket:
        """Opens the ticket, with `raw_id` of a failed message. The board is one that the person sees. Refused, with
        the field at fault."""
        board = next(board for board in self.boards if board.id == self.board.data)
        with writing(board) as locked:
            return manual.open_by_hand(
                locked,
                person=signed_in_person(),
                name=self.name.data or "",
                email=self.email.data,
                subject=self.subject.data,
                text=self.text.data,
                send=self.send.data if "send" in self else False,
                priority=self.priority.data,
                raw_id=raw_id,
                now=now(),
            )


@bp.get("/tickets/<int:number>")
@login_required
def show(number: int) -> Response:
    return shown(number)


@bp.get("/tickets/<int:number>/panel")
@login_required
def panel(number: int) -> Response:
    """The ticket as a part of the page it was opened from."""
    return shown(number, beside=True)


@bp.post("/tickets/<int:number>/reading")
@login_required
def read(number: int) -> Response:
    """Sent by script when the page is seen, for a GET changes nothing: tabs opened in the background, link previews."""
    with working_on(number) as (board, ticket):
        tickets.read(board, ticket, by=acting(), now=now())
    notifications.read(signed_in_person(), number, now())
    if request.headers.get("HX-Request"):
        return Response(status=204)
    return redirect(url_for("tickets.show", number=number), code=303)


@bp.get("/tickets/new")
@login_required
def new() -> Response:
    form = NewTicketForm(board=request.args.get("board", type=int), priority=NORMAL)
    if not form.boards:
        raise access.not_found()
    return page("tickets/new.html", form=form)


@bp.post("/tickets/new")
@login_required
def create() -> Response:
    form = NewTicketForm.from_request()
    if not form.boards:
        raise access.not_found()
    if not form.validate():
        return page("tickets/new.html", form=form, status=422)
    try:
        ticket = form.open()
    except Refused as refused:
        form.refuse(refused)
        return page("tickets/new.html", form=form, status=refused.status)
    return redirect(url_for("tickets.show", number=ticket.id), code=303)

"""Boards as an admin sets them: added, named, given a policy and a rota, and peopled."""

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response
from wtforms import IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, boards, columns
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.board import STATES, Board, BoardPerson, all_boards
from app.models.person import people_working
from app.models.policy import Policy
from app.models.rota import Rota
from app.models.ticket import Ticket
from app.routes.columns import ColumnForm
from app.routes.people import Checkboxes
from app.words import N_, gettext

bp = Blueprint("board_settings", __name__)


def optional_id(value: Any) -> int | None:
    """Of a select whose empty choice is nothing."""
    return int(value) if value not in (None, "") else None


class BoardForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=boards.LONGEST_NAME)])
    policy = SelectField(N_("SLA policy"), coerce=optional_id)
    rota = SelectField(N_("Who is on call"), coerce=optional_id)

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        policies = db.session.scalars(select(Policy).order_by(Policy.id))
        rotas = db.session.scalars(select(Rota).order_by(Rota.id))
        self.policy.choices = [*((one.id, one.name) for one in policies), ("", gettext("No deadlines"))]
        self.rota.choices = [*((one.id, one.name) for one in rotas), ("", gettext("Nobody"))]

    @property
    def values(self) -> dict[str, Any]:
        """As the verbs take them."""
        return {"name": self.name.data, "policy_id": self.policy.data, "rota_id": self.rota.data}


class ChangeForm(BoardForm):
    reopen_days = IntegerField(
        N_("Days after which an answer to a resolved ticket opens a new one"), [InputRequired()]
    )

    @property
    def values(self) -> dict[str, Any]:
        return {**super().values, "reopen_days": self.reopen_days.data}


class PeopleForm(Form):
    people = Checkboxes(N_("Who belongs to this board"), coerce=int)

    def __init__(self, *args: Any, board: Board, **values: Any) -> None:
        belong = set(
            db.session.scalars(select(BoardPerson.person_id).where(BoardPerson.board_id == board.id))
        )
        super().__init__(*args, **{"people": sorted(belong), **values})
        self.people.choices = [(person.id, person.name) for person in people_working(now())]
        # who has no access now stays what they are: this form neither shows nor changes them
        self.hidden = belong - {person_id for person_id, _ in self.people.choices}


@bp.get("/settings/boards")
@allowed("edit_boards")
def index() -> Response:
    return _index(BoardForm())


@bp.post("/settings/boards")
@allowed("edit_boards")
def create() -> Response:
    form = BoardForm.from_request()
    if not form.validate():
        return _index(form, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            board = boards.add(desk, **form.values, owner=signed_in_person(), by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _index(form, refused.status)
    flash(gettext("The board %(name)s is added.", name=board.name))
    return redirect(url_for("board_settings.show", board_id=board.id), code=303)


@bp.get("/settings/boards/<int:board_id>")
@allowed("edit_boards")
def show(board_id: int) -> Response:
    return _page(_found(board_id))


@bp.post("/settings/boards/<int:board_id>")
@allowed("edit_boards")
def update(board_id: int) -> Response:
    board = _found(board_id)
    form = ChangeForm.from_request()
    if not form.validate():
        return _page(board, form=form, status=422)
    try:
        with writing(board) as locked:
            boards.change(locked, **form.values, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(board, form=form, status=refused.status)
    flash(gettext("The board is changed."))
    return redirect(url_for("board_settings.show", board_id=board_id), code=303)


@bp.post("/settings/boards/<int:board_id>/people")
@allowed("edit_boards")
def set_people(board_id: int) -> Response:
    board = _found(board_id)
    form = PeopleForm.from_request(board=board)
    if not form.validate():
        return _page(board, people_form=form, status=422)
    wanted = {*(form.people.data or ()), *form.hidden}
    with writing(ensure_desk(now())) as desk:
        boards.set_people(desk, board_id, wanted, by=acting(), now=now())
    flash(gettext("Who belongs to the board is changed."))
    return redirect(url_for("board_settings.show", board_id=board_id), code=303)


@bp.post("/settings/boards/<int:board_id>/columns")
@allowed("edit_boards")
def add_column(board_id: int) -> Response:
    board = _found(board_id)
    form = ColumnForm.from_request(prefix="column-")
    if not form.validate():
        return _page(board, column_form=form, status=422)
    try:
        with writing(board) as locked:
            columns.add(locked, **form.values, state=form.state.data, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(board, column_form=form, status=refused.status)
    flash(gettext("The column is added."))
    return redirect(url_for("board_settings.show", board_id=board_id), code=303)


def _found(board_id: int) -> Board:
    board = db.session.get(Board, board_id)
    if board is None:
        raise access.not_found()
    return board


def _page(board: Board, *, status: int = 200, **forms: Form) -> Response:
    """The page of one board; a form that was refused takes the place of a fresh one."""
    tickets = (
        select(Ticket.column_id, func.count()).where(Ticket.board_id == board.id).group_by(Ticket.column_id)
    )
    fresh: dict[str, Form] = {
        "form": ChangeForm(obj=board, policy=board.policy_id, rota=board.rota_id),
        "people_form": PeopleForm(board=board),
        "column_form": ColumnForm(prefix="column-"),
    }
    return page(
        "settings/board.html",
        board=board,
        states=STATES,
        held=dict(db.session.execute(tickets).all()),
        status=status,
        **{**fresh, **forms},
    )


def _index(form: BoardForm, status: int = 200) -> Response:
    belonging = select(BoardPerson.board_id, func.count()).group_by(BoardPerson.board_id)
    return page(
        "settings/boards.html",
        form=form,
        boards=all_boards(),
        people=dict(db.session.execute(belonging).all()),
        status=status,
    )

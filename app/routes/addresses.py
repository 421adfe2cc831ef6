"""The channels as an admin sets them: e-mail addresses, the contact form, and tickets made by hand."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app import sweeps
from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, addresses
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.board import all_boards
from app.models.calendar import Calendar
from app.models.channel import KINDS, Channel
from app.models.mailbox import Mailbox
from app.models.person import Person, people_working
from app.routes.board_settings import optional_id
from app.words import N_, gettext

bp = Blueprint("addresses", __name__)


class ChannelForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=addresses.LONGEST_NAME)])
    address = StringField(
        N_("E-mail address"),
        [Length(max=320)],
        description=N_("What is sent there arrives here, and answers leave from it."),
    )
    board = SelectField(N_("Board"), coerce=int)
    owner = SelectField(N_("Owner"), coerce=optional_id, description=N_("Who is accountable for it."))
    calendar = SelectField(N_("Opening hours"), coerce=optional_id)
    signature = TextAreaField(
        N_("Signature"),
        [Optional(), Length(max=addresses.LONGEST_SIGNATURE)],
        description=N_("Stands below every answer. {name} and {desk} are filled in."),
    )

    def __init__(self, *args: Any, channel: Channel | None = None, **values: Any) -> None:
        if channel is not None:
            chosen = {"board": channel.board_id, "owner": channel.owner_id, "calendar": channel.calendar_id}
            values = {"obj": channel, **chosen, **values}
        super().__init__(*args, **values)
        calendars = [(one.id, one.name) for one in db.session.scalars(select(Calendar).order_by(Calendar.id))]
        self.board.choices = [(board.id, board.name) for board in all_boards()]
        self.owner.choices = [("", gettext("Nobody")), *((one.id, one.name) for one in people_working(now()))]
        self.calendar.choices = [("", gettext("Those of the board's SLA policy")), *calendars]
        if channel is not None and channel.kind != "email":
            del self.address

    @property
    def values(self) -> addresses.Values:
        """As the verbs take them."""
        return addresses.Values(
            name=self.name.data,
            address=(self.address.data if "address" in self else None) or "",
            board_id=self.board.data,
            owner_id=self.owner.data,
            calendar_id=self.calendar.data,
            signature=self.signature.data or "",
        )


class NewForm(ChannelForm):
    kind = SelectField(
        N_("Kind"), choices=lambda: [(kind, gettext(KINDS[kind])) for kind in addresses.TO_ADD]
    )


@bp.get("/settings/addresses")
@allowed("edit_channels")
def index() -> Response:
    channels = db.session.scalars(select(Channel).order_by(Channel.board_id, Channel.id)).all()
    owners = {channel.owner_id for channel in channels}
    names = select(Person.id, Person.name).where(Person.id.in_(owners))
    return page(
        "settings/addresses.html",
        channels=channels,
        kinds=KINDS,
        owners=dict(db.session.execute(names).all()),
        calendars={one.id: one.name for one in db.session.scalars(select(Calendar))},
        mailboxes={one.channel_id: one for one in db.session.scalars(select(Mailbox))},
    )


@bp.get("/settings/addresses/new")
@allowed("edit_channels")
def new() -> Response:
    return page("settings/address_new.html", form=NewForm(owner=signed_in_person().id))


@bp.post("/settings/addresses")
@allowed("edit_channels")
def create() -> Response:
    form = NewForm.from_request()
    if not form.validate():
        return page("settings/address_new.html", form=form, status=422)
    try:
        with writing(ensure_desk(now())) as desk:
            addresses.add(desk, form.kind.data, form.values, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return page("settings/address_new.html", form=form, status=refused.status)
    return _done(gettext("%(name)s is added.", name=form.name.data))


@bp.get("/settings/addresses/<int:channel_id>")
@allowed("edit_channels")
def edit(channel_id: int) -> Response:
    channel = _found(channel_id)
    return _page(channel, ChannelForm(channel=channel))


@bp.post("/settings/addresses/<int:channel_id>")
@allowed("edit_channels")
def update(channel_id: int) -> Response:
    channel = _found(channel_id)
    form = ChannelForm(request.form, channel=channel)
    if not form.validate():
        return _page(channel, form, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            addresses.change(desk, channel_id, form.values, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(channel, form, refused.status)
    sweeps.judge_anew(now())
    return _done(gettext("%(name)s is changed.", name=form.name.data))


@bp.post("/settings/addresses/<int:channel_id>/closing")
@allowed("edit_channels")
def close(channel_id: int) -> Response:
    channel = _found(channel_id)
    try:
        with writing(ensure_desk(now())) as desk:
            addresses.close(desk, channel_id, by=acting(), now=now())
    except Refused as refused:
        return _refused(channel, refused)
    return _done(gettext("%(name)s is closed. Its tickets stay.", name=channel.name))


@bp.post("/settings/addresses/<int:channel_id>/reopening")
@allowed("edit_channels")
def reopen(channel_id: int) -> Response:
    channel = _found(channel_id)
    try:
        with writing(ensure_desk(now())) as desk:
            addresses.reopen(desk, channel_id, by=acting(), now=now())
    except Refused as refused:
        return _refused(channel, refused)
    return _done(gettext("%(name)s is in use again.", name=channel.name))


def _found(channel_id: int) -> Channel:
    channel = db.session.get(Channel, channel_id)
    if channel is None:
        raise access.not_found()
    return channel


def _page(channel: Channel, form: ChannelForm, status: int = 200) -> Response:
    return page("settings/address.html", channel=channel, kinds=KINDS, form=form, status=status)


def _refused(channel: Channel, refused: Refused) -> Response:
    form = ChannelForm(channel=channel)
    form.refuse(refused)
    return _page(channel, form, refused.status)


def _done(text: str) -> Response:
    flash(text)
    return redirect(url_for("addresses.index"), code=303)

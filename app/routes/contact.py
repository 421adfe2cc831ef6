"""The public form: what is written there arrives like a mail."""

import hashlib
import secrets
from datetime import datetime
from typing import Any, Self

from flask import Blueprint, redirect, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import CombinedMultiDict, FileStorage
from werkzeug.wrappers import Response
from wtforms import HiddenField, MultipleFileField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, Length

from app import words
from app.auth import now
from app.config import settings
from app.database import db
from app.desk import access, addresses, inbox, messages, throttle
from app.desk.refused import Refused
from app.forms import Form
from app.html import page
from app.mail.form import File, message_from_form
from app.models.calendar import Calendar
from app.models.channel import Channel, channels_in_use
from app.models.desk import the_desk
from app.routes.sign_ins import address
from app.words import N_, gettext
from rules import hours

bp = Blueprint("contact", __name__)

LONGEST_NAME = 100
LONGEST_SUBJECT = 200
MOST_FILES = 10
MOST_MEGABYTES = 20
MOST_PER_ADDRESS = 20  # messages within throttle.WINDOW_FOR


class ContactForm(Form):
    name = StringField(N_("Your name"), [DataRequired(), Length(max=LONGEST_NAME)])
    email = StringField(N_("Your e-mail address"), [DataRequired(), Length(max=320)])
    subject = StringField(N_("What is it about?"), [DataRequired(), Length(max=LONGEST_SUBJECT)])
    text = TextAreaField(N_("Your message"), [DataRequired(), Length(max=messages.LONGEST_TEXT)])
    files = MultipleFileField(N_("Files"), description=N_("Up to 10 files, 20 MB together."))
    website = StringField(N_("Leave this empty"))  # people do not see it; machines fill in everything
    opened = HiddenField()  # a signed token: when, and which page, so that a message sent twice is one

    @classmethod
    def from_request(cls, **values: Any) -> Self:
        return cls(CombinedMultiDict([request.files, request.form]), **values)

    def validate_email(self, field: StringField) -> None:
        try:
            kept = addresses.checked(field.data)
        except Refused as refused:
            raise ValidationError(refused.said()) from refused
        if kept in {channel.address for channel in channels_in_use("email")}:
            raise ValidationError(gettext("This is our own address. Write yours, so that we can answer."))
        self.address = kept

    def validate_files(self, _field: MultipleFileField) -> None:
        sent = self.sent_files
        if len(sent) > MOST_FILES:
            raise ValidationError(gettext("Send at most %(most)s files.", most=MOST_FILES))
        if sum(_size(file) for file in sent) > MOST_MEGABYTES * 1024 * 1024:
            raise ValidationError(gettext("Send at most %(most)s MB of files.", most=MOST_MEGABYTES))

    def validate_website(self, field: StringField) -> None:
        if field.data:
            raise ValidationError(gettext("Leave this field empty: it is a trap for machines."))

    @property
    def sent_files(self) -> list[FileStorage]:
        return [file for file in self.files.data or () if isinstance(file, FileStorage) and file.filename]


@bp.get("/contact")
def new() -> Response:
    channel = _channel()
    _speak()
    return _page(ContactForm(opened=_signer().dumps(secrets.token_hex(8))), channel)


@bp.post("/contact")
def create() -> Response:
    channel, at = _channel(), now()
    _speak()
    form = ContactForm.from_request()
    if not form.validate():
        return _page(form, channel, 422)
    try:
        once = _opened(form)
        throttle.count(f"contact:{throttle.network(address())}", MOST_PER_ADDRESS, at)
        inbox.receive(_message(form, channel, once, at), now=at, source="form")
    except Refused as refused:
        form.refuse(refused)
        return _page(form, channel, refused.status)
    except (inbox.Unavailable, DBAPIError):
        form.form_errors.append(
            gettext("We cannot take your message just now. Please send it again in a minute.")
        )
        return _page(form, channel, 503)
    return redirect(url_for("contact.sent", lang=request.args.get("lang")), code=303)


@bp.get("/contact/sent")
def sent() -> Response:
    channel = _channel()
    _speak()
    at = _opens_at(channel)
    return page("contact/sent.html", desk_name=_desk_name(), opens_at=at, lang=words.locale(), zone="")


def _channel() -> Channel:
    """The contact form as a channel; it is not there when no such channel is in use."""
    channels = channels_in_use("form")
    if not channels:
        raise access.not_found()
    return channels[0]


def _speak() -> None:
    """The language that the address asks for, else what html.py has chosen."""
    if (asked := request.args.get("lang")) in words.LOCALES:
        words.speak(str(asked))


def _page(form: ContactForm, channel: Channel, status: int = 200) -> Response:
    return page(
        "contact/new.html",
        form=form,
        desk_name=_desk_name(),
        opens_at=_opens_at(channel),
        lang=words.locale(),
        languages=words.LOCALES,
        zone="",  # the browser's own
        status=status,
    )


def _opened(form: ContactForm) -> str:
    """Which page was filled in. Refused when it is none of ours; the page that comes back can be sent at once. How fast
    it was filled in says nothing: browsers do that by themselves."""
    try:
        return str(_signer().loads(form.opened.data or ""))
    except BadData:
        form.opened.data = _signer().dumps(secrets.token_hex(8))
        raise Refused(N_("This page was too old or changed on its way. Please send it again.")) from None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        settings().secret_key, salt="contact", signer_kwargs={"digest_method": hashlib.sha256}
    )


def _message(form: ContactForm, channel: Channel, once: str, at: datetime) -> bytes:
    sender = messages.sender(channel)
    return message_from_form(
        name=form.name.data,
        address=form.address,
        to=sender.address if sender else None,
        subject=form.subject.data,
        text=form.text.data,
        files=[File(str(one.filename), one.mimetype, one.read()) for one in form.sent_files],
        date=at,
        language=words.locale(),
        once=once,
        domain=settings().host_name,
    )


def _size(file: FileStorage) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


def _desk_name() -> str:
    desk = the_desk()
    return desk.name if desk else "Nightdesk"


def _opens_at(channel: Channel) -> datetime | None:
    """When somebody reads messages again; None while the channel is open, or has no hours of its own."""
    calendar = db.session.get(Calendar, channel.calendar_id) if channel.calendar_id else None
    if calendar is None:
        return None
    week = hours.Calendar.from_json(calendar.hours)
    return None if hours.is_open(week, now()) else hours.next_change(week, now())

"""The automatic answer to a first message, as an admin sets it for each address, with a preview."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField

from app.auth import acting, allowed, now
from app.database import db, writing
from app.desk import access, acknowledgements
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.channel import Channel
from app.models.desk import the_desk
from app.words import N_, gettext, language_name

bp = Blueprint("acknowledgements", __name__)

NAME = "Kim Minji"  # of the customer in the preview
ADDRESS = "minji@example.org"


class AcknowledgementForm(Form):
    on = BooleanField(
        N_("Answer a first message automatically"),
        description=N_(
            "A minute after it arrived, and not at all when a person answers first. At most once a day for each "
            "customer, and never to automatic mail."
        ),
    )


@bp.get("/settings/addresses/<int:channel_id>/acknowledgement")
@allowed("edit_channels")
def edit(channel_id: int) -> Response:
    channel = _found(channel_id)
    texts = {language: acknowledgements.text_of(channel, language) for language in _languages()}
    return _page(channel, AcknowledgementForm(on=channel.acknowledges), texts)


@bp.post("/settings/addresses/<int:channel_id>/acknowledgement")
@allowed("edit_channels")
def update(channel_id: int) -> Response:
    """Saves the texts or, with `preview`, only shows what they would say."""
    channel = _found(channel_id)
    form = AcknowledgementForm.from_request()
    texts = {language: request.form.get(f"text_{language}", "") for language in _languages()}
    if "preview" in request.form:
        return _page(channel, form, texts)
    try:
        with writing(ensure_desk(now())) as desk:
            acknowledgements.set_up(desk, channel_id, on=form.on.data, texts=texts, by=acting(), now=now())
    except Refused as refused:
        wrong = {refused.field or "": refused.said()}
        if refused.field == "on":
            form.refuse(refused)
        return _page(channel, form, texts, wrong=wrong, status=refused.status)
    flash(gettext("The automatic answer of %(name)s is changed.", name=channel.name))
    return redirect(url_for("addresses.edit", channel_id=channel_id), code=303)


def _found(channel_id: int) -> Channel:
    channel = db.session.get(Channel, channel_id)
    if channel is None or channel.kind == "manual":
        raise access.not_found()
    return channel


def _languages() -> list[str]:
    desk = the_desk()
    return desk.languages if desk else []


def _page(
    channel: Channel,
    form: AcknowledgementForm,
    texts: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    return page(
        "settings/acknowledgement.html",
        channel=channel,
        form=form,
        texts=[_told(channel, language, text) for language, text in texts.items()],
        wrong=wrong or {},
        longest=acknowledgements.LONGEST_TEXT,
        status=status,
    )


def _told(channel: Channel, language: str, text: str) -> dict[str, Any]:
    """One text for the form, and what a customer would read; an empty text is the usual one."""
    week = acknowledgements.hours_of(channel)
    text = text.strip() or acknowledgements.usual_text(language)
    shown = acknowledgements.filled(text, language, name=NAME, address=ADDRESS, week=week) if week else None
    return {"language": language, "name": language_name(language), "text": text, "preview": shown}

"""Webhooks: named, addressed and signed by managers."""

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from app.auth import acting, allowed, now
from app.database import writing
from app.desk import webhooks
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.webhook import Webhook, all_webhooks
from app.words import N_, gettext

bp = Blueprint("webhooks", __name__)


class WebhookForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=webhooks.LONGEST_NAME)])
    url = StringField(N_("Address"), [InputRequired(), Length(max=webhooks.LONGEST_URL)])
    secret = PasswordField(N_("Secret"))


@bp.get("/settings/webhooks")
@allowed("edit_webhooks")
def index() -> Response:
    return _index(WebhookForm())


@bp.post("/settings/webhooks")
@allowed("edit_webhooks")
def create() -> Response:
    form = WebhookForm.from_request()
    if not form.validate():
        return _index(form, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            webhook = webhooks.add(desk, **_values(form), by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _index(form, refused.status)
    flash(gettext("The webhook %(name)s is added.", name=webhook.name))
    return redirect(url_for("webhooks.index"), code=303)


@bp.get("/settings/webhooks/<int:webhook_id>")
@allowed("edit_webhooks")
def edit(webhook_id: int) -> Response:
    webhook = webhooks.found(webhook_id)
    return _page(WebhookForm(name=webhook.name, url=webhook.url), webhook)


@bp.post("/settings/webhooks/<int:webhook_id>")
@allowed("edit_webhooks")
def update(webhook_id: int) -> Response:
    webhook, form = webhooks.found(webhook_id), WebhookForm.from_request()
    if not form.validate():
        return _page(form, webhook, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            webhook = webhooks.change(desk, webhook_id, **_values(form), by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(form, webhook, refused.status)
    flash(gettext("The webhook %(name)s is changed.", name=webhook.name))
    return redirect(url_for("webhooks.index"), code=303)


@bp.post("/settings/webhooks/<int:webhook_id>/removal")
@allowed("edit_webhooks")
def remove(webhook_id: int) -> Response:
    with writing(ensure_desk(now())) as desk:
        name = webhooks.remove(desk, webhook_id, by=acting(), now=now())
    flash(gettext("The webhook %(name)s is removed.", name=name))
    return redirect(url_for("webhooks.index"), code=303)


def _values(form: WebhookForm) -> dict[str, str]:
    return {"name": form.name.data, "url": form.url.data, "secret": form.secret.data or ""}


def _index(form: WebhookForm, status: int = 200) -> Response:
    return page("settings/webhooks.html", form=form, webhooks=all_webhooks(), status=status)


def _page(form: WebhookForm, webhook: Webhook, status: int = 200) -> Response:
    rules = webhooks.rules_of(webhook)
    return page("settings/webhook.html", form=form, webhook=webhook, rules=rules, status=status)

"""The mailbox of an e-mail address: where it lies, whether it can be read, and signing in at its provider."""

import secrets
from typing import Any

from flask import Blueprint, flash, redirect, request, session, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import Length, Optional

from app.auth import acting, allowed, now
from app.channels import Permanent, Temporary, imap, oauth
from app.config import settings
from app.database import db, writing
from app.desk import access, mailboxes
from app.desk.refused import Refused
from app.desk.sealed import Unreadable
from app.desk.setup import ensure_desk
from app.forms import Form, said
from app.html import page
from app.models.channel import Channel
from app.models.mailbox import ENCRYPTIONS, SIGN_INS, Mailbox, mailbox_of
from app.words import N_, gettext, ngettext

bp = Blueprint("mailboxes", __name__)

PENDING = "mailbox"  # in the session: who went to a provider to sign in, and for which address


class MailboxForm(Form):
    sign_in = SelectField(N_("Sign in by"), choices=said(SIGN_INS))
    host = StringField(
        N_("Server"),
        [Length(max=253)],
        description=N_("As imap.example.com. For Microsoft 365 and Gmail it may stay empty."),
    )
    encryption = SelectField(N_("Encryption"), choices=said(ENCRYPTIONS))
    port = IntegerField(N_("Port"), [Optional()], description=N_("Empty is the usual one."))
    unprotected = BooleanField(N_("Send the password unprotected to another machine"))
    user_name = StringField(
        N_("User name"), [Length(max=320)], description=N_("Empty is the e-mail address.")
    )
    folder = StringField(N_("Folder"), [Length(max=255)], description=N_("Empty is INBOX."))
    password = PasswordField(
        N_("Password"),
        [Length(max=1000)],
        description=N_("Kept encrypted and never shown. Empty keeps the present one."),
    )
    client_id = StringField(N_("Client id"), [Length(max=1000)])
    client_secret = PasswordField(
        N_("Client secret"),
        [Length(max=1000)],
        description=N_("Kept encrypted and never shown. Empty keeps the present one."),
    )
    authorise_url = StringField(N_("Address of the sign-in page"), [Length(max=1000)])
    token_url = StringField(N_("Address for tokens"), [Length(max=1000)])
    scope = StringField(N_("Scope"), [Length(max=1000)])
    take_old = BooleanField(
        N_("Also take what lies in the mailbox already"),
        description=N_("Otherwise only what arrives from now on becomes tickets."),
    )

    @property
    def values(self) -> dict[str, Any]:
        """As the verb takes them."""
        return {field.name: field.data or "" for field in self} | {
            "port": self.port.data,
            "unprotected": self.unprotected.data,
            "take_old": self.take_old.data,
        }


@bp.get("/settings/addresses/<int:channel_id>/mailbox")
@allowed("edit_channels")
def edit(channel_id: int) -> Response:
    channel = _found(channel_id)
    mailbox = mailbox_of(channel_id)
    unprotected = mailbox is not None and mailbox.encryption == "none"
    return _page(channel, MailboxForm(obj=mailbox, unprotected=unprotected))


@bp.post("/settings/addresses/<int:channel_id>/mailbox")
@allowed("edit_channels")
def update(channel_id: int) -> Response:
    channel = _found(channel_id)
    form = MailboxForm.from_request()
    if not form.validate():
        return _page(channel, form, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            mailboxes.change(desk, _found(channel_id), **form.values, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(_found(channel_id), form, refused.status)
    flash(gettext("The mailbox is set up. It is looked into now."))
    return _back(channel_id)


@bp.post("/settings/addresses/<int:channel_id>/mailbox/removal")
@allowed("edit_channels")
def remove(channel_id: int) -> Response:
    _found(channel_id)
    with writing(ensure_desk(now())) as desk:
        mailboxes.remove(desk, _found(channel_id), by=acting(), now=now())
    flash(gettext("Nothing is fetched from the mailbox any more. What lies in it stays there."))
    return _back(channel_id)


@bp.post("/settings/addresses/<int:channel_id>/mailbox/test")
@allowed("edit_channels")
def test(channel_id: int) -> Response:
    _found(channel_id)
    mailbox_id = _mailbox(channel_id).id
    try:
        found = imap.test(mailbox_id, now())
    except imap.Failed as failure:
        flash(" ".join(filter(None, (gettext(failure.text), failure.detail))), "error")
        return _back(channel_id)
    flash(
        ngettext(
            "It works. There is %(num)s message in the folder.",
            "It works. There are %(num)s messages in the folder.",
            found.messages,
        )
    )
    return _back(channel_id)


@bp.get("/settings/addresses/<int:channel_id>/mailbox/authorisation")
@allowed("edit_channels")
def authorise(channel_id: int) -> Response:
    """Sends the browser to the provider, which sends it back with a code that only this browser may bring."""
    _found(channel_id)
    mailbox = _mailbox(channel_id)
    if not mailbox.by_oauth:
        raise access.not_found()
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    session[PENDING] = {
        "channel": channel_id,
        "version": mailbox.version,
        "state": state,
        "verifier": verifier,
    }
    address = oauth.authorise_address(mailbox, redirect_uri=_callback(), state=state, verifier=verifier)
    return redirect(address, code=303)


@bp.get("/settings/mailboxes/authorised")
@allowed("edit_channels")
def authorised() -> Response:
    """Where the provider sends the browser back to."""
    pending = session.pop(PENDING, None)
    if pending is None or not secrets.compare_digest(
        pending["state"].encode(), request.args.get("state", "").encode()
    ):
        raise Refused(N_("This sign-in was not begun here, or was used already. Begin again."))
    channel_id, code = pending["channel"], request.args.get("code")
    _found(channel_id)
    mailbox = _mailbox(channel_id)
    if mailbox.version != pending["version"]:  # it may be another provider's by now, or another person's
        raise Refused(N_("The mailbox was changed meanwhile. Begin again."), status=409)
    if not code:
        told = f"{request.args.get('error', '')} {request.args.get('error_description', '')}".strip()[:300]
        flash(gettext("The provider did not let the desk in: %(error)s", error=told), "error")
        return _back(channel_id)
    db.session.rollback()
    try:
        tokens = oauth.exchange(
            mailbox, code=code, redirect_uri=_callback(), verifier=pending["verifier"], now=now()
        )
    except Unreadable:
        flash(gettext(imap.NEW_KEY), "error")
        return _back(channel_id)
    except (Permanent, Temporary) as error:
        flash(gettext("The provider did not let the desk in: %(error)s", error=str(error)[:300]), "error")
        return _back(channel_id)
    with writing(ensure_desk(now())) as desk:
        mailboxes.allow(desk, _found(channel_id), tokens, by=acting(), now=now())
    flash(gettext("The desk may read the mailbox now."))
    return _back(channel_id)


def _found(channel_id: int) -> Channel:
    channel = db.session.get(Channel, channel_id)
    if channel is None or channel.kind != "email":
        raise access.not_found()
    return channel


def _mailbox(channel_id: int) -> Mailbox:
    mailbox = mailbox_of(channel_id)
    if mailbox is None:
        raise access.not_found()
    return mailbox


def _callback() -> str:
    return settings().base_url + url_for("mailboxes.authorised")


def _page(channel: Channel, form: MailboxForm, status: int = 200) -> Response:
    return page(
        "settings/mailbox.html",
        channel=channel,
        mailbox=mailbox_of(channel.id),
        form=form,
        sign_ins=SIGN_INS,
        callback=_callback(),
        now=now(),
        status=status,
    )


def _back(channel_id: int) -> Response:
    return redirect(url_for("mailboxes.edit", channel_id=channel_id), code=303)

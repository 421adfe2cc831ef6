"""The settings of webhooks."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from app.database import db
from app.models.webhook import Webhook
from tests.small import SmallDesk

SENT = {"name": "Chat", "url": "https://example.com/hook", "secret": "a secret of many letters"}


def test_a_webhook_is_added_changed_and_removed(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    """Its secret is never shown, and stays when none is typed."""
    browser = browser_as(desk.alice)
    assert "No webhook yet." in browser.get("/settings/webhooks").text
    assert browser.post("/settings/webhooks", data={**SENT, "secret": ""}).status_code == 422
    assert browser.post("/settings/webhooks", data=SENT).status_code == 303
    webhook = db.session.scalars(select(Webhook)).one()
    sealed, address = webhook.secret, f"/settings/webhooks/{webhook.id}"
    page = browser.get(address).text
    assert 'value="https://example.com/hook"' in page
    assert SENT["secret"] not in page
    assert sealed not in page
    assert browser.post(address, data={**SENT, "name": "Talk", "secret": ""}).status_code == 303
    db.session.expire_all()
    assert (webhook.name, webhook.secret) == ("Talk", sealed)
    assert browser.post(address, data={**SENT, "url": "nowhere"}).status_code == 422
    rule = {"name": "A", "query": "refund", "once_per": "episode", "action": ["call_webhook"]}
    form = {**rule, "then_0_webhook": str(webhook.id), "do": "save"}
    assert browser.post("/rules", data=form).status_code == 303
    assert "Call the webhook Talk" in browser.get("/rules").text
    assert "In the rules: A" in browser.get(address).text

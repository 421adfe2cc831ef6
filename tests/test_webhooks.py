"""Webhooks: what a rule tells them leaves signed, is tried again, and goes nowhere inside the network."""

import base64
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_network
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import sweeps
from app.channels import webhooks as channel
from app.database import db, writing
from app.desk import webhooks
from app.desk.refused import Refused
from app.models.delivery import Delivery
from app.models.event import By
from app.models.rule import Rule
from app.models.webhook import Webhook
from tests.hook import Hook, listening
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_rule_firings import add_rule

SECRET = "a secret of many letters"
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as running:
        yield running


@pytest.fixture
def inside(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator allows this machine."""
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], webhook_allow=LOOPBACK))


def named(desk: SmallDesk, url: str, now: datetime, secret: str = SECRET) -> Webhook:
    with writing(desk.row) as row:
        return webhooks.add(row, name="Chat", url=url, secret=secret, by=By("clock"), now=now)


def call(desk: SmallDesk, url: str, now: datetime) -> None:
    webhook = named(desk, url, now)
    add_rule(desk, "lamp", now, {"kind": "call_webhook", "webhook": webhook.id}, name="Lamps")
    ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)


def delivery() -> Delivery:
    db.session.rollback()
    return db.session.scalars(select(Delivery).execution_options(populate_existing=True)).one()


@pytest.mark.usefixtures("inside")
def test_a_rule_calls_a_webhook(desk: SmallDesk, now: datetime, hook: Hook) -> None:
    """Once, with the facts of the ticket, signed by the secret over the id, the time and the body."""
    call(desk, hook.url(), now)
    for _ in range(2):
        sweeps.send_webhooks(now)
    ((path, headers, body),) = hook.got
    assert (path, delivery().state) == ("/hook?of=desk", "sent")
    told = json.loads(body)
    assert (told["type"], told["rule"]["name"]) == ("rule.fired", "Lamps")
    assert (told["ticket"]["subject"], told["customer"]["name"]) == ("A lamp", "Kim Seoyeon")
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(SECRET.encode(), signed, sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert SECRET not in db.session.scalars(select(Webhook.secret)).one()


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(("status", "state"), [(500, "queued"), (302, "queued"), (410, "failed")])
def test_what_is_not_taken_is_tried_again_later(
    desk: SmallDesk, now: datetime, hook: Hook, status: int, state: str
) -> None:
    """Not at once; a redirect is not followed; who says that it is gone for good is not asked again."""
    call(desk, hook.url(), now)
    hook.status = status
    sweeps.send_webhooks(now)
    assert (delivery().state, len(hook.got)) == (state, 1)
    assert f"HTTP {status}" in (delivery().error or "")
    sweeps.send_webhooks(now + timedelta(seconds=59))
    hook.status = 200
    sweeps.send_webhooks(now + timedelta(minutes=1))
    assert (delivery().state == "sent", len(hook.got)) == (state == "queued", 1 + (state == "queued"))


def test_this_machine_is_inside_the_network(desk: SmallDesk, now: datetime, hook: Hook) -> None:
    """Unless the operator allows it; what failed is listed with what was not delivered."""
    call(desk, hook.url("localhost"), now)
    sweeps.send_webhooks(now)
    assert (delivery().state, hook.got) == ("failed", [])
    assert "inside the network" in (delivery().error or "")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://192.168.0.1:8080/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "https://[fe80::1]/",
        "http://100.64.0.1/",
        "http://2130706433/",
    ],
)
def test_addresses_inside_the_network_are_refused(now: datetime, url: str) -> None:
    with pytest.raises(channel.Failed) as caught:
        channel.post(url, "{}", id="1", secret=SECRET, now=now, allowed=())
    assert "inside the network" in str(caught.value)
    assert caught.value.permanent


def test_mail_does_not_take_webhooks_along(desk: SmallDesk, now: datetime, hook: Hook) -> None:
    call(desk, hook.url(), now)
    sweeps.send_due(now)
    assert (delivery().state, hook.got) == ("queued", [])


def test_a_secret_as_the_standard_writes_it() -> None:
    """The example of standardwebhooks.com."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signed = channel.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://me:pw@example.com/"}, "url"),
        ({"url": "https://example.com:99999/"}, "url"),
        ({"url": "https://example.com/\nx"}, "url"),
        ({"name": " "}, "name"),
        ({"name": "chat"}, "name"),
        ({"secret": "short"}, "secret"),
    ],
)
def test_odd_webhooks_are_refused(desk: SmallDesk, now: datetime, values: dict[str, Any], field: str) -> None:
    named(desk, "https://example.com/", now)
    given = {"name": "Other", "url": "https://example.com/", "secret": SECRET, **values}
    with pytest.raises(Refused) as caught, writing(desk.row) as row:
        webhooks.add(row, **given, by=By("clock"), now=now)
    assert caught.value.field == field


def test_one_that_rules_call_goes_and_they_are_off(desk: SmallDesk, now: datetime) -> None:
    call(desk, "https://example.com/", now)
    webhook = db.session.scalars(select(Webhook)).one()
    assert webhooks.rules_of(webhook) == ["Lamps"]
    with writing(desk.row) as row:
        webhooks.remove(row, webhook.id, by=By("clock"), now=now)
    assert not db.session.scalars(select(Rule)).one().enabled

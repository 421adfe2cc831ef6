"""Webhooks: set up by managers under the desk's lock, called by rules through the outbox."""

import json
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select, update

from app.config import settings
from app.database import db
from app.desk import access, broken_rules, deliveries, sealed, uses
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.event import By
from app.models.rule import Rule
from app.models.ticket import PRIORITY_NAMES, Ticket
from app.models.webhook import Webhook
from app.words import N_
from rules.query import quoted

MOST = 50
LONGEST_NAME = 60
LONGEST_URL = 1_000
SHORTEST_SECRET, LONGEST_SECRET = 16, 200


def add(desk: Desk, *, name: str, url: str, secret: str, by: By, now: datetime) -> Webhook:
    access.demand(by, "edit_webhooks", None, now)
    if (db.session.scalar(select(func.count()).select_from(Webhook)) or 0) >= MOST:
        raise Refused(N_("A desk has at most %(most)s webhooks."), field="name", most=MOST)
    webhook = Webhook(name=_name(name, None), url=_url(url), secret=_sealed(secret), created_at=now)
    db.session.add(webhook)
    db.session.flush()
    record(desk, "webhook.added", ("webhook", webhook.id), by=by, now=now, new=webhook.name)
    return webhook


def change(
    desk: Desk, webhook_id: int, *, name: str, url: str, secret: str, by: By, now: datetime
) -> Webhook:
    """An empty secret is the one that it has."""
    access.demand(by, "edit_webhooks", None, now)
    webhook = found(webhook_id)
    webhook.name, webhook.url = _name(name, webhook), _url(url)
    if secret:
        webhook.secret = _sealed(secret)
    record(desk, "webhook.changed", ("webhook", webhook.id), by=by, now=now, new=webhook.name)
    return webhook


def remove(desk: Desk, webhook_id: int, *, by: By, now: datetime) -> str:
    """Takes a webhook away, with what has not left; returns its name. A rule that calls it is switched off."""
    access.demand(by, "edit_webhooks", None, now)
    webhook = found(webhook_id)
    of_it = update(Delivery).where(Delivery.webhook_id == webhook.id)
    db.session.execute(of_it.where(Delivery.state == "queued").values(state="cancelled", wake_at=None))
    db.session.execute(of_it.values(webhook_id=None))
    db.session.delete(webhook)
    db.session.flush()
    record(desk, "webhook.removed", ("webhook", webhook.id), by=by, now=now, old=webhook.name)
    called = {f"webhook:#{webhook.id}": f"webhook:{quoted(webhook.name)}"}
    broken_rules.switch_off(desk, called=called, by=by, now=now)
    return webhook.name


def rules_of(webhook: Webhook) -> list[str]:
    """The names of the rules that call it."""
    return [rule.name for rule in uses.rules_with("webhook", webhook.id)]


def found(webhook_id: int) -> Webhook:
    """Refused with 404 when there is no such webhook."""
    webhook = db.session.get(Webhook, webhook_id)
    if webhook is None:
        raise access.not_found()
    return webhook


def call(board: Board, ticket: Ticket, webhook: Webhook, rule: Rule, *, now: datetime) -> None:
    """Queues what a webhook is told of a ticket, with the facts as they are now and no word of the conversation."""
    key = f"webhook.{webhook.id}.{rule.id}.{ticket.id}.{board.seq}.{now:%Y%m%dT%H%M%S%f}"
    deliveries.queue(
        key,
        at=now,
        now=now,
        kind="webhook",
        webhook_id=webhook.id,
        board_id=board.id,
        from_name="Nightdesk",
        from_address="",
        to_name=webhook.name,
        to_address=urlsplit(webhook.url).hostname or "",
        subject=f"{webhook.name}: #{ticket.id}",
        text=json.dumps(_facts(board, ticket, rule, now), ensure_ascii=False, indent=1),
        header_id=key,
        automatic=True,
    )


def _facts(board: Board, ticket: Ticket, rule: Rule, now: datetime) -> dict[str, object]:
    customer, assignee, team = ticket.customer, ticket.assignee, ticket.team
    return {
        "type": "rule.fired",
        "timestamp": now.isoformat(),
        "rule": {"id": rule.id, "name": rule.name},
        "ticket": {
            "number": ticket.id,
            "url": f"{settings().base_url}/tickets/{ticket.id}",
            "subject": ticket.subject,
            "board": board.name,
            "column": ticket.column.name,
            "state": ticket.state,
            "priority": PRIORITY_NAMES[ticket.priority],
            "language": ticket.language,
            "tags": sorted(tag.name for tag in ticket.tags),
            "assignee": assignee.email if assignee else None,
            "team": team.name if team else None,
            "created_at": ticket.created_at.isoformat(),
            "due_at": ticket.next_deadline_at.isoformat() if ticket.next_deadline_at else None,
        },
        "customer": {
            "id": customer.id,
            "name": customer.name,
            "addresses": [address.address for address in customer.addresses],
            "vip": customer.vip,
        },
    }


def _name(name: str, webhook: Webhook | None) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise Refused(N_("A name has 1 to %(most)s characters."), field="name", most=LONGEST_NAME)
    others = db.session.scalars(select(Webhook.name).where(Webhook.id != (webhook.id if webhook else 0)))
    if any(other.casefold() == name.casefold() for other in others):
        raise Refused(N_("There is a webhook of this name already."), field="name")
    return name


def _url(url: str) -> str:
    url = url.strip()
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        good = False
    if (
        not good
        or len(url) > LONGEST_URL
        or parts.username
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise Refused(N_("Write an address like https://example.com/hook, without a password."), field="url")
    return url


def _sealed(secret: str) -> str:
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise Refused(
            N_("A secret has %(least)s to %(most)s characters."),
            field="secret",
            least=SHORTEST_SECRET,
            most=LONGEST_SECRET,
        )
    return sealed.seal(secret)

"""Mail in: a look into each mailbox that is due, and what a dead process left unhandled."""

import logging
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from flask import Flask, current_app

from app.channels import imap
from app.database import db
from app.desk import inbox, mailboxes
from app.sweeps.process import process

log = logging.getLogger(__name__)

AT_ONCE = 8  # mailboxes looked into side by side


def fetch_mail(now: datetime) -> Counter[str]:
    """Looks into the mailboxes that are due, side by side: one that is broken stops no other, and one that is silent
    holds the next look of the others up for as long as a look may take at most."""
    due = mailboxes.due(now)
    db.session.rollback()
    if not due:
        return Counter()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(min(len(due), AT_ONCE), "mailbox") as threads:
        return sum(threads.map(lambda mailbox_id: _fetch(app, mailbox_id, now), due), Counter[str]())


def handle_left(now: datetime) -> Counter[str]:
    """Handles archived messages whose process died before it did."""
    counts: Counter[str] = Counter()
    for raw_id in inbox.left(now):
        counts[inbox.handle(raw_id, now=now).action] += 1
    return counts


def _fetch(app: Flask, mailbox_id: int, now: datetime) -> Counter[str]:
    """One look into one mailbox, on a thread of its own. What fails unforeseen leaves its claim, which runs out."""
    owner = f"{process()}:{secrets.token_hex(4)}"
    with app.app_context():
        try:
            return imap.look(mailbox_id, owner, now) if mailboxes.claim(mailbox_id, owner, now) else Counter()
        except Exception:
            log.exception("the look into mailbox %s failed", mailbox_id)
            return Counter(failed=1)

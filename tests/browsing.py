"""A browser without script: Flask's test client, behaving as a browser that shows the desk's own pages."""

import hashlib
import secrets
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import insert

from app.config import settings
from app.database import bookkeeping, db
from app.models.person import Person, SignIn


class Browser(FlaskClient):
    """Sends what a browser sends with a form of the same site; a test that plays a stranger overrides the header.

    Each request runs in a context of its own, as on a server: it shares neither a session nor a signed-in person
    with the test. Afterwards the test's session forgets what it has read.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], str):
            kwargs.setdefault("base_url", settings().base_url)
        self.environ_base.setdefault("HTTP_SEC_FETCH_SITE", "same-origin")
        try:
            return Context().run(super().open, *args, **kwargs)
        finally:
            db.session.rollback()
            db.session.expire_all()


def sign_in(browser: FlaskClient, person: Person, now: datetime) -> str:
    """Signs a person in without the work of checking a password; returns the token."""
    token = secrets.token_hex(16)
    bookkeeping(
        insert(SignIn).values(
            id=hashlib.sha256(token.encode()).hexdigest(),
            person_id=person.id,
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(days=1),
            address="127.0.0.1",
            browser="test",
        )
    )
    with browser.session_transaction(base_url=settings().base_url) as session:
        session["_user_id"] = token
        session["_fresh"] = True
    return token

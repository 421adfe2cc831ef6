"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

from app.database import db

T = TypeVar("T")


def until(found: Callable[[], T], seconds: float = 25) -> T:
    """What `found` returns as soon as that is something; each time the database is read anew."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        db.session.rollback()
        db.session.expire_all()
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")

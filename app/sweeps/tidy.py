"""Sessions and throttles that have run out are forgotten."""

from collections import Counter
from datetime import datetime

from sqlalchemy import delete

from app.database import bookkeeping
from app.models.person import SignIn, Throttle


def tidy(now: datetime) -> Counter[str]:
    """Forgets sessions and throttles that have run out."""
    signed_in = bookkeeping(delete(SignIn).where(SignIn.expires_at <= now)).count
    throttled = bookkeeping(delete(Throttle).where(Throttle.until <= now)).count
    return Counter({"sessions": signed_in, "throttles": throttled})

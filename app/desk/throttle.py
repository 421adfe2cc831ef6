"""Counts tries under a key within a window; all processes count together. Bookkeeping, one statement each."""

import ipaddress
from datetime import datetime, timedelta

from sqlalchemy import case, or_

from app.database import bookkeeping, insert_new
from app.desk.refused import Refused
from app.models.person import Throttle
from app.words import N_

WINDOW_FOR = timedelta(minutes=15)


def count(key: str, most: int, now: datetime) -> None:
    """Counts one try. Refused with 429 when it is more than the `most` within the window that the first one began."""
    over = Throttle.until <= now
    kept = bookkeeping(
        insert_new(Throttle)
        .values(key=key, count=1, until=now + WINDOW_FOR)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": case((over, 1), else_=Throttle.count + 1),
                # later than a window after now it lies only when the machine's clock was set back
                "until": case(
                    (or_(over, Throttle.until > now + WINDOW_FOR), now + WINDOW_FOR), else_=Throttle.until
                ),
            },
        )
        .returning(Throttle.count, Throttle.until)
    )
    tries, until = kept.rows[0]
    if tries > most:
        minutes = max(1, -(-int((until - now).total_seconds()) // 60))
        raise Refused(N_("Too many tries. Try again in %(minutes)s min."), status=429, minutes=minutes)


def network(address: str) -> str:
    """The network of an address, to be counted as one: with IPv6 a household has 2^64 addresses."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, 64 if ip.version == 6 else 32), strict=False))

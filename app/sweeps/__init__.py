"""Background work: rows whose `wake_at` has passed. Any number of processes may sweep; locks and claims keep it right.

Each sweep takes `now`, does everything that is due, oldest first, and returns what it did as counts.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from app.sweeps.alerts import wake_alerts
from app.sweeps.backtests import answer_at_once, run_backtests
from app.sweeps.deliveries import send_due
from app.sweeps.mail import fetch_mail, handle_left
from app.sweeps.notifications import mail_people
from app.sweeps.set_back import set_back
from app.sweeps.shifts import hand_over
from app.sweeps.tickets import judge_anew, wake_tickets
from app.sweeps.tidy import tidy
from app.sweeps.trials import Outcome, try_out
from app.sweeps.webhooks import send_webhooks

__all__ = [
    "SWEEPS",
    "Outcome",
    "answer_at_once",
    "everything",
    "fetch_mail",
    "hand_over",
    "handle_left",
    "judge_anew",
    "mail_people",
    "run_backtests",
    "send_due",
    "send_webhooks",
    "set_back",
    "tidy",
    "try_out",
    "wake_alerts",
    "wake_tickets",
]

SWEEPS: Mapping[str, Callable[[datetime], Counter[str]]] = {
    "mailboxes": fetch_mail,
    "messages": handle_left,
    "shifts": hand_over,  # first it is settled who is on call
    "tickets": wake_tickets,
    "alerts": wake_alerts,
    "notifications": mail_people,
    "deliveries": send_due,
    "backtests": run_backtests,
    "webhooks": send_webhooks,
    "tidy": tidy,
}


def everything(now: datetime) -> dict[str, dict[str, int]]:
    """Does all that is due at `now`, also what that makes due, and counts it per sweep."""
    total = {name: Counter[str]() for name in SWEEPS}
    for _ in range(20):
        done = {name: sweep(now) for name, sweep in SWEEPS.items()}
        for name, counts in done.items():
            total[name] += counts
        if not any(counts.total() for counts in done.values()):
            break
    return {name: dict(counts) for name, counts in total.items()}

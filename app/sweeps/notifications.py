"""Who has not read in the page what concerns them is told by mail."""

from collections import Counter
from datetime import datetime

from app.database import db, writing
from app.desk import notifications
from app.models.desk import Desk


def mail_people(now: datetime) -> Counter[str]:
    """Queues one mail for everybody to whom one is due, in a transaction each."""
    people = notifications.due(now)
    db.session.rollback()
    told = 0
    for person in people:
        with writing(db.session.get_one(Desk, 1)):
            told += notifications.mail(person, now)
    return Counter({"mailed": told})

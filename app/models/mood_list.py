"""The words of moods that a desk has changed; what it has not are those that come with it, see app.mail.lexicon."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import JSON, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db
from app.mail import lexicon
from app.mail.lexicon import Words


class MoodList(Base):
    __tablename__ = "mood_lists"

    language: Mapped[str] = mapped_column(primary_key=True)
    words: Mapped[list[list[str | int]]] = mapped_column(JSON)  # [word, weight] of each
    changed_at: Mapped[datetime]


def words_of(language: str) -> Words:
    """The words of a language and what they weigh, as this desk has them; none for a language without a list."""
    own = db.session.scalar(select(MoodList.words).where(MoodList.language == language))
    if own is None:
        return lexicon.seeded(language)
    return tuple((str(word), int(weight)) for word, weight in own)


def changed_lists() -> Collection[str]:
    """The languages whose words this desk has changed."""
    return frozenset(db.session.scalars(select(MoodList.language)))

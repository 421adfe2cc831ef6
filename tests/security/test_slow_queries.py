"""A query that takes too long is ended by the database and refused in words; the next one finds everything as it was."""

from typing import Any

import pytest
from sqlalchemy import func, literal, select

from app.database import TookTooLong, db, within
from tests.small import SmallDesk

SLOW = {
    "postgresql": select(func.pg_sleep(20)),
    "sqlite": select(func.count()).select_from(
        (numbers := select(literal(1).label("n")).cte(recursive=True)).union_all(
            select(numbers.c.n + 1).where(numbers.c.n < 10**9)
        )
    ),
}


def test_the_database_ends_it(desk: SmallDesk, database: str) -> None:
    for _ in range(2):
        with pytest.raises(TookTooLong), within(0.05):
            db.session.execute(SLOW[database])
    with within(5):
        assert db.session.scalar(select(literal(7))) == 7
    db.session.rollback()


def test_it_is_refused_in_words(app: Any) -> None:
    with app.test_request_context("/tickets?q=lamp"):
        answer = app.handle_user_exception(TookTooLong())
    assert answer.status_code == 422
    assert "takes too long" in answer.get_data(as_text=True)

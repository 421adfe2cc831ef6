"""What logs, error pages and lists of failures say of secrets: nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from app import create_app
from app.database import bookkeeping, db
from app.models.person import Person
from tests.small import SmallDesk


@pytest.fixture
def broken(settings: Any, desk: SmallDesk) -> Iterator[Any]:
    """An app as it runs for customers, with two addresses that break."""
    app = create_app(settings)

    def breaks(token: str = "", number: int = 0) -> str:
        raise RuntimeError("the lamp is broken")

    app.add_url_rule("/broken/<token>", "broken", breaks, methods=["GET", "POST"])
    app.add_url_rule("/broken/<int:number>/number", "broken_number", breaks)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("address", ["/broken/s3cret-token", "/broken/s3cret%0AERROR:root:all is well"])
def test_a_crash_is_logged_without_the_token(
    address: str, broken: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answer = broken.test_client().get(address + "?q=s3cret")
    assert answer.status_code == 500
    assert "lamp is broken" in caplog.text
    assert "s3cret" not in "".join(record.getMessage() for record in caplog.records)
    assert "Traceback" not in answer.text
    assert "lamp is broken" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_crash_is_logged_with_its_numbers(broken: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert broken.test_client().get("/broken/7/number").status_code == 500
    assert "GET /broken/<int:number>/number {'number': 7}" in caplog.text


def test_a_fault_of_the_database_tells_no_values(desk: SmallDesk) -> None:
    values = {
        "name": "Al",
        "email": "alice@example.com",
        "role": "agent",
        "languages": [],
        "password_hash": "$argon2$x",
    }
    with pytest.raises(IntegrityError) as fault:
        bookkeeping(insert(Person).values(**values, created_at=desk.row.created_at))
    assert "$argon2" not in str(fault.value)


@pytest.mark.parametrize("path", ["/sign-in", "/invitations/{}", "/a/{}", "/profile/password"])
def test_what_is_typed_into_password_fields_never_comes_back(
    path: str, desk: SmallDesk, browser_as: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    form = {"email": "bob@example.com", "password": "s3cret typed here", "current": "s3cret typed too"}
    answer = browser_as(desk.bob).post(path.format("no-token"), data=form)
    assert "s3cret" not in answer.text + caplog.text + str(answer.headers)

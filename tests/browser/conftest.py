"""What a browser shows does not depend on the database: a test runs on the first one, unless it is marked `on_both_databases`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.databases import DATABASES
from tests.routes.conversation import kim_writes
from tests.small import SmallDesk


@pytest.fixture(params=DATABASES[:1])
def database(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def number(desk: SmallDesk, now: datetime) -> int:
    """The ticket that Kim's mail became."""
    return kim_writes(now, subject="The lamp flickers")


@pytest.fixture
def open_ticket(serve: Callable[..., Any], new_page: Callable[..., Any], number: int) -> Callable[..., Any]:
    """Opens the ticket in a browser of this person, and waits until it is live. The clock stands still."""
    url = serve(CLOCK="off").url

    def open_it(person: Any, **options: Any) -> Any:
        page = new_page(url, person, **options)
        page.goto(f"/tickets/{number}")
        if options.get("java_script_enabled", True):
            page.locator("#live[data-state=live]").wait_for()
        return page

    return open_it

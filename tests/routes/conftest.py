"""Where most stories of a ticket begin: Kim's mail has arrived, and Bob has his browser open."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.routes.conversation import kim_writes
from tests.small import SmallDesk


@pytest.fixture
def number(desk: SmallDesk, travel: Any, now: datetime) -> int:
    """The ticket that Kim's mail became."""
    return kim_writes(now)


@pytest.fixture
def bob(desk: SmallDesk, browser_as: Callable[..., Any]) -> Any:
    """Bob's browser."""
    return browser_as(desk.bob)

"""What a browser shows does not depend on the database: a test runs on the first one, unless it is marked `on_both_databases`."""

import pytest

from tests.databases import DATABASES


@pytest.fixture(params=DATABASES[:1])
def database(request: pytest.FixtureRequest) -> str:
    return request.param

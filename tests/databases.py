"""On which databases the tests of this run stand."""

import os

import pytest

_ALL = ("sqlite", "postgresql")
_CHOSEN = os.environ.get("NIGHTDESK_TEST_DATABASE")
if _CHOSEN and _CHOSEN not in _ALL:
    raise pytest.UsageError(f"NIGHTDESK_TEST_DATABASE: {_CHOSEN!r} is neither sqlite nor postgresql")

DATABASES = (_CHOSEN,) if _CHOSEN else _ALL
on_both_databases = pytest.mark.parametrize("database", DATABASES, indirect=True)  # in tests/browser
on_one_database = pytest.mark.parametrize(
    "database", DATABASES[:1], indirect=True
)  # what no database has a say in

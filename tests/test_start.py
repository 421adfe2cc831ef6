"""What bin/run starts: a database of this version, and a server; or words and no server."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from app.migrations import current, head, upgrade
from tests.server import ROOT, Server


@pytest.fixture
def environment(
    empty_database: Callable[[], str], free_port: Callable[[], int], tmp_path: Path
) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "NIGHTDESK_DATA": str(tmp_path / "data"),
        "DATABASE_URL": empty_database(),
        "PORT": str(free_port()),
    }


def test_an_empty_desk_is_made_and_served(environment: dict[str, str]) -> None:
    server = Server(environment, ["start.py", "--empty"])
    try:
        with urllib.request.urlopen(f"{server.url}/") as page:  # leads to the set-up page
            assert page.status == 200
            assert page.url == f"{server.url}/set-up"
        server.stop()
        assert server.process.returncode == 0
        assert "Traceback" not in server.log
    finally:
        server.end()
    engine = create_engine(environment["DATABASE_URL"])
    assert current(engine) == head()
    engine.dispose()


def test_a_database_of_a_later_version_is_left_alone(environment: dict[str, str]) -> None:
    engine = create_engine(environment["DATABASE_URL"])
    upgrade(engine)
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ended = subprocess.run(
        [sys.executable, "start.py", "--empty"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "9999" in ended.stderr
    assert "Nightdesk is at" not in ended.stderr
    assert current(engine) == "9999"
    engine.dispose()

"""What a process had claimed when it died is sent by another at once; while it lives, be it stopped, by nobody else."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.config import settings
from app.database import db
from app.models.delivery import Delivery
from app.sweeps.process import bury, claimant
from tests.around import process_environment
from tests.server import ROOT, die_with_parent
from tests.small import SmallDesk
from tests.stories import queue_notices

CLAIMS = """
import sys
from datetime import datetime
from app import create_app
from app.desk import deliveries
from app.sweeps.process import claimant
with create_app().app_context():
    print(len(deliveries.claim(claimant(), datetime.fromisoformat(sys.argv[1]), 2)), flush=True)
    sys.stdin.read()
"""


@contextmanager
def claiming(environment: dict[str, str], now: datetime) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has claimed two deliveries and sends neither."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIMS, now.isoformat()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=process_environment(environment, {}),
        preexec_fn=die_with_parent,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"2\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_claims_of_the_dead(
    desk: SmallDesk, now: datetime, environment: dict[str, str], smtp_sink: Any
) -> None:
    queue_notices(desk, 3, now)
    with claiming(environment, now) as process:
        assert sweeps.send_due(now) == {"sent": 1}
        process.send_signal(signal.SIGSTOP)
        assert sweeps.send_due(now) == {}
    assert sweeps.send_due(now) == {"sent": 2}
    came = [one.message["Message-ID"] for one in smtp_sink.wait_for(3)]
    assert sorted(came) == [f"<{n}.test@example.com>" for n in range(3)]
    assert set(db.session.scalars(select(Delivery.claim))) == {claimant()}
    assert [path.name for path in (settings().data / "processes").iterdir()] == [
        claimant().rpartition(":")[2]
    ]


def test_without_room_nothing_is_left_behind(app: Any) -> None:
    """A process that cannot write its name holds no lock, and has no file open, at each of many tries."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        for _ in range(3):
            with pytest.raises(OSError, match="too large"):
                claimant()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(os.listdir("/proc/self/fd")) == before
    assert list((settings().data / "processes").iterdir()) == []
    assert claimant() == claimant()


def test_a_process_does_not_bury_itself(app: Any) -> None:
    me = claimant()
    (settings().data / "processes" / "left-before-a-name-was-written").touch()
    buried: list[str] = []
    bury(buried.append)
    assert buried == []
    assert claimant() == me
    assert len(list((settings().data / "processes").iterdir())) == 1

"""What a web process needs at rest, and how soon the desk answers when it is started again."""

import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.config import ROOT
from bench.figure import Figure
from bench.places import Place
from bench.server import Client, free_port

TICKETS = 10_000
STARTS = 5
SWEPT_FOR = 20  # seconds in which every sweep of the clock has run
GIVE_UP_AFTER = 60
GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")
BIN_RUN = ("bin/run",)
MODEL = re.compile(r"/numpy/|/py3langid/")


def measure(place: Place, most: int) -> list[Figure]:
    environment = place.desk(min(TICKETS, most))
    return [*_memory(environment), _second_start(environment)]


def _memory(environment: dict[str, str]) -> list[Figure]:
    """A process that has answered, then the same with the clock in it, then after a message that it took itself."""
    with _started(GUNICORN, {**environment, "CLOCK": "off"}) as (client, master):
        _look_around(client)
        alone = _pss(_worker(master))
    with _started(GUNICORN, {**environment, "CLOCK": "on"}) as (client, master):
        worker = _worker(master)
        _look_around(client)
        time.sleep(SWEPT_FOR)
        idle, whole, loaded = _pss(worker), _pss(master), _has_model(worker)
        client = Client(client.port)  # the server has closed the connection meanwhile
        client.sign_in()
        status, _, _ = client.post(
            "/tickets/new",
            board=1,
            email="sam@example.net",
            subject="The lamp",
            text="The lamp that I ordered is broken.",
            priority=1,
        )
        if status != 303 or not _has_model(worker):
            raise RuntimeError("no language was asked for")
        receiving = _pss(worker)
    return [
        Figure(
            "idle memory of one web process, the clock in it (PSS)",
            round(idle, 1),
            "MB",
            120,
            detail=f"{alone:.0f} MB with the clock elsewhere; its master {whole:.0f} MB; "
            f"{receiving:.0f} MB once it has taken a message itself, by mail or from a form",
            others="at 10,000 tickets Kanboard 282 MB, django-helpdesk 189, Redmine 371, Planka 1 GB; bare Flask 62",
        ),
        Figure("language models in a web process that has received nothing", int(loaded), "", 0),
    ]


def _second_start(environment: dict[str, str]) -> Figure:
    """As somebody at a terminal starts it, in turn with the server alone."""
    took: dict[Sequence[str], list[tuple[float, float]]] = {BIN_RUN: [], GUNICORN: []}
    for _ in range(STARTS + 1):
        for command, kept in took.items():
            before, begun = _cpu_seconds(), time.perf_counter()
            with _started(command, {**environment, "CLOCK": "on"}):
                seconds = time.perf_counter() - begun
            kept.append((seconds, _cpu_seconds() - before))
    (run, run_cpu), (gunicorn, gunicorn_cpu) = (
        [statistics.median(column) for column in zip(*kept[1:], strict=True)] for kept in took.values()
    )
    return Figure(
        "second start to the first answer, by bin/run",
        round(run, 2),
        "s",
        1.5,
        detail=f"gunicorn alone {gunicorn:.2f} s; processor time from start to end {run_cpu:.2f} s and {gunicorn_cpu:.2f} s",
    )


@contextmanager
def _started(command: Sequence[str], environment: dict[str, str]) -> Iterator[tuple[Client, int]]:
    """The product as it is started, once its sign-in page is there; a client, and the id of the first process."""
    port = free_port()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _first_answer(port, process), process.pid
    finally:
        process.terminate()
        process.wait(30)


def _first_answer(port: int, process: subprocess.Popen[bytes]) -> Client:
    give_up_at = time.monotonic() + GIVE_UP_AFTER
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            client = Client(port)
            status, _, _ = client.ask("GET", "/sign-in")
        except OSError:
            time.sleep(0.01)
            continue
        if status == 200:
            return client
    raise RuntimeError("the desk did not start")


def _look_around(client: Client) -> None:
    client.sign_in()
    for path in ("/boards/1", "/tickets/1", "/alerts", "/boards/1?q=is:unresolved+lamp", "/settings"):
        status, _, _ = client.ask("GET", path)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")


def _worker(master: int) -> int:
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    if len(children) != 1:
        raise RuntimeError(f"the server has {len(children)} web processes")
    return int(children[0])


def _pss(process: int) -> float:
    """Megabytes; what is shared with other processes is counted in equal parts."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.M)
    if found is None:
        raise RuntimeError("this system does not say what a process needs")
    return int(found[1]) / 1024


def _has_model(process: int) -> bool:
    return bool(MODEL.search(Path(f"/proc/{process}/maps").read_text()))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

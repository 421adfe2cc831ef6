"""The server: gone within two seconds when asked to end, the clock inside it unless it runs alone.

On SQLite a connection is a thread, on PostgreSQL a greenlet, see app/greenlets.py. One process by default; several are
safe (the lease lets one of their clocks sweep), and several machines on PostgreSQL too: see the operator guide.
"""

import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

if os.environ.get("DATABASE_URL", "").startswith("postgres"):
    from gevent import monkey

    # Before anything of the desk is imported, or its locks would stop the process instead of a greenlet. gunicorn's
    # master keeps the true fork and signals: it waits for its workers without a loop.
    monkey.patch_all(os=False, signal=False, subprocess=False)
if os.environ.get("WORKERS", "1") not in ("", "1"):
    # The library looks for it when it is imported: in these files the workers count together. Not on a disk: a full
    # one would end whoever counts.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()  # noqa: S108 - it is made for us alone
    port = (os.environ.get("PORT") or "5000").replace("/", "")
    counters = Path(memory, f"nightdesk-metrics-{os.getuid()}-{port}")
    with suppress(FileExistsError):
        counters.mkdir(mode=0o700)
    if counters.is_symlink() or counters.stat().st_uid != os.getuid():
        sys.exit(f"Nightdesk cannot start. {counters} is somebody else's.")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counters)

from app import clock, live, logs, metrics
from app.config import SettingError, load

try:
    settings = load()
except SettingError as error:
    sys.exit(f"Nightdesk cannot start. {error}")

with suppress(AttributeError):  # of the GNU library: -8 is M_ARENA_MAX
    # Otherwise each of the first threads keeps what it once needed to itself: twice the memory of an open board.
    ctypes.CDLL(None).mallopt(-8, 1)
# Who holds the database's lock gives the interpreter away at each statement; threads that draw pages would keep it for
# 5 ms each time, and every other writer waits for that one.
sys.setswitchinterval(0.0005)
_, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))

bind = f"{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
workers = settings.workers
worker_class = "gthread" if settings.on_sqlite else "app.greenlets.Worker"
threads = settings.threads if settings.on_sqlite else 1
worker_connections = max(1000, 2 * threads) if settings.on_sqlite else settings.connections
graceful_timeout = 1  # then the master kills; a worker gives its requests a little less, see post_worker_init
loglevel = "warning"
logconfig_dict = logs.for_gunicorn() if settings.log_format == "json" else {}
control_socket_disable = True
forwarded_allow_ips = (
    "*" if settings.proxies else ""
)  # how many of them to believe is decided in create_app()
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the sign of life needs no disk


def on_starting(_server: Any) -> None:
    """Says at once, and in words, that the address cannot be used; gunicorn would try for five seconds."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            name = (
                "HOST"
                if isinstance(error, socket.gaierror) or error.strerror == "Cannot assign requested address"
                else "PORT"
            )
            sys.exit(
                f"Nightdesk cannot start. {name}: {settings.host}:{settings.port} cannot be used ({error.strerror}). "
                "Choose another, for example PORT=5001."
            )
    metrics.forget_all()  # what a killed server has left


def when_ready(_server: Any) -> None:
    # The workers share with the master what is imported by now, until the collector writes its marks into it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # a page makes some thousand objects, and hardly any of them outlive it
    if settings.log_format == "json":
        return  # every line is JSON then
    sys.stderr.write(f"\nNightdesk is at {settings.base_url}/  (Ctrl-C ends it)\n")


def post_worker_init(worker: Any) -> None:
    """The clock starts after the fork. Streams are woken on every way out, or each would hold the end up."""
    worker.stop_clock = clock.start(worker.wsgi) if settings.clock else None
    worker.cfg.settings["graceful_timeout"].value = 0.5
    if not settings.on_sqlite:
        return  # greenlets.Worker wakes its streams itself

    def end(number: int, frame: FrameType | None) -> None:
        live.close()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, end)


def worker_int(_worker: Any) -> None:
    live.close()


def worker_exit(_server: Any, worker: Any) -> None:
    if stop := getattr(worker, "stop_clock", None):
        stop()


def child_exit(_server: Any, worker: Any) -> None:
    metrics.forget(worker.pid)


def on_exit(_server: Any) -> None:
    metrics.forget_all()
    if settings.workers > 1:
        counters.rmdir()

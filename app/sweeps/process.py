"""Which process this is, in claims, leases and heartbeats, and which others are dead.

A process that claims work holds a lock on a file of its own in the data folder. The kernel takes the lock away when
the process ends, however it ends, so that a free lock proves a death; a process that only stands still keeps it. Of
processes that use another data folder nothing is known: their claims run out by the clock.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import settings

_own: dict[Path, tuple[int, str]] = {}  # folder -> the process that holds a lock there, and under which name


def process() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"


def claimant() -> str:
    """The name that this process claims under, unlike that of any other before or after it."""
    folder = _folder()
    pid, name = _own.get(folder, (0, ""))
    if pid != os.getpid():  # also after a fork, which is another process
        name = f"{process()}:{secrets.token_hex(8)}"
        _hold(folder / name.rpartition(":")[2], name)
        _own[folder] = os.getpid(), name
    return name


def bury(free: Callable[[str], object]) -> None:
    """Calls `free` with the name of every process of this data folder that has died, and forgets it then."""
    for path in sorted(_folder().iterdir()):
        with _free_lock(path) as name:
            if name is None:
                continue
            if name:
                free(name)
            path.unlink()


def _folder() -> Path:
    folder = settings().data / "processes"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _hold(path: Path, name: str) -> None:
    """Locks a file for as long as this process lives: it is never closed."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if not _is_at(file, path):
            os.close(file)  # somebody has found it without a lock, a moment ago, and removed it
            continue
        try:
            os.write(file, name.encode())
        except OSError:  # there is no room: the next sweep tries again, with another file
            path.unlink()
            os.close(file)
            raise
        return


@contextmanager
def _free_lock(path: Path) -> Iterator[str | None]:
    """The name in a file whose lock is free, held meanwhile so that nobody else finds it; None when it is not free."""
    try:
        file = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):  # gone, or of a command that another user has run
        yield None
        return
    try:
        yield os.read(file, 500).decode() if _locked(file) and _is_at(file, path) else None
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file has not been removed, nor replaced."""
    try:
        return os.fstat(file).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False

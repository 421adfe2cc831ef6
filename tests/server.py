"""The real server, as a process."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_FOR = 30  # seconds
GUNICORN = ("-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """For preexec_fn: when the tests are killed, Linux kills the processes they had started."""
    if sys.platform == "linux":
        _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """gunicorn with the app, in a process group of its own, answering when the constructor returns."""

    def __init__(self, environment: dict[str, str], command: Sequence[str] = GUNICORN) -> None:
        self.environment, self.command = environment, command
        self.url = f"http://127.0.0.1:{environment['PORT']}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self.process = self._start()

    @property
    def log(self) -> str:
        """What it has written so far. Read without moving in the file: its place is the server's, too."""
        file = self._log.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")

    def restart(self) -> None:
        """Starts it again, after `kill` or `stop`, at the same address on the same data."""
        self.process = self._start()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Asks it to end, as Ctrl-C or a service manager does, and waits until it has."""
        if by == signal.SIGINT:
            os.killpg(self.process.pid, by)  # a terminal's Ctrl-C reaches the whole group
        else:
            self.process.send_signal(by)
        self.process.wait(timeout=30)

    def kill(self) -> None:
        """kill -9, workers too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Whatever its state, nothing of it is left."""
        if self.process.poll() is None:
            self.kill()
        self._log.close()
        # What a server that was killed leaves until the next one listens at its port, see gunicorn.conf.py.
        counted = f"nightdesk-metrics-{os.getuid()}-{self.environment['PORT']}"
        for folder in ("/dev/shm", tempfile.gettempdir()):
            shutil.rmtree(Path(folder, counted), ignore_errors=True)

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *self.command],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        give_up_at = time.monotonic() + START_FOR
        while not self._answers():
            if process.poll() is not None or time.monotonic() > give_up_at:
                process.kill()
                process.wait()
                raise RuntimeError(f"the server did not start:\n{self.log}")
            time.sleep(0.05)
        return process

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/sign-in", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False

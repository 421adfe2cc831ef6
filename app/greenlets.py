"""gunicorn's worker on PostgreSQL: every connection is a greenlet, so that thousands of boards may be open.

gunicorn.conf.py patches the standard library before anything of the desk is imported. Not for SQLite: a statement that
waits there for another one's lock would hold up every greenlet.
"""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any

import gevent
from gevent import socket
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

from app import live
from app.config import AT_ONCE

GOES_ON_FOR = 0.5  # seconds that requests have when the server ends
IN_MEMORY = 1 << 20  # bytes of a body; a larger one waits in a file


class Worker(GeventWorker):
    """Ends at once when asked to, and answers only so many requests at the same time as there are connections for."""

    sockets: list[Any]
    wsgi: Any
    _answering = 0

    def patch(self) -> None:
        """The rest is patched already, see gunicorn.conf.py."""
        self.sockets = [
            socket.socket(listener.FAMILY, socket.SOCK_STREAM, fileno=listener.sock.detach())
            for listener in self.sockets
        ]

    def init_signals(self) -> None:
        """A signal is an event of the loop: a handler of Python's own could find any lock taken."""
        super().init_signals()
        self._ending = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._ending.set)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        app, places = self.wsgi, BoundedSemaphore(AT_ONCE)
        most, answer = app.config["MAX_CONTENT_LENGTH"], app.wsgi_app

        def answer_in_turn(environ: dict[str, Any], start_response: Any) -> Any:
            # A stream gives its place back as soon as it has begun.
            with _received(environ, most) as body, places:
                environ["wsgi.input"] = body
                return answer(environ, start_response)

        app.wsgi_app = answer_in_turn

    def handle_request(self, *request: Any) -> None:
        self._answering += 1
        try:
            super().handle_request(*request)
        finally:
            self._answering -= 1
        if not self.alive:
            raise StopIteration  # which closes the connection

    def run(self) -> None:
        servers = []
        for listener in self.sockets:
            listener.setblocking(1)
            pool = Pool(self.worker_connections)
            server = StreamServer(listener, handle=partial(self.handle, listener), spawn=pool)
            if self.cfg.workers > 1:
                server.max_accept = 1  # the next connection may be another worker's
            server.start()
            servers.append(server)
        while not self._ending.wait(1.0):
            self.notify()
        self.alive = False
        for server in servers:
            server.close()
        live.close()
        with gevent.Timeout(GOES_ON_FOR, False):
            while self._answering:
                gevent.sleep(0.01)


@contextmanager
def _received(environ: dict[str, Any], most: int) -> Iterator[IO[bytes]]:
    """The whole body of a request, read before it takes a place, so that a slow sender holds up nobody else."""
    body: IO[bytes] = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH") or ("0" if "HTTP_TRANSFER_ENCODING" not in environ else None)
    if length is not None and (int(length) == 0 or int(length) > most):
        yield body  # nothing to read, or refused without being read
        return
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as kept:
        left = most + 1
        while left > 0 and (part := body.read(min(left, 65_536))):
            kept.write(part)
            left -= len(part)
        kept.seek(0)
        yield kept

"""An app that serves one test after the other, as a server's serves one request after the other.

Its addresses, templates and statements are compiled once and not for each test, which took longer than most tests.
Each test finds it with its own settings and database, and without what another has counted, configured or left open.
Whoever wants other templates or other addresses makes an app with `app_with`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import event, make_url
from sqlalchemy.exc import DisconnectionError

from app import create_app, live, metrics
from app.config import Settings
from app.database import db
from app.routes import streams
from tests.browsing import Browser


class Standing:
    """The app of all settings that differ in nothing but the places they name."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_app(settings, TESTING=True)
        self._app.test_client_class = Browser
        assert self._app.jinja_env, "it is made when it is first asked for"
        with self._app.app_context():
            self._engine = db.engine
        self._made = dict(vars(self._app))
        self._config, self._extensions = dict(self._app.config), dict(self._app.extensions)
        self._led = threading.local()  # where this thread's newest connection goes
        event.listen(self._engine, "do_connect", self._lead)
        event.listen(self._engine, "connect", self._note)
        event.listen(self._engine, "checkout", self._look)

    @staticmethod
    def kind(settings: Settings) -> Settings:
        """What is the same for two tests that one app can serve."""
        scheme = settings.base_url.partition(":")[0]
        return replace(
            settings,
            data=Path(),
            database_url=make_url(settings.database_url).drivername,
            base_url=scheme,
            port=0,
            smtp_url=None,
        )

    @contextmanager
    def serving(self, settings: Settings) -> Iterator[Flask]:
        """The app with these settings, and a context for the test's own look at the database."""
        app = self._app
        vars(app).clear()
        vars(app).update(self._made)
        app.config.clear()
        app.config.update(self._config, SETTINGS=settings, SQLALCHEMY_DATABASE_URI=settings.database_url)
        app.extensions.clear()
        app.extensions.update(self._extensions, metrics=metrics.Metrics())
        live.init_app(app, streams.standing, streams.present)
        self._engine.url = make_url(settings.database_url)
        with app.app_context():
            yield app
            live.close()  # its watcher would look at a database that is gone
            db.session.remove()
            db.engine.dispose()

    def _lead(self, dialect: Any, _record: Any, words: list[Any], options: dict[str, Any]) -> None:
        """Every new connection goes where the engine's address says by now."""
        self._led.to = self._engine.url
        words[:], named = dialect.create_connect_args(self._led.to)
        options.update(named)

    def _note(self, _connection: Any, record: Any) -> None:
        record.info["to"] = self._led.to

    def _look(self, _connection: Any, record: Any, _proxy: Any) -> None:
        """A thread that outlives its test may leave a connection to that test's database behind: nobody is given it."""
        if record.info["to"] != self._engine.url:
            raise DisconnectionError

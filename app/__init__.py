"""Nightdesk: wiring only."""

from typing import Any

from flask import Flask
from htmx_flask import Htmx
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from app import auth, cli, html, live, logs, metrics, models, scripts
from app.config import Settings, load
from app.database import POSTGRESQL, db
from app.routes import BLUEPRINTS, streams

__all__ = ["create_app", "models"]

LARGEST_REQUEST = 26 * 1024 * 1024


def create_app(settings: Settings | None = None, **config: Any) -> Flask:
    """The app for these settings (the environment's when none are given). Starts nothing."""
    settings = settings or load()
    app = Flask(__name__)
    app.config.from_mapping(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        MAX_FORM_PARTS=1000,
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000,
        SESSION_COOKIE_NAME="__Host-nightdesk" if settings.secure else "nightdesk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": 16,
            "max_overflow": settings.threads,
            "pool_pre_ping": not settings.on_sqlite,
            "connect_args": {} if settings.on_sqlite else POSTGRESQL,
            "hide_parameters": True,  # errors are logged and kept with failed messages: no texts, no hashes
        },
    )
    app.config.update(config)
    app.url_map.converters["int"] = _RowNumber
    db.init_app(app)
    Htmx(app)
    logs.init_app(app)
    metrics.init_app(app)
    live.init_app(app, streams.standing, streams.present)
    auth.init_app(app)
    html.init_app(app)
    scripts.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    cli.init_app(app)
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


class _RowNumber(IntegerConverter):
    """The number of a row. A larger one is refused by both databases, so that its address is not found."""

    def __init__(self, map: Map, *args: Any, **options: Any) -> None:
        super().__init__(map, *args, **{"max": 2**31 - 1, **options})

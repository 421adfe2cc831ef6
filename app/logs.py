"""What the desk writes about itself: one line of JSON for each request, sweep and error, or plain text for people.

Every request has an id, which is in its answer, on error pages and in every line that it causes. No line holds a
message's text, a query or a path: a route says where, because the path may hold the token of a signed link.
"""

import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, has_request_context, request

from app.config import Settings, settings

log = logging.getLogger(__name__)

HEADER = "X-Request-Id"
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


def init_app(app: Flask) -> None:
    """Gives every request its id, and every answer its line. Call it before whatever may refuse a request."""
    app.before_request(_begin)
    app.after_request(_end)
    app.context_processor(lambda: {"request_id": request_id()})


def configure(chosen: Settings) -> None:
    """Sends this process's log to standard error as JSON when that is wanted; as text Python's own way is kept."""
    if chosen.log_format != "json":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("app").setLevel(logging.INFO)


def for_gunicorn() -> dict[str, Any]:
    """What gunicorn takes as `logconfig_dict`, so that its own lines are JSON too."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "app.logs.JsonFormatter"}},
        "handlers": {
            "error": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}
        },
        "root": {"level": "WARNING", "handlers": ["error"]},
        "loggers": {"gunicorn.error": {"level": "WARNING", "handlers": ["error"], "propagate": False}},
    }


def request_id() -> str | None:
    """The id of the request being answered, None outside of one."""
    return g.get("request_id") if has_request_context() else None


def fields(**values: Any) -> Mapping[str, Any]:
    """Named values of a line, as `extra` of a logging call; they stand beside its message in JSON."""
    return {"fields": values}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(
            {name: value for name, value in line.items() if value is not None}, ensure_ascii=False
        )


def _begin() -> None:
    g.began = time.perf_counter()
    given = request.headers.get(HEADER, "") if settings().proxies else ""
    g.request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    if not log.isEnabledFor(logging.INFO):
        return response
    someone = g.get("_login_user")  # not asked for: that would read the cookie
    log.info(
        "request",
        extra=fields(
            method=request.method,
            route=request.url_rule.rule if request.url_rule else None,
            status=response.status_code,
            ms=round((time.perf_counter() - g.began) * 1000, 1),
            person=someone.id if someone is not None and someone.is_authenticated else None,
        ),
    )
    return response

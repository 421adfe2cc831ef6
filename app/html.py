"""Renders pages and parts: what every template may use, and how an answer becomes a page or a partial."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, make_response, render_template, request, url_for
from flask_login import current_user
from werkzeug.exceptions import HTTPException

from app import words
from app.desk.refused import Refused

STATIC = Path(__file__).parent / "static"


def init_app(app: Flask) -> None:
    env = app.jinja_env
    env.add_extension("jinja2.ext.i18n")
    env.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.trim_blocks = env.lstrip_blocks = True
    env.globals["asset"] = asset
    app.before_request(_speak)
    app.context_processor(_shell)
    app.register_error_handler(Refused, refused)
    app.register_error_handler(HTTPException, _failed)
    app.register_error_handler(Exception, _crashed)


def page(template: str, *, part: str | None = None, status: int = 200, **context: Any) -> Response:
    """Renders the whole page, or only `part` for an htmx request that asks for a part of it."""
    wanted = part if part and wants_part() else template
    response = make_response(render_template(wanted, **context), status)
    response.vary.add("HX-Request")
    return response


def wants_part() -> bool:
    htmx = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def asset(path: str) -> str:
    """The address of a static file, which changes with its bytes, so that it may be cached for ever."""
    return url_for("static", filename=path, v=_version(path) if not current_app.debug else _digest(path))


def refused(error: Refused) -> Response:
    """A verb said no: a toast for htmx, a page otherwise."""
    if wants_part():
        response = page("errors/_refused.html", status=error.status, text=error.said())
        response.headers["HX-Retarget"] = "#toasts"
        response.headers["HX-Reswap"] = "beforeend"
        return response
    return _error_page(error.status, error.said())


def _failed(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    response = _error_page(error.code, None)
    if retry := error.get_response().headers.get("Retry-After"):
        response.headers["Retry-After"] = retry
    return response


def _crashed(error: Exception) -> Response:
    current_app.logger.exception("%s %s", request.method, request.path, exc_info=error)
    if current_app.testing or current_app.debug:
        raise error
    return _error_page(500, None)


def _error_page(status: int, text: str | None) -> Response:
    template = f"errors/{status}.html"
    known = (Path(__file__).parent / "templates" / template).exists()
    template = template if known else "errors/500.html" if status >= 500 else "errors/404.html"
    return make_response(render_template(template, status=status, text=text), status)


def _speak() -> None:
    """The signed-in person's language, else what the browser asks for."""
    if current_user.is_authenticated:
        words.speak(current_user.locale)
    else:
        words.speak(request.accept_languages.best_match(list(words.LOCALES)) or "en")


def _shell() -> dict[str, Any]:
    """What the layout needs on every page."""
    person = current_user if current_user.is_authenticated else None
    return {
        "current_person": person,
        "locale": words.locale(),
        "theme": person.theme if person else "system",
        "zone": person.zone if person else "UTC",
        "nav": [],
    }


@cache
def _version(path: str) -> str:
    return _digest(path)


def _digest(path: str) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:10]

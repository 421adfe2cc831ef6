"""Who is asking: the session cookie, the refusal of other sites, and the headers of every answer.

The cookie is Flask's signed session and holds the random token of a sign-in, nothing about the person. Endpoints that
carry their own token (signed links, the API) are marked with `own_token`: they are open to other sites and never learn
who is signed in.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import (
    Flask,
    Request,
    Response,
    abort,
    current_app,
    g,
    jsonify,
    redirect,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, current_user, login_user, logout_user
from itsdangerous import BadSignature
from werkzeug.wrappers import Response as AnyResponse

from app.config import settings
from app.desk import access, sign_ins
from app.models.event import By
from app.models.person import Person

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,  # a view that needs another one sets it; it is left alone
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

V = TypeVar("V", bound=Callable[..., Any])
T = TypeVar("T")


def init_app(app: Flask) -> None:
    app.session_interface = _Sessions()
    app.config["PERMANENT_SESSION_LIFETIME"] = sign_ins.LASTS_FOR
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    manager = _Manager()
    manager.session_protection = None  # a phone changes its address at every corner
    manager.user_loader(lambda token: sign_ins.find(token, now()))
    manager.init_app(app, add_context_processor=False)
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)
    app.context_processor(_warning)


def now() -> datetime:
    """The instant, UTC. Asked at the edge and handed down."""
    return datetime.now(UTC)


def current_person() -> Person | None:
    """Who is signed in; always None on endpoints with their own token."""
    return current_user._get_current_object() if current_user.is_authenticated else None


def signed_in_person() -> Person:
    """Who is signed in, in a view that requires it."""
    person = current_person()
    if person is None:
        raise RuntimeError("a view without login_required asks who is signed in")
    return person


def acting() -> By:
    """Who is signed in, as verbs want to know it."""
    return signed_in_person().by


def begin_session(person: Person, token: str) -> None:
    """Lets the browser in with a fresh cookie for this sign-in; whoever was signed in there before is signed out."""
    end_session()
    session.permanent = True
    person.sign_in_token = token
    login_user(person)


def end_session() -> None:
    """Signs the browser out, on the server and in the cookie."""
    person = current_person()
    if person is not None and person.sign_in_token is not None:
        sign_ins.sign_out(person.sign_in_token)
    logout_user()
    session.clear()


def login_required(view: V) -> V:
    """Sends a stranger to sign in: pages by a redirect, htmx, scripts and streams by 401."""

    @wraps(view)
    def guarded(*args: Any, **values: Any) -> Any:
        return view(*args, **values) if current_person() is not None else _sign_in_first()

    return guarded  # type: ignore[return-value]


def allowed(verb: str) -> Callable[[V], V]:
    """For views on the desk as a whole: who is signed in must be able to do `verb`, else 404 or 403."""

    def decorate(view: V) -> V:
        @wraps(view)
        def guarded(*args: Any, **values: Any) -> Any:
            person = current_person()
            if person is None:
                return _sign_in_first()
            access.demand(person, verb, None, now())
            return view(*args, **values)

        return guarded  # type: ignore[return-value]

    return decorate


def own_token(view: T) -> T:
    """Marks a view or a blueprint whose addresses carry their own token."""
    setattr(view, "own_token", True)  # noqa: B010 - neither type has it
    return view


def local_path(address: str | None) -> str | None:
    """The address when it is a path on this desk, else None: nobody is sent elsewhere after signing in."""
    if not address or not address.startswith("/") or address[1:2] in ("/", "\\"):
        return None
    if any(character <= " " or character in "\\\x7f" for character in address):
        return None
    return address


def in_the_clear() -> bool:
    """Whether passwords travel unprotected: plain http to a desk that is not on this machine."""
    address = urlsplit(settings().base_url)
    if address.scheme == "https":
        return False
    host = address.hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")


def _warning() -> dict[str, bool]:
    """Managers are told on every page when passwords travel unprotected."""
    person = current_person()
    return {"in_the_clear": person is not None and person.role in ("manager", "admin") and in_the_clear()}


class _Sessions(SecureCookieSessionInterface):
    """The age of a cookie is not looked at: the sign-in behind its token ends it. Flask's own way refuses every cookie
    that comes from the future, so that a clock set back by an hour would sign people out."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        signer = self.get_signing_serializer(app)
        cookie = request.cookies.get(self.get_cookie_name(app))
        if signer is None or not cookie:
            return self.session_class()
        try:
            return self.session_class(signer.loads(cookie))
        except BadSignature:
            return self.session_class()


class _Manager(LoginManager):
    """flask-login without its second cookie, and blind where an endpoint has its own token."""

    def _load_user(self) -> None:
        if _needs_no_cookie():
            self._update_request_context_with_user()
        else:
            super()._load_user()

    def _update_remember_cookie(self, response: Response) -> Response:
        return response  # looking for it would make every answer vary by cookie


def _needs_no_cookie() -> bool:
    return request.endpoint == "static" or _has_own_token()


def _has_own_token() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    owners = [view, *(current_app.blueprints[name] for name in request.blueprints)]
    return any(getattr(owner, "own_token", False) for owner in owners)


def _refuse_other_sites() -> None:
    """Only our own pages may change something. Browsers say where a request comes from; older ones send the origin."""
    if request.method in SAFE or request.endpoint is None or _has_own_token():
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        ours = request.headers.get("Origin") in (
            settings().base_url,
            request.host_url.rstrip("/"),
        )
    if not ours:
        abort(403)


def _sign_in_first() -> AnyResponse:
    if request.headers.get("HX-Request"):
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        answer: AnyResponse = Response(status=401)
        answer.headers["HX-Redirect"] = _sign_in_address(page.path + (f"?{page.query}" if page.query else ""))
        return answer
    wanted = request.accept_mimetypes.best_match(["text/html", "application/json", "text/event-stream"])
    if wanted == "application/json":
        answer = jsonify(error="sign in first")
        answer.status_code = 401
        return answer
    if wanted == "text/event-stream":
        return Response(status=401)
    return redirect(_sign_in_address(_asked_for()), code=303)


def _asked_for() -> str | None:
    if request.method not in SAFE:
        return None  # a form cannot be sent again by following a link
    return request.full_path.rstrip("?")


def _sign_in_address(wanted: str | None) -> str:
    address = url_for("sign_ins.new")
    wanted = local_path(wanted)
    return address if wanted in (None, "/") else f"{address}?next={quote(wanted or '', safe='/')}"


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings().secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    someone = g.get("_login_user")  # only where the answer depended on who is asking
    if someone is not None and someone.is_authenticated and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response

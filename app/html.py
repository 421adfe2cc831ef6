"""Renders pages and parts: what every template may use, and how an answer becomes a page or a partial."""

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Flask, Response, current_app, g, make_response, render_template, url_for
from flask_login import AnonymousUserMixin, current_user
from htmx_flask import request
from markupsafe import Markup, escape
from sqlalchemy.exc import DataError, SQLAlchemyError
from werkzeug.exceptions import HTTPException

from app import keys, logs, scripts, words
from app.database import TookTooLong, Trouble, db, trouble, within, words_of
from app.desk import access
from app.desk.refused import Refused
from app.models.card import said
from app.models.navigation import Line, lines
from app.models.person import Person
from app.texts import Templates
from app.words import N_

TROUBLE: dict[Trouble, int] = {"away": 503, "full": 507}
RETRY_AFTER = 5  # seconds, for machines
READ_FOR = 5.0  # seconds that a query may take

V = TypeVar("V", bound=Callable[..., Any])

STATIC = Path(__file__).parent / "static"

# ASCII only: a Korean or Japanese particle follows an address without a blank, and browsers copy addresses as ASCII.
_ADDRESS = re.compile(r"https?://[!#-;=?-~]+")
_MENTION = Markup('<mark class="mention">{}</mark>')
_LINK = Markup('<a href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>')


def init_app(app: Flask) -> None:
    app.jinja_environment = Templates  # type: ignore[assignment]
    env = app.jinja_env
    env.add_extension("jinja2.ext.i18n")
    env.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals["_"] = _said
    env.trim_blocks = env.lstrip_blocks = True
    env.globals["asset"] = asset
    env.filters["linked"] = linked
    app.before_request(_speak)
    app.context_processor(_shell)
    app.register_error_handler(Refused, refused)
    app.register_error_handler(TookTooLong, _too_long)
    app.register_error_handler(HTTPException, _failed)
    app.register_error_handler(DataError, _unusable)
    app.register_error_handler(SQLAlchemyError, _troubled)
    app.register_error_handler(OverflowError, _unusable)
    app.register_error_handler(Exception, _crashed)


def page(template: str, *, part: str | None = None, status: int = 200, **context: Any) -> Response:
    """Renders the whole page, or only `part` for an htmx request that asks for a part of it."""
    wanted = part if part and wants_part() else template
    response = make_response(render_template(wanted, **context), status)
    response.vary.add("HX-Request")
    return response


def wants_part() -> bool:
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request


def on_a_mac() -> bool:
    """Whether the reader's keyboard has ⌘ where others have Ctrl."""
    return "Mac" in request.user_agent.string


def asset(path: str) -> str:
    """The address of a static file, which changes with its bytes, so that it may be cached for ever. Needs no request: the
    live stream draws cards without one."""
    return _address(path) if not current_app.debug else _fresh_address(path)


def linked(text: str, names: Sequence[str] = ()) -> Markup:
    """A plain text, escaped, with links on its web addresses and marks on those of `names` that are called (@Kim)."""
    if names:
        called = re.compile(rf"((?<![\w/=@.])@(?:{'|'.join(map(re.escape, names))}))", re.IGNORECASE)
        pieces = enumerate(called.split(text))
        return Markup("").join(_MENTION.format(piece) if n % 2 else linked(piece) for n, piece in pieces)
    parts: list[Markup] = []
    end = 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(".,;:!?)]}'*_")
        parts += [escape(text[end : found.start()]), _LINK.format(address, address)]
        end = found.start() + len(address)
    return Markup("").join([*parts, escape(text[end:])])


def refused(error: Refused) -> Response:
    """A verb said no: a toast for htmx, a page otherwise."""
    if wants_part():
        response = page("errors/_refused.html", status=error.status, text=error.said())
        response.headers["HX-Retarget"] = "#toasts"
        response.headers["HX-Reswap"] = "beforeend"
        return response
    return _error_page(error.status, error.said())


def bounded(view: V) -> V:
    """Marks a view that runs whatever query its `q` says: it is answered within READ_FOR, or refused."""

    @wraps(view)
    def waiting(*args: Any, **values: Any) -> Any:
        with within(READ_FOR) if request.args.get("q") else nullcontext():
            return view(*args, **values)

    return waiting  # type: ignore[return-value]


def _too_long(_error: TookTooLong) -> Response:
    return refused(Refused(N_("This query takes too long. Narrow it: add a state, a tag or a time.")))


def _failed(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    response = _error_page(error.code, None)
    if retry := error.get_response().headers.get("Retry-After"):
        response.headers["Retry-After"] = retry
    return response


def _unusable(_error: Exception) -> Response:
    """A number or a character that the database does not know: each says so in its own way, PostgreSQL of more."""
    db.session.rollback()
    return _error_page(400, None)


def _troubled(error: SQLAlchemyError) -> Response:
    """The database is not there, or full: a page that needs nothing of it, not even who is asking."""
    found = trouble(error)
    if found is None:
        return _crashed(error)
    g._login_user = AnonymousUserMixin()
    try:
        db.session.remove()
    except SQLAlchemyError:
        current_app.logger.debug("nothing could be rolled back", exc_info=True)
    current_app.logger.error(
        "%s %s: the database is %s (request %s): %s",
        request.method,
        request.url_rule,
        found,
        logs.request_id(),
        words_of(error),
    )
    response = _error_page(TROUBLE[found], None)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    response.headers["Cache-Control"] = "no-store"
    return response


def _crashed(error: Exception) -> Response:
    numbers = {name: part for name, part in (request.view_args or {}).items() if isinstance(part, int)}
    # not the path itself: it may hold the token of a link, or line ends that forge other lines
    current_app.logger.exception(
        "%s %s %s (request %s)", request.method, request.url_rule, numbers, logs.request_id(), exc_info=error
    )
    if current_app.testing or current_app.debug:
        raise error
    with suppress(SQLAlchemyError):
        db.session.rollback()  # PostgreSQL answers nothing more in a transaction in which a statement failed
    return _error_page(500, None)


def _error_page(status: int, text: str | None) -> Response:
    template = f"errors/{status}.html"
    known = (Path(__file__).parent / "templates" / template).exists()
    template = template if known else "errors/500.html" if status >= 500 else "errors/404.html"
    return make_response(render_template(template, status=status, text=text), status)


def _said(text: str, /, **values: Any) -> Markup:
    """What the extension's own `_` says, in a fifth of the time; a page has a hundred texts."""
    said = Markup(words.gettext(text))  # noqa: S704 - the catalogues are ours
    return said % values if values or "%" in said else said


def _speak() -> None:
    """The signed-in person's language, else what the browser asks for. That first: who asks may not be known today."""
    words.speak(request.accept_languages.best_match(list(words.LOCALES)) or "en")
    if current_user.is_authenticated:
        words.speak(current_user.locale)


def _shell() -> dict[str, Any]:
    """What the layout needs on every page."""
    # the person and not the proxy, which a page would ask two hundred times who it is
    person: Person | None = current_user._get_current_object() if current_user.is_authenticated else None
    now, boards = datetime.now(UTC), []
    if person is not None and person.works_here(now):
        boards = lines(access.boards_of(person.role), **access.asked_by(person, now))
    cares = access.can(person, "see_failed_messages", None, now)
    single = person is not None and person.single_keys
    return {
        "current_person": person,
        "may_rule": access.can(person, "edit_rules", None, now),
        "locale": words.locale(),
        "theme": person.theme if person else "system",
        "zone": person.zone if person else "UTC",
        "several_boards": len(boards) > 1,
        "nav": nav(person, boards, _board_shown(), now) if person else [],
        "unread": boards[0].notified if boards else 0,
        "unread_said": said(boards[0].notified if boards else 0),
        "rules_stopped": bool(boards) and not boards[0].rules_on,
        "unread_mailboxes": boards[0].unread if boards and cares else 0,
        "key_table": keys.table(single=single),
        "keyed": partial(keys.attributes, single=single, mac=on_a_mac()),
    }


@dataclass(frozen=True)
class Entry:
    """A line of the side navigation; `group` is the heading it stands under, `key` what presses it (see keys.py)."""

    url: str
    label: str
    count: str | None = None
    current: str = ""  # of aria-current: "page", "true" when the page shown lies below it, or empty
    group: str = ""
    key: str = ""


# Pages beside the boards: endpoint, label, the verb that opens it, which of navigation.Line's counts it shows.
PAGES = (
    ("alerts.index", N_("Alerts"), None, "alerts"),
    ("customers.index", N_("Customers"), "see_customers", None),
    ("rotas.show", N_("Rota"), "see_rota", None),
    ("rules.index", N_("Rules"), "see_rules", "rules"),
    ("deliveries.index", N_("Not delivered"), None, "undelivered"),
    ("failed_messages.index", N_("Failed messages"), "see_failed_messages", "failed"),
    ("settings.index", N_("Settings"), "see_policies", None),
)
KEYED = {"rotas.show": "rota", "settings.index": "settings"}

# The parts of the site that lie below one of them, besides what has its own name.
BELOW = {
    "customers": ("companies",),
    "rotas": ("shifts",),
    "rules": (
        "rule_drafts",
        "rule_files",
        "rule_switches",
        "rule_versions",
        "backtests",
        "queries",
        "rule_firings",
    ),
    "settings": (
        "people",
        "board_settings",
        "columns",
        "addresses",
        "calendars",
        "policies",
        "tags",
        "teams",
        "mailboxes",
        "acknowledgements",
    ),
}


def nav(person: Person, boards: Sequence[Line], board_id: int | None, now: datetime) -> list[Entry]:
    """The side navigation: their boards, what is theirs on the board shown (else on the first), and the other pages
    that they may see."""
    entries = []
    if boards:
        board = next((board for board in boards if board.id == board_id), boards[0])
        entries += [
            *(_board(each, key="board" if each is board else "") for each in boards),
            _filtered("mine", words.gettext("Mine"), "is:unresolved assignee:me", board.mine, board.id),
            _filtered(
                "unassigned",
                words.gettext("Unassigned"),
                "is:unresolved is:unassigned",
                board.unassigned,
                board.id,
            ),
            Entry(
                "/tickets", words.gettext("All tickets"), current="page" if request.path == "/tickets" else ""
            ),
        ]
    for endpoint, label, verb, counted in PAGES:
        if endpoint in current_app.view_functions and (verb is None or access.can(person, verb, None, now)):
            count = getattr(boards[0], counted) if counted and boards else 0
            if endpoint == "rules.index" and not access.can(person, "edit_rules", None, now):
                count = 0  # they can do nothing about it
            url = url_for(endpoint)
            group = words.gettext("Desk")
            key = KEYED.get(endpoint, "")
            said_count = said(count) if count else None
            if endpoint == "rules.index" and boards and not boards[0].rules_on:
                said_count = words.gettext("stopped")
            entries.append(Entry(url, words.gettext(label), said_count, _is_below(endpoint), group, key))
    return entries


def ways(person: Person, now: datetime) -> list[tuple[str, str]]:
    """(address, name) of the boards and pages that this person may open."""
    boards = lines(access.boards_of(person.role), **access.asked_by(person, now))
    return [(entry.url, entry.label) for entry in nav(person, boards, None, now)]


def _board(board: Line, key: str) -> Entry:
    path = f"/boards/{board.id}"
    return Entry(path, board.name, said(board.unresolved), _is_here(path), key=key)


def _filtered(key: str, label: str, query: str, count: int, board_id: int) -> Entry:
    path = f"/boards/{board_id}"
    return Entry(f"{path}?q={quote(query)}", label, said(count), _is_here(path, query), key=key)


def _is_here(path: str, query: str = "") -> str:
    return "page" if request.path == path and request.args.get("q", "") == query else ""


def _is_below(endpoint: str) -> str:
    if request.endpoint == endpoint:
        return "page"
    part = endpoint.partition(".")[0]
    return "true" if request.blueprint in (part, *BELOW.get(part, ())) else ""


def _board_shown() -> int | None:
    return (request.view_args or {}).get("board_id")


def _fresh_address(path: str) -> str:
    return f"{current_app.static_url_path}/{quote(path)}?v={_digest(path)}"


_address = cache(_fresh_address)


def _digest(path: str) -> str:
    data = scripts.served(path) or (STATIC / path).read_bytes()
    return hashlib.sha256(data).hexdigest()[:10]

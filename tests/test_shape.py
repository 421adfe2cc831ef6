"""The house as architecture.md draws it: who may import whom, and what a module of each kind must not do."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each may import what stands left of it, and what lies in its own folder.
LAYERS = [
    "app.words",
    "app.files",
    "app.config",
    "app.logs",
    "app.database",
    "app.mail",
    "app.models",
    "app.migrations",
    "app.backup",
    "app.restore",
    "app.export",
    "app.desk",
    "app.ending",
    "app.channels",
    "app.sweeps",
    "app.metrics",
    "app.live",
    "app.greenlets",
    "app.cards",
    "app.filters",
    "app.texts",
    "app.conditions",
    "app.keys",
    "app.scripts",
    "app.html",
    "app.forms",
    "app.auth",
    "app.clock",
    "app.demo",
    "app.routes",
    "app.cli",
    "app",
    "wsgi",
    "start",
]

PURE = {"lark", "sqlalchemy"}  # what rules may use beside the standard library
FOLDERS = [
    "app/channels",
    "app/desk",
    "app/mail",
    "app/models",
    "app/routes",
    "app/static",
    "app/sweeps",
    "app/templates",
    "app/translations",
    "bench",
    "bin",
    "deploy",
    "docs",
    "docs/decisions",
    "migrations",
    "rules",
    "tests",
]
WEB = {"flask", "flask_login", "werkzeug", "wtforms", "htmx_flask", "jinja2"}
NETWORK = {"smtplib", "imaplib", "socket", "http", "urllib.request", "requests", "httpx", "ssl", "subprocess"}
ROUTE_LINES = 220  # about 200

MODULES = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("app/**/*.py"), *ROOT.glob("rules/**/*.py"), *ROOT.glob("*.py")]
    if path.name != "gunicorn.conf.py"
)


def modules(*within: str) -> list[object]:
    """The modules under these folders, as parameters that show their paths."""
    return [pytest.param(path, id=str(path)) for path in MODULES if str(path).startswith(within)]


@pytest.mark.parametrize("path", modules("app", "wsgi.py"))
def test_imports_point_left(path: Path) -> None:
    here = layer_of(dotted(path))
    wrong = [
        f"line {line}: {name}"
        for line, name in imports(path)
        if name.split(".")[0] in ("app", "wsgi") and LAYERS.index(layer_of(name)) >= LAYERS.index(here)
        if not inside(name, here)
    ]
    assert not wrong, f"{path} may import only what stands left of {here}"


@pytest.mark.parametrize("path", modules("rules"))
def test_rules_are_pure(path: Path) -> None:
    allowed = set(sys.stdlib_module_names) - NETWORK | PURE | {"rules"}
    wrong = [f"line {line}: {name}" for line, name in imports(path) if name.split(".")[0] not in allowed]
    sessions = [
        name
        for _, name in imports(path)
        if name.startswith(("sqlalchemy.orm.session", "sqlalchemy.orm.Session"))
    ]
    assert not wrong + sessions, f"{path} decides: no app, no web, no session, no network"


@pytest.mark.parametrize("path", modules("app/mail/"))
def test_mail_is_pure(path: Path) -> None:
    wrong = [
        f"line {line}: {name}"
        for line, name in imports(path)
        if belongs(name, WEB | NETWORK | {"sqlalchemy"})
    ]
    others = [name for _, name in imports(path) if name.startswith("app.") and not inside(name, "app.mail")]
    assert not wrong + others, f"{path} turns bytes into messages and back, nothing else"


@pytest.mark.parametrize("path", modules("app/desk/"))
def test_verbs_know_neither_web_nor_network(path: Path) -> None:
    wrong = [f"line {line}: {name}" for line, name in imports(path) if belongs(name, WEB | NETWORK)]
    assert not wrong, f"{path} queues a delivery, it never meets a request or a socket"


@pytest.mark.parametrize("path", modules("app/desk/", "app/models/"))
def test_verbs_and_nouns_end_no_transaction(path: Path) -> None:
    wrong = [f"line {line}: {name}()" for line, name in calls(path) if name.endswith("session.commit")]
    assert not wrong, f"{path}: entry points own the transaction"


@pytest.mark.parametrize("path", modules("app/desk/", "app/models/", "rules/"))
def test_now_is_an_argument(path: Path) -> None:
    clocks = ("datetime.now", "datetime.utcnow", "date.today", "datetime.today", "time.time")
    wrong = [f"line {line}: {name}()" for line, name in calls(path) if name.endswith(clocks)]
    assert not wrong, f"{path}: now is an argument everywhere below the routes"


@pytest.mark.parametrize("path", modules("app/routes/"))
def test_routes_only_translate(path: Path) -> None:
    ending = ("session.commit", "session.flush", "session.add", "session.delete", "events.record", "record")
    wrong = [f"line {line}: {name}()" for line, name in calls(path) if ends_with(name, ending)]
    events = [f"line {line}: {name}" for line, name in imports(path) if name == "app.desk.events.record"]
    assert not wrong + events, (
        f"{path} finds, calls one verb and renders; writing() commits and the verb records"
    )
    assert len((ROOT / path).read_text().splitlines()) <= ROUTE_LINES, f"{path} is too long for one noun"


@pytest.mark.parametrize("path", modules("app", "rules", "wsgi.py"))
def test_who_may_call_the_ways_out(path: Path) -> None:
    """Ways out are called by the sweeps alone."""
    if path.parts[:2] == ("app", "channels") or path.parts[:2] == ("app", "sweeps"):
        return
    wrong = [f"line {line}: {name}" for line, name in imports(path) if inside(name, "app.channels.smtp")]
    assert not wrong, f"{path} queues a delivery, the sweeps send it"


def test_no_module_is_named_for_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "managers", "services", "common", "misc", "base"}
    assert [str(path) for path in MODULES if set(path.with_suffix("").parts) & empty] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_stand_where_they_should(folder: str) -> None:
    assert (ROOT / folder).is_dir()


def test_every_layer_has_its_place() -> None:
    """A new module at the top of app/ must be given a place in LAYERS."""
    assert {layer_of(dotted(path)) for path in MODULES if path.parts[0] != "rules"} <= set(LAYERS)
    assert sorted(str(path) for path in MODULES if len(path.parts) == 1) == ["start.py", "wsgi.py"]


@pytest.mark.parametrize(
    ("importing", "imported", "allowed"),
    [
        ("app/desk/tickets.py", "app.models.ticket", True),
        ("app/desk/tickets.py", "app.desk.events", True),
        ("app/desk/tickets.py", "app.channels.smtp", False),
        ("app/models/ticket.py", "app.desk.tickets", False),
        ("app/routes/tickets.py", "app", False),
        ("app/sweeps/deliveries.py", "app.channels.smtp", True),
        ("wsgi.py", "app", True),
    ],
)
def test_the_walk_itself(importing: str, imported: str, allowed: bool) -> None:
    here = layer_of(dotted(Path(importing)))
    left = LAYERS.index(layer_of(imported)) < LAYERS.index(here)
    assert (left or inside(imported, here)) is allowed


def dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(name: str) -> str:
    """`app.desk.tickets` -> `app.desk`. A name that app/__init__ itself holds belongs to `app`."""
    top = ".".join(name.split(".")[:2])
    known = (
        top in LAYERS
        or (ROOT / top.replace(".", "/")).is_dir()
        or (ROOT / f"{top.replace('.', '/')}.py").is_file()
    )
    return top if known else name.split(".")[0]


def inside(name: str, package: str) -> bool:
    """Whether it is that package or lies in it; app/__init__ is nobody's own folder."""
    return package != "app" and (name == package or name.startswith(package + "."))


def belongs(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def ends_with(name: str, endings: tuple[str, ...]) -> bool:
    return any(name == ending or name.endswith("." + ending) for ending in endings)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every name a module imports, wherever in it, as (line, dotted name). `from app import auth` is `app.auth`."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: imports are written in full"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Every call as (line, dotted name); calls of results have the name of what is after the result."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call):
            yield node.lineno, called(node.func)


def called(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{called(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return called(node.func)
    return node.id if isinstance(node, ast.Name) else ""

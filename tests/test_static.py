"""What the browser is given: within its budgets, as its publishers made it, and nothing the content policy refuses."""

import gzip
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.scripts import FOLDER, served

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "app" / "static"
TEMPLATES = sorted((ROOT / "app" / "templates").rglob("*.html"))
ICONS = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))


@pytest.mark.parametrize(
    ("pattern", "kilobytes"),
    [("css/*.css", 15), ("icons.svg", 6), ("**/*.js", 76)],
    ids=["styles", "icons", "scripts"],
)
def test_budget(pattern: str, kilobytes: int) -> None:
    """Of all there is; what a page loads of the scripts is below."""
    assert sum(weight(str(path.relative_to(STATIC))) for path in STATIC.glob(pattern)) <= kilobytes * 1024


@pytest.mark.parametrize("path", TEMPLATES, ids=[str(path.relative_to(ROOT)) for path in TEMPLATES])
def test_a_page_loads_at_most_65_kilobytes_of_scripts(path: Path) -> None:
    assert sum(map(weight, scripts_of(path))) <= 65 * 1024


def scripts_of(path: Path) -> set[str]:
    """What a page and its layouts load; a ticket's own come when one is opened beside the board."""
    text = path.read_text()
    loaded = set(re.findall(r"""<script src="\{\{ asset\('([^']+)""", text))
    layout = re.search(r'{% extends "([^"]+)"', text)
    return loaded | scripts_of(ROOT / "app" / "templates" / layout[1]) if layout else loaded


def weight(name: str) -> int:
    return len(gzip.compress(served(name) or (STATIC / name).read_bytes()))


def test_scripts_are_sent_without_their_comments(app: Any) -> None:
    """And with every other line; what is not there, or lies elsewhere, is not found."""
    browser = app.test_client()
    for path in FOLDER.glob("*.js"):
        answer = browser.get(f"/static/js/{path.name}")
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("//")]
        assert answer.get_data(as_text=True).splitlines() == lines
        assert (answer.mimetype, answer.cache_control.max_age) == ("text/javascript", 31_536_000)
    again = browser.get(f"/static/js/{path.name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    together = browser.get("/static/js/live-panel.js").data
    assert together == b"{\n%b}\n{\n%b}\n" % (served("js/live.js"), served("js/panel.js"))
    for odd in ("js/none.js", "js/live-none.js", "js/live-.js", "js/..%2f..%2fhtml.py", "js/"):
        assert browser.get(f"/static/{odd}").status_code == 404


def test_vendored_files_are_what_their_publishers_made() -> None:
    check = subprocess.run(
        [sys.executable, str(ROOT / "bin" / "vendor"), "--check"], capture_output=True, text=True
    )
    assert check.returncode == 0, check.stdout


@pytest.mark.parametrize("path", TEMPLATES, ids=[str(path.relative_to(ROOT)) for path in TEMPLATES])
def test_template_holds_nothing_the_content_policy_refuses(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(
        r"<style|<script(?![^>]*\bsrc=)|\sstyle\s*=|\son\w+\s*=|\shx-on|[\"']js:|javascript:", text
    )


def test_every_icon_that_is_asked_for_is_drawn() -> None:
    texts = [path.read_text() for path in TEMPLATES]
    asked = {name for text in texts for name in re.findall(r"""\bicon\(["']([\w-]+)""", text)}
    assert asked
    assert asked <= ICONS


def test_a_field_that_is_taken_along_stops_no_form() -> None:
    """htmx asks it whether it is filled, too: without `novalidate` nothing happens, and nothing is said, while it is empty."""
    forms = [
        form for path in TEMPLATES for form in re.findall(r'<form\b[^>]*hx-include="#[^>]*', path.read_text())
    ]
    assert forms
    assert [form for form in forms if "novalidate" not in form] == []

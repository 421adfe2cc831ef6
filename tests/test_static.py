"""What the browser is given: within its budgets, as its publishers made it, and nothing the content policy refuses."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "app" / "static"
TEMPLATES = sorted((ROOT / "app" / "templates").rglob("*.html"))
ICONS = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))


@pytest.mark.parametrize(
    ("pattern", "kilobytes"),
    [("css/*.css", 15), ("icons.svg", 6), ("**/*.js", 65)],
    ids=["styles", "icons", "scripts"],
)
def test_budget(pattern: str, kilobytes: int) -> None:
    assert sum(len(gzip.compress(path.read_bytes())) for path in STATIC.glob(pattern)) <= kilobytes * 1024


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

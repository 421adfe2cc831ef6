"""The guides say what is true: every command in them runs, every setting in them is one, every link leads somewhere."""

import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.config import ROOT, Settings, load

GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAIL = b"From: kim@example.org\r\nTo: support@example.com\r\nSubject: Hello\r\n\r\nWhere is my parcel?\r\n"
NEW_PASSWORD = "three unrelated words\nthree unrelated words\n"
COMMANDS = [
    pytest.param(line.partition("  #")[0].strip(), id=f"{guide.name}: {line[:50]}")
    for guide in GUIDES
    for block in re.findall(r"```sh\n(.*?)```", guide.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(
    command: str,
    desk: Any,
    flask: Callable[..., Any],
    start_flask: Callable[..., Any],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    words = shlex.split(command)
    if words[0] == "export":
        name, _, value = words[1].partition("=")
        load({"NIGHTDESK_DATA": str(tmp_path / "settings"), name: value})
    elif words[0].startswith("bin/"):
        assert (ROOT / words[0]).stat().st_mode & 0o111
    elif words[:3] == ["python", "-m", "bench"]:
        assert (ROOT / "bench" / "__main__.py").exists()
    elif words[:3] == ["flask", "--app", "wsgi"] and words[3] in ("clock", "lmtp"):
        if "--socket" in words:
            words[-1] = str(tmp_path / "lmtp")
        elif "lmtp" in words:  # on both databases at the same time
            words += ["--port", str(free_port())]
        process = start_flask(*words[3:])
        _until_it_can_be_asked_to_end(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    else:
        elsewhere: dict[str, str] = {}
        if "invite" in words:
            words[-1] = desk.bob.email
        elif words[3] in ("backup", "restore", "export"):
            words[-1] = str(tmp_path / Path(words[-1]).name)
        if words[3] == "restore":
            assert flask("backup", words[-1]).returncode == 0
            elsewhere = {"DATABASE_URL": f"sqlite:///{tmp_path / 'restored.db'}"}
        assert words[:3] == ["flask", "--app", "wsgi"], f"the guide's command is not known here: {command}"
        arguments = words[3 : words.index("<")] if "<" in words else words[3:]
        done = flask(*arguments, input=MAIL if "receive" in words else NEW_PASSWORD, **elsewhere)
        assert done.returncode == 0, done.stderr


def test_every_setting_is_told_and_every_told_setting_is_one() -> None:
    code = (ROOT / "app" / "config.py").read_text()
    known = set(re.findall(r'environ(?:\.get\()?, ?"([A-Z_]+)"|environ\.get\("([A-Z_]+)"\)', code))
    known = {name for pair in known for name in pair if name}
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs" / "operator-guide.md").read_text()))
    assert known <= told
    assert told <= known
    assert len(known) >= len(fields(Settings)) - 1


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_links_lead_somewhere(guide: Path) -> None:
    text = guide.read_text()
    anchors = {
        re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif "://" not in target:
            assert (guide.parent / target).exists(), target


def _until_it_can_be_asked_to_end(process: Any) -> None:
    """Until it catches SIGTERM: before that, on a busy machine after seconds, it would simply die of it."""
    status, give_up_at = Path(f"/proc/{process.pid}/status"), time.monotonic() + 30
    while time.monotonic() < give_up_at:
        assert process.poll() is None, "it ended by itself"
        caught = re.search(r"^SigCgt:\s*(\w+)", status.read_text(), re.M)
        if caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        with suppress(TimeoutError):
            _wait(process, 0.1)
    raise AssertionError("it did not start")


def _wait(process: Any, seconds: float) -> None:
    """Raises TimeoutError while the process runs on."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error

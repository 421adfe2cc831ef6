"""Our scripts as a browser gets them: without the comments, which are a sixth of what is sent, and those of a page together.

"js/board-moves-live.js" is the modules of these names, one after the other, each in a block of its own.
"""

import re
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from flask import Flask, Response, abort, current_app, send_file

FOLDER = Path(__file__).parent / "static" / "js"

_NAME = re.compile(r"js/(\w+(?:-\w+)*)\.js", re.ASCII)
_COMMENT = re.compile(
    rb"^[ \t]*//[^\n]*\n", re.MULTILINE
)  # a line of its own; none of our texts has such a line


def init_app(app: Flask) -> None:
    app.view_functions["static"] = _send


def served(filename: str) -> bytes | None:
    """What is sent for "js/name.js" or "js/name-other.js"; None where there is no such script."""
    found = _NAME.fullmatch(filename)
    paths = [FOLDER / f"{name}.js" for name in found[1].split("-")] if found else []
    if not paths or not all(path.is_file() for path in paths):
        return None
    parts = [_without_comments(path, path.stat().st_mtime_ns) for path in paths]
    return parts[0] if len(parts) == 1 else b"".join(b"{\n%b}\n" % part for part in parts)


@lru_cache(maxsize=64)
def _without_comments(path: Path, _changed_at: int) -> bytes:
    return _COMMENT.sub(b"", path.read_bytes())


def _send(filename: str) -> Response:
    if not filename.startswith("js/"):
        return current_app.send_static_file(filename)
    script = served(filename)
    if script is None:
        abort(404)
    etag = sha256(script).hexdigest()[:16]
    max_age = current_app.get_send_file_max_age(filename)
    return send_file(BytesIO(script), mimetype="text/javascript", max_age=max_age, etag=etag)

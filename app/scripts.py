"""Our scripts as a browser gets them: without the comments, which are a sixth of what is sent."""

import re
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from flask import Flask, Response, abort, current_app, send_file

FOLDER = Path(__file__).parent / "static" / "js"

_COMMENT = re.compile(
    rb"^[ \t]*//[^\n]*\n", re.MULTILINE
)  # a line of its own; none of our texts has such a line


def init_app(app: Flask) -> None:
    app.view_functions["static"] = _send


def served(path: Path) -> bytes:
    """What is sent of a script."""
    return _without_comments(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _without_comments(path: Path, _changed_at: int) -> bytes:
    return _COMMENT.sub(b"", path.read_bytes())


def _send(filename: str) -> Response:
    folder, _, name = filename.rpartition("/")
    if folder != "js":
        return current_app.send_static_file(filename)
    path = FOLDER / name
    if path.suffix != ".js" or not path.is_file():
        abort(404)
    script = served(path)
    max_age = current_app.get_send_file_max_age(filename)
    etag = sha256(script).hexdigest()[:16]
    return send_file(BytesIO(script), mimetype="text/javascript", max_age=max_age, etag=etag)

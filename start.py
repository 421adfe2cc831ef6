"""What bin/run starts: brings the database to this version, offers the demo, and becomes the server.

One process instead of three, for each would import everything anew. What is done before serving is done by a child of
its own, so that the server inherits no connection and no loop.
"""

import os
import sys
import traceback
from typing import NoReturn

from gunicorn.app.wsgiapp import WSGIApplication


def main() -> None:
    commands = ["migrate"] if sys.argv[1:] == ["--empty"] else ["migrate", "demo"]
    sys.argv[1:] = ["-c", "gunicorn.conf.py", "wsgi:app"]
    server = WSGIApplication()  # reads gunicorn.conf.py, and with it imports the desk
    child = os.fork()
    if child == 0:
        _prepare(commands)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(os.waitstatus_to_exitcode(status) or 1)
    server.run()


def _prepare(commands: list[str]) -> NoReturn:
    """The same commands as `flask --app wsgi ...`; ends this process."""
    code = 1
    try:
        from flask.cli import ScriptInfo

        from wsgi import app

        for command in commands:
            app.cli.main([command], obj=ScriptInfo(create_app=lambda: app), standalone_mode=False)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()

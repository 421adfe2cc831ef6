"""The app for a server. Importing it starts nothing."""

import gc
import sys

gc.disable()  # what is imported stays: to look through it for garbage again and again takes a fifth of the start

from app import create_app, logs  # noqa: E402
from app.config import SettingError, load  # noqa: E402

try:
    settings = load()
    logs.configure(settings)
    app = create_app(settings)
except SettingError as error:
    sys.exit(f"Nightdesk cannot start. {error}")

gc.freeze()
gc.enable()

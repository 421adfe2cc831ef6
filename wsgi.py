"""The app for a server. Importing it starts nothing."""

import sys

from app import create_app, logs
from app.config import SettingError, load

try:
    settings = load()
    logs.configure(settings)
    app = create_app(settings)
except SettingError as error:
    sys.exit(f"Nightdesk cannot start. {error}")

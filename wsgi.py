"""The app for a server. Importing it starts nothing."""

import sys

from app import create_app
from app.config import SettingError

try:
    app = create_app()
except SettingError as error:
    sys.exit(f"Nightdesk cannot start. {error}")

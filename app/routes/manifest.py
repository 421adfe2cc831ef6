"""The desk as an app on a phone or a desktop. Known before anybody signs in, so in the language the browser asks for."""

from flask import Blueprint, Response, json

from app.auth import own_token
from app.html import asset
from app.words import gettext, locale

bp = Blueprint("manifest", __name__)

PAPER = (
    "#f4f3ef"  # what stands behind the page while it opens; its own colours follow the scheme, see _head.html
)


@bp.get("/manifest.webmanifest")
@own_token
def show() -> Response:
    icons = [("192", "192x192", "any"), ("512", "512x512", "any"), ("maskable", "512x512", "maskable")]
    shortcuts = [
        (gettext("My tickets"), "/tickets?q=is:unresolved%20assignee:me"),
        (gettext("New ticket"), "/tickets/new"),
        (gettext("Alerts"), "/alerts"),
    ]
    said = {
        "name": "Nightdesk",
        "short_name": "Nightdesk",
        "description": gettext("A shared support board that answers around the clock"),
        "lang": locale(),
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": PAPER,
        "icons": [
            {"src": asset(f"icons/{name}.png"), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in icons
        ],
        "shortcuts": [{"name": name, "url": url} for name, url in shortcuts],
    }
    response = Response(json.dumps(said, ensure_ascii=False), mimetype="application/manifest+json")
    response.headers["Cache-Control"] = "public, max-age=86400"
    response.vary.add("Accept-Language")
    return response

"""What makes the desk an app on a phone."""

from typing import Any

from tests.small import SmallDesk


def test_the_manifest_speaks_the_browsers_language(app: Any, desk: SmallDesk) -> None:
    browser = app.test_client()
    english, korean = (
        browser.get("/manifest.webmanifest", headers={"Accept-Language": language})
        for language in ("en", "ko")
    )
    assert english.mimetype == "application/manifest+json"
    assert (english.json["lang"], korean.json["lang"]) == ("en", "ko")
    assert korean.json["shortcuts"][1]["name"] == "새 티켓"
    assert "Accept-Language" in english.headers["Vary"]
    for icon in english.json["icons"]:
        with browser.get(icon["src"]) as picture:
            width = int.from_bytes(picture.data[16:20])  # of a PNG's first chunk
            assert (picture.mimetype, f"{width}x{width}") == ("image/png", icon["sizes"])


def test_every_page_leads_to_it(app: Any, desk: SmallDesk) -> None:
    text = app.test_client().get("/sign-in").text
    assert 'rel="manifest" href="/manifest.webmanifest"' in text
    assert text.count('name="theme-color"') == 2

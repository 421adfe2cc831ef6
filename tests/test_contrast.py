"""Every text colour can be read on every surface it stands on, in both themes, computed from the style sheet itself."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parent.parent / "app" / "static" / "css" / "app.css").read_text()
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
}
PEOPLE = re.findall(
    r"\.person-(\d) \{ --person: light-dark\((#\w{6}), (#\w{6})\); --person-wash: light-dark\((#\w{6}), (#\w{6})\)",
    CSS,
)
TEXT, SHAPE = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
SURFACES = ("paper", "sheet", "sunk")

PAIRS = [
    *[
        (ink, surface, TEXT)
        for ink in ("ink", "soft", "faint", "accent", "due", "late", "ok")
        for surface in SURFACES
    ],
    *[
        (ink, wash, TEXT)
        for ink in ("ink", "soft")
        for wash in ("accent-wash", "due-wash", "late-wash", "ok-wash")
    ],
    *[(ink, f"{ink}-wash", TEXT) for ink in ("accent", "due", "late", "ok")],
    ("late", "accent-wash", TEXT),  # a failed delivery on our own message
    ("accent", "due-wash", TEXT),  # a link in a note
    ("on-accent", "accent", TEXT),
    ("on-accent", "due", TEXT),  # "Save note"
    ("on-late", "late", TEXT),
    ("paper", "ink", TEXT),  # toasts and the current column tab
    *[("edge", surface, SHAPE) for surface in SURFACES],
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "surface", "least"), PAIRS)
def test_tokens_contrast(ink: str, surface: str, least: float, theme: int) -> None:
    assert contrast(TOKENS[ink][theme], TOKENS[surface][theme]) >= least


@pytest.mark.parametrize("person", PEOPLE, ids=[f"person-{person[0]}" for person in PEOPLE])
def test_people_are_readable_in_their_colours(person: tuple[str, ...]) -> None:
    _, ink_light, ink_dark, wash_light, wash_dark = person
    assert contrast(ink_light, wash_light) >= TEXT
    assert contrast(ink_dark, wash_dark) >= TEXT


def test_there_are_eight_different_people() -> None:
    assert [int(person[0]) for person in PEOPLE] == list(range(8))
    assert len({person[1:] for person in PEOPLE}) == 8


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21), ("#777777", "#ffffff", 4.48), ("#123456", "#123456", 1)],
)
def test_contrast_is_the_one_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

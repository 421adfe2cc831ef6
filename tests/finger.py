"""A finger on the screen of a browser that has touch: what the system tells the page, not what a script makes up."""

from typing import Any


class Finger:
    """One finger. Where it is let go is where it was last."""

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)
        self._at = (0.0, 0.0)

    def press(self, x: float, y: float) -> None:
        self._tell("touchStart", x, y)

    def move(self, x: float, y: float, steps: int = 4) -> None:
        """In so many steps of the same length."""
        from_x, from_y = self._at
        for step in range(1, steps + 1):
            self._tell(
                "touchMove", from_x + (x - from_x) * step / steps, from_y + (y - from_y) * step / steps
            )

    def lift(self) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def _tell(self, kind: str, x: float, y: float) -> None:
        self._at = (x, y)
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})

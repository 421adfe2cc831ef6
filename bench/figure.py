"""One measured number beside what it must reach."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` is in `unit`: "x" for a ratio to the yardstick, "ms", "MB", "a second", or "" for a count.

    At most `target` is wanted, at least that where `more` is better. `detail` says what `value` was made of,
    `others` what other products need for it on the same machine, where that was measured.
    """

    what: str
    value: float
    unit: str
    target: float
    more: bool = False
    yardstick: str = ""
    detail: str = ""
    others: str = ""

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.more else self.value <= self.target

    def __str__(self) -> str:
        said = f"{'met   ' if self.met else 'MISSED'} {self.what}: {_number(self.value)}{_unit(self.unit)}"
        if self.yardstick:
            said += f" {self.yardstick}"
        said += f"; target {'at least ' if self.more else ''}{_number(self.target)}{_unit(self.unit)}"
        for more in (self.detail, self.others and f"others: {self.others}"):
            if more:
                said += f"\n         {more}"
        return said


def ratio(what: str, value: float, against: float, target: float, yardstick: str, others: str = "") -> Figure:
    """How many times its yardstick something takes; both in milliseconds."""
    times = round(value / against, 2)
    return Figure(
        what,
        times,
        "x",
        target,
        yardstick=yardstick,
        detail=f"{value:.2f} ms against {against:.2f} ms",
        others=others,
    )


def _number(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _unit(unit: str) -> str:
    return unit if unit in ("", "x") else f" {unit}"

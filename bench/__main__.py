"""Prints each figure beside its yardstick from the same run, with its target, and writes them as JSON.

python -m bench                          every figure on SQLite, up to a million tickets
python -m bench board --most 100000      some of them, and a shorter run
python -m bench --on postgresql          the same on a PostgreSQL server of its own
"""

import argparse
import json
import os
import platform
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from app.config import ROOT
from bench import (
    backtests,
    board,
    browser,
    deliveries,
    judging,
    languages,
    load,
    pages,
    processes,
    query,
    receive,
    search,
    streams,
)
from bench.figure import Figure
from bench.places import place

FIGURES = {
    "backtests": backtests.measure,
    "board": board.measure,
    "browser": browser.measure,
    "load": load.measure,
    "pages": pages.measure,
    "processes": processes.measure,
    "query": query.measure,
    "receive": receive.measure,
    "deliveries": deliveries.measure,
    "streams": streams.measure,
    "search": search.measure,
    "rules": judging.measure,
    "languages": languages.measure,
}
RESULTS = ROOT / "bench" / "results"


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FIGURES)}; all without one")
    options.add_argument("--most", type=int, default=1_000_000, help="the largest number of tickets")
    options.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = options.parse_args()
    if unknown := set(chosen.names) - set(FIGURES):
        options.error(f"no figure is called {', '.join(sorted(unknown))}")
    machine = f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
    figures: dict[str, list[Figure]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="nightdesk-bench-") as folder,
        place(chosen.on, Path(folder)) as where,
    ):
        for name in chosen.names or FIGURES:
            figures[name] = FIGURES[name](where, chosen.most)
    print(f"\n{chosen.on}, {machine}\n")
    print(*(figure for found in figures.values() for figure in found), sep="\n")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{chosen.on}-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    written = {
        name: [asdict(figure) | {"met": figure.met} for figure in found] for name, found in figures.items()
    }
    path.write_text(json.dumps({"machine": machine, "figures": written}, indent=1))
    print(f"\nwritten to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

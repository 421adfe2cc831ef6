"""The board in a real browser, cold, at full speed and with the processor slowed down four times: what it weighs, when it is
there, how long it does not listen, and whether it moves under the reader while others work."""

import gzip
import shutil
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.figure import Figure
from bench.places import Place
from bench.server import Client, serving

SLOWED = 4
MOVES, MOVED_EVERY = 30, 0.15  # seconds
OPEN, WAITING = 2, 3  # columns
BOARD = "/boards/1"
SEEN = """(() => {
  const seen = window.seen = { painted: 0, first: 0, moved: 0, tasks: [], answers: [] };
  const watch = (type, take, more) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...more });
  watch("largest-contentful-paint", (entry) => { seen.painted = entry.startTime; });
  watch("paint", (entry) => { seen.first = entry.startTime; });
  let shifts = { sum: 0, first: 0, last: -1e9 }; // of a session: at most a second apart and five long
  watch("layout-shift", (entry) => {
    if (entry.hadRecentInput) return;
    const at = entry.startTime;
    if (at - shifts.last > 1000 || at - shifts.first > 5000) shifts = { sum: 0, first: at, last: at };
    shifts.sum += entry.value;
    shifts.last = at;
    seen.moved = Math.max(seen.moved, shifts.sum);
  });
  watch("longtask", (entry) => seen.tasks.push([entry.startTime, entry.duration]));
  watch("event", (entry) => { if (entry.interactionId) seen.answers.push(entry.duration); }, { durationThreshold: 16 });
})()"""


@dataclass(frozen=True)
class Weight:
    """A cold page: compressed bytes by kind, how many requests, and what stands in it."""

    html: int
    styles: int
    scripts: int
    icons: int
    requests: int
    nodes: int
    cards: int

    @property
    def whole(self) -> int:
        return self.html + self.styles + self.scripts + self.icons


@dataclass(frozen=True)
class Feel:
    """Milliseconds: of the largest paint, for which the page did not listen while it opened, and of the slowest answer to a
    hand; and how far things moved by themselves."""

    painted: float
    deaf: float
    answered: float
    moved: float


def measure(place: Place, most: int) -> list[Figure]:
    from playwright.sync_api import sync_playwright

    size = min(most, 100_000)
    chromium = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))), None)
    if chromium is None:
        raise RuntimeError("no Chromium. Type: apt-get install -y chromium-headless-shell")
    with serving(place.desk(size)) as client, sync_playwright() as playwright:
        before = int(client.ask("GET", "/bench/statements")[1])
        client.ask("GET", BOARD)
        statements = int(client.ask("GET", "/bench/statements")[1]) - before
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        weight = _weigh(_page(browser, client))
        quick, slow = (_feel(_page(browser, client), client, rate) for rate in (1, SLOWED))
        browser.close()
    at = f"{weight.cards} cards of {size:,} tickets"
    return [
        Figure(f"board, {at}: HTML compressed", _kb(weight.html), "KB", 30),
        Figure("  its elements", weight.nodes, "", 6_000),
        Figure("  its styles compressed", _kb(weight.styles), "KB", 15),
        Figure("  its scripts compressed", _kb(weight.scripts), "KB", 65),
        Figure("  its icons compressed", _kb(weight.icons), "KB", 6),
        Figure("  the cold page", _kb(weight.whole), "KB", 130),
        Figure("  its requests, beside the stream", weight.requests, "", 14),
        Figure("  its SQL statements", statements, "", 8),
        Figure("  largest paint", quick.painted, "ms", 1_000),
        Figure(f"  largest paint, {SLOWED} times slower", slow.painted, "ms", 2_500),
        Figure(f"  deaf while it opens, {SLOWED} times slower", slow.deaf, "ms", 500),
        Figure("  slowest answer to a hand while others work", quick.answered, "ms", 200),
        Figure(f"  the same, {SLOWED} times slower", slow.answered, "ms", 200),
        Figure("  moved by itself while others work", quick.moved, "", 0.02),
        Figure(f"  the same, {SLOWED} times slower", slow.moved, "", 0.02),
    ]


def _page(browser: Any, client: Client) -> Any:
    """A page of a browser that knows nothing yet but who is signed in."""
    context = browser.new_context(base_url=client.origin, viewport={"width": 1440, "height": 900})
    name, _, value = client.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": client.origin}])
    context.add_init_script(SEEN)
    return context.new_page()


def _weigh(page: Any) -> Weight:
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(BOARD)
    page.locator("#live[data-state=live]").wait_for()
    page.wait_for_timeout(1_000)
    bytes_of: dict[str, int] = {}
    requests = 0
    for answer in answers:
        path = urlsplit(answer.url).path
        if path.endswith(("/stream", "/delta")):
            continue
        requests += 1
        kind = "html" if path == BOARD else path.rpartition(".")[2]
        bytes_of[kind] = bytes_of.get(kind, 0) + len(gzip.compress(answer.body()))
    return Weight(
        html=bytes_of["html"],
        styles=bytes_of["css"],
        scripts=bytes_of["js"],
        icons=bytes_of.get("svg", 0) + bytes_of.get("png", 0),
        requests=requests,
        nodes=page.evaluate("document.querySelectorAll('*').length"),
        cards=page.locator(".card").count(),
    )


def _feel(page: Any, client: Client, slower: int) -> Feel:
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.goto(BOARD)
    page.locator("#live[data-state=live]").wait_for()
    page.wait_for_timeout(2_000)
    opened = page.evaluate("window.seen")
    deaf = sum(max(0.0, lasted - 50) for began, lasted in opened["tasks"] if began >= opened["first"])
    _work(page, client)
    after = page.evaluate("window.seen")
    return Feel(
        painted=round(opened["painted"]),
        deaf=round(deaf),
        answered=max(after["answers"], default=0),
        moved=round(after["moved"], 4),
    )


def _work(page: Any, client: Client) -> None:
    """Others move cards of what is shown while somebody opens a ticket, closes it, and types."""
    shown = [
        int(number)
        for number in page.eval_on_selector_all(".card", "cards => cards.map((card) => card.dataset.id)")
    ]
    subjects = page.locator(".card-subject a")
    for n in range(MOVES):
        client.close()  # the server does not keep an idle connection for long
        client.post(f"/tickets/{shown[n * 7 % len(shown)]}/column", column=(OPEN, WAITING)[n % 2])
        match n % 6:
            case 0:
                subjects.nth(n // 6 % 5).click()
            case 2:
                page.locator("#panel_title").wait_for()
                page.keyboard.press("Escape")
            case 3:
                page.locator("#query").click()
            case 4:
                page.keyboard.type("tag")
            case 5:
                page.locator("#query").fill("")
                page.locator("#board").focus()
        time.sleep(MOVED_EVERY)
    page.wait_for_timeout(500)


def _kb(count: int) -> float:
    return round(count / 1024, 1)

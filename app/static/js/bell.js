// The bell in the head: how many notifications wait, there, in the title and on the app's icon. Asked for when the board
// changes and when somebody comes back to the page, at most every ten seconds, and else every twenty; never by a page that is
// not in front: it hears what the others of this browser are told. A ticket that is looked at has been read.
const bell = document.querySelector("[data-bell]");
const badge = bell?.querySelector("[data-count]");
const title = document.querySelector("title");

const PAUSE = 10_000;
const POLL = 20_000;
const others = window.BroadcastChannel && new BroadcastChannel(`bell:${document.documentElement.dataset.me}`);

let askedAt = Date.now() - PAUSE; // what the page says is as of now
let waiting = null;
let ticket = "";

function show(count, said) {
  badge.dataset.count = count;
  badge.textContent = count ? said : "";
  bell.setAttribute("aria-label", count ? bell.dataset.some.replace("{n}", said) : bell.dataset.none);
  name();
  navigator.setAppBadge?.(count).catch(() => {}); // where the page is not installed
}

function name() {
  const count = Number(badge.dataset.count);
  const wanted = (count ? `(${badge.textContent}) ` : "") + document.title.replace(/^\(\d+\+?\) /, "");
  if (document.title !== wanted) document.title = wanted;
}

async function ask(seen = "") {
  const at = askedAt = Date.now();
  const answer = await fetch(seen ? `/tickets/${seen}/notifications/reading` : "/notifications/count", {
    method: seen ? "POST" : "GET", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(15_000),
  }).catch(() => null);
  const found = answer?.ok && await answer.json().catch(() => null);
  if (!found) return;
  const { count, said } = found;
  if (askedAt > at) return; // a newer answer is there, or on its way
  show(count, said);
  others?.postMessage([at, count, said]);
  if (count && ticket && !seen && !document.hidden) ask(ticket);
}

function soon() {
  waiting ??= setTimeout(() => { waiting = null; ask(); }, Math.max(0, askedAt + PAUSE - Date.now()));
}

if (bell) {
  show(Number(badge.dataset.count), badge.textContent);
  new MutationObserver(name).observe(title, { childList: true });
  document.addEventListener("board:delta", soon);
  document.addEventListener("ticket:begun", ({ detail }) => {
    ticket = detail.number;
    if (Number(badge.dataset.count)) ask(ticket);
  });
  document.addEventListener("panel:closed", () => { ticket = ""; });
  document.addEventListener("visibilitychange", () => document.hidden || soon());
  addEventListener("focus", soon);
  others?.addEventListener("message", ({ data: [at, ...told] }) => {
    if (at < askedAt) return;
    askedAt = at;
    show(...told);
  });
  setInterval(() => { if (!document.hidden && Date.now() - askedAt >= POLL) ask(); }, 5000);
}

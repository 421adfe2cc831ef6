// The panel: a ticket beside the board or list that it was opened from, under the ticket's own address. Back closes it, a
// reload shows the ticket's page; on a narrow window and without script that page is opened at once.
//   panel:open { number }                              asks for it, whoever asks
//   panel:opened { number, root }, panel:closed { number }
// Links to tickets are followed here inside [data-beside].

const panel = document.getElementById("panel");
const body = panel.querySelector("[data-body]");
const words = document.getElementById("words").dataset;
const board = document.getElementById("board"); // beside a list it is empty, and follows what is open
const narrow = matchMedia("(width <= 820px)");
const home = document.title;
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

let number = 0; // of the ticket that is open
let origin = null; // { list, place }: where it stood when it was opened
let loading = null; // aborts the request that is under way

const numberOf = (path) => Number(/^\/tickets\/(\d+)$/.exec(path)?.[1] ?? 0);
const linkOf = (wanted) => [...document.querySelectorAll(`[data-beside] a[href="/tickets/${wanted}"]`)].at(-1);

// The tickets of a column or list in their order.
function ticketsOf(list) {
  return [...new Set([...list.querySelectorAll("a[href]")].map((link) => numberOf(link.pathname)))].filter(Boolean);
}

// ---- Opening -----------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-beside] a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const wanted = numberOf(link.pathname);
  if (!wanted || narrow.matches) return;
  event.preventDefault();
  show(wanted);
});
document.addEventListener("panel:open", ({ detail }) => show(Number(detail.number)));

function show(wanted) {
  const address = `/tickets/${wanted}`;
  if (narrow.matches) return void location.assign(address);
  if (wanted === number) return void focus();
  history[number ? "replaceState" : "pushState"]({ panel: wanted }, "", address);
  load(wanted);
}

// What was still asked for has no place to go to any more; that it was read is told all the same.
function abandon() {
  for (const each of body.querySelectorAll(".htmx-request:not([data-reading])")) window.htmx.trigger(each, "htmx:abort");
}

async function load(wanted) {
  const list = linkOf(wanted)?.closest("[data-cards], [data-beside]");
  if (list) origin = { list, place: ticketsOf(list).indexOf(wanted) };
  leave();
  number = wanted;
  mark();
  loading = new AbortController();
  const { signal } = loading;
  const slow = setTimeout(() => wait(wanted), 200);
  // It takes its place as soon as the click has been drawn: a board that makes room later moves under the reader.
  if (panel.hidden) requestAnimationFrame(() => setTimeout(() => signal.aborted || !panel.hidden || reveal()));
  let answer = null;
  let html = "";
  try {
    const scripts = panel.dataset.scripts.split(" ").map((address) => import(address));
    answer = await fetch(`/tickets/${wanted}/panel`, { headers: { "HX-Request": "true" }, signal: AbortSignal.any([signal, AbortSignal.timeout(15_000)]) });
    html = await answer.text();
    await Promise.all(scripts);
  } catch {
    if (signal.aborted) return;
    answer = null;
  } finally {
    clearTimeout(slow);
  }
  if (signal.aborted) return;
  panel.removeAttribute("aria-busy");
  if (answer?.ok) fill(html);
  else fail(answer);
}

function fill(html) {
  reveal();
  abandon();
  body.innerHTML = html;
  window.htmx.process(body);
  const root = body.firstElementChild;
  document.title = root.dataset.title;
  follow(root);
  emit("panel:opened", { number, root });
  focus();
}

function follow({ dataset }) {
  if (!board.hidden) return;
  if (board.dataset.board === dataset.of) return;
  if (dataset.of) Object.assign(board.dataset, { board: dataset.of, seq: dataset.seq });
  else delete board.dataset.board;
  emit("live:follow");
}

// Nothing for the first moments; then a quiet word.
function wait(wanted) {
  if (number !== wanted) return;
  panel.setAttribute("aria-busy", "true");
  tell(panel.dataset.loading);
}

function fail(answer) {
  const known = { 401: words.signedOut, 403: words.forbidden, 404: words.gone, 429: words.often, 503: words.busy };
  const id = answer?.headers.get("X-Request-Id");
  tell(answer ? known[answer.status] ?? (id ? `${panel.dataset.failed} (${id})` : panel.dataset.failed) : panel.dataset.unreachable);
  if (answer && answer.status < 429 && answer.status !== 401) return;
  const again = Object.assign(document.createElement("button"), { className: "button", type: "button" });
  again.textContent = answer?.status === 401 ? panel.dataset.signIn : panel.dataset.retry;
  again.addEventListener("click", () => (answer?.status === 401 ? location.reload() : load(number)));
  body.append(again);
  again.focus();
}

function tell(text) {
  reveal();
  const said = Object.assign(document.createElement("p"), { className: "soft", textContent: text, tabIndex: -1 });
  said.setAttribute("role", "status");
  said.id = "panel_title";
  body.replaceChildren(said);
  said.focus({ preventScroll: true });
}

function reveal() {
  panel.hidden = false;
  panel.scrollTop = 0;
  panel.querySelector("[data-page]").href = `/tickets/${number}`;
  for (const button of panel.querySelectorAll("[data-step]")) button.disabled = !beside(Number(button.dataset.step));
}

const focus = () => document.getElementById("panel_title")?.focus({ preventScroll: true });

// Says goodbye to what was open.
function leave() {
  loading?.abort();
  if (number) emit("panel:closed", { number });
}

// The card or row of what is open; a card that is drawn anew is marked again.
function mark() {
  for (const item of document.querySelectorAll("[data-beside] .is-open")) item.classList.remove("is-open");
  if (number) linkOf(number)?.closest(".card, tr, li")?.classList.add("is-open");
}

for (const name of ["board:delta", "board:release"]) document.addEventListener(name, mark);

// ---- From one to the next ------------------------------------------------------------------------------------------------

// The ticket before or after it where it stood, also when it has been moved away meanwhile.
function beside(step) {
  if (!origin?.list.isConnected) return 0;
  const tickets = ticketsOf(origin.list);
  const place = tickets.indexOf(number);
  if (place >= 0) return tickets[place + step] ?? 0;
  return tickets[step > 0 ? origin.place : origin.place - 1] ?? 0;
}

panel.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-step], [data-shuts], a[href^='#']");
  if (!pressed || event.defaultPrevented) return;
  if (pressed.dataset.step) return step(Number(pressed.dataset.step));
  if (pressed.dataset.shuts !== undefined) return close();
  event.preventDefault(); // a place within the ticket is no place in the history
  const place = document.getElementById(pressed.hash.slice(1));
  place?.scrollIntoView({ block: "start" });
});
document.addEventListener("panel:step", ({ detail }) => number && step(detail.step));

function step(by) {
  const next = beside(by);
  if (!next) return;
  show(next);
  linkOf(next)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// ---- Closing -------------------------------------------------------------------------------------------------------------

function close() {
  if (number) history.back();
}

addEventListener("popstate", () => {
  const wanted = numberOf(location.pathname);
  if (wanted === number) return;
  if (wanted) return narrow.matches ? location.reload() : load(wanted);
  const link = linkOf(number);
  leave();
  number = 0;
  mark();
  panel.hidden = true;
  follow({ dataset: {} });
  abandon();
  body.replaceChildren();
  document.title = home;
  (link ?? origin?.list.querySelector("a[href]"))?.focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
  if (!number || document.querySelector("dialog[open], details.menu[open], :popover-open")) return;
  event.preventDefault();
  close();
});

// The board: puts cards where they belong as changes arrive, loads more of a column. What it shows comes from the
// server; here nothing is sorted but by the key that each card brings.
//
// The scripts of a page talk by events of the document, never by names:
//   board:delta, board:reload, board:told   see live.js
//   board:hold, board:release               while a card is in the hand nothing on the board is changed (drag.js)
//   board:move { number, column, expected } asks to move a card, whoever asks (moves.js); also the cards it was put
//                                           between, { after, before }, and { back } to call when it was refused
//   toast { text, kind, undo, actions, stays, answer }                         (base.js)

const board = document.getElementById("board");
const words = document.getElementById("words").dataset;
const texts = board.dataset;
const told = document.getElementById("told");
const still = matchMedia("(prefers-reduced-motion: reduce)");

const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const cellOf = ({ column, lane }) => document.getElementById(lane ? `column_${column}_${lane}` : `column_${column}`);
const headOf = (what, id) => document.getElementById(`${what}_${id}_head`);
const listOf = (column) => column.querySelector("[data-cards]");
const moreOf = (column) => column.querySelector(".show-more");
const parse = (html) => document.createRange().createContextualFragment(html).firstElementChild;

let holding = false; // a dragged card that is replaced breaks the drag
const held = []; // changes that arrived meanwhile
const waiting = new Map(); // column id -> Map of card id -> card, new above what is being looked at

// ---- Changes -------------------------------------------------------------------------------------------------------

document.addEventListener("board:delta", (event) => {
  if (holding) held.push(event.detail);
  else apply(event.detail);
});
document.addEventListener("board:reload", reload);
document.addEventListener("board:hold", () => { holding = true; });
document.addEventListener("board:release", () => {
  holding = false;
  for (const delta of held.splice(0)) apply(delta);
});

function apply(delta) {
  // A person or a language may have got a column or lane, or have none any more.
  const isKnown = (what, heads) => board.querySelectorAll(`.${what}-head`).length === heads.length && heads.every((head) => headOf(what, head.id));
  if (!isKnown("column", delta.heads) || !isKnown("lane", delta.lanes)) return reload();
  const changed = delta.cards.map((entry) => parse(entry.html)).filter(place);
  for (const id of delta.gone) remove(id);
  for (const { id, html } of delta.heads) replace(headOf("column", id), html);
  for (const { id, html } of delta.lanes) replace(headOf("lane", id), html);
  for (const column of board.querySelectorAll(".column")) showCounts(column), trim(column);
  const duty = document.getElementById("on_call");
  if (duty && delta.on_call) Idiomorph.morph(duty, delta.on_call, { morphStyle: "outerHTML" });
  if (!delta.own) tell(changed);
}

// Puts a card in its place; says whether anything is different now.
function place(card) {
  const old = document.getElementById(card.id);
  if (old && Number(old.dataset.version) > Number(card.dataset.version)) return false;
  const same = old?.dataset.version === card.dataset.version;
  forget(card.dataset.id);
  const column = cellOf(card.dataset);
  if (!column || isBeyond(card, column)) {
    old?.remove();
    return Boolean(old);
  }
  const next = successor(card, listOf(column));
  if (!old && isAboveTheLooked(next, column)) {
    wait(card, column);
    return true;
  }
  const shown = old ? replace(old, card) : card;
  if (shown.parentElement !== listOf(column) || shown.nextElementSibling !== next) put(shown, listOf(column), next);
  if (!same) highlight(shown);
  return !same;
}

// The card that comes after it in the list, or null. One that was just put by hand tells nothing until the server has said.
function successor(card, list) {
  return [...list.children].find((other) => other.id !== card.id && !other.matches(".is-busy") && compare(card, other) < 0) ?? null;
}

function compare(one, other) {
  const [a, b] = [one.dataset.sort, other.dataset.sort];
  return a < b ? -1 : a > b ? 1 : Number(one.dataset.id) - Number(other.dataset.id);
}

// Whether it lies behind the cards that are loaded: it is counted, and "Show more" will bring it.
function isBeyond(card, column) {
  const after = moreOf(column)?.dataset.after;
  if (!after) return false;
  const dot = after.lastIndexOf(".");
  return compare(card, { dataset: { sort: after.slice(0, dot), id: after.slice(dot + 1) } }) > 0;
}

// Focus, open menus and scroll positions survive, because the element stays the same one.
function replace(old, card) {
  Idiomorph.morph(old, card, { morphStyle: "outerHTML" });
  return document.getElementById(card.id);
}

function put(card, list, next) {
  const focused = card.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(card, next);
  focused?.focus({ preventScroll: true });
}

function highlight(card) {
  card.classList.remove("is-changed");
  void card.offsetWidth; // begin the fading anew
  card.classList.add("is-changed");
  setTimeout(() => card.classList.remove("is-changed"), 2000);
}

// With a filter, the card somebody works on stays, greyed, until they move on.
function remove(id) {
  forget(id);
  const card = document.getElementById(`ticket_${id}`);
  if (!card) return;
  if (!texts.q || !card.matches(":hover, :focus-within")) return void card.remove();
  card.classList.add("is-leaving");
  const leave = () => {
    if (card.matches(":hover, :focus-within") || !card.classList.contains("is-leaving")) return;
    card.remove();
    for (const name of ["pointerleave", "focusout"]) card.removeEventListener(name, later);
  };
  const later = () => setTimeout(leave);
  for (const name of ["pointerleave", "focusout"]) card.addEventListener(name, later);
}

function showCounts(column) {
  const { column: id, lane } = column.dataset;
  const head = headOf("column", id);
  const tab = document.querySelector(`[data-tab="${id}"]`);
  if (tab) {
    tab.querySelector(".count").textContent = head.querySelector(".count").textContent;
    tab.classList.toggle("has-late", head.dataset.late !== "0");
  }
  const shown = listOf(column).children.length;
  const more = moreOf(column);
  const cells = lane && headOf("lane", lane).dataset.cells.split(" ").map((cell) => cell.split(":"));
  const counted = Number(cells ? new Map(cells).get(id) ?? 0 : head.dataset.count);
  const empty = column.querySelector(".column-empty");
  if (empty) empty.hidden = shown > 0 || (column.matches(".is-folded") && counted > 0);
  const left = counted - shown - (waiting.get(column)?.size ?? 0);
  if (!more) return;
  if (left <= 0 && counted <= 999) return void more.remove();
  const said = counted > 999 ? "999+" : String(left);
  more.textContent = say(texts.more, { n: counted > 999 ? 40 : Math.min(left, 40) });
  if (counted > 999 || left > 40) more.append(" ", Object.assign(document.createElement("span"), { className: "count", textContent: `(${said})` }));
}

// A column keeps as many cards as were asked for; those that others pushed out below are left to "Show more" again,
// unless somebody is looking at them.
function trim(column) {
  const list = listOf(column);
  const limit = Number(list.dataset.limit);
  const extra = [...list.children].slice(limit);
  const end = column.querySelector(".column-body").getBoundingClientRect().bottom;
  if (!extra.length || column.matches(".is-folded") || extra[0].getBoundingClientRect().top < end || extra.some((card) => card.matches(":focus-within"))) return;
  for (const card of extra) card.remove();
  const last = list.lastElementChild.dataset;
  const more = moreOf(column) ?? list.parentElement.appendChild(document.createElement("a"));
  const after = `${last.sort}.${last.id}`;
  more.className = "show-more";
  more.dataset.after = after;
  more.href = `${list.dataset.more}&after=${after}`;
  showCounts(column);
}

// The columns themselves have changed, or too much else: the page anew, but not under somebody's hands.
function reload() {
  if (holding || document.querySelector("dialog[open], #panel:not([hidden])") || document.activeElement?.matches("input, textarea, select")) {
    return void setTimeout(reload, 2000);
  }
  location.reload();
}

// ---- New above -----------------------------------------------------------------------------------------------------

function isAboveTheLooked(next, column) {
  const body = column.querySelector(".column-body");
  if (!next || body.scrollTop === 0 || !column.matches(":hover, :focus-within")) return false;
  return next.getBoundingClientRect().top < body.getBoundingClientRect().top;
}

function wait(card, column) {
  if (!waiting.has(column)) waiting.set(column, new Map());
  waiting.get(column).set(card.dataset.id, card);
  showPill(column);
}

function forget(id) {
  for (const [column, cards] of waiting) if (cards.delete(String(id))) showPill(column);
}

function showPill(column) {
  const pill = column.querySelector(".new-above");
  if (!pill) return;
  const count = waiting.get(column)?.size ?? 0;
  pill.hidden = count === 0;
  pill.textContent = say(texts.newAbove, { n: count });
}

function letIn(column) {
  const cards = [...(waiting.get(column)?.values() ?? [])];
  waiting.delete(column);
  showPill(column);
  for (const card of cards) put(card, listOf(column), successor(card, listOf(column)));
  showCounts(column);
}

for (const column of board.querySelectorAll(".column")) {
  const body = column.querySelector(".column-body");
  column.querySelector(".new-above")?.addEventListener("click", () => {
    letIn(column);
    body.scrollTo({ top: 0, behavior: still.matches ? "auto" : "smooth" });
  });
  column.addEventListener("pointerleave", () => column.matches(":focus-within") || letIn(column));
  body.addEventListener("scroll", () => body.scrollTop === 0 && letIn(column), { passive: true });
}

// On a phone a lane is as high as its cell in the column that is seen, not as the highest one; and there a collapsed column is
// one that has its cards when it is opened.
const tabs = document.querySelector("[data-tabs]");
new MutationObserver(() => {
  const seen = tabs.querySelector("[aria-current]")?.dataset.tab;
  const wanted = document.querySelector(`#column_${seen}.is-folded .show-more:not([data-after])`);
  if (wanted?.checkVisibility()) wanted.click();
  for (const cell of board.querySelectorAll(".lane .column")) cell.classList.toggle("is-aside", cell.dataset.column !== seen);
}).observe(tabs, { attributeFilter: ["aria-current"], subtree: true });

// ---- Told to screen readers, together --------------------------------------------------------------------------------

const news = new Map(); // card id -> the card as it came last

function tell(cards) {
  if (!cards.length) return;
  if (!news.size) setTimeout(tellAll, 1000);
  for (const card of cards) news.set(card.id, card);
}

function tellAll() {
  const [card] = news.values();
  const subject = card.querySelector(".card-subject").textContent.trim();
  const column = document.getElementById(`column_${card.dataset.column}`)?.dataset.name;
  told.textContent = news.size === 1 && column ? say(texts.arrived, { column, subject }) : say(texts.moved, { n: news.size });
  news.clear();
}

// ---- What rules did after the reader, which is no failed move ----------------------------------------------------------

let ruled = [];

document.addEventListener("board:delta", ({ detail }) => {
  const ours = detail.rules.filter(({ by }) => by.includes(Number(document.documentElement.dataset.me)));
  if (ours.length && !ruled.length) setTimeout(tellRules, 500); // one sweep changes many
  ruled.push(...ours);
});

function tellRules() {
  const n = new Set(ruled.map(({ ticket }) => ticket)).size;
  const text = n > 3 ? say(texts.ruled, { n }) : ruled.map((rule) => rule.text).join(" · ");
  document.dispatchEvent(new CustomEvent("toast", { detail: { text } }));
  ruled = [];
}

// ---- More of a column ------------------------------------------------------------------------------------------------

board.addEventListener("click", async (event) => {
  const link = event.target.closest(".show-more");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.classList.contains("busy")) return;
  link.classList.add("busy");
  try {
    const answer = await fetch(link.href, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15_000) });
    if (!answer.ok) throw new Error(String(answer.status));
    showMore(link, parse(await answer.text()));
  } catch {
    link.classList.remove("busy");
    document.dispatchEvent(new CustomEvent("toast", { detail: { text: words.failed, kind: "error" } }));
  }
});

function showMore(link, part) {
  const column = link.closest(".column");
  const list = listOf(column);
  const cards = [...part.querySelectorAll(".card")];
  const next = part.querySelector(".show-more");
  if (next) link.replaceWith(next);
  else link.remove();
  for (const card of cards) {
    if (!document.getElementById(card.id)) put(card, list, successor(card, list));
  }
  list.dataset.limit = Number(list.dataset.limit) + cards.length;
  showCounts(column);
  if (link.dataset.after) cards[0]?.querySelector(".card-subject a").focus({ preventScroll: true });
}

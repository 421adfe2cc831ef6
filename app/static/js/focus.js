// Walks over the board by keys. Each column is one stop of Tab: the card that had the focus last, else its first, with what
// is on it. After a move of one's own the next card has the focus.

const board = document.getElementById("board");
const ITEM = ".card-subject a, .show-more";
const itemOf = (element) => element?.closest?.(".card")?.querySelector(ITEM) ?? element?.closest?.(ITEM);
// it has the browser lay the page out
const isShown = (item) => item.checkVisibility();
const itemsOf = (column) => [...column.querySelectorAll(ITEM)].filter(isShown);
const firstOf = (column) => [...column.querySelectorAll(ITEM)].find(isShown);
// A column is one cell, or one in each lane.
const cells = () => [...board.querySelectorAll(".column")];
const keyOf = (element) => element.closest(".column").dataset.column;
const keys = () => [...new Set(cells().map(keyOf))];
const itemsIn = (key) => cells().filter((cell) => keyOf(cell) === key).flatMap(itemsOf);
const focused = () => board.contains(document.activeElement) && itemOf(document.activeElement);
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

// where Tab leads
let current = null;
// { card, column, place }: what is being moved from under the focus
let leaving = null;

// ---- One stop of Tab -------------------------------------------------------------------------------------------------

function settle() {
  if (leaving && isGone(leaving)) moveOn();
  if (!current?.isConnected || !isShown(current)) current = firstOf(board);
  const stops = new Map(current && [[keyOf(current), current]]);
  for (const cell of cells()) {
    const item = stops.get(keyOf(cell)) ?? firstOf(cell);
    if (item) stops.set(keyOf(cell), item);
    const here = item?.closest(".card") ?? item;
    for (const stop of cell.querySelectorAll(".card :is(a, button, input), .show-more")) reach(stop, here?.contains(stop) ? 0 : -1);
  }
  reach(board, current ? -1 : 0);
}

// Writes only what differs: the observer below hears of it.
function reach(element, wanted) {
  if (element.tabIndex !== wanted) element.tabIndex = wanted;
}

board.addEventListener("focusin", ({ target }) => {
  const item = itemOf(target);
  if (!item || item === current) return;
  current = item;
  settle();
});

// Whoever draws, moves or removes cards: what is drawn anew knows nothing of stops.
new MutationObserver(settle).observe(board, { subtree: true, childList: true, attributeFilter: ["tabindex", "class", "hidden"] });

// ---- Walking ---------------------------------------------------------------------------------------------------------

function go(item) {
  item?.focus();
  return Boolean(item);
}

// Arrows scroll, and Enter presses, what has the focus elsewhere.
const isElsewhere = (event) => event?.key.length > 1 && !focused() && document.activeElement !== document.body && document.activeElement !== board;

function step(by, event) {
  if (isElsewhere(event)) return false;
  const here = focused();
  if (!here) return go(current);
  const items = itemsIn(keyOf(here));
  go(items[items.indexOf(here) + by]);
}

function side(by, event) {
  if (isElsewhere(event)) return false;
  const here = focused();
  if (!here) return go(current);
  const columns = keys();
  const top = (item) => (item.closest(".card") ?? item).getBoundingClientRect().top;
  for (let place = columns.indexOf(keyOf(here)) + by; columns[place]; place += by) {
    const items = itemsIn(columns[place]);
    if (!items.length) continue;
    return go(items.reduce((best, item) => (Math.abs(top(item) - top(here)) < Math.abs(top(best) - top(here)) ? item : best)));
  }
}

function open(event) {
  const here = focused();
  // a button on the card
  if (!here || (event?.key.length > 1 && document.activeElement !== here)) return false;
  here.click();
}

// ---- Moving ----------------------------------------------------------------------------------------------------------

function shift(by) {
  const card = focused()?.closest(".card");
  const column = card && keys()[keys().indexOf(keyOf(card)) + by];
  if (!column) return false;
  emit("board:move", { number: card.dataset.id, column, expected: card.dataset.column });
}

document.addEventListener("board:move", ({ detail }) => {
  const card = document.getElementById(`ticket_${detail.number}`);
  if (card?.contains(document.activeElement)) leaving = { card, ...placeOf(card) };
});

// Where a card stands, to know which is the next one when it has gone.
function placeOf(card) {
  const column = card.closest(".column");
  return { column, place: cardsOf(column).indexOf(card) };
}

const cardsOf = (column) => itemsOf(column).map((item) => item.closest(".card")).filter(Boolean);
const isGone = ({ card, column }) => !card.isConnected || card.closest(".column") !== column || card.matches(".is-leaving");

function moveOn() {
  const { card } = leaving;
  if (card.contains(document.activeElement) || document.activeElement === document.body) follow(leaving);
  leaving = null;
}

// The card after it; the one before, where it was the last.
function follow({ card, column, place }) {
  const cards = cardsOf(column);
  // it may have been drawn anew
  const now = cards.findIndex((each) => each.id === card.id);
  const next = now < 0 ? cards[place] ?? cards[place - 1] : cards[now + 1] ?? cards[now - 1];
  if (next) go(itemOf(next));
  else if (!card.isConnected) go(firstOf(board));
}

// What was sent or snoozed may have left before one hears that it is done: where it stood is remembered as it is opened.
let opened = null;

document.addEventListener("panel:opened", ({ detail }) => {
  const card = document.getElementById(`ticket_${detail.number}`);
  opened = card && { card, ...placeOf(card) };
});
document.addEventListener("ticket:done", ({ detail }) => {
  const card = document.getElementById(`ticket_${detail.number}`);
  if (detail.then === "keep") return;
  if (opened?.card.dataset.id === String(detail.number)) follow(opened);
  else if (card) follow({ card, ...placeOf(card) });
});

// ---- Selecting -------------------------------------------------------------------------------------------------------

function select(mode) {
  const number = focused()?.closest(".card")?.dataset.id;
  if (!number) return false;
  emit("board:select", { number, mode });
}

function extend(by) {
  if (select("extend") === false) return false;
  step(by);
  select("extend");
}

// ---- Looking ---------------------------------------------------------------------------------------------------------

// The panel opens and the focus stays on the card; once more closes it.
function peek() {
  const here = focused();
  if (!here?.closest(".card") || document.activeElement !== here) return false;
  const close = here.closest(".is-open") && document.querySelector("#panel [data-shuts]");
  if (close) return close.click();
  emit("panel:open", { number: Number(here.closest(".card").dataset.id) });
  peeked = here;
}

// has the focus again when its ticket is there, unless that was closed before
let peeked = null;
document.addEventListener("panel:opened", () => {
  const here = peeked;
  if (here) setTimeout(() => here.focus());
  peeked = null;
});
document.addEventListener("panel:closed", () => { peeked = null; });

settle();
emit("keys:actions", {
  up: (event) => step(-1, event),
  down: (event) => step(1, event),
  left: (event) => side(-1, event),
  right: (event) => side(1, event),
  open,
  peek,
  select: () => select("toggle"),
  select_up: () => extend(-1),
  select_down: () => extend(1),
  back: () => shift(-1),
  forward: () => shift(1),
});

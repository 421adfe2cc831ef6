// Drags a card into another column, or where columns are ordered by hand to a place, by mouse or touch.

const board = document.getElementById("board");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

const byHand = "manual" in board.dataset;

let dragged = null; // { card, from, to, cancelled, back } while a card is in the hand

// A sorted column has no place to drop at: the whole column is the target, so Sortable never puts the card anywhere.
for (const list of board.dataset.field === "" && !board.dataset.laneField ? [] : board.querySelectorAll("[data-cards]")) {
  Sortable.create(list, {
    group: "cards",
    draggable: ".card",
    filter: ".more",
    preventOnFilter: false,
    sort: byHand,
    delay: 250,
    delayOnTouchOnly: true,
    forceFallback: true,
    fallbackOnBody: true,
    fallbackTolerance: 4,
    animation: still.matches ? 0 : 120,
    ghostClass: "is-ghost",
    dragClass: "is-dragged",
    scroll: true,
    scrollSensitivity: 48,
    bubbleScroll: true,
    onChoose: () => emit("board:hold"),
    onUnchoose: () => dragged || setTimeout(() => emit("board:release")), // it was a click, which comes first
    onStart: (event) => begin(event.item),
    onMove: () => byHand,
    onEnd: (event) => end(event.originalEvent),
  });
}

function begin(card) {
  const { parentElement: list, nextElementSibling: next } = card;
  const back = () => list.insertBefore(card, next?.parentElement === list ? next : null);
  dragged = { card, from: card.closest(".column"), to: null, cancelled: false, back };
  for (const name of ["pointermove", "touchmove"]) document.addEventListener(name, aim, { passive: true });
  document.addEventListener("keydown", cancel, true);
}

function aim(event) {
  dragged.last = event;
  const { clientX, clientY } = event.touches?.[0] ?? event.changedTouches?.[0] ?? event;
  if (clientX === undefined) return;
  const there = document.elementFromPoint(clientX, clientY)?.closest(".column, .lane-head");
  const target = there && board.contains(there) && isElsewhere(there.dataset, dragged.from.dataset) ? there : null;
  if (target === dragged.to) return;
  dragged.to?.classList.remove("is-target");
  if (!byHand || !target?.querySelector(".column:not(.is-folded) .card")) target?.classList.add("is-target");
  dragged.to = target;
}

// The board goes on under a finger that rests at its edge.
board.addEventListener("scroll", () => dragged?.last && aim(dragged.last), { passive: true });

// A lane's head takes a card into the lane, in the column that it is in. What nobody can set is no target.
function isElsewhere(there, here) {
  const { field, laneField } = board.dataset;
  const [aside, across] = [there.column && there.column !== here.column, there.lane !== here.lane];
  return (aside || across) && !(aside && field === "") && !(across && !laneField);
}

function cancel(event) {
  if (event.key !== "Escape") return;
  event.preventDefault();
  event.stopPropagation();
  dragged.cancelled = true;
  dragged.to?.classList.remove("is-target");
}

function end(event) {
  if (event) aim(event);
  for (const name of ["pointermove", "touchmove"]) document.removeEventListener(name, aim);
  document.removeEventListener("keydown", cancel, true);
  const { card, from, cancelled, back } = dragged;
  const there = byHand && card.closest(".column"); // where Sortable has put it; it knows no place in an empty column
  const to = dragged.to ?? there;
  to?.classList.remove("is-target");
  // The click that ends the drag comes first: Sortable waits to swallow it, and without it would swallow the next one.
  setTimeout(() => {
    dragged = null;
    if (!to || cancelled) {
      if (byHand) back();
      return void emit("board:release");
    }
    const [after, before] = to === there ? [card.previousElementSibling?.dataset.id, card.nextElementSibling?.dataset.id] : [];
    // Before the board is let go: what waited for that finds its place among cards of which this one is none yet.
    emit("board:move", { number: card.dataset.id, column: to.dataset.column, expected: from.dataset.column, lane: to.dataset.lane, was: from.dataset.lane,
      ...(byHand && { after, before, back }) });
    emit("board:release");
  });
}

// The order of the rules: by the handle of a rule, dragged by mouse or finger or moved with the arrow keys, and by its buttons.
// Each move is sent as it is made, one after the other; when one is refused, the page is shown anew.

const list = document.getElementById("rules");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const rows = () => [...list.children];
let sent = Promise.resolve();

for (const handle of list.querySelectorAll("[data-handle]")) handle.hidden = false;

Sortable.create(list, {
  handle: "[data-handle]",
  forceFallback: true,
  fallbackTolerance: 4,
  animation: still.matches ? 0 : 120,
  ghostClass: "is-ghost",
  onEnd: ({ item, oldIndex, newIndex }) => newIndex !== oldIndex && tell(item),
});

list.addEventListener("keydown", (event) => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step || !event.target.closest("[data-handle]")) return;
  event.preventDefault();
  move(event.target.closest("li"), step, event.target);
});

list.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-place]")) return;
  event.preventDefault();
  move(event.target.closest("li"), event.submitter.value === "up" ? -1 : 1, event.submitter);
});

function move(row, step, focused) {
  const other = rows()[rows().indexOf(row) + step];
  if (!other) return;
  if (step < 0) other.before(row);
  else other.after(row);
  tell(row);
  if (focused.disabled) focused = row.querySelector("[data-handle]");
  focused.focus();
}

function tell(row) {
  const place = rows().indexOf(row);
  show();
  document.getElementById("placed").textContent = list.dataset.placed.replace("{name}", row.dataset.name).replace("{place}", place + 1).replace("{all}", rows().length);
  sent = sent.then(() => send(row, place));
}

async function send(row, place) {
  let answer;
  try {
    answer = await fetch(row.querySelector("[data-place]").action, {
      method: "POST", body: new URLSearchParams({ to: place }), headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15_000),
    });
    if (answer.ok) return;
  } catch { /* told below */ }
  emit("toast", answer ? { answer } : { text: list.dataset.failed, kind: "error" });
  setTimeout(() => location.reload(), 3000);
}

// The first cannot go up, nor the last down.
function show() {
  rows().forEach((row, place, all) => {
    row.querySelector("[data-number]").textContent = place + 1;
    row.querySelector("[value=up]").disabled = place === 0;
    row.querySelector("[value=down]").disabled = place === all.length - 1;
  });
}

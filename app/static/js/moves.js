// Moves a card: one way for drag, dialog, keys and "move anyway". Asked for by board:move.

const board = document.getElementById("board");
const texts = board.dataset;
const view = () => Object.fromEntries(new URLSearchParams(board.dataset.view));

// What a move sets are [address, field, value, what it was when it was seen]: of its column, where columns are made of something
// else (`texts.group`) of that, of its lane, or of both, which is one change at an address of its own.
document.addEventListener("board:move", ({ detail }) => {
  const { column, expected, lane, was, sets = [
    column !== undefined && (lane === undefined || column !== expected) && [texts.group ?? "column", texts.field ?? "column", column, expected],
    lane !== was && [texts.lanes, texts.laneField, lane, was],
  ] } = detail;
  move(detail.number, sets.filter((set) => set && set[1]), detail);
});

// `place`, `after` and `before` say where in the column it shall stand; `back` puts a card that was refused where it was.
async function move(number, sets, { place = "", after = "", before = "", back } = {}) {
  if (!sets.length) return;
  const card = document.getElementById(`ticket_${number}`);
  card?.classList.add("is-busy");
  const at = { place, after, before };
  const [[path, field]] = sets;
  const both = sets.length > 1;
  const set = (name, value) => value === undefined ? [] : [[name, value === "none" ? "" : value]];
  const again = () => move(number, sets, at);
  let answer, said;
  try {
    answer = await fetch(`/tickets/${number}/${both ? "cell" : path}`, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams([...sets.flatMap(([, name, value, seen]) => [...set(name, value), ...set(both ? `was_${name}` : "expected", seen)]),
        ...Object.entries({ place, after, before, since: board.dataset.seq, ...view() })]),
      signal: AbortSignal.timeout(15_000),
    });
    said = [200, 409, 422].includes(answer.status) && await answer.json();
  } catch {
    back?.();
    return toast(texts.lost, { kind: "error", actions: [[texts.retry, again]] });
  } finally {
    document.getElementById(`ticket_${number}`)?.classList.remove("is-busy");
  }
  if (!answer.ok) back?.();
  if (!said) return explain(answer, again);
  if (said.delta) document.dispatchEvent(new CustomEvent("board:told", { detail: said.delta }));
  if (answer.ok) {
    return said.text && toast(said.text, { undo: said.undo });
  }
  const isThere = !both && field === "column" && String(said.column) === String(sets[0][2]);
  const anyway = [texts.anyway, () => move(number, sets.map(([address, name, value]) => [address, name, value, name === "column" ? said.column : undefined]), at)];
  const choices = answer.status === 409 && !isThere ? [anyway, [texts.keep, () => {}]] : [];
  return toast(said.text, { kind: "error", actions: choices, stays: choices.length > 0 });
}

function explain(answer, again) {
  const final = [401, 403, 404, 429].includes(answer.status);
  toast(texts.failed, { answer, actions: final ? [] : [[texts.retry, again]] });
}

function toast(text, options = {}) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, ...options } }));
}

// The dialog's form, which without script is a page of its own.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-moves]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  form.closest("dialog")?.close();
  const sets = [...form.querySelectorAll("select[data-path]")].map((each) => [each.dataset.path, each.name, each.value, each.dataset.was]);
  const changed = sets.filter(([, , value, was]) => value !== was || sets.length === 1);
  document.dispatchEvent(new CustomEvent("board:move", { detail: { number: form.dataset.moves, sets: changed, place: form.elements.place?.value } }));
});

// Moves a card: one way for drag, dialog, keys and "move anyway". Asked for by board:move.

const board = document.getElementById("board");
const texts = board.dataset;
const view = () => Object.fromEntries(new URLSearchParams(board.dataset.view));

document.addEventListener("board:move", ({ detail }) => move(detail.number, detail.column, detail.expected, detail));

// `expected` is the column the card was seen in; `place`, `after` and `before` say where in the other it shall stand;
// `back` puts a card that was refused where it was.
// Where columns are made of something else (`texts.group`) a move sets that, at an address of its own.
async function move(number, column, expected, { place = "", after = "", before = "", back, field = texts.field, path = texts.group ?? "column" } = {}) {
  if (field === "") return;
  const card = document.getElementById(`ticket_${number}`);
  card?.classList.add("is-busy");
  const at = { place, after, before, field, path };
  const set = (name, value) => value !== undefined && [[name, field && value === "none" ? "" : value]] || [];
  const again = () => move(number, column, expected, at);
  let answer;
  try {
    answer = await fetch(`/tickets/${number}/${path}`, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams([...set(field ?? "column", column), ...set("expected", expected),
        ...Object.entries({ place, after, before, since: board.dataset.seq, ...view() })]),
      signal: AbortSignal.timeout(15_000),
    });
  } catch {
    back?.();
    return toast(texts.lost, { kind: "error", actions: [[texts.retry, again]] });
  } finally {
    document.getElementById(`ticket_${number}`)?.classList.remove("is-busy");
  }
  if (!answer.ok) back?.();
  if (![200, 409, 422].includes(answer.status)) return explain(answer, again);
  const said = await answer.json();
  if (said.delta) document.dispatchEvent(new CustomEvent("board:told", { detail: said.delta }));
  if (answer.ok) {
    return said.text && toast(said.text, { undo: said.undo });
  }
  const anyway = [texts.anyway, () => move(number, column, said.column, at)];
  const choices = answer.status === 409 && String(said.column) !== String(column) ? [anyway, [texts.keep, () => {}]] : [];
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
  const { field = null, path = "column", moves: number } = form.dataset;
  const { [field ?? "column"]: column, expected, place } = form.elements;
  document.dispatchEvent(new CustomEvent("board:move", {
    detail: { number, column: column.value, expected: expected.value, place: place?.value, field, path },
  }));
});

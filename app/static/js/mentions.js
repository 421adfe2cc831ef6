// Calling a colleague in a note: after @ their names are offered; arrows and Enter choose, so does a click. While a Korean or
// Japanese syllable is being composed, Enter ends it and chooses nothing.

const names = new Map(); // address -> a promise of the names
let place = null; // { field, list, from }: where the name begins

const listOf = (field) => document.getElementById(field.id.replace("text_", "calls_"));
const chosen = () => place?.list.querySelector("[aria-selected=true]");

function who(form) {
  const address = form.dataset.draftUrl.replace(/draft$/, "people");
  if (!names.has(address)) {
    names.set(address, fetch(address, { headers: { Accept: "application/json" } }).then((answer) => answer.json())
      .then(({ people }) => people).catch(() => { names.delete(address); return []; }));
  }
  return names.get(address);
}

function close() {
  if (!place) return;
  place.list.hidden = true;
  place.field.removeAttribute("aria-activedescendant");
  place = null;
}

async function offer(field) {
  const before = field.value.slice(0, field.selectionStart);
  const typed = /(?:^|[^\p{L}\p{N}/=@.])@([^@\n]{0,40})$/u.exec(before)?.[1];
  if (typed === undefined || field.form.elements.kind.value !== "note") return close();
  const begun = typed.normalize().toLowerCase();
  const people = await who(field.form);
  const fitting = people.filter((name) => [name, ...name.split(" ")].some((part) => part.normalize().toLowerCase().startsWith(begun))).slice(0, 8);
  if (field.value.slice(0, field.selectionStart) !== before) return; // typed on meanwhile
  if (!fitting.length) return close();
  const list = listOf(field);
  list.replaceChildren(...fitting.map((name, n) => {
    const option = Object.assign(document.createElement("div"), { className: "option", id: `call_${n}`, textContent: name });
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", String(!n));
    return option;
  }));
  list.hidden = false;
  place = { field, list, from: field.selectionStart - typed.length };
  field.setAttribute("aria-activedescendant", "call_0");
}

function choose(option) {
  const { field, from } = place;
  field.setRangeText(`${option.textContent} `, from, field.selectionStart, "end");
  close();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

function step(by) {
  const options = [...place.list.children];
  const old = options.indexOf(chosen());
  const next = (old + by + options.length) % options.length;
  options[old].setAttribute("aria-selected", "false");
  options[next].setAttribute("aria-selected", "true");
  options[next].scrollIntoView({ block: "nearest" });
  place.field.setAttribute("aria-activedescendant", options[next].id);
}

document.addEventListener("input", ({ target }) => target.matches?.(".composer textarea") && offer(target));
document.addEventListener("focusout", ({ target }) => target === place?.field && close());
document.addEventListener("mousedown", (event) => {
  const option = event.target.closest?.(".calls .option");
  if (!option || !place) return;
  event.preventDefault(); // the field keeps the focus
  choose(option);
});
document.addEventListener("keydown", (event) => {
  if (!place || event.target !== place.field || event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey) return;
  const known = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Enter: () => choose(chosen()), Tab: () => choose(chosen()), Escape: close };
  if (!known[event.key]) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  known[event.key]();
}, true);

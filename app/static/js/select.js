// Selects tickets of a board or list and changes them together, a hundred at a time.
//   board:select { number, mode }   "toggle", or "extend" from the one before; whoever asks

const form = document.getElementById("bulk");
const board = document.getElementById("board");
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const part = (name) => form?.querySelector(`[data-${name}]`);
const boxes = (within = document) => [...within.querySelectorAll('input[form="bulk"]')];
const boxOf = (number) => boxes().find((box) => box.value === String(number));
const picked = new Set();
let anchor = null; // the number that was chosen last
let asked = null; // the parts of the bar, once they are wanted
let running = false;

function show() {
  for (const box of boxes()) {
    box.checked = picked.has(box.value);
    box.closest("li, tr").classList.toggle("is-selected", box.checked);
  }
  form.classList.toggle("is-on", picked.size > 0 || running || !part("failed").hidden);
  if (picked.size) {
    asked ??= window.htmx.ajax("GET", `/tickets/bulk?${new URLSearchParams({ board: form.elements.board?.value ?? "", q: form.elements.q.value })}`,
      { target: part("actions"), swap: "innerHTML" }).then(show);
  }
  const count = part("count");
  if (!count) return;
  count.textContent = count.dataset.text.replace("{n}", picked.size);
  part("clears").hidden = running;
}

function pick(box, on, extend) {
  const list = extend && anchor ? boxes(box.closest("ol, tbody")) : [];
  const [from, to] = [list.findIndex((one) => one.value === anchor), list.indexOf(box)].sort((a, b) => a - b);
  for (const one of from < 0 ? [box] : list.slice(from, to + 1)) picked[on ? "add" : "delete"](one.value);
  anchor = box.value;
  part("failed").hidden = true;
  show();
}

function clear() {
  picked.clear();
  anchor = null;
  part("failed").hidden = true;
  show();
}

// What has left the page is selected no more.
function keep() {
  const there = new Set(boxes().map((box) => box.value));
  for (const number of picked) if (!there.has(number)) picked.delete(number);
  show();
}

// What cannot be meant by a slip of the hand is asked about in the sheet, which then says what to do.
async function ask(data) {
  data.set("ids", [...picked].join());
  await window.htmx.ajax("POST", "/tickets/bulk", { target: "#sheet-body", swap: "innerHTML", values: Object.fromEntries(data) });
  emit("sheet:filled");
}

async function change(data) {
  let undo = "";
  const failed = [];
  running = true;
  data.set("ids", [...picked].join());
  try {
    do {
      const answer = await fetch("/tickets/bulk", { method: "POST", headers: { Accept: "application/json" },
        body: new URLSearchParams([...data, ["since", board?.dataset.seq ?? ""], ...new URLSearchParams(board?.dataset.view ?? "")]) });
      if (![200, 409, 422].includes(answer.status)) throw new Error(String(answer.status));
      var said = await answer.json();
      if (!answer.ok) break;
      undo = said.undo ?? "";
      failed.push(...said.failed);
      if (said.delta) emit("board:told", said.delta);
      data.delete("all");
      data.set("ids", said.left.join());
      data.set("undo", said.token);
      data.set("done", said.done);
      part("count").textContent = said.text;
      part("stops").hidden = !said.left.length;
    } while (running && said.left.length);
    emit("toast", said.left ? { text: said.text, undo } : { text: said.text, kind: "error" });
  } catch {
    emit("toast", { text: form.dataset.lost, undo, kind: "error" });
  }
  running = false;
  if (said?.left) clear();
  part("stops").hidden = true;
  tell(failed);
  if (document.getElementById("rows")) await window.htmx.ajax("GET", location.href, { target: "#rows", swap: "innerHTML" });
  show();
}

function tell(failed) {
  const list = part("failed");
  list.hidden = !failed.length;
  list.replaceChildren(...failed.map(({ number, text }) => {
    const item = document.createElement("li");
    item.append(Object.assign(document.createElement("a"), { href: `/tickets/${number}`, textContent: `#${number}` }), ` ${text}`);
    return item;
  }));
}

if (form) {
  document.addEventListener("click", (event) => {
    if (event.target.matches('input[form="bulk"]')) pick(event.target, event.target.checked, event.shiftKey);
    else if (event.target.closest("[data-clears]")) clear();
    else if (event.target.closest("[data-stops]")) running = false;
  });
  document.addEventListener("board:select", ({ detail }) => {
    const box = boxOf(detail.number);
    if (box) pick(box, detail.mode === "extend" || !picked.has(box.value), detail.mode === "extend");
  });
  document.addEventListener("keydown", (event) => {
    const busy = document.querySelector("dialog[open], details.menu[open]") || event.target.matches("input:not([type=checkbox]), textarea");
    if (event.key === "Escape" && !busy && form.classList.contains("is-on") && !running) clear();
  }, true);
  for (const name of ["board:delta", "board:release", "htmx:afterSwap"]) document.addEventListener(name, () => setTimeout(keep));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (running || event.submitter?.name !== "do") return;
    event.submitter.closest("details").open = false;
    ("asks" in event.submitter.dataset ? ask : change)(new FormData(form, event.submitter));
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("dialog [data-bulk]")) return;
    event.preventDefault();
    event.target.closest("dialog").close();
    change(new FormData(event.target, event.submitter));
  });
}

// What a key does with one ticket: the card in focus, else the one that is shown on its page or beside a board.

const words = document.getElementById("words").dataset;
const texts = document.getElementById("palette").dataset;
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const toast = (text, more) => emit("toast", { text, ...more });
const shown = () => document.querySelector("[data-ticket]");
const board = () => document.getElementById("board");

function subject() {
  const here = document.activeElement;
  return here.closest("[data-ticket]")?.dataset.ticket ?? here.closest(".card")?.dataset.id ?? shown()?.dataset.ticket;
}

const on = (act) => () => (subject() ? act(subject()) : false);

// ---- Changing ----------------------------------------------------------------------------------------------------------

async function change(number, noun, values) {
  const { seq, view } = board()?.dataset ?? {};
  const body = [...new URLSearchParams(values), ...(seq ? [["since", seq], ...new URLSearchParams(view)] : [])];
  let answer, said;
  try {
    answer = await fetch(`/tickets/${number}/${noun}`, { method: "POST", headers: { Accept: "application/json" },
      body: new URLSearchParams(body), signal: AbortSignal.timeout(15_000) });
    said = [200, 409, 422].includes(answer.status) && await answer.json();
  } catch {
    return toast(words.offline, { kind: "error" });
  }
  if (!said) return emit("toast", { answer });
  if (said.delta) emit("board:told", said.delta);
  return said.text && toast(said.text, answer.ok ? { undo: said.undo } : { kind: "error" });
}

function move(number, column, expected) {
  if (document.getElementById(`ticket_${number}`)) return emit("board:move", { number, sets: [["column", "column", column, expected]] });
  return change(number, "column", { column, ...(expected && { expected }) });
}

// With tickets selected it is for all of them: the menu of the bar.
function pickForAll(noun) {
  const menu = document.querySelector(`#bulk.is-on [data-menu="${noun}"]`);
  if (!menu) return false;
  menu.open = true;
  menu.querySelector("input, button").focus();
  return true;
}

function pick(noun) {
  const forOne = on((number) => emit("palette:open", {
    address: `/tickets/${number}/choices/${noun}`,
    label: `${texts[noun]} · #${number}`,
    then({ post, values }) {
      const { column, expected } = Object.fromEntries(new URLSearchParams(values));
      if (post === "column") move(number, column, expected);
      else change(number, post, values);
    },
  }));
  return () => pickForAll(noun) || forOne();
}

// ---- In the sheet ------------------------------------------------------------------------------------------------------

const link = Object.assign(document.createElement("a"), { hidden: true });
link.dataset.opens = "sheet";
document.body.append(link);

const ask = (noun) => on((number) => {
  link.href = noun === "move" && document.querySelector(`#ticket_${number} .more`)?.href || `/tickets/${number}/${noun}`;
  link.click();
});

const askForSnooze = ask("snooze");
const askForBoard = ask("board");

document.addEventListener("sheet:done", ({ detail }) => {
  if (link.pathname === `/tickets/${detail.ticket}/snooze`) emit("ticket:done", { number: detail.ticket });
});

// On a board moves.js sends it.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-moves]");
  if (!form || event.defaultPrevented || !form.closest("dialog") || document.querySelector(".board")) return;
  event.preventDefault();
  form.closest("dialog").close();
  change(form.dataset.moves, "column", new FormData(form));
});

// ---- From one to the next ------------------------------------------------------------------------------------------------

// The list that a ticket was opened from, for its page.
document.addEventListener("click", ({ target }) => {
  const list = target.closest?.("[data-beside] a[href^='/tickets/']")?.closest("[data-cards], [data-beside]");
  if (!list) return;
  const numbers = [...list.querySelectorAll("a[href^='/tickets/']")].map((each) => /^\/tickets\/(\d+)$/.exec(each.pathname)?.[1]);
  sessionStorage.order = [...new Set(numbers.filter(Boolean))].join();
}, true);

function step(by) {
  if (document.querySelector("#panel:not([hidden])")) return emit("panel:step", { step: by });
  const order = (sessionStorage.order ?? "").split(",");
  const place = order.indexOf(shown()?.dataset.ticket);
  const next = place < 0 ? null : order[place + by];
  if (!next) return false;
  location.assign(`/tickets/${next}`);
}

function write(kind) {
  const form = shown()?.querySelector(".composer");
  if (!form) return false;
  form.querySelector(`[name=kind][value=${kind}]`).click();
  form.querySelector("textarea").focus();
}

async function copy(number) {
  const address = `${location.origin}/tickets/${number}`;
  try {
    await navigator.clipboard.writeText(address);
    toast(texts.copied);
  } catch {
    toast(address); // without https there is no clipboard: to be copied by hand
  }
}

emit("keys:actions", {
  assign: pick("assignee"),
  take: on((number) => change(number, "assignee", { person: document.documentElement.dataset.me })),
  column: pick("column"),
  priority: pick("priority"),
  tags: pick("tags"),
  snooze: () => pickForAll("snooze") || askForSnooze(),
  move: ask("move"),
  transfer: () => pickForAll("board") || askForBoard(),
  more: () => pickForAll("more"),
  resolve: on((number) => {
    const card = document.getElementById(`ticket_${number}`);
    return move(number, "resolved", board()?.dataset.group ? undefined : card?.dataset.column);
  }),
  copy: on(copy),
  reply: () => write("reply"),
  note: () => write("note"),
  previous: () => step(-1),
  next: () => step(1),
  undo: () => emit("undo:last"),
});

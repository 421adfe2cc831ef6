// One dialog to choose by typing: what Ctrl+K looks for, and what a key asks for a ticket. The server finds and draws what may
// be chosen; nothing is sorted or left out here.
//   palette:open { address, label, then }   then is called with the data of the choice; without it a choice leads somewhere

const dialog = document.getElementById("palette");
const input = dialog.querySelector("input");
const list = dialog.querySelector("[role=listbox]");
const note = dialog.querySelector("[role=status]");
const texts = dialog.dataset;
const words = document.getElementById("words").dataset;
const me = document.documentElement.dataset.me;
const TYPING_FOR = 150;

// what palette:open said
let asked = null;
// the newest question; answers to older ones are dropped
let turn = 0;
let answered = Promise.resolve();

// ---- Recent tickets ----------------------------------------------------------------------------------------------------

const recent = () => (localStorage.getItem(`recent:${me}`) ?? "").split(",").filter(Boolean);

function visit(number) {
  if (number) localStorage.setItem(`recent:${me}`, [...new Set([String(number), ...recent()])].slice(0, 8).join());
}

visit(document.querySelector("[data-ticket]")?.dataset.ticket);
document.addEventListener("panel:opened", ({ detail }) => visit(detail.number));

// ---- Asking ------------------------------------------------------------------------------------------------------------

document.addEventListener("palette:open", ({ detail }) => {
  asked = detail;
  input.value = "";
  list.replaceChildren();
  input.placeholder = detail.label;
  for (const named of [dialog, input, list]) named.setAttribute("aria-label", detail.label);
  dialog.showModal();
  ask(0);
});

function ask(wait = TYPING_FOR) {
  const mine = ++turn;
  list.setAttribute("aria-busy", "true");
  answered = new Promise((resolve) => { setTimeout(resolve, wait); }).then(() => mine === turn && load(mine));
}

async function load(mine) {
  let answer = null;
  let html = "";
  try {
    const address = asked.address + (asked.address.includes("?") ? "&" : "?") + new URLSearchParams({ q: input.value });
    answer = await fetch(address, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15_000) });
    html = answer.ok ? await answer.text() : "";
  } catch {
    answer = null;
  }
  if (mine !== turn) return;
  list.innerHTML = html;
  list.removeAttribute("aria-busy");
  const found = options().length;
  const known = { 401: words.signedOut, 404: words.gone, 429: words.often, 503: words.busy };
  if (!answer?.ok) note.textContent = answer ? known[answer.status] ?? words.failed : words.offline;
  else note.textContent = found ? texts.found.replace("{n}", found) : texts.none;
  select(options()[0]);
}

// ---- Choosing ----------------------------------------------------------------------------------------------------------

const options = () => [...list.querySelectorAll("[role=option]")];
const selected = () => list.querySelector("[aria-selected=true]");

function select(option) {
  selected()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
}

function walk(by) {
  const all = options();
  select(all.at((all.indexOf(selected()) + by) % all.length));
}

function choose(option) {
  if (!option) return;
  const { href, act } = option.dataset;
  dialog.close();
  if (href) location.assign(href);
  else if (act) document.dispatchEvent(new CustomEvent("keys:act", { detail: { id: act } }));
  else asked.then(option.dataset);
}

input.addEventListener("input", () => ask());
input.addEventListener("keydown", async (event) => {
  // Enter that ends a Korean or Japanese syllable
  if (event.isComposing || event.keyCode === 229) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    walk(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    event.preventDefault();
    const mine = turn;
    // what was typed counts, not what was found before
    await answered;
    if (mine === turn && dialog.open) choose(selected());
  }
});
// the input keeps the focus
list.addEventListener("mousedown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  // a click elsewhere closes the menu that this may open
  event.stopPropagation();
  choose(event.target.closest("[role=option]"));
});

document.dispatchEvent(new CustomEvent("keys:actions", { detail: {
  palette() {
    const scopes = ["page", document.querySelector("[data-ticket]") && "ticket", document.querySelector(".card:focus-within, [data-ticket]") && "card", document.querySelector("#bulk.is-on") && "selected"];
    const asks = new URLSearchParams([...scopes.filter(Boolean).map((scope) => ["scope", scope]), ["recent", recent().join()]]);
    document.dispatchEvent(new CustomEvent("palette:open", { detail: { address: `/palette?${asks}`, label: texts.label } }));
  },
} }));

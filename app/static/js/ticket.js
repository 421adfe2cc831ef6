// A ticket, on its own page or in the panel beside a board: sends by key, counts an answer down while it can be taken
// back, tells the server that it is being read, and takes over what others change. Without it every form works by itself.
//   panel:opened { root }, panel:closed     see panel.js; on its own page it is there from the beginning
//   ticket:begun { root, number }           there is one now, or another one
//   ticket:done { number, then }            an answer was sent: then is wait, resolve or keep, or later when it leaves later
//   board:ask                               the board is asked what changed, where no stream tells it

// what live.js follows
const board = document.getElementById("board");
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const part = (name) => document.getElementById(`${name}_${number}`);

// the element with all of it
let ticket = null;
let number = "";
// what asks for all of it anew, so that this is told from what somebody does here
let asker = null;
let refreshing = null;
// something has changed since it was asked for
let again = false;
// the board that it is on, as this page knows
let stands = "";

function begin(root) {
  ticket = root;
  number = root.dataset.ticket;
  refreshing = null;
  again = false;
  stands = part("messages").dataset.of;
  asker = document.body.appendChild(Object.assign(document.createElement("div"), { hidden: true }));
  settle();
  emit("ticket:begun", { root, number });
}

document.addEventListener("panel:opened", ({ detail }) => begin(detail.root.querySelector("[data-ticket]")));
document.addEventListener("panel:closed", () => {
  ticket = null;
  emit("live:beside", {});
});

// ---- What was opened stays open, what is being chosen stays chosen ---------------------------------------------------

window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => name !== "open" || node.localName !== "details";
window.Idiomorph.defaults.callbacks.beforeNodeMorphed = (old, next) =>
  !(old.dataset?.shown && next.dataset && !next.dataset.shown) && !old.matches?.(".rail-form.is-changed");

const isBusy = (rail) => rail.querySelector(".is-changed") ||
  (rail.contains(document.activeElement) && document.activeElement.matches("input, select"));

// ---- What others change ----------------------------------------------------------------------------------------------

function refresh() {
  if (!ticket) return;
  const address = `/tickets/${number}${new URLSearchParams(location.search).has("all") ? "?all" : ""}`;
  if (refreshing) return void (again = true);
  // beside the ticket: when that is closed, the answer has somewhere to arrive, and is dropped
  const source = asker;
  source.dataset.asks = "";
  refreshing = window.htmx.ajax("GET", address, { source, swap: "none" }).catch(() => {}).then(() => {
    if (source !== asker) return source.remove();
    refreshing = null;
    if (again) refresh(again = false);
  });
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  // what was sent is not being chosen any more
  detail.requestConfig.elt.classList.remove("is-changed");
  // closed meanwhile
  if ("asks" in detail.elt.dataset && (!ticket || detail.elt !== asker)) detail.shouldSwap = false;
  if (!ticket || detail.elt !== asker) return;
  const parts = ["due", "line", "messages", ...(isBusy(part("rail")) ? [] : ["rail"])];
  asker.setAttribute("hx-select-oob", parts.map((name) => `#${name}_${number}:morph`).join(","));
});

// Deleted, or moved out of sight, while it is open: what is being written can still be copied.
document.addEventListener("htmx:responseError", (event) => {
  const { detail } = event;
  if (!ticket || detail.elt !== asker || detail.xhr.status !== 404) return;
  event.stopImmediatePropagation();
  if (ticket.querySelector("[data-deleted]")) return;
  for (const button of ticket.querySelectorAll("button")) button.disabled = true;
  tell("data-deleted", "alert", "notice notice-late", document.getElementById("words").dataset.deleted);
}, true);

// Above the conversation, until there is something else to tell of this kind.
function tell(kind, role, className, textContent) {
  ticket.querySelector(`[${kind}]`)?.remove();
  const said = Object.assign(document.createElement("p"), { className, textContent });
  said.setAttribute("role", role);
  said.setAttribute(kind, "");
  ticket.querySelector(".conversation").prepend(said);
  said.scrollIntoView({ block: "nearest" });
}

// It is here again.
function comeBack() {
  const said = ticket.querySelector("[data-deleted]");
  if (!said) return;
  said.remove();
  for (const button of ticket.querySelectorAll("button:not([hidden])")) button.disabled = false;
}

function hear({ gone, cards, seq }, of) {
  if (!ticket) return;
  const touched = gone.includes(Number(number)) || cards.some((card) => card.id === Number(number));
  const { dataset } = part("messages");
  if (touched && (of !== dataset.of || seq > Number(dataset.seq))) refresh();
}

document.addEventListener("board:delta", ({ detail }) => hear(detail, board.dataset.board));
document.addEventListener("board:beside", ({ detail }) => (detail.reload ? refresh() : hear(detail, detail.of)));
document.addEventListener("board:reload", refresh);
document.addEventListener("sheet:done", refresh);
document.addEventListener("draft:left", refresh);

// ---- After every change of the page ----------------------------------------------------------------------------------

function settle() {
  if (!ticket) return;
  // A morphed list shows what was chosen here before, whatever the server says.
  for (const list of part("rail").querySelectorAll(".rail-form:not(.is-changed) select")) {
    list.selectedIndex = Math.max(0, [...list.options].findIndex((option) => option.defaultSelected));
  }
  const { dataset } = part("messages");
  if (stands !== dataset.of && dataset.moved) tell("data-moved-to", "status", "notice", dataset.moved);
  stands = dataset.of;
  if (board.hidden) follow(dataset);
  else emit("live:beside", dataset.of === board.dataset.board ? {} : dataset);
  read();
  count();
}

// The board that the ticket is on: it may have come to another one.
function follow({ of, seq }) {
  const moved = of !== board.dataset.board;
  Object.assign(board.dataset, { board: of, seq: moved ? seq : Math.max(Number(board.dataset.seq), Number(seq)) });
  if (moved) emit("live:follow");
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!ticket || (detail.elt !== asker && !ticket.contains(detail.elt))) return;
  if (detail.elt === asker && detail.successful) comeBack();
  setTimeout(settle);
  if (detail.elt !== asker) emit("board:ask");
  const sent = detail.elt.matches(".composer") && detail.successful && detail.requestConfig.formData;
  const then = sent && (sent.get("then") ?? (sent.has("later") && "later"));
  if (then) emit("ticket:done", { number: Number(number), then });
});

// ---- Read --------------------------------------------------------------------------------------------------------------

function read() {
  const form = document.querySelector("[data-reading]");
  if (!form || document.hidden || form.dataset.sent) return;
  form.dataset.sent = "yes";
  // Not by submitting it: htmx has not looked at the page yet while that is read, and the browser would leave it.
  window.htmx.ajax("POST", form.action, { source: form, swap: "none" }).catch(() => {});
}

document.addEventListener("visibilitychange", read);
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.elt.dataset.reading !== undefined && detail.successful) detail.elt.remove();
});

// ---- Undo send -----------------------------------------------------------------------------------------------------------

// form -> what the server said, and when that is by this browser's clock
const leaving = new WeakMap();

function count() {
  for (const form of document.querySelectorAll("[data-leaves-in]")) {
    const told = form.dataset.leavesIn;
    if (leaving.get(form)?.told !== told) leaving.set(form, { told, at: performance.now() + Number(told) * 1000 });
    const left = Math.ceil((leaving.get(form).at - performance.now()) / 1000);
    const words = form.querySelector("[data-text]");
    if (left > 0) {
      words.textContent = words.dataset.text.replace("{n}", left);
    } else if (!form.dataset.left) {
      form.dataset.left = "yes";
      // where no stream tells that it was sent
      setTimeout(refresh, 1500);
    }
  }
}

setInterval(count, 250);

// ---- From the head of a long conversation to where one answers it ------------------------------------------------------

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-writes]")) return;
  event.preventDefault();
  part("composer").scrollIntoView({ block: "end" });
  part("text").focus({ preventScroll: true });
});

// ---- The rarer actions ---------------------------------------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  if (event.target.closest?.("[data-prints]")) print();
  const button = event.target.closest?.("[data-copies-link]");
  if (!button || !navigator.clipboard) return;
  await navigator.clipboard.writeText(new URL(button.dataset.copiesLink, location));
  emit("toast", { text: button.dataset.copied });
});

// ---- Keys ----------------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  // Enter that ends a Korean or Japanese syllable
  if (event.isComposing || event.keyCode === 229) return;
  const form = event.target.closest?.(".composer");
  if (!form) return;
  event.preventDefault();
  const wanted = form.elements.kind.value === "note" ? ".button.for-note"
    : `[name="then"][value="${event.shiftKey ? "resolve" : "wait"}"]`;
  form.querySelector(wanted).click();
});

const shown = document.querySelector("[data-ticket]");
if (shown) {
  begin(shown);
  // Reloaded in a panel beside a board, it is a page: what lies behind it in the history is the board, not loaded any more.
  addEventListener("popstate", () => location.pathname === `/tickets/${number}` || location.reload());
}

// What is being written, an answer or note as well as the words above a message that is sent on: kept on the server a
// second after typing stops and when the page is left, and taken over from the writer's other windows. The copy in the
// browser (base.js) stays until the server has it.
//   draft:saved      there is one, or none any more
//   draft:left       the sheet in which one was written is closed

const PAUSE = 1000;
// bytes that a browser sends for a page it leaves
const LARGEST = 60_000;
const OTHERS = ["kind", "to", "cc"];

// what is kept of each form that is shown
const kept = new Set();
// that of the ticket
let composer = null;
const sheet = document.getElementById("sheet");

const forms = (within, selector) => within.querySelector(`${selector}[data-draft-url]`);
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const labels = document.getElementById("words").dataset;
const keptOf = (node) => [...kept].find((each) => each.form.contains(node));

function keep(form) {
  const field = form.elements.text;
  const words = form.querySelector("[data-draft-state]");
  const box = form.querySelector(".composer-other");
  const key = `draft:${document.documentElement.dataset.me}:${field.dataset.draft}`;
  const others = () => OTHERS.map((name) => [name, form.elements[name]?.value ?? ""]);
  const written = () => [...others(), field.value].join("\n");
  const button = form.querySelector("[data-discards]");
  const say = (name) => {
    words.textContent = name ? words.dataset[name] : "";
    button.hidden = !field.value;
  };
  const forget = () => localStorage.removeItem(key);

  // what the server has of it
  let saved = [...others(), field.defaultValue].join("\n");
  // which draft that is
  let stamp = form.dataset.stamp;
  let timer = 0;
  // the save that is under way
  let flying = null;
  // another window's draft, while the writer has not chosen
  let other = null;

  function tell(found) {
    other = found;
    box.querySelector("[data-other]").textContent = found.text || "–";
    box.hidden = false;
  }

  function take(found) {
    field.value = found.text;
    for (const name of ["to", "cc"]) if (found[name] != null && form.elements[name]) form.elements[name].value = found[name];
    for (const choice of form.elements.kind ?? []) choice.checked = choice.value === found.kind;
    form.dataset.stamp = stamp = found.stamp;
    saved = written();
    forget();
  }

  async function save(keepalive = false) {
    clearTimeout(timer);
    timer = 0;
    if (!kept.has(self) || written() === saved || !box.hidden) return;
    const [sent, text] = [written(), field.value];
    const body = new URLSearchParams([...others(), ["text", text], ["stamp", form.dataset.stamp]]);
    let answer = null;
    let said = {};
    try {
      answer = await (flying = fetch(form.dataset.draftUrl, { method: "POST", body, headers: { Accept: "application/json" },
        keepalive: keepalive && text.length * 3 < LARGEST }));
      said = await answer.json();
    } catch {
      // the browser's copy stays
      answer = null;
    } finally {
      flying = null;
    }
    // also of what was closed meanwhile
    if (answer?.ok && localStorage.getItem(key) === text) forget();
    if (!kept.has(self)) return;
    if (answer?.ok) {
      form.dataset.stamp = stamp = said.stamp;
      saved = sent;
      if (written() !== sent) later();
      say(said.stamp ? "saved" : "");
      emit("draft:saved");
    } else if (answer?.status === 409) {
      tell(said);
    } else {
      say("local");
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE);
  }

  // Back in this window: what was written or sent in another one since is taken over, unless something stands here too.
  async function look() {
    if (!form.isConnected || !box.hidden) return;
    try {
      const answer = await fetch(form.dataset.draftUrl, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const found = await answer.json();
      if (found.stamp === form.dataset.stamp || written() !== saved) return;
      take(found);
    } catch { /* later */ }
  }

  function discard() {
    const text = field.value;
    write("");
    emit("toast", { text: button.dataset.discarded, actions: [[labels.undo, () => form.isConnected && write(text + field.value)]] });
  }

  function write(text) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    save();
    field.focus();
  }

  function choose(which) {
    if (!other) return;
    box.hidden = true;
    if (which === "theirs") take(other);
    else { form.dataset.stamp = other.stamp; save(); }
    other = null;
    field.focus();
  }

  function settle() {
    if (!form.isConnected) return;
    form.querySelector(".menu")?.removeAttribute("open");
    say("");
    // refused: it may be newer than the draft
    if (field.value && form.dataset.stamp === stamp) return later();
    stamp = form.dataset.stamp;
    saved = written();
    forget();
    emit("draft:saved");
  }

  const pause = () => { clearTimeout(timer); say(""); return flying; };
  const end = () => { clearTimeout(timer); kept.delete(self); };
  const self = { form, save, later, look, choose, discard, settle, pause, end, say, concerns: (elt) => elt === form };
  kept.add(self);

  const local = localStorage.getItem(key);
  // refused: it may be newer than the draft
  if ("unsaved" in form.dataset) {
    saved = "";
    later();
  } else if (local === null || field.defaultValue.endsWith(local)) {
    // What was taken back stands above what was being written: the server has all of it.
    field.value = field.defaultValue;
    forget();
  } else {
    // typed where the server could not be reached
    field.value = local;
    if (field.defaultValue) tell({ text: field.defaultValue, stamp, kind: form.elements.kind?.value });
    else save();
  }
  button.hidden = !field.value;
  return self;
}

function begin() {
  const form = forms(document, ".composer");
  composer = form && keep(form);
  // What is taken back comes into the draft, too.
  if (form) composer.concerns = (elt) => elt === form || elt.matches("[hx-include^='#text_']");
}

// A page that is left, a panel or sheet that is closed: what is on its way arrives, and nothing is awaited.
function leave(each) {
  each?.save(true);
  each?.end();
}

document.addEventListener("input", ({ target }) => {
  const each = keptOf(target);
  if (!each || target.files) return;
  each.say("");
  each.later();
});
document.addEventListener("composer:changed", ({ target }) => keptOf(target)?.later());
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-discards]")) keptOf(target)?.discard();
  const choice = target.closest?.("[data-draft-choice]");
  if (choice) keptOf(choice)?.choose(choice.dataset.draftChoice);
});
document.addEventListener("visibilitychange", () => kept.forEach((each) => (document.hidden ? each.save(true) : each.look())));
addEventListener("pagehide", () => kept.forEach((each) => each.save(true)));
addEventListener("online", () => kept.forEach((each) => each.save()));
document.addEventListener("panel:closed", () => { leave(composer); composer = null; });
document.addEventListener("ticket:begun", () => { leave(composer); begin(); });

// ---- In the sheet, and on its own page -----------------------------------------------------------------------------------

// closed, it is empty at once
let inSheet = null;

document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id !== "sheet-body") return;
  inSheet?.end();
  const form = forms(target, "form");
  inSheet = form && keep(form);
});
sheet?.addEventListener("close", async () => {
  // it was sent
  if (!inSheet || !kept.has(inSheet)) return;
  const saving = inSheet.save(true);
  inSheet.end();
  await saving;
  ["draft:saved", "draft:left"].forEach(emit);
});
// A plain form leaves the page: what it sends is no draft any more.
document.addEventListener("submit", ({ target, defaultPrevented }) => {
  if (!defaultPrevented && !target.hasAttribute("hx-post")) keptOf(target)?.end();
});

// ---- Sending ---------------------------------------------------------------------------------------------------------------

// While it is being sent it is not saved, and it is sent when it is not being saved: else it would be a draft again.
const concerned = (elt) => [...kept].find((each) => each.concerns(elt));

document.addEventListener("htmx:confirm", (event) => {
  const flying = concerned(event.detail.elt)?.pause();
  if (!flying) return;
  event.preventDefault();
  flying.catch(() => {}).then(() => setTimeout(() => event.detail.issueRequest(true)));
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const each = concerned(detail.elt);
  if (!each) return;
  if (each !== composer && detail.successful && detail.xhr.status < 400) {
    each.end();
    return emit("draft:saved");
  }
  setTimeout(each.settle);
});

begin();
if (!composer && forms(document, "form")) keep(forms(document, "form"));

// What is being written, kept on the server a second after typing stops and when the page is left, and taken over from
// the writer's other windows. The copy in the browser (base.js) stays until the server has it.
//   draft:saved      there is one, or none any more

const PAUSE = 1000;
const LARGEST = 60_000; // bytes that a browser sends for a page it leaves

const wordsOf = (form) => form.querySelector("[data-draft-state]");
const fieldOf = (form) => form.elements.text;
const others = (form) => ["kind", "to", "cc"].map((name) => [name, form.elements[name]?.value ?? ""]);
const written = (form) => [...others(form), fieldOf(form).value].join("\n");
const keyOf = (form) => `draft:${document.documentElement.dataset.me}:${fieldOf(form).dataset.draft}`;

let form = null; // the one that is shown
let saved = ""; // what the server has of it
let stamp = ""; // which draft that is
let timer = 0;
let flying = null; // the save that is under way
let other = null; // another window's draft, while the writer has not chosen

const isTold = () => !form.querySelector(".composer-other").hidden;
const say = (name) => { wordsOf(form).textContent = name ? wordsOf(form).dataset[name] : ""; };

function begin() {
  form = document.querySelector(".composer[data-draft-url]");
  if (!form) return;
  const field = fieldOf(form);
  saved = [...others(form), field.defaultValue].join("\n");
  stamp = form.dataset.stamp;
  const local = localStorage.getItem(keyOf(form));
  // What was taken back stands above what was being written: the server has all of it.
  if (local === null || field.defaultValue.endsWith(local)) {
    field.value = field.defaultValue;
    return void localStorage.removeItem(keyOf(form));
  }
  field.value = local; // typed where the server could not be reached
  if (field.defaultValue) tell({ text: field.defaultValue, stamp: form.dataset.stamp, kind: form.elements.kind.value });
  else save(form);
}

function tell(found) {
  other = found;
  const box = form.querySelector(".composer-other");
  box.querySelector("[data-other]").textContent = found.text || "–";
  box.hidden = false;
}

function take(found) {
  fieldOf(form).value = found.text;
  for (const choice of form.elements.kind) choice.checked = choice.value === found.kind;
  form.dataset.stamp = stamp = found.stamp;
  saved = written(form);
  localStorage.removeItem(keyOf(form));
}

async function save(from, keepalive = false) {
  clearTimeout(timer);
  timer = 0;
  if (!from || written(from) === saved || (from === form && isTold())) return;
  const sent = written(from);
  const body = new URLSearchParams([...others(from), ["text", fieldOf(from).value], ["stamp", from.dataset.stamp]]);
  let answer = null;
  let said = {};
  try {
    answer = await (flying = fetch(from.dataset.draftUrl, { method: "POST", body, headers: { Accept: "application/json" },
      keepalive: keepalive && fieldOf(from).value.length * 3 < LARGEST }));
    said = await answer.json();
  } catch {
    answer = null; // the browser's copy stays
  } finally {
    flying = null;
  }
  if (from !== form) return;
  if (answer?.ok) {
    from.dataset.stamp = stamp = said.stamp;
    saved = sent;
    if (written(from) === sent) localStorage.removeItem(keyOf(from));
    else later();
    say(said.stamp ? "saved" : "");
    document.dispatchEvent(new CustomEvent("draft:saved"));
  } else if (answer?.status === 409) {
    tell(said);
  } else {
    say("local");
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(() => save(form), PAUSE);
}

// Back in this window: what was written or sent in another one since is taken over, unless something stands here too.
async function look() {
  if (!form?.isConnected || isTold()) return;
  try {
    const answer = await fetch(form.dataset.draftUrl, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const found = await answer.json();
    if (found.stamp === form.dataset.stamp || written(form) !== saved) return;
    take(found);
  } catch { /* later */ }
}

document.addEventListener("input", ({ target }) => { if (form?.contains(target) && !target.files) { say(""); later(); } });
document.addEventListener("composer:changed", () => form && later());
document.addEventListener("click", ({ target }) => {
  const choice = target.closest?.("[data-draft-choice]")?.dataset.draftChoice;
  if (!choice || !other) return;
  form.querySelector(".composer-other").hidden = true;
  if (choice === "theirs") take(other);
  else { form.dataset.stamp = other.stamp; save(form); }
  other = null;
  fieldOf(form).focus();
});
document.addEventListener("visibilitychange", () => (document.hidden ? save(form, true) : look()));
addEventListener("pagehide", () => save(form, true));
addEventListener("online", () => save(form));
document.addEventListener("panel:closed", () => { save(form, true); form = null; });
document.addEventListener("ticket:begun", () => { save(form, true); begin(); });

// While it is being sent it is not saved, and it is sent when it is not being saved: else it would be a draft again.
// What is taken back comes into the draft, too.
const concerns = (elt) => form && (elt === form || elt.matches("[hx-include^='#text_']"));

document.addEventListener("htmx:confirm", (event) => {
  if (!concerns(event.detail.elt)) return;
  clearTimeout(timer);
  say("");
  if (!flying) return;
  event.preventDefault();
  flying.catch(() => {}).then(() => setTimeout(() => event.detail.issueRequest(true)));
});
document.addEventListener("htmx:afterRequest", ({ detail }) => { if (concerns(detail.elt)) setTimeout(settle); });

function settle() {
  if (!form?.isConnected) return;
  form.querySelector(".menu")?.removeAttribute("open");
  if (fieldOf(form).value && form.dataset.stamp === stamp) return later(); // refused: it may be newer than the draft
  stamp = form.dataset.stamp;
  saved = written(form);
  localStorage.removeItem(keyOf(form));
  document.dispatchEvent(new CustomEvent("draft:saved"));
}

begin();

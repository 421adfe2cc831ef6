// The query box: a list below it of what may follow, by mouse and by keyboard. The server writes the list (hx-get on the
// input); here it is opened, walked and taken from. Without this script the box is a plain field. A rule's is of several lines.
const box = document.querySelector("[data-query-box]");
const input = box?.querySelector("[aria-autocomplete]");
const list = box?.querySelector("[role=listbox]");

const options = () => [...list.querySelectorAll("[role=option]")];
const selected = () => list.querySelector("[aria-selected=true]");

function open(wanted) {
  const shown = wanted && options().length > 0 && document.activeElement === input;
  box.classList.toggle("is-open", shown);
  if (input.role) input.ariaExpanded = String(shown);
  if (!shown) select(null);
}

function select(option) {
  selected()?.setAttribute("aria-selected", "false");
  if (option) {
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

function take(option) {
  input.value = option.dataset.text;
  input.setSelectionRange(input.value.length, input.value.length);
  select(null);
  input.focus();
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function walk(step) {
  const all = options();
  const place = all.indexOf(selected());
  select(all[place + step] ?? (place === -1 ? all.at(step > 0 ? 0 : -1) : null));
}

if (input && list) {
  list.addEventListener("htmx:afterSwap", () => open(true));
  input.addEventListener("htmx:beforeRequest", (event) => {
    // what follows is asked for at the end
    if (event.detail.elt === input && input.selectionStart !== input.value.length) event.preventDefault();
  });
  input.addEventListener("blur", () => open(false));
  input.addEventListener("click", () => open(true));
  list.addEventListener("mousedown", (event) => {
    // the input keeps the focus
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isOpen = box.classList.contains("is-open");
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (isOpen || !input.rows)) {
      event.preventDefault();
      if (isOpen) walk(event.key === "ArrowDown" ? 1 : -1);
      else open(true);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      open(false);
    } else if ((event.key === "Enter" || event.key === "Tab") && isOpen && selected()) {
      event.preventDefault();
      take(selected());
    }
  });
}

// The form begins with what stands in the box, asked for or not yet.
document.querySelector("[data-query-form]")?.addEventListener("click", (event) => {
  const link = event.currentTarget;
  const address = new URL(link.href);
  address.searchParams.set("q", input.value);
  link.href = address;
});

// A rule in its editor: whoever leaves is asked while something is not saved. What it would have done is shown in another window,
// which only the form itself may open, once the server has found nothing wrong.
const rule = document.getElementById("rule-form");
if (rule) {
  let unsaved = rule.dataset.unsaved;
  const changed = ({ target }) => { if (target.name !== "number") unsaved = "yes"; };
  rule.addEventListener("input", changed);
  document.addEventListener("drafted", changed);
  document.addEventListener("acted", changed);
  rule.addEventListener("submit", ({ submitter }) => { if (!submitter?.formTarget) unsaved = ""; });
  addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
  document.addEventListener("rehearse", () => rule.requestSubmit(rule.querySelector("[formtarget]")));
  rule.addEventListener("htmx:afterSettle", ({ target }) => { if (target === rule) rule.querySelector("[data-focus]")?.focus(); });
}

document.documentElement.classList.toggle("can-copy", Boolean(navigator.clipboard));
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copies);
  document.dispatchEvent(new CustomEvent("toast", { detail: { text: button.dataset.copied } }));
});

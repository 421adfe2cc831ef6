// What stands in the head of a column: the form that opens tickets in it, and the button that collapses it. Without script
// a page of its own, and a form.

const board = document.getElementById("board");
const words = document.getElementById("words").dataset;
const HEADERS = { Accept: "application/json", "HX-Request": "true" };
const HEADED = ".column, .column-top";
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

async function ask(url, body) {
  let answer;
  try {
    answer = await fetch(url, { headers: HEADERS, signal: AbortSignal.timeout(15_000), ...(body && { method: "POST", body: new URLSearchParams(body) }) });
    if (answer.ok || answer.status === 422) return answer;
  } catch { /* told below */ }
  emit("toast", answer ? { answer } : { text: words.failed, kind: "error" });
}

// ---- Tickets opened in a column ----------------------------------------------------------------------------------------

board.addEventListener("click", (event) => {
  const lane = event.target.closest(".lane-head")?.parentElement;
  if (lane) ask(lane.dataset.folds, [["collapsed", lane.open ? "1" : ""]]);
  const link = event.target.closest("[data-adds], [data-ends]");
  if (!link?.href || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  toggle(link.closest(HEADED));
});

async function toggle(column) {
  const [link, place] = [column.querySelector("[data-adds]"), column.querySelector(".quick")];
  if (!place.firstElementChild) {
    const html = await (await ask(link.href))?.text();
    if (!html || place.firstElementChild) return;
    place.innerHTML = html;
    window.htmx.process(place);
  } else place.hidden = !place.hidden;
  link.setAttribute("aria-expanded", !place.hidden);
  if (place.hidden) link.focus();
  else place.querySelector("[name=subject]").focus();
}

board.addEventListener("keydown", (event) => {
  const place = event.target.closest(".quick");
  if (!place) return;
  const composing = event.isComposing || event.keyCode === 229;
  if (event.key === "Enter" && composing) event.preventDefault();
  if (event.key === "Escape" && !composing) toggle(place.closest(HEADED));
});

async function add(form) {
  if (form.ariaBusy) return;
  form.ariaBusy = "true";
  const view = new URLSearchParams(board.dataset.view);
  const answer = await ask(form.action, [...new FormData(form), ["since", board.dataset.seq], ...view]);
  form.ariaBusy = null;
  if (!answer) return;
  if (answer.ok) {
    const { text, delta } = await answer.json();
    if (delta) emit("board:told", delta);
    emit("toast", { text });
    for (const field of form.querySelectorAll(".is-wrong")) field.classList.remove("is-wrong"), field.querySelector("[id$=error]").remove();
    for (const field of form.querySelectorAll("input")) field.value = "", field.removeAttribute("aria-invalid");
    form.querySelector(".notice")?.remove();
  } else Idiomorph.morph(form, await answer.text(), { morphStyle: "outerHTML" });
  (form.querySelector("[aria-invalid]") ?? form.elements.subject).focus();
}

// ---- Collapsed columns ---------------------------------------------------------------------------------------------------

// Cards that the page came without are asked for once they are wanted.
function fold(form, button) {
  const column = form.closest(".column");
  const body = [[button.name, button.value]];
  const folded = column.classList.toggle("is-folded");
  button.setAttribute("aria-expanded", !folded);
  button.value = folded ? "" : "1";
  if (!folded) column.querySelector(".show-more:not([data-after])")?.click();
  ask(form.action, body);
}

board.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || !form.matches("[data-adds], [data-folds]")) return;
  event.preventDefault();
  if (form.matches("[data-adds]")) add(form);
  else fold(form, event.submitter);
});

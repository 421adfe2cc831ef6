// Files for what is being written: chosen, pasted or dropped, uploaded one after the other with their progress. The
// server draws the list (tickets/_files.html); without script the files come with the message itself.

const listOf = (form) => form?.querySelector(".composer-files");
const say = (text, name) => text.replace("{name}", name);
const waiting = []; // of { form, file, item }
let current = null;

function add(form, files) {
  const list = listOf(form);
  for (const file of files) {
    const item = document.createElement("p");
    const stop = Object.assign(document.createElement("button"), { type: "button", className: "button quiet compact", textContent: "×" });
    item.className = "file";
    item.dataset.uploading = "";
    item.append(Object.assign(document.createElement("span"), { textContent: file.name }), document.createElement("progress"), stop);
    item.lastChild.previousSibling.setAttribute("aria-label", file.name);
    stop.setAttribute("aria-label", say(list.dataset.stop, file.name));
    const one = { form, file, item };
    stop.addEventListener("click", () => drop(one));
    list.append(item);
    if (file.size > Number(list.dataset.most)) refuse(one, list.dataset.large); // the server need not be asked
    else waiting.push(one);
  }
  next();
}

function drop(one) {
  one.item.remove();
  if (waiting.includes(one)) waiting.splice(waiting.indexOf(one), 1);
  if (current === one) one.request.abort();
}

function refuse(one, text, again) {
  delete one.item.dataset.uploading;
  one.item.querySelector("progress")?.remove();
  one.item.classList.add("error");
  one.item.firstChild.textContent = `${one.file.name}: ${text}`;
  if (!again) return;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button compact", textContent: again });
  button.addEventListener("click", () => { one.item.remove(); add(one.form, [one.file]); });
  one.item.lastChild.before(button);
}

function next() {
  if (current || !waiting.length) return;
  const one = current = waiting.shift();
  const { form, file, item } = one;
  const { url, failed, again } = listOf(form).dataset;
  const bar = item.querySelector("progress");
  const request = one.request = new XMLHttpRequest(); // fetch tells no progress
  const body = new FormData();
  body.append("files", file);
  request.open("POST", url);
  request.setRequestHeader("HX-Request", "true");
  request.setRequestHeader("HX-Current-URL", location.href);
  request.upload.addEventListener("progress", ({ loaded, total }) => Object.assign(bar, { max: total, value: loaded }));
  request.addEventListener("load", () => {
    const arrived = new DOMParser().parseFromString(request.responseText, "text/html").querySelector(".composer-files");
    if (!arrived) return refuse(one, say(failed, file.name), again);
    const refusal = arrived.querySelector(".error");
    if (refusal) return refuse(one, refusal.textContent);
    item.remove();
    show(listOf(form), arrived);
  });
  request.addEventListener("error", () => refuse(one, say(failed, file.name), again));
  request.addEventListener("loadend", () => { current = null; next(); });
  request.send(body);
}

// The server's list takes the place of the one shown; what is still on its way stays.
function show(list, arrived) {
  list.querySelector("ul")?.remove();
  const files = arrived.querySelector("ul");
  if (files) list.prepend(files);
  if (files) window.htmx.process(files);
  list.dispatchEvent(new CustomEvent("composer:changed", { bubbles: true }));
}

window.Idiomorph.defaults.callbacks.beforeNodeRemoved = (node) => !(node.dataset && "uploading" in node.dataset);

// ---- Three ways in ---------------------------------------------------------------------------------------------------

document.addEventListener("change", ({ target }) => {
  if (target.type !== "file" || !listOf(target.form)) return;
  add(target.form, [...target.files]);
  target.value = ""; // they do not come with the message a second time
});

document.addEventListener("paste", (event) => {
  const form = event.target.closest?.(".composer");
  const files = [...event.clipboardData.files];
  // What is copied from a text comes as text and as a picture of it: the text is meant.
  if (!form || !files.length || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  add(form, files);
});

const carried = (event) => event.dataTransfer?.types.includes("Files") && document.querySelector(".composer");
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const form = carried(event);
    if (!form) return;
    event.preventDefault(); // also beside the composer: else the browser leaves the page to show the file
    form.classList.toggle("is-dropping", kind === "dragover");
    if (kind === "drop") add(form, [...event.dataTransfer.files]);
  });
}

document.addEventListener("submit", (event) => {
  if (!listOf(event.target)?.querySelector("[data-uploading]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  document.dispatchEvent(new CustomEvent("toast", { detail: { text: listOf(event.target).dataset.busy, kind: "error" } }));
}, true);

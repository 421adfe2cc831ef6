// The keys of every page. One table, which the server writes into it (app/keys.py), binds them here and is the help and the
// tooltips. What one does is said by the scripts of the page, or by what the page marks:
//   keys:actions { id: function, ... }  what these do; a function that returns false leaves the key to the browser
//   keys:act { id }                     does it without the key
//   data-key="id"                       is pressed, or is where one types; unless there is an action

const table = JSON.parse(document.getElementById("keys").dataset.keys);
const bound = new Map(table.flatMap(([id, ...keys]) => keys.map((key) => [key, id])));
const first = new Set([...bound.keys()].filter((key) => key.includes(" ")).map((key) => key.split(" ")[0]));
const mac = /Mac|iP/.test(navigator.platform);
const LAYERS = ":is(:modal, details.menu[open], :popover-open)"; // what has keys of its own, if only Escape
const TYPED_INTO = "input, textarea, select, [contenteditable]";
const PLACES = { BracketLeft: "[", BracketRight: "]", Comma: ",", Period: "." };
const NEXT_WITHIN = 1500; // of "g b"

const actions = {
  new: () => press("new") || location.assign("/tickets/new"),
  search: () => document.querySelector("[data-key=search]")?.checkVisibility() ? press("search") : location.assign("/search"),
  close: closeToast,
};
let begun = "";
let forgetting;

document.addEventListener("keys:actions", ({ detail }) => Object.assign(actions, detail));
document.addEventListener("keys:act", ({ detail }) => act(detail.id));

function act(id, event) {
  return actions[id] ? actions[id](event) !== false : press(id);
}

function press(id) {
  const marked = document.querySelector(`[data-key="${id}"]`);
  if (!marked) return false;
  if (!marked.matches("input")) marked.click();
  else marked.select(), marked.focus();
  return true;
}

// What lies above it closes itself.
function closeToast() {
  const close = document.querySelector(".toast:last-child [data-closes]");
  if (!close || document.querySelector("#panel:not([hidden])")) return false;
  close.click();
}

// Before anybody else hears of it, so that what Escape has just closed still counts as open.
document.addEventListener("keydown", (event) => {
  const key = nameOf(event);
  if (!key || isLeftAlone(event, key)) return;
  const name = begun + key;
  const begins = !begun && first.has(key);
  clearTimeout(forgetting);
  begun = begins ? `${key} ` : "";
  if (begins) forgetting = setTimeout(() => { begun = ""; }, NEXT_WITHIN);
  const id = bound.get(name);
  if (id && !(event.repeat && !/^(up|down|left|right|select_)/.test(id)) && act(id, event)) event.preventDefault();
}, true);

function isLeftAlone(event, key) {
  if (event.isComposing || event.keyCode === 229 || document.querySelector(LAYERS)) return true;
  return !key.startsWith("Mod+") && event.target.closest?.(TYPED_INTO);
}

// As the table has it. What one reads on the key counts; of another script than Latin, which key it is.
function nameOf(event) {
  let name = event.key === " " ? "Space" : event.key;
  if (name.length === 1 && !/[!-~]|\p{Script=Latin}/u.test(name)) name = PLACES[event.code] ?? event.code.replace("Key", "");
  const isLetter = /^[a-z]$/i.test(name);
  if (name.length === 1 && !isLetter) { // whatever it took to type it
    return (event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph") ? "" : name;
  }
  if (!isLetter && !/^(Arrow\w+|Enter|Escape|Space)$/.test(name)) return "";
  if (event.altKey || (mac ? event.ctrlKey : event.metaKey)) return "";
  const mod = mac ? event.metaKey : event.ctrlKey;
  return (mod ? "Mod+" : "") + (event.shiftKey ? "Shift+" : "") + (isLetter ? name.toLowerCase() : name);
}

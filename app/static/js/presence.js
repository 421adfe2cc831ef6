// Who has a ticket open: tells the server while this one is, marks the cards of the others' and says beside the ticket
// who is there and who writes. Told by board:presence, see live.js.

const me = Number(document.documentElement.dataset.me);
const words = document.getElementById("live").dataset;

const BEAT_FOR = 15_000;
// after the last letter
const WRITES_FOR = 20_000;

// ticket -> [[person, name, doing], ...]
let here = {};
// { root, number }
let open = null;
let wroteAt = 0;
// what the server was told last that is done here
let told = "";

// ---- Telling -------------------------------------------------------------------------------------------------------------

function doing() {
  if (Date.now() - wroteAt > WRITES_FOR) return "reading";
  return open.root.querySelector(".composer")?.elements.kind.value === "note" ? "note" : "reply";
}

function beat() {
  if (!open || document.hidden) return;
  told = doing();
  send("presence");
}

function leave() {
  if (open && told) send("presence/removal");
  told = "";
}

function send(what) {
  const body = new URLSearchParams({ doing: told });
  // live.js says what is the matter
  fetch(`/tickets/${open.number}/${what}`, { method: "POST", body, keepalive: true }).catch(() => {});
}

document.addEventListener("ticket:begun", ({ detail }) => {
  open = detail;
  wroteAt = 0;
  beat();
  say();
});
document.addEventListener("panel:closed", () => {
  leave();
  open = null;
});
document.addEventListener("input", ({ target }) => {
  if (!open || !target.closest?.(".composer")) return;
  wroteAt = Date.now();
  if (doing() !== told) beat();
});
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : beat()));
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => event.persisted && beat());
setInterval(beat, BEAT_FOR);

// ---- Showing ---------------------------------------------------------------------------------------------------------------

const others = (number) => (here[number] ?? []).filter(([person]) => person !== me);
const sentence = ([, name, what]) => words[`is${what[0].toUpperCase()}${what.slice(1)}`].replace("{name}", name);

function mark() {
  for (const old of document.querySelectorAll(".card .here")) old.remove();
  for (const number of Object.keys(here)) {
    const foot = document.querySelector(`#ticket_${number} .card-foot .end`);
    const found = others(number);
    if (!foot || !found.length) continue;
    const ring = document.createElement("span");
    ring.className = found.some(([, , what]) => what !== "reading") ? "here is-writing" : "here";
    ring.title = found.map(sentence).join(" · ");
    ring.setAttribute("role", "img");
    ring.setAttribute("aria-label", ring.title);
    foot.prepend(ring);
  }
}

function say() {
  const line = open?.root.parentElement.querySelector("[data-presence]");
  const text = line && others(open.number).map(sentence).join(" · ");
  if (line && line.textContent !== text) line.textContent = text;
}

document.addEventListener("board:presence", ({ detail }) => {
  here = detail;
  mark();
  say();
});
// a card drawn anew knows nothing of it
for (const name of ["board:delta", "board:release"]) document.addEventListener(name, mark);

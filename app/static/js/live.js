// Hears what changes on the board and hands it on as events of the document, whatever the connection does:
//   board:delta   what to change (see cards.Delta); each change once, in order, without gaps
//   board:presence  who has which ticket open: ticket -> [[person, name, "reading" | "reply" | "note"], ...]
//   board:reload  the page must be read again
//   board:beside  likewise of the board that a ticket is on which is open beside another one, with `of`, its board; or { reload }
// live:beside { of, seq } says which board that is; nothing, that there is none.
// Which board, from which event on and with which filter stands at #board; live:follow says that it stands there anew.
// Others hand in what they were told, such as the answer to a move, by board:told, and ask to be up to date by board:ask.
// It knows nothing of cards.
//
// One native EventSource while the tab is visible. A browser has six connections to a host over HTTP/1.1, so at most
// four tabs hold a stream; the others hear it from them, or ask every 30 s.

const board = document.getElementById("board");
const indicator = document.getElementById("live");
const words = document.getElementById("words").dataset;

const SLOTS = 4;
const POLL_FOR = 30_000;
const SILENT_FOR = 40_000; // a stream tells at least that it lives, each 15 s
const LEASE_FOR = 12_000; // of the one stream where there are no locks

const address = (what) => `/boards/${board.dataset.board}/${what}?` +
  new URLSearchParams([["since", board.dataset.seq], ...new URLSearchParams(board.dataset.view)]);

let channel = null; // to the other tabs that look the same way
let source = null; // the stream
let release = null; // gives its slot back
let opening = false;
let streamAt = 0; // when the stream was heard last
let heardAt = 0; // when another tab passed something on
let failures = 0; // answers in a row that were none
let quietUntil = 0; // after failures nothing is asked before that
let stopped = false; // signed out, or not for us any more
let here = {}; // who has which ticket open
let asking = null; // the request for a delta that is under way

// ---- What was told ---------------------------------------------------------------------------------------------------

function take(delta, own = false) {
  const seq = Number(board.dataset.seq);
  if (delta.reload) return emit("board:reload");
  if (delta.seq < seq) return; // older than what is shown
  if (delta.since > seq) return void catchUp(); // something between was missed
  board.dataset.seq = delta.seq;
  emit("board:delta", { ...delta, rules: delta.rules.filter((rule) => rule.seq > seq), own });
}

function hear(name, text) {
  if (name === "delta") take(JSON.parse(text));
  else meet(JSON.parse(text));
}

// Who is at the tickets of this board, and of the one beside it.
function meet(found) {
  here = found;
  emit("board:presence", { ...other?.here, ...here });
}

function emit(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

function showClock(state) {
  const banner = document.getElementById("clock");
  if (banner) banner.hidden = state !== "stopped";
}

function show(state) {
  indicator.hidden = false;
  if (indicator.dataset.state === state) return;
  indicator.dataset.state = state;
  indicator.textContent = indicator.dataset[`word${state[0].toUpperCase()}${state.slice(1)}`];
}

// ---- Asking ----------------------------------------------------------------------------------------------------------

// Resolves to whether the board is up to date now. A second call while one is under way is the same call.
function catchUp() {
  asking ??= ask().finally(() => { asking = null; });
  return asking;
}

async function ask() {
  if (stopped || !board.dataset.board) return false;
  const asked = board.dataset.board;
  let answer;
  try {
    answer = await fetch(address("delta"), { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(15_000) });
  } catch {
    show("offline");
    return backOff();
  }
  if (answer.status === 401) return stop(words.signedOut, [[words.signIn, () => location.reload()]]);
  if (answer.status === 403 || answer.status === 404) return stop(words.gone);
  if (answer.status === 422) return stop(words.heavy);
  if (!answer.ok) {
    show("connecting");
    return backOff(Number(answer.headers.get("Retry-After")) * 1000);
  }
  const delta = await answer.json().catch(() => null); // cut off on its way
  if (!delta) return backOff();
  failures = 0;
  if (asked !== board.dataset.board) return false; // another one is followed by now
  showClock(answer.headers.get("X-Clock"));
  take(delta);
  meet(delta.presence);
  return true;
}

function backOff(atLeast = 0) {
  failures += 1;
  quietUntil = Date.now() + Math.max(atLeast, Math.min(POLL_FOR, 1000 * 2 ** failures) * (0.5 + Math.random() / 2));
  return false;
}

function stop(text, actions = []) {
  stopped = true;
  close();
  show("offline");
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, kind: "error", actions, stays: true } }));
  return false;
}

// ---- The stream --------------------------------------------------------------------------------------------------------

async function open() {
  if (source || opening || stopped || !board.dataset.board || document.hidden || !navigator.onLine || Date.now() < quietUntil) return;
  opening = true;
  release = await takeSlot();
  opening = false;
  if (!release) return;
  if (document.hidden || !board.dataset.board) return close();
  source = new EventSource(address("stream"));
  streamAt = Date.now();
  source.addEventListener("open", () => { failures = 0; streamAt = Date.now(); show("live"); });
  source.addEventListener("beat", () => { streamAt = Date.now(); });
  for (const name of ["delta", "presence"]) {
    source.addEventListener(name, (event) => {
      streamAt = Date.now();
      show("live");
      channel?.postMessage([name, event.data]);
      hear(name, event.data);
    });
  }
  source.addEventListener("clock", (event) => showClock(event.data));
  source.addEventListener("reload", () => emit("board:reload"));
  source.addEventListener("ended", () => { close(); catchUp(); });
  source.addEventListener("full", () => { close(); quietUntil = Date.now() + POLL_FOR; }); // newer tabs have the streams
  source.addEventListener("error", fail);
}

// The browser opens a stream that ended again by itself. A refused one is closed and says not why: the delta does.
async function fail() {
  show(navigator.onLine ? "connecting" : "offline");
  if (source?.readyState !== EventSource.CLOSED) return;
  close();
  if (!await catchUp()) return;
  backOff(5000); // the stream alone is refused: none is free
  show("connecting");
}

function close() {
  source?.close();
  source = null;
  release?.();
  release = null;
}

// ---- Beside it ---------------------------------------------------------------------------------------------------------

let other = null; // { of, seq, here, and of its stream: source, release; busy, askedAt }

function follows({ of, seq }) {
  if (of === other?.of) return;
  hush();
  other = of ? { of, seq, askedAt: Date.now() } : null;
  listen();
}

async function listen() {
  const it = other;
  if (!it || it.source || it.busy || stopped || document.hidden || !navigator.onLine || Date.now() < quietUntil) return;
  it.busy = true;
  const free = await takeSlot();
  it.busy = false;
  if (!free) return;
  if (it !== other || document.hidden) return free();
  it.release = free;
  it.source = new EventSource(`/boards/${it.of}/stream?since=${it.seq}`);
  it.source.addEventListener("delta", ({ data }) => {
    const delta = JSON.parse(data);
    it.seq = delta.seq;
    emit("board:beside", { ...delta, of: it.of });
  });
  it.source.addEventListener("presence", ({ data }) => {
    it.here = JSON.parse(data);
    meet(here);
  });
  for (const name of ["reload", "ended", "full", "error"]) it.source.addEventListener(name, () => lose(name));
}

// A stream that broke is opened again by the browser; of one that is not given any more the ticket itself says why.
function lose(name) {
  if (name === "error" && other?.source?.readyState !== EventSource.CLOSED) return;
  hush();
  look();
}

function look() {
  if (!other) return;
  other.askedAt = Date.now();
  emit("board:beside", { reload: true });
}

function hush() {
  other?.source?.close();
  other?.release?.();
  if (other) other.source = other.release = null;
}

// As often as a board asks that has no stream.
function tickBeside() {
  if (!other || other.source || document.hidden || stopped || Date.now() - other.askedAt < POLL_FOR) return;
  look();
  listen();
}

function tick() {
  tickBeside();
  if (document.hidden || stopped || !board.dataset.board) return;
  if (source && Date.now() - streamAt > SILENT_FOR) wake(); // a machine that slept, a network that forgot it
  open();
  const streaming = source?.readyState === EventSource.OPEN;
  if (streaming || Date.now() < quietUntil) return;
  if (Date.now() - heardAt < POLL_FOR) return show("live");
  if (Date.now() - (tick.askedAt ?? 0) < POLL_FOR) return;
  tick.askedAt = Date.now();
  catchUp();
}

async function wake() {
  close();
  hush();
  show("connecting");
  quietUntil = 0;
  await catchUp();
  open();
  listen();
}

// ---- Slots -------------------------------------------------------------------------------------------------------------

async function takeSlot() {
  if (!navigator.locks) return takeLease();
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const free = await new Promise((resolve) => {
      navigator.locks.request(`nightdesk-stream-${slot}`, { ifAvailable: true }, (lock) => {
        if (!lock) return void resolve(null);
        return new Promise((done) => resolve(done));
      });
    });
    if (free) return free;
  }
  return null;
}

// Locks need https. Without them one tab of the browser holds the stream, by a lease that it renews.
function takeLease() {
  const key = "nightdesk-stream";
  const me = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const held = JSON.parse(localStorage.getItem(key) ?? "null");
  if (held && held.until > Date.now()) return null;
  const renew = () => localStorage.setItem(key, JSON.stringify({ me, until: Date.now() + LEASE_FOR }));
  renew();
  const renewing = setInterval(() => {
    if (JSON.parse(localStorage.getItem(key) ?? "null")?.me === me) renew();
    else close();
  }, LEASE_FOR / 3);
  return () => {
    clearInterval(renewing);
    if (JSON.parse(localStorage.getItem(key) ?? "null")?.me === me) localStorage.removeItem(key);
  };
}

// ---- When --------------------------------------------------------------------------------------------------------------

function follow() {
  close();
  channel?.close();
  channel = null;
  stopped = false;
  heardAt = failures = quietUntil = 0;
  indicator.hidden = !board.dataset.board;
  if (!board.dataset.board) return;
  const { dataset: { me }, lang } = document.documentElement;
  if ("BroadcastChannel" in window) channel = new BroadcastChannel(["nightdesk", me, lang, board.dataset.board, board.dataset.view].join(":"));
  channel?.addEventListener("message", (event) => {
    heardAt = Date.now();
    if (!document.hidden) hear(...event.data);
  });
  show(navigator.onLine ? "connecting" : "offline");
  open();
}

document.addEventListener("live:follow", follow);
document.addEventListener("live:beside", ({ detail }) => follows(detail));
document.addEventListener("board:told", (event) => take(event.detail, true));
document.addEventListener("board:ask", () => { if (source?.readyState !== EventSource.OPEN) catchUp(); });
document.addEventListener("visibilitychange", () => (document.hidden ? [close(), hush()] : wake()));
addEventListener("online", () => { quietUntil = 0; show("connecting"); catchUp().then(open).then(listen); });
addEventListener("offline", () => { close(); hush(); show("offline"); });
addEventListener("pagehide", () => { close(); hush(); });
addEventListener("pageshow", (event) => { if (event.persisted) catchUp().then(open); });
setInterval(tick, 1000);
follow();

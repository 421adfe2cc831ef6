// Takes changes back: by "Undo" in a toast or beside a line of the history, and by
//   undo:last   the newest change made in this window, whatever page was loaded since
// Without it each Undo is a form that leads back to its page.

const board = () => document.getElementById("board");
const words = document.getElementById("words").dataset;
const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

// ---- What was done here, oldest first: [address, when] ---------------------------------------------------------------

const GOOD_FOR = 600_000;
const forms = 'form[action^="/undo/"]';
const read = () => JSON.parse(sessionStorage.undo ?? "[]").filter(([, at]) => Date.now() - at < GOOD_FOR);
const write = (done) => { sessionStorage.undo = JSON.stringify(done.slice(-50)); };

// Whether it was among them.
function forget(address) {
  const done = read();
  write(done.filter(([other]) => other !== address));
  return done.some(([other]) => other === address);
}

function remember(address) {
  forget(address);
  write([...read(), [address, Date.now()]]);
}

document.addEventListener("toast", ({ detail }) => {
  if (detail.undo && !detail.undoes) remember(detail.undo);
});
for (const form of document.querySelectorAll(`.toast ${forms}`)) {
  if (!sessionStorage.undoing) remember(form.getAttribute("action"));
}
sessionStorage.removeItem("undoing");

// ---- Back ------------------------------------------------------------------------------------------------------------

document.addEventListener("undo:last", () => {
  const last = read().at(-1);
  if (last) takeBack(last[0]);
  else emit("toast", { text: words.nothingDone });
});
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || !event.target.matches(forms)) return;
  event.preventDefault();
  takeBack(event.target.getAttribute("action"));
});

// What was undone is behind us: asked again, undo:last takes back what was done before it, not the undoing.
async function takeBack(address) {
  const undoes = forget(address);
  if (!board()?.dataset.board) return leave(address, undoes);
  const { board: id, seq, view } = board().dataset;
  let answer, said;
  try {
    answer = await fetch(address, { method: "POST", headers: { Accept: "application/json" },
      body: new URLSearchParams([["board", id], ["since", seq], ...new URLSearchParams(view)]), signal: AbortSignal.timeout(30_000) });
    said = (answer.ok || [409, 422].includes(answer.status)) && await answer.json();
  } catch {
    remember(address);
    return emit("toast", { text: words.offline, kind: "error" });
  }
  if (!said) return emit("toast", { answer });
  if (said.delta) emit("board:told", said.delta);
  emit("toast", answer.ok ? { text: said.text, undo: said.undo, undoes } : { text: said.text, kind: "error" });
}

// Where nothing tells what changed, the page is shown anew.
function leave(address, undoes) {
  if (undoes) sessionStorage.undoing = "yes";
  const form = Object.assign(document.createElement("form"), { method: "post", action: address });
  document.body.append(form);
  form.submit();
}

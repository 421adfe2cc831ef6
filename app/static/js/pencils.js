// A pencil on the cards of tickets in which the reader has begun to write. A style and no class: cards are drawn for
// everybody alike, and drawn again at any time.

const script = document.querySelector("script[data-text][src*=pencils]");
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/drafts", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const cards = (await answer.json()).tickets.map((number) => `#ticket_${number} .card-foot .end::before`);
    sheet.replaceSync(cards.length ? `${cards.join()} { content: "✎" / ${JSON.stringify(script.dataset.text)}; color: var(--accent); }` : "");
  } catch { /* with the next look */ }
}

document.addEventListener("visibilitychange", look);
document.addEventListener("draft:saved", look);
document.addEventListener("panel:closed", look);
look();

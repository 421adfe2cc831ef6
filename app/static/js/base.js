// Small behaviours of every page: times, dialogs, menus, toasts, drafts, the connection. Everything listens on the
// document, so parts that arrive later need no set-up. Other scripts and the server's HX-Trigger header show a toast by
// an event:  document.dispatchEvent(new CustomEvent("toast", { detail: { text, undo, kind, actions, stays } }))
// With { answer }, a refused Response, it says why; `text` is for a status that says nothing by itself.
"use strict";

(() => {
  const root = document.documentElement;
  const words = document.getElementById("words").dataset;
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  // ---- Times -------------------------------------------------------------------------------------------------

  const zone = root.dataset.zone || undefined;
  const form = (options) => new Intl.DateTimeFormat(root.lang === "en" ? "en-GB" : root.lang, { timeZone: zone, ...options });
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const date = { day: "numeric", month: "short" };
  const weekday = form({ weekday: root.lang === "ko" ? "long" : "short" });
  const forms = {
    time: form(clock),
    today: form({ year: "numeric", month: "2-digit", day: "2-digit" }),
    near: form({ ...date, ...clock }),
    // Put together here, because in Korean a weekday with a time but no date would stand in parentheses.
    day: { format: (at) => `${weekday.format(at)} ${forms.time.format(at)}` },
    date: form({ weekday: "short", ...date }),
    brief: form(date),
    far: form({ ...date, year: "numeric" }),
    full: form({ weekday: "short", ...date, year: "numeric", ...clock, timeZoneName: "short" }),
  };

  function span(minutes) {
    if (minutes < 60) return say(words.min, { n: minutes });
    if (minutes < 180 && minutes % 60) return say(words.hMin, { h: Math.floor(minutes / 60), n: minutes % 60 });
    if (minutes < 2880) return say(words.h, { n: Math.floor(minutes / 60) });
    return say(words.d, { n: Math.floor(minutes / 1440) });
  }

  function since(minutes) {
    if (minutes < 1) return words.now;
    if (minutes < 60) return say(words.min, { n: minutes });
    if (minutes < 1440) return say(words.h, { n: Math.floor(minutes / 60) });
    return say(words.d, { n: Math.floor(minutes / 1440) });
  }

  function absolute(at, wanted) {
    if (wanted in forms) return forms[wanted].format(at);
    const now = new Date();
    if (forms.today.format(at) === forms.today.format(now)) return forms.time.format(at);
    return (Math.abs(at - now) < 180 * 86400000 ? forms.near : forms.far).format(at);
  }

  const times = "time[data-relative], time[data-absolute]";

  function refreshTime(element) {
    const at = new Date(element.dateTime);
    const minutes = Math.floor(Math.abs(Date.now() - at) / 60000);
    let text;
    if (element.dataset.relative === "due") {
      const late = at < Date.now();
      text = late ? say(words.late, { time: span(minutes) }) : span(minutes);
      if (late) element.closest(".chip")?.classList.replace("chip-near", "chip-late");
    } else if (element.dataset.relative !== undefined) {
      text = since(minutes);
    } else {
      text = absolute(at, element.dataset.absolute);
    }
    if (element.textContent !== text) element.textContent = text;
    const title = forms.full.format(at);
    if (element.title !== title) element.title = title;
  }

  function refreshTimes(within = document) {
    for (const element of within.querySelectorAll(times)) refreshTime(element);
  }

  // What arrives later (an answer, the live stream, a morphed text) is refreshed as it arrives; the rest every half minute
  // while visible. A refresh that changes nothing writes nothing, so this does not call itself for ever.
  new MutationObserver((changes) => {
    for (const change of changes) {
      const changed = change.target.nodeType === 1 ? change.target : change.target.parentElement;
      if (changed?.matches(times)) refreshTime(changed);
      for (const node of change.addedNodes) {
        if (node.nodeType !== 1) continue;
        if (node.matches(times)) refreshTime(node);
        else refreshTimes(node);
        if (node.matches(".toast:not([data-stays])")) dismissLater(node);
      }
    }
  }).observe(document.body, { childList: true, characterData: true, attributes: true, attributeFilter: ["datetime"], subtree: true });
  setInterval(() => document.hidden || refreshTimes(), 30000);
  document.addEventListener("visibilitychange", () => document.hidden || refreshTimes());
  refreshTimes();

  // ---- Toasts ------------------------------------------------------------------------------------------------

  const toasts = document.getElementById("toasts");

  function toast({ text, undo, kind, actions = [], stays = false }) {
    if (!toasts || (stays && [...toasts.children].some((other) => "stays" in other.dataset && other.firstChild.textContent === text))) return;
    const element = document.createElement("div");
    element.className = kind === "error" ? "toast toast-error" : "toast";
    element.append(Object.assign(document.createElement("span"), { textContent: text }));
    if (undo) {
      const back = Object.assign(document.createElement("form"), { method: "post", action: undo });
      back.append(button(words.undo, "submit"));
      element.append(back);
    }
    if (stays) element.dataset.stays = "";
    for (const [label, act] of actions) {
      const choice = button(label, "button");
      choice.addEventListener("click", () => { element.remove(); act(); });
      element.append(choice);
    }
    const close = button("×", "button");
    close.dataset.closes = "toast";
    close.setAttribute("aria-label", words.close);
    element.append(close);
    toasts.append(element);
  }

  function button(text, type) {
    return Object.assign(document.createElement("button"), { textContent: text, type, className: "button compact" });
  }

  // Eight seconds, counted anew after somebody has pointed at it or been in it.
  function dismissLater(element) {
    const remove = () => (element.matches(":hover, :focus-within") ? setTimeout(remove, 2000) : element.remove());
    setTimeout(remove, 8000);
  }

  for (const element of document.querySelectorAll(".toast")) dismissLater(element);
  document.addEventListener("toast", ({ detail: { answer, ...said } }) => {
    if (!answer) return toast(said);
    toast({ kind: "error", ...said, text: explained(answer.status, (name) => answer.headers.get(name), said.text) });
  });
  document.addEventListener("submit", (event) => {
    const shown = event.target.closest(".toast");
    if (shown) setTimeout(() => shown.remove());
  });

  // ---- Dialogs, menus, confirmation -------------------------------------------------------------------------------

  const sheet = document.getElementById("sheet");
  const confirmDialog = document.getElementById("confirm");

  // data-opens="id" on a link: opens that dialog. The dialog "sheet" is filled from the link's own address.
  function open(link, event) {
    const dialog = document.getElementById(link.dataset.opens);
    if (!dialog || event.ctrlKey || event.metaKey || event.shiftKey || (dialog === sheet && !window.htmx)) return;
    event.preventDefault();
    if (dialog !== sheet) return void dialog.showModal();
    window.htmx.ajax("GET", link.href, { target: "#sheet-body", swap: "innerHTML", source: link }).then(showSheet, () => {}); // why not has been said
  }

  // Whoever fills it by another way says sheet:filled.
  function showSheet() {
    const title = sheet.querySelector("h1, h2");
    if (!title) return;
    sheet.setAttribute("aria-label", title.textContent);
    if (!sheet.open) sheet.showModal();
  }
  document.addEventListener("sheet:filled", showSheet);
  sheet?.addEventListener("close", () => document.getElementById("sheet-body").replaceChildren());

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const link = event.target.closest("[data-opens]");
    if (link) return open(link, event);
    const closer = event.target.closest("[data-closes]");
    if (closer) {
      const closed = closer.closest(closer.dataset.closes === "toast" ? ".toast" : "dialog");
      if (closed?.close) { event.preventDefault(); closed.close(); } else closed?.remove();
    } else if (event.target.matches("dialog[open]")) {
      event.target.close(); // the veil around the dialog
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    const menu = document.querySelector("details.menu[open]");
    if (!menu) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // What was asked for in the sheet is done: the server says so.
  document.addEventListener("sheet:done", () => sheet?.close());

  // A form or its button may carry data-confirm with the question. Asked before htmx or the browser sees the submit.
  document.addEventListener("submit", (event) => {
    const asked = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (!asked || !confirmDialog || event.target.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const yes = document.getElementById("confirm-yes");
    document.getElementById("confirm-text").textContent = asked;
    yes.textContent = event.submitter?.textContent.trim() || yes.dataset.text;
    confirmDialog.returnValue = "no";
    confirmDialog.showModal();
    confirmDialog.addEventListener("close", () => {
      if (confirmDialog.returnValue !== "yes") return;
      event.target.dataset.confirmed = "yes";
      event.target.requestSubmit(event.submitter);
      delete event.target.dataset.confirmed;
    }, { once: true });
  }, true);

  // ---- Connection and refused answers ------------------------------------------------------------------------------

  const offline = document.getElementById("offline");
  const changes = 'form[method="post"]:not(.composer) button:not([type="button"]), [data-opens="sheet"]';

  // What would change something says that it cannot, before it is tried; writing goes on.
  function showConnection() {
    if (!offline) return;
    const gone = !navigator.onLine;
    offline.hidden = !gone;
    for (const control of document.querySelectorAll(gone ? changes : "[data-cut]")) {
      if (gone && !control.matches("[aria-disabled], .composer *")) {
        control.dataset.cut = control.title;
        control.title = offline.textContent;
        control.setAttribute("aria-disabled", "true");
        control.setAttribute("aria-describedby", "offline");
      } else if (!gone) {
        control.title = control.dataset.cut;
        for (const name of ["data-cut", "aria-disabled", "aria-describedby", ...(control.title ? [] : ["title"])]) control.removeAttribute(name);
      }
    }
  }
  addEventListener("online", showConnection);
  addEventListener("offline", showConnection);
  document.addEventListener("htmx:afterSettle", showConnection); // what arrived at the last moment, too
  showConnection();

  document.addEventListener("submit", (event) => {
    if (navigator.onLine || event.target.method === "dialog") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    toast({ text: words.offline, kind: "error" });
  }, true);

  const refusals = { 401: words.signedOut, 403: words.forbidden, 404: words.gone, 413: words.large, 429: words.often,
    503: words.busy, 507: words.full };
  function explained(status, header, failed = words.failed) {
    const [id, after] = [header("X-Request-Id"), Number(header("Retry-After"))];
    const text = refusals[status] ?? (id ? `${failed} (${id})` : failed);
    return after ? `${text} ${say(words.wait, { n: after })}` : text;
  }
  document.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
    toast({ text: explained(xhr.status, (name) => xhr.getResponseHeader(name)), kind: "error" });
  });
  document.addEventListener("htmx:sendError", () => toast({ text: words.offline, kind: "error" }));
  document.addEventListener("htmx:timeout", () => toast({ text: words.failed, kind: "error" }));

  // Nothing for the first moments, then a quiet line at the top until the last answer is there.
  let asking = 0;
  document.addEventListener("htmx:beforeSend", () => {
    asking += 1;
    setTimeout(() => root.classList.toggle("is-loading", asking > 0), 200);
  });
  document.addEventListener("htmx:afterRequest", () => {
    asking = Math.max(0, asking - 1);
    if (!asking) root.classList.remove("is-loading");
  });

  // ---- Drafts ------------------------------------------------------------------------------------------------------
  // <textarea data-draft="ticket-42"> survives a reload, an ended session and an error page; of who is signed in also a
  // closed tab. While a form is on its way its draft is "sent:"; the next ordinary page drops it, an error or sign-in
  // page (data-keeps-drafts) takes it back. What htmx sends is a draft until the answer says that it has arrived.

  const drafts = root.dataset.me ? localStorage : sessionStorage;
  const keyOf = (field, state) => `${state}:${root.dataset.me ?? ""}:${field.dataset.draft}`;

  function rename(store, from, to) {
    for (const key of Object.keys(store).filter((each) => each.startsWith(`${from}:`))) {
      if (to) store.setItem(to + key.slice(from.length), store.getItem(key));
      store.removeItem(key);
    }
  }

  const takeBack = () => [sessionStorage, localStorage].forEach((store) => rename(store, "sent", "draft"));
  if ("keepsDrafts" in root.dataset) takeBack();
  else [sessionStorage, localStorage].forEach((store) => rename(store, "sent", null));
  function restore(within) {
    for (const field of within.querySelectorAll("textarea[data-draft]")) {
      const draft = drafts.getItem(keyOf(field, "draft"));
      if (draft && !field.value) field.value = draft;
    }
  }
  restore(document);
  document.addEventListener("panel:opened", (event) => restore(event.detail.root));
  addEventListener("pageshow", (event) => event.persisted && takeBack());

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.dataset?.draft === undefined) return;
    if (field.value) drafts.setItem(keyOf(field, "draft"), field.value);
    else drafts.removeItem(keyOf(field, "draft"));
  });
  document.addEventListener("submit", ({ target }) => {
    if (window.htmx && target.hasAttribute("hx-post")) return;
    for (const field of target.querySelectorAll("textarea[data-draft]")) {
      drafts.removeItem(keyOf(field, "draft"));
      if (field.value) drafts.setItem(keyOf(field, "sent"), field.value);
    }
  });
  document.addEventListener("htmx:beforeOnLoad", ({ detail: { elt, xhr, requestConfig } }) => {
    if (xhr.status >= 400 || requestConfig.verb === "get") return;
    for (const field of elt.querySelectorAll("textarea[data-draft]")) {
      const key = keyOf(field, "draft");
      if (drafts.getItem(key) === requestConfig.formData.get(field.name)) drafts.removeItem(key);
    }
  });
  const isWriting = () => [...document.querySelectorAll("textarea[data-draft]")].some((field) =>
    field.value && drafts.getItem(keyOf(field, "draft")));
  addEventListener("beforeunload", (event) => isWriting() && event.preventDefault());

  // What the page asks by itself leads nobody away from what they are writing.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (xhr.status !== 401 || requestConfig.triggeringEvent?.isTrusted || !isWriting()) return;
    event.preventDefault();
    toast({ text: words.signedOut, kind: "error", stays: true, actions: [[words.signIn, () => location.reload()]] });
  });

  // ---- Where the reader is ------------------------------------------------------------------------------------------

  root.classList.add("has-script");
  document.querySelector("[data-focus]")?.focus();

  // A small form in the rail shows its "Save" once something in it was changed.
  document.addEventListener("input", (event) => event.target.closest?.(".rail-form")?.classList.add("is-changed"));

  // What is only there to be copied is chosen whole.
  document.addEventListener("focusin", (event) => { if (event.target.matches("input[readonly]")) event.target.select(); });

  // Tabs over a row that scrolls sideways: the tab of what is in view is the current one.
  for (const tabs of document.querySelectorAll("[data-tabs]")) {
    const links = new Map([...tabs.querySelectorAll("a")].map((link) => [document.querySelector(link.hash), link]));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const other of links.values()) other.removeAttribute("aria-current");
        const link = links.get(entry.target);
        link.setAttribute("aria-current", "true");
        tabs.scrollTo({ left: link.offsetLeft - tabs.offsetLeft - 16 });
      }
    }, { threshold: 0.6 });
    for (const section of links.keys()) if (section) seen.observe(section);
    tabs.addEventListener("click", (event) => {
      const section = event.target.closest("a") && document.querySelector(event.target.closest("a").hash);
      if (!section) return;
      event.preventDefault();
      section.scrollIntoView({ block: "nearest", inline: "start" });
    });
  }
})();

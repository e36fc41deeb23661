// What pages gain where scripts run: they renew themselves, take keys, count time, copy, and remember a theme.
// Nothing here is needed to read a page or to act on one.
"use strict";

const kept = {
  get: (name) => { try { return localStorage.getItem(`backstay.${name}`); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(`backstay.${name}`, value); } catch { /* a browser that keeps nothing */ } },
};

// Before anything is drawn, so that no page flashes.
const THEMES = ["system", "light", "dark"];
function wear(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  for (const button of document.querySelectorAll("[data-theme]:not(html)")) {
    button.hidden = false;
    button.textContent = `Theme: ${theme}`;
  }
}
wear(kept.get("theme") ?? "system");

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(kept.get("theme") ?? "system") + 1) % THEMES.length];
  kept.set("theme", next);
  wear(next);
}

// The same words as the server writes.
function spell(seconds) {
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

function countTime(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const age = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (Number.isNaN(age)) continue;
    time.textContent = age < 0 ? `in ${spell(-age)}` : age < 1 ? "now" : `${spell(age)} ago`;
  }
}

async function copy(button, element) {
  const text = element.innerText;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Browsers give the clipboard to https only: what is selected can be copied by hand.
    getSelection().selectAllChildren(element);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function addCopyButtons(root = document) {
  for (const element of root.querySelectorAll(".copy")) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet copies", textContent: "Copy" });
    button.addEventListener("click", () => copy(button, element));
    element.after(button);
  }
}

// Rows that are ticked: how many, all at once, and from one to another with shift.
const ticks = () => [...document.querySelectorAll("main .pick input[name=id]")];
let lastTick = null;
function countTicks() {
  const all = ticks(), n = all.filter((tick) => tick.checked).length;
  for (const tick of all) tick.closest("tr").classList.toggle("ticked", tick.checked);
  const said = document.querySelector("main .chosen [role=status]");
  if (!said) return;
  said.textContent = n === 0 ? "What is ticked:" : `${n} ticked; the page stands still until they are not:`;
  const top = document.querySelector("main .pick input[data-all]");
  if (top) { top.checked = n > 0 && n === all.length; top.indeterminate = n > 0 && n < all.length; }
}

function onTick(event) {
  const tick = event.target.closest?.(".pick input");
  if (!tick) return;
  const all = ticks();
  if ("all" in tick.dataset) {
    for (const one of all) one.checked = tick.checked;
  } else {
    const from = all.indexOf(lastTick), to = all.indexOf(tick);
    if (event.shiftKey && from >= 0) for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) one.checked = tick.checked;
    lastTick = tick;
  }
  countTicks();
}

function addTickOfAll(root) {
  const head = root.querySelector("thead .pick");
  if (!head || head.querySelector("input")) return;
  const top = Object.assign(document.createElement("input"), { type: "checkbox", title: "All on this page" });
  top.dataset.all = "";
  top.setAttribute("aria-label", "Choose all on this page");
  head.append(top);
}

// Rows that keys walk through.
let chosen = -1;
const rows = () => [...document.querySelectorAll("[data-row]")];
function choose(at) {
  const all = rows();
  if (all.length === 0) return;
  chosen = Math.max(0, Math.min(at, all.length - 1));
  all.forEach((row, n) => row.classList.toggle("chosen", n === chosen));
  all[chosen].scrollIntoView({ block: "nearest" });
  all[chosen].querySelector("a")?.focus({ preventScroll: true });
}

function help() {
  const dialog = document.createElement("dialog");
  const list = [["/", "find"], ["j k", "down, up in a list"], ["Enter", "open"], ["x", "tick the row"], ["r", "renew"], ["t", "theme"],
    ...[...document.querySelectorAll(".places a")].map((place) => [`g ${place.dataset.key}`, place.textContent])];
  const title = Object.assign(document.createElement("h2"), { textContent: "Keys" });
  const table = document.createElement("dl");
  for (const [key, does] of list) {
    const line = document.createElement("div");
    line.append(Object.assign(document.createElement("dt"), { textContent: key }), Object.assign(document.createElement("dd"), { textContent: does }));
    table.append(line);
  }
  const off = Object.assign(document.createElement("input"), { type: "checkbox", checked: kept.get("keys") === "off" });
  off.addEventListener("change", () => kept.set("keys", off.checked ? "off" : "on"));
  const label = document.createElement("label");
  label.append(off, " no keys but ?");
  const close = Object.assign(document.createElement("button"), { textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  dialog.append(title, table, label, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

let waitsForPlace = false;
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "?") return help();
  if (kept.get("keys") === "off") return;
  if (waitsForPlace) {
    waitsForPlace = false;
    const place = document.querySelector(`.places a[data-key="${CSS.escape(event.key)}"]`);
    if (place) location.assign(place.href);
    return;
  }
  const does = {
    "/": () => document.querySelector(".find input").focus(),
    g: () => { waitsForPlace = true; setTimeout(() => { waitsForPlace = false; }, 1200); },
    j: () => choose(chosen + 1),
    k: () => choose(chosen - 1),
    x: () => rows()[chosen]?.querySelector("input[type=checkbox]")?.click(),
    r: () => renew(true),
    t: nextTheme,
  }[event.key];
  if (does) { event.preventDefault(); does(); }
}

// A page renews itself by asking for itself again; what somebody is busy with stays as it is.
const isBusy = () => document.hidden || document.querySelector("dialog[open], main .act[open]") !== null
  || document.querySelector("main input[type=checkbox]:checked") !== null
  || document.activeElement?.closest("main :is(input, textarea, select)") != null
  || !getSelection().isCollapsed;

// Whoever walks through a page by keyboard stays where they are: on the same link, or the same of several equal buttons.
const keyOf = (element) => `${element.tagName} ${element.getAttribute("href") ?? element.textContent}`;
const alike = (main, { key }) => [...main.querySelectorAll("a[href], summary, button, [tabindex]")].filter((element) => keyOf(element) === key);
function focused(main) {
  const element = document.activeElement;
  if (!main.contains(element) || element === main) return null;
  const key = keyOf(element);
  return { key, n: alike(main, { key }).indexOf(element) };
}

let renewing = false;
async function renew(anyway = false) {
  if (renewing || (!anyway && isBusy())) return;
  renewing = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    if (!answer.ok || (!anyway && isBusy())) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    const main = document.querySelector("main");
    const nameOf = (details, n) => `${n} ${details.querySelector("summary")?.textContent}`;
    const open = new Set([...main.querySelectorAll("details")].map((details, n) => details.open ? nameOf(details, n) : ""));
    fresh.querySelectorAll("details").forEach((details, n) => { details.open ||= open.has(nameOf(details, n)); });
    const scrolled = [...main.querySelectorAll("pre, .scroll")].map((box) => [box.scrollTop, box.scrollLeft]);
    const focus = focused(main);
    main.replaceChildren(...fresh.childNodes);
    main.querySelectorAll("pre, .scroll").forEach((box, n) => { [box.scrollTop, box.scrollLeft] = scrolled[n] ?? [0, 0]; });
    dress(main);
    if (chosen >= 0) rows()[chosen]?.classList.add("chosen");
    if (focus) alike(main, focus)[focus.n]?.focus({ preventScroll: true });
  } catch { /* the next event asks again */ } finally { renewing = false; }
}

// One stream tells all pages that something happened; a page asks at most every two seconds, and last of all after the last event.
const EVENTS = ["job.buried", "queue.counters", "queue.paused", "queue.resumed", "worker.started", "worker.draining",
  "worker.stopped", "worker.lost", "alert.sent", "alert.failed", "alert.undeliverable", "reset"];
let stream = null, due = null;
function hear() {
  // Whoever sees the audit alone is told of nothing else.
  if ("still" in document.body.dataset) return;
  const light = document.querySelector(".live");
  const soon = () => { due ??= setTimeout(() => { due = null; renew(); }, 2000); };
  const show = (isOn) => {
    light.hidden = false;
    light.classList.toggle("off", !isOn);
    light.lastElementChild.textContent = isOn ? "live" : "not live";
  };
  stream = new EventSource(`${document.body.dataset.base}api/v1/events`);
  stream.addEventListener("open", () => show(true));
  stream.addEventListener("error", () => show(false));
  for (const name of EVENTS) stream.addEventListener(name, soon);
}

function onVisible() {
  // Browsers allow few connections to one server, over all tabs: those that nobody sees give theirs back.
  if (document.hidden) { stream?.close(); stream = null; } else if (!stream) { hear(); renew(); }
}

function dress(root) {
  countTime(root);
  addCopyButtons(root);
  addTickOfAll(root);
  countTicks();
}

document.addEventListener("DOMContentLoaded", () => {
  wear(kept.get("theme") ?? "system");
  for (const button of document.querySelectorAll("button[data-theme]")) button.addEventListener("click", nextTheme);
  dress(document);
  // On a telephone the places are a row that is wider than the page.
  const places = document.querySelector(".places"), here = places?.querySelector("[aria-current]");
  if (here) places.scrollLeft = here.offsetLeft - (places.clientWidth - here.offsetWidth) / 2;
  setInterval(() => { if (!document.hidden) countTime(); }, 10000);
  document.addEventListener("click", onTick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", onVisible);
  // What moves while no event tells of it, such as the output of a job that runs.
  setInterval(() => { if (document.querySelector("main [data-renew]")) renew(); }, 2000);
  if (!document.hidden) hear();
});

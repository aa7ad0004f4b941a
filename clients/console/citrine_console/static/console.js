// The console in the browser: live regions, dialogs, relative times and the hover of plots. Pages work without it, too.
import "./map.js";
import { morph } from "./morph.js";
import { ask } from "./part.js";

const texts = document.getElementById("texts").dataset;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
if (!document.cookie.split("; ").includes(`citrine_zone=${zone}`)) {
  document.cookie = `citrine_zone=${zone}; path=/; SameSite=Lax; max-age=31536000`;
  // What is shown has times in another zone. Not again where cookies are off.
  if (document.body.hasAttribute("data-live") && document.cookie.includes("citrine_zone=")) location.reload();
}

// Relative times

function span(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

function showTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-ago]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const words = Math.abs(seconds) < 2 ? texts.now : (seconds < 0 ? texts.in : texts.ago).replace("{}", span(Math.abs(seconds)));
    if (time.textContent !== words) time.textContent = words;
  }
}
showTimes();
setInterval(showTimes, 5000);

// Live regions

const state = document.querySelector("[data-live-state]");
let failures = 0, alive = 0, socket = null, retrying = 0, moves = 0;

function say(kind, text) {
  state.classList.toggle("is-live", kind === "live");
  state.classList.toggle("is-lost", kind === "lost");
  state.querySelector(".live-text").textContent = text;
}

// What of the page this browser has.
const known = () => Object.fromEntries([...document.querySelectorAll("[data-region]")].map((one) => [one.id, one.dataset.region]));

function connect() {
  // Who connects before its turn has come is the one that does.
  clearTimeout(retrying);
  const page = encodeURIComponent(location.pathname + location.search);
  const here = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live?page=${page}`);
  socket = here;
  moves = 0;
  here.onopen = () => {
    failures = 0;
    alive = Date.now();
    here.send(JSON.stringify({ known: known() }));
    say("live", texts.live);
  };
  here.onmessage = (event) => {
    if (socket !== here) return;
    alive = Date.now();
    const message = JSON.parse(event.data);
    if ("lost" in message) say(message.lost ? "lost" : "live", message.lost ? texts.coreLost : texts.live);
    if (message.still) say("still", texts.still);
    // What was sent before the server heard of the last move is of another view.
    if ("region" in message && message.move === moves) update(message.region, message.html, message.digest);
  };
  here.onclose = (event) => {
    if (socket !== here) return;
    socket = null;
    if (event.code === 4401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    else if (event.code === 4400) location.reload();
    else if (event.code !== 4404) retry();
  };
}

function retry() {
  failures += 1;
  if (failures > 1) say("lost", texts.lost);
  retrying = setTimeout(connect, Math.min(500 * 2 ** failures, 5000) * (0.5 + Math.random()));
}

function update(name, html, digest) {
  const region = document.getElementById(name);
  if (!region) return;
  const wanted = document.createElement("div");
  wanted.innerHTML = html;
  morph(region, wanted);
  // What a new connection says that this page shows.
  region.dataset.region = digest;
  showTimes(region);
  region.dispatchEvent(new CustomEvent("region", { bubbles: true }));
}

if (state) {
  connect();
  // A socket whose other side is gone says nothing: the server says something each 15 seconds.
  setInterval(() => { if (socket && socket.readyState === WebSocket.OPEN && Date.now() - alive > 40000) socket.close(); }, 5000);
  addEventListener("online", () => { if (!socket) connect(); });
  // One that is not open yet, or not for long any more, says what this page is once it is.
  document.addEventListener("moved", () => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ page: location.pathname + location.search, known: known(), move: ++moves }));
    else {
      const before = socket;
      socket = null;
      before?.close();
      connect();
    }
  });
}
if (document.querySelector("[data-retry]")) setTimeout(() => location.reload(), 3000);

// Dialogs: a link or form with data-dialog shows what comes back in the dialog

const dialog = document.querySelector("dialog");

export function toast(text) {
  const box = document.createElement("div");
  box.className = "toast";
  box.textContent = text;
  document.querySelector(".toasts").append(box);
  setTimeout(() => box.remove(), 6000);
}

// What is in the dialog stays as it is, with what tells its form apart from all others: sent again, it is done once.
function unanswered(isSent) {
  const form = dialog.open ? dialog.querySelector("form") : null;
  if (!form) return toast(texts.failed);
  dialog.querySelector("[data-unanswered]")?.remove();
  const note = document.createElement("div");
  note.className = "note bad";
  note.setAttribute("role", "alert");
  note.dataset.unanswered = "";
  note.textContent = isSent ? `${texts.failed} ${texts.unknown}` : texts.failed;
  form.before(note);
  note.scrollIntoView({ block: "nearest" });
}

async function fetchPart(url, options = {}) {
  let answer, html;
  try {
    ({ answer, text: html } = await ask(url, options));
  } catch {
    return unanswered(options.method === "POST");
  }
  if (answer.status === 401) return location.assign("/login");
  // Not all that a form changes has an event.
  if (options.method === "POST" && answer.ok && socket?.readyState === WebSocket.OPEN) socket.send("refresh");
  const next = answer.headers.get("x-console-location");
  if (next) return location.assign(next);
  if (answer.status === 204) {
    dialog.close();
    const said = answer.headers.get("x-console-toast");
    if (said) toast(decodeURIComponent(said));
    return;
  }
  dialog.innerHTML = html;
  if (!dialog.open) dialog.showModal();
  showTimes(dialog);
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("input:not([type=hidden]), select, textarea, button"))?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    fetchPart(link.href);
  }
  if (event.target.closest("[data-close]") || event.target === dialog) dialog.close();
  const copied = event.target.closest("[data-copy]");
  if (copied) navigator.clipboard.writeText(copied.dataset.copy).then(() => toast(texts.copied));
  const toggle = event.target.closest(".nav-toggle");
  if (toggle) toggle.setAttribute("aria-expanded", String(document.getElementById("nav").classList.toggle("open")));
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-dialog]");
  if (!form) return;
  event.preventDefault();
  const button = event.submitter;
  const data = new FormData(form, button);
  if (button) button.disabled = true;
  // A field may be called "action", and hide the property of the form.
  const action = (button?.hasAttribute("formaction") ? button : form).getAttribute(button?.hasAttribute("formaction") ? "formaction" : "action");
  const url = new URL(action, location.href);
  const sent = form.method === "get" ? fetchPart(`${url.pathname}?${new URLSearchParams(data)}`) : fetchPart(action, {
    method: "POST", body: form.enctype === "multipart/form-data" ? data : new URLSearchParams(data) });
  sent.finally(() => { if (button) button.disabled = false; });
});

// Filters: a choice submits its form at once

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form && event.target.matches("select, input[type=checkbox]")) form.requestSubmit();
  const all = event.target.dataset.checkAll;
  if (all) for (const box of document.querySelectorAll(`input[type=checkbox][name="${all}"]`)) box.checked = event.target.checked;
  if (event.target.matches("[data-theme-choice]")) chooseTheme(event.target.value);
});
document.addEventListener("submit", (event) => {
  // Empty fields have no place in a URL.
  if (event.target.matches("form[data-auto], .bar-search")) for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
}, true);

function chooseTheme(value) {
  if (value) localStorage.setItem("citrine-theme", value); else localStorage.removeItem("citrine-theme");
  if (value) document.documentElement.dataset.theme = value; else delete document.documentElement.dataset.theme;
}
const choice = document.querySelector("[data-theme-choice]");
if (choice) choice.value = localStorage.getItem("citrine-theme") || "";

// A phone shows what is found first: filters are folded until somebody filters, and of the tabs the current one is seen

const narrow = matchMedia("(max-width: 800px)");
const fold = () => { for (const one of document.querySelectorAll("details.fold")) one.open = !narrow.matches || location.search.length > 1; };
fold();
narrow.addEventListener("change", fold);
const tab = document.querySelector(".tabs [aria-current]");
if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - (tab.parentElement.clientWidth - tab.offsetWidth) / 2;

// Plots: the value under the pointer

document.addEventListener("pointermove", (event) => {
  const svg = event.target.closest?.("[data-plot] svg");
  for (const tip of document.querySelectorAll(".plot-tip")) if (!svg || tip.parentElement !== svg.parentElement) tip.remove();
  if (!svg) return;
  const figure = svg.parentElement, box = svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
  let nearest = null;
  for (const mark of JSON.parse(figure.dataset.plot)) if (!nearest || Math.abs(mark[0] - x) < Math.abs(nearest[0] - x)) nearest = mark;
  if (!nearest) return;
  let tip = figure.querySelector(".plot-tip");
  if (!tip) { tip = document.createElement("div"); tip.className = "plot-tip"; tip.setAttribute("aria-hidden", "true"); figure.append(tip); }
  tip.textContent = nearest[1];
  const left = event.clientX - figure.getBoundingClientRect().left;
  tip.style.transform = `translateX(${Math.max(0, Math.min(left - tip.offsetWidth / 2, figure.offsetWidth - tip.offsetWidth))}px)`;
});

// OCPP frames as they pass: the newest first, as many as a page can bear; nothing of it is stored.
const root = document.querySelector("[data-frames]"), words = root.dataset;
const list = root.querySelector("ol"), filter = root.querySelector("[data-frames-filter]"), state = root.querySelector("[data-frames-state]");
const KEPT = 5000, SHOWN = 300;
let frames = [], paused = false, failures = 0, number = 0;
const actions = new Map();

function read(frame) {
  let message = null;
  try { message = JSON.parse(frame.frame); } catch { /* It is shown as it is. */ }
  const type = Array.isArray(message) ? message[0] : 0, id = type ? message[1] : "";
  if (type === 2 || type === 6) { actions.set(id, message[2]); if (actions.size > KEPT) actions.delete(actions.keys().next().value); }
  const name = type === 2 || type === 6 ? message[2] : actions.get(id) || "";
  const kind = type === 3 ? words.result : type === 4 || type === 5 ? words.error : "";
  return { ...frame, number: ++number, message, action: name, kind, bad: type === 4 || type === 5 };
}

function matches(frame) {
  const { action, direction, text } = filter.elements;
  return (!action.value || frame.action.toLowerCase().includes(action.value.trim().toLowerCase()))
    && (!direction.value || frame.from === direction.value)
    && (!text.value || frame.frame.toLowerCase().includes(text.value.toLowerCase()));
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(frame) {
  const item = element("li"), details = element("details", "", "frame"), summary = element("summary");
  const time = element("time", new Date(frame.time).toLocaleTimeString([], { hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }), "muted");
  time.dateTime = frame.time;
  const direction = element("span", frame.from === "station" ? words.fromStation : words.toStation, "frame-direction");
  summary.append(time, " ", direction, " ", element("strong", frame.action || "?"));
  if (frame.kind) summary.append(" ", element("span", frame.kind, frame.bad ? "state bad" : "state plain"));
  summary.append(" ", element("code", frame.frame.slice(0, 160), "frame-start muted"));
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    const text = frame.message ? JSON.stringify(frame.message, null, 2) : frame.frame, whole = element("pre", text);
    whole.tabIndex = 0;
    const copy = element("button", words.copyText, "button small");
    copy.type = "button";
    copy.dataset.copy = frame.frame;
    details.append(whole, copy);
  });
  item.append(details);
  return item;
}

function showAll() {
  list.replaceChildren(...frames.filter(matches).slice(-SHOWN).reverse().map(row));
  root.querySelector("[data-frames-empty]").hidden = list.childElementCount > 0;
}

function take(found) {
  const made = found.map(read);
  frames.push(...made);
  if (frames.length > KEPT) frames = frames.slice(-KEPT);
  if (paused) return;
  for (const frame of made.filter(matches)) list.prepend(row(frame));
  while (list.childElementCount > SHOWN) list.lastElementChild.remove();
  root.querySelector("[data-frames-empty]").hidden = list.childElementCount > 0;
}

function connect() {
  const path = `/stations/${encodeURIComponent(words.frames)}/frames/live`;
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
  socket.onopen = () => { failures = 0; };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if ("lost" in message) { state.textContent = message.lost; root.toggleAttribute("data-watching", !message.lost); }
    if (message.dropped) state.textContent = words.dropped.replace("{}", message.dropped);
    if (message.frames) take(message.frames);
  };
  socket.onclose = (event) => {
    root.removeAttribute("data-watching");
    if (event.code !== 4401 && event.code !== 4404) setTimeout(connect, Math.min(500 * 2 ** ++failures, 5000));
  };
}

filter.addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("input", showAll);
root.querySelector("[data-frames-pause]").addEventListener("click", (event) => {
  paused = !paused;
  event.target.setAttribute("aria-pressed", String(paused));
  if (!paused) showAll();
});
root.querySelector("[data-frames-clear]").addEventListener("click", () => { frames = []; showAll(); });
root.querySelector("[data-frames-download]").addEventListener("click", () => {
  const lines = frames.filter(matches).map(({ time, from, epoch, frame, message }) => JSON.stringify({ time, from, epoch, frame: message ?? frame }));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines.map((line) => `${line}\n`), { type: "application/x-ndjson" }));
  link.download = `${words.frames}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});
connect();

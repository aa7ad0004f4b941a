// The editor of tariffs: what a session would cost is asked for as the form is edited; elements come and go by the server.
import { ask } from "./part.js";

const form = () => document.querySelector("[data-editor]");
let timer = 0, asked = 0;
const failed = () => { document.querySelector("[data-preview]").textContent = document.getElementById("texts").dataset.failed; };

async function post(url, extra = {}) {
  const body = new URLSearchParams(new FormData(form()));
  for (const [name, value] of Object.entries(extra)) body.set(name, value);
  const found = await ask(url, { method: "POST", body });
  if (found.answer.status === 401) location.assign("/login");
  return found;
}

async function preview() {
  const mine = ++asked;
  try {
    const { text } = await post("/tariffs/preview");
    // An answer to what was asked before is late.
    if (mine === asked) document.querySelector("[data-preview]").innerHTML = text;
  } catch {
    failed();
  }
}

document.addEventListener("input", (event) => {
  if (!event.target.closest("[data-editor]")) return;
  clearTimeout(timer);
  timer = setTimeout(preview, 250);
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  try {
    const { answer, text } = await post("/tariffs/fields", { do: button.dataset.do });
    if (!answer.ok) return failed();
    if (text.includes('name="elements"')) document.querySelector("[data-fields]").innerHTML = text;
  } catch {
    return failed();
  }
  preview();
});
document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-editor]")) return;
  event.preventDefault();
  clearTimeout(timer);
  asked += 1;
  try {
    const { answer, text } = await post("/tariffs/save");
    const next = answer.headers.get("x-console-location");
    if (next) location.assign(next);
    else document.querySelector("[data-preview]").innerHTML = text;
  } catch {
    failed();
  }
});
preview();

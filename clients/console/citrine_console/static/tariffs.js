// The editor of tariffs: what a session would cost is asked for as the form is edited; elements come and go by the server.
const form = () => document.querySelector("[data-editor]");
let timer = 0, asked = 0;
const failed = () => { document.querySelector("[data-preview]").textContent = document.getElementById("texts").dataset.failed; };

async function post(url, extra = {}) {
  const body = new URLSearchParams(new FormData(form()));
  for (const [name, value] of Object.entries(extra)) body.set(name, value);
  const answer = await fetch(url, { method: "POST", body, headers: { "x-console-part": "1" } });
  if (answer.status === 401) location.assign("/login");
  return answer;
}

async function preview() {
  const mine = ++asked;
  try {
    const html = await (await post("/tariffs/preview")).text();
    // An answer to what was asked before is late.
    if (mine === asked) document.querySelector("[data-preview]").innerHTML = html;
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
  const answer = await post("/tariffs/fields", { do: button.dataset.do });
  const html = await answer.text();
  if (!answer.ok) return failed();
  if (html.includes('name="elements"')) document.querySelector("[data-fields]").innerHTML = html;
  preview();
});
document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-editor]")) return;
  event.preventDefault();
  clearTimeout(timer);
  asked += 1;
  const answer = await post("/tariffs/save");
  const next = answer.headers.get("x-console-location");
  if (next) location.assign(next);
  else document.querySelector("[data-preview]").innerHTML = await answer.text();
});
preview();

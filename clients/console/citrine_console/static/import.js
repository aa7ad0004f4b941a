// The import of a file: it is sent to be checked, and once more to be stored. What is done so far comes as lines of JSON.
const card = document.querySelector("[data-import]");
const form = document.querySelector("[data-import-form]"), file = form.querySelector("input[type=file]");
const check = form.querySelector("[type=submit]"), store = form.querySelector("[data-import-store]");
const state = document.querySelector("[data-import-state]"), result = document.querySelector("[data-import-result]");
const bar = document.querySelector("progress");

file.addEventListener("change", () => { store.disabled = true; result.replaceChildren(); state.textContent = ""; });
form.addEventListener("submit", (event) => { event.preventDefault(); run("check"); });
store.addEventListener("click", () => run("store"));

async function run(mode) {
  const chosen = file.files[0];
  if (!chosen) return;
  check.disabled = store.disabled = file.disabled = true;
  bar.hidden = false;
  bar.removeAttribute("value");
  try {
    await send(chosen, mode);
  } catch {
    state.textContent = card.dataset.broken;
  }
  check.disabled = file.disabled = false;
  bar.hidden = true;
}

async function send(chosen, mode) {
  const kind = chosen.name.toLowerCase().split(".").pop();
  const answer = await fetch(`/tokens/import/run?kind=${encodeURIComponent(kind)}&mode=${mode}`, {
    method: "POST", body: chosen, headers: { "x-console-part": "1", "content-type": "application/octet-stream" } });
  if (answer.status === 401) return location.assign("/login");
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    state.textContent = said.problem || card.dataset.broken;
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", whole = false;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const said = JSON.parse(line);
      if ("done" in said) state.textContent = card.dataset.reading.replace("{}", said.done.toLocaleString());
      if ("html" in said) {
        whole = true;
        state.textContent = "";
        result.innerHTML = said.html;
        store.disabled = !said.good;
      }
    }
  }
  if (!whole) throw new Error("it broke off");
}

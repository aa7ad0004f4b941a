// Views of a list: filters under a name. They are in this browser alone: the server remembers nothing.
const menu = document.querySelector("[data-views]"), words = menu.dataset, key = `citrine-views:${location.pathname}`;
const list = menu.querySelector("ul"), form = menu.querySelector("form"), empty = menu.querySelector("[data-views-empty]");

function read() {
  try { return JSON.parse(localStorage.getItem(key)) || {}; } catch { return {}; }
}

function here() {
  const query = new URLSearchParams(location.search);
  for (const name of ["page", "before"]) query.delete(name);
  return query.toString();
}

function show() {
  const views = Object.entries(read()).sort(([one], [other]) => one.localeCompare(other));
  empty.hidden = views.length > 0;
  list.replaceChildren(...views.map(([name, query]) => {
    const item = document.createElement("li"), link = document.createElement("a"), remove = document.createElement("button");
    link.href = `${location.pathname}${query && `?${query}`}`;
    link.textContent = name;
    if (query === here()) link.setAttribute("aria-current", "page");
    remove.type = "button";
    remove.className = "button small plain end";
    remove.textContent = words.remove;
    remove.setAttribute("aria-label", `${words.remove} ${name}`);
    remove.addEventListener("click", (event) => {
      // The menu stays open: what was pressed is not in it any more when its page looks.
      event.stopPropagation();
      const left = read();
      delete left[name];
      localStorage.setItem(key, JSON.stringify(left));
      show();
    });
    item.append(link, remove);
    return item;
  }));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = form.elements.view.value.trim();
  if (!name) return;
  localStorage.setItem(key, JSON.stringify({ ...read(), [name]: here() }));
  form.reset();
  show();
});
menu.hidden = false;
show();

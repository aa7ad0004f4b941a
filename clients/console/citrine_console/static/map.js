// The map is dragged, and zoomed by wheel, two fingers, double click and keys. Its links do the same without this script.
import { morph } from "./morph.js";
import { ask } from "./part.js";

const TILE = 256, EDGE = 85.0511, CLOSEST = 18, FARTHEST = 1, STILL = 4, STEP = 0.25, PAUSE = 150;
const pointers = new Map();
let gesture = null, pending = "", asking = null, waiting = 0, zoomed = 0, dragged = false;

const mapAt = (target) => target.closest?.("svg[data-map]");
const sizeOf = (svg) => [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];

// Where something is on the map as it was drawn.
function placeOf(svg, x, y, [width, height]) {
  const box = svg.getBoundingClientRect();
  return [((x - box.left) / box.width) * width, ((y - box.top) / box.height) * height];
}

// The view in which what was at one place is at another, larger or smaller.
function viewAfter(svg, [width, height], from, to, scale) {
  const [latitude, longitude, zoom] = (pending || svg.dataset.map).split(",").map(Number), size = TILE * 2 ** zoom;
  const held = Math.min(Math.max(latitude, -EDGE), EDGE) * Math.PI / 180;
  const x = ((longitude + 180) / 360) * size - width / 2 + from[0] + (width / 2 - to[0]) / scale;
  const y = ((1 - Math.asinh(Math.tan(held)) / Math.PI) / 2) * size - height / 2 + from[1] + (height / 2 - to[1]) / scale;
  const north = Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / size))) * 180 / Math.PI, east = (x / size) * 360;
  const closer = Math.min(Math.max(zoom + Math.round(Math.log2(scale)), FARTHEST), CLOSEST);
  return `${north.toFixed(5)},${((((east % 360) + 360) % 360) - 180).toFixed(5)},${closer}`;
}

async function show(url) {
  clearTimeout(waiting);
  asking?.abort();
  const mine = asking = new AbortController(), region = document.getElementById("map");
  let wanted = null;
  try {
    const { answer, text } = await ask(url, { signal: mine.signal }, "map");
    if (answer.status === 401) throw new Error("logged out");
    wanted = new DOMParser().parseFromString(text, "text/html").getElementById("map");
  } catch {
    if (mine === asking) location.assign(url);
    return;
  }
  if (mine !== asking) return;
  // What can't be read now comes by the live socket: the map stays as it is until then.
  if (wanted?.querySelector("svg[data-map]")) {
    morph(region, wanted);
    region.dataset.region = wanted.dataset.region;
  }
  pending = "";
  history.replaceState(null, "", url);
  // What is live is this view from now on.
  document.dispatchEvent(new Event("moved"));
}

// Keys that are held repeat quickly: the view is asked for once they rest.
function go(view, pause = 0) {
  pending = view;
  const url = new URL(location.href);
  if (view) url.searchParams.set("at", view); else url.searchParams.delete("at");
  asking?.abort();
  asking = null;
  clearTimeout(waiting);
  waiting = setTimeout(() => show(url), pause);
}

function zoom(svg, scale, place, pause = 0) {
  const size = sizeOf(svg), held = place ?? [size[0] / 2, size[1] / 2];
  go(viewAfter(svg, size, held, held, scale), pause);
}

function fingers({ svg, size }) {
  const places = [...pointers.values()].map(([x, y]) => placeOf(svg, x, y, size)), [one, other = one] = places;
  return { middle: [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2], apart: Math.hypot(one[0] - other[0], one[1] - other[1]) };
}

function begin(svg, size) {
  gesture = { svg, size };
  gesture.first = fingers(gesture);
  gesture.last = gesture.first;
}

const scaleOf = ({ first, last }) => (first.apart && last.apart ? last.apart / first.apart : 1);

document.addEventListener("pointerdown", (event) => {
  const svg = mapAt(event.target);
  if (!svg || event.button || pointers.size > 1) return;
  dragged = pointers.size > 0;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  begin(svg, gesture?.size ?? sizeOf(svg));
});
document.addEventListener("pointermove", (event) => {
  if (!pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  const { svg, size, first } = gesture, last = fingers(gesture);
  if (!dragged && Math.hypot(last.middle[0] - first.middle[0], last.middle[1] - first.middle[1]) < STILL) return;
  dragged = true;
  svg.setPointerCapture(event.pointerId);
  gesture.last = last;
  const scale = scaleOf(gesture), [x, y] = [0, 1].map((axis) => first.middle[axis] - last.middle[axis] / scale);
  svg.setAttribute("viewBox", `${x} ${y} ${size[0] / scale} ${size[1] / scale}`);
});
function end(event) {
  if (!pointers.delete(event.pointerId) || !gesture) return;
  const { svg, size, first, last } = gesture;
  gesture = null;
  // The other finger, if there is one, goes on with nothing.
  pointers.clear();
  if (dragged) go(viewAfter(svg, size, first.middle, last.middle, scaleOf({ first, last })));
}
document.addEventListener("pointerup", end);
// What the browser made something else of moved nothing.
document.addEventListener("pointercancel", (event) => {
  gesture?.svg.setAttribute("viewBox", `0 0 ${gesture.size.join(" ")}`);
  gesture = null;
  pointers.clear();
  dragged = false;
});
document.addEventListener("dragstart", (event) => { if (mapAt(event.target)) event.preventDefault(); });
document.addEventListener("click", (event) => {
  const svg = mapAt(event.target), link = event.target.closest?.("#map a");
  // A place that was dragged is not visited.
  if (svg && dragged) event.preventDefault();
  else if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    const url = new URL(link.href.baseVal ?? link.href, location.href);
    if (url.pathname !== location.pathname) return;
    event.preventDefault();
    show(url);
  }
  dragged = false;
}, true);
document.addEventListener("dblclick", (event) => {
  const svg = mapAt(event.target);
  if (svg) zoom(svg, 2, placeOf(svg, event.clientX, event.clientY, sizeOf(svg)));
});
document.addEventListener("wheel", (event) => {
  const svg = mapAt(event.target);
  // The page is scrolled over a map that nobody is in.
  if (!svg || !(event.ctrlKey || svg === document.activeElement)) return;
  event.preventDefault();
  if (event.timeStamp - zoomed < 250 || !event.deltaY) return;
  zoomed = event.timeStamp;
  zoom(svg, event.deltaY < 0 ? 2 : 0.5, placeOf(svg, event.clientX, event.clientY, sizeOf(svg)));
}, { passive: false });
document.addEventListener("keydown", (event) => {
  const svg = event.target.matches?.("svg[data-map]") ? event.target : null;
  if (!svg || event.ctrlKey || event.metaKey || event.altKey) return;
  const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
  const scale = { "+": 2, "=": 2, "-": 0.5 }[event.key];
  if (right === undefined && !scale && event.key !== "0") return;
  event.preventDefault();
  const size = sizeOf(svg);
  if (scale) zoom(svg, scale, null, PAUSE);
  else if (event.key === "0") go("");
  else {
    const way = [right * STEP * size[0], down * STEP * size[1]], box = svg.viewBox.baseVal;
    go(viewAfter(svg, size, way, [0, 0], 1), PAUSE);
    svg.setAttribute("viewBox", `${box.x + way[0]} ${box.y + way[1]} ${size.join(" ")}`);
  }
});

// Makes an element like another one with as few changes as possible, so that focus, selection, what is typed, what is open
// and where it is scrolled stay as they are.

const STAY = new Set(["open"]);

export function morph(from, to) {
  const old = [...from.childNodes];
  const named = new Map(old.filter((node) => node.id).map((node) => [node.id, node]));
  let place = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    let match = wanted.id ? named.get(wanted.id) : place;
    if (match && (!sameKind(match, wanted) || (match.id || "") !== (wanted.id || ""))) match = null;
    if (!match) {
      from.insertBefore(wanted, place);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else from.insertBefore(match, place);
    if (match.nodeType === Node.ELEMENT_NODE) {
      morphAttributes(match, wanted);
      if (!isEdited(match)) morph(match, wanted);
    } else if (match.nodeValue !== wanted.nodeValue) match.nodeValue = wanted.nodeValue;
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function sameKind(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName;
}

// A field that somebody is in, or has changed, is theirs.
function isEdited(element) {
  if (!element.matches("input, select, textarea")) return false;
  return element === document.activeElement || element.value !== (element.defaultValue ?? element.value) || element.checked !== element.defaultChecked;
}

function morphAttributes(from, to) {
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !STAY.has(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !(STAY.has(name) && from.matches("details"))) from.setAttribute(name, value);
  }
}

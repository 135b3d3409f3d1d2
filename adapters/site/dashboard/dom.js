// Elements, made from data. Text is always text: nothing a stranger wrote into a file
// name or a picture becomes markup.

// h makes an element: h("p", { class: "quiet" }, "Nothing", h("b", {}, "yet")). Names
// that begin with "on" listen; values that are false or null are left out.
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [property, v] of Object.entries(value)) made.style.setProperty(property, v);
    else made.setAttribute(key, value === true ? "" : value);
  }
  append(made, children);
  return made;
}

function append(to, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    to.append(child);
  }
}

// fill replaces what is in an element.
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

// say changes a text only if it is another one, so that selections stay.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// keep shows one node for each item, in order, and keeps the node of an item that is
// still there: whoever has the focus in it, or the pointer on it, keeps it. make(item)
// returns the node; node.renew(item), if it has one, is told of every change.
export function keep(parent, items, keyOf, make) {
  const before = parent.kept ?? new Map();
  const now = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const node = before.get(key) ?? make(item);
    node.renew?.(item);
    now.set(key, node);
  }
  for (const [key, node] of before) if (!now.has(key)) node.remove();
  let at = parent.firstElementChild;
  for (const node of now.values()) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  parent.kept = now;
}

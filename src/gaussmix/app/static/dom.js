// Elements of the page.

/**
 * Make an element: element("button", { class: "quiet", onclick: f, disabled: true }, "Text", child).
 * Functions become listeners, booleans properties, `data` and `style` objects data attributes and styles.
 */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an SVG element, as `element` does. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue;
    if (typeof value === "function") made.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) made.style.setProperty(key, each);
    else if (typeof value === "boolean" && name in made) made[name] = value;
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

let n_labels = 0;

/** Make a row of a form: a label and its control, with a hint below. */
export function field(text, control, hint) {
  control.id ||= `control-${++n_labels}`;
  const label = element("label", { for: control.id }, text);
  const below = hint && element("small", { id: `${control.id}-hint` }, hint);
  if (below) control.setAttribute("aria-describedby", below.id);
  return element("div", { class: "field" }, label, control, below);
}

/** Make a group of the panel with a heading. */
export function group(title, ...children) {
  return element("section", { class: "group" }, element("h2", {}, title), ...children);
}

/** Make a button. */
export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, text);
}

/** Call a function once, `delay` milliseconds after the last call. */
export function debounced(call, delay) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), delay);
  };
}

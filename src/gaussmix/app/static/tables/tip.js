// The row under the cursor: its cells, and what the model says of it.

import { get } from "../api.js";
import { debounced, element } from "../dom.js";
import { guarded } from "../status.js";
import { short } from "./axes.js";
import { colorOf, inks } from "./colors.js";

const MOST_CELLS = 10;
const MOST_COMPONENTS = 8;

/** Return { node, show(row, place), hide() } for a plot. */
export function rowTip(room, plot) {
  const node = element("div", { class: "tip", role: "status", "aria-live": "polite", hidden: true });
  const known = new Map();
  let wanted = null;

  const ask = debounced(async () => {
    if (!wanted) return;
    const { row, place, model } = wanted;
    const key = `${model}|${row}`;
    if (!known.has(key)) {
      const query = model ? `?${new URLSearchParams({ model })}` : "";
      const found = await guarded(() => get(`${room.base}/row/${row}${query}`));
      if (!found) return;
      if (known.size > 500) known.clear();
      known.set(key, found);
    }
    if (wanted?.row === row && wanted.model === model) fill(known.get(key), place);
  }, 30);

  function fill(found, place) {
    node.replaceChildren(...contents(found));
    node.hidden = false;
    const box = plot.getBoundingClientRect();
    const size = node.getBoundingClientRect();
    const left = place[0] + 14 + size.width > box.width ? place[0] - 14 - size.width : place[0] + 14;
    node.style.left = `${Math.max(2, Math.min(left, box.width - size.width - 2))}px`;
    node.style.top = `${Math.max(2, Math.min(place[1] - 12, box.height - size.height - 2))}px`;
  }

  function contents({ row, cells, label, responsibilities, p_value }) {
    const ink = inks(plot);
    const chosen = new Set(room.chosen.names);
    const names = [...Object.keys(cells).filter((name) => chosen.has(name)), ...Object.keys(cells).filter((name) => !chosen.has(name))];
    const lines = names.slice(0, MOST_CELLS).map((name) => element("tr", {},
      element("th", { scope: "row" }, name), element("td", {}, cells[name] === "" ? "missing" : cells[name])));
    if (names.length > MOST_CELLS) lines.push(element("tr", {}, element("th", {}, `and ${names.length - MOST_CELLS} more`), element("td")));
    const parts = [element("p", { class: "tip-title" }, label === undefined ? `Row ${row}` : `Row ${row}: component ${label}`),
      element("table", {}, element("tbody", {}, ...lines))];
    if (responsibilities) {
      const order = responsibilities.map((_, component) => component)
        .sort((one, other) => responsibilities[other] - responsibilities[one])
        .slice(0, MOST_COMPONENTS)
        .filter((component, at) => at < 3 || responsibilities[component] > 0.0005);
      parts.push(element("table", { class: "shares" }, element("tbody", {}, ...order.map((component) => element("tr", {},
        element("th", { scope: "row" }, String(component)),
        element("td", { class: "bar" }, element("span", { style: { width: `${100 * responsibilities[component]}%`, background: colorOf(component, ink) } })),
        element("td", {}, percent(responsibilities[component])))))));
      if (p_value !== null) parts.push(element("p", { class: "quiet" }, `p-value ${short(p_value, 2)}`));
    }
    return parts;
  }

  return {
    node,
    show(row, place) {
      const model = room.view?.labels ? room.model : null;
      wanted = { row, place, model };
      ask();
    },
    hide() {
      wanted = null;
      node.hidden = true;
    },
    forget() {
      known.clear();
    },
  };
}

/** A share as a percentage with one decimal, or fewer digits near the ends. */
export function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  if (share < 1 && share > 0.9995) return "> 99.9 %";
  return `${(100 * share).toFixed(1)} %`;
}

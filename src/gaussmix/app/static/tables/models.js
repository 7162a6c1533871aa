// The table of models as a heat map: a line for each number of components, a column for each structure.

import { button, element, field, group } from "../dom.js";
import { short } from "./axes.js";

const NARROW = 760; // pixels
const MOST_WIDE = 10; // columns of cells; more are narrower
const NEAR = 100; // difference at which a cell has some color, however far the others are
const MOST_SHARE = 50; // percent of the accent color in a cell: its text stays readable
const NAMES = { bic: "BIC", icl: "ICL", aic: "AIC", aicc: "AICc" };

/** The group of the panel that searches models. */
export function searchGroup(room) {
  const numbers = element("input", { type: "text", value: "1:9", name: "numbers", spellcheck: "false" });
  const structures = element("select", { name: "structures" },
    element("option", { value: "sklearn" }, "scikit-learn's four"),
    element("option", { value: "all" }, "all fourteen"));
  const seed = element("input", { type: "number", value: "0", min: "0", max: "4294967295", name: "seed" });
  const reason = element("p", { class: "reason" });
  const notes = element("ul", { class: "notes" });
  const why = element("pre", { tabindex: "0" });
  const details = element("details", { hidden: true }, element("summary", {}, "Why this model"), why);
  const request = () => ({ numbers: numbers.value, structures: structures.value, seed: Number(seed.value) });
  const search = button("Search models", room.guarded(async () => {
    search.disabled = true;
    try {
      await room.search(request());
    } finally {
      search.disabled = false;
    }
  }), { class: "main" });
  numbers.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !search.disabled) search.click();
  });
  room.on("models", () => {
    reason.textContent = room.models.reason;
    why.textContent = room.models.why;
    details.hidden = !room.models.why;
    notes.replaceChildren(...room.models.notes.map((note) => element("li", {}, note)));
  });
  room.on("chosen", () => {
    reason.textContent = "";
    details.hidden = true;
    notes.replaceChildren();
  });
  const node = group("Models",
    field("Components", numbers, "Such as 1:9 or 2,4,8"),
    field("Structures", structures),
    field("Seed", seed),
    element("div", { class: "row" }, search),
    reason, details, notes);
  return { node, request };
}

/** The heat map below the plot. */
export function heatMap(room) {
  const criterion = element("select", { "aria-label": "Criterion" },
    ...Object.entries(NAMES).map(([value, name]) => element("option", { value }, name)));
  criterion.addEventListener("change", room.guarded(() => room.rank(criterion.value)));
  const place = element("div", { class: "scroll" });
  const node = element("section", { class: "heat", "aria-label": "Table of models", hidden: true },
    element("div", { class: "row" }, element("h2", {}, "Models"), criterion,
      element("p", { class: "quiet" }, "Difference from the best; lower is better")),
    place);

  function render() {
    const { models } = room;
    node.hidden = !models;
    if (!models) return;
    const at = new Map(models.lines.map((line) => [`${line.n_components} ${line.structure}`, line]));
    const numbers = models.numbers.map((number) => ({ text: String(number), title: `Components: ${number}` }));
    const structures = models.structures.map(({ name, title }) => ({ text: name, title }));
    const isFlat = structures.length < numbers.length && window.innerWidth > NARROW;
    const [down, across] = isFlat ? [structures, numbers] : [numbers, structures];
    const farthest = Math.max(NEAR, ...models.lines.map((line) => line.difference ?? 0));
    const head = element("tr", {}, element("th", { scope: "col" }, "k"),
      ...across.map(({ text, title }) => element("th", { scope: "col", title }, text)));
    const lines = down.map((line) => element("tr", {}, element("th", { scope: "row", title: line.title }, line.text),
      ...across.map(({ text }) => element("td", {}, cell(at.get(isFlat ? `${text} ${line.text}` : `${line.text} ${text}`), farthest)))));
    const kind = across.length > MOST_WIDE ? "narrow" : "";
    place.replaceChildren(element("table", { class: kind }, element("thead", {}, head), element("tbody", {}, ...lines)));
    mark();
  }

  function cell(line, farthest) {
    if (!line) return null;
    const isBest = line.key === room.models.best;
    const made = button(textOf(line, isBest), room.guarded(() => room.show(line.key)), {
      class: `cell ${line.status}${isBest ? " best" : ""}`,
      tabindex: "-1",
      title: titleOf(line),
      "aria-label": `${titleOf(line)}${isBest ? "; best" : ""}`,
      "aria-disabled": line.status === "failed",
      data: { key: line.key },
    });
    if (line.value === null) return made;
    const far = Math.min(1, Math.log1p(Math.max(0, line.difference)) / Math.log1p(farthest));
    made.style.setProperty("--share", isBest ? "100%" : `${Math.round(MOST_SHARE * (1 - far))}%`);
    return made;
  }

  function titleOf(line) {
    const name = `${line.n_components} ${line.n_components === 1 ? "component" : "components"}, ${line.structure}`;
    if (line.status === "failed") return `${name}: ${line.trouble}`;
    const value = `${NAMES[room.criterion]} ${short(line.value, 7)}, ${line.n_parameters} parameters`;
    return line.trouble ? `${name}: ${value}; ${line.status}: ${line.trouble}` : `${name}: ${value}`;
  }

  function mark() {
    const cells = [...place.querySelectorAll("button")];
    for (const each of cells) each.setAttribute("aria-pressed", String(each.dataset.key === room.model));
    const reached = cells.find((each) => each.dataset.key === room.model) ?? cells.find((each) => each.classList.contains("best")) ?? cells[0];
    for (const each of cells) each.tabIndex = each === reached ? 0 : -1;
    if (reached) reveal(place, reached);
  }

  place.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const from = event.target.closest("td");
    if (!step || !from) return;
    event.preventDefault();
    const line = place.querySelectorAll("tbody tr")[from.parentNode.sectionRowIndex + step[0]];
    const next = line?.cells[from.cellIndex + step[1]]?.querySelector("button");
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  room.on("models", render);
  room.on("chosen", render);
  room.on("view", mark);
  return node;
}

/** Scroll a box, and nothing around it, until a node in it is seen. */
function reveal(box, node) {
  const [outer, inner] = [box.getBoundingClientRect(), node.getBoundingClientRect()];
  const past = (start, end, from, to) => Math.max(0, end - to) - Math.max(0, from - start);
  box.scrollLeft += past(inner.left, inner.right, outer.left + 24, outer.right - 4);
  box.scrollTop += past(inner.top, inner.bottom, outer.top + 4, outer.bottom - 4);
}

function textOf(line, isBest) {
  if (isBest) return "best";
  if (line.status === "failed") return "\u2013";
  if (line.value === null) return "\u221e";
  const size = Math.abs(line.difference);
  const text = size < 9.95 ? line.difference.toFixed(1)
    : size < 9999.5 ? line.difference.toFixed(0) : `${(line.difference / 1000).toFixed(0)}k`;
  return `${text.replace("-", "\u2212")}${line.status === "doubtful" ? "?" : ""}`;
}

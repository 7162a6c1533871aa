// The stage: a bar with what is shown, the plot with the row under the cursor, the table of models and the trace of EM.

import { button, element } from "../dom.js";
import { colorOf, inks } from "./colors.js";
import { heatMap } from "./models.js";
import { player } from "./em.js";
import { Plot } from "./plot.js";
import { count, MOST_PAIRS } from "./room.js";
import { percent, rowTip } from "./tip.js";

export function buildStage(room, stage) {
  let tip = null;
  const plot = new Plot(room, {
    hover: (row, place) => (row === null ? tip.hide() : tip.show(row, place)),
    click: (row) => {
      if (room.picking) room.pick(row);
    },
    toggle: room.guarded((row) => {
      if (room.picking) return room.pick(row);
      const isSelected = room.selection.drawn[room.points.rows.indexOf(row)];
      return room.select({ what: "rows", rows: [row], how: isSelected ? "remove" : "add" });
    }),
    open: room.guarded((x, y) => room.arrange({ mode: "scatter", pair: [x, y] })),
    lasso: room.guarded((request) => room.select(request)),
  });
  tip = rowTip(room, plot.node);
  plot.node.append(tip.node);
  const steps = player(room);
  const note = element("p", { class: "plot-note quiet", "aria-live": "polite" });
  const legend = legendOf(room, plot);
  const node = element("div", { class: "table-room" }, toolbar(room, plot), legend, plot.node, note,
    element("div", { class: "dock" }, heatMap(room), steps.node));
  stage.append(node);

  room.on("view", () => {
    plot.redraw();
    note.textContent = noteOf(room);
    note.hidden = !note.textContent;
  });
  room.on("selection", () => plot.redraw());
  room.on("picked", () => plot.redraw());
  for (const type of ["models", "steps", "chosen"]) room.on(type, () => tip.forget());
  return () => {
    steps.stop();
    plot.close();
  };
}

function toolbar(room, plot) {
  const modes = [["scatter", "Scatter"], ["pairs", "Pairs"]].map(([mode, text]) =>
    button(text, room.guarded(() => room.arrange({ mode })), { data: { mode }, "aria-pressed": "false" }));
  const selects = ["Horizontal", "Vertical"].map((label, at) => {
    const made = element("select", { "aria-label": `${label} axis` });
    made.addEventListener("change", room.guarded(() => {
      const pair = [...room.pair];
      const value = Number(made.value);
      if (pair[1 - at] === value) pair[1 - at] = pair[at];
      pair[at] = value;
      return room.arrange({ pair, mode: "scatter" });
    }));
    return made;
  });
  const contours = element("input", { type: "checkbox", checked: true });
  contours.addEventListener("change", room.guarded(() => room.arrange({ contours: contours.checked })));
  const ellipses = element("input", { type: "checkbox", checked: true });
  ellipses.addEventListener("change", () => {
    plot.ellipses = ellipses.checked;
    plot.redraw();
  });
  const lasso = button("Lasso", () => {
    plot.lasso = !plot.lasso;
    lasso.setAttribute("aria-pressed", String(plot.lasso));
    plot.redraw();
  }, { "aria-pressed": String(plot.lasso), title: "Drag in the plot to select rows" });
  const shapes = element("span", { class: "axes" }, element("label", { class: "check" }, ellipses, "Ellipses"),
    element("label", { class: "check" }, contours, "Contours"));
  const axes = element("span", { class: "axes" }, selects[0], selects[1]);
  const mode = element("span", { class: "switch", role: "group", "aria-label": "Plot" }, ...modes);

  room.on("chosen", () => {
    const { names } = room.chosen;
    for (const each of selects) each.replaceChildren(...names.map((name, at) => element("option", { value: String(at) }, name)));
    mode.hidden = names.length < 3;
    for (const each of [axes, shapes]) each.hidden = names.length < 2;
  });
  room.on("view", () => {
    for (const each of modes) each.setAttribute("aria-pressed", String(each.dataset.mode === room.mode));
    selects.forEach((each, at) => { each.value = String(room.pair[at]); });
  });
  return element("div", { class: "toolbar" }, mode, axes, lasso, shapes);
}

/** The model that is drawn, and its components with their shares; a click selects the rows of a component. */
function legendOf(room, plot) {
  const node = element("div", { class: "legend" });
  room.on("view", () => {
    const { view, model } = room;
    if (!view) {
      node.replaceChildren(element("span", { class: "quiet" }, "No model yet"));
      return;
    }
    const ink = inks(plot.node);
    const title = model.startsWith("em ") ? `EM: ${room.steps.covariance_type} ${room.steps.n_components}` : titleOf(room);
    node.replaceChildren(element("strong", {}, title), ...view.weights.map((weight, component) => {
      const n = view.counts?.[component];
      const swatch = element("span", { class: "swatch", style: { background: colorOf(component, ink) } });
      return button([swatch, `${component}: ${percent(weight)}`], room.guarded(() =>
        room.select({ what: "component", component, model: room.model })), {
        class: "quiet",
        disabled: !view.labels,
        title: n === undefined ? `Component ${component}` : `Select the ${count(n)} rows of component ${component}`,
      });
    }));
  });
  return node;
}

function titleOf({ models, model, criterion }) {
  const line = models.lines.find((each) => each.key === model);
  return line ? `${line.name}: ${criterion.toUpperCase().replace("AICC", "AICc")} ${line.value?.toFixed(1) ?? "none"}` : "";
}

function noteOf({ chosen, mode }) {
  const said = [];
  if (chosen.n_drawn < chosen.n_rows) {
    said.push(`${count(chosen.n_drawn)} of ${count(chosen.n_rows)} rows are drawn, chosen at random; models and selections have all rows.`);
  }
  if (chosen.n_incomplete) {
    said.push(`${count(chosen.n_incomplete)} rows have missing values; where one coordinate is missing, a row is a mark at the edge.`);
  }
  if (mode === "pairs" && chosen.names.length > MOST_PAIRS) said.push(`The first ${MOST_PAIRS} of ${chosen.names.length} columns are shown.`);
  if (mode === "pairs") said.push("Double-click a pair to enlarge it, or choose its columns above.");
  return said.join(" ");
}

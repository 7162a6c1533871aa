// EM step by step: the group of the panel that chooses the start, and the player with the trace.

import { button, element, field, group, svg } from "../dom.js";
import { short, ticks } from "./axes.js";

const METHODS = { kmeans: "k-means", "k-means++": "k-means++", random: "random shares", random_from_data: "random rows", rows: "rows that I click" };
const STRUCTURES = ["full", "tied", "diag", "spherical", "EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"];
const WAIT = 500; // milliseconds between frames while it plays
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [360, 150, 50, 20];

export function emGroup(room) {
  const number = element("input", { type: "number", min: "1", max: "100", value: "3", name: "em-components" });
  const structure = element("select", { name: "em-structure" }, ...STRUCTURES.map((name) => element("option", { value: name }, name)));
  const method = element("select", { name: "em-start" }, ...Object.entries(METHODS).map(([value, name]) => element("option", { value }, name)));
  const seed = element("input", { type: "number", min: "0", max: "4294967295", value: "0", name: "em-seed" });
  const passes = element("input", { type: "number", min: "1", max: "500", value: "30", name: "em-passes" });
  const picked = element("p", { class: "quiet", hidden: true });
  const numberField = field("Components", number);
  const notes = element("ul", { class: "notes" });

  function picking() {
    room.picking = method.value === "rows";
    numberField.hidden = picked.hidden = !room.picking;
    numberField.hidden = room.picking;
    const n = room.picked.length;
    picked.textContent = n ? `First means: rows ${room.picked.join(", ")}. Click a row again to leave it out.`
      : "Click rows in the plot: they are the first means.";
    room.tell("picked");
  }

  const run = button("Run EM", room.guarded(async () => {
    if (room.picking && !room.picked.length) throw new Error("Click rows in the plot first: they are the first means.");
    run.disabled = true;
    try {
      await room.runEM({
        n_components: room.picking ? room.picked.length : Number(number.value),
        covariance_type: structure.value,
        method: room.picking ? "kmeans" : method.value,
        means_at: room.picking ? room.picked : [],
        seed: Number(seed.value),
        n_iter: Number(passes.value),
      });
    } finally {
      run.disabled = false;
    }
  }), { class: "main" });

  method.addEventListener("change", picking);
  let n_picked = 0;
  room.on("picked", () => {
    if (room.picked.length === n_picked) return;
    n_picked = room.picked.length;
    picking();
  });
  room.on("chosen", () => {
    structure.disabled = false;
    method.value = "kmeans";
    picking();
    notes.replaceChildren();
  });
  room.on("steps", () => notes.replaceChildren(...room.steps.notes.map((note) => element("li", {}, note))));
  return group("EM step by step", field("Start", method), picked, numberField, field("Structure", structure),
    field("Seed", seed), field("Passes", passes), element("div", { class: "row" }, run), notes);
}

/** The trace of the log-likelihood with the buttons that step and play. */
export function player(room) {
  const slider = element("input", { type: "range", min: "0", value: "0", step: "1", "aria-label": "Step of EM" });
  const title = element("p", { class: "em-title" });
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "trace", role: "img", "aria-label": "Log-likelihood per pass" });
  let playing = false;

  const go = room.guarded((frame) => room.show(`em ${Math.min(Math.max(0, frame), last())}`));
  const stop = () => {
    playing = false;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  };
  const step = (change) => () => {
    stop();
    return go((room.frame ?? 0) + change);
  };
  const play = button("Play", async () => {
    if (playing) return stop();
    playing = true;
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    if (room.frame === null || room.frame === last()) await go(0);
    while (playing && room.steps && room.frame !== null && room.frame < last()) {
      const began = performance.now();
      await go(room.frame + 1);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, WAIT - (performance.now() - began))));
    }
    return stop();
  }, { "aria-pressed": "false" });
  const back = button("Back", step(-1));
  const next = button("Step", step(1));
  slider.addEventListener("input", () => {
    stop();
    go(Number(slider.value));
  });
  const node = element("section", { class: "em", "aria-label": "Steps of EM", hidden: true },
    element("div", { class: "row" }, element("h2", {}, "EM"), back, next, play, button("Start", step(-Infinity)), button("End", step(Infinity))),
    slider, title, chart);

  function last() {
    return room.steps.titles.length - 1;
  }

  function update() {
    const { frame, steps } = room;
    if (!steps) return;
    if (frame === null) {
      stop();
      title.textContent = "Another model is shown. Step or play to see EM again.";
    } else {
      slider.value = String(frame);
      title.textContent = steps.titles[frame];
      slider.setAttribute("aria-valuetext", steps.titles[frame]);
      back.disabled = frame === 0;
      next.disabled = frame === last();
    }
    drawTrace(chart, steps, frame);
  }

  chart.addEventListener("click", (event) => {
    const box = chart.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width * WIDTH - LEFT) / (WIDTH - LEFT - 10);
    stop();
    go(2 * Math.round(share * (room.steps.log_likelihood.length - 1)));
  });
  room.on("steps", () => {
    stop();
    node.hidden = false;
    slider.max = String(last());
    update();
  });
  room.on("chosen", () => {
    stop();
    node.hidden = true;
  });
  room.on("view", update);
  return { node, stop };
}

function drawTrace(chart, { log_likelihood: values, bound }, frame) {
  const bounds = bound.map((each) => each[2]);
  const all = [...values, ...bounds].filter((value) => value !== null);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const room = 0.06 * (most - least) || 0.5;
  const [low, high] = [least - room, most + room];
  const n = values.length - 1;
  const x = (pass) => LEFT + (pass / Math.max(1, n)) * (WIDTH - LEFT - 10);
  const y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - BOTTOM - 8);
  const points = (list, first) => list.map((value, at) => `${x(at + first).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const parts = [];
  for (const value of ticks(low, high, 3).values) {
    parts.push(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 10, y1: y(value), y2: y(value) }));
    parts.push(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, short(value, 5)));
  }
  const { values: passes } = ticks(0, n, 5);
  for (const value of passes.filter(Number.isInteger)) {
    parts.push(svg("text", { x: x(value), y: HEIGHT - 5, "text-anchor": "middle" }, String(value)));
  }
  parts.push(svg("polyline", { class: "bound", points: points(bounds, 1) }));
  parts.push(svg("polyline", { class: "likelihood", points: points(values, 0) }));
  if (frame !== null) {
    const pass = Math.floor(frame / 2);
    parts.push(svg("circle", { class: "now", cx: x(pass), cy: y(values[pass]), r: 4 }));
  }
  chart.replaceChildren(...parts);
}

// Histograms of the channels with the densities of the segments.

import { element, svg } from "../dom.js";

const WIDTH = 280;
const HEIGHT = 84;
const FOOT = 14;

/** Draw the histograms into a node. `groups` are the classes of each segment, `colors` and `names` theirs. */
export function drawHistograms(node, histograms, { groups, colors, names }) {
  node.replaceChildren(...histograms.map((each) => histogram(each, groups, colors, names)));
}

function histogram({ name, view, edges, heights, grid, densities, spikes }, groups, colors, names) {
  const curves = groups.map((group) => grid.map((_, at) => group.reduce((sum, number) => sum + densities[number][at], 0)));
  const highest = Math.max(...heights, ...curves.flat(), 1e-300);
  const x = (value) => ((value - view[0]) / (view[1] - view[0])) * WIDTH;
  const y = (density) => HEIGHT - Math.sqrt(density / highest) * (HEIGHT - 4); // square roots keep small values visible
  const bars = heights.map((height, at) => svg("rect", {
    class: "bar", x: x(edges[at]).toFixed(1), y: y(height).toFixed(1),
    width: Math.max(0, x(edges[at + 1]) - x(edges[at])).toFixed(1), height: (HEIGHT - y(height)).toFixed(1),
  }));
  const lines = curves.map((curve, number) => svg("path", {
    class: "density", stroke: colors[number],
    d: curve.map((density, at) => `${at ? "L" : "M"}${x(grid[at]).toFixed(1)} ${y(density).toFixed(1)}`).join(""),
  }, svg("title", {}, names[number])));
  const thin = spikes.map((spike) => svg("path", {
    class: "density", stroke: colors[groups.findIndex((group) => group.includes(spike.class))],
    d: `M${x(spike.at).toFixed(1)} ${HEIGHT}V4`,
  }));
  const isByte = view[0] === -0.5 && view[1] === 255.5;
  const ends = (isByte ? [0, 255] : view).map((end, at) => svg("text", {
    class: "tick", x: at ? WIDTH : 0, y: HEIGHT + FOOT - 2, "text-anchor": at ? "end" : "start",
  }, String(Number(end.toPrecision(3)))));
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT + FOOT}`, role: "img",
    "aria-label": `Histogram of ${name} with the densities of ${names.join(", ")}`,
  }, ...bars, ...lines, ...thin, ...ends);
  return element("figure", { class: "histogram" }, element("figcaption", {}, name), drawing);
}

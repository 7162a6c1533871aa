// Frames of a plot: one for a scatter plot or a histogram, and one for each pair of columns.

import { scale, ticks } from "./axes.js";

const LEFT = 56;
const BOTTOM = 40;
const TOP = 10;
const RIGHT = 14;
const GAP = 8;

/**
 * Return the frames for a size in pixels. A frame has the positions `x` and `y` of its columns (y is null in a histogram),
 * a `box`, scales, ticks, and what is drawn: `kind` is "scatter", "rows", "contours" or "margin".
 */
export function framesOf({ mode, features, ranges, names, view }, width, height) {
  const cells = [];
  const n = features.length;
  if (mode === "pairs" && n > 1) {
    const w = (width - LEFT - RIGHT - (n - 1) * GAP) / n;
    const h = (height - TOP - BOTTOM - (n - 1) * GAP) / n;
    features.forEach((y, line) => features.forEach((x, column) => {
      const box = { left: LEFT + column * (w + GAP), top: TOP + line * (h + GAP), width: w, height: h };
      const kind = line === column ? "margin" : line > column ? "rows" : "contours";
      cells.push({ kind, x, y: kind === "margin" ? null : y, box, first: column === 0, last: line === n - 1, line: y });
    }));
  } else {
    const box = { left: LEFT, top: TOP, width: width - LEFT - RIGHT, height: height - TOP - BOTTOM };
    const kind = n === 1 ? "margin" : "scatter";
    cells.push({ kind, x: features[0], y: n === 1 ? null : features[1], box, first: true, last: true, line: features[1] });
  }
  return cells.map((cell) => completed(cell, ranges, names, view));
}

function completed(frame, ranges, names, view) {
  const { box, x, y } = frame;
  const across = scale(ranges[x], box.left, box.left + box.width);
  const range = y === null ? [0, tallest(view, x)] : ranges[y];
  const up = scale(range, box.top + box.height, box.top);
  const perTick = (length, each) => Math.max(2, Math.min(8, Math.floor(length / each)));
  return {
    ...frame,
    across,
    up,
    xName: names[x],
    yName: y === null ? "" : names[y],
    lineName: names[frame.line ?? x],
    xTicks: ticks(...ranges[x], perTick(box.width, 64)),
    yTicks: y === null ? { values: [], step: 1 } : ticks(...range, perTick(box.height, 40)),
  };
}

/** Height of the axis of a histogram. */
function tallest(view, feature) {
  const margin = view?.margins.find((each) => each.feature === feature);
  if (!margin) return 1;
  const sums = margin.grid.map((_, at) => margin.densities.reduce((sum, line) => sum + line[at], 0));
  return 1.06 * Math.max(...margin.heights, ...sums, Number.MIN_VALUE);
}

/** Return the frame at a place, or undefined. */
export function frameAt(frames, x, y) {
  return frames.find(({ box }) =>
    x >= box.left && x <= box.left + box.width && y >= box.top && y <= box.top + box.height);
}

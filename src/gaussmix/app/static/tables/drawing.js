// Drawing of frames on a canvas: rows, ellipses, contours, histograms, axes.

import { tickText } from "./axes.js";
import { colorOf, wordsOn } from "./colors.js";

const TICK = 6; // pixels: the mark of a row without one of its coordinates
const FONT = "12px system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif";

/** Draw a frame. `data` has rows, view, selection, outliers, picked rows and the switches of the plot. */
export function drawFrame(context, frame, data, ink) {
  const { box } = frame;
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  drawGrid(context, frame, ink);
  if (frame.kind === "margin") drawMargin(context, frame, data, ink);
  else {
    const pair = pairOf(data.view, frame);
    if (pair && frame.kind !== "rows") drawContours(context, frame, pair, ink);
    if (frame.kind !== "contours") drawRows(context, frame, data, ink);
    if (pair && frame.kind !== "contours" && data.ellipses) drawEllipses(context, frame, pair, data.view, ink);
    if (pair) drawCenters(context, frame, pair, data.view, ink);
  }
  context.restore();
  drawAxes(context, frame, ink, frame.kind === "margin");
}

/** Place of a row in a frame, or null if it lacks a coordinate. */
export function placeOf(frame, data, at) {
  const x = data.values(frame.x)[at];
  if (x === null) return null;
  if (frame.y === null) return [frame.across(x), frame.box.top + frame.box.height];
  const y = data.values(frame.y)[at];
  return y === null ? null : [frame.across(x), frame.up(y)];
}

function pairOf(view, { x, y }) {
  if (!view) return null;
  const same = view.pairs.find((pair) => pair.x === x && pair.y === y);
  if (same) return { ...same, turn: (point) => point };
  const other = view.pairs.find((pair) => pair.x === y && pair.y === x);
  return other ? { ...other, turn: ([first, second]) => [second, first] } : null;
}

function drawGrid(context, { across, up, box, xTicks, yTicks }, ink) {
  context.strokeStyle = ink.line;
  context.globalAlpha = 0.5;
  context.lineWidth = 1;
  context.beginPath();
  for (const value of xTicks.values) line(context, crisp(across(value)), box.top, crisp(across(value)), box.top + box.height);
  for (const value of yTicks.values) line(context, box.left, crisp(up(value)), box.left + box.width, crisp(up(value)));
  context.stroke();
  context.globalAlpha = 1;
}

function drawRows(context, frame, data, ink) {
  const n = data.rows.length;
  const radius = Math.min(3.2, Math.max(1.4, 0.65 * Math.sqrt(9000 / Math.max(n, 1)))) * (frame.kind === "rows" ? 0.75 : 1);
  for (const [color, alpha, places] of groups(frame, data, ink)) {
    context.fillStyle = color;
    context.globalAlpha = alpha;
    context.beginPath();
    for (const [x, y] of places) {
      if (radius < 1.6) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
      else {
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 7);
      }
    }
    context.fill();
  }
  context.globalAlpha = 1;
  drawIncomplete(context, frame, data, ink);
  drawRings(context, frame, data, data.flagged, radius + 2.5, ink.error, 1.5);
  drawRings(context, frame, data, data.picked, radius + 4, ink.text, 2);
}

/** Groups of rows with the same color and opacity: less certain rows are fainter, and rows that are not selected. */
function groups(frame, data, ink) {
  const found = new Map();
  const { view, selected, anySelected } = data;
  const k = view?.n_components ?? 1;
  data.rows.forEach((_, at) => {
    const place = placeOf(frame, data, at);
    if (!place) return;
    const label = view?.labels ? view.labels[at] : -1;
    const sure = label < 0 || k === 1 ? 0.7 : Math.max(0, (view.certainty[at] - 1 / k) / (1 - 1 / k));
    const level = Math.round(4 * sure) + (anySelected && !selected[at] ? 10 : 0);
    const key = 100 * (label + 1) + level;
    if (!found.has(key)) {
      const color = label < 0 ? ink.muted : colorOf(label, ink);
      const alpha = 0.25 + 0.65 * ((level % 10) / 4);
      found.set(key, [color, level >= 10 ? 0.18 * alpha : alpha, []]);
    }
    found.get(key)[2].push(place);
  });
  return [...found.values()].sort((one, other) => one[1] - other[1]);
}

/** Rows without one of the two coordinates are ticks at the edge. */
function drawIncomplete(context, { x, y, across, up, box }, data, ink) {
  const [xs, ys] = [data.values(x), data.values(y)];
  context.lineWidth = 1;
  data.rows.forEach((_, at) => {
    if ((xs[at] === null) === (ys[at] === null)) return;
    context.strokeStyle = data.view?.labels ? colorOf(data.view.labels[at], ink) : ink.muted;
    context.beginPath();
    if (ys[at] === null) line(context, across(xs[at]), box.top + box.height, across(xs[at]), box.top + box.height - TICK);
    else line(context, box.left, up(ys[at]), box.left + TICK, up(ys[at]));
    context.stroke();
  });
}

function drawRings(context, frame, data, which, radius, color, width) {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  data.rows.forEach((row, at) => {
    if (!which.has(row)) return;
    const place = placeOf(frame, data, at);
    if (!place) return;
    context.moveTo(place[0] + radius, place[1]);
    context.arc(...place, radius, 0, 7);
  });
  context.stroke();
}

function drawContours(context, frame, pair, ink) {
  context.strokeStyle = ink.muted;
  context.lineWidth = 1;
  const n = pair.contours.length;
  pair.contours.forEach((lines, level) => {
    context.globalAlpha = 0.75 - 0.5 * (level / Math.max(1, n - 1));
    context.beginPath();
    for (const points of lines) path(context, frame, points.map(pair.turn));
    context.stroke();
  });
  context.globalAlpha = 1;
}

function drawEllipses(context, frame, pair, view, ink) {
  view.components.forEach((component, at) => {
    pair.ellipses[at].forEach((points, number) => {
      const turned = points.map(pair.turn);
      for (const [color, width, alpha] of [[ink.surface, 4, 0.6], [colorOf(component, ink), number ? 1.3 : 2, 1]]) {
        context.strokeStyle = color;
        context.lineWidth = width;
        context.globalAlpha = alpha;
        context.beginPath();
        path(context, frame, turned);
        context.stroke();
      }
    });
  });
  context.globalAlpha = 1;
}

function drawCenters(context, frame, pair, view, ink) {
  const radius = frame.kind === "scatter" ? 9 : 6;
  const numbered = view.components.length <= 20;
  context.font = `600 ${Math.round(1.25 * radius)}px system-ui, 'DejaVu Sans', sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  view.components.forEach((component, at) => {
    const [x, y] = pair.turn(pair.centers[at]);
    const color = colorOf(component, ink);
    context.beginPath();
    context.arc(frame.across(x), frame.up(y), numbered ? radius : 4, 0, 7);
    context.fillStyle = color;
    context.fill();
    context.strokeStyle = ink.surface;
    context.lineWidth = 1.5;
    context.stroke();
    if (!numbered) return;
    context.fillStyle = wordsOn(color);
    context.fillText(String(component), frame.across(x), frame.up(y) + 0.5);
  });
}

function drawMargin(context, frame, data, ink) {
  const { across, up, box, x } = frame;
  const margin = data.view?.margins.find((each) => each.feature === x);
  const floor = box.top + box.height;
  if (!margin) {
    context.strokeStyle = ink.muted;
    context.globalAlpha = 0.5;
    context.beginPath();
    for (const value of data.values(x)) if (value !== null) line(context, across(value), floor, across(value), floor - 2 * TICK);
    context.stroke();
    context.globalAlpha = 1;
    return;
  }
  context.fillStyle = ink.line;
  margin.heights.forEach((height, bar) => {
    const [left, right] = [across(margin.edges[bar]), across(margin.edges[bar + 1])];
    context.fillRect(left, up(height), right - left - 0.5, floor - up(height));
  });
  for (const component of data.view.components) {
    context.strokeStyle = colorOf(component, ink);
    context.lineWidth = 1.7;
    context.beginPath();
    path(context, frame, margin.grid.map((value, at) => [value, margin.densities[component][at]]));
    for (const [spike, center] of margin.spikes) if (spike === component) line(context, across(center), floor, across(center), box.top);
    context.stroke();
  }
  if (data.view.components.length > 1) {
    context.strokeStyle = ink.text;
    context.lineWidth = 1;
    context.setLineDash([4, 3]);
    context.beginPath();
    path(context, frame, margin.grid.map((value, at) => [value, margin.densities.reduce((sum, each) => sum + each[at], 0)]));
    context.stroke();
    context.setLineDash([]);
  }
  drawChosenValues(context, frame, data, ink);
}

/** Selected rows and outliers are marks at the foot of a histogram. */
function drawChosenValues(context, { across, box, x }, data, ink) {
  const floor = box.top + box.height;
  const values = data.values(x);
  for (const [wanted, color, height] of [
    [(at) => data.selected[at], ink.text, 2 * TICK],
    [(at) => data.flagged.has(data.rows[at]), ink.error, 1.4 * TICK],
  ]) {
    context.strokeStyle = color;
    context.lineWidth = 1;
    context.beginPath();
    values.forEach((value, at) => {
      if (value !== null && wanted(at)) line(context, across(value), floor, across(value), floor - height);
    });
    context.stroke();
  }
}

function drawAxes(context, frame, ink, isMargin) {
  const { box, across, up, xTicks, yTicks, xName, first, last, lineName } = frame;
  const floor = box.top + box.height;
  context.strokeStyle = ink.line;
  context.lineWidth = 1;
  context.beginPath();
  line(context, box.left, crisp(floor), box.left + box.width, crisp(floor));
  if (!isMargin) line(context, crisp(box.left), box.top, crisp(box.left), floor);
  context.stroke();
  context.font = FONT;
  context.fillStyle = ink.muted;
  if (last) {
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const value of xTicks.values) context.fillText(tickText(value, xTicks.step), across(value), floor + 5);
    context.fillStyle = ink.text;
    context.fillText(fitted(context, xName, box.width), box.left + box.width / 2, floor + 21);
  }
  if (!first) return;
  context.fillStyle = ink.muted;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of yTicks.values) context.fillText(tickText(value, yTicks.step), box.left - 6, up(value));
  if (frame.y === null && last && frame.line === undefined) return;
  context.save();
  context.translate(box.left - 45, box.top + box.height / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillStyle = ink.text;
  context.fillText(fitted(context, lineName, box.height), 0, 0);
  context.restore();
}

/** A text cut to a width. */
function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}\u2026`).width > width) end -= 1;
  return `${text.slice(0, end)}\u2026`;
}

function path(context, { across, up }, points) {
  points.forEach(([x, y], at) => (at ? context.lineTo(across(x), up(y)) : context.moveTo(across(x), up(y))));
}

function line(context, x0, y0, x1, y1) {
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
}

function crisp(value) {
  return Math.round(value) + 0.5;
}

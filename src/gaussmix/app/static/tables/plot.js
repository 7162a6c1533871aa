// The plot: two canvases, one for what is drawn and one for the pointer; lasso, rows under the cursor, keyboard.

import { element } from "../dom.js";
import { inks } from "./colors.js";
import { drawFrame, placeOf } from "./drawing.js";
import { frameAt, framesOf } from "./frames.js";

const REACH = 14; // pixels from the cursor to a row
const MOVED = 5; // pixels after which a press is a lasso

export class Plot {
  /**
   * `on` has the listeners `hover(row, place)`, `click(row)`, `open(x, y)` for a pair that is double-clicked,
   * `toggle(row)` and `lasso(request)`.
   */
  constructor(room, on) {
    this.room = room;
    this.on = on;
    this.ellipses = true;
    this.lasso = matchMedia("(pointer: fine)").matches;
    this.path = null;
    this.hovered = null;
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.front = element("canvas", {
      tabindex: "0",
      role: "application",
      "aria-roledescription": "plot",
      class: "front",
    });
    this.node = element("div", { class: "plot" }, this.canvas, this.front);
    this.listen();
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(this.node);
    this.themed = () => this.redraw();
    document.addEventListener("theme", this.themed);
  }

  close() {
    this.observer.disconnect();
    document.removeEventListener("theme", this.themed);
  }

  /** Draw what the room has; nothing before the first rows are there. */
  redraw() {
    const { room } = this;
    const { width, height } = this.node.getBoundingClientRect();
    if (!room.points || !room.chosen || !width || !height) return;
    this.front.style.touchAction = this.lasso ? "none" : "auto";
    this.front.classList.toggle("lasso", this.lasso && !room.picking);
    const context = fresh(this.canvas, width, height);
    this.ink = inks(this.node);
    this.data = this.dataOf(room);
    const shown = { mode: room.mode, features: room.features, view: room.view };
    this.frames = framesOf({ ...shown, ranges: room.chosen.ranges, names: room.chosen.names }, width, height);
    for (const frame of this.frames) drawFrame(context, frame, this.data, this.ink);
    this.front.setAttribute("aria-label", this.description());
    this.order = null;
    this.drawFront();
  }

  dataOf(room) {
    const { points } = room;
    const at = new Map(room.features.map((feature, position) => [feature, position]));
    return {
      rows: points.rows,
      values: (feature) => points.values[at.get(feature)],
      view: room.view,
      ellipses: this.ellipses,
      selected: room.selection.drawn,
      anySelected: room.selection.n_selected > 0,
      flagged: new Set(room.outliers?.rows ?? []),
      picked: new Set(room.picked),
    };
  }

  description() {
    const { features, chosen, mode } = this.room;
    const names = features.map((feature) => chosen.names[feature]);
    const what = mode === "histogram" ? `Histogram of ${names[0]}`
      : mode === "pairs" ? `Pairs of ${names.join(", ")}` : `${names[1]} against ${names[0]}`;
    return `${what}. Arrow keys move between rows, Space selects a row.`;
  }

  listen() {
    const { front } = this;
    front.addEventListener("pointerdown", (event) => this.press(event));
    front.addEventListener("pointermove", (event) => this.move(event));
    front.addEventListener("pointerup", (event) => this.release(event));
    front.addEventListener("pointercancel", () => this.drop());
    front.addEventListener("pointerleave", (event) => {
      if (!this.path && event.pointerType !== "touch") this.hover(null);
    });
    front.addEventListener("dblclick", (event) => {
      const frame = frameAt(this.frames ?? [], ...place(event));
      if (this.room.mode === "pairs" && frame?.y !== null && frame) this.on.open(frame.x, frame.y);
    });
    front.addEventListener("keydown", (event) => this.key(event));
    front.addEventListener("blur", () => this.hover(null));
  }

  press(event) {
    if (event.button !== 0 || !this.frames) return;
    const frame = frameAt(this.frames, ...place(event));
    if (!frame) return;
    this.path = { frame, points: [place(event)], how: event.shiftKey ? "add" : event.altKey ? "remove" : "replace" };
    this.front.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (!this.frames) return;
    const [x, y] = place(event);
    if (this.path && this.lasso && !this.room.picking) {
      const { box } = this.path.frame;
      const inside = [clamp(x, box.left, box.left + box.width), clamp(y, box.top, box.top + box.height)];
      this.path.points.push(inside);
      if (extent(this.path.points) > MOVED) this.hover(null);
      this.drawFront();
      return;
    }
    const frame = frameAt(this.frames, x, y);
    this.hover(frame ? this.nearest(frame, x, y) : null, frame);
  }

  release(event) {
    const { path } = this;
    this.path = null;
    this.drawFront();
    if (!path) return;
    if (path.points.length > 2 && extent(path.points) > MOVED) {
      this.on.lasso(this.requestOf(path));
      return;
    }
    const at = this.nearest(path.frame, ...place(event));
    this.hover(at, path.frame);
    if (at !== null) this.on.click(this.data.rows[at]);
  }

  drop() {
    this.path = null;
    this.drawFront();
  }

  /** The rows within a lasso: those in a polygon, or in an interval of a histogram. */
  requestOf({ frame, points, how }) {
    if (frame.y === null) {
      const ends = points.map(([x]) => frame.across.invert(x));
      return { what: "interval", x: frame.x, low: Math.min(...ends), high: Math.max(...ends), how };
    }
    const polygon = points.map(([x, y]) => [frame.across.invert(x), frame.up.invert(y)]);
    return { what: "polygon", x: frame.x, y: frame.y, polygon, how };
  }

  /** Position of the row that is drawn nearest to a place, or null. */
  nearest(frame, x, y) {
    let [best, least] = [null, REACH * REACH];
    this.data.rows.forEach((_, at) => {
      const found = placeOf(frame, this.data, at);
      if (!found) return;
      const vertical = frame.y === null ? Math.max(0, found[1] - 24 - y) : found[1] - y;
      const distance = (found[0] - x) ** 2 + vertical ** 2;
      if (distance < least) [best, least] = [at, distance];
    });
    return best;
  }

  hover(at, frame = null) {
    if (this.hovered?.at === (at ?? undefined) && this.hovered?.frame === frame) return;
    this.hovered = at === null ? null : { at, frame };
    this.drawFront();
    if (at === null) this.on.hover(null);
    else this.on.hover(this.data.rows[at], placeOf(frame, this.data, at));
  }

  drawFront() {
    const { width, height } = this.node.getBoundingClientRect();
    if (!this.frames || !width) return;
    const context = fresh(this.front, width, height);
    if (this.hovered && this.hovered.at < this.data.rows.length) {
      context.strokeStyle = this.ink.text;
      context.lineWidth = 2;
      for (const frame of this.frames.filter((each) => each.y !== null)) {
        const found = placeOf(frame, this.data, this.hovered.at);
        if (!found) continue;
        context.beginPath();
        context.arc(...found, 6, 0, 7);
        context.stroke();
      }
    }
    if (this.path && this.path.points.length > 1) this.drawLasso(context);
  }

  drawLasso(context) {
    const { frame, points } = this.path;
    context.strokeStyle = this.ink.accent;
    context.fillStyle = this.ink.accent;
    context.lineWidth = 1.5;
    context.beginPath();
    if (frame.y === null) {
      const ends = points.map(([x]) => x);
      context.rect(Math.min(...ends), frame.box.top, Math.max(...ends) - Math.min(...ends), frame.box.height);
    } else {
      points.forEach((point, at) => (at ? context.lineTo(...point) : context.moveTo(...point)));
      context.closePath();
    }
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 1;
    context.setLineDash([5, 3]);
    context.stroke();
    context.setLineDash([]);
  }

  key(event) {
    if (!this.data) return;
    const frame = this.frames.find((each) => each.kind !== "margin") ?? this.frames[0];
    const axis = { ArrowLeft: "x", ArrowRight: "x", Home: "x", End: "x", ArrowUp: "y", ArrowDown: "y" }[event.key];
    const row = this.hovered && this.data.rows[this.hovered.at];
    if (axis) this.hover(this.neighbor(frame, axis, event.key), frame);
    else if (event.key === " " && this.hovered) this.on.toggle(row);
    else if (event.key === "Enter" && this.hovered) this.on.click(row);
    else if (event.key === "Escape") {
      this.drop();
      this.hover(null);
    } else return;
    event.preventDefault();
  }

  /** Position of the next row along an axis. */
  neighbor(frame, axis, key) {
    this.order ??= {};
    const feature = axis === "x" || frame.y === null ? frame.x : frame.y;
    this.order[feature] ??= this.data.rows
      .map((_, at) => at)
      .filter((at) => placeOf(frame, this.data, at))
      .sort((one, other) => this.data.values(feature)[one] - this.data.values(feature)[other]);
    const order = this.order[feature];
    if (!order.length) return null;
    if (key === "Home" || !this.hovered) return order[0];
    if (key === "End") return order.at(-1);
    const step = key === "ArrowRight" || key === "ArrowUp" ? 1 : -1;
    return order[clamp(order.indexOf(this.hovered.at) + step, 0, order.length - 1)];
  }
}

/** Size a canvas for the screen and return its empty context in CSS pixels. */
function fresh(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function place(event) {
  return [event.offsetX, event.offsetY];
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

function extent(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
}

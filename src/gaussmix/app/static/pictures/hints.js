// Hints painted on a plane: brush, rectangle, frame, erase, undo and redo.

export const UNKNOWN = 255;
const MOST_STEPS = 200;

/** The hints of the plane that is shown, and the steps that can be undone. */
export class Hints {
  constructor() {
    this.done = [];
    this.undone = [];
    this.setPlane({ axis: -1, index: 0 }, 1, 1, new Uint8Array([UNKNOWN]));
  }

  /** Show the hints of another plane. */
  setPlane(plane, width, height, map) {
    this.plane = { ...plane };
    this.width = width;
    this.height = height;
    this.map = map;
    this.before = null;
  }

  get whole() {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  /** Begin a step: what changes until `end` is undone at once. */
  begin() {
    this.before = this.map.slice();
    this.changed = null;
  }

  /** Paint a line with a round brush; return the rectangle that changed. */
  paintLine(from, to, radius, value) {
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    const n = Math.max(1, Math.ceil(length / Math.max(1, radius / 2)));
    let touched = null;
    for (let i = 0; i <= n; i++) {
      const x = from.x + ((to.x - from.x) * i) / n;
      const y = from.y + ((to.y - from.y) * i) / n;
      touched = united(touched, this.stamp(x, y, radius, value));
    }
    this.changed = united(this.changed, touched);
    return touched;
  }

  stamp(x, y, radius, value) {
    const box = this.clipped({
      left: Math.ceil(x - radius), top: Math.ceil(y - radius),
      right: Math.floor(x + radius) + 1, bottom: Math.floor(y + radius) + 1,
    });
    for (let row = box.top; row < box.bottom; row++) {
      const half = Math.sqrt(Math.max(0, radius * radius - (row - y) * (row - y)));
      const first = Math.max(box.left, Math.ceil(x - half));
      const last = Math.min(box.right, Math.floor(x + half) + 1);
      if (last > first) this.map.fill(value, row * this.width + first, row * this.width + last);
    }
    return box;
  }

  /** Fill a rectangle; return it. */
  fillBox(box, value) {
    const inside = this.clipped(box);
    for (let row = inside.top; row < inside.bottom; row++) {
      this.map.fill(value, row * this.width + inside.left, row * this.width + inside.right);
    }
    this.changed = united(this.changed, inside);
    return inside;
  }

  /** Fill everything outside a rectangle; return what changed. */
  fillOutside(box, value) {
    const inside = this.clipped(box);
    for (let row = 0; row < this.height; row++) {
      const start = row * this.width;
      if (row < inside.top || row >= inside.bottom) this.map.fill(value, start, start + this.width);
      else {
        this.map.fill(value, start, start + inside.left);
        this.map.fill(value, start + inside.right, start + this.width);
      }
    }
    this.changed = this.whole;
    return this.whole;
  }

  /** Remove all hints of the plane. */
  clear() {
    this.begin();
    this.map.fill(UNKNOWN);
    this.changed = this.whole;
    return this.end();
  }

  /** End a step; return whether anything changed. */
  end() {
    const { before, changed } = this;
    this.before = null;
    if (!before || !changed) return false;
    const step = {
      plane: this.plane, box: changed,
      before: cut(before, this.width, changed), after: cut(this.map, this.width, changed),
    };
    if (step.before.every((value, at) => value === step.after[at])) return false;
    this.done.push(step);
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone = [];
    return true;
  }

  /** Return the step that `undo` or `redo` would take, or undefined. */
  next(which) {
    return (which === "undo" ? this.done : this.undone).at(-1);
  }

  /** Undo or redo the next step, which must be of the plane that is shown; return what changed. */
  take(which) {
    const [from, to] = which === "undo" ? [this.done, this.undone] : [this.undone, this.done];
    const step = from.pop();
    to.push(step);
    const values = which === "undo" ? step.before : step.after;
    const width = step.box.right - step.box.left;
    for (let row = step.box.top; row < step.box.bottom; row++) {
      const start = (row - step.box.top) * width;
      this.map.set(values.subarray(start, start + width), row * this.width + step.box.left);
    }
    return step.box;
  }

  /** Forget the steps. */
  forget() {
    this.done = [];
    this.undone = [];
  }

  clipped({ left, top, right, bottom }) {
    const clip = (value, most) => Math.min(Math.max(value, 0), most);
    const box = { left: clip(left, this.width), top: clip(top, this.height) };
    return { ...box, right: Math.max(clip(right, this.width), box.left), bottom: Math.max(clip(bottom, this.height), box.top) };
  }
}

/** Return the rectangle between two pixels, both included. */
export function boxOf(a, b) {
  return {
    left: Math.min(a.x, b.x), top: Math.min(a.y, b.y),
    right: Math.max(a.x, b.x) + 1, bottom: Math.max(a.y, b.y) + 1,
  };
}

function united(a, b) {
  if (!a) return b;
  return {
    left: Math.min(a.left, b.left), top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right), bottom: Math.max(a.bottom, b.bottom),
  };
}

function cut(map, width, { left, top, right, bottom }) {
  const part = new Uint8Array((right - left) * (bottom - top));
  for (let row = top; row < bottom; row++) {
    part.set(map.subarray(row * width + left, row * width + right), (row - top) * (right - left));
  }
  return part;
}

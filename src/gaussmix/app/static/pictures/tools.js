// Tools on the stage: what the pointer and the keyboard do to the picture.

import { button, element } from "../dom.js";
import { boxOf, UNKNOWN } from "./hints.js";

const TOOLS = [["look", "Look", "V"], ["brush", "Brush", "B"], ["rectangle", "Rectangle", "R"], ["frame", "Frame", "F"], ["erase", "Erase", "E"]];
const HELP = {
  look: "Point at a pixel to see its probabilities; click to choose its segment.",
  brush: "Paint inside the chosen class.",
  rectangle: "Drag a rectangle: all of it belongs to the chosen class.",
  frame: "Drag a frame around the object: all outside is background.",
  erase: "Remove hints.",
};
const VIEWS = [["segments", "Segments"], ["overlay", "Overlay"], ["picture", "Picture"], ["cut-out", "Cut-out"], ["uncertainty", "Uncertainty"]];

/** The tool bar, and the pointer and keys above the picture. */
export class Tools {
  /**
   * `target` returns { value, color } of the class that is painted. `onPoint(pixel)` hears where the pointer is,
   * `onPick(pixel)` of a click to choose, `onBegin()` of the start of a step, `onPaint(box)` of painted pixels and `onPainted()` of the end of a step.
   */
  constructor(view, hints, { target, onPoint, onPick, onBegin, onPaint, onPainted, onStep, onClear, onView, onDigit }) {
    Object.assign(this, { view, hints, target, onPoint, onPick, onBegin, onPaint, onPainted, onStep, onDigit });
    this.tool = "look";
    this.cursor = null; // of the keyboard
    this.start = null; // of a step
    this.buttons = TOOLS.map(([name, text, key]) => button(text, () => this.choose(name),
      { title: `${HELP[name]} (${key})`, "aria-pressed": "false", data: { tool: name } }));
    this.size = element("input", { type: "range", min: 1, max: 80, step: 1, value: 8, "aria-label": "Size of the brush" });
    this.size.addEventListener("input", () => this.ring(this.last));
    this.undo = button("Undo", () => onStep("undo"), { title: "Ctrl+Z" });
    this.redo = button("Redo", () => onStep("redo"), { title: "Ctrl+Shift+Z" });
    this.clear = button("Clear", onClear, { title: "Remove all hints" });
    this.views = element("select", { "aria-label": "View", onchange: () => onView(this.views.value) },
      ...VIEWS.map(([value, text]) => element("option", { value }, text)));
    this.classes = element("select", { "aria-label": "Class to paint", onchange: () => onDigit(Number(this.classes.value)) });
    this.painting = element("div", { class: "bar-part" }, element("div", { class: "joined" }, ...this.buttons),
      element("span", { class: "class-choice" }, this.classSwatch = element("span", { class: "swatch" }), this.classes),
      element("label", { class: "brush-size", title: "Size of the brush ([ and ])" }, this.size),
      element("div", { class: "joined" }, this.undo, this.redo, this.clear));
    const zoom = element("div", { class: "joined" },
      button("\u2212", () => view.magnify(1 / 1.5), { "aria-label": "Zoom out", title: "-" }),
      button("Fit", () => view.magnify(0), { title: "0" }),
      button("+", () => view.magnify(1.5), { "aria-label": "Zoom in", title: "+" }));
    this.node = element("div", { class: "picture-bar", role: "toolbar", "aria-label": "Tools" },
      this.painting, element("div", { class: "bar-part right" }, this.views, zoom));
    this.help = element("span", { class: "tool-help" });
    this.listen();
    this.choose("look");
  }

  /** Show whether hints can be painted, which class of `rows` is painted, and which steps there are. */
  show(usesHints, rows = [], selected = 0) {
    this.painting.hidden = !usesHints;
    this.classes.replaceChildren(...rows.map((row, number) => element("option", { value: number }, row.name)));
    this.classes.value = selected;
    this.classSwatch.style.setProperty("--swatch", rows[selected]?.color ?? "transparent");
    if (!usesHints) this.choose("look");
    this.undo.disabled = !this.hints.next("undo");
    this.redo.disabled = !this.hints.next("redo");
  }

  choose(name) {
    this.tool = name;
    for (const each of this.buttons) each.setAttribute("aria-pressed", String(each.dataset.tool === name));
    this.view.sheet.dataset.tool = name;
    this.help.textContent = HELP[name];
    this.size.parentElement.hidden = !["brush", "erase"].includes(name);
    this.view.sheet.setAttribute("aria-label",
      `Picture. ${HELP[name]} Arrow keys move a cursor, Space ${name === "look" ? "chooses" : "paints"}.`);
    this.ring(null);
  }

  get radius() {
    return Number(this.size.value);
  }

  listen() {
    const { sheet } = this.view;
    sheet.addEventListener("pointerdown", (event) => this.down(event));
    sheet.addEventListener("pointermove", (event) => this.move(event));
    sheet.addEventListener("pointerup", (event) => this.up(event));
    sheet.addEventListener("pointercancel", () => this.abandon());
    sheet.addEventListener("pointerleave", () => { if (!this.start) this.leave(); });
    sheet.addEventListener("keydown", (event) => this.key(event));
    sheet.addEventListener("blur", () => this.leave());
    this.view.node.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.view.magnify(event.deltaY < 0 ? 1.25 : 0.8, { x: event.clientX, y: event.clientY });
    }, { passive: false });
    this.onKey = (event) => this.shortcut(event);
    document.addEventListener("keydown", this.onKey);
  }

  down(event) {
    if (event.button !== 0) return;
    const pixel = this.view.pixelAt(event);
    this.cursor = null;
    if (this.tool === "look") {
      this.pressed = { x: event.clientX, y: event.clientY };
      return;
    }
    event.preventDefault();
    this.view.sheet.focus({ preventScroll: true });
    this.view.sheet.setPointerCapture(event.pointerId);
    this.begin(pixel);
  }

  move(event) {
    const pixel = this.view.pixelAt(event);
    this.last = pixel;
    this.ring(pixel);
    this.onPoint(this.view.isInside(pixel) ? pixel : null);
    if (this.start) this.go(pixel);
  }

  up(event) {
    const pixel = this.view.pixelAt(event);
    if (this.tool === "look" && this.pressed) {
      const moved = Math.hypot(event.clientX - this.pressed.x, event.clientY - this.pressed.y);
      if (moved < 5 && this.view.isInside(pixel)) this.onPick(pixel);
    } else if (this.start) this.finish(pixel);
    this.pressed = null;
  }

  leave() {
    this.last = null;
    this.ring(null);
    this.onPoint(null);
  }

  begin(pixel) {
    this.start = this.at = pixel;
    this.onBegin();
    this.hints.begin();
    if (this.isBrush) this.go(pixel);
  }

  go(pixel) {
    if (this.isBrush) {
      this.onPaint(this.hints.paintLine(this.at, pixel, this.radius - 0.5, this.value));
      this.at = pixel;
    } else this.view.showBox(boxOf(this.start, pixel));
  }

  finish(pixel) {
    if (!this.isBrush) {
      const box = boxOf(this.start, pixel);
      const isTiny = box.right - box.left < 3 && box.bottom - box.top < 3;
      if (!isTiny && this.tool === "rectangle") this.onPaint(this.hints.fillBox(box, this.value));
      if (!isTiny && this.tool === "frame") this.onPaint(this.hints.fillOutside(box, 0));
      this.view.showBox(null);
    }
    this.start = null;
    if (this.hints.end()) this.onPainted();
  }

  abandon() {
    if (!this.start) return;
    this.view.showBox(null);
    this.start = null;
    if (this.hints.end()) this.onPainted();
  }

  get isBrush() {
    return this.tool === "brush" || this.tool === "erase";
  }

  get value() {
    return this.tool === "erase" ? UNKNOWN : this.target().value;
  }

  ring(pixel) {
    const color = this.tool === "erase" ? "#ffffff" : this.target().color;
    this.view.showRing(pixel && this.isBrush ? pixel : null, this.radius, color);
  }

  /** Keys above the picture: a cursor that points and paints. */
  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const { width, height } = this.view.size;
    if (event.key in moves) {
      event.preventDefault();
      const length = event.shiftKey ? Math.ceil(Math.max(width, height) / 20) : Math.max(1, Math.round(this.radius / 2));
      const from = this.cursor ?? { x: width >> 1, y: height >> 1 };
      const [right, down] = moves[event.key];
      this.cursor = {
        x: Math.min(width - 1, Math.max(0, from.x + right * length)), y: Math.min(height - 1, Math.max(0, from.y + down * length)),
      };
      this.view.showRing(this.cursor, this.isBrush ? this.radius : 3, this.target().color);
      this.onPoint(this.cursor);
      if (this.start) this.go(this.cursor);
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      this.cursor ??= { x: width >> 1, y: height >> 1 };
      if (this.tool === "look") this.onPick(this.cursor);
      else if (this.start) this.finish(this.cursor);
      else {
        this.begin(this.cursor);
        if (this.isBrush) this.finish(this.cursor);
      }
    } else if (event.key === "Escape") this.abandon();
  }

  /** Keys anywhere on the page but in fields. */
  shortcut(event) {
    if (event.target.closest?.("input:not([type=range]):not([type=radio]):not([type=checkbox]), select, textarea")) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" && key !== "y") return;
      if (this.painting.hidden) return;
      event.preventDefault();
      this.onStep(key === "y" || event.shiftKey ? "redo" : "undo");
      return;
    }
    if (event.altKey) return;
    const tool = TOOLS.find(([, , letter]) => letter.toLowerCase() === key);
    if (tool && (!this.painting.hidden || tool[0] === "look")) this.choose(tool[0]);
    else if (key === "+" || key === "=") this.view.magnify(1.5);
    else if (key === "-") this.view.magnify(1 / 1.5);
    else if (key === "[" || key === "]") {
      this.size.value = Number(this.size.value) + (key === "]" ? 2 : -2);
      this.ring(this.last);
    } else if (/^[0-9]$/.test(key)) this.onDigit(Number(key));
  }

  close() {
    document.removeEventListener("keydown", this.onKey);
  }
}

// The picture on the stage: colors of segments, hints above them, zoom.

import { element } from "../dom.js";
import { channels } from "./colors.js";

const NOTHING = 255; // a pixel without a class or a hint
const TINT = 115; // share of the color of a segment above the picture, of 256
const MOST_ZOOM = 32;

/** A scrollable picture of one plane. */
export class View {
  constructor() {
    this.canvas = element("canvas", { class: "picture-canvas", "aria-hidden": "true" });
    this.hintCanvas = element("canvas", { class: "picture-canvas hint-canvas", "aria-hidden": "true" });
    this.ring = element("div", { class: "brush-ring", hidden: true });
    this.box = element("div", { class: "rubber-box", hidden: true });
    this.sheet = element("div", { class: "picture-sheet", tabindex: "0", role: "application" },
      this.canvas, this.hintCanvas, this.box, this.ring);
    this.node = element("div", { class: "picture-scroll" }, this.sheet);
    this.mode = "segments";
    this.palette = { flat: [], tint: [], hidden: [], outside: [] };
    this.labels = this.uncertainty = null;
    this.zoom = 0; // 0: as large as fits
    this.size = { width: 1, height: 1, aspect: 1 };
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.node);
  }

  /** Show another plane; `colors` has four bytes for each pixel. */
  setPicture(size, colors) {
    const changed = size.width !== this.size.width || size.height !== this.size.height || size.aspect !== this.size.aspect;
    this.size = size;
    this.base = new Uint32Array(colors.buffer, colors.byteOffset, size.width * size.height);
    if (changed || this.image === undefined) {
      for (const canvas of [this.canvas, this.hintCanvas]) Object.assign(canvas, { width: size.width, height: size.height });
      this.image = new ImageData(size.width, size.height);
      this.hintImage = new ImageData(size.width, size.height);
      this.zoom = 0;
      this.fit();
    }
  }

  /** Draw the picture in the current mode. */
  draw() {
    if (!this.base) return;
    const out = new Uint32Array(this.image.data.buffer);
    if (this.mode === "picture" || !this.labels) out.set(this.base);
    else if (this.mode === "segments") this.drawSegments(out);
    else if (this.mode === "cut-out") this.drawCutOut(out);
    else if (this.mode === "uncertainty") this.drawUncertainty(out);
    else this.drawOverlay(out);
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
  }

  drawSegments(out) {
    const colors = packed(this.palette.flat, this.palette.hidden);
    const { labels } = this;
    for (let i = 0; i < out.length; i++) out[i] = colors[labels[i]];
  }

  drawCutOut(out) {
    const shown = packed(this.palette.flat, this.palette.outside);
    const { base, labels } = this;
    for (let i = 0; i < out.length; i++) out[i] = shown[labels[i]] === 0 ? 0 : base[i];
  }

  drawOverlay(out) {
    const colors = packed(this.palette.tint, this.palette.hidden);
    const { base, labels } = this;
    for (let i = 0; i < out.length; i++) {
      const above = colors[labels[i]];
      const below = base[i];
      out[i] = above === 0 ? below : mixed(below, above, TINT);
    }
  }

  drawUncertainty(out) {
    const { base, uncertainty } = this;
    if (!uncertainty) {
      out.set(base);
      return;
    }
    for (let i = 0; i < out.length; i++) {
      const below = base[i];
      const gray = ((below & 255) * 77 + ((below >> 8) & 255) * 150 + ((below >> 16) & 255) * 29) >> 9;
      out[i] = mixed((below & 0xff000000) | (gray << 16) | (gray << 8) | gray, 0xff00aaff, uncertainty[i]);
    }
  }

  /** Draw the hints inside a rectangle: `map` has the class of each pixel, `colors` those of the classes. */
  drawHints(map, colors, { left, top, right, bottom }) {
    const out = new Uint32Array(this.hintImage.data.buffer);
    const of = packed(colors, []);
    const { width } = this.size;
    for (let y = top; y < bottom; y++) {
      for (let i = y * width + left; i < y * width + right; i++) out[i] = map[i] === NOTHING ? 0 : of[map[i]];
    }
    this.hintCanvas.getContext("2d").putImageData(this.hintImage, 0, 0, left, top, right - left, bottom - top);
  }

  /** Screen pixels for a pixel of the picture. */
  get scale() {
    return this.zoom || this.fitted;
  }

  get fitted() {
    const { width, height, aspect } = this.size;
    const margin = 16;
    const room = [this.node.clientWidth - margin, this.node.clientHeight - margin].map((each) => Math.max(each, 40));
    return Math.min(room[0] / width, room[1] / (height * aspect), MOST_ZOOM);
  }

  fit() {
    const { width, height, aspect } = this.size;
    this.node.style.setProperty("--ratio", (height * aspect) / width);
    this.sheet.style.width = `${width * this.scale}px`;
    this.sheet.style.height = `${height * aspect * this.scale}px`;
    this.sheet.classList.toggle("pixels", this.scale > 2);
  }

  /** Magnify by a factor about a point of the screen, or the middle; 0: fit. */
  magnify(factor, point = null) {
    const frame = this.node.getBoundingClientRect();
    const at = point ?? { x: frame.left + frame.width / 2, y: frame.top + frame.height / 2 };
    const before = this.sheet.getBoundingClientRect();
    const share = { x: (at.x - before.left) / before.width, y: (at.y - before.top) / before.height };
    const wanted = factor === 0 ? 0 : Math.min(MOST_ZOOM, this.scale * factor);
    this.zoom = wanted <= this.fitted ? 0 : wanted;
    this.fit();
    const after = this.sheet.getBoundingClientRect();
    this.node.scrollLeft += after.left + share.x * after.width - at.x;
    this.node.scrollTop += after.top + share.y * after.height - at.y;
  }

  /** Return the pixel below a point of the screen, which may lie outside the picture. */
  pixelAt(event) {
    const frame = this.sheet.getBoundingClientRect();
    return {
      x: Math.floor(((event.clientX - frame.left) / frame.width) * this.size.width),
      y: Math.floor(((event.clientY - frame.top) / frame.height) * this.size.height),
    };
  }

  isInside({ x, y }) {
    return x >= 0 && y >= 0 && x < this.size.width && y < this.size.height;
  }

  /** Show the size of the brush around a pixel; null hides it. */
  showRing(pixel, radius, color) {
    this.ring.hidden = pixel === null;
    if (pixel === null) return;
    this.place(this.ring, pixel.x + 0.5 - radius, pixel.y + 0.5 - radius, 2 * radius, 2 * radius);
    this.ring.style.setProperty("--ring", color);
  }

  /** Show a rectangle while it is drawn; null hides it. */
  showBox(box) {
    this.box.hidden = box === null;
    if (box) this.place(this.box, box.left, box.top, box.right - box.left, box.bottom - box.top);
  }

  place(node, left, top, width, height) {
    const vertical = this.size.aspect * this.scale;
    Object.assign(node.style, {
      left: `${left * this.scale}px`, top: `${top * vertical}px`,
      width: `${width * this.scale}px`, height: `${height * vertical}px`,
    });
  }

  close() {
    this.watch.disconnect();
  }
}

/** Colors by label as pixels of an ImageData; 0 where a segment is hidden or a label has no color. */
function packed(colors, hidden) {
  const table = new Uint32Array(256);
  colors.forEach((color, label) => {
    if (hidden[label]) return;
    const [red, green, blue] = channels(color);
    table[label] = 0xff000000 | (blue << 16) | (green << 8) | red;
  });
  return table;
}

/** Mix two pixels; `share` of 256 is that of the second one. The opacity is that of the first. */
function mixed(below, above, share) {
  const rest = 256 - share;
  const red = ((below & 255) * rest + (above & 255) * share) >> 8;
  const green = (((below >> 8) & 255) * rest + ((above >> 8) & 255) * share) >> 8;
  const blue = (((below >> 16) & 255) * rest + ((above >> 16) & 255) * share) >> 8;
  return (below & 0xff000000) | (blue << 16) | (green << 8) | red;
}

// The probabilities of the segments at a pixel.

import { element } from "../dom.js";

const MOST = 4;

/** A line with the probabilities at the pixel below the pointer. */
export class Readout {
  /** `plane` returns the plane that is shown. */
  constructor(client, plane) {
    this.client = client;
    this.plane = plane;
    this.node = element("div", { class: "readout", "aria-live": "off" });
    this.rows = [];
    this.wanted = this.busy = null;
    this.forget();
  }

  /** Show the names and colors of other segments. */
  show(rows) {
    this.rows = rows;
  }

  /** The result has changed. */
  forget() {
    if (this.last) this.point(this.last);
  }

  /** Show the probabilities at a pixel; null: none. */
  point(pixel) {
    this.wanted = this.last = pixel;
    if (!pixel) this.node.replaceChildren();
    else if (!this.busy) this.ask();
  }

  async ask() {
    this.busy = true;
    while (this.wanted) {
      const pixel = this.wanted;
      this.wanted = null;
      const found = await this.client.probabilities(this.plane(), pixel.x, pixel.y).catch(() => null);
      if (found && this.last) this.write(pixel, found);
    }
    this.busy = false;
  }

  write({ x, y }, probabilities) {
    const parts = this.rows
      .map((row) => ({ ...row, probability: row.classes.reduce((sum, at) => sum + (probabilities[at] ?? 0), 0) }))
      .filter((row) => row.probability >= 0.005)
      .sort((a, b) => b.probability - a.probability)
      .slice(0, MOST);
    this.node.replaceChildren(
      element("span", { class: "place" }, `${x}, ${y}`),
      ...(parts.length ? parts.map(part) : [element("span", {}, "not visible")]),
    );
  }
}

function part({ name, color, probability }) {
  return element("span", { class: "probability" },
    element("span", { class: "swatch", style: { "--swatch": color } }), `${name} ${Math.round(100 * probability)} %`);
}

// The slice of a volume, or the page of a stack.

import { element } from "../dom.js";

/** A slider through the planes, and a choice of directions; nothing for a flat picture. */
export class Slices {
  constructor(directions, onChange) {
    this.directions = directions;
    this.direction = element("select", { "aria-label": "Direction of the slices" },
      ...directions.map((each) => element("option", { value: each.axis }, `Slices across ${each.name}`)));
    this.input = element("input", { type: "range", min: 0, step: 1, "aria-label": directions[0].name === "page" ? "Page" : "Slice" });
    this.shown = element("output", {});
    this.direction.addEventListener("change", () => {
      const { axis, length } = this.of(Number(this.direction.value));
      onChange({ axis, index: this.places?.get(axis) ?? length >> 1 });
    });
    this.input.addEventListener("input", () => onChange({ axis: this.axis, index: Number(this.input.value) }));
    this.direction.hidden = directions.length < 2;
    this.node = element("div", { class: "slices", hidden: directions[0].axis < 0 }, this.direction, this.input, this.shown);
    this.places = new Map();
  }

  of(axis) {
    return this.directions.find((each) => each.axis === axis);
  }

  /** Show which plane is shown. */
  show({ axis, index }) {
    const { length, name } = this.of(axis);
    this.axis = axis;
    this.places.set(axis, index);
    this.direction.value = axis;
    this.input.max = length - 1;
    this.input.value = index;
    this.shown.textContent = `${name === "page" ? "page" : name} ${index + 1} of ${length}`;
  }
}

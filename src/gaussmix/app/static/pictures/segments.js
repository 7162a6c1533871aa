// The list of segments: choose, rename, recolor, hide, merge, cut out.

import { button, element, field, group } from "../dom.js";

/** The list of segments; `rows` in `show` have name, color, share (null: not known yet), hidden, isMerged. */
export class Segments {
  constructor({ onSelect, onChange, onMerge, onSplit, onCutOut, onAdd }) {
    Object.assign(this, { onSelect, onChange, onMerge, onSplit, onCutOut });
    this.list = element("ul", { class: "segments" });
    this.name = element("input", { type: "text", maxlength: 80, autocomplete: "off" });
    this.name.addEventListener("input", () => onChange(this.selected, { name: this.name.value.trim() }));
    this.color = element("input", { type: "color" });
    this.color.addEventListener("input", () => onChange(this.selected, { color: this.color.value }));
    this.merge = element("select", { onchange: () => onMerge(this.selected, Number(this.merge.value)) });
    this.split = button("Separate", () => onSplit(this.selected));
    this.add = button("Add a class", onAdd);
    this.heading = element("h3", {});
    this.details = element("div", { class: "details" }, this.heading,
      field("Name", this.name), field("Color", this.color), this.mergeField = field("Merge with", this.merge),
      element("div", { class: "row" }, this.split));
    this.node = group("Segments", this.list, element("div", { class: "row" }, this.add), this.details);
    this.selected = 0;
  }

  /** Show the segments. `canCut`: there are cut-outs. `usesHints`: the selected segment is painted. */
  show(rows, selected, { canCut, usesHints }) {
    this.selected = Math.min(selected, rows.length - 1);
    this.add.parentElement.hidden = !usesHints;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.list.replaceChildren(...rows.map((row, number) => this.row(row, number, canCut)));
    if (focused) this.list.querySelector(`[data-key="${focused}"]`)?.focus();
    const row = rows[this.selected];
    this.details.hidden = !row || row.share === null;
    if (this.details.hidden) return;
    this.heading.textContent = row.name;
    if (document.activeElement !== this.name) this.name.value = row.name;
    this.color.value = row.color;
    const others = rows.map((other, number) => [other, number]).filter(([other, number]) => number !== this.selected && other.share !== null);
    this.merge.replaceChildren(element("option", { value: "" }, "choose"),
      ...others.map(([other, number]) => element("option", { value: number }, other.name)));
    this.mergeField.hidden = others.length === 0;
    this.split.parentElement.hidden = !row.isMerged;
  }

  row({ name, color, share, hidden }, number, canCut) {
    const choose = element("input", {
      type: "radio", name: "segment", checked: number === this.selected, onchange: () => this.onSelect(number),
      data: { key: `choose-${number}` },
    });
    const swatch = element("span", { class: "swatch", style: { "--swatch": color } });
    const title = element("label", { class: "segment-name" }, choose, swatch, element("span", {}, name));
    const part = element("span", { class: "share" }, share === null ? "" : percent(share));
    const eye = button(hidden ? "Show" : "Hide", () => this.onChange(number, { hidden: !hidden }),
      { "aria-label": `${hidden ? "Show" : "Hide"} ${name}`, class: "small", data: { key: `hide-${number}` } });
    const cut = canCut && button("Cut out", () => this.onCutOut(number),
      { "aria-label": `Save the cut-out of ${name} as PNG`, class: "small", data: { key: `cut-${number}` } });
    const tools = share !== null && [eye, cut];
    return element("li", { class: hidden ? "is-hidden" : "" }, title, part, element("span", { class: "tools" }, tools || ""));
  }
}

function percent(share) {
  return share > 0 && share < 0.01 ? "<1 %" : `${Math.round(100 * share)} %`;
}

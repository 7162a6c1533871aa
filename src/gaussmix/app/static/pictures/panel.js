// Settings of the fit: how segments are found, their number, color space and smoothing.

import { element, field, group } from "../dom.js";

const MOST_SMOOTHING = 5;
const MOST_HINT_SMOOTHING = 50;

/** The settings; `onChange(isFinal)` hears of changes, `onMode` of another way to find segments. */
export class Panel {
  constructor(info, { onChange, onMode }) {
    const { settings } = info;
    this.info = info;
    this.onChange = onChange;
    this.byColor = radio("mode", "By color", !settings.use_hints, () => onMode(false));
    this.byHints = radio("mode", "By hints", settings.use_hints, () => onMode(true));
    const k = settings.n_components;
    this.autoK = this.check("auto", k === "auto");
    this.k = this.slider({ min: 1, max: Math.min(12, info.most_classes), step: 1, value: k === "auto" ? 3 : k }, this.autoK);
    const { smoothing } = settings;
    this.autoSmoothing = this.check("auto", smoothing === "auto");
    this.smoothing = this.slider({ min: 0, max: MOST_SMOOTHING, step: 0.1, value: smoothing === "auto" ? 1 : smoothing },
      this.autoSmoothing);
    this.hintSmoothing = this.slider({ min: 0, max: MOST_HINT_SMOOTHING, step: 1, value: settings.hint_smoothing });
    this.connected = this.check("Only regions that touch a hint", settings.connected);
    this.color = element("select", { onchange: () => onChange(true) },
      element("option", { value: "rgb" }, "RGB"), element("option", { value: "lab" }, "L*a*b*"),
      element("option", { value: "gray" }, "Gray"));
    this.color.value = settings.color_space;
    this.volume = this.check("Pages are slices of a volume", info.volume);
    this.node = group("Find segments",
      element("div", { class: "choice", role: "radiogroup", "aria-label": "Find segments" }, this.byColor, this.byHints),
      this.ofColor = element("div", {},
        field("Segments", this.k.node), field("Smoothing", this.smoothing.node)),
      this.ofHints = element("div", {},
        element("p", { class: "advice" }, "Choose a class below and paint a stroke inside it, then one in another class. "
          + "One stroke in each is often enough; add strokes where the result is wrong."),
        field("Smoothing", this.hintSmoothing.node), this.connected),
      info.channels.length === 3 && field("Colors", this.color),
      (info.stacked || info.volume) && this.volume);
    label(this.k, "Number of segments");
    label(this.smoothing, "Smoothing");
    label(this.hintSmoothing, "Smoothing with hints");
    this.showMode(settings.use_hints);
    this.showEstimates(info.result);
  }

  /** The settings as the server takes them. */
  get values() {
    return {
      n_components: this.autoK.input.checked ? "auto" : Number(this.k.input.value),
      color_space: this.color.value,
      smoothing: this.autoSmoothing.input.checked ? "auto" : Number(this.smoothing.input.value),
      hint_smoothing: Number(this.hintSmoothing.input.value),
      use_hints: this.usesHints,
      connected: this.connected.input.checked,
    };
  }

  /** Show the controls of a way to find segments. */
  showMode(usesHints) {
    this.usesHints = usesHints;
    (usesHints ? this.byHints : this.byColor).querySelector("input").checked = true;
    this.ofColor.hidden = usesHints;
    this.ofHints.hidden = !usesHints;
  }

  /** Show what a fit has estimated. */
  showEstimates(result) {
    if (!result || this.usesHints) return;
    if (this.autoK.input.checked) this.k.set(result.n_classes);
    if (this.autoSmoothing.input.checked && result.is_full) this.smoothing.set(result.smoothing);
  }

  /** Make a slider; a move unchecks `auto`. */
  slider({ min, max, step, value }, auto = null) {
    const input = element("input", { type: "range", min, max, step, value });
    const shown = element("output", {}, String(value));
    const set = (to) => {
      input.value = to;
      shown.textContent = String(Number(Number(to).toFixed(2)));
    };
    input.addEventListener("input", () => {
      shown.textContent = input.value;
      if (auto) auto.input.checked = false;
      this.onChange(false);
    });
    input.addEventListener("change", () => this.onChange(true, true));
    const node = element("div", { class: "slider" }, input, shown, auto);
    set(value);
    return { node, input, set };
  }

  check(text, checked) {
    const input = element("input", { type: "checkbox", checked, onchange: () => this.onChange(true) });
    return Object.assign(element("label", { class: "check" }, input, text), { input });
  }
}

function radio(name, text, checked, onchange) {
  return element("label", {}, element("input", { type: "radio", name, checked, onchange }), element("span", {}, text));
}

function label(slider, text) {
  slider.input.setAttribute("aria-label", text);
}

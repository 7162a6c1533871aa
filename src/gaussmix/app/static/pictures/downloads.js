// What the user takes away: files, the command line and lines of Python.

import { button, element, group } from "../dom.js";
import { complain, guarded, say } from "../status.js";

/** The downloads of a picture; `info` returns its name and suffix. */
export class Downloads {
  constructor(client, info, { visible, onModel }) {
    this.client = client;
    this.info = info;
    const save = (text, what, ending, title, options) => button(text, () => this.save(what, ending, options), { title, data: { what } });
    const maps = info.suffix === ".png" ? ".zip" : info.suffix;
    this.visible = save("Cut-out", "cutout", "cut-out.png", "What the view Cut-out shows, as transparent PNG", visible);
    this.full = [
      this.visible,
      save("Labels", "labels", `labels${info.suffix}`, "The number of the segment of each pixel, with the geometry of the picture"),
      save("Probabilities", "probabilities", `probabilities${maps}`, "The probability of each segment for each pixel"),
      save("Uncertainty", "uncertainty", `uncertainty${info.suffix}`, "0 where one segment is certain"),
      save("Figure", "figure", "segments-figure.png", "A figure for a report"),
      save("Model", "model", "model.json", "The fitted model as JSON"),
      save("Everything", "all", "segments.zip", "All of these in one archive"),
    ];
    this.visible.hidden = info.directions[0].axis >= 0;
    this.hints = save("Hints", "hints", `hints${info.suffix}`, "The hints as a picture of labels, for the command line");
    this.command = element("pre", { tabindex: "0", "aria-label": "Command line" });
    this.python = element("pre", { tabindex: "0", "aria-label": "Lines of Python" });
    this.details = element("details", {}, element("summary", {}, "The same as a command and in Python"),
      part("Command line", this.command), part("Python", this.python));
    this.details.addEventListener("toggle", () => this.refresh());
    const model = element("input", { type: "file", accept: ".json,application/json", "aria-label": "Model file", hidden: true });
    model.addEventListener("change", () => {
      if (model.files.length) onModel(model.files[0]);
      model.value = "";
    });
    const open = button("Use a saved model", () => model.click(), { title: "Label this picture by a model saved here or by gaussmix segment" });
    this.note = element("p", { class: "advice", hidden: true }, "The segments shown are a preview. Files are saved from the exact fit to all pixels.");
    this.node = group("Save", this.note, element("div", { class: "row downloads" }, ...this.full, this.hints),
      element("div", { class: "row" }, open, model), this.details);
    this.show(false, false);
  }

  /** Enable the downloads of a full result, and that of hints; say if a preview is shown. */
  show(isFull, hasHints, isPreview = false) {
    this.note.hidden = !isPreview;
    for (const each of this.full) each.disabled = !isFull;
    this.hints.hidden = !hasHints;
    this.refresh();
  }

  /** Show the lines that belong to the current result. */
  async refresh() {
    if (!this.details.open) return;
    const lines = await guarded(() => this.client.lines());
    if (!lines) return;
    this.command.textContent = lines.command;
    this.python.textContent = lines.python;
  }

  async save(what, ending, segments = () => []) {
    if (what === "cutout" && segments().length === 0) {
      complain("All segments are hidden: show one to cut it out.");
      return;
    }
    say("Writing the file");
    const done = await guarded(async () => {
      await this.client.download(what, `${stemOf(this.info.name)}-${ending}`, segments());
      return true;
    });
    say(done ? `Saved ${stemOf(this.info.name)}-${ending}` : "");
  }
}

/** Return the name of a file without its suffix. */
export function stemOf(name) {
  return name.replace(/(\.nii\.gz|(?<=.)\.[^.]*)$/i, "");
}

function part(title, code) {
  const copy = button("Copy", async () => {
    await guarded(() => navigator.clipboard.writeText(code.textContent));
    say(`${title} copied`);
  }, { class: "small" });
  return element("div", {}, element("div", { class: "row code-title" }, element("h3", {}, title), copy), code);
}

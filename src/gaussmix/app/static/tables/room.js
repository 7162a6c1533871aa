// What the page knows about the open table. Changes are told by events, and each part of the room listens to its own:
// "chosen" (columns), "models", "steps" (EM), "view" (what is drawn), "selection", "outliers", "picked" (first means).

import { get, post } from "../api.js";
import { follow } from "../jobs.js";
import { forgive, guarded, say } from "../status.js";

/** Greatest number of columns in a plot of pairs. */
export const MOST_PAIRS = 6;

export class Room extends EventTarget {
  constructor(name, base) {
    super();
    this.name = name;
    this.base = base;
    this.table = null;
    this.chosen = null;
    this.models = null;
    this.criterion = "bic";
    this.steps = null;
    this.model = null; // key of the model that is drawn
    this.mode = "scatter";
    this.pair = [0, 1];
    this.contours = true;
    this.view = null;
    this.points = null;
    this.selection = { n_selected: 0, drawn: [] };
    this.outliers = null;
    this.wantsOutliers = false;
    this.rule = { alpha: 0.05, control: "fdr" };
    this.picking = false;
    this.picked = [];
    this.views = new Map();
    this.asked = 0;
  }

  tell(type) {
    this.dispatchEvent(new Event(type));
  }

  on(type, call) {
    this.addEventListener(type, () => call());
  }

  get(path) {
    return get(`${this.base}/${path}`);
  }

  post(path, value) {
    return post(`${this.base}/${path}`, value);
  }

  /** Follow a job of this table, which may have begun before the page was loaded. */
  async followed(job, text) {
    say(text);
    try {
      await follow(job);
    } catch (error) {
      if (error.name !== "Canceled") throw error;
      say(error.message);
      throw new DOMException(error.message, "AbortError");
    }
    say("");
  }

  /** Positions of the columns that are drawn. */
  get features() {
    const n = this.chosen.names.length;
    if (n === 1) return [0];
    return this.mode === "pairs" ? [...Array(Math.min(n, MOST_PAIRS)).keys()] : this.pair;
  }

  /** Take columns that the server has chosen, with nothing known about them. */
  async begin(chosen) {
    this.chosen = chosen;
    this.models = this.steps = this.model = this.view = this.outliers = null;
    this.views.clear();
    this.picking = false;
    this.picked = [];
    this.pair = [0, 1];
    const n = chosen.names.length;
    this.mode = n === 1 ? "histogram" : n > 2 && n <= MOST_PAIRS && window.innerWidth > 760 ? "pairs" : "scatter";
    this.selection = await this.get("selection");
    this.tell("chosen");
    await this.draw();
  }

  async choose(columns) {
    await this.begin(await this.post("choose", { columns }));
  }

  /** Search models and show the best one. */
  async search(request) {
    const { job } = await this.post("search", request);
    await this.searched(job);
  }

  async searched(job) {
    await this.followed(job, "Searching models");
    this.views.clear();
    await this.loadModels();
    await this.show(this.models.best);
  }

  async loadModels() {
    this.models = await this.get(`models?criterion=${this.criterion}`);
    this.tell("models");
  }

  async rank(criterion) {
    this.criterion = criterion;
    if (this.models) await this.loadModels();
  }

  async runEM(request) {
    const { job } = await this.post("em", request);
    await this.stepped(job);
  }

  async stepped(job) {
    await this.followed(job, "Running EM");
    await this.loadSteps();
    await this.show("em 0");
  }

  async loadSteps() {
    this.steps = await this.get("em");
    this.views.clear();
    this.tell("steps");
  }

  /** Number of the frame of EM that is drawn, or null. */
  get frame() {
    return this.model?.startsWith("em ") ? Number(this.model.slice(3)) : null;
  }

  async show(model) {
    this.model = model;
    await this.draw();
  }

  async arrange(change) {
    Object.assign(this, change);
    await this.draw();
  }

  /** Ask for what is drawn, and tell it; an answer that comes after a later question is dropped. */
  async draw() {
    const number = ++this.asked;
    const features = this.features;
    const list = features.join(",");
    const key = `${this.model}|${list}|${this.contours}`;
    const points = this.points?.list === list && this.points.of === this.chosen
      ? this.points
      : { ...await this.get(`points?features=${list}`), list, of: this.chosen };
    let view = this.views.get(key) ?? null;
    if (this.model && !view) {
      const query = new URLSearchParams({ model: this.model, features: list, contours: this.contours ? "yes" : "no" });
      view = await this.get(`view?${query}`);
    }
    if (number !== this.asked) return;
    if (view) this.remember(key, view);
    this.points = points;
    this.view = view;
    await this.mark(number);
    sessionStorage.setItem(this.base, JSON.stringify({ model: this.model, mode: this.mode, pair: this.pair }));
    this.tell("view");
  }

  /** Show what was drawn before the page was loaded again, or the best model. */
  async recall(before) {
    const keys = new Set(this.models?.lines.map((line) => line.key));
    this.steps?.titles.forEach((_, frame) => keys.add(`em ${frame}`));
    const model = keys.has(before.model) ? before.model : this.models?.best ?? null;
    const { mode = this.mode, pair = this.pair } = before;
    await this.arrange({ mode, pair, model });
  }

  remember(key, view) {
    this.views.set(key, view);
    if (this.views.size > 200) this.views.delete(this.views.keys().next().value);
  }

  /** Ask for the outliers of the model that is drawn, if they are wanted. */
  async mark(number) {
    if (!this.wantsOutliers || !this.view?.labels) {
      this.outliers = null;
    } else {
      const found = await this.get(`outliers?${new URLSearchParams({ model: this.model, ...this.rule })}`);
      if (number !== this.asked) return;
      this.outliers = found;
    }
    this.tell("outliers");
  }

  async markOutliers(wanted, rule) {
    this.wantsOutliers = wanted;
    this.rule = rule;
    await this.mark(++this.asked);
    this.tell("view");
  }

  async select(request) {
    this.selection = await this.post("select", request);
    this.tell("selection");
    const n = this.selection.n_selected;
    say(`${counted(n, "row")} selected`);
  }

  /** Take a row as one of the first means of EM, or leave it out. */
  pick(row) {
    this.picked = this.picked.includes(row) ? this.picked.filter((each) => each !== row) : [...this.picked, row];
    this.tell("picked");
  }

  /** Return a function for an action of the user: it removes the error of the one before, and shows its own. */
  guarded(call) {
    return (...values) => {
      forgive();
      return guarded(() => call(...values));
    };
  }
}

/** A number with separators, as in 100,000. */
export function count(number) {
  return number.toLocaleString("en");
}

/** A number and a noun, as in "1 row" and "272 rows". */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

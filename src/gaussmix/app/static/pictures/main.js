// The room for pictures.

import { debounced, element } from "../dom.js";
import { complain, forgive, guarded, say } from "../status.js";
import { clientOf } from "./client.js";
import { distinctColor } from "./colors.js";
import { Downloads } from "./downloads.js";
import { Fits } from "./fits.js";
import { Hints, UNKNOWN } from "./hints.js";
import { drawHistograms } from "./histograms.js";
import { merged, separated } from "./merging.js";
import { Panel } from "./panel.js";
import { Readout } from "./readout.js";
import { Segments } from "./segments.js";
import { Slices } from "./slices.js";
import { describe, fileName } from "./texts.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";

const HINT_NAMES = ["Background", "Object"];
const OBJECT = 1;

/** Read a picture; the server refuses what is none. */
export function prepare(opened) {
  return clientOf(opened.id).info();
}

/** Show a picture; return a function that ends the room. */
export async function mount(stage, panel, opened, info) {
  const room = new Room(clientOf(opened.id), info);
  stage.append(room.stage);
  panel.append(...room.panel);
  await room.start();
  return () => room.close();
}

class Room {
  constructor(client, info) {
    this.client = client;
    this.info = info;
    this.segments = info.segments;
    this.result = info.result;
    this.withModel = info.with_model;
    this.usesHints = info.settings.use_hints;
    this.selected = this.usesHints ? OBJECT : 0;
    this.nHinted = info.n_hinted;
    this.nPending = Math.max(2, info.n_hinted); // classes that can be painted
    this.plane = { axis: info.directions[0].axis, index: info.directions[0].length >> 1 };
    this.hints = new Hints();
    this.unsent = new Map(); // planes with hints that the server does not have
    this.build();
  }

  build() {
    const { info, client } = this;
    this.view = new View();
    this.readout = new Readout(client, () => this.plane);
    this.fits = new Fits({
      client, send: () => this.sendHints(), plane: () => this.plane,
      settings: () => (this.usesHints && this.nHinted === 0 ? null : this.settings.values),
      onPreview: (found, plane) => this.showPreview(found, plane), onFull: (job) => this.showFull(job),
      onError: complain, onBusy: (isBusy) => this.showBusy(isBusy),
    });
    this.settings = new Panel(info, {
      onChange: (isFinal, isSlider) => (isSlider ? this.fits.settle() : this.changed({ soon: isFinal })),
      onMode: (usesHints) => this.setMode(usesHints),
    });
    this.settings.volume.input.onchange = () => this.readAgain();
    this.tools = new Tools(this.view, this.hints, {
      target: () => ({ value: this.paintedClass, color: this.tint(this.selected) }),
      onPoint: (pixel) => this.readout.point(this.result ? pixel : null),
      onPick: (pixel) => this.pick(pixel),
      onBegin: () => { if (this.view.hintCanvas.hidden) this.setView("overlay"); },
      onPaint: (box) => this.view.drawHints(this.hints.map, this.classColors().tint, box),
      onPainted: () => this.painted(),
      onStep: (which) => this.step(which), onClear: () => this.clear(),
      onView: (mode) => this.setView(mode), onDigit: (number) => this.choose(number),
    });
    this.slices = new Slices(info.directions, (plane) => guarded(() => this.goTo(plane)));
    this.list = new Segments({
      onSelect: (number) => this.choose(number), onChange: (number, values) => this.edit(number, values),
      onMerge: (number, other) => this.merge(number, other), onSplit: (number) => this.split(number),
      onCutOut: (number) => this.downloads.save("cutout", `${fileName(this.nameOf(number))}.png`, () => [number]),
      onAdd: () => this.addClass(),
    });
    this.downloads = new Downloads(client, info, {
      onModel: (file) => guarded(() => this.useModel(file)),
      visible: () => this.cutOut,
    });
    this.histograms = element("div", { class: "histograms" });
    this.histogramGroup = element("details", { class: "group histogram-group", open: true },
      element("summary", {}, "Channels and densities"), this.histograms);
    this.saveSegments = debounced(() => guarded(() => this.putSegments()), 200);
    this.drawChannels = debounced(() => this.showHistograms(), 250);
    this.stage = element("div", { class: "picture-room" }, this.tools.node, this.view.node, this.slices.node,
      element("div", { class: "picture-foot" }, this.readout.node, this.tools.help, this.fitState = element("span", { class: "fit-state" })));
    this.panel = [this.settings.node, this.list.node, this.downloads.node, this.histogramGroup];
  }

  async start() {
    this.tools.show(this.usesHints, this.rows(), this.selected);
    this.tools.views.value = this.view.mode = this.usesHints ? "overlay" : "segments";
    await this.goTo(this.plane);
    say(describe(this.info, this.result));
    if (!this.result?.is_full) this.fits.request({ soon: true });
    else {
      this.showResult();
      this.showBusy(false);
    }
    const [direction] = this.info.directions;
    this.tools.size.value = Math.max(2, Math.round(Math.max(direction.width, direction.height) / 90));
  }

  /** Show another plane. */
  async goTo(plane) {
    if (this.plane.axis !== plane.axis) this.view.zoom = 0;
    this.plane = plane;
    const direction = this.info.directions.find((each) => each.axis === plane.axis);
    this.slices.show(plane);
    const kept = this.unsent.get(`${plane.axis} ${plane.index}`);
    const [colors, labels, hints] = await Promise.all([
      this.client.picture(plane), this.result ? this.client.labels(plane) : null,
      kept ? kept.map : this.client.hints(plane),
    ]);
    if (this.plane !== plane) return;
    this.hints.setPlane(plane, direction.width, direction.height, hints);
    this.view.setPicture(direction, colors);
    this.view.labels = labels;
    this.view.uncertainty = null;
    if (this.view.mode === "uncertainty" && this.result) this.view.uncertainty = await this.client.uncertainty(plane);
    if (this.plane === plane) this.redraw();
  }

  changed({ soon }) {
    forgive();
    this.fits.request({ soon });
  }

  showPreview({ state, labels }, plane) {
    this.take(state);
    if (plane.axis === this.plane.axis && plane.index === this.plane.index) this.view.labels = labels;
    else guarded(() => this.goTo(this.plane));
    this.showResult();
  }

  async showFull(job) {
    const plane = this.plane;
    const [state, labels] = await Promise.all([this.client.state(), this.client.labels(plane)]);
    if (plane !== this.plane) return;
    this.take(state);
    this.view.labels = labels;
    this.showResult();
    if (!this.usesHints) this.client.prepare().catch(() => {});
    say(job.warnings.length ? job.warnings.join(" ") : describe(this.info, this.result));
  }

  take(state) {
    this.withModel = state.with_model;
    const keepsNames = this.editing && state.segments.length === this.segments.length;
    if (!keepsNames) this.segments = state.segments;
    this.result = state.result;
  }

  showResult() {
    this.settings.showEstimates(this.result);
    this.readout.forget();
    this.view.uncertainty = null;
    if (this.view.mode === "uncertainty") this.setView("uncertainty");
    this.redraw();
    this.drawChannels();
  }

  showBusy(isBusy) {
    this.stage.setAttribute("aria-busy", String(isBusy));
    this.isBusy = isBusy;
    this.showFitState();
    if (isBusy && this.usesHints && this.nHinted === 0) say("Paint a stroke inside the object.");
    else if (isBusy) say("Fitting");
  }

  /** Say whether a preview or the exact fit is shown; files are saved from the latter. */
  showFitState() {
    const isShown = this.shownSegments().length > 0;
    const isExact = isShown && !this.isBusy && this.result.is_full;
    this.fitState.textContent = !isShown ? "" : !isExact ? "Preview" : this.withModel ? "By the saved model" : "Exact fit";
    this.fitState.classList.toggle("is-preview", isShown && !isExact);
    this.downloads.show(isExact, this.nHinted > 0, isShown && !isExact);
  }

  /** Draw the picture, the hints and the list with the current colors. */
  redraw() {
    this.view.palette = this.classColors();
    this.view.draw();
    if (this.usesHints) this.view.drawHints(this.hints.map, this.view.palette.tint, this.hints.whole);
    this.view.hintCanvas.hidden = !this.usesHints || ["cut-out", "uncertainty"].includes(this.view.mode);
    this.showList();
    this.readout.show(this.rows());
  }

  showList() {
    this.selected = Math.max(0, Math.min(this.selected, this.rows().length - 1));
    this.list.show(this.rows(), this.selected, { canCut: this.info.directions[0].axis < 0, usesHints: this.usesHints });
    this.showFitState();
    this.tools.show(this.usesHints, this.rows(), this.selected);
  }

  /** Segments of the result and, with hints, classes without a result, as the list shows them. */
  rows() {
    const segments = this.shownSegments();
    const { shares } = this.result ?? {};
    const known = segments.map((each, number) => ({
      ...each, name: each.name || this.nameOf(number), color: this.listColor(number), isMerged: each.classes.length > 1,
      share: each.classes.reduce((sum, at) => sum + shares[at], 0),
    }));
    if (!this.usesHints) return known;
    const n = segments.reduce((sum, each) => sum + each.classes.length, 0);
    for (let at = n; at < this.nPending; at++) {
      known.push({ classes: [at], name: HINT_NAMES[at] ?? `Class ${at}`, color: distinctColor(at), hidden: false, share: null });
    }
    return known;
  }

  /** The segments of the result; none in the mode of hints before there is a hint. */
  shownSegments() {
    return this.result && !(this.usesHints && this.nHinted === 0) ? this.segments : [];
  }

  nameOf(number) {
    const segment = this.segments[number];
    if (segment?.name) return segment.name;
    const first = segment ? segment.classes[0] : number;
    return this.usesHints ? HINT_NAMES[first] ?? `Class ${first}` : `Segment ${first}`;
  }

  listColor(number) {
    return ["overlay", "uncertainty"].includes(this.view.mode) || this.usesHints ? this.tint(number) : this.flat(number);
  }

  flat(number) {
    const segment = this.segments[number];
    if (segment.color) return segment.color;
    return this.result?.colors[segment.classes[0]] ?? distinctColor(number);
  }

  tint(number) {
    const segment = this.segments[number];
    return segment?.color || distinctColor(segment ? segment.classes[0] : number);
  }

  /** Colors by class: of segments alone, of segments above the picture, and which are hidden. */
  classColors() {
    const colors = { flat: [], tint: [], hidden: [], outside: [] };
    const { cutOut } = this;
    for (let at = 0; at < Math.max(this.nPending, 20); at++) colors.tint[at] = distinctColor(at);
    this.shownSegments().forEach((segment, number) => {
      for (const at of segment.classes) {
        colors.flat[at] = this.usesHints ? this.tint(number) : this.flat(number);
        colors.tint[at] = this.tint(number);
        colors.hidden[at] = segment.hidden;
        colors.outside[at] = !cutOut.includes(number);
      }
    });
    return colors;
  }

  /** Segments that are cut out: those shown; if none is hidden, all but the background, or without hints the chosen one. */
  get cutOut() {
    const all = this.shownSegments().map((_, number) => number);
    const shown = all.filter((number) => !this.segments[number].hidden);
    if (shown.length < all.length || all.length < 2) return shown;
    return this.usesHints ? all.filter((number) => !this.segments[number].classes.includes(0)) : [Math.min(this.selected, all.length - 1)];
  }

  get paintedClass() {
    return this.rows()[this.selected]?.classes[0] ?? 0;
  }

  async setView(mode) {
    this.view.mode = this.tools.views.value = mode;
    if (mode === "uncertainty" && !this.view.uncertainty && this.result) {
      const plane = this.plane;
      const found = await guarded(() => this.client.uncertainty(plane));
      if (this.plane === plane && found) this.view.uncertainty = found;
    }
    this.redraw();
    if (mode === "cut-out" && this.shownSegments().length) {
      const names = this.cutOut.map((number) => this.nameOf(number)).join(", ");
      say(`Cut out: ${names || "nothing"}. ${this.usesHints ? "Hide" : "Choose another segment, or hide"} segments to change that.`);
    }
  }

  setMode(usesHints) {
    if (usesHints === this.usesHints) return;
    this.usesHints = usesHints;
    this.settings.showMode(usesHints);
    this.segments = [];
    this.selected = usesHints ? OBJECT : 0;
    this.tools.show(usesHints, this.rows(), this.selected);
    if (usesHints) this.tools.choose("brush");
    if (usesHints && this.nHinted === 0) {
      this.fits.drop();
      this.result = null;
      this.view.labels = null;
      this.histograms.replaceChildren();
    }
    this.setView(usesHints ? "overlay" : "segments");
    this.changed({ soon: true });
  }

  choose(number) {
    if (number >= this.rows().length) return;
    this.selected = number;
    if (this.usesHints && ["look", "erase"].includes(this.tools.tool)) this.tools.choose("brush");
    this.showChoice();
    say(`${this.rows()[number].name} chosen`);
  }

  pick({ x, y }) {
    const label = this.view.labels?.[y * this.view.size.width + x];
    const number = this.shownSegments().findIndex((each) => each.classes.includes(label));
    if (number < 0) return;
    this.selected = number;
    this.showChoice();
    this.list.list.querySelectorAll("li")[number]?.scrollIntoView({ block: "nearest" });
    say(`${this.nameOf(number)} chosen`);
  }

  /** Show which segment is chosen; the cut-out may be that segment. */
  showChoice() {
    if (this.view.mode === "cut-out") this.redraw();
    else this.showList();
  }

  edit(number, values) {
    if (!this.segments[number]) return;
    this.segments = this.segments.map((each, at) => (at === number ? { ...each, ...values } : each));
    this.editing = true;
    this.redraw();
    this.drawChannels();
    this.saveSegments();
  }

  merge(number, other) {
    this.segments = merged(this.segments, number, other);
    this.selected = Math.min(number, other);
    this.edit(this.selected, {});
  }

  split(number) {
    this.segments = separated(this.segments, number);
    this.edit(number, {});
  }

  async putSegments() {
    await this.client.setSegments(this.segments);
    this.editing = false;
    this.downloads.refresh();
  }

  addClass() {
    const most = this.info.most_classes;
    if (this.nPending >= most) {
      complain(`There can be at most ${most} classes.`);
      return;
    }
    this.nPending = Math.max(this.nPending, this.rows().length) + 1;
    this.choose(this.rows().length - 1);
    this.redraw();
  }

  /** A step of painting has ended. */
  painted() {
    const { plane, map } = this.hints;
    this.unsent.set(`${plane.axis} ${plane.index}`, { plane, map: map.slice() });
    this.nHinted = Math.max(this.nHinted, 1);
    this.tools.show(true, this.rows(), this.selected);
    this.changed({ soon: true });
  }

  async sendHints() {
    for (const [key, each] of [...this.unsent]) {
      const { n_hinted: n } = await this.client.setHints(each.plane, each.map);
      if (this.unsent.get(key) === each) this.unsent.delete(key);
      this.nHinted = n;
      this.nPending = Math.max(this.nPending, n);
    }
    if (this.usesHints && this.nHinted === 0 && this.result) {
      this.result = this.view.labels = null;
      this.redraw();
      say("No hints are left. Paint a stroke inside the object.");
    }
  }

  async step(which) {
    const next = this.hints.next(which);
    if (!next) return;
    if (next.plane.axis !== this.plane.axis || next.plane.index !== this.plane.index) await this.goTo({ ...next.plane });
    const box = this.hints.take(which);
    this.view.drawHints(this.hints.map, this.classColors().tint, box);
    this.painted();
  }

  async clear() {
    const isVolume = this.info.directions[0].axis >= 0;
    if (isVolume) {
      this.unsent.clear();
      this.hints.forget();
      await guarded(() => this.client.clearHints());
      this.hints.map.fill(UNKNOWN);
      this.hints.begin();
      this.nHinted = 0;
      this.painted();
    } else if (this.hints.clear()) this.painted();
    this.redraw();
  }

  /** Label the picture by the model in a file. */
  async useModel(file) {
    const state = await this.client.useModel(file);
    this.fits.stop();
    forgive();
    if (this.usesHints) {
      this.usesHints = false;
      this.settings.showMode(false);
      this.view.mode = this.tools.views.value = "segments";
    }
    this.take(state);
    this.view.labels = await this.client.labels(this.plane);
    this.showResult();
    this.showBusy(false);
    say(`Segments of ${file.name}`);
  }

  async readAgain() {
    const read = await guarded(() => this.client.read(this.settings.volume.input.checked));
    if (read) location.reload();
  }

  async showHistograms() {
    if (!this.result || !this.histogramGroup.open) return;
    const rows = this.rows().filter((row) => row.share !== null);
    const found = await this.client.histograms().catch(() => null);
    const n = rows.reduce((sum, row) => sum + row.classes.length, 0);
    if (!found || !found.length || found[0].densities.length !== n) return;
    drawHistograms(this.histograms, found, {
      groups: rows.map((row) => row.classes), colors: rows.map((row) => row.color), names: rows.map((row) => row.name),
    });
  }

  close() {
    this.client.close();
    this.fits.close();
    this.view.close();
    this.tools.close();
  }
}

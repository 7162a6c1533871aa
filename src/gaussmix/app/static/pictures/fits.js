// Fits: a preview for each change; behind it all pixels by the classes of the preview, and the fit of all pixels.

import { cancel, Canceled, follow } from "../jobs.js";
import { say } from "../status.js";

const PAUSE = 300; // milliseconds without a change after which the full fit starts
const TIMES = { preview: "gaussmix preview", all: "gaussmix all pixels", full: "gaussmix full fit" }; // User Timing

/** Runs one preview at a time: changes that arrive meanwhile are taken together by the next one. */
export class Fits {
  /**
   * `client` makes the requests. `send` sends what has changed besides the settings. `settings` and `plane` return
   * what is current. `onPreview` and `onFull` show results, `onError` shows errors.
   */
  constructor({ client, send, settings, plane, onPreview, onFull, onError, onBusy }) {
    Object.assign(this, { client, send, settings, plane, onPreview, onFull, onError, onBusy });
    this.running = this.waiting = this.closed = false;
    this.timer = this.turn = 0;
    this.job = "";
    this.changed = 0;
  }

  /** Fit again because something has changed. `soon`: the full fit need not wait for further changes. */
  request({ soon = false } = {}) {
    clearTimeout(this.timer);
    this.drop();
    if (!this.waiting) this.changed = performance.now();
    this.waiting = true;
    this.soon = soon;
    this.onBusy(true);
    if (!this.running) this.run();
  }

  /** Start the full fit now if it waits for further changes. */
  settle() {
    this.soon = true;
    if (this.running || !this.timer) return;
    clearTimeout(this.timer);
    this.full();
  }

  /** Stop: what is shown comes from elsewhere. */
  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.waiting = false;
    this.turn += 1;
    this.drop();
  }

  /** Cancel the full fit. */
  drop() {
    if (this.job) cancel(this.job);
    this.job = "";
  }

  async run() {
    this.running = true;
    let failed = null;
    let { turn } = this;
    while (this.waiting && !this.closed) {
      this.waiting = false;
      failed = null;
      ({ turn } = this);
      const begin = this.changed;
      try {
        await this.send();
        const plane = { ...this.plane() };
        const settings = this.settings();
        if (!settings) continue;
        const found = await this.client.preview(plane, settings);
        if (turn !== this.turn) continue;
        this.onPreview(found, plane);
        performance.measure(TIMES.preview, { start: begin, end: performance.now() });
        this.first = begin;
      } catch (error) {
        failed = error;
      }
    }
    this.running = false;
    if (this.closed || turn !== this.turn) return;
    if (!this.settings()) {
      this.onBusy(false);
      return;
    }
    if (failed) {
      this.onBusy(false);
      this.onError(failed);
    } else if (this.soon) this.full();
    else this.timer = setTimeout(() => this.full(), PAUSE);
  }

  async full() {
    this.timer = 0;
    const begin = this.first ?? this.changed;
    const { turn } = this;
    const isOld = () => this.waiting || this.running || this.closed || turn !== this.turn;
    let mine = "";
    try {
      const plane = { ...this.plane() };
      const all = await this.client.labelAll(plane);
      if (isOld()) return;
      this.onPreview(all, plane);
      performance.measure(TIMES.all, { start: begin, end: performance.now() });
      mine = (await this.client.fit()).job;
      if (isOld()) {
        cancel(mine);
        return;
      }
      this.job = mine;
      const job = await follow(mine, { after: 400 });
      if (this.job !== mine || this.closed) return;
      this.job = "";
      await this.onFull(job);
      performance.measure(TIMES.full, { start: begin, end: performance.now() });
      this.onBusy(false);
    } catch (error) {
      if (this.closed || turn !== this.turn || (this.job !== mine && mine)) return;
      this.job = "";
      this.onBusy(false);
      if (error instanceof Canceled) say("Canceled. The segments shown are a preview; change a setting to fit again.");
      else {
        say("");
        this.onError(error);
      }
    }
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.drop();
  }
}

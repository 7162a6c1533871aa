// Long work: a progress bar with a cancel button at the foot of the page.

import { get, remove } from "./api.js";
import { button, element } from "./dom.js";

const place = document.getElementById("jobs");

/** The user has canceled a job; `follow` throws it. */
export class Canceled extends Error {
  constructor(title) {
    super(`${title}: canceled.`);
    this.name = "Canceled";
  }
}

/**
 * Show a job until it ends, and return it: { id, title, state: "done", warnings, ... }.
 *
 * `onProgress` hears of every change. Throws `Canceled` if it was canceled, and an Error with its message if it failed.
 * The bar appears after `after` milliseconds, so that short work does not flicker.
 */
export async function follow(id, { onProgress = () => {}, after = 250 } = {}) {
  const started = performance.now();
  const shown = bar(id);
  let wait = 25;
  try {
    for (;;) {
      const job = await get(`jobs/${id}`);
      onProgress(job);
      shown.update(job);
      if (job.state === "done") return job;
      if (job.state === "canceled") throw new Canceled(job.title);
      if (job.state === "failed") throw new Error(`${job.title}: ${job.error}`);
      if (!shown.node.isConnected && performance.now() - started > after) place.append(shown.node);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 1.3, 250);
    }
  } finally {
    shown.node.remove();
  }
}

/** Cancel a job that nobody waits for any more. */
export async function cancel(id) {
  await remove(`jobs/${id}`).catch(() => {});
}

function bar(id) {
  const title = element("span", { class: "job-title", id: `job-${id}` });
  const progress = element("progress", { max: "1", "aria-labelledby": title.id });
  const text = element("span", { class: "job-text" });
  const stop = button("Cancel", async () => {
    stop.disabled = true;
    await cancel(id);
  });
  const node = element("div", { class: "job" }, title, progress, text, stop);
  const update = (job) => {
    title.textContent = job.title;
    text.textContent = job.state === "waiting" ? "waiting" : job.text;
    if (job.fraction === null) progress.removeAttribute("value");
    else progress.value = job.fraction;
  };
  return { node, update };
}

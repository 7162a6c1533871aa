// The group of the panel that gives results away: files, and the lines that repeat what the page shows.

import { blob, save } from "../api.js";
import { button, element, group } from "../dom.js";
import { guarded, say } from "../status.js";

export function savingGroup(room) {
  const stem = room.name.replace(/(\.[A-Za-z]+){1,2}$/, "");
  const buttons = [];
  const needsModel = (text, call) => {
    const made = button(text, room.guarded(call));
    buttons.push(made);
    return made;
  };
  const rule = () => (room.outliers ? room.rule : {});
  const file = async (path, query, name) => {
    save(await blob(`${room.base}/${path}?${new URLSearchParams(query)}`), name);
    say(`Saved ${name}`);
  };
  const all = needsModel("All rows, labeled", () => file("rows.csv", { model: room.model, ...rule() }, `${stem}-labels.csv`));
  const some = needsModel("Selected rows", () => file("rows.csv", { model: room.model, which: "selected", ...rule() }, `${stem}-selected.csv`));
  const model = needsModel("Model", () => file("model.json", { model: room.model }, `${stem}-model.json`));
  const models = button("Table of models", room.guarded(() => file("models.csv", {}, `${stem}-models.csv`)));
  const report = needsModel("Report", async () => {
    const { job } = await room.post("report", { model: room.model });
    await room.followed(job, "Writing the report");
    await file("report.html", {}, `${stem}-report.html`);
  });
  const command = element("pre", { tabindex: "0", "aria-label": "Command lines" });
  const python = element("pre", { tabindex: "0", "aria-label": "Python lines" });
  const lines = element("details", { class: "lines" }, element("summary", {}, "As command and Python lines"),
    copied("Command line", command), copied("Python", python));
  let asked = null;

  async function explain() {
    if (!lines.open || !room.model || asked === room.model) return;
    asked = room.model;
    const found = await room.get(`equivalent?${new URLSearchParams({ model: room.model })}`);
    command.textContent = found.command;
    python.textContent = found.python;
  }

  function update() {
    const hasRows = Boolean(room.view?.labels);
    for (const each of buttons) each.disabled = !room.model;
    all.disabled = !hasRows;
    some.disabled = !hasRows || !room.selection.n_selected;
    models.disabled = !room.models;
  }

  lines.addEventListener("toggle", room.guarded(explain));
  for (const type of ["view", "selection", "models", "chosen"]) room.on(type, update);
  room.on("view", () => guarded(explain));
  room.on("models", () => { asked = null; });
  room.on("steps", () => { asked = null; });
  return group("Save", element("div", { class: "row" }, all, some), element("div", { class: "row" }, model, models, report), lines);
}

function copied(title, pre) {
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(pre.textContent);
    say(`${title}: copied`);
  }, { "aria-label": `Copy: ${title}` });
  return element("div", {}, element("div", { class: "row" }, element("h3", {}, title), copy), pre);
}

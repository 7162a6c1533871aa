// The groups of the panel about rows: which are selected, and which are outliers.

import { button, element, field, group } from "../dom.js";
import { short } from "./axes.js";
import { count } from "./room.js";

export function rowsGroup(room) {
  const about = element("p", { "aria-live": "polite" });
  const component = element("select", { name: "component" });
  const select = (request) => room.guarded(() => room.select(request));
  const pick = button("Select", room.guarded(() => room.select({ what: "component", component: Number(component.value), model: room.model })));
  const outliers = button("Outliers", room.guarded(() => room.select({ what: "outliers", model: room.model, ...room.rule })));
  const none = button("None", select({ what: "none" }));
  const node = group("Selected rows", about,
    element("p", { class: "quiet" }, "Drag around rows in the plot; Shift adds, Alt removes."),
    field("Component", element("div", { class: "pair" }, component, pick)),
    element("div", { class: "row" }, outliers, button("All", select({ what: "all" })), none));
  component.id = "select-component";
  node.querySelector(".field > label").setAttribute("for", component.id);

  function update() {
    const n = room.selection.n_selected;
    about.textContent = n ? `${count(n)} of ${count(room.chosen.n_rows)} rows are selected.` : "No row is selected.";
    none.disabled = !n;
  }

  function models() {
    const k = room.view?.labels ? room.view.n_components : 0;
    pick.disabled = component.disabled = outliers.disabled = !k;
    if (component.options.length !== k) {
      component.replaceChildren(...Array.from({ length: k }, (_, at) => element("option", { value: String(at) }, String(at))));
    }
  }
  room.on("selection", update);
  room.on("chosen", update);
  room.on("chosen", models);
  room.on("view", models);
  return node;
}

export function outliersGroup(room) {
  const shown = element("input", { type: "checkbox", name: "outliers" });
  const alpha = element("input", { type: "number", min: "0.0001", max: "0.5", step: "any", value: "0.05", name: "alpha" });
  const control = element("select", { name: "control" },
    element("option", { value: "fdr" }, "share of false flags"),
    element("option", { value: "each" }, "each ordinary row"));
  const about = element("p", { "aria-live": "polite" });
  const list = element("tbody");
  const details = element("details", { hidden: true }, element("summary", {}, "Reasons"),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Outliers with reasons" },
      element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Row"),
        element("th", { scope: "col" }, "p-value"), element("th", { scope: "col" }, "Unusual given the other features"))), list)));
  const change = room.guarded(() => {
    if (!(Number(alpha.value) > 0 && Number(alpha.value) < 1)) throw new Error("Alpha must be above 0 and below 1.");
    return room.markOutliers(shown.checked, { alpha: Number(alpha.value), control: control.value });
  });
  for (const input of [shown, alpha, control]) input.addEventListener("change", change);

  room.on("outliers", () => {
    const found = room.outliers;
    details.hidden = !found?.listed.length;
    about.textContent = !found ? "" : `${count(found.n_flagged)} of ${count(found.n_tested)} rows are outliers.`
      + (found.n_tested < room.chosen.n_rows ? " Rows with missing values are not tested." : "");
    list.replaceChildren(...(found?.listed ?? []).map(({ row, p_value, reason }) => element("tr", {},
      element("td", {}, String(row)), element("td", {}, short(p_value, 2)), element("td", { class: "words" }, reason))));
  });
  return group("Outliers",
    element("label", { class: "check" }, shown, "Mark outliers"),
    field("Alpha", alpha), field("Bound on", control), about, details);
}

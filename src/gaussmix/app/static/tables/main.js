// The room for tables.

import { get } from "../api.js";
import { element, group } from "../dom.js";

/** Read the table. */
export function prepare(document) {
  return get(`documents/${document.id}/table/info`);
}

/** Show a table; return a function that ends the room. */
export async function mount(stage, panel, document, info) {
  stage.append(element("p", {}, `${document.name}: ${info.columns.join(", ")}`));
  panel.append(group("Columns"));
  return () => {};
}

// The room for pictures.

import { get } from "../api.js";
import { element, group } from "../dom.js";

/** Read the picture. */
export function prepare(document) {
  return get(`documents/${document.id}/picture/info`);
}

/** Show a picture; return a function that ends the room. */
export async function mount(stage, panel, document, info) {
  stage.append(element("p", {}, `${document.name}: ${info.shape.join(" x ")}`));
  panel.append(group("Segments"));
  return () => {};
}

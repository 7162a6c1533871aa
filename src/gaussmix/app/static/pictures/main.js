// The room for pictures.

import { get } from "../api.js";
import { element, group } from "../dom.js";

/** Show a picture; return a function that ends the room. */
export async function mount(stage, panel, document) {
  const info = await get(`documents/${document.id}/picture/info`);
  stage.append(element("p", {}, `${document.name}: ${info.shape.join(" x ")}`));
  panel.append(group("Segments"));
  return () => {};
}

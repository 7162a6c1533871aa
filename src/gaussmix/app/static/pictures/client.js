// Requests about one picture.

import { blob, bytes, get, post, put, remove, save } from "../api.js";

/** Return the requests about a document, and `close`, which ends them. */
export function clientOf(id) {
  const base = `documents/${id}/picture`;
  const closing = new AbortController();
  const { signal } = closing;
  const at = (what, plane) => `${base}/${what}?axis=${plane.axis}&index=${plane.index}`;
  const array = async (what, plane) => new Uint8Array(await bytes(at(what, plane), { signal }));
  return {
    info: () => get(`${base}/info`, { signal }),
    state: () => get(`${base}/state`, { signal }),
    read: (volume) => post(`${base}/read`, { volume }, { signal }),
    picture: (plane) => array("plane", plane),
    labels: (plane) => array("labels", plane),
    uncertainty: (plane) => array("uncertainty", plane),
    hints: (plane) => array("hints", plane),
    setHints: (plane, map) => put(at("hints", plane), map, { signal }),
    clearHints: () => remove(`${base}/hints`, { signal }),
    probabilities: (plane, x, y) => get(`${at("probabilities", plane)}&x=${x}&y=${y}`, { signal }),
    histograms: () => get(`${base}/histograms`, { signal }),
    setSegments: (segments) => put(`${base}/segments`, JSON.stringify(segments), { signal }),
    fit: () => post(`${base}/fit`, {}, { signal }),
    prepare: () => post(`${base}/prepare`, {}, { signal }),
    useModel: (file) => put(`${base}/model?name=${encodeURIComponent(file.name)}`, file, { signal }),
    close: () => closing.abort(),
    lines: () => get(`${base}/lines`, { signal }),

    /** Fit a preview; return { state, labels }. */
    preview: async (plane, settings) => resultIn(await bytes(at("preview", plane), { json: settings, signal })),

    /** Label all pixels by the classes of the preview; return { state, labels }. */
    labelAll: async (plane) => resultIn(await bytes(at("label-all", plane), { json: {}, signal })),

    /** Save a file under a name. */
    async download(what, name, segments = []) {
      save(await blob(`${base}/download/${what}?segments=${segments.join(",")}`, { signal }), name);
    },
  };
}

/** Return { state, labels } from a line of JSON and the labels of a plane. */
function resultIn(content) {
  const values = new Uint8Array(content);
  const end = values.indexOf(10);
  return { state: JSON.parse(new TextDecoder().decode(values.subarray(0, end))), labels: values.subarray(end + 1) };
}

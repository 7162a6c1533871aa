// Requests about one picture.

import { blob, bytes, get, post, put, remove, save } from "../api.js";

/** Return the requests about a document. */
export function clientOf(id) {
  const base = `documents/${id}/picture`;
  const at = (what, plane) => `${base}/${what}?axis=${plane.axis}&index=${plane.index}`;
  const array = async (what, plane) => new Uint8Array(await bytes(at(what, plane)));
  return {
    info: () => get(`${base}/info`),
    state: () => get(`${base}/state`),
    read: (volume) => post(`${base}/read`, { volume }),
    picture: (plane) => array("plane", plane),
    labels: (plane) => array("labels", plane),
    uncertainty: (plane) => array("uncertainty", plane),
    hints: (plane) => array("hints", plane),
    setHints: (plane, map) => put(at("hints", plane), map),
    clearHints: () => remove(`${base}/hints`),
    probabilities: (plane, x, y) => get(`${at("probabilities", plane)}&x=${x}&y=${y}`),
    histograms: () => get(`${base}/histograms`),
    setSegments: (segments) => put(`${base}/segments`, JSON.stringify(segments)),
    fit: () => post(`${base}/fit`),
    prepare: () => post(`${base}/prepare`),
    useModel: (file) => put(`${base}/model?name=${encodeURIComponent(file.name)}`, file),
    lines: () => get(`${base}/lines`),

    /** Fit a preview; return { state, labels }. */
    preview: async (plane, settings) => resultIn(await bytes(at("preview", plane), { json: settings })),

    /** Label all pixels by the classes of the preview; return { state, labels }. */
    labelAll: async (plane) => resultIn(await bytes(at("label-all", plane), { json: {} })),

    /** Save a file under a name. */
    async download(what, name, segments = []) {
      save(await blob(`${base}/download/${what}?segments=${segments.join(",")}`), name);
    },
  };
}

/** Return { state, labels } from a line of JSON and the labels of a plane. */
function resultIn(content) {
  const values = new Uint8Array(content);
  const end = values.indexOf(10);
  return { state: JSON.parse(new TextDecoder().decode(values.subarray(0, end))), labels: values.subarray(end + 1) };
}

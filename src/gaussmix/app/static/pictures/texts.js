// Texts about a picture, and names of files.

/** Return the size of a picture and, with a result, its classes. */
export function describe(info, result) {
  const isFlat = info.directions[0].axis < 0;
  const size = isFlat ? `${info.directions[0].width} \u00d7 ${info.directions[0].height} pixels` : info.shape.join(" \u00d7 ");
  const channels = info.channels.length === 1 ? "1 channel" : `${info.channels.length} channels`;
  return `${size}, ${channels}${result ? `; ${result.n_classes} classes, smoothing ${Number(result.smoothing.toPrecision(2))}` : ""}`;
}

/** Return a name of a segment as part of the name of a file. */
export function fileName(name) {
  return name.replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase() || "segment";
}


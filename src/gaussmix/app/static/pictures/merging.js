// Segments of several classes.

/** Return the segments with two of them as one, in the place of the first. */
export function merged(segments, number, other) {
  const [first, second] = [Math.min(number, other), Math.max(number, other)];
  const [a, b] = [segments[first], segments[second]];
  const both = { ...a, classes: [...a.classes, ...b.classes].sort((p, q) => p - q), name: a.name || b.name, color: a.color || b.color };
  return segments.filter((_, at) => at !== second).map((each, at) => (at === first ? both : each));
}

/** Return the segments with one for each class of a merged one; the first keeps name and color. */
export function separated(segments, number) {
  const { classes, ...rest } = segments[number];
  const parts = classes.map((at, place) => (place ? { classes: [at], name: "", color: "", hidden: rest.hidden } : { ...rest, classes: [at] }));
  return [...segments.slice(0, number), ...parts, ...segments.slice(number + 1)].sort((p, q) => p.classes[0] - q.classes[0]);
}

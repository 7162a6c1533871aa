// Colors of segments.

/** Colors that are easy to tell apart; the first eight are those of the figures. */
const DISTINCT = [
  "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8a8a8a", "#f0e442", "#7b4fa3", "#9c5a1a",
  "#3bd16f", "#ff6f91", "#004c75", "#b5b500", "#00c2c2", "#8c1c13", "#c7a3ff", "#5a7302", "#ffb38a", "#2f2f8f",
];

/** Return the color of a segment that is easy to tell from the others. */
export function distinctColor(number) {
  return DISTINCT[number % DISTINCT.length];
}

/** Return [red, green, blue] of #rrggbb. */
export function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

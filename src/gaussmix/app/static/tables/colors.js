// Colors of the plots: those of Okabe and Ito (2008) for components, and those of the page for the rest.

const PALETTE = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#F0E442"];
const NAMES = ["text", "muted", "line", "surface", "accent", "error"];

/** Colors of the page as the theme has them now, and whether it is dark. */
export function inks(node) {
  const probe = document.createElement("span");
  node.append(probe);
  const found = {};
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  found.dark = luminance(found.surface) < 0.5;
  return found;
}

/** Color of a component; on a dark background black becomes white and blue becomes brighter. */
export function colorOf(component, { dark }) {
  const color = PALETTE[component % PALETTE.length];
  if (!dark) return color;
  return { "#000000": "#f1f3f4", "#0072B2": "#2f8ad0" }[color] ?? color;
}

/** Black or white, whichever is readable on the color. */
export function wordsOn(color) {
  return luminance(color) > 0.5 ? "#000000" : "#ffffff";
}

function luminance(color) {
  const parts = color.startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))
    : color.match(/[\d.]+/g).slice(0, 3).map(Number);
  return (0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]) / 255;
}

// Scales and ticks of axes.

/** Round values within a range, about `n` of them. */
export function ticks(low, high, n) {
  const rough = (high - low) / Math.max(1, n);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step && found.length < 50; at += 1) {
    found.push(at * step);
  }
  return { values: found, step };
}

/** Text of a tick, with the decimals that its step needs. */
export function tickText(value, step) {
  const size = Math.abs(value);
  if (size > 0 && (size >= 1e6 || step < 1e-5)) return value.toExponential(size / step >= 10 ? 1 : 0).replace("e+", "e");
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return value.toFixed(Math.min(decimals, 8)).replace("-", "\u2212");
}

/** A few significant digits of a number, for texts. */
export function short(value, digits = 4) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

/** Map values of a range to pixels. */
export function scale([low, high], from, to) {
  const factor = (to - from) / (high - low);
  const forward = (value) => from + (value - low) * factor;
  forward.invert = (pixel) => low + (pixel - from) / factor;
  return forward;
}

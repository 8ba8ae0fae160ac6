// Arithmetic of codes, free of the page: paths from one code to another, and the nearest of many.
const lengthOf = z => Math.hypot(...z);
const OPPOSITE = 1e-3; // radians short of a half turn: codes have four decimals, so no path is told from another here

// `at(t, out)` writes the code at t, from `u` (t = 0) to `v` (t = 1), both ends exact
function straightPath(u, v) {
  const at = (t, out) => {
    for (let i = 0; i < u.length; i++) out[i] = t >= 1 ? v[i] : u[i] + t * (v[i] - u[i]);
    return out;
  };
  return { at, why: "" };
}

// The direction turns evenly along the great circle, the length goes evenly from |u| to |v|. Where there
// is no such circle, `why` says so, and the path is the straight one.
function spherePath(u, v) {
  const a = lengthOf(u), b = lengthOf(v), { at: straight } = straightPath(u, v);
  if (!(a > 1e-6 && b > 1e-6)) return { at: straight, why: "a code at the origin has no direction" };
  const apart = lengthOf(u.map((x, i) => x / a - v[i] / b)), together = lengthOf(u.map((x, i) => x / a + v[i] / b));
  if (together < OPPOSITE) return { at: straight, why: "the two codes point in opposite directions" };
  const angle = 2 * Math.atan2(apart, together), sine = Math.sin(angle);
  const at = (t, out) => {
    if (t <= 0 || t >= 1) return straight(t, out);
    const length = (1 - t) * a + t * b;
    const from = length / a * (sine < 1e-6 ? 1 - t : Math.sin((1 - t) * angle) / sine);
    const to = length / b * (sine < 1e-6 ? t : Math.sin(t * angle) / sine);
    for (let i = 0; i < u.length; i++) out[i] = from * u[i] + to * v[i];
    return out;
  };
  return { at, why: "" };
}

// codes: Float32Array (N × 2) → [which one is nearest to (x, y), how far]; [-1, Infinity] where there are none
function nearestCode(codes, x, y) {
  let best = -1, least = Infinity;
  for (let i = 0; i < codes.length / 2; i++) {
    const d = (codes[2 * i] - x) ** 2 + (codes[2 * i + 1] - y) ** 2;
    if (d < least) [best, least] = [i, d];
  }
  return [best, Math.sqrt(least)];
}

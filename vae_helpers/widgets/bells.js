// What GaussianPlay, BoundPlay and KLPlay have in common: handles for mu and sigma, and areas in colour.
const within = (v, [low, high]) => Math.min(high, Math.max(low, v));

// A ring at mu + sigma. `at()`: where it stands; `base()`: mu on its axis; `set(sigma)`; `home`: sigma;
// `edge`: beyond it nobody could take hold of it
function rim(plane, { name, at, base, set, home, limits, vertical = false, colour, edge = Infinity }) {
  const axis = vertical ? 1 : 0, free = [-1e3, 1e3], range = () => [limits[0], Math.min(limits[1], edge - base())];
  const handle = plane.handle({ names: [name], get: at, vertical, shape: "ring", limits: [free, free],
    set: (...place) => set(tidy(within(place[axis] - base(), range()))) });
  Object.defineProperties(handle, { colour: { get: colour },
    home: { get: () => [base() + home, base() + home] } });
  const [input] = handle.inputs, show = input.show;
  input.show = () => { // the place moves with mu; what is said is sigma
    [input.min, input.max] = range().map(v => v + base());
    show();
    input.setAttribute("aria-valuetext", round(at()[axis] - base()));
  };
  return handle;
}

// A bell over the axis: a dot at its top for mu, a ring for sigma. `get()` → [mu, sigma]; `set([mu, sigma])`;
// `density(z)`: where the handles stand; `home`: [mu, sigma]; limits `mu` and `sigma`, [low, high]
function bell(plane, { name, get, set, density, home, mu, sigma, colour, anywhere }) {
  const edge = plane.home.x[1] - 0.1;
  const top = plane.handle({ names: [`μ of ${name}`], anywhere, home, limits: [mu, [0, 0]],
    get: () => [get()[0], density(get()[0])], set: x => set([tidy(Math.min(x, edge - get()[1])), get()[1]]) });
  Object.defineProperty(top, "colour", { get: colour });
  return [top, rim(plane, { name: `σ of ${name}`, limits: sigma, home: home[1], colour, edge,
    at: () => [get()[0] + get()[1], density(get()[0] + get()[1])], base: () => get()[0],
    set: s => set([get()[0], s]) })];
}

// The height of a plane of densities: the first of these that holds `top`
function fitHeight(plane, top) {
  const level = [0.3, 0.6, 1.2, 2.4, 4.8, 9.6, 20].find(v => v > 1.12 * top) ?? 20;
  if (plane.level === level) return;
  plane.level = level;
  plane.node.style.minHeight = "190px";
  plane.home.y = [-0.11 * level, level]; // room for the numbers of the axis
  plane.y = [...plane.home.y];
  plane.stale = true;
}

// A plane whose view moves along z only, and with it that of others under it: height is for fitHeight
function onlyAcross(plane, ...below) {
  plane.look = ([low, high]) => {
    const size = (high - low) / (plane.home.x[1] - plane.home.x[0]);
    if (!(size > 0.02 && size < 4)) return;
    for (const each of [plane, ...below]) {
      each.x = [low, high];
      each.repaint();
    }
  };
}

const across = (plane, f, n = 280) => Array.from({ length: n + 1 }, (_, i) => {
  const z = plane.x[0] + (plane.x[1] - plane.x[0]) * i / n;
  return [z, f(z)];
});

const seeThrough = (colour, alpha) => `${colour}${Math.round(alpha * 255).toString(16).padStart(2, "0")}`;

// planes, or what else has a node, under one another
const column = (...planes) => element("div", { style: "flex:1 1 300px;min-width:0;max-width:520px;display:grid;gap:6px" },
  ...planes.map(({ node }) => node));

// strokes across what an area shows: told apart without its colour
function hatch(plane, colour) {
  if (plane.hatched?.colour === colour) return plane.hatched.pattern;
  const tile = element("canvas", { width: 8, height: 8 }), c = tile.getContext("2d");
  [c.strokeStyle, c.lineWidth] = [colour, 1.8];
  c.beginPath();
  for (const k of [-8, 0, 8]) { c.moveTo(k - 1, 9); c.lineTo(k + 9, -1); }
  c.stroke();
  plane.hatched = { colour, pattern: plane.c.createPattern(tile, "repeat") };
  return plane.hatched.pattern;
}

// a plane to look at: nothing to take hold of, and the page scrolls under a finger; it stays high enough to be read
function onlyShown(plane, height) {
  plane.node.setAttribute("role", "img");
  plane.node.style.minHeight = `${height}px`;
  Object.assign(plane.canvas.style, { touchAction: "auto", cursor: "default" });
}

// black or white, whichever can be read on "#rrggbb"
const inkOn = colour => luminance(colour) > 0.179 ? "#000" : "#fff";

// a word at a place, moved by so many pixels, on paper so that lines do not run through it
function note(plane, words, x, y, colour, [right, up] = [0, 0]) {
  const { c, stage } = plane, wide = c.measureText(words).width;
  if (plane.px(x) < -1 || plane.px(x) > plane.wide + 1) return; // of something out of view
  const left = within(plane.px(x) + right - wide / 2, [3, plane.wide - wide - 3]), base = plane.py(y) - up;
  c.globalAlpha = 0.8;
  c.fillStyle = stage.theme.paper;
  c.fillRect(left - 2, base - 11, wide + 4, 14);
  c.globalAlpha = 1;
  [c.fillStyle, c.textAlign] = [colour, "left"];
  c.fillText(words, left, base);
}

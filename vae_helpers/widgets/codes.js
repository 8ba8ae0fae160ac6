// Codes of test images on a plane, their classes, the prior's rings, or a map of decoded pictures:
// what LatentPad, TwinPads, Morph and DrawDigit have in common.
// The course's ten colours (vae_helpers/course.mplstyle), and the same for dark paper.
const ON_LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#c8b900", "#7f7f7f", "#8c4a1e"];
const ON_DARK = ["#4da3e0", "#ff8a4c", "#2fd1a0", "#e8a6c8", "#ffc04d", "#8fd3ff", "#ffffff", "#f0e442", "#b0b0b0", "#d08a5a"];
const luminance = colour => { // WCAG's, of "#rrggbb"
  const [r, g, b] = [1, 3, 5].map(k => parseInt(colour.slice(k, k + 2), 16) / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const classColour = (label, stage) => (stage.dark ? ON_DARK : ON_LIGHT)[label % 10];

// codes: Float32Array (N × 2); labels: one byte each; classes: names
function drawCodes(plane, { codes, labels, classes }) {
  const middles = new Map();
  plane.c.globalAlpha = 0.55;
  for (let i = 0; i < labels.length; i++) {
    plane.dot(codes[2 * i], codes[2 * i + 1], classColour(labels[i], plane.stage), 2.2);
    if (!middles.has(labels[i])) middles.set(labels[i], [[], []]);
    middles.get(labels[i]).forEach((list, axis) => list.push(codes[2 * i + axis]));
  }
  plane.c.globalAlpha = 1;
  if (classes.length < 2) return;
  const median = list => list.sort((a, b) => a - b)[list.length >> 1];
  const tags = [...middles].map(([label, [x, y]]) => ({ name: classes[label], colour: classColour(label, plane.stage),
    ...tagBox(plane, classes[label], median(x), median(y)) }));
  moveApart(tags);
  for (const tag of tags) nameTag(plane, tag);
}

// push boxes (middle x, y; wide, high) apart where they lie on one another, the shorter way
function moveApart(boxes) {
  for (let round = 0, moved = true; moved && round < 40; round++) {
    moved = false;
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
      const across = (a.wide + b.wide) / 2 - Math.abs(a.x - b.x), down = (a.high + b.high) / 2 - Math.abs(a.y - b.y);
      if (across <= 0 || down <= 0) return;
      const axis = across < down ? "x" : "y", by = (Math.min(across, down) + 1) / 2 * (a[axis] < b[axis] ? -1 : 1);
      a[axis] += by;
      b[axis] -= by;
      moved = true;
    }));
  }
}

// where a tag stands, in pixels
const tagBox = (plane, name, x, y) =>
  ({ x: plane.px(x), y: plane.py(y), wide: plane.c.measureText(name).width + 8, high: 18 });

// a class's name on its colour, black or white by the contrast of WCAG
function nameTag({ c }, { name, colour, x, y, wide, high }) {
  c.fillStyle = colour;
  c.fillRect(x - wide / 2, y - high / 2, wide, high);
  [c.strokeStyle, c.lineWidth] = ["#fff", 1];
  c.strokeRect(x - wide / 2, y - high / 2, wide, high);
  c.fillStyle = luminance(colour) > 0.179 ? "#000" : "#fff";
  c.textAlign = "center";
  c.fillText(name, x, y + 4);
}

// one, two and three standard deviations of N(0, I)
function drawPrior(plane) {
  for (const radius of [1, 2, 3]) {
    plane.ellipse([0, 0], [1, 0, 1], radius, plane.stage.theme.faint, 1.2, [5, 4]);
    plane.text(`${radius}`, 0, radius, plane.stage.theme.faint);
  }
}

// The plane tiled with decoded pictures, a few a frame so that the hand is never kept waiting.
// `decode(x, y)` → pixels; one tile is `side` pixels of the picture's own size wide.
class Map2D {
  constructor(stage, plane, shape, decode, { nodes = 15, others = () => "" } = {}) { // `others`: what else it hangs on
    Object.assign(this, { stage, plane, decode, nodes, others, tile: document.createElement("canvas"), sheet: document.createElement("canvas") });
    this.image = stage.picture(shape, "");
    [this.sheet.width, this.sheet.height] = [nodes * shape[2], nodes * shape[1]];
    this.shape = shape;
  }

  draw() { // as far as it has come
    const key = [...this.plane.x, ...this.plane.y, this.others()].join();
    if (key !== this.key) [this.key, this.done] = [key, 0];
    this.plane.c.imageSmoothingEnabled = true;
    if (this.done) this.plane.c.drawImage(this.sheet, 0, 0, this.plane.wide, this.plane.high);
    if (this.done < this.nodes ** 2) this.stage.frame(this.more ??= () => this.work());
  }

  work() { // from coarse to fine would be nicer still; from the middle outwards is what the eye wants first
    this.order ??= Array.from({ length: this.nodes ** 2 }, (_, i) => i).sort((a, b) => this.away(a) - this.away(b));
    const until = performance.now() + 6, { plane: { x, y }, nodes, sheet, shape } = this, c = sheet.getContext("2d");
    while (this.done < nodes ** 2 && performance.now() < until) {
      const i = this.order[this.done++], column = i % nodes, row = Math.floor(i / nodes);
      this.image.draw(this.decode(x[0] + (column + 0.5) / nodes * (x[1] - x[0]), y[1] - (row + 0.5) / nodes * (y[1] - y[0])));
      c.drawImage(this.image, column * shape[2], row * shape[1]);
    }
    this.plane.repaint();
  }

  away(i) {
    return Math.hypot(i % this.nodes - this.nodes / 2 + 0.5, Math.floor(i / this.nodes) - this.nodes / 2 + 0.5);
  }
}

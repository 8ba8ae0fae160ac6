// What MNIST's makers did to a digit, on a drawing of any size: the twin of centred_as_mnist in draw_digit.py.
// `ink`: values in [0, 1], row after row; the result has 28 × 28.
const FIELD = 28, BOX = 20, CENTRE = 14;
// Of the page's 280: 2.7 pixels, the median of `pen`, where a drawing is 134 high, and within the
// range of nine tenths of its strokes from 86 to 214.
const PEN = 18;

// How much of source pixel j lies in target pixel k, of width 1/scale: [k, j, share], for a side of `from` pixels.
function shares(from, scale) {
  const size = Math.max(1, Math.ceil(from * scale - 1e-9)), list = [];
  for (let k = 0; k < size; k++) {
    const low = k / scale, high = (k + 1) / scale;
    for (let j = Math.floor(low); j < Math.min(from, high); j++) {
      const share = scale * (Math.min(j + 1, high) - Math.max(j, low));
      if (share > 0) list.push([k, j, share]);
    }
  }
  return { size, list };
}

// The part of `ink` from (top, left), `high` × `wide`, resized by the exact mean over areas.
function resized(ink, width, [top, left, high, wide], scale) {
  const down = shares(high, scale), across = shares(wide, scale);
  const half = new Float64Array(down.size * wide), out = new Float64Array(down.size * across.size);
  for (const [k, j, share] of down.list)
    for (let x = 0; x < wide; x++) half[k * wide + x] += share * ink[(top + j) * width + left + x];
  for (const [k, j, share] of across.list)
    for (let y = 0; y < down.size; y++) out[y * across.size + k] += share * half[y * wide + j];
  return { out, high: down.size, wide: across.size };
}

function inkedBox(ink, height, width) { // [top, left, high, wide] of what is not blank; null if all is
  let top = height, bottom = -1, left = width, right = -1;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!(ink[y * width + x] > 0)) continue;
      [top, bottom] = [Math.min(top, y), y];
      if (x < left) left = x;
      if (x > right) right = x;
    }
  return bottom < 0 ? null : [top, left, bottom - top + 1, right - left + 1];
}

function centredAsMnist(ink, height, width) {
  const field = new Float64Array(FIELD * FIELD), box = inkedBox(ink, height, width);
  if (!box) return field;
  const { out, high, wide } = resized(ink, width, box, BOX / Math.max(box[2], box[3]));
  let mass = 0, down = 0, across = 0;
  for (let y = 0, i = 0; y < high; y++)
    for (let x = 0; x < wide; x++, i++) { mass += out[i]; down += y * out[i]; across += x * out[i]; }
  // whole pixels; and all ink stays on the page
  const place = (centre, size) => Math.min(FIELD - size, Math.max(0, Math.floor(CENTRE - centre + 0.5)));
  const top = place(down / mass, high), left = place(across / mass, wide);
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++) field[(top + y) * FIELD + left + x] = out[y * wide + x];
  return field;
}

// The whole page made small, as it stands: what the encoder gets where nothing is centred.
const shrunk = (ink, side) => resized(ink, side, [0, 0, side, side], FIELD / side).out;

// A page under the pen: a base (28 × 28, or null) and strokes upon it. `moved()` runs at each step of the pen,
// `done()` when it is lifted. `over`: whether the next drawing keeps the base.
class Page {
  constructor(stage, { side = 280, label, base, moved, done }) {
    const canvas = width => element("canvas", { width, height: width });
    Object.assign(this, { side, base, moved, strokes: [], over: false, kept: false, width: PEN,
      ink: canvas(side), stamp: canvas(FIELD) });
    this.node = element("canvas", { class: "vae-page", width: side, height: side, role: "img", "aria-label": label });
    this.pen = this.ink.getContext("2d", { willReadFrequently: true });
    [this.pen.lineCap, this.pen.lineJoin] = ["round", "round"];
    this.values = new Float32Array(side * side);
    this.follow(stage, done);
  }

  get blank() { return !this.strokes.length && !this.base?.some(v => v > 0); }

  follow(stage, done) {
    let finger = null; // one at a time
    const at = event => {
      const box = this.node.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width * this.side, (event.clientY - box.top) / box.height * this.side];
    };
    stage.listen(this.node, "pointerdown", event => {
      if (event.button || finger !== null) return;
      event.preventDefault();
      this.node.setPointerCapture(finger = event.pointerId);
      if (!this.strokes.length) this.kept = this.over;
      this.strokes.push({ width: this.width, points: [at(event)] });
      this.lay();
    });
    stage.listen(this.node, "pointermove", event => {
      const stroke = this.strokes.at(-1);
      if (event.pointerId !== finger || !stroke) return; // none where the kernel has changed the page meanwhile
      const from = stroke.points.length, between = event.getCoalescedEvents?.() ?? [];
      stroke.points.push(...(between.length ? between : [event]).map(at));
      this.mark(stroke, from);
      this.moved();
    });
    for (const type of ["pointerup", "pointercancel"]) stage.listen(this.node, type, event => {
      if (event.pointerId !== finger) return;
      finger = null;
      done();
    });
  }

  mark({ width, points }, from) { // a stroke, from its point `from` on
    this.pen.lineWidth = width;
    this.pen.beginPath();
    this.pen.moveTo(...points[Math.max(0, from - 1)]);
    for (const point of points.slice(from)) this.pen.lineTo(...point);
    this.pen.stroke();
  }

  lay(base = this.base, strokes = this.strokes) { // the whole page anew
    const { pen, side, stamp } = this;
    [this.base, this.strokes] = [base, strokes];
    pen.clearRect(0, 0, side, side);
    if (base && (this.kept || !strokes.length)) {
      const image = new ImageData(FIELD, FIELD);
      base.forEach((v, i) => { image.data[4 * i + 3] = Math.round(255 * v); });
      stamp.getContext("2d").putImageData(image, 0, 0);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(stamp, 0, 0, side, side);
    }
    for (const stroke of strokes) this.mark(stroke, 0);
    this.moved();
  }

  show() {
    const c = this.node.getContext("2d");
    c.fillStyle = "#fff";
    c.fillRect(0, 0, this.side, this.side);
    c.drawImage(this.ink, 0, 0);
    if (!this.blank) return;
    [c.fillStyle, c.font, c.textAlign] = ["#666", "18px system-ui, sans-serif", "center"];
    c.fillText("Draw a digit here", this.side / 2, this.side / 2);
  }

  given(centred) { // what the encoder gets, 28 × 28: the base as it stands, a drawing made small
    if (!this.strokes.length) return this.base ?? new Float32Array(FIELD * FIELD);
    const { data } = this.pen.getImageData(0, 0, this.side, this.side), { values, side } = this;
    for (let i = 0; i < values.length; i++) values[i] = data[4 * i + 3] / 255;
    return Float32Array.from(centred ? centredAsMnist(values, side, side) : shrunk(values, side));
  }
}

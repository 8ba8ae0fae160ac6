// A plane with axes, to draw on and to take hold of (unless `still`). `under(plane)` draws what rests, kept until
// view, size or theme change; `over(plane)` what moves. Both draw in the units of the axes.
class Plane {
  constructor(stage, { label, x, y, names = ["", ""], aspect = 1, width = 340, still = false,
    under = () => {}, over = () => {} }) {
    Object.assign(this, { stage, names, under, over, home: { x, y }, x: [...x], y: [...y], handles: [], fingers: new Map() });
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.node = element("div", { class: "vae-plane", role: "group", "aria-label": label,
      style: `max-width:clamp(${width}px, 30vw, ${1.6 * width}px);aspect-ratio:${aspect}` }, this.canvas);
    this.rest = document.createElement("canvas");
    this.repaint = () => { this.stale = true; stage.frame(this.draw); };
    this.redraw = () => stage.frame(this.draw);
    this.draw = () => this.drawNow();
    stage.redraws.add(this.repaint);
    const sizes = new ResizeObserver(([{ contentRect }]) => { // asked for in a frame, the size would cost a layout
      [this.wide, this.high] = [contentRect.width, contentRect.height];
      this.repaint();
    });
    sizes.observe(this.node);
    stage.endings.push(() => sizes.disconnect());
    if (still) this.canvas.style.touchAction = "auto"; // only to be looked at
    else this.takeHold();
  }

  // --- units

  px(x) { return (x - this.x[0]) / (this.x[1] - this.x[0]) * this.wide; }
  py(y) { return (this.y[1] - y) / (this.y[1] - this.y[0]) * this.high; }
  at(event) { // where a pointer is, in the units of the axes
    const across = event.offsetX / this.wide, down = event.offsetY / this.high;
    return [this.x[0] + across * (this.x[1] - this.x[0]), this.y[1] - down * (this.y[1] - this.y[0])];
  }

  // --- drawing

  drawNow() {
    if (!this.wide || !this.high) return; // not in the page yet
    const scale = devicePixelRatio || 1, [w, h] = [this.wide, this.high].map(size => Math.round(size * scale));
    if (this.canvas.width !== w || this.canvas.height !== h) {
      for (const canvas of [this.canvas, this.rest]) [canvas.width, canvas.height] = [w, h];
      this.stale = true;
    }
    const on = canvas => {
      this.c = canvas.getContext("2d");
      this.c.setTransform(scale, 0, 0, scale, 0, 0);
      this.c.clearRect(0, 0, this.wide, this.high);
      this.c.font = "12px system-ui, sans-serif";
    };
    if (this.stale) { on(this.rest); this.under(this); this.stale = false; }
    on(this.canvas);
    this.c.drawImage(this.rest, 0, 0, this.wide, this.high);
    this.over(this);
    for (const handle of this.handles) this.drawHandle(handle);
  }

  axes({ horizontal = true, vertical = true } = {}) { // faint lines at round numbers, and the axes' names
    const { c, stage: { theme } } = this;
    const ticks = ([low, high], room) => {
      const raw = (high - low) / room, unit = 10 ** Math.floor(Math.log10(raw));
      const step = unit * [1, 2, 5, 10].find(n => n * unit >= raw);
      return Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 },
        (_, i) => (Math.ceil(low / step) + i) * step);
    };
    const last = this.wide - 18 - 8 * this.names[0].length;
    const name = v => String(Number(v.toPrecision(6))).replace("-", "−");
    [c.lineWidth, c.strokeStyle, c.fillStyle] = [1, theme.line, theme.ink];
    c.textAlign = "center";
    for (const v of horizontal ? ticks(this.x, this.wide / 50) : []) {
      this.line([[v, this.y[0]], [v, this.y[1]]], theme.line, 1);
      if (this.px(v) > 16 && this.px(v) < last) c.fillText(name(v), this.px(v), this.high - 5);
    }
    c.textAlign = "left";
    for (const v of vertical ? ticks(this.y, this.high / 30) : []) {
      this.line([[this.x[0], v], [this.x[1], v]], theme.line, 1);
      if (this.py(v) > 26 && this.py(v) < this.high - 22) c.fillText(name(v), 4, this.py(v) + 4);
    }
    c.font = "bold 13px system-ui, sans-serif";
    c.fillText(this.names[1], 4, 15);
    c.textAlign = "right";
    c.fillText(this.names[0], this.wide - 5, this.high - 6);
    c.font = "12px system-ui, sans-serif";
  }

  // a line through points [x, y]; with `fill`, the area down to y = 0 in that colour too
  line(points, colour, width = 2, { dash = [], fill } = {}) {
    const { c } = this;
    c.beginPath();
    points.forEach(([x, y], i) => c[i ? "lineTo" : "moveTo"](this.px(x), this.py(y)));
    if (colour) {
      [c.strokeStyle, c.lineWidth] = [colour, width];
      c.setLineDash(dash);
      c.stroke();
      c.setLineDash([]);
    }
    if (!fill) return;
    c.lineTo(this.px(points.at(-1)[0]), this.py(0));
    c.lineTo(this.px(points[0][0]), this.py(0));
    c.fillStyle = fill;
    c.fill();
  }

  dot(x, y, colour, radius = 2.5, ring) {
    const { c } = this;
    c.beginPath();
    c.arc(this.px(x), this.py(y), radius, 0, 7);
    c.fillStyle = colour;
    c.fill();
    if (ring) { [c.strokeStyle, c.lineWidth] = [ring, 2]; c.stroke(); }
  }

  // the outline of a Gaussian, `radius` standard deviations from `mu`; `cov` is [xx, xy, yy]
  ellipse([mx, my], [xx, xy, yy], radius, colour, width = 2, dash = []) {
    const a = Math.sqrt(xx), b = xy / a, d = Math.sqrt(Math.max(0, yy - b * b)); // Cholesky
    this.line(Array.from({ length: 73 }, (_, i) => {
      const u = radius * Math.cos(i * Math.PI / 36), v = radius * Math.sin(i * Math.PI / 36);
      return [mx + a * u, my + b * u + d * v];
    }), colour, width, { dash });
  }

  text(words, x, y, colour, align = "center") {
    [this.c.fillStyle, this.c.textAlign] = [colour, align];
    this.c.fillText(words, this.px(x), this.py(y));
  }

  // --- taking hold: by pointer, finger and keys

  // `names`: of its one or two directions, for screen readers; `get()` → [x, y]; `set(x, y)`; `home`: [x, y];
  // `vertical`: its one direction is y. `anywhere`: a press on the empty plane takes it too.
  handle({ names, get, set, home, limits, step = 0.05, colour, anywhere = false, vertical = false, shape = "dot" }) {
    const { stage } = this;
    const handle = { names, get, set, home, colour, anywhere, shape, inputs: [] };
    const inside = (v, axis) => Math.min((limits ?? [this.home.x, this.home.y])[axis][1],
      Math.max((limits ?? [this.home.x, this.home.y])[axis][0], v));
    handle.move = (x, y) => {
      const [x0, y0] = get(), one = names.length === 1;
      set(one && vertical ? x0 : inside(x, 0), one && !vertical ? y0 : inside(y, 1));
    };
    names.forEach((name, k) => {
      const axis = vertical ? 1 : k, range = (limits ?? [this.home.x, this.home.y])[axis];
      const input = element("input", { type: "range", class: "vae-grip", "aria-label": name,
        min: range[0], max: range[1], step: "any" });
      input.show = () => {
        const v = get()[axis];
        input.value = v;
        input.setAttribute("aria-valuetext", round(v));
      };
      stage.listen(input, "input", () => handle.move(...get().map((v, i) => i === axis ? Number(input.value) : v)));
      stage.listen(input, "focus", this.redraw);
      stage.listen(input, "blur", this.redraw);
      stage.listen(input, "keydown", event => this.key(event, handle, step, axis));
      handle.inputs.push(input);
      this.node.append(input);
    });
    this.handles.push(handle);
    return handle;
  }

  key(event, handle, step, axis) {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own
    const far = (event.shiftKey || event.key.startsWith("Page") ? 10 : 1) * step, [x, y] = handle.get();
    const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowDown: [0, -far], ArrowUp: [0, far],
      PageDown: [0, -far], PageUp: [0, far] }[event.key];
    if (event.key === "+" || event.key === "-") this.zoom(event.key === "+" ? 0.8 : 1.25);
    else if (event.key === "Home") handle.set(...handle.home);
    else if (!by) return;
    // with one direction, both pairs of arrows move it
    else if (handle.names.length === 1) handle.move(x + (axis ? 0 : by[0] + by[1]), y + (axis ? by[0] + by[1] : 0));
    else handle.move(x + by[0], y + by[1]);
    event.preventDefault();
  }

  drawHandle(handle) {
    const { theme } = this.stage, [x, y] = handle.get(), held = handle.inputs.includes(document.activeElement);
    for (const input of handle.inputs) input.show();
    if (handle.shape === "dot" || held) this.dot(x, y, handle.colour ?? theme.accent, held ? 9 : 7, theme.paper);
    else this.dot(x, y, theme.paper, 6, handle.colour ?? theme.accent);
    if (held) { this.dot(x, y, "transparent", 12, theme.ink); }
  }

  nearest(event) { // the handle within 24 px of a pointer, or the one that is taken from anywhere
    const away = ({ get }) => Math.hypot(this.px(get()[0]) - event.offsetX, this.py(get()[1]) - event.offsetY);
    const [first] = [...this.handles].sort((a, b) => away(a) - away(b));
    return first && away(first) < 24 ? first : this.handles.find(handle => handle.anywhere);
  }

  takeHold() {
    const { stage, canvas, fingers } = this;
    stage.listen(canvas, "pointerdown", event => {
      if (event.button > 1) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      if (this.hover) this.onpin?.(); // a press keeps the place
      fingers.set(event.pointerId, event);
      this.panning = event.shiftKey || event.button === 1 || fingers.size > 1;
      this.held = this.panning ? null : this.nearest(event);
      this.held?.inputs[0]?.focus({ preventScroll: true });
      this.held?.move(...this.at(event));
    });
    stage.listen(canvas, "pointermove", event => {
      const before = fingers.get(event.pointerId);
      if (!before) return void (this.hover && this.handles[0].move(...this.at(event)));
      if (this.panning) this.pan(before, event);
      else this.held?.move(...this.at(event));
      fingers.set(event.pointerId, event);
    });
    for (const type of ["pointerup", "pointercancel"]) stage.listen(canvas, type, event => {
      fingers.delete(event.pointerId);
      this.held = null;
    });
    // the wheel alone scrolls the page
    stage.listen(canvas, "wheel", event => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(Math.exp(Math.sign(event.deltaY) * 0.15), this.at(event));
    }, { passive: false });
  }

  pan(before, event) {
    const other = [...this.fingers.values()].find(finger => finger.pointerId !== event.pointerId);
    const [x0, y0] = this.at(before), [x1, y1] = this.at(event), part = other ? 0.5 : 1;
    this.look(this.x.map(v => v + part * (x0 - x1)), this.y.map(v => v + part * (y0 - y1)));
    if (!other) return;
    const apart = finger => Math.hypot(finger.offsetX - other.offsetX, finger.offsetY - other.offsetY);
    this.zoom(apart(before) / Math.max(1, apart(event)), this.at({
      offsetX: (event.offsetX + other.offsetX) / 2, offsetY: (event.offsetY + other.offsetY) / 2 }));
  }

  zoom(factor, [x, y] = this.handles[0]?.get() ?? [(this.x[0] + this.x[1]) / 2, (this.y[0] + this.y[1]) / 2]) {
    this.look(this.x.map(v => x + factor * (v - x)), this.y.map(v => y + factor * (v - y)));
  }

  look(x, y) { // a view between a hundredth and ten times the first one
    const size = (x[1] - x[0]) / (this.home.x[1] - this.home.x[0]);
    if (!(size > 0.01 && size < 10)) return;
    [this.x, this.y] = [[...x], [...y]];
    this.repaint();
  }

  zoomers() { // the same by buttons
    const { stage } = this;
    return element("span", { class: "vae-group" },
      stage.button("+", () => this.zoom(0.7), "Zoom in (also: Ctrl + wheel, pinch, the key +); Shift + drag moves the view"),
      stage.button("−", () => this.zoom(1 / 0.7), "Zoom out"),
      stage.button("Fit", () => this.look(this.home.x, this.home.y), "The whole plane again"));
  }
}

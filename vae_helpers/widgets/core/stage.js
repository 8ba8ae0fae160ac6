// What every widget stands on: its elements and keys, the theme, one drawing a
// frame, and the values that the kernel mirrors.

const PASSING_KEYS = ["Tab", "Escape"]; // JupyterLab keeps these, and all that comes with Ctrl, Meta or Alt

// `element("button", { class: "x", onclick: f }, "text", child)`; functions are properties, the rest attributes
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function" || typeof value === "boolean") node[name] = value;
    else if (value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const tidy = value => Math.round(value * 1e4) / 1e4; // as it will stand in the learner's next cell
const round = (value, digits = 2) => {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−"); // no −0.00; a minus, not a hyphen
};

const lightness = (() => { // of any CSS colour, by the eye's weights, 0 to 255
  let c;
  return colour => {
    c ??= element("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    c.fillStyle = colour;
    c.fillRect(0, 0, 1, 1);
    const [r, g, b] = c.getImageData(0, 0, 1, 1).data;
    return 0.3 * r + 0.59 * g + 0.11 * b;
  };
})();

// One copy of the weights for all widgets of a page, whichever module unpacked them first.
const unpacked = (globalThis[Symbol.for("vae-helpers weights")] ??= new WeakMap());

class Stage {
  constructor({ model, el }, label) {
    this.model = model;
    this.leave = new AbortController();
    this.waiting = new Set();
    this.endings = [];
    this.root = element("div", { class: "vae-widget", role: "group", "aria-label": label });
    this.status = element("p", { class: "vae-status vae-unseen", role: "status" });
    this.root.append(this.status);
    el.append(this.root);
    this.listen(this.root, "keydown", event => {
      const passes = event.ctrlKey || event.metaKey || event.altKey || PASSING_KEYS.includes(event.key)
        || (event.shiftKey && event.key === "Enter");
      if (!passes) event.stopPropagation();
    });
    this.watchTheme();
  }

  listen(target, type, handler, options = {}) {
    target.addEventListener(type, handler, { ...options, signal: this.leave.signal });
  }

  get(name) {
    return this.model.get(name);
  }

  numbers(name, Kind = Float32Array) { // a Bytes trait, little-endian
    const bytes = this.get(name);
    return new Kind(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  }

  on(names, handler) { // `handler` runs whenever one of these traits changes, in the kernel, here or in a second view
    for (const name of [names].flat()) {
      this.model.on(`change:${name}`, handler);
      this.endings.push(() => this.model.off(`change:${name}`, handler));
    }
  }

  // All views follow at once; the kernel is told ten times a second at most, the last value always.
  set(values) {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    if (this.telling) return void (this.more = true);
    this.model.save_changes();
    this.telling = setTimeout(() => {
      this.telling = null;
      if (this.more) this.set({});
    }, 100);
    this.more = false;
  }

  frame(draw) { // `draw` runs once, just before the next frame, however often it is asked for
    if (!this.waiting.size) this.request = requestAnimationFrame(now => {
      const due = [...this.waiting];
      this.waiting.clear();
      for (const each of due) try { each(now); } catch (error) { console.error(error); } // the others are drawn
    });
    this.waiting.add(draw);
  }

  say(text) { // to screen readers: the last word, a moment after the first, and at most every three seconds
    this.saidLast = text;
    this.saying ??= setTimeout(() => {
      this.saying = null;
      this.said = Date.now();
      this.status.textContent = this.saidLast;
    }, Math.max(700, 3000 - (Date.now() - (this.said ?? 0))));
  }

  // --- theme: colours as the page has them, for the canvases

  watchTheme() {
    this.redraws = new Set();
    const changed = () => {
      if (!this.root.isConnected) return; // no colours yet: JupyterLab may attach it later
      const style = getComputedStyle(this.root);
      const colour = name => style.getPropertyValue(`--vae-${name}`).trim();
      this.theme = Object.fromEntries(["ink", "paper", "faint", "line", "accent"].map(name => [name, colour(name)]));
      this.dark = lightness(this.theme.paper) < lightness(this.theme.ink);
      for (const redraw of this.redraws) redraw();
    };
    const later = () => { changed(); clearTimeout(this.repaint); this.repaint = setTimeout(changed, 300); };
    const observer = new MutationObserver(later); // style sheets of a theme may come after its name
    observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "class"] });
    this.endings.push(() => observer.disconnect());
    this.listen(matchMedia("(prefers-color-scheme: dark)"), "change", later);
    const sharper = () => { // another zoom of the page, or another monitor
      this.listen(matchMedia(`(resolution: ${devicePixelRatio}dppx)`), "change", () => { changed(); sharper(); }, { once: true });
    };
    sharper();
    const attached = new ResizeObserver(() => { changed(); attached.disconnect(); });
    attached.observe(this.root);
    this.endings.push(() => attached.disconnect());
    this.theme = { ink: "#222", paper: "#fff", faint: "#888", line: "#ccc", accent: "#0072b2" };
  }

  // --- parts

  button(text, onclick, title) {
    const node = element("button", { type: "button", title, class: "vae-button" }, text);
    this.listen(node, "click", () => onclick(node));
    return node;
  }

  toggle(text, pressed, onchange, title) {
    const node = this.button(text, () => {
      node.setAttribute("aria-pressed", node.getAttribute("aria-pressed") !== "true");
      onchange(node.getAttribute("aria-pressed") === "true");
    }, title);
    node.setAttribute("aria-pressed", pressed);
    return node;
  }

  // a slider with its name before it and its value, as `show` writes it, behind; `node.move(v)` sets it silently
  slider({ name, min, max, step, value, home = value, show = v => round(v), move }) {
    const input = element("input", { type: "range", min, max, step: "any", "aria-label": name });
    const output = element("span", { class: "vae-value", "aria-hidden": "true" });
    const node = element("label", { class: "vae-slider" }, element("span", {}, name), input, output);
    node.move = v => {
      const text = show(Number(v));
      if (input.value !== String(v)) input.value = v;
      if (output.textContent === text) return;
      output.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    this.listen(input, "input", () => { node.move(input.value); move(Number(input.value)); });
    this.listen(input, "keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
      if (by === undefined && event.key !== "Home") return;
      event.preventDefault();
      const to = event.key === "Home" ? home : Number(input.value) + by * step * (event.shiftKey ? 10 : 1);
      node.move(Math.min(max, Math.max(min, to)));
      move(Number(input.value));
    });
    node.move(value);
    return node;
  }

  // a canvas of `height` × `width` pixels; `node.draw(pixels)` takes values in [0, 1], (C, H, W), and shows ink on paper
  picture([channels, height, width], label) {
    const node = element("canvas", { class: "vae-picture", role: "img", "aria-label": label, width, height });
    const context = node.getContext("2d"), image = context.createImageData(width, height), size = width * height;
    node.draw = pixels => {
      for (let i = 0; i < size; i++) {
        for (let c = 0; c < 3; c++)
          image.data[4 * i + c] = channels === 1 ? 255 * (1 - pixels[i]) : 255 * pixels[c * size + i];
        image.data[4 * i + 3] = 255;
      }
      context.putImageData(image, 0, 0);
    };
    return node;
  }

  copier(line) { // copies what `line()` gives: the state, as Python
    return this.button("Copy as Python", async node => {
      const text = line();
      try { await navigator.clipboard.writeText(text); } catch { return void prompt("Copy this line:", text); }
      node.textContent = "Copied";
      this.status.textContent = `Copied: ${text}`;
      setTimeout(() => { node.textContent = "Copy as Python"; }, 1500);
    }, "Copies the state as a line of Python");
  }

  // the network that a trait refers to, on the weights it shares with all other widgets of that model
  async network(name) {
    const id = this.get(name).replace(/^(IPY_MODEL_|anywidget:)/, "");
    const sent = await this.model.widget_manager.get_model(id), bytes = sent.get("weights");
    if (unpacked.get(sent)?.bytes !== bytes) unpacked.set(sent, { bytes, weights: unpackWeights(bytes, sent.get("format")) });
    return new Net(sent.get("layers"), unpacked.get(sent).weights);
  }

  end() {
    this.leave.abort();
    cancelAnimationFrame(this.request);
    for (const timer of [this.telling, this.saying, this.repaint]) clearTimeout(timer);
    if (this.more) this.model.save_changes();
    for (const ending of this.endings) ending();
    this.root.remove();
  }
}

// `export default widget("what it is", async stage => { … })`
function widget(label, build) {
  return {
    async render(given) {
      const stage = new Stage(given, label);
      try {
        await build(stage);
      } catch (error) {
        console.error(error);
        stage.root.append(element("p", { role: "alert" }, `This picture could not be drawn: ${error.message}`));
      }
      return () => stage.end();
    },
  };
}

// The widgets of the notebooks on a page without a kernel. Scripts of data call `course.kind`, `course.widgets` and
// `course.bytes`; classic scripts, since a page that was opened from a folder may load neither modules nor JSON.
"use strict";

window.course = (() => {
  const base = document.currentScript.src.replace(/[^/]*$/, "");
  const kinds = new Map(); // name → { make: () => module, css, module }
  const entries = {}; // id → what the page says of a widget
  const models = new Map(); // id → promise of its Model
  const loading = new Map(); // file → promise of its bytes
  const arrived = new Map(); // file → base64

  // --- what the scripts of data say

  const kind = (name, make, css) => kinds.set(name, { make, css });
  const widgets = given => Object.assign(entries, given);
  const bytes = (file, data) => arrived.set(file, data);

  function load(file) { // once, however many widgets ask
    if (!loading.has(file)) loading.set(file, new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = `${base}bytes/${file}`;
      const missing = () => failed(new Error(`its numbers are missing (${file}): is the folder complete?`));
      script.onload = () => arrived.has(file) ? done(view(arrived.get(file))) : missing(); // half a file loads too
      script.onerror = missing;
      document.head.append(script);
    }));
    return loading.get(file);
  }

  function view(base64) {
    const text = atob(base64), array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return new DataView(array.buffer);
  }

  // --- models, as anywidget hands them to a module

  const same = (a, b) => a === b || (!(a instanceof DataView) && JSON.stringify(a) === JSON.stringify(b));

  class Model {
    constructor(state) {
      this.state = state;
      this.handlers = new Map();
      this.widget_manager = { get_model: id => modelOf(id.replace(/^(IPY_MODEL_|anywidget:)/, "")) };
    }
    get(name) { return this.state[name]; }
    set(name, value) {
      if (typeof name === "object") return void Object.entries(name).forEach(([n, v]) => this.set(n, v));
      if (same(this.state[name], value)) return;
      this.state[name] = value;
      for (const handler of [...this.handlers.get(`change:${name}`) ?? []]) handler(this, value);
    }
    on(names, handler) {
      for (const name of names.split(" ")) this.handlers.set(name, (this.handlers.get(name) ?? new Set()).add(handler));
    }
    off(names, handler) {
      for (const name of names.split(" ")) this.handlers.get(name)?.delete(handler);
    }
    save_changes() {} // here no kernel listens; what stands in for one overrides these two
    send() {}
  }

  function modelOf(id) {
    if (!models.has(id)) models.set(id, (async () => {
      const entry = entries[id], state = { ...entry.state };
      await Promise.all(Object.entries(entry.buffers).map(async ([name, data]) => {
        state[name] = data.file ? await load(data.file) : view(data);
      }));
      const model = new Model(state);
      standIns[entry.kind]?.(model, entry);
      return model;
    })());
    return models.get(id);
  }

  // --- what answers in the kernel's place

  const standIns = {
    Prediction(model, entry) { // waits for the answer below it to be opened
      model.set("next", "The answer follows.");
      model.reveal = () => {
        model.set("result", entry.replies ? entry.replies[model.get("guess")] : numberBeside(model.get("guess"), entry.state));
        return model.get("result");
      };
    },
    TrainingView(model, entry) { // plays the training that was recorded
      const { frames } = entry;
      let at = -1, timer = null;
      const show = until => {
        for (; at + 1 <= until; at++) {
          const frame = frames[at + 1];
          for (const [name, data] of Object.entries(frame.buffers)) model.set(name, view(data));
          for (const [name, value] of Object.entries(frame.state)) if (!(name in said)) model.set(name, value);
        }
        model.set("state", timer && at < frames.length - 1 ? "training" : "paused"); // at its end it can begin anew
        model.set("message", `A recording. ${[...frames.slice(0, at + 1)].reverse().find(f => f.state.message)?.state.message ?? ""}`);
      };
      const said = { state: 1, message: 1, awaited: 1, beta: 1, has_beta: 1 }; // the player says these itself
      const halt = () => { clearTimeout(timer); timer = null; };
      const next = () => {
        if (at >= frames.length - 1) return halt();
        timer = setTimeout(() => { show(at + 1); timer && next(); }, 1000 * Math.max(0, frames[at + 1].t - (frames[at]?.t ?? 0)));
      };
      model.set("has_beta", false); // what has been recorded cannot be weighed anew
      model.set("awaited", false);
      model.send = ({ command }) => {
        if (command === "stop") { halt(); return void show(frames.length - 1); }
        if (command === "pause") { halt(); return void model.set("state", "paused"); }
        if (at >= frames.length - 1) at = -1; // from the start
        if (command === "step") { halt(); return void show(at + 1); }
        next();
        model.set("state", "training");
      };
      show(frames.length - 1);
    },
    BreakIt(model, { patients }) { // thirteen recorded patients
      const bytes = ["steps", "nll", "kl", "sheet"], verdicts = new Map(), untouched = { ...model.state };
      const show = () => {
        const chosen = model.get("chosen"), { shown } = patients[chosen - 1] ?? {};
        for (const name of [...bytes, "bars", "chart", "shape"])
          model.set(name, !shown ? untouched[name] : bytes.includes(name) ? view(shown[name]) : shown[name]);
        model.set("message", chosen ? "" : "Thirteen VAEs, as the notebook has trained them: choose a patient.");
        model.set("verdict", verdicts.get(chosen)?.[1] ?? "");
        model.set("marks", patients.map((_, i) => ({ true: "right", false: "wrong" })[verdicts.get(i + 1)?.[0]] ?? "trained"));
      };
      model.on("change:chosen", () => { model.set("guess", ""); show(); });
      model.send = ({ diagnose, reset }) => {
        if (reset) { verdicts.clear(); model.set("chosen", 0); model.set("guess", ""); }
        else if (patients[model.get("chosen") - 1]) verdicts.set(model.get("chosen"), patients[model.get("chosen") - 1].verdicts[diagnose]);
        show();
      };
      show();
    },
  };

  // as vae_helpers.widgets.prediction has it, for numbers; but 1e-6 is 0.000001 here, and halves are rounded up
  function numberBeside(guess, { answer, because }) {
    const shown = v => v.toLocaleString("en", { maximumSignificantDigits: 12 }), truth = Number(answer);
    const ends = because ? ` ${because}` : "";
    const tight = guess.replace(/\s/g, "");
    const plain = tight.replaceAll(",", /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(tight) ? "" : ".");
    const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
    if (!Number.isFinite(number)) {
      const said = guess ? `'${guess}' is no plain number` : "No number was predicted";
      return `${said}. The answer: ${shown(truth)}.${ends}`;
    }
    if (number === truth) return `You predicted ${shown(number)}. Exactly right.${ends}`;
    const words = `You predicted ${shown(number)}. The answer: ${shown(truth)}`;
    if (!(number > 0 && truth > 0)) return `${words}.${ends}`;
    const ratio = Number(Math.max(number / truth, truth / number).toPrecision(2));
    return `${words}; you were ${number > truth ? "above" : "below"} it by a factor of ${shown(ratio)}.${ends}`;
  }

  // --- on the page

  const styled = new Set();
  function style(css) {
    if (styled.has(css)) return;
    styled.add(css);
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  }

  async function start(place) {
    if (place.dataset.state) return;
    place.dataset.state = "starting";
    try {
      const kind = kinds.get(place.dataset.kind);
      if (!kind || !entries[place.dataset.widget]) throw new Error("its script is missing: is the folder complete?");
      kind.module ??= kind.make();
      style(kind.css);
      const model = await modelOf(place.dataset.widget);
      place.replaceChildren();
      await kind.module.render({ model, el: place });
      place.dataset.state = "alive";
    } catch (error) {
      console.error(error);
      place.dataset.state = "failed";
      place.append(Object.assign(document.createElement("p"), { textContent: `This could not be started: ${error.message}` }));
    }
  }

  async function answer(node) { // sets the guess beside the truth, in the words below and at the question
    const model = await modelOf(node.dataset.reveals), said = node.querySelector(".said");
    if (model.get("guess") && said) said.textContent = model.reveal();
  }

  async function askAgain(place) { // a question that is shown once more can be voted on once more
    (await modelOf(place.dataset.widget)).set("result", "");
  }

  addEventListener("DOMContentLoaded", () => {
    const near = new IntersectionObserver(seen => {
      for (const { isIntersecting, target } of seen) if (isIntersecting) { near.unobserve(target); start(target); }
    }, { rootMargin: "800px" });
    for (const place of document.querySelectorAll(".live")) near.observe(place);
    for (const fold of document.querySelectorAll("details[data-reveals]"))
      fold.addEventListener("toggle", () => fold.open && answer(fold));
  });

  return { kind, widgets, bytes, answer, askAgain };
})();

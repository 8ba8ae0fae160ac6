// Draw a digit: what the encoder makes of it on the plane of codes, and what the decoder makes of that.

// Half the side of a close-up of an ellipse, `reach` σ (the larger one) in a plane of side `all`. One that still
// fits is kept, so that σ is seen to change.
function closeUp(half, sigma, all, reach = 6) {
  const wanted = Math.min(all / 2, Math.max(all / 160, reach * sigma));
  return half > wanted / 1.5 && half < wanted * 1.5 ? half : wanted;
}

export default widget("Draw a digit", async stage => {
  const SIZE = FIELD * FIELD, shape = [1, FIELD, FIELD], THROWN = 20;
  const encoder = await stage.network("encoder"), decoder = await stage.network("decoder");
  const vae = stage.get("vae"), axes = stage.get("axes"), d = stage.get("mu").length;
  const dots = { codes: stage.numbers("codes"), labels: stage.numbers("labels", Uint8Array), classes: stage.get("classes") };
  const examples = picturesIn(stage.numbers("examples", Uint8Array), SIZE), names = stage.get("names");
  const two = values => axes.map(axis => round(values[axis])).join(", ");
  const page = new Page(stage, { base: stage.numbers("drawing"), moved: () => stage.frame(show), done: tell,
    label: "Page to draw on, with mouse, pen or finger. The examples below do the same without drawing." });

  // --- what the networks make of it

  const [mu, sigma, z] = [0, 0, 0].map(() => new Float32Array(d)), logvar = new Float32Array(vae ? d : 0);
  let eps = [], lit = -1, input = page.base, told = stage.get("drawing");
  function encode() {
    input = page.given(stage.get("centred"));
    const answer = encoder.run(input);
    mu.set(answer.subarray(0, d));
    if (!vae) return;
    logvar.set(answer.subarray(d, 2 * d));
    for (let i = 0; i < d; i++) sigma[i] = Math.exp(logvar[i] / 2);
  }
  function tell() { // the kernel, when the pen is lifted
    encode();
    told = new DataView(input.slice().buffer);
    stage.set({ drawing: told, mu: Array.from(mu, tidy), logvar: Array.from(logvar, tidy) });
    stage.frame(show);
  }
  const start = image => { page.lay(image, []); tell(); };

  const [x, y] = stage.get("view");
  const plane = new Plane(stage, { label: "Plane of codes", x, y, names: axes.map(axis => `z${axis}`), under, over });
  const middle = () => axes.map(axis => mu[axis]);
  function under() { plane.axes(); if (close) drawNear(); else drawCodes(plane, dots); }
  function drawNear() { // of the codes those in view, and each class's name at one of them, clear of the ellipses
    const { codes, labels, classes } = dots, tags = [], { c } = plane;
    c.globalAlpha = 0.55;
    for (let i = 0; i < labels.length; i++) {
      const at = [codes[2 * i], codes[2 * i + 1]], label = labels[i], colour = classColour(label, stage);
      const [across, down] = [(at[0] - plane.x[0]) / half - 1, (at[1] - plane.y[0]) / half - 1]; // −1 to 1
      const away = Math.hypot(across, down), edge = Math.max(Math.abs(across), Math.abs(down));
      if (edge > 1) continue;
      plane.dot(...at, colour, 2.2);
      if (edge > 0.8 || across < -0.65 || away < 0.6 || away > (tags[label]?.away ?? 2)) continue; // numbers at the left
      tags[label] = { away, name: classes[label], colour, x: plane.px(at[0]), y: plane.py(at[1]),
        wide: c.measureText(classes[label]).width + 8, high: 18 };
    }
    c.globalAlpha = 1;
    if (classes.length > 1) tags.forEach(tag => nameTag(plane, tag));
  }
  function over() { // σ as rings on a paper-coloured ground, then the draws, then μ
    const { ink, paper, accent } = stage.theme, at = middle(), [a, b] = axes.map(axis => sigma[axis]);
    if (!vae) return plane.dot(...at, ink, 6, paper);
    const pixel = (plane.x[1] - plane.x[0]) / plane.wide, far = 2 * Math.max(a, b) / pixel, tiny = far < 12;
    for (const [colour, more, dash] of [[paper, 3, []], [ink, 0, tiny ? [] : [5, 3]]])
      for (const radius of [1, 2])
        plane.ellipse(at, [a ** 2, 0, b ** 2], radius, colour, (tiny ? 1 : 2) + more, radius > 1 ? dash : []);
    eps.forEach((one, k) => plane.dot(...axes.map(axis => mu[axis] + sigma[axis] * one[axis]), accent,
      k === lit ? 8 : tiny ? 1.5 : 3.5, tiny && k !== lit ? "" : paper));
    if (!tiny) return plane.dot(...at, paper, 3, ink);
    for (const [colour, width] of [[paper, 5], [ink, 2]]) // four strokes around what is too small to be found
      for (const [right, up] of [[1, 0], [-1, 0], [0, 1], [0, -1]])
        plane.line([4, 13].map(gap => (far + gap) * pixel).map(r => [at[0] + r * right, at[1] + r * up]), colour, width);
  }

  let close = false, half = 0, reach = 6;
  function follow() { // the view goes with μ
    half = closeUp(half, Math.max(...axes.map(axis => sigma[axis])), x[1] - x[0], reach);
    [plane.x, plane.y, plane.stale] = [...middle().map(v => [v - half, v + half]), true];
  }
  const closer = stage.toggle("Close up", false, on => {
    [close, half, reach] = [on, 0, 6];
    if (on) stage.frame(show); else plane.look(x, y);
  }, "Shows the Gaussian large, six σ to each side of μ, and goes with it as you draw; off: the whole plane");
  plane.zoom = (factor, at) => { // about μ; close up, the view stays with it
    if (!close || at) return Plane.prototype.zoom.call(plane, factor, at ?? middle());
    [half, reach] = [0, Math.min(60, Math.max(2, reach * factor))];
    stage.frame(show);
  };
  plane.look = (...view) => { // moved by hand
    closer.setAttribute("aria-pressed", close = false);
    Plane.prototype.look.apply(plane, view);
  };

  const seen = stage.picture(shape, "What the encoder is given"), decoded = stage.picture(shape, "");
  const where = element("p", { class: "vae-number" });
  const strip = element("div", { class: "vae-thrown", role: "group", "aria-label": "Pictures of the twenty draws" });
  const thrown = Array.from({ length: vae ? THROWN : 0 }, (_, k) => {
    const picture = stage.picture(shape, `Draw ${k + 1}`);
    for (const [type, which] of [["pointerenter", k], ["pointerleave", -1]])
      stage.listen(picture, type, () => { lit = which; plane.redraw(); });
    strip.append(picture);
    return picture;
  });
  let due = 0, next = 0, rest;
  stage.endings.push(() => clearTimeout(rest));
  function decodeThrown() { // some a frame, so that the hand is never kept waiting
    const until = performance.now() + 5;
    for (; due > 0; due--, next = (next + 1) % THROWN) {
      if (performance.now() > until) return stage.frame(decodeThrown);
      for (let i = 0; i < d; i++) z[i] = mu[i] + sigma[i] * eps[next][i];
      thrown[next].draw(decoder.run(z));
    }
  }

  function show() {
    const begun = performance.now();
    page.show();
    encode();
    seen.draw(input);
    decoded.draw(decoder.run(mu));
    const code = `${vae ? "μ" : "z"} = (${two(mu)})${vae ? `, σ = (${two(sigma)})` : ""}`;
    const said = code + (page.blank ? ": this is the code of a blank page" : "");
    if (where.textContent !== said) where.textContent = said;
    decoded.setAttribute("aria-label", `The picture decoded from ${code}`);
    if (close) follow();
    plane.draw();
    if (eps.length) { // at once; of a slow network when the pen rests
      const slow = performance.now() - begun > 10, again = () => { due = THROWN; decodeThrown(); };
      clearTimeout(rest);
      if (slow) [due, rest] = [0, setTimeout(again, 150)]; else again();
    }
    const [best] = nearestCode(dots.codes, mu[axes[0]], mu[axes[1]]);
    stage.say(`${page.blank ? "A blank page: " : ""}${code}; the nearest code is of class ${dots.classes[dots.labels[best]]}`);
  }

  // --- buttons

  const choices = element("div", { class: "vae-examples", role: "group", "aria-label": "Examples" },
    ...examples.map((image, k) => {
      const picture = stage.picture(shape, "");
      const button = stage.button("", () => start(image), `An image of class ${names[k]}`);
      picture.draw(image);
      picture.setAttribute("aria-hidden", "true");
      button.setAttribute("aria-label", `Example: class ${names[k]}`);
      button.classList.add("vae-choice");
      button.append(picture);
      return button;
    }));
  const centred = stage.toggle("Centre it", stage.get("centred"), on => stage.set({ centred: on }),
    "Scales what you draw to 20 × 20 pixels and centres it by its mass, as MNIST’s digits were; off: the page is only "
    + "made small. Examples stay as they are");
  const upon = stage.toggle("Draw on it", false, on => { page.over = on; },
    "Your pen adds to the example in place of starting a blank page");
  const wide = stage.slider({ name: "Pen", min: 8, max: 48, step: 2, value: page.width, show: v => `${Math.round(v)}`,
    move: v => { page.width = v; } });
  function throwAnew(count) {
    clearTimeout(rest); // pictures still owed are those of other ε
    due = next = 0;
    eps = Array.from({ length: count }, () => Float32Array.from({ length: d }, gaussian));
    strip.hidden = !count;
    stage.frame(show);
  }
  const buttons = element("div", { class: "vae-row" },
    stage.button("Clear", () => start(null), "A blank page"),
    stage.button("Undo", () => { page.lay(page.base, page.strokes.slice(0, -1)); tell(); }, "Takes the last stroke back"),
    centred, upon,
    stage.button("Reset", () => {
      page.over = false;
      upon.setAttribute("aria-pressed", false);
      wide.move(page.width = PEN);
      throwAnew(0);
      stage.set({ centred: true });
      plane.look(x, y);
      start(examples[0]);
    }, "Everything as it was at the start"));
  const python = name => `torch.tensor([[${stage.get(name).join(", ")}]])`;
  const copy = stage.copier(() => vae ? `mu, logvar = ${python("mu")}, ${python("logvar")}` : `z = ${python("mu")}`);
  const figure = (picture, words) => element("figure", {}, picture, element("figcaption", {}, words));
  const throwing = vae ? stage.button("Throw twenty ε", () => throwAnew(THROWN),
    "Twenty draws z = μ + σε of this Gaussian, each with its picture; fresh ones with each press")
    : element("p", {}, "An autoencoder gives one point, without σ: there is nothing to throw ε into.");
  stage.root.classList.add("vae-draws");
  stage.root.append(element("div", { class: "vae-side" }, page.node, wide),
    element("div", { class: "vae-side vae-place vae-tall" }, plane.node, where,
      element("div", { class: "vae-row" }, throwing, ...vae ? [closer] : [], plane.zoomers(), copy)),
    element("div", { class: "vae-side vae-tall" }, element("div", { class: "vae-pair" },
      figure(seen, "what the encoder is given"), figure(decoded, vae ? "decoded from μ" : "decoded from z")), strip),
    element("div", { class: "vae-side" }, buttons, choices));
  stage.on("drawing", () => {
    if (stage.get("drawing") === told) return; // our own
    told = stage.get("drawing");
    page.lay(stage.numbers("drawing"), []);
  });
  stage.on("centred", () => {
    centred.setAttribute("aria-pressed", stage.get("centred"));
    if (page.strokes.length) tell();
  });
  strip.hidden = true;
  page.lay();
});

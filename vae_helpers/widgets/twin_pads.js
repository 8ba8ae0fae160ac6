// Two latent planes under one cursor: the same place on both, each in its own view, and what each model makes of it.
export default widget("Twin pads", async stage => {
  const shape = stage.get("shape"), titles = stage.get("titles"), labels = stage.numbers("labels", Uint8Array);
  const classes = stage.get("classes");
  const sides = await Promise.all(["left", "right"].map(async (side, k) => {
    const net = await stage.network(`decoder_${side}`), codes = stage.numbers(`codes_${side}`);
    return { side, net, codes, title: titles[k], view: stage.get(`view_${side}`), z: new Float32Array(2) };
  }));

  for (const one of sides) {
    const { view: [x, y], net, z } = one, half = (x[1] - x[0]) / 2;
    one.place = () => [x, y].map(([low, high], axis) => tidy(low + (stage.get("at")[axis] + 1) / 2 * (high - low)));
    one.decode = (a, b) => { z[0] = a; z[1] = b; return net.run(z); };
    one.look = () => { // the code under the cursor, and the one that lies nearest
      [one.here, one.half] = [one.place(), half];
      [one.best, one.away] = nearestCode(one.codes, ...one.here);
    };
    const plane = one.plane = new Plane(stage, { label: `Latent plane of the ${one.title}`, x, y, names: ["z0", "z1"],
      under, over });
    const map = new Map2D(stage, plane, shape, one.decode);
    function under() {
      if (stage.get("background") === "manifold") return map.draw();
      plane.axes();
      drawCodes(plane, { codes: one.codes, labels, classes });
      drawPrior(plane); // on the autoencoder's plane too: how little of it a draw from N(0, I) reaches
    }
    function over() { // how far it is to the nearest code
      if (one.here === undefined) return;
      const there = [one.codes[2 * one.best], one.codes[2 * one.best + 1]];
      plane.line([one.here, there], stage.theme.paper, 5);
      plane.line([one.here, there], stage.theme.ink, 2);
      plane.dot(...there, stage.theme.paper, 4, stage.theme.ink);
    }
    plane.handle({ names: ["z0", "z1"].map(name => `${name} of the code of the ${one.title}`), anywhere: true,
      get: one.place, limits: [x, y], step: 0.02 * half, home: [x, y].map(([low, high]) => (low + high) / 2),
      set: (a, b) => stage.set({ at: [[a, x], [b, y]].map(([v, [low, high]]) =>
        tidy(Math.max(-1, Math.min(1, 2 * (v - low) / (high - low) - 1)))) }) });
    // the cursor stays in sight
    plane.zoom = (factor, middle = one.place()) => Plane.prototype.zoom.call(plane, factor, middle);
    one.picture = stage.picture(shape, "");
    one.picture.style.flex = "none";
    one.where = element("p", { class: "vae-number" });
    one.gap = element("p", { class: "vae-number" });
  }

  // both views are zoomed and moved alike, so that the cursor stays in one place
  const [left, right] = sides;
  for (const [one, other] of [[left, right], [right, left]]) {
    const look = Plane.prototype.look, carry = (values, axis) => values.map(v => {
      const [low, high] = one.view[axis], [from, to] = other.view[axis];
      return from + (v - low) / (high - low) * (to - from);
    });
    one.plane.look = (x, y) => {
      look.call(one.plane, x, y);
      look.call(other.plane, carry(one.plane.x, 0), carry(one.plane.y, 1));
    };
  }

  function show() {
    for (const one of sides) {
      one.look();
      one.picture.draw(one.decode(...one.here));
      one.where.textContent = `z = (${one.here.map(v => round(v)).join(", ")})`;
      const away = `${round(50 * one.away / one.half, 0)} % of the plane’s width away`;
      one.gap.textContent = `nearest test code: class ${classes[labels[one.best]]}, ${away}`;
      one.picture.setAttribute("aria-label", `The picture that the ${one.title} decodes from ${one.where.textContent}`);
      one.plane.draw();
    }
    stage.say(sides.map(one => `${one.title}: ${one.where.textContent}, ${one.gap.textContent}`).join("; "));
  }

  const manifold = stage.toggle("Map of pictures", stage.get("background") === "manifold",
    on => stage.set({ background: on ? "manifold" : "codes" }), "Shows decoded pictures in place of the codes, on both planes");
  const hover = stage.toggle("Follow the mouse", false, on => sides.forEach(one => { one.plane.hover = on; }),
    "The point follows without a press; a press keeps the place");
  for (const { plane } of sides) plane.onpin = () => hover.getAttribute("aria-pressed") === "true" && hover.click();
  for (const { title, plane, picture, where, gap } of sides)
    stage.root.append(element("div", { class: "vae-side", style: "flex:1 1 280px;max-width:clamp(340px, 30vw, 544px)" },
      element("p", { style: "font-weight:600" }, title), plane.node,
      element("div", { class: "vae-row", style: "flex-wrap:nowrap;align-items:flex-start" }, picture,
        element("div", {}, where, gap))));
  const code = one => `torch.tensor([[${one.place().join(", ")}]])`;
  stage.root.append(element("div", { class: "vae-row", style: "flex:1 1 100%" }, manifold, hover, left.plane.zoomers(),
    stage.copier(() => `z_left, z_right = ${code(left)}, ${code(right)}`),
    stage.button("Reset", () => {
      stage.set({ at: [0, 0], background: "codes" });
      left.plane.onpin();
      left.plane.look(...left.view);
    }, "Everything as it was at the start")));
  stage.on("at", () => stage.frame(show));
  stage.on("background", () => {
    manifold.setAttribute("aria-pressed", stage.get("background") === "manifold");
    for (const { plane } of sides) plane.repaint();
  });
  stage.frame(show);
});

// The latent plane under the hand: a place on it, and the picture that the decoder makes of it.
export default widget("Latent pad", async stage => {
  const net = await stage.network("decoder"), shape = stage.get("shape"), axes = stage.get("axes");
  const names = axes.map(axis => `z${axis}`), dots = { codes: stage.numbers("codes"),
    labels: stage.numbers("labels", Uint8Array), classes: stage.get("classes") };
  const [x, y] = stage.get("view");
  const z = Float32Array.from(stage.get("z")), there = () => axes.map(axis => stage.get("z")[axis]);
  const at = (a, b) => stage.get("z").map((v, i) => tidy(i === axes[0] ? a : i === axes[1] ? b : v));
  const decode = (a, b) => { z.set(at(a, b)); return net.run(z); };

  const plane = new Plane(stage, { label: "Latent plane", x, y, names, under, over: () => {} });
  const others = () => stage.get("z").filter((_, i) => !axes.includes(i)).join();
  const map = new Map2D(stage, plane, shape, decode, { others });
  function under() {
    if (stage.get("background") === "manifold") return map.draw();
    plane.axes();
    drawCodes(plane, dots);
    if (stage.get("prior")) drawPrior(plane);
  }
  plane.handle({ names: names.map(name => `${name} of the code`), get: there, home: stage.get("home"), anywhere: true,
    limits: [x, y], set: (a, b) => stage.set({ z: at(a, b) }) });

  const picture = stage.picture(shape, "The decoded picture");
  const where = element("p", { class: "vae-number" });
  function show() {
    const [a, b] = there();
    picture.draw(decode(a, b));
    where.textContent = `z = (${round(a)}, ${round(b)})`;
    picture.setAttribute("aria-label", `The picture decoded from ${where.textContent}`);
    plane.draw();
    stage.say(where.textContent + nearest(a, b));
  }
  function nearest(a, b) { // for who cannot see the picture: whose codes lie here
    const [best, away] = nearestCode(dots.codes, a, b);
    return best < 0 ? "" : `; the nearest test code, ${round(away)} away, is of class ${dots.classes[dots.labels[best]]}`;
  }

  const manifold = stage.toggle("Map of pictures", stage.get("background") === "manifold",
    on => stage.set({ background: on ? "manifold" : "codes" }), "Shows decoded pictures in place of the codes");
  const hover = stage.toggle("Follow the mouse", false, on => { plane.hover = on; },
    "The point follows without a press; a press keeps the place");
  plane.onpin = () => hover.getAttribute("aria-pressed") === "true" && hover.click();
  stage.root.append(plane.node, element("div", { class: "vae-side" }, picture, where,
    element("div", { class: "vae-row" }, manifold, hover), element("div", { class: "vae-row" }, plane.zoomers(),
      stage.copier(() => `z = torch.tensor([[${stage.get("z").join(", ")}]])`),
      stage.button("Reset", () => {
        stage.set({ z: stage.get("z").map((_, i) => tidy(stage.get("home")[axes.indexOf(i)] ?? 0)), background: "codes" });
        plane.onpin();
        plane.look(x, y);
      }, "Everything as it was at the start"))));
  let before = others();
  stage.on("z", () => {
    if (before !== others()) plane.repaint(); // of more than two latents, one that is no axis
    before = others();
    stage.frame(show);
  });
  stage.on("background", () => {
    manifold.setAttribute("aria-pressed", stage.get("background") === "manifold");
    plane.repaint();
  });
  stage.frame(show);
});

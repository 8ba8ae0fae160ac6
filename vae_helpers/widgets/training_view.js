// A run of `fit`, live: the kernel sends what there is to see a few times a second, the learner's hand goes back.
export default widget("Training, live", async stage => {
  const vae = () => stage.get("is_vae");

  // --- the hand on it
  const send = command => () => stage.model.send({ command });
  const play = stage.button("Pause", () => send(stage.get("state") === "paused" ? "resume" : "pause")());
  const step = stage.button("Step", send("step"), "Do a single step, then pause");
  const stop = stage.button("Stop", send("stop"), "End the training after this step; weights and history are kept");
  const beta = stage.slider({ name: "β", min: 0, max: 10, step: 0.1, value: stage.get("beta"), home: 1,
    show: v => round(v, 1), move: v => stage.set({ beta: Math.round(v * 10) / 10 }) });
  beta.title = "Weight of the KL from the next step on; Home sets it back to 1";
  const words = element("p", { class: "vae-number" });
  const reset = stage.button("Reset β", () => stage.set({ beta: 1 }), "Back to β = 1, the ELBO itself");
  const hand = element("div", { class: "vae-row vae-wide" }, play, step, stop, beta, reset, words);

  function steer() {
    const state = stage.get("state"), running = state === "training" || state === "paused";
    const awaited = stage.get("awaited");
    play.textContent = state === "paused" ? "Play" : "Pause";
    play.title = awaited ? "A cell waits for the end: interrupt the kernel (the square above) to stop" : "";
    play.disabled = step.disabled = !running || awaited;
    stop.disabled = !running;
    beta.hidden = reset.hidden = !vae();
    beta.querySelector("input").disabled = !running;
    beta.move(stage.get("beta"));
    words.textContent = stage.get("message");
    stage.say(`${state}: ${stage.get("message")}`);
  }

  // --- curves
  const colours = ["#0072b2", "#d55e00"], plots = [0, 1].map(k => {
    const plane = new Plane(stage, { label: `Curve ${k + 1}`, x: [0, 1], y: [0, 1], aspect: 1.9, width: 300, under: curve(k) });
    plane.canvas.style.touchAction = "auto"; // there is nothing to take hold of
    return plane;
  });
  function table() { // rows of step, then of each name
    const numbers = stage.numbers("curves"), rows = stage.get("names").length + 1, n = numbers.length / rows;
    return Array.from({ length: rows }, (_, r) => numbers.subarray(r * n, (r + 1) * n));
  }
  function curve(k) {
    return plane => {
      const rows = table(), names = stage.get("names"), steps = rows[0], values = rows[k + 1];
      if (!values?.length) {
        plane.axes({ horizontal: false, vertical: false });
        return plane.text("The curve begins with the first step.", 0.5, 0.5, stage.theme.faint);
      }
      // the first steps tower over all that follows
      const sorted = [...values].sort((a, b) => a - b), top = sorted[Math.floor(0.96 * (sorted.length - 1))];
      const low = sorted[0], room = Math.max(0.05 * (top - low), 1e-3 * Math.abs(top), 1e-6);
      const end = Math.max(steps.at(-1), 2);
      [plane.x, plane.y] = [[-0.13 * end, 1.02 * end], [low - 3 * room, top + 8 * room]];
      plane.names = ["step", names[k]];
      plane.axes();
      plane.line(Array.from(values, (v, i) => [steps[i], v]), stage.dark && !k ? "#4da3e0" : colours[k]);
      plane.c.font = "bold 13px system-ui, sans-serif";
      plane.c.textAlign = "right";
      plane.c.fillStyle = stage.theme.ink;
      plane.c.fillText(round(values.at(-1), 1), plane.wide - 6, 15);
      plane.node.setAttribute("aria-label", `${names[k]}: ${round(values.at(-1), 1)} at step ${steps.at(-1)}`);
    };
  }

  // --- the cloud, the bars, the pictures
  const cloud = new Plane(stage, { label: "Codes of test images", x: [-4, 4], y: [-4, 4], width: 300, under(plane) {
    const codes = stage.numbers("cloud"), labels = stage.numbers("labels", Uint8Array);
    plane.names = stage.get("axes").map(axis => `z${axis}`);
    if (!vae() && codes.length) { // codes of an autoencoder go where they like
      const reach = 1.1 * Math.max(...[...codes].map(Math.abs).sort((a, b) => a - b).slice(0, Math.ceil(0.99 * codes.length)), 0.1);
      plane.x = [-reach, reach];
      plane.y = [-reach, reach];
    }
    plane.axes();
    if (codes.length) drawCodes(plane, { codes, labels, classes: stage.get("classes") });
    if (vae()) drawPrior(plane);
  } });
  const bars = element("div", { class: "vae-bars", role: "img" });
  function drawBars() {
    const kl = stage.get("kl"), order = kl.map((_, i) => i).sort((a, b) => kl[b] - kl[a]), most = Math.max(...kl, 0.1);
    bars.hidden = !kl.length;
    bars.replaceChildren(...order.map(i => element("span", { title: `latent ${i}: ${round(kl[i])} nats` },
      element("i", { style: `height:${Math.max(1, 60 * kl[i] / most)}px` }), String(i))));
    const dead = kl.filter(v => v < 0.01).length;
    bars.setAttribute("aria-label", `KL per latent, in nats: ${order.slice(0, 6).map(i => `latent ${i} ${round(kl[i])}`).join(", ")}; ${dead} dead`);
  }
  const sheet = element("div", {});
  function drawSheet() {
    const shape = stage.get("shape"), bytes = stage.numbers("sheet", Uint8Array);
    if (sheet.size !== shape.join()) {
      sheet.size = shape.join();
      sheet.replaceChildren(sheet.picture = stage.picture(shape, "Test images, and below them the same rebuilt by the model as it is now"));
      sheet.picture.style.width = "min(100%, 420px)";
    }
    sheet.picture.draw(Float32Array.from(bytes, v => v / 255));
  }

  const side = element("div", { class: "vae-side" }, ...plots.map(plane => plane.node));
  stage.root.append(hand, side, cloud.node, element("div", { class: "vae-side" },
    element("div", {}, "Test images, and below them rebuilt", sheet),
    element("div", { class: "vae-klbars" }, "KL per latent (nats)", bars)));
  const all = () => {
    steer();
    plots[1].node.hidden = stage.get("names").length === 1;
    for (const plane of [...plots, cloud]) plane.repaint();
    bars.parentNode.hidden = !vae();
    drawBars();
    drawSheet();
  };
  stage.on(["state", "message", "awaited", "beta", "is_vae"], () => stage.frame(steer));
  stage.on("curves", () => plots.forEach((plane, k) => { plane.node.hidden = k >= stage.get("names").length; plane.repaint(); }));
  stage.on(["cloud", "axes"], cloud.repaint);
  stage.on("kl", () => stage.frame(drawBars));
  stage.on("sheet", () => stage.frame(drawSheet));
  stage.on("is_vae", () => stage.frame(all));
  all();
});

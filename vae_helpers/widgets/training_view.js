// A run of `fit`, live: the kernel sends what there is to see a few times a second, the learner's hand goes back.
export default widget("Training, live", async stage => {
  // --- the hand on it
  const send = command => () => stage.model.send({ command });
  const play = stage.button("Pause", () => send(stage.get("state") === "paused" ? "resume" : "pause")());
  const step = stage.button("Step", send("step"), "Do a single step, then pause");
  const stop = stage.button("Stop", send("stop"), "End the training after this step; weights and history are kept");
  const home = stage.get("home_beta");
  const beta = stage.slider({ name: "β", min: 0, max: Math.max(10, 2 * home), step: 0.1, value: stage.get("beta"), home,
    show: v => String(Number(v.toPrecision(3))), move: v => stage.set({ beta: tidy(v) }) });
  beta.title = "Weight of the KL from the next step on; Home sets it back";
  const words = element("p", { class: "vae-number" });
  const reset = stage.button("Reset β", () => stage.set({ beta: stage.get("home_beta") }), "Back to the β that fit was given");
  const hand = element("div", { class: "vae-row vae-wide" }, play, step, stop, beta, reset, words);

  function steer() {
    const state = stage.get("state"), running = state === "training" || state === "paused";
    const awaited = stage.get("awaited");
    play.textContent = state === "paused" ? "Play" : "Pause";
    play.title = awaited ? "A cell waits for the end: interrupt the kernel (the square above) to stop" : "";
    play.disabled = step.disabled = !running || awaited;
    stop.disabled = !running;
    beta.hidden = reset.hidden = !stage.get("has_beta");
    beta.querySelector("input").disabled = reset.disabled = !running;
    beta.move(stage.get("beta"));
    words.textContent = stage.get("message") + (running && awaited ? "; a cell waits for the end: the square above stops it" : "");
    stage.say(`${state}: ${stage.get("message")}`);
  }

  // --- curves
  const plots = [0, 1].map(k => new Plane(stage, { label: `Curve ${k + 1}`, x: [0, 1], y: [0, 1], aspect: 1.9, width: 300,
    still: true, under: curve(k) }));
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
      const low = sorted[0], tall = Math.max(top - low, 1e-3 * Math.abs(top), 1e-6), end = Math.max(steps.at(-1), 2);
      [plane.x, plane.y] = [[-0.16 * end, 1.02 * end], [low - 0.2 * tall, top + 0.35 * tall]];
      plane.names = ["step", ""];
      plane.axes();
      plane.line(Array.from(values, (v, i) => [steps[i], v]), classColour(k, stage));
      plane.c.fillStyle = stage.theme.paper; // the title and the last value, on paper of their own
      plane.c.fillRect(0, 0, plane.wide, 21);
      plane.c.fillStyle = stage.theme.ink;
      plane.c.font = "bold 13px system-ui, sans-serif";
      plane.c.textAlign = "left";
      plane.c.fillText(names[k], 5, 15);
      plane.c.textAlign = "right";
      plane.c.fillText(round(values.at(-1), 1), plane.wide - 6, 15);
      plane.node.setAttribute("aria-label", `${names[k]}: ${round(values.at(-1), 1)} at step ${steps.at(-1)}`);
    };
  }

  // --- the cloud, the bars, the pictures
  const cloud = new Plane(stage, { label: "Codes of test images", x: [-4, 4], y: [-4, 4], width: 300, still: true,
    under(plane) {
      const codes = stage.numbers("cloud"), labels = stage.numbers("labels", Uint8Array), axes = stage.get("axes");
      const prior = stage.get("kl").length > 0;
      plane.names = axes.length ? axes.map(axis => `z${axis}`) : ["", ""];
      if (!prior && codes.length) { // codes of an autoencoder go where they like
        const far = [...codes].map(Math.abs).sort((a, b) => a - b)[Math.floor(0.99 * (codes.length - 1))];
        plane.x = [-1.1 * Math.max(far, 0.1), 1.1 * Math.max(far, 0.1)];
        plane.y = plane.x;
      }
      plane.axes();
      if (prior) drawPrior(plane);
      if (codes.length) drawCodes(plane, { codes, labels, classes: stage.get("classes") });
      else plane.text("Here the codes will be, of two latents.", 0, 0, stage.theme.faint);
    } });
  const bars = element("div", { class: "vae-bars", role: "img" });
  let most = 1; // the tallest bar of the run so far: what shrinks is seen to shrink
  function drawBars() {
    const kl = stage.get("kl"), order = kl.map((_, i) => i).sort((a, b) => kl[b] - kl[a]);
    bars.parentNode.hidden = !kl.length;
    most = Math.max(most, ...kl);
    bars.replaceChildren(...order.map(i => element("span", { title: `latent ${i}: ${round(kl[i])} nats` },
      ...order.length < 9 ? [round(kl[i], 1)] : [], element("i", { style: `height:${Math.max(1, 60 * kl[i] / most)}px` }),
      String(i))));
    const sum = kl.reduce((a, b) => a + b, 0), dead = kl.filter(v => v < 0.01).length;
    total.textContent = `KL per latent: ${round(sum, 1)} nats together`;
    bars.setAttribute("aria-label", `KL per latent, in nats: ${order.slice(0, 6)
      .map(i => `latent ${i} ${round(kl[i])}`).join(", ")}; ${dead} dead`);
  }
  const total = element("p", { class: "vae-number" });
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
    element("div", {}, total, bars)));
  const all = () => {
    steer();
    plots[1].node.hidden = stage.get("names").length === 1;
    for (const plane of [...plots, cloud]) plane.repaint();
    drawBars();
    drawSheet();
  };
  stage.on(["state", "message", "awaited", "beta", "has_beta"], () => stage.frame(steer));
  stage.on("curves", () => plots.forEach((plane, k) => { plane.node.hidden = k >= stage.get("names").length; plane.repaint(); }));
  stage.on(["cloud", "axes"], cloud.repaint);
  stage.on("kl", () => stage.frame(drawBars));
  stage.on("sheet", () => stage.frame(drawSheet));
  stage.on("names", () => stage.frame(all));
  all();
});

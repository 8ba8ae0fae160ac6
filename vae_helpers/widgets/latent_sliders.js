// One slider for each latent, over a bar of what it carries, and the picture that the decoder makes of them all.

// Where a latent is at `t` of its journey from `start` up to `high`, down to `low` and home again; t in [0, 1].
function journey(t, start, low, high) {
  const way = t * 2 * (high - low), up = high - start;
  if (t >= 1) return start;
  return way < up ? start + way : way < up + high - low ? high - (way - up) : low + (way - up - high + low);
}

export default widget("Latent sliders", async stage => {
  const net = await stage.network("decoder"), shape = stage.get("shape"), vae = stage.get("vae");
  const [order, amounts, middle, spread] = ["order", "amounts", "middle", "spread"].map(name => stage.get(name));
  const codes = stage.get("example_codes"), classes = stage.get("example_names"), REACH = 3, SECONDS = 5;
  const names = stage.get("names"), name = i => names[i] ?? `z${i}`, encodes = stage.get("encodes");
  const originals = picturesIn(stage.numbers("examples", Uint8Array), shape[0] * shape[1] * shape[2]);
  const z = new Float32Array(order.length);
  const low = i => middle[i] - REACH * spread[i], high = i => middle[i] + REACH * spread[i];
  const go = (code, example = stage.get("example")) => stage.set({ z: code.map(tidy), example });
  const put = (i, v) => go(stage.get("z").map((old, k) => k === i ? v : old));

  // --- the sliders, the one that carries most first

  let chosen = order[0], playing = null;
  const shown = new Float64Array(order.length).fill(NaN), rows = [], most = Math.max(...amounts, 1e-9);
  const list = element("div", { class: "vae-sliders", role: "group", "aria-label": "Latents" });
  const longest = Math.min(16, Math.max(...names.map(each => each.length)));
  if (names.length) list.style.setProperty("--vae-name", `${0.62 * longest}em`);
  for (const i of order) {
    const dead = vae && amounts.length && amounts[i] < stage.get("dead_below");
    const amount = !amounts.length ? "" : dead ? "dead" : round(amounts[i]);
    const slider = stage.slider({ name: name(i), min: low(i), max: high(i), step: 0.05 * spread[i],
      value: stage.get("z")[i], home: middle[i], move: v => { choose(i); put(i, v); } });
    if (names.length) slider.firstChild.title = names[i]; // a long one is cut off
    const input = slider.querySelector("input"), track = element("span", { class: "vae-track" });
    if (amount) input.setAttribute("aria-description",
      vae ? `KL ${round(amounts[i])} nats${dead ? ", dead" : ""}` : `standard deviation ${amount}`);
    input.replaceWith(track);
    if (amount) track.append(element("i", { style: `width:${Math.max(0, 100 * amounts[i] / most)}%` }));
    track.append(input);
    stage.listen(input, "focus", () => choose(i));
    rows[i] = element("div", { class: "vae-latent" }, slider,
      amount ? element("span", { class: "vae-amount" }, amount) : "");
    rows[i].move = slider.move;
    list.append(rows[i]);
  }
  function choose(i) { // the one that Traverse moves
    rows[chosen].classList.remove("vae-chosen");
    rows[chosen = i].classList.add("vae-chosen");
    traverse.textContent = `Traverse ${name(i)}`;
  }

  // --- the picture

  const picture = stage.picture(shape, ""), original = stage.picture(shape, "");
  picture.classList.add("vae-large");
  original.classList.add("vae-original");
  const words = element("figcaption", {}, "decoded from z"), source = element("figcaption", {});
  const beside = element("figure", {}, original, source), strip = element("div", { class: "vae-row vae-seven" });
  const about = element("p", {}, stage.get("about"));
  let drawn = -2;
  function show() {
    const now = stage.get("z"), example = stage.get("example");
    for (let i = 0; i < z.length; i++) {
      z[i] = now[i];
      if (shown[i] !== now[i]) rows[i].move(shown[i] = now[i]);
    }
    picture.draw(net.run(z));
    if (drawn !== example) {
      drawn = example;
      beside.hidden = example < 0;
      if (example >= 0) original.draw(originals[example]);
      source.textContent = example < 0 ? "" : `image, class ${classes[example]}`;
      original.setAttribute("aria-label", source.textContent);
    }
    picture.setAttribute("aria-label", `The picture decoded from ${place(now)}`);
    stage.say(`${place(now)}${example < 0 ? "" : `; beside it an image of class ${classes[example]}`}`);
  }
  const place = now => `${name(chosen)} = ${round(now[chosen])}${now.length > 1 ? ` and the other ${now.length - 1}` : ""}`;

  // --- buttons

  function stop() {
    playing = null;
    traverse.setAttribute("aria-pressed", false);
  }
  const traverse = stage.button("", () => {
    const was = stage.get("z"), i = chosen, [a, b] = [low(i), high(i)], start = Math.min(b, Math.max(a, was[i]));
    if (playing || stopped) return void (stopped = false, stop());
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return lay(was, i);
    const begin = performance.now();
    traverse.setAttribute("aria-pressed", true);
    const step = now => {
      if (playing !== step) return;
      const t = Math.max(0, now - begin) / 1000 / SECONDS;
      put(i, t < 1 ? journey(t, start, a, b) : was[i]);
      if (t < 1) stage.frame(step); else stop();
    };
    stage.frame(playing = step);
  }, "Plays the chosen latent from end to end and back, once; any touch stops it");
  traverse.setAttribute("aria-pressed", false);
  let stopped = false; // whether this very touch has stopped it
  for (const type of ["pointerdown", "keydown"]) stage.listen(stage.root, type, () => {
    stopped = playing !== null;
    if (stopped) stop();
  }, { capture: true });
  function lay(now, i) { // in place of motion: seven pictures side by side
    strip.replaceChildren(...Array.from({ length: 7 }, (_, k) => {
      const at = low(i) + k / 6 * (high(i) - low(i)), one = stage.picture(shape, `${name(i)} = ${round(at)}`);
      one.classList.add("vae-small");
      one.draw(net.run(Float32Array.from(now, (v, j) => j === i ? at : v)));
      return one;
    }));
  }
  const draws = vae ? ["Draw from the prior", "z ~ N(0, I)"]
    : !encodes ? ["Draw from N(0, I)", "Each number from a Gaussian of its own, of mean 0 and variance 1"]
    : ["Draw from N(mean, sd)", "Each number from a Gaussian with the mean and the standard deviation of its codes"];
  const buttons = [
    stage.button(draws[0], () => go(middle.map((m, i) => m + spread[i] * gaussian()), -1), draws[1]),
    stage.button(vae || !encodes ? "Zero" : "Mean code", () => go(middle, -1),
      vae ? "All latents 0, the middle of the prior" : !encodes ? "All latents 0" : "All latents at the mean of the codes"),
    traverse,
    ...originals.length ? [stage.button("An example", () => {
      const next = (stage.get("example") + 1) % originals.length;
      go(codes[next], next);
    }, "The code of an image that the model is given; each press takes the next")] : [],
  ];
  stage.root.append(
    element("div", { class: "vae-scene" },
      element("div", { class: "vae-row" }, element("figure", {}, picture, words), beside),
      element("div", { class: "vae-row" }, ...buttons,
        stage.copier(() => `z = torch.tensor([[${stage.get("z").join(", ")}]])`),
        stage.button("Reset", () => {
          strip.replaceChildren();
          choose(order[0]);
          go(middle, -1);
        }, "Everything as it was at the start")), strip),
    list, about);
  about.style.flex = "1 1 100%";
  choose(chosen);
  stage.on(["z", "example"], () => stage.frame(show));
  stage.frame(show);
});

// log p(x) of notebook 03's toy, split into the ELBO and the gap while q moves.
export default widget("ELBO and gap", stage => {
  const noise = stage.get("sigma"), MU = [-3, 3], SIGMA = [0.1, 2], X = [-2, 4], ends = [-5.2, 5.2];
  const names = ["x", "bend", "mu", "sigma_q"], state = () => names.map(stage.get, stage);
  const home = stage.get("home");
  let [x, bend, mu, sigma] = state(), toy = new ToyAt(x, bend, noise), parts = toy.split(mu, sigma);
  const blue = () => classColour(0, stage), orange = () => classColour(1, stage), q = z => gaussDensity(z, mu, sigma);
  const posterior = z => Math.abs(z) < 20 ? toy.posterior(z) : 0;

  const plane = new Plane(stage, { label: "q and the posterior", x: ends, y: [-0.1, 1.2], names: ["z", ""],
    aspect: 1.75, width: 520, under() { plane.axes({ vertical: false }); }, over() {
      const { ink, faint } = stage.theme;
      plane.line(across(plane, z => gaussDensity(z, 0, 1)), faint, 1.5, { dash: [5, 4] });
      const points = across(plane, posterior, 400);
      plane.line(points, ink, 2, { fill: stage.dark ? "#ffffff38" : "#00000024" });
      plane.line(across(plane, q, 400), blue(), 2.5);
      const [peak, top] = points.reduce((a, b) => b[1] > a[1] ? b : a);
      note(plane, "prior", -1.9, gaussDensity(-1.9, 0, 1), faint, [-18, 8]);
      // apart where both stand in one place, and each on its own side
      const right = mu > peak;
      note(plane, "posterior", peak, top, ink, [right ? -42 : 42, 4]);
      note(plane, "q", mu, q(mu), blue(), [right ? 18 : -18, 4]);
    } });
  bell(plane, { name: "q", anywhere: true, get: () => [mu, sigma], density: q, home: [home.mu, home.sigma_q],
    mu: MU, sigma: SIGMA, colour: blue, set: ([m, s]) => stage.set({ mu: m, sigma_q: s }) });

  // the bar: from a floor well below up to log p(x); it is all in nats
  const bar = new Plane(stage, { label: "", x: [-6, 0.3], y: [0, 1], names: ["nats", ""], aspect: 5, width: 520,
    under() { bar.axes({ vertical: false }); }, over() {
      const { c } = bar, { evidence, bound } = parts, at = [bar.px(bar.x[0]), bar.px(bound), bar.px(evidence)];
      const [up, high] = [bar.py(0.72), bar.py(0.3) - bar.py(0.72)];
      c.fillStyle = blue();
      c.fillRect(at[0], up, at[1] - at[0], high);
      [c.fillStyle, c.textAlign] = [inkOn(blue()), "left"];
      c.font = "bold 13px system-ui, sans-serif";
      c.fillText("ELBO", at[0] + 8, up + high / 2 + 5);
      for (const fill of [seeThrough(orange(), 0.45), hatch(bar, orange())]) {
        c.fillStyle = fill;
        c.fillRect(at[1], up, at[2] - at[1], high);
      }
      bar.line([[evidence, 0.2], [evidence, 0.8]], stage.theme.ink, 3);
      c.font = "12px system-ui, sans-serif";
      note(bar, "log p(x)", evidence, 0.8, stage.theme.ink, [0, 5]);
      if (at[2] - at[1] > 36) note(bar, "gap", (bound + evidence) / 2, 0.5, stage.theme.ink, [0, -5]);
    } });
  onlyShown(bar, 84);
  function fitBar() { // the floor stays while it can, so that log p(x) stands still
    const floors = [-6, -12, -25, -50, -100, -250, -500, -1e3, -2500, -5e3, -1e4, -1e5];
    const floor = floors.find(v => v < 1.2 * parts.bound - 1) ?? -1e6;
    const ceiling = Math.max(-0.05 * floor, parts.evidence + 0.3);
    if (bar.x[0] === floor && bar.x[1] === ceiling) return;
    bar.x = [floor, ceiling];
    bar.stale = true;
  }

  const sliderOf = (name, [min, max], label) => stage.slider({ name: label, min, max, step: 0.05,
    value: stage.get(name), home: home[name], move: v => stage.set({ [name]: tidy(v) }) });
  const sliders = { x: sliderOf("x", X, "Observed x"), bend: sliderOf("bend", [0, 1], "Decoder's bend") };
  const row = (name, title) => {
    const number = element("td");
    return { number, node: element("tr", { title }, element("th", { scope: "row" }, name), number) };
  };
  const rows = {
    evidence: row("log p(x)", "The evidence: q does not occur in it"),
    bound: row("= ELBO", "The evidence lower bound"),
    gap: row("+ gap, KL(q ‖ posterior)", "Never negative"),
    reconstruction: row("ELBO = 𝔼 log p(x | z)", "The reconstruction term, averaged over z from q"),
    prior: row("− KL(q ‖ prior)", "What it costs that q is not N(0, 1)"),
  };
  rows.reconstruction.node.style.borderTop = "1px solid var(--vae-line)";
  const where = element("p", { class: "vae-number" });

  function show() {
    const before = [x, bend];
    [x, bend, mu, sigma] = state();
    if (x !== before[0] || bend !== before[1]) toy = new ToyAt(x, bend, noise);
    parts = toy.split(mu, sigma);
    for (const [name, { number }] of Object.entries(rows)) number.textContent = round(parts[name], 3);
    where.textContent = `q = N(${round(mu)}, ${round(sigma)}²)`;
    const said = `log p(x) ${round(parts.evidence)} is ELBO ${round(parts.bound)} plus gap ${round(parts.gap)} nats`;
    bar.node.setAttribute("aria-label", `Bar: ${said}`);
    for (const [name, slider] of Object.entries(sliders)) slider.move(stage.get(name));
    fitHeight(plane, Math.max(0.4, q(mu), ...across(plane, posterior).map(([, p]) => p)));
    fitBar();
    plane.draw();
    bar.draw();
    stage.say(`${where.textContent}: ${said}`);
  }

  stage.root.append(column(plane, bar), element("div", { class: "vae-side", style: "flex-basis:250px" }, where,
    element("table", {}, element("caption", { class: "vae-unseen" }, "The parts, in nats"),
      ...Object.values(rows).map(({ node }) => node)),
    sliders.bend, sliders.x,
    element("div", { class: "vae-row" }, stage.button("Best q", () => {
      const [m, s] = toy.best({ mu: MU, sigma: SIGMA });
      stage.set({ mu: tidy(m), sigma_q: tidy(s) });
    }, "The Gaussian with the least gap, and so the greatest ELBO"),
    stage.copier(() => `split_evidence(x=${x}, mu=${mu}, sigma_q=${sigma}, bend=${bend}`
      + `${noise === 0.5 ? "" : `, sigma=${noise}`})`),
    stage.button("Reset", () => {
      stage.set(home);
      plane.look(ends, plane.home.y);
    }, "Everything as it was at the start"))));
  stage.on(names, () => stage.frame(show));
  stage.frame(show);
});

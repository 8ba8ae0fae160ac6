// log p(x) of notebook 03's toy, split into the ELBO and the gap while q moves.
export default widget("ELBO and gap", stage => {
  const noise = stage.get("sigma"), MU = [-3, 3], SIGMA = [0.1, 2], X = [-2, 4], ends = [-5.2, 5.2];
  const names = ["x", "bend", "mu", "sigma_q"], state = () => names.map(stage.get, stage);
  const home = stage.get("home");
  let [x, bend, mu, sigma] = state(), toy = new ToyAt(x, bend, noise), parts = toy.split(mu, sigma);
  const blue = () => classColour(0, stage), orange = () => classColour(1, stage), q = z => gaussDensity(z, mu, sigma);
  const posterior = z => toy.posterior(z);

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

  onlyAcross(plane);

  // the bar comes from minus infinity, fading in at the left edge, up to log p(x); it is all in nats
  const bar = new Plane(stage, { label: "", x: [-6, 0.3], y: [0, 1], names: ["nats", ""], aspect: 4.7, width: 520,
    under() { bar.axes({ vertical: false }); }, over() {
      const { c } = bar, { evidence, bound } = parts, { ink, paper } = stage.theme;
      const [end, last, up, high] = [bar.px(bound), bar.px(evidence), 21, bar.high - 62];
      const [low, shown] = [bar.high - 26, shownParts(parts, 2)];
      c.fillStyle = c.createLinearGradient(0, 0, Math.min(70, end), 0);
      c.fillStyle.addColorStop(0, seeThrough(blue(), 0));
      c.fillStyle.addColorStop(1, blue());
      c.fillRect(0, up, end, high);
      for (const fill of [paper, seeThrough(orange(), 0.45), hatch(bar, orange())]) {
        c.fillStyle = fill;
        c.fillRect(end, up, last - end, high);
      }
      [c.strokeStyle, c.lineWidth] = [ink, 3];
      c.beginPath();
      for (const [at, from, to] of [[end, up, up + high + 4], [last, up - 4, up + high]]) {
        c.moveTo(at, from);
        c.lineTo(at, to);
      }
      c.stroke();
      const label = (words, at, base, colour) => { // ends where its part of the bar does
        note(bar, words, bar.x[0] + (bar.x[1] - bar.x[0]) * at / bar.wide, bar.y[0], colour,
          [-c.measureText(words).width / 2 + 2, bar.high - base]);
      };
      label(`ELBO ${round(shown.bound)}`, end, low, ink);
      label(`log p(x) ${round(shown.evidence)}`, last, 14, ink);
      const gap = `gap ${round(shown.gap)}`, room = last - end - c.measureText(gap).width;
      if (room > 12) label(gap, last - room / 2, up + high / 2 + 4, ink);
      [c.fillStyle, c.textAlign] = [ink, "left"];
      c.fillText("← −∞", 5, up + high / 2 + 4);
    } });
  onlyShown(bar, 100);
  function fitBar() { // few floors, far apart, so that log p(x) stands still
    const floor = [-6, -30, -150, -750].find(v => v < 1.2 * parts.bound - 1) ?? -4000;
    if (bar.x[0] === floor) return;
    bar.x = [floor, -0.05 * floor];
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
    const shown = shownParts(parts, 3), short = shownParts(parts, 2);
    for (const [name, { number }] of Object.entries(rows)) number.textContent = round(shown[name], 3);
    where.textContent = `q = N(${round(mu)}, ${round(sigma)}²)`;
    const said = `log p(x) ${round(short.evidence)} is ELBO ${round(short.bound)} plus gap ${round(short.gap)} nats`;
    bar.node.setAttribute("aria-label", `Bar: ${said}`);
    for (const [name, slider] of Object.entries(sliders)) slider.move(stage.get(name));
    fitHeight(plane, Math.max(0.4, q(mu), ...across({ x: ends }, posterior).map(([, p]) => p)));
    fitBar();
    plane.draw();
    bar.draw();
    stage.say(`${where.textContent}: ${said}`);
  }

  stage.root.append(column(plane, bar), element("div", { class: "vae-side", style: "flex-basis:250px" }, where,
    element("table", {}, element("caption", { class: "vae-unseen" }, "The parts, in nats"),
      ...Object.values(rows).map(({ node }) => node)),
    sliders.bend, sliders.x,
    element("div", { class: "vae-row" }, plane.zoomers(), stage.button("Best q", () => {
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

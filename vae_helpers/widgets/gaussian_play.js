// A cloud z = mu + L eps under the hand, beside the eps that it is made of.
export default widget("Gaussian cloud", stage => {
  const MARKED = 5, MU = [-3, 3], SIGMA = [0.1, 2], RHO = 0.95, ends = [-5.2, 5.2];
  const home = { ...stage.get("home"), noise: stage.get("first_noise") };
  const dice = new Dice(Math.random() * 2 ** 32);
  let eps = stage.numbers("noise");
  const thrown = () => new DataView(Float32Array.from(eps, () => dice.normal()).buffer);
  const move = values => stage.set(stage.get("fresh") ? { ...values, noise: thrown() } : values);

  // mean, and covariance [xx, xy, yy], that the learner sets; L is [l11, l21, l22]
  const cholesky = ([xx, xy, yy]) => [Math.sqrt(xx), xy / Math.sqrt(xx), Math.sqrt(Math.max(0, yy - xy * xy / xx))];
  function given() {
    const [a, b] = stage.get("sigma"), rho = stage.get("rho"), cov = [a * a, rho * a * b, b * b];
    return { mu: stage.get("mu"), sigma: [a, b], rho, cov, L: cholesky(cov) };
  }
  function found(z) { // the same of the points themselves
    const n = z.length / 2, mu = [0, 0], cov = [0, 0, 0];
    for (let i = 0; i < z.length; i++) mu[i % 2] += z[i] / n;
    for (let i = 0; i < z.length; i += 2) {
      const a = z[i] - mu[0], b = z[i + 1] - mu[1];
      cov[0] += a * a / (n - 1);
      cov[1] += a * b / (n - 1);
      cov[2] += b * b / (n - 1);
    }
    const sigma = [Math.sqrt(cov[0]), Math.sqrt(cov[2])];
    return { mu, sigma, rho: cov[1] / sigma[0] / sigma[1], cov, L: cholesky(cov) };
  }

  let now = given(), z = new Float32Array(eps.length);
  const blue = () => classColour(0, stage);
  function points(plane, at, middle) { // the cloud, and some of it numbered, with what leads there
    for (let i = 2 * MARKED; i < at.length; i += 2) plane.dot(at[i], at[i + 1], seeThrough(blue(), 0.6), 2.2);
    for (let i = 0; i < 2 * MARKED; i += 2) plane.line([middle, [at[i], at[i + 1]]], stage.theme.ink, 1.2);
    for (let k = MARKED - 1; k >= 0; k--) {
      const colour = classColour(k + 1, stage);
      plane.dot(at[2 * k], at[2 * k + 1], colour, 8, stage.theme.paper);
      [plane.c.fillStyle, plane.c.textAlign, plane.c.textBaseline] = [inkOn(colour), "center", "middle"];
      plane.c.fillText(k + 1, plane.px(at[2 * k]), plane.py(at[2 * k + 1]) + 1);
      plane.c.textBaseline = "alphabetic";
    }
  }
  const plane = new Plane(stage, { label: "Plane of z", x: ends, y: ends, names: ["z₁", "z₂"], width: 380,
    under: () => plane.axes(), over() {
      points(plane, z, now.mu);
      plane.ellipse(now.mu, now.cov, 1, stage.theme.ink, 1.6);
      plane.ellipse(now.mu, now.cov, 2, stage.theme.ink, 1.6, [6, 4]);
      reach();
      note(plane, "solid: one σ, dashed: two", plane.x[1], plane.y[1], stage.theme.ink, [0, -15]);
    } });
  function reach() { // an arm from mu to each rim, and from there to where the ellipse reaches as far
    const { mu: [m1, m2], sigma: [s1, s2], rho } = now, { accent } = stage.theme;
    for (const rimAt of [[m1 + s1, m2], [m1, m2 + s2]]) {
      plane.line([now.mu, rimAt], accent, 1.5);
      plane.line([rimAt, [m1 + (rimAt[1] === m2 ? s1 : rho * s1), m2 + (rimAt[1] === m2 ? rho * s2 : s2)]],
        accent, 1.5, { dash: [2, 3] });
    }
    plane.c.font = "bold 14px system-ui, sans-serif";
    note(plane, "σ₁", m1 + s1, m2, accent, [18, rho > 0 ? -14 : 8]);
    note(plane, "σ₂", m1, m2 + s2, accent, [rho > 0 ? -18 : 18, 6]);
    plane.c.font = "12px system-ui, sans-serif";
  }
  const dicePlane = new Plane(stage, { label: "", x: [-3.6, 3.6], y: [-3.6, 3.6], names: ["ε₁", "ε₂"], width: 210,
    under() { dicePlane.axes(); drawPrior(dicePlane); }, over: () => points(dicePlane, eps, [0, 0]) });
  onlyShown(dicePlane, 160);

  plane.handle({ names: ["μ₁", "μ₂"], get: () => now.mu, home: home.mu, anywhere: true, limits: [MU, MU],
    set: (a, b) => move({ mu: [tidy(a), tidy(b)] }) });
  [0, 1].forEach(k => rim(plane, { name: `σ${"₁₂"[k]}`, vertical: k === 1, limits: SIGMA, home: home.sigma[k],
    colour: () => undefined, base: () => now.mu[k], at: () => now.mu.map((v, i) => i === k ? v + now.sigma[k] : v),
    set: s => move({ sigma: now.sigma.map((v, i) => i === k ? s : v) }) }));
  const rho = stage.slider({ name: "Correlation ρ", min: -RHO, max: RHO, step: 0.05, value: now.rho, home: home.rho,
    move: v => move({ rho: tidy(v) }) });

  // the readout: what is set, and what the points have
  const pair = ([a, b]) => `(${round(a)},\u00a0${round(b)})`;
  function matrix() {
    const cells = [0, 1, 2, 3].map(() => element("span"));
    const node = element("span", { role: "img", style: "display:inline-grid;grid-template-columns:auto auto;gap:0 8px;"
      + "padding:1px 4px;border:solid currentColor;border-width:0 1.5px;border-radius:5px" }, ...cells);
    node.show = rows => {
      rows.forEach((v, i) => { cells[i].textContent = round(v); });
      node.setAttribute("aria-label", `matrix with rows ${pair(rows)} and ${pair(rows.slice(2))}`);
    };
    return node;
  }
  const rows = [["μ", of => pair(of.mu)], ["σ", of => pair(of.sigma)], ["ρ", of => round(of.rho)],
    ["Σ", ({ cov: [a, b, c] }) => [a, b, b, c]], ["L", ({ L: [a, b, c] }) => [a, 0, b, c]]];
  const writers = [];
  const table = element("table", {}, element("caption", { style: "text-align:left;padding-left:8px" }, "z = μ + Lε"),
    element("tr", {}, element("td"), element("th", { scope: "col" }, "set"),
      element("th", { scope: "col" }, `${eps.length / 2} points`)),
    ...rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), ...[0, 1].map(k => {
      const box = Array.isArray(value(now)) ? matrix() : element("span");
      writers.push(both => box.show ? box.show(value(both[k])) : (box.textContent = value(both[k])));
      return element("td", {}, box);
    }))));

  function show() {
    now = given();
    const [a, b, d] = now.L;
    if (z.length !== eps.length) z = new Float32Array(eps.length);
    for (let i = 0; i < z.length; i += 2) {
      z[i] = now.mu[0] + a * eps[i];
      z[i + 1] = now.mu[1] + b * eps[i] + d * eps[i + 1];
    }
    const both = [now, found(z)];
    for (const write of writers) write(both);
    rho.move(now.rho);
    plane.draw();
    stage.say(`μ = ${pair(now.mu)}, σ = ${pair(now.sigma)}, ρ = ${round(now.rho)}; `
      + `the points' mean is ${pair(both[1].mu)}`);
  }
  function showDice() {
    eps = stage.numbers("noise");
    const list = Array.from({ length: MARKED }, (_, k) => `${k + 1} at ${pair(eps.slice(2 * k, 2 * k + 2))}`);
    dicePlane.node.setAttribute("aria-label",
      `The ε, drawn from N(0, I), with its rings at 1, 2 and 3. Five of them: ${list.join(", ")}`);
    dicePlane.redraw();
    stage.frame(show);
  }

  const fresh = stage.toggle("Fresh ε at every move", stage.get("fresh"), on => stage.set({ fresh: on }),
    "Draws new ε whenever something moves; else the ε stay as they are");
  const tensor = v => `torch.tensor([${v.map(each => Number.isInteger(each) ? `${each}.0` : each).join(", ")}])`;
  stage.root.append(plane.node, element("div", { class: "vae-side", style: "flex-basis:260px" },
    element("div", { style: "display:flex;flex-wrap:wrap;gap:12px" }, dicePlane.node, table), rho,
    element("div", { class: "vae-row" },
      stage.button("New ε", () => stage.set({ noise: thrown() }), "Draws all ε anew"), fresh),
    element("div", { class: "vae-row" }, plane.zoomers(),
      stage.copier(() => `mu, sigma, rho = ${tensor(now.mu)}, ${tensor(now.sigma)}, ${now.rho}`),
      stage.button("Reset", () => {
        stage.set(home);
        plane.look(ends, ends);
      }, "Everything as it was at the start, the ε too"))));
  stage.on(["mu", "sigma", "rho"], () => stage.frame(show));
  stage.on("noise", () => stage.frame(showDice));
  stage.on("fresh", () => fresh.setAttribute("aria-pressed", stage.get("fresh")));
  showDice();
});

// Two densities on one axis, both directions of the KL, each by formula, by grid and by draws.
export default widget("KL in both directions", stage => {
  const MOST = 20_000, AT_ONCE = 200, SLOW = 8; // draws; seconds
  const MU = [-4, 4], Q = { mu: MU, sigma: [0.3, 4.5] }, P = { mu: MU, sigma: [0.3, 2] };
  const names = ["q", "p", "second", "weight", "humps"], ends = [-7, 7];
  const home = stage.get("home");
  const signs = { qp: "KL(q ‖ p)", pq: "KL(p ‖ q)" }, dice = new Dice(1);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let mu, sigma, humps, target, kl, running, key, level, start, slowly;
  const blue = () => classColour(0, stage), orange = () => classColour(1, stage), ink = () => stage.theme.ink;
  const black = () => classColour(6, stage); // ink that nothing shines through
  const q = z => gaussDensity(z, mu, sigma), p = z => Math.exp(logMixture(z, humps));
  const two = () => stage.get("humps") === 2, shade = () => stage.get("shade");
  const term = z => { // what is integrated, nats for each unit of z
    const ratio = logGauss(z, mu, sigma) - logMixture(z, humps);
    return shade() === "qp" ? q(z) * ratio : -p(z) * ratio;
  };

  const plane = new Plane(stage, { label: "The densities p and q", x: ends, y: [-0.1, 1.2], aspect: 2.1, width: 520,
    under() { plane.axes({ vertical: false }); }, over() {
      plane.line(across(plane, p, 400), ink(), 2, { fill: stage.dark ? "#ffffff38" : "#00000024" });
      plane.line(across(plane, q, 400), blue(), 2.5);
      for (const [, m] of humps) note(plane, "p", m, p(m), ink(), [0, 14]);
      note(plane, "q", mu, q(mu), blue(), [mu < stage.get("p")[0] ? -18 : 18, 4]);
    } });
  const hold = (trait, name, density, limits, colour, anywhere) => bell(plane, {
    ...limits, name, density, colour, anywhere, home: home[trait],
    get: () => stage.get(trait), set: pair => stage.set({ [trait]: pair }) });
  hold("q", "q", q, Q, blue, true);
  hold("p", "p", p, P, black);
  const first = [...plane.handles], second = hold("second", "p's second hump", p, P, black);

  // what is integrated: above 0 in orange, below in blue strokes; their difference is the KL
  const area = new Plane(stage, { label: "", x: ends, y: [-0.2, 1], names: ["z", ""], aspect: 3, width: 520,
    under() {
      area.axes({ vertical: false });
      const [low, high] = area.y, unit = 10 ** Math.floor(Math.log10(high / 2));
      const step = [5, 2, 1].find(n => n * unit <= high / 2 + 1e-9) * unit, digits = step < 0.1 ? 2 : Number(step < 1);
      for (let k = Math.ceil(low / step); k * step < high; k++) {
        area.line([[area.x[0], k * step], [area.x[1], k * step]], stage.theme.line, 1);
        [area.c.fillStyle, area.c.textAlign] = [ink(), "left"];
        const base = area.py(k * step) - 3;
        if (base > 10 && base < area.high - 18) area.c.fillText(k ? round(k * step, digits) : "0", 4, base);
      }
    }, over() {
      const points = across(area, term, 400), part = sign => points.map(([z, v]) => [z, sign * Math.max(0, sign * v)]);
      area.line(part(1), null, 0, { fill: seeThrough(orange(), 0.7) });
      const less = part(-1);
      for (const fill of [seeThrough(blue(), 0.3), hatch(area, blue())]) area.line(less, null, 0, { fill });
      area.line([[area.x[0], 0], [area.x[1], 0]], stage.theme.faint, 1);
      const { c, wide, high } = area, zero = area.py(0);
      for (const [top, tall, colour, width] of [[0, zero, ink(), 1.5], [zero + 0.5, high, blue(), 3]]) {
        c.save();
        c.beginPath();
        c.rect(0, top, wide, tall);
        c.clip();
        area.line(points, colour, width);
        c.restore();
      }
    } });
  const caption = element("p");
  function fitArea() {
    const values = across({ x: ends }, term).map(([, v]) => v);
    const most = Math.max(...values), least = Math.min(...values, 0);
    const highs = [0.2, 0.35, 0.5, 0.7, 1, 1.5, 2, 3.5, 5, 7, 10, 20, 50, 100, 200, 500];
    const high = highs.find(v => v > 1.1 * most) ?? 1e3;
    const low = Math.min(-0.25 * high, -Math.ceil(-11 * least) / 10);
    if (high === level?.[1] && low === level[0]) return;
    area.y = level = [low, high];
    area.stale = true;
  }

  // the draws' estimate against the grid's value, on a scale that rests while the bar shrinks
  const scale = new Plane(stage, { label: "", x: [0, 1], y: [0, 1], aspect: 4.4, width: 340,
    under() { scale.axes({ vertical: false }); }, over() {
      const { mean, error, n } = running, truth = kl[shade()];
      scale.line([[truth, 0.26], [truth, 0.74]], ink(), 2);
      note(scale, "quadrature", truth, 0.74, ink(), [0, 4]);
      if (n < 2) return;
      scale.line([[mean - error, 0.5], [mean + error, 0.5]], orange(), 3);
      for (const end of [-error, error]) scale.line([[mean + end, 0.4], [mean + end, 0.6]], orange(), 3);
      scale.dot(mean, 0.5, orange(), 4);
    } });
  onlyShown(area, 140);
  onlyAcross(plane, area);
  onlyShown(scale, 78);
  function fitScale() {
    const half = Math.max(0.01, 0.2 * kl[`${shade()}Spread`]);
    scale.x = [kl[shade()] - half, kl[shade()] + half];
    scale.stale = true;
  }

  const cells = {}, cell = name => (cells[name] = element("td"));
  const rowOf = way => element("tr", {},
    element("th", { scope: "row" }, signs[way]), cell(`${way} closed`), cell(`${way} grid`));
  const table = element("table", {}, element("caption", { class: "vae-unseen" }, "Both divergences, in nats"),
    element("tr", {}, ...["nats", "closed form", "quadrature"].map(name => element("th", { scope: "col" }, name))),
    rowOf("qp"), rowOf("pq"));
  const drawn = element("p", { class: "vae-number" }), where = element("p", { class: "vae-number" });
  const state = (m, s) => `N(${round(m)},\u00a0${round(s)}²)`;

  function show() {
    [mu, sigma] = stage.get("q");
    const w = two() ? stage.get("weight") : 0;
    humps = [[1 - w, ...stage.get("p")], ...two() ? [[w, ...stage.get("second")]] : []];
    if (key !== humps.join()) [target, key] = [new Target(humps), humps.join()];
    kl = target.divergences(mu, sigma);
    const one = stage.get("p");
    const closed = two() ? null : { qp: klNormal(mu, sigma, ...one), pq: klNormal(...one, mu, sigma) };
    for (const way of ["qp", "pq"]) {
      cells[`${way} closed`].textContent = closed ? round(closed[way], 4) : "none";
      cells[`${way} grid`].textContent = round(kl[way], 4);
    }
    const written = humps.map(([v, m, s]) => `${two() ? `${round(v)}\u00a0·\u00a0` : ""}${state(m, s)}`);
    where.textContent = `q = ${state(mu, sigma)}, p = ${written.join(" + ")}`;
    weight.move(stage.get("weight"));
    weight.hidden = downhere.hidden = !two();
    plane.handles = two() ? [...first, ...second] : first;
    for (const input of second.flatMap(({ inputs }) => inputs)) input.disabled = !two();
    humped.setAttribute("aria-pressed", two());
    for (const way of ["qp", "pq"]) shades[way].setAttribute("aria-pressed", shade() === way);
    fitHeight(plane, Math.max(q(mu), ...humps.map(([, m]) => p(m))));
    fitArea();
    fitScale();
    caption.textContent = `${shade() === "qp" ? "q · log(q/p)" : "p · log(p/q)"}, nats per unit of z: `
      + `orange adds, blue strokes subtract; the sum is ${signs[shade()]}.`;
    area.node.setAttribute("aria-label",
      `The integrand of ${signs[shade()]}: orange above 0, blue strokes below; its area is ${round(kl[shade()], 3)}`);
    for (const each of [plane, area]) each.draw();
    drawAnew(false);
    stage.say(`${where.textContent}: ${signs.qp} ${round(kl.qp)}, ${signs.pq} ${round(kl.pq)} nats`);
  }
  function drawAnew(slow) {
    [running, start, slowly] = [new Running(), performance.now(), slow];
    sample();
  }
  function sample() { // some a frame, all within a second; or slowly, by equal factors, so that the bar shrinks evenly
    const seconds = (performance.now() - start) / 1000;
    const wanted = slowly ? 25 * (MOST / 25) ** (seconds / SLOW) : AT_ONCE + seconds * MOST;
    for (const goal = still.matches ? MOST : Math.min(MOST, wanted); running.n < goal;) {
      const z = shade() === "qp" ? mu + sigma * dice.normal() : dice.from(humps);
      const ratio = logGauss(z, mu, sigma) - logMixture(z, humps);
      running.add(shade() === "qp" ? ratio : -ratio);
    }
    const { mean, error, n } = running;
    drawn.textContent = `${round(mean, 3)} ± ${round(error, 3)} nats `
      + `(${n.toLocaleString("en")} draws from ${shade()[0]})`;
    const said = `${signs[shade()]} by draws: ${drawn.textContent}, ± one standard error; `
      + `by quadrature ${round(kl[shade()], 3)}`;
    scale.node.setAttribute("aria-label", said);
    scale.draw();
    if (n < MOST) stage.frame(sample);
    else stage.say(said);
  }

  const goTo = ([m, s]) => stage.set({ q: [tidy(m), tidy(s)] });
  const humped = stage.toggle("Two humps", two(), on => stage.set({ humps: on ? 2 : 1 }),
    "Gives p a second hump, to drag as the first");
  const shades = Object.fromEntries(["qp", "pq"].map(way => [way,
    stage.button(signs[way], () => stage.set({ shade: way }),
      `Shades what is integrated for ${signs[way]}, and draws for it`)]));
  const downhere = stage.button("Downhill from here", () => goTo(target.seek(Q, [mu, sigma])),
    "The least KL(q ‖ p) that q comes to from where it stands: two humps may have two valleys");
  const weight = stage.slider({ name: "Second hump's weight", min: 0.05, max: 0.95, step: 0.05, value: home.weight,
    move: v => stage.set({ weight: tidy(v) }) });
  const tuple = v => `(${v.join(", ")})`;
  stage.root.append(column(plane, area, { node: caption }),
    element("div", { class: "vae-side", style: "flex-basis:250px" }, where, table,
      element("div", { class: "vae-row" }, "Shaded and drawn:", shades.qp, shades.pq),
      element("div", {}, element("p", {}, "By draws (Monte Carlo), ± one standard error:"), drawn, scale.node),
      element("div", { class: "vae-row" }, stage.button("Draw again", () => drawAnew(true),
        "20,000 new draws within eight seconds, few at first: the error bar shrinks with the root of their number")),
      element("div", { class: "vae-row" }, "Move q to the",
        stage.button("least KL(q ‖ p)", () => goTo(target.seek(Q)),
          "The Gaussian with the least KL(q ‖ p): it seeks a hump"),
        stage.button("least KL(p ‖ q)", () => goTo(target.moments()),
          "The Gaussian with the least KL(p ‖ q): p's mean and spread"), downhere),
      weight, element("div", { class: "vae-row" }, plane.zoomers(), humped,
        stage.copier(() => `KLPlay(p=${tuple(stage.get("p"))}, q=${tuple(stage.get("q"))}, humps=${stage.get("humps")}`
          + `${two() ? `, second=${tuple(stage.get("second"))}, weight=${stage.get("weight")}` : ""})`),
        stage.button("Reset", () => {
          stage.set(home);
          plane.look(ends, plane.home.y);
        }, "Everything as it was at the start"))));
  stage.on([...names, "shade"], () => stage.frame(show));
  show();
});

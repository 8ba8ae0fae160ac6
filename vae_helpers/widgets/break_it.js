// Patients to train, examine and diagnose: the kernel trains and measures, here it is chosen and shown.
export default widget("The break-it lab", async stage => {
  const options = stage.get("options"), rows = stage.get("rows");

  // --- the patients
  const SIGNS = { trained: "•", right: "✓", wrong: "✗" };
  const patients = stage.get("marks").map((_, i) => {
    const choose = () => stage.set({ chosen: i + 1 });
    const node = stage.button(`Patient ${i + 1}`, choose, "Train this VAE, or show it again");
    node.sign = element("span", { "aria-hidden": "true" });
    node.append(node.sign);
    return node;
  });
  const reset = stage.button("Reset", () => stage.model.send({ reset: true }),
    "Forget all diagnoses; patients that have been trained stay so");
  const words = element("p", { class: "vae-number vae-word" });

  function call() {
    const chosen = stage.get("chosen"), busy = stage.get("busy"), marks = stage.get("marks");
    patients.forEach((node, i) => {
      node.setAttribute("aria-pressed", i + 1 === chosen);
      node.sign.textContent = SIGNS[marks[i]] ?? "";
      const known = { "": "not trained yet", trained: "trained" }[marks[i]];
      node.setAttribute("aria-description", known ?? `diagnosis ${marks[i]}`);
    });
    const seen = chosen && marks[chosen - 1];
    const waits = chosen && !seen && busy && busy !== chosen ? ` Patient ${chosen} is next.` : "";
    words.textContent = stage.get("message") ? stage.get("message") + waits
      : seen === "right" ? `Patient ${chosen} is diagnosed; the word on it stands below.`
      : seen ? `Patient ${chosen}: what is wrong, if anything? Look at curves and pictures, then at the chart.`
      : "Choose a patient: it trains for some seconds, then there is much to see.";
    if (stage.get("message")) stage.say(words.textContent);
  }

  // --- curves
  const CURVES = [["steps", "Loss, as its own code has it", "step"], ["nll", "nll (nats per image)", "epoch"],
    ["kl", "KL (nats per image)", "epoch"]];
  const short = v => {
    const size = Math.abs(v);
    if (size >= 1e5 || (size > 0 && size < 0.01)) return v.toExponential(1).replaceAll("-", "−");
    return round(v, size < 10 ? 2 : 1);
  };
  const planes = CURVES.map(([trait, title, unit], k) => new Plane(stage, { label: title, x: [0, 1], y: [0, 1],
    aspect: 1.9, width: 300, still: true, under(plane) {
      const values = [...stage.numbers(trait)].map((v, i) => [i + 1, v]).filter(([, v]) => Number.isFinite(v));
      plane.names = [unit, ""];
      plane.x = plane.y = [0, 1];
      if (!values.length) {
        plane.axes({ horizontal: false, vertical: false });
        plane.text(stage.get("chosen") ? "in training" : "no patient yet", 0.5, 0.5, stage.theme.ink);
      } else {
        // the first steps tower over all that follows, unless the curve runs away
        const sorted = values.map(([, v]) => v).sort((a, b) => a - b), low = sorted[0];
        const top = sorted[Math.floor((trait === "steps" ? 0.96 : 1) * (sorted.length - 1))];
        const tall = Math.max(top - low, 1e-3 * Math.abs(top), 1e-6), end = Math.max(values.at(-1)[0], 2);
        [plane.x, plane.y] = [[-0.2 * end, 1.02 * end], [low - 0.2 * tall, top + 0.35 * tall]];
        plane.axes();
        plane.line(values, classColour(k, stage));
        if (trait !== "steps") for (const at of values) plane.dot(...at, classColour(k, stage));
      }
      const last = values.length ? short(values.at(-1)[1]) : "";
      plane.c.fillStyle = stage.theme.paper; // the title and the last value, on paper of their own
      plane.c.fillRect(0, 0, plane.wide, 21);
      [plane.c.fillStyle, plane.c.textAlign] = [stage.theme.ink, "left"];
      plane.c.font = "bold 13px system-ui, sans-serif";
      plane.c.fillText(title, 5, 15);
      plane.c.textAlign = "right";
      plane.c.fillText(last, plane.wide - 6, 15);
      plane.node.setAttribute("aria-label", last ? `${title}: from ${short(values[0][1])} to ${last}` : title);
    } }));

  // --- pictures, bars, chart
  const caption = element("p", {}), sheet = element("div", {});
  function drawSheet() {
    const shape = stage.get("shape"), whole = stage.get("steps").byteLength > 0;
    caption.textContent = whole ? `From the top: ${rows.join(", ")}` : "The images";
    if (sheet.size !== shape.join()) {
      sheet.size = shape.join();
      sheet.picture = stage.picture(shape, "");
      sheet.picture.style.width = "min(100%, 420px)";
      sheet.replaceChildren(sheet.picture);
    }
    sheet.picture.setAttribute("aria-label", caption.textContent);
    sheet.picture.draw(Float32Array.from(stage.numbers("sheet", Uint8Array), v => v / 255));
  }

  const total = element("p", { class: "vae-number" }), bars = element("div", { class: "vae-bars", role: "img" });
  function drawBars() {
    const kl = stage.get("bars"), most = Math.max(1, ...kl), order = kl.map((_, i) => i).sort((a, b) => kl[b] - kl[a]);
    bars.parentNode.hidden = !kl.length;
    bars.replaceChildren(...order.map(i => element("span", { title: `latent ${i}: ${short(kl[i])} nats` },
      element("i", { style: `height:${Math.max(1, 60 * kl[i] / most)}px` }), String(i))));
    total.textContent = `KL per latent: the highest bar is ${short(Math.max(0, ...kl))} nats`;
    const dead = kl.filter(v => v < 0.01).length;
    bars.setAttribute("aria-label", `KL per latent, in nats: ${order.slice(0, 6)
      .map(i => `latent ${i} ${short(kl[i])}`).join(", ")}; ${dead} of ${kl.length} dead`);
  }

  const body = element("tbody", {}), cell = (tag, text, more = {}) => element(tag, more, text);
  const heads = ["Measurement", "here", "healthy"].map(name => cell("th", name, { scope: "col" }));
  const chart = element("div", { class: "vae-chart" }, element("table", {},
    element("thead", {}, element("tr", {}, ...heads)), body));
  const ARROWS = { low: "▼ low", high: "▲ high", none: "outside" };
  function drawChart() {
    chart.hidden = !stage.get("chart").length;
    body.replaceChildren(...stage.get("chart").map(([name, says, value, healthy, side]) =>
      element("tr", { title: says, class: side ? "vae-outside" : null }, cell("th", name, { scope: "row" }),
        element("td", {}, ...side ? [cell("span", ARROWS[side]), " "] : [], cell("span", value)),
        cell("td", healthy))));
  }

  // --- the diagnosis
  const select = element("select", { "aria-label": "Your diagnosis" }, element("option", { value: -1 }, "choose …"),
    ...options.map(([, name], i) => element("option", { value: i }, name)));
  stage.listen(select, "change", () => stage.set({ guess: options[select.value]?.[0] ?? "" }));
  const told = element("p", { class: "vae-word" });
  const diagnose = stage.button("Diagnose", () => stage.model.send({ diagnose: stage.get("guess") }),
    "Is it that? Choose a patient and a diagnosis first");
  function judge() {
    const at = options.findIndex(([key]) => key === stage.get("guess"));
    if (Number(select.value) !== at) select.value = at;
    diagnose.disabled = at < 0 || !stage.get("chart").length;
    if (told.textContent === stage.get("verdict")) return;
    told.textContent = stage.get("verdict");
    if (told.textContent) stage.say(told.textContent);
  }

  stage.root.append(
    element("div", { class: "vae-row vae-wide vae-patients" },
      element("div", { class: "vae-group" }, ...patients, reset), words),
    element("div", { class: "vae-curves" }, ...planes.map(plane => plane.node)),
    element("div", { class: "vae-side vae-scan" }, element("div", {}, caption, sheet), element("div", {}, total, bars)),
    chart,
    element("div", { class: "vae-row vae-wide vae-diagnosis" },
      element("label", {}, element("span", {}, "Your diagnosis"), select), diagnose, told));
  const all = () => {
    call();
    drawSheet();
    drawBars();
    drawChart();
    judge();
  };
  stage.on(["message", "busy"], () => stage.frame(call));
  stage.on(["guess", "verdict"], () => stage.frame(judge));
  stage.on(["steps", "nll", "kl"], () => planes.forEach(plane => plane.repaint()));
  stage.on(["chosen", "marks", "steps", "bars", "chart", "sheet"], () => {
    stage.frame(all);
    for (const plane of planes) plane.repaint();
  });
  all();
});

// From one image to another, three ways: straight through the codes, on the sphere, and by mixing pixels.
export default widget("Morph", async stage => {
  const net = await stage.network("decoder"), shape = stage.get("shape"), axes = stage.get("axes");
  const size = shape[0] * shape[1] * shape[2], frames = stage.get("frames"), known = stage.get("known");
  const images = picturesIn(stage.numbers("known_pixels", Uint8Array), size), z = new Float32Array(stage.get("u").length);
  const decode = code => { z.set(code); return net.run(z); };

  // --- the ends, and what lies between; an end on the code of a known image is that image
  const end = { u: {}, v: {} }, mixed = new Float32Array(size);
  const rows = {
    straight: { title: "Straight line", what: "along the straight line of codes" },
    sphere: { title: "On the sphere", what: "on the sphere" },
    fade: { title: "Cross-fade of pixels", what: "of the cross-fade of pixels" },
  };
  function settle() {
    for (const name of ["u", "v"]) {
      const code = stage.get(name), k = known.findIndex(other => other.every((v, i) => v === code[i]));
      end[name] = { code, known: k >= 0, pixels: k >= 0 ? images[k] : Float32Array.from(decode(code)) };
    }
    rows.straight.path = straightPath(end.u.code, end.v.code);
    rows.sphere.path = spherePath(end.u.code, end.v.code);
    for (const { path } of [rows.straight, rows.sphere]) {
      path.line = Array.from({ length: 61 }, (_, i) => {
        path.at(i / 60, z);
        return [z[axes[0]], z[axes[1]]];
      });
      path.here = new Float32Array(z.length);
    }
  }
  const at = { // pixels at t
    straight: t => net.run(rows.straight.path.at(t, z)),
    sphere: t => net.run(rows.sphere.path.at(t, z)),
    fade: t => {
      for (let i = 0; i < size; i++) mixed[i] = (1 - t) * end.u.pixels[i] + t * end.v.pixels[i];
      return mixed;
    },
  };

  // --- three rows: the picture at t, and a strip of the whole way
  for (const [name, row] of Object.entries(rows)) {
    row.picture = stage.picture(shape, "");
    row.strip = element("canvas", { class: "vae-picture", role: "img", width: frames * shape[2], height: shape[1],
      "aria-label": `${frames} pictures ${row.what}, from start to end` });
    row.mark = element("i", { style: `width:${100 / frames}%` });
    row.note = element("span", { class: "vae-number" });
    const key = name === "fade" ? "" : element("span", { class: `vae-dash${name === "sphere" ? " vae-dash-broken" : ""}` });
    row.node = element("div", { class: "vae-path" }, element("p", {}, axes.length ? key : "", element("b", {}, row.title),
      row.note), row.picture, element("div", { class: "vae-strip" }, row.strip, row.mark));
  }
  const tile = stage.picture(shape, "");
  const names = Object.keys(rows), all = frames * names.length;
  let owed = 0, next = 0; // tiles that are out of date, and whose turn it is: in a long drag all have theirs
  function film() { // a few pictures a frame, so that the hand is never kept waiting
    for (const until = performance.now() + 3; owed && performance.now() < until; owed--, next = (next + 1) % all) {
      const k = Math.floor(next / names.length), name = names[next % names.length];
      tile.draw(at[name](k / (frames - 1)));
      rows[name].strip.getContext("2d").drawImage(tile, k * shape[2], 0);
    }
    if (owed) stage.frame(film);
  }

  // --- the plane, where there are two latents to show
  let plane = null, taken = null;
  if (axes.length) {
    const dots = { codes: stage.numbers("codes"), labels: stage.numbers("labels", Uint8Array), classes: stage.get("classes") };
    const [x, y] = stage.get("view"), here = name => axes.map(axis => stage.get(name)[axis]);
    const put = (name, a, b) => stage.set({ [name]: stage.get(name).map((v, i) => i === axes[0] ? tidy(a) : i === axes[1] ? tidy(b) : v) });
    plane = new Plane(stage, { label: "Latent plane with both paths", x, y, names: axes.map(axis => `z${axis}`), under, over });
    function under() {
      plane.axes();
      drawCodes(plane, dots);
      if (stage.get("prior")) drawPrior(plane);
      plane.dot(0, 0, stage.theme.paper, 3.5, stage.theme.ink);
    }
    function over() {
      const { ink, paper } = stage.theme, t = stage.get("t");
      for (const [name, dash] of [["sphere", [7, 5]], ["straight", []]]) {
        const { path } = rows[name];
        plane.line(path.line, paper, 6);
        plane.line(path.line, ink, 2.5, { dash });
        path.at(t, path.here);
        plane.dot(path.here[axes[0]], path.here[axes[1]], name === "sphere" ? paper : ink, 5, name === "sphere" ? ink : paper);
      }
      for (const name of ["u", "v"]) { // above its end, or below where the plane ends
        const [a, b] = here(name), up = (plane.py(b) > 34 ? 21 : -21) * (plane.y[1] - plane.y[0]) / plane.high;
        const end = name === "u" ? "start" : "end", colour = stage.dark ? "#ffffff" : "#000000";
        nameTag(plane, { name: end, colour, ...tagBox(plane, end, a, b + up) });
      }
    }
    for (const [name, word] of [["u", "start"], ["v", "end"]])
      plane.handle({ names: axes.map(axis => `z${axis} of the ${word}`), get: () => here(name), limits: [x, y],
        home: axes.map(axis => stage.get("start")[name === "u" ? 0 : 1][axis]), set: (a, b) => put(name, a, b) }).end = name;
    // a press takes the nearer end; a click, which does not drag, sets it on a code that lies there
    let pressed = null;
    plane.nearest = event => {
      const [a, b] = plane.at(event), away = ({ get }) => Math.hypot(get()[0] - a, get()[1] - b);
      pressed = event;
      return taken = plane.handles.reduce((one, other) => away(other) < away(one) ? other : one);
    };
    stage.listen(plane.canvas, "click", event => {
      if (event.shiftKey || !pressed || Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > 4) return;
      const [a, b] = plane.at(event), [best, away] = nearestCode(dots.codes, a, b);
      if (away / (plane.x[1] - plane.x[0]) * plane.wide < 14) put(taken.end, dots.codes[2 * best], dots.codes[2 * best + 1]);
    });
  }

  // --- without a plane: images to choose the ends from
  const labels = stage.get("choices"), first = known.length - labels.length;
  const chooser = (name, word) => {
    const group = `vae-${name}-${Math.random()}`;
    const node = element("fieldset", { class: "vae-choose" }, element("legend", {}, `${word} from`));
    node.inputs = labels.map((label, k) => {
      const input = element("input", { type: "radio", name: group, "aria-label": `${word} from an image of class ${label}` });
      const small = stage.picture(shape, `Image of class ${label}`);
      small.removeAttribute("role");
      small.removeAttribute("aria-label");
      small.setAttribute("aria-hidden", "true");
      small.draw(images[first + k]);
      stage.listen(input, "change", () => stage.set({ [name]: known[first + k] }));
      node.append(element("label", { title: label }, input, small));
      return input;
    });
    return node;
  };
  const choosers = labels.length ? { u: chooser("u", "Start"), v: chooser("v", "End") } : {};

  // --- time
  let playing = false, way = 1, before = null, now = 0;
  function play(on) {
    [playing, before, now] = [on, null, stage.get("t")];
    way = now >= 1 ? -1 : 1;
    button.textContent = on ? "Pause" : "Play";
    if (on) stage.frame(step);
  }
  function step(time) { // there and back in 3 s each, then it rests
    if (!playing) return;
    now += way * Math.min(100, time - (before ?? time)) / 3000;
    before = time;
    const arrived = way < 0 && now <= 0;
    if (now >= 1) way = -1;
    now = Math.min(1, Math.max(0, now));
    stage.set({ t: tidy(now) });
    if (arrived) play(false); else stage.frame(step);
  }
  const button = stage.button("Play", () => play(!playing), "From start to end and back, 3 seconds each way");
  const slider = stage.slider({ name: "From start to end, t", min: 0, max: 1, step: 0.01, value: stage.get("t"), home: 0,
    move: v => { play(false); stage.set({ t: tidy(v) }); } });
  slider.style.flex = "1 1 260px";

  function show() {
    const t = stage.get("t"), left = `${100 * t * (frames - 1) / frames}%`;
    slider.move(t);
    for (const [name, row] of Object.entries(rows)) {
      row.picture.draw(at[name](t));
      row.mark.style.left = left;
      row.picture.setAttribute("aria-label", `The picture ${row.what}, at t = ${round(t)}`);
      if (row.path) row.note.textContent = `: norm of the code ${round(lengthOf(row.path.at(t, z)))}`
        + (row.path.why ? `. No path on the sphere, since ${row.path.why}: this is the straight line` : "");
    }
    const kind = name => end[name].known ? "image" : "decoded picture";
    rows.fade.note.textContent = kind("u") === kind("v") ? `: of the two ${kind("u")}s` : `: from ${kind("u")} to ${kind("v")}`;
    plane?.draw();
    const norms = ["straight", "sphere"].map(name => `${rows[name].title}${rows[name].note.textContent}`).join("; ");
    if (!playing) stage.say(`t = ${round(t)}. ${norms}`);
  }
  function moved() {
    settle();
    for (const [name, chosen] of Object.entries(choosers)) chosen.inputs.forEach((input, k) => {
      input.checked = known[first + k].every((v, i) => v === stage.get(name)[i]);
    });
    owed = all;
    stage.frame(film);
    show();
  }

  const reset = () => {
    play(false);
    const [u, v] = stage.get("start");
    stage.set({ u, v, t: 0 });
    plane?.look(...stage.get("view"));
  };
  const list = name => `torch.tensor([[${stage.get(name).join(", ")}]])`;
  const side = element("div", { class: "vae-side", style: "flex:1 1 320px;max-width:640px" });
  side.append(...Object.values(choosers), element("div", { class: "vae-row" }, button, slider),
    ...Object.values(rows).map(row => row.node),
    element("div", { class: "vae-row" }, plane ? plane.zoomers() : "",
      stage.copier(() => `u, v, t = ${list("u")}, ${list("v")}, ${stage.get("t")}`),
      stage.button("Swap", () => stage.set({ u: stage.get("v"), v: stage.get("u") }), "Start and end change places"),
      stage.button("Reset", reset, "Everything as it was at the start")));
  if (plane) stage.root.append(element("div", { style: "flex:1 1 260px;max-width:340px;min-width:0" }, plane.node,
    element("p", {}, "Drag start or end, or click on a code: the nearer end goes there.")));
  stage.root.append(side);
  stage.on(["u", "v"], () => stage.frame(moved));
  stage.on("t", () => stage.frame(show));
  settle();
  stage.frame(moved);
});

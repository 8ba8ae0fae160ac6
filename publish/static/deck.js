// A deck: reveal.js, text as large as its slide allows, and what must work while a widget has the focus.
"use strict";
(() => {
  // pixels, of 720 that a slide is high: type beside a figure or alone; planes and words of widgets
  const BESIDE = 34, ALONE = 42, SMALLEST = 22, PLANES = [560, 500, 440, 380, 320], WORDS = [22, 19, 16];

  function fit(slide) { // the largest type, or plane, at which nothing is cut off
    const body = slide?.querySelector(".body");
    if (!body) return;
    body.style.fontSize = "";
    const fits = () => body.scrollHeight <= body.clientHeight + 1 && body.scrollWidth <= body.clientWidth + 1;
    const live = body.querySelector(".live:not([data-kind=Prediction])");
    for (const words of live ? WORDS : []) {
      live.style.setProperty("--words", `${words}px`);
      for (const plane of PLANES) {
        live.style.setProperty("--plane", `${plane}px`);
        if (fits()) return;
      }
    }
    for (let size = body.querySelector(".figure, .live, img") ? BESIDE : ALONE; size >= SMALLEST; size--) {
      body.style.fontSize = `${size}px`;
      if (fits()) return;
    }
  }

  Reveal.initialize({
    width: 1280, height: 720, display: "flex", margin: 0.03, center: false, hash: true, transition: "none", backgroundTransition: "none",
    slideNumber: "c/t", controlsTutorial: false, scrollActivationWidth: null, plugins: [RevealNotes],
  });
  const arrive = ({ currentSlide }) => {
    fit(currentSlide);
    for (const node of currentSlide?.querySelectorAll("[data-reveals]") ?? []) course.answer(node);
    for (const live of currentSlide?.querySelectorAll(".live") ?? []) {
      sizes.observe(live); // grows when it starts
      if (live.dataset.kind === "Prediction") course.askAgain(live);
    }
  };
  const sizes = new ResizeObserver(() => fit(Reveal.getCurrentSlide()));
  Reveal.on("ready", arrive);
  Reveal.on("slidechanged", arrive);
  document.fonts.ready.then(() => fit(Reveal.getCurrentSlide()));

  // a clicker's keys belong to the deck, even when a slider has the focus and would take them; so do the letters
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest?.(".live")) return;
    if (event.target.matches("select, input[type=text]") && !event.key.startsWith("Page")) return;
    if (!["PageDown", "PageUp", "s", "f", "o", "b"].includes(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    event.target.blur(); // reveal.js hears no keys while an input has the focus
    Reveal.triggerKey(event.keyCode);
  }, true);
})();

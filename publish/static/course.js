// The theme, before anything is drawn; the rest when the page is there.
"use strict";
(() => {
  const root = document.documentElement;
  let kept = null;
  try { kept = localStorage.getItem("vae-theme"); } catch { /* a browser that keeps nothing for pages from a folder */ }
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;

  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("button.theme");
    const name = () => {
      button.textContent = dark() ? "Light" : "Dark";
      button.title = `Show this page in ${dark() ? "light" : "dark"} colours`;
      document.body.dataset.jpThemeName = dark() ? "dark" : "light"; // the widgets look at this, as in JupyterLab
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem("vae-theme", root.dataset.theme); } catch { /* as above */ }
      name();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
    name();

    const contents = document.querySelector(".contents details"); // folded where it would push the text down
    if (contents && !matchMedia("(min-width: 75rem)").matches) contents.open = false;

    // what scrolls sideways can be reached and moved by keys
    const boxes = document.querySelectorAll("pre, .scrolls");
    const sizes = new ResizeObserver(seen => {
      for (const { target } of seen) {
        if (target.scrollWidth > target.clientWidth + 1) {
          target.tabIndex = 0;
          target.setAttribute("role", "group");
          target.setAttribute("aria-label", target.matches("pre") ? "Code or printed text, wider than the page" : "Wider than the page");
        } else for (const what of ["tabindex", "role", "aria-label"]) target.removeAttribute(what);
      }
    });
    for (const box of boxes) sizes.observe(box);
  });
})();

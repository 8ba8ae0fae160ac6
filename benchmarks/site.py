"""How soon a page of ``site/``, opened from the disk, can be used: ``python -m benchmarks.site`` (with Chromium, after ``make site``).

For each page, medians over five fresh browsers' caches: the page is laid out (DOMContentLoaded), all is loaded, and the
first widget that is no prediction, scrolled to at once, answers.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))


def main(folder=ROOT / "site", repeats=5):
    """Print a table of seconds."""
    import lab
    from playwright.sync_api import sync_playwright

    if lab.chromium() is None or not Path(folder).is_dir():
        sys.exit("wanted are Chromium and the folder site/: make site")
    print(f"{'seconds':28} laid out  loaded  first widget")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=lab.chromium(), args=lab.CHROMIUM_FLAGS)
        for file in sorted(Path(folder).glob("[0-9]*.html")):
            rows = [measure(browser, file) for _ in range(repeats)]
            numbers = [[row[i] for row in rows if row[i] is not None] for i in range(3)]
            shown = [f"{statistics.median(column):8.2f}" if column else "       –" for column in numbers]
            print(f"{file.stem:28}{'  '.join(shown)}")
        browser.close()


def measure(browser, file):
    """Seconds from the call to each of the three moments; None where there is no such widget."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(file.as_uri(), wait_until="domcontentloaded")
    laid_out = time.perf_counter() - start
    page.wait_for_load_state("load")
    loaded, widget = time.perf_counter() - start, None
    places = page.locator(".live:not([data-kind=Prediction])")
    if places.count():
        places.first.scroll_into_view_if_needed()
        page.wait_for_function("() => document.querySelector('.live:not([data-kind=Prediction])').dataset.state === 'alive'")
        widget = time.perf_counter() - start
    context.close()
    return laid_out, loaded, widget


if __name__ == "__main__":
    main(*sys.argv[1:2])

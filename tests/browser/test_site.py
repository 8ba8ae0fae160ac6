"""The pages, opened from their folder in Chromium with no network: quiet, whole, alive, and for everyone."""

import json

import pytest
from accessibility import violations
from static_pages import (
    PIXELS, STATES, broken_links, each_notebook, look_at_list, open_file, other_hosts, other_pixels, views_of, wake_all,
)

from publish.executed import executed
from vae_helpers.widgets.prediction import compare

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
MEGABYTES = 25


# --- the folder ------------------------------------------------------------------


def test_every_link_and_anchor_leads_somewhere(site):
    assert not broken_links(site)


def test_no_file_asks_another_host(site):
    assert not other_hosts(site)


@pytest.mark.slow
def test_every_notebook_has_its_page_and_the_whole_is_small(site):
    from publish.executed import notebook_paths

    names = {path.stem for path in notebook_paths()}
    assert {file.stem for file in site.glob("[0-9]*.html")} == names
    assert {file.stem for file in (site / "notebooks").iterdir()} == names
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    assert size < MEGABYTES * 1e6, f"{size / 1e6:.1f} MB"


def test_the_front_page_is_for_everyone(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    faults = look_at_list(context, site / "index.html")
    context.close()
    assert not faults


# --- each page -------------------------------------------------------------------


@pytest.fixture(scope="module", params=each_notebook())
def opened(request, site, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = open_file(context, site / f"{request.param.stem}.html", request.param)
    wake_all(opened.page)
    yield opened
    context.close()


def test_every_widget_is_there_and_alive(opened):
    states = opened.page.evaluate(STATES)
    asleep = opened.page.locator(".needs-kernel").count()
    assert len(states) + asleep == views_of(opened.path)
    assert not [kind for kind, state in states if state != "alive"]
    assert asleep <= 1, "more than the upload of 08 needs a kernel"


def test_the_page_is_quiet_and_asks_nobody(opened):
    assert not opened.heard.console
    assert not opened.failed
    assert not [address for address in opened.heard.addresses if not address.startswith(("file:", "data:", "blob:"))]


def test_every_widget_has_drawn_something(opened):
    """No canvas of a widget is of one colour."""
    blank = opened.page.evaluate("""() => [...document.querySelectorAll(".live canvas")].filter(c => {
      if (!c.width || !c.height || !c.checkVisibility()) return false;
      const pixels = new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer);
      return pixels.every(pixel => pixel === pixels[0]);
    }).map(c => `${c.closest(".live").dataset.kind}: ${c.ariaLabel ?? c.className}`)""")
    assert not blank


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(opened, scheme):
    page = opened.page
    page.emulate_media(color_scheme=scheme)
    page.evaluate("() => document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    page.wait_for_timeout(500)
    faults, tried = violations(page)
    assert not faults
    assert {"color-contrast", "image-alt"} <= tried


def test_formulas_are_mathml_and_no_tex_is_left(opened):
    left = opened.page.evaluate("""() => {
      const text = document.querySelector("main").cloneNode(true);
      text.querySelectorAll("pre, code, .live").forEach(node => node.remove());
      return text.textContent.match(/\\$\\$|\\\\(frac|log|sigma|mathbb)/g) ?? [];
    }""")
    assert not left
    widths = opened.page.evaluate("() => [...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().width)")
    formulas = sum(cell.source.count("$$") // 2 for cell in executed(opened.path).cells if cell.cell_type == "markdown")
    assert len(widths) >= formulas and all(width > 4 for width in widths)


def test_previous_next_and_the_notebook_itself(opened, site):
    page = opened.page
    (file,) = page.evaluate("() => [...document.querySelectorAll('a[download]')].map(a => a.getAttribute('href'))")
    assert json.loads((site / file).read_text(encoding="utf-8"))["nbformat"] == 4
    assert page.locator("nav.steps a").count() in (1, 2)
    assert page.locator("nav.contents a").count() >= 5


def test_on_a_phone_nothing_sticks_out(opened, browser, site):
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    page = open_file(context, site / f"{opened.path.stem}.html").page
    wake_all(page)
    try:
        assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
        wide = page.evaluate("""() => [...document.querySelectorAll("main *")].filter(node => {
          const { right, width } = node.getBoundingClientRect();
          return width && right > innerWidth + 1 && !node.closest("pre, .scrolls, math, .vae-unseen, svg") && node.checkVisibility();
        }).map(node => node.outerHTML.slice(0, 120))""")
        assert not wide
    finally:
        context.close()


# --- what can be moved -----------------------------------------------------------


@pytest.fixture
def first(browser, site):
    """The first page, fresh."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, has_touch=True)
    opened = open_file(context, site / "00_start_here.html")
    wake_all(opened.page)
    yield opened.page
    context.close()


def pad_of(page):
    pad = page.locator(".live[data-kind=LatentPad]").first
    pad.scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    return pad, pad.locator(".vae-plane > canvas").bounding_box()


def where(pad):
    return pad.locator(".vae-number").first.inner_text()


def test_a_pad_follows_the_mouse(first):
    pad, box = pad_of(first)
    seen, words = [pad.evaluate(PIXELS)], where(pad)
    first.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    first.mouse.down()
    for part in (0.35, 0.45, 0.55, 0.65):  # each place has a picture of its own
        first.mouse.move(box["x"] + part * box["width"], box["y"] + part * box["height"])
        seen.append(other_pixels(pad, *seen))
    first.mouse.up()
    assert where(pad) != words


def test_a_pad_follows_a_finger_and_the_keys(first):
    pad, box = pad_of(first)
    before = pad.evaluate(PIXELS)
    first.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    tapped = other_pixels(pad, before)
    pad.get_by_role("slider").first.focus()
    first.keyboard.press("Shift+ArrowRight")
    other_pixels(pad, before, tapped)


def test_the_theme_changes_what_is_drawn(first):
    pad, _ = pad_of(first)
    plane = pad.locator(".vae-plane")
    before = plane.evaluate(PIXELS)
    paper = "() => getComputedStyle(document.body).backgroundColor"
    light = first.evaluate(paper)
    first.get_by_role("button", name="Dark").click()
    assert first.evaluate(paper) != light
    other_pixels(plane, before)
    first.reload()
    assert first.evaluate(paper) != light, "the choice is not kept"


def test_a_prediction_waits_for_its_answer(first):
    place = first.locator(".live[data-kind=Prediction]").first
    place.get_by_label("about a half").check()
    assert "Your prediction: about a half. The answer follows." in place.inner_text()
    answer = first.locator("details.answer").first
    answer.locator("summary").click()
    said = answer.locator(".said")
    first.wait_for_function("() => document.querySelector('details.answer .said').textContent.startsWith('You predicted')")
    assert said.inner_text().startswith("You predicted: about a half. The answer: about four fifths.")
    assert said.inner_text() in place.inner_text()


def test_an_answer_without_a_prediction_is_just_the_answer(first):
    answer = first.locator("details.answer").first
    answer.locator("summary").click()
    first.wait_for_timeout(200)
    assert answer.locator(".said").inner_text().startswith("The answer: about four fifths.")


def test_numbers_are_compared_as_python_does(browser, site):
    """A prediction of a number, in 02: the words are those of the kernel."""
    context = browser.new_context()
    page = open_file(context, site / "02_gaussian_layer.html").page
    wake_all(page)
    question = page.locator(".live[data-kind=Prediction]:has(input[type=text])").first
    name = question.get_attribute("data-widget")
    fold = page.locator(f"details[data-reveals={name}]")
    said = {}
    for guess in ["", "0", "5", "12", "0.5", "12,000", "3,5", "-2", "many", "3e3", " 7 ", "0x10", "."]:
        question.evaluate("place => course.askAgain(place)")
        question.locator("input").fill(guess)
        fold.evaluate("fold => { fold.open = true; return course.answer(fold); }")
        said[guess] = fold.locator(".said").inner_text()
    context.close()
    script = (site / "widgets" / "02_gaussian_layer.js").read_text(encoding="utf-8")
    state = json.loads(script[len("course.widgets(") : script.rindex(")")])[name]["state"]
    wanted = {guess: compare(guess.strip(), float(state["answer"]), state["because"], False) for guess in said}
    assert said == wanted | {"": wanted[""].removeprefix("No number was predicted. ")}


def test_a_training_is_played_again(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = open_file(context, site / "03_elbo.html").page
    wake_all(page)
    try:
        view = page.locator(".live[data-kind=TrainingView]")
        view.scroll_into_view_if_needed()
        assert "A recording." in view.inner_text() and "waits for the end" not in (site / "widgets" / "03_elbo.js").read_text(encoding="utf-8")
        end = view.evaluate(PIXELS)
        view.get_by_role("button", name="Step").click()
        begin = other_pixels(view, end)
        view.get_by_role("button", name="Play").click()
        other_pixels(view, begin, end)
        view.get_by_role("button", name="Pause").click()
        page.wait_for_timeout(300)
        halted = view.evaluate(PIXELS)
        page.wait_for_timeout(1500)
        assert view.evaluate(PIXELS) == halted
        view.get_by_role("button", name="Stop").click()
        assert other_pixels(view, halted) == end
        assert not view.get_by_label("β").is_visible()
    finally:
        context.close()


@pytest.mark.slow
def test_a_patient_is_examined_and_diagnosed(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = open_file(context, site / "05_training.html").page
    wake_all(page)
    try:
        lab = page.locator(".live[data-kind=BreakIt]")
        before = lab.evaluate(PIXELS)
        lab.get_by_role("button", name="Patient 3").click()
        other_pixels(lab, before)
        assert lab.locator("tbody tr").count() == 12
        words = set()
        for option in lab.locator("select option").all()[1:]:
            lab.get_by_label("Your diagnosis").select_option(option.get_attribute("value"))
            lab.get_by_role("button", name="Diagnose").click()
            page.wait_for_timeout(60)
            words.add(lab.locator(".vae-diagnosis p").inner_text())
        assert sum(text.startswith("Right:") for text in words) == 1 and any(text.startswith("No") for text in words)
        lab.get_by_role("button", name="Reset").click()
        page.wait_for_timeout(300)
        assert "choose a patient" in lab.inner_text()
    finally:
        context.close()


@pytest.mark.parametrize("half", [False, True], ids=["missing", "cut short"])
def test_what_is_missing_is_said(browser, site, tmp_path, half):
    """A folder that was copied in part: the widget says what is wrong, the page stays."""
    import shutil

    part = tmp_path / "part"
    shutil.copytree(site, part)
    for file in (part / "bytes").iterdir():
        file.write_text(file.read_text()[:1000]) if half else file.unlink()
    context = browser.new_context()
    page = open_file(context, part / "00_start_here.html").page
    wake_all(page)
    said = page.locator(".live[data-kind=LatentPad]").inner_text()
    context.close()
    assert "could not be drawn: its numbers are missing" in said and "is the folder complete?" in said

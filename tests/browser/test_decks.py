"""The lectures, opened from their folder in Chromium with no network: every slide fits, and what should move moves."""

import pytest
from accessibility import violations
from static_pages import PIXELS, broken_links, each_notebook, look_at_list, open_file, other_hosts, other_pixels

pytestmark = pytest.mark.browser

SMALLEST = 22  # pixels of type, of 720 that a slide is high
READY = "() => window.Reveal?.isReady()"
ALIVE = """() => [...Reveal.getCurrentSlide().querySelectorAll(".live")].every(
  place => ["alive", "failed"].includes(place.dataset.state))"""

# What is wrong with the slide in sight.
MISFITS = """() => {
  const slide = Reveal.getCurrentSlide(), body = slide.querySelector(".body"), faults = [];
  const title = slide.querySelector(".title").innerText;
  if (body.scrollHeight > body.clientHeight + 2) faults.push(`${body.scrollHeight - body.clientHeight} px too high`);
  if (body.scrollWidth > body.clientWidth + 2) faults.push(`${body.scrollWidth - body.clientWidth} px too wide`);
  if (parseFloat(getComputedStyle(body).fontSize) < SMALLEST) faults.push("type too small");
  if (!body.innerText.trim() && !body.querySelector("img, canvas, math")) faults.push("empty");
  for (const picture of body.querySelectorAll(".figure, .prose img")) {
    const { width, height } = picture.getBoundingClientRect();
    if (height < 150 || width < 150) faults.push(`a picture of ${Math.round(width)} by ${Math.round(height)} px`);
  }
  for (const place of body.querySelectorAll(".live")) {
    if (place.dataset.state !== "alive") faults.push(`${place.dataset.kind}: ${place.dataset.state}`);
    const { right, bottom } = place.getBoundingClientRect();
    if (right > innerWidth || bottom > innerHeight) faults.push(`${place.dataset.kind} sticks out`);
  }
  return faults.map(fault => `${title}: ${fault}`);
}""".replace("SMALLEST", str(SMALLEST))


def test_every_link_leads_somewhere_and_nothing_asks_another_host(decks):
    assert not broken_links(decks)
    assert not other_hosts(decks)


def test_the_list_of_decks_is_for_everyone(browser, decks):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    faults = look_at_list(context, decks / "index.html")
    context.close()
    assert not faults


@pytest.fixture(scope="module", params=each_notebook())
def deck(request, decks, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    opened = open_file(context, decks / f"{request.param.stem}.html", request.param)
    opened.page.wait_for_function(READY)
    yield opened
    context.close()


def go_to(page, number):
    """Show a slide and wait until it is as it will stay."""
    page.evaluate("n => Reveal.slide(n)", number)
    page.wait_for_function(ALIVE)
    page.wait_for_timeout(150)


def slides_with(page, selector):
    return page.evaluate(
        "selector => [...document.querySelectorAll('section')].flatMap((s, i) => s.querySelector(selector) ? [i] : [])", selector)


@pytest.mark.parametrize("size", [(1920, 1080), (1024, 768)], ids=str)
def test_every_slide_fits(deck, size):
    page, faults = deck.page, []
    page.set_viewport_size(dict(zip(("width", "height"), size)))
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        go_to(page, number)
        for _ in range(30):  # what has just started is fitted once more
            if not (found := page.evaluate(MISFITS)):
                break
            page.wait_for_timeout(100)
        faults += found
    assert not faults


def test_the_deck_is_quiet_and_asks_nobody(deck):
    assert not deck.heard.console and not deck.failed
    assert not [address for address in deck.heard.addresses if not address.startswith(("file:", "data:", "blob:"))]


def test_every_slide_has_notes(deck):
    notes = deck.page.evaluate("() => [...document.querySelectorAll('section')].map(s => s.querySelector('.notes').textContent)")
    assert 12 <= len(notes) <= 20
    assert all("Ask." in note and "Say." in note for note in notes)


def test_axe_finds_no_fault_on_any_slide(deck):
    page, faults = deck.page, []
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        page.emulate_media(color_scheme=("light", "dark")[number % 2])
        go_to(page, number)
        found, tried = violations(page)
        faults += [f"slide {number + 1}: {line}" for line in found]
        assert "color-contrast" in tried
    assert not faults


# --- the lecturer's hand -----------------------------------------------------------


@pytest.fixture(params=[(1280, 720), (1920, 1080)], ids=str)
def first(request, decks, browser):
    """The first deck at its pad, on screens of two sizes: the slide is drawn larger on one."""
    context = browser.new_context(viewport=dict(zip(("width", "height"), request.param)))
    page = open_file(context, decks / "00_start_here.html").page
    page.wait_for_function(READY)
    go_to(page, slides_with(page, ".live[data-kind=LatentPad]")[0])
    yield page
    context.close()


def test_the_pad_goes_where_the_mouse_is(first):
    pad = first.locator("section.present .live")
    box = pad.locator(".vae-plane > canvas").bounding_box()
    before = pad.evaluate(PIXELS)
    first.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    first.mouse.down()
    first.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"], steps=5)
    first.mouse.up()
    other_pixels(pad, before)
    first.wait_for_timeout(300)
    view = first.evaluate("""async () => {
      const [x, y] = [...Reveal.getCurrentSlide().querySelectorAll(".vae-grip")].map(grip => [grip.min, grip.max, grip.value].map(Number));
      return [(x[2] - x[0]) / (x[1] - x[0]), (y[2] - y[0]) / (y[1] - y[0])];
    }""")
    assert view == pytest.approx([0.75, 0.75], abs=0.02)


def test_a_finger_on_the_pad_turns_no_slide(browser, decks):
    context = browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True)
    page = open_file(context, decks / "00_start_here.html").page
    page.wait_for_function(READY)
    number = slides_with(page, ".live[data-kind=LatentPad]")[0]
    go_to(page, number)
    pad = page.locator("section.present .live")
    box, before, cdp = pad.locator(".vae-plane > canvas").bounding_box(), pad.evaluate(PIXELS), context.new_cdp_session(page)

    def touch(kind, *at):
        points = [{"x": box["x"] + at[0] * box["width"], "y": box["y"] + at[1] * box["height"]}] if at else []
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.2, 0.5)
    for part in range(1, 9):
        touch("touchMove", 0.2 + 0.08 * part, 0.5)
    touch("touchEnd")
    other_pixels(pad, before)
    here = page.evaluate("Reveal.getState().indexh")
    context.close()
    assert here == number


def test_a_clicker_moves_on_whatever_has_the_focus(first):
    number = first.evaluate("Reveal.getState().indexh")
    grip = first.locator("section.present .live").get_by_role("slider").first
    grip.focus()
    value = grip.input_value()
    first.keyboard.press("ArrowRight")
    assert first.evaluate("Reveal.getState().indexh") == number and grip.input_value() != value
    first.keyboard.press("PageDown")
    assert first.evaluate("Reveal.getState().indexh") == number + 1
    first.keyboard.press("PageUp")
    assert first.evaluate("Reveal.getState().indexh") == number


def test_a_vote_is_set_beside_its_answer(first):
    go_to(first, slides_with(first, ".live[data-kind=Prediction]")[0])
    first.locator("section.present").get_by_label("about a half").check()
    go_to(first, slides_with(first, "[data-reveals]")[0])
    first.wait_for_function("() => Reveal.getCurrentSlide().querySelector('.said').textContent.startsWith('You predicted')")
    assert "about a half. The answer: about four fifths" in first.locator("section.present .said").inner_text()
    go_to(first, slides_with(first, ".live[data-kind=Prediction]")[0])  # the next group may vote too
    first.locator("section.present").get_by_label("about a fifth").check()
    go_to(first, slides_with(first, "[data-reveals]")[0])
    first.wait_for_function("() => Reveal.getCurrentSlide().querySelector('.said').textContent.includes('about a fifth')")


def test_the_speakers_view_shows_the_notes(first):
    first.locator("section.present .live").get_by_role("slider").first.focus()  # though a widget has the focus
    with first.expect_popup() as opened:
        first.keyboard.press("s")
    speaker = opened.value
    speaker.wait_for_function("() => document.querySelector('.speaker-controls-notes .value')?.textContent.includes('Ask.')", timeout=15_000)
    said = speaker.locator(".speaker-controls-notes .value").inner_text()
    assert "Say." in said

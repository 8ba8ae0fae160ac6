"""GaussianPlay, BoundPlay and KLPlay in JupyterLab: what their buttons and rims do, as the kernel has it."""

import ast
import re

import pytest
from lab import in_kernel, new_page, open_notebook, run_cell_containing, wait_for, write_notebook

pytestmark = pytest.mark.browser

CELLS = ["from vae_helpers.widgets import BoundPlay, GaussianPlay, KLPlay",
         "cloud = GaussianPlay((1, 0), (1, 0.5), 0.5)\ncloud", "bound = BoundPlay(x=2.0)\nbound",
         "kl = KLPlay(q=(0, 1.5), humps=2)\nkl"]


@pytest.fixture(scope="module")
def page(lab, context):
    page, heard = new_page(context)
    write_notebook(lab, "plays.ipynb", CELLS)
    open_notebook(page, lab, "plays.ipynb")
    for cell in CELLS:
        run_cell_containing(page, cell)
    yield page
    assert not heard.console
    page.close()


@pytest.fixture
def play(request, page):
    """One of the widgets, reset: press its buttons, ask the kernel."""

    class Play:
        root = page.get_by_role("group", name=request.param[0], exact=True)
        plane = root.locator(".vae-plane").first
        variable = request.param[1]

        def press(self, name):
            self.root.get_by_role("button", name=name, exact=True).click()

        def get(self, expression):
            return ast.literal_eval(in_kernel(page, expression.replace("play", self.variable)))

        def wait(self, expression):
            wait_for(page, lambda: self.get(expression), 10, expression, every=60)

        def drag(self, start, end):
            """From one place to another of the first plane, in fractions of its size."""
            self.plane.evaluate("node => node.scrollIntoView({ block: 'center' })")
            box = self.plane.bounding_box()
            (x0, y0), (x1, y1) = ((box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end))
            page.mouse.move(x0, y0)
            page.mouse.down()
            page.mouse.move(x1, y1, steps=8)
            page.mouse.up()

    play = Play()
    in_kernel(page, "None", f"for name, value in {play.variable}.home.items(): setattr({play.variable}, name, value)")
    play.root.evaluate("node => node.scrollIntoView({ block: 'center' })")
    return play


def of(name, variable):
    return pytest.mark.parametrize("play", [(name, variable)], indirect=True, ids=[variable])


gaussian, bound, kl = of("Gaussian cloud", "cloud"), of("ELBO and gap", "bound"), of("KL in both directions", "kl")
KEPT = "play.noise == play.first_noise"


@gaussian
def test_new_eps_reach_the_kernel_and_reset_brings_the_first_back(play):
    play.press("New ε")
    play.wait(f"not {KEPT}")
    assert play.get("len(play.noise)") == 200 * 2 * 4
    assert abs(play.get("play.eps.mean().item()")) < 0.3 and abs(play.get("play.eps.std().item()") - 1) < 0.3
    play.press("Reset")
    play.wait(KEPT)


@gaussian
def test_a_move_draws_new_eps_only_where_they_are_fresh(play, page):
    grip = play.root.get_by_role("slider", name="μ₁", exact=True)
    grip.press("ArrowRight")
    play.wait("play.mu == [1.05, 0.0]")
    assert play.get(KEPT)
    play.press("Fresh ε at every move")
    grip.press("ArrowRight")
    play.wait(f"play.fresh and play.mu == [1.1, 0.0] and not {KEPT}")
    play.press("Reset")
    play.wait(f"not play.fresh and play.mu == [1.0, 0.0] and {KEPT}")


@gaussian
@pytest.mark.parametrize("k, name, key", [(0, "σ₁", "ArrowRight"), (1, "σ₂", "ArrowUp")])
def test_a_rim_moves_one_sigma(play, k, name, key):
    mu, sigma = play.get("play.mu"), play.get("play.sigma")
    start = [0.5 + mu[0] / 10.4, 0.5 - mu[1] / 10.4]
    start[k] += (1, -1)[k] * sigma[k] / 10.4
    end = list(start)
    end[k] += (1, -1)[k] * 0.6 / 10.4
    play.drag(start, end)
    play.wait(f"abs(play.sigma[{k}] - {sigma[k] + 0.6}) < 0.05")
    assert play.get(f"play.sigma[{1 - k}]") == sigma[1 - k] and play.get("play.mu") == mu
    grip = play.root.get_by_role("slider", name=name, exact=True)
    grip.press("Home")
    play.wait(f"play.sigma[{k}] == {sigma[k]}")
    grip.press(f"Shift+{key}")
    play.wait(f"abs(play.sigma[{k}] - {sigma[k] + 0.5}) < 1e-6")
    assert float(grip.get_attribute("aria-valuetext")) == sigma[k] + 0.5


@bound
def test_best_q_closes_the_gap_of_a_line_and_not_of_a_bowl(play):
    assert play.get("play.split()[2]") > 1
    play.press("Best q")
    play.wait("abs(play.mu - 1.6) < 1e-3 and play.split()[2] < 1e-6")
    slider = play.root.get_by_role("slider", name="Decoder's bend", exact=True)
    for _ in range(2):
        slider.press("Shift+ArrowRight")
    play.wait("play.bend == 1")
    play.press("Best q")
    play.wait("0.5 < play.split()[2] < 0.75")


@bound
def test_the_page_says_what_the_kernel_says(play, page):
    play.root.get_by_role("slider", name="μ of q", exact=True).press("Shift+ArrowRight")
    play.wait("play.mu == 0.5")
    shown = [float(text.replace("−", "-")) for text in play.root.locator("table td").all_inner_texts()]
    assert shown[:3] == pytest.approx(play.get("play.split()"), abs=1.1e-3)
    assert [shown[0] - shown[2], shown[3] - shown[4]] == pytest.approx([shown[1]] * 2, abs=1e-9)  # they add up


@kl
def test_best_q_covers_or_seeks(play):
    play.press("least KL(p ‖ q)")
    play.wait("abs(play.q[0] + 0.6) < 1e-3 and abs(play.q[1] - 9.112 ** 0.5) < 1e-3")  # p's mean and spread
    play.press("least KL(q ‖ p)")
    play.wait("abs(play.q[0] + 3) < 0.01 and abs(play.q[1] - 0.6) < 0.01")
    for _ in range(10):
        play.root.get_by_role("slider", name="μ of q", exact=True).press("Shift+ArrowRight")
    play.wait("play.q[0] > 1.9")
    play.press("Downhill from here")
    play.wait("abs(play.q[0] - 3) < 0.01 and abs(play.q[1] - 0.8) < 0.01")


@kl
def test_a_second_hump_is_there_only_where_there_are_two(play):
    names = ["μ of p's second hump", "σ of p's second hump", "Second hump's weight"]

    def there():
        return [name for name in names if play.root.get_by_role("slider", name=name, exact=True).and_(
            play.root.locator(":visible:enabled")).count()]

    assert there() == names
    play.press("Two humps")
    play.wait("play.humps == 1")
    assert there() == []
    play.press("Two humps")
    play.wait("play.humps == 2")
    assert there() == names


@kl
@pytest.mark.parametrize("way, k", [("KL(q ‖ p)", 0), ("KL(p ‖ q)", 1)])
def test_the_draws_come_to_an_end_near_the_grids_value(play, page, way, k):
    play.press(way)
    drawn = play.root.locator(".vae-number", has_text="20,000 draws")
    wait_for(page, lambda: drawn.count() == 1, 20, "20,000 draws", every=100)
    mean, error = map(float, re.match(r"([\d.]+) ± ([\d.]+) nats", drawn.inner_text()).groups())
    assert 0 < error < 0.1 and abs(mean - play.get("play.kl()")[k]) < 5 * error + 1e-3
    shown = play.root.locator("table tr").nth(1 + k).locator("td").nth(1).inner_text()
    assert float(shown) == pytest.approx(play.get("play.kl()")[k], abs=1e-4)


@kl
def test_draw_again_draws_slowly_from_few_to_many(play, page):
    drawn = play.root.locator(".vae-number", has_text="draws from")

    def count():
        return int(re.search(r"([\d,]+) draws", drawn.inner_text())[1].replace(",", ""))

    wait_for(page, lambda: count() == 20_000, 4, "after a move they come quickly", every=50)
    play.press("Draw again")
    page.wait_for_timeout(1500)
    early = count()
    assert 25 <= early < 2_000
    wait_for(page, lambda: count() > 4 * early, 8, "more draws", every=50)
    assert count() < 20_000
    wait_for(page, lambda: count() == 20_000, 15, "the last draws", every=100)


@kl
def test_with_reduced_motion_the_draws_come_at_once(play, page):
    page.emulate_media(reduced_motion="reduce")
    try:
        play.press("Draw again")
        assert "20,000 draws" in play.root.locator(".vae-number", has_text="draws from").inner_text()
    finally:
        page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize("play", [("ELBO and gap", "bound"), ("KL in both directions", "kl")], indirect=True,
                         ids=["bound", "kl"])
def test_zooming_leaves_the_height_and_fit_brings_the_view_back(play, page):
    """The foot of the curves stays above the numbers of the axis."""
    look = """node => {  // the lowest row of which 15 % is drawn on, as the curves' foot is; a sum of all pixels
      const canvas = node.querySelector("canvas"), { width, height } = canvas;
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      const drawn = y => Array.from({ length: width }, (_, x) => data[4 * (y * width + x) + 3] > 128);
      let foot = height - 1;
      while (foot > 0 && drawn(foot).filter(Boolean).length < 0.15 * width) foot--;
      return [foot, new Int32Array(data.buffer).reduce((sum, pixel) => Math.imul(31, sum) + pixel | 0, 0)];
    }"""
    foot, start = play.plane.evaluate(look)
    play.press("+")
    wait_for(page, lambda: play.plane.evaluate(look)[1] != start, 5, "zoomed", every=60)
    page.wait_for_timeout(200)
    assert foot > 0 and abs(play.plane.evaluate(look)[0] - foot) <= 1
    play.press("Fit")
    wait_for(page, lambda: play.plane.evaluate(look)[1] == start, 5, "as before", every=60)

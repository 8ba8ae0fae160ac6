"""One truth: ink.js centres a drawing as ``centred_as_mnist`` does; and the draws and journeys of LatentSliders."""

import math

import numpy as np
import pytest
import torch
from lab import ROOT
from torch.nn import functional as F

from vae_helpers.widgets.draw_digit import centred_as_mnist

pytestmark = pytest.mark.browser

WIDGETS = ROOT / "vae_helpers" / "widgets"
INK = (WIDGETS / "ink.js").read_text(encoding="utf-8")
CHANCE = (WIDGETS / "examples.js").read_text(encoding="utf-8")
CLOSE_UP = (WIDGETS / "draw_digit.js").read_text(encoding="utf-8").split("export default")[0]
JOURNEY = (WIDGETS / "latent_sliders.js").read_text(encoding="utf-8").split("export default")[0]


@pytest.fixture(scope="module")
def blank(context):
    page = context.new_page()
    yield page
    page.close()


def in_browser(page, ink):
    given = [ink.flatten().tolist(), *ink.shape]
    run = "([ink, h, w]) => {" + INK + " return Array.from(centredAsMnist(Float32Array.from(ink), h, w)); }"
    return torch.tensor(page.evaluate(run, given), dtype=torch.float64).reshape(28, 28)


def scribble(seed, height, width):
    """Some strokes of a round pen with soft edges."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    ink = np.zeros((height, width))
    for _ in range(rng.integers(1, 5)):
        (x0, x1), (y0, y1) = rng.uniform(0, width, 2), rng.uniform(0, height, 2)
        t = (((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)).clip(0, 1)
        away = np.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0))
        ink = np.maximum(ink, (rng.uniform(1, 14) + 0.5 - away).clip(0, 1))
    return torch.from_numpy(ink).float()


def dot(height, width, top, left):
    ink = torch.zeros(height, width)
    ink[top, left] = 0.7
    return ink


DRAWINGS = {f"scribble {seed}": scribble(seed, 280, 280) for seed in range(8)}
DRAWINGS |= {f"scribble of {h} × {w}": scribble(h, h, w) for h, w in ((28, 28), (90, 133), (17, 300))}
DRAWINGS |= {"blank": torch.zeros(280, 280), "all ink": torch.ones(280, 280), "a dot in a corner": dot(280, 280, 279, 0),
             "one pixel": torch.ones(1, 1)}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_centred_as_in_python(blank, name):
    wanted, got = centred_as_mnist(DRAWINGS[name]), in_browser(blank, DRAWINGS[name])
    assert (got - wanted).abs().max() <= 1e-6
    assert name == "blank" or wanted.max() > 0.5


def test_a_page_that_is_only_made_small_is_the_mean_of_tens(blank):
    ink = DRAWINGS["scribble 3"]
    run = "([ink]) => {" + INK + " return Array.from(shrunk(Float32Array.from(ink), 280)); }"
    got = torch.tensor(blank.evaluate(run, [ink.flatten().tolist()])).reshape(28, 28)
    assert torch.allclose(got, F.avg_pool2d(ink[None], 10)[0], atol=1e-6)


def test_draws_are_standard_normal(blank):
    """Mean, variance, and the shares beyond two and three σ of 200,000 draws, each within five standard errors."""
    n = 200_000
    z = torch.tensor(blank.evaluate(f"() => {{ {CHANCE} return Array.from({{ length: {n} }}, gaussian); }}"))
    assert z.isfinite().all()
    assert abs(z.mean()) < 5 / math.sqrt(n) and abs(z.var() - 1) < 5 * math.sqrt(2 / n)
    for radius, share in ((1, 0.317311), (2, 0.045500), (3, 0.002700)):
        assert abs((z.abs() > radius).float().mean() - share) < 5 * math.sqrt(share * (1 - share) / n)


def test_a_journey_sees_both_ends_and_comes_home(blank):
    run = "([start]) => {" + JOURNEY + " return Array.from({ length: 1201 }, (_, k) => journey(k / 1200, start, -3, 3)); }"
    for start in (-3, -1.3, 0, 3):
        way = blank.evaluate(run, [start])
        assert way[0] == way[-1] == pytest.approx(start)
        assert max(way) == pytest.approx(3, abs=0.011) and min(way) == pytest.approx(-3, abs=0.011)
        assert max(abs(b - a) for a, b in zip(way, way[1:])) < 0.0101  # evenly: 12 units in 1,200 steps


@pytest.mark.parametrize(
    ("half", "sigma", "reach", "wanted"),
    [(0, 0.04, 6, 0.24), (0.24, 0.03, 6, 0.24), (0.24, 0.055, 6, 0.24), (0.24, 0.02, 6, 0.12), (0.24, 0.08, 6, 0.48),
     (0, 0.04, 3, 0.12), (0, 1e-9, 6, 8 / 160), (0, 5.0, 6, 4)],
)
def test_a_close_up_reaches_six_sigma_and_stays_while_it_fits(blank, half, sigma, reach, wanted):
    got = blank.evaluate("given => {" + CLOSE_UP + " return closeUp(...given); }", [half, sigma, 8, reach])
    assert got == pytest.approx(wanted)


def test_a_page_without_ink_is_blank(blank):
    run = "() => {" + INK + """
      const blank = (base, strokes) => Object.getOwnPropertyDescriptor(Page.prototype, "blank").get.call({ base, strokes });
      const dot = new Float32Array(784).fill(0.5, 9, 10);
      return [blank(null, []), blank(new Float32Array(784), []), blank(dot, []), blank(null, [1])];
    }"""
    assert blank.evaluate(run) == [True, True, False, False]

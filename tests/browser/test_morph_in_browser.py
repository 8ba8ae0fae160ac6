"""One truth: the paths of latent.js, and its nearest code, are those of Python."""

import numpy as np
import pytest
from lab import ROOT

from vae_helpers.widgets.morph import _path, _why_straight

pytestmark = pytest.mark.browser

LATENT = (ROOT / "vae_helpers" / "widgets" / "latent.js").read_text(encoding="utf-8")
T = [k / 16 for k in range(17)]


@pytest.fixture(scope="module")
def blank(context):
    page = context.new_page()
    yield page
    page.close()


def in_browser(page, how, u, v):
    make = {"straight": "straightPath", "sphere": "spherePath"}[how]
    path, why = page.evaluate(
        "([u, v, t]) => {" + LATENT + f" const path = {make}(u, v);"
        " return [t.map(each => Array.from(path.at(each, new Float64Array(u.length)))), path.why]; }",
        [u, v, T],
    )
    return np.array(path), why


def ends(d, seed):
    draw = np.random.default_rng(seed)
    return draw.normal(size=d).round(4).tolist(), (3 * draw.normal(size=d)).round(4).tolist()


PAIRS = {f"{d} latents, {seed}": ends(d, seed) for d in (2, 3, 20, 50) for seed in range(3)}
PAIRS |= {
    "one latent": ([1.5], [4.0]),
    "one direction": ([1.0, 2.0], [2.0, 4.0]),
    "nearly one direction": ([1.0, 2.0], [1.0, 2.0001]),
    "one place": ([1.0, 2.0], [1.0, 2.0]),
    "nearly opposite": ([1.0, 2.0], [-1.0, -2.01]),
    "opposite": ([1.0, 2.0], [-0.5, -1.0]),
    "opposite, one latent": ([1.0], [-2.0]),
    "from the origin": ([0.0, 0.0], [1.0, 2.0]),
    "to the origin": ([1.0, 2.0], [0.0, 0.0]),
}


@pytest.mark.parametrize("how", ["straight", "sphere"])
@pytest.mark.parametrize("pair", PAIRS)
def test_a_path_is_the_one_of_python(blank, pair, how):
    u, v = PAIRS[pair]
    got, why = in_browser(blank, how, u, v)
    assert got[0].tolist() == u and got[-1].tolist() == v
    assert np.abs(got - _path(u, v, T, how).numpy()).max() < 1e-9
    assert why == (_why_straight(u, v) if how == "sphere" else "")
    if how == "sphere" and not why:
        norms = np.linalg.norm(got, axis=1)
        assert np.abs(norms - np.linspace(np.linalg.norm(u), np.linalg.norm(v), len(T))).max() < 1e-5


def test_the_pairs_without_a_path_on_the_sphere():
    assert {pair for pair, (u, v) in PAIRS.items() if _why_straight(u, v)} == {
        "opposite", "opposite, one latent", "from the origin", "to the origin",
    }


def test_the_nearest_code(blank):
    draw = np.random.default_rng(0)
    codes, places = draw.normal(size=(200, 2)).astype("f4"), draw.normal(size=(30, 2))
    got = np.array(blank.evaluate(
        "([codes, places]) => {" + LATENT + " const sent = Float32Array.from(codes);"
        " return places.map(([x, y]) => nearestCode(sent, x, y)); }",
        [codes.flatten().tolist(), places.tolist()],
    ))
    away = np.linalg.norm(codes[None].astype("f8") - places[:, None], axis=2)
    assert got[:, 0].astype(int).tolist() == away.argmin(1).tolist()
    assert got[:, 1] == pytest.approx(away.min(1), abs=1e-9)


def test_without_codes_none_is_nearest(blank):
    found = blank.evaluate("() => {" + LATENT + " return nearestCode(new Float32Array(0), 0, 0).map(String); }")
    assert found == ["-1", "Infinity"]

"""Named sliders of a decoder without an encoder: what they are called, and that the picture is the one of torch."""

import ast

import numpy as np
import pytest
from lab import cell_containing, in_kernel, open_notebook, run_cell_containing, wait_for, write_notebook

pytestmark = pytest.mark.browser

CELLS = [
    """import torch
from torch import nn
from vae_helpers.models import Autoencoder, decode, pretrained
from vae_helpers.widgets import LatentSliders

vae = pretrained("pen_vae20")
torch.manual_seed(0)
vectors, start = list(torch.randn(3, 20)), torch.randn(20)""",
    """dial = nn.Linear(3, 20)
dial.weight.data, dial.bias.data = torch.stack(vectors, 1), start
instrument = Autoencoder(None, nn.Sequential(dial, *vae.decoder), 3)
sliders = LatentSliders(instrument, names=["slant", "thickness", "width"])
sliders""",
]

INK = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: data.length / 4 }, (_, i) => 1 - data[4 * i] / 255);
}"""


@pytest.fixture(scope="module")
def sliders(lab, page):
    """The widget in the page."""
    write_notebook(lab, "sliders.ipynb", CELLS)
    open_notebook(page, lab, "sliders.ipynb")
    for source in CELLS:
        run_cell_containing(page, source, seconds=120)
    root = cell_containing(page, CELLS[1]).locator(".vae-widget")
    wait_for(page, lambda: root.get_by_role("slider").count() == 3, 30, "three sliders")
    return root


def pixels(sliders):
    return np.array(sliders.locator("canvas.vae-large").evaluate(INK))


def by_torch(page, z):
    decoded = f"decode(instrument, torch.tensor([{z}]).float()).flatten().tolist()"
    return np.array(ast.literal_eval(in_kernel(page, decoded)))


def kernel_has(page, z):
    return np.allclose(ast.literal_eval(in_kernel(page, "sliders.z")), z)


@pytest.mark.parametrize("name, keys, z", [
    ("slant", ["Shift+ArrowRight"] * 3, [1.5, 0, 0]),
    ("thickness", ["Shift+ArrowLeft"] * 2 + ["ArrowRight"], [0, -0.95, 0]),
    ("width", ["Shift+ArrowRight"] * 7, [0, 0, 3]),  # no further than its end
])
def test_a_named_slider_moves_the_picture_to_what_torch_decodes(sliders, page, name, keys, z):
    sliders.get_by_role("button", name="Reset", exact=True).click()
    wait_for(page, lambda: kernel_has(page, [0, 0, 0]), 5, "reset", every=60)
    slider = sliders.get_by_role("slider", name=name, exact=True)
    slider.focus()
    for key in keys:
        page.keyboard.press(key)
    wait_for(page, lambda: kernel_has(page, z), 5, f"z = {z} in the kernel", every=60)
    wanted = by_torch(page, z)
    assert np.abs(wanted - by_torch(page, [0, 0, 0])).max() > 0.2
    # half a grey level of the canvas, the rest for weights of float16
    wait_for(page, lambda: np.abs(pixels(sliders) - wanted).max() < 2 / 255, 5, "the pixels of torch", every=60)
    said = f"{sum(z):.2f}".replace("-", "−")
    assert slider.get_attribute("aria-valuetext") == said
    assert slider.locator("xpath=ancestor::label").inner_text().split() == [name, said]
    assert sliders.get_by_role("button", name=f"Traverse {name}", exact=True).is_visible()
    wait_for(page, lambda: f"{name} = {said}" in sliders.get_by_role("status").inner_text(), 5, "it is said aloud")
    page.keyboard.press("Home")
    wait_for(page, lambda: kernel_has(page, [0, 0, 0]), 5, "home", every=60)


def test_a_decoder_alone_has_neither_bars_nor_examples(sliders, page):
    names = [each.get_attribute("aria-label") for each in sliders.get_by_role("slider").all()]
    assert names == ["slant", "thickness", "width"]
    assert sliders.locator(".vae-track > i, .vae-amount").count() == 0
    buttons = sliders.get_by_role("button").all_inner_texts()
    assert "An example" not in buttons and {"Draw from N(0, I)", "Zero", "Reset"} <= set(buttons)
    assert "no encoder" in sliders.inner_text()
    sliders.get_by_role("button", name="Draw from N(0, I)").click()
    wait_for(page, lambda: "0.0, 0.0" not in in_kernel(page, "sliders.z"), 5, "a draw")
    z = ast.literal_eval(in_kernel(page, "sliders.z"))
    wait_for(page, lambda: np.abs(pixels(sliders) - by_torch(page, z)).max() < 2 / 255, 5, "its picture", every=60)
    sliders.get_by_role("button", name="Zero").click()
    wait_for(page, lambda: kernel_has(page, [0, 0, 0]), 5, "zero", every=60)

"""A training under the learner's hand: pause, step, another β, stop; and a cell that waits for its end."""

import ast

import pytest
from lab import (
    cell_containing,
    cells,
    in_kernel,
    open_notebook,
    run_cell_containing,
    screenshots,
    wait_for,
    wait_until_idle,
    write_notebook,
)

pytestmark = pytest.mark.browser

SETUP = """import torch
from vae_helpers.data import load
from vae_helpers.models import build
from vae_helpers.training import fit
from vae_helpers.widgets import TrainingView
data = load("pen")"""
TRAIN = """view = TrainingView(data.test, classes=data.classes)
history = fit(build("vae2"), data.train, epochs=1_000, callbacks=[view])
view"""
SHORT = """last = TrainingView(data.test)
short = fit(build("mlp"), data.train.subset(500), epochs=3, callbacks=[last])
last"""
WAIT = "short.wait()"


@pytest.fixture(scope="module")
def notebook(lab, page):
    write_notebook(lab, "training.ipynb", [SETUP, TRAIN, SHORT, WAIT])
    open_notebook(page, lab, "training.ipynb")
    run_cell_containing(page, SETUP)
    run_cell_containing(page, TRAIN)
    yield page
    in_kernel(page, "history.wait()", "view.run.stop()")


def root(page):
    return cell_containing(page, "epochs=1_000").locator(".vae-widget")


def button(page, name):
    return root(page).get_by_role("button", name=name, exact=True)


def steps(page):
    return int(in_kernel(page, "view.run.steps_done"))


def state(page):
    return ast.literal_eval(in_kernel(page, "view.state"))


def curve(page):
    """A checksum of the first curve's pixels."""
    return root(page).locator(".vae-plane > canvas").first.evaluate(
        """canvas => new Int32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)
        .reduce((sum, pixel) => Math.imul(31, sum) + pixel | 0, 0)"""
    )


def wait_for_steps(page, more):
    least = steps(page) + more
    wait_for(page, lambda: steps(page) >= least, 60, f"{more} steps more")


def test_it_is_live_while_the_kernel_is_free(notebook):
    before = curve(notebook)
    wait_for_steps(notebook, 20)
    wait_for(notebook, lambda: curve(notebook) != before, 10, "a longer curve")
    assert state(notebook) == "training"
    wait_for(notebook, lambda: "images/s" in root(notebook).inner_text(), 10, "its speed")
    screenshots(notebook, "training")


def test_pause_step_and_play(notebook):
    button(notebook, "Pause").click()
    wait_for(notebook, lambda: state(notebook) == "paused", 10, "the pause")
    at = steps(notebook)
    button(notebook, "Step").click()
    wait_for(notebook, lambda: steps(notebook) == at + 1, 10, "one step")
    button(notebook, "Step").press("Enter")
    wait_for(notebook, lambda: steps(notebook) == at + 2, 10, "one step by the keyboard")
    button(notebook, "Play").press("Space")
    wait_for_steps(notebook, 10)
    wait_for(notebook, lambda: button(notebook, "Pause").count() == 1, 10, "Pause again")
    assert state(notebook) == "training"


def test_beta_acts_on_the_run_while_it_trains(notebook):
    slider = root(notebook).get_by_role("slider", name="β")
    slider.press("Home")
    slider.press("Shift+ArrowRight")
    slider.press("ArrowRight")
    wait_for(notebook, lambda: float(in_kernel(notebook, "view.run.beta")) == 2.1, 10, "β = 2.1")
    wait_for_steps(notebook, 5)
    weights = "[(a - b) / c for a, b, c in zip(*view.run.losses_since(view.run.steps_done - 3))]"
    assert ast.literal_eval(in_kernel(notebook, weights)) == pytest.approx([2.1] * 3, rel=1e-3)
    button(notebook, "Reset β").click()
    wait_for(notebook, lambda: float(in_kernel(notebook, "view.run.beta")) == 1, 10, "β = 1")


def test_stop_keeps_what_there_is(notebook):
    button(notebook, "Stop").click()
    wait_for(notebook, lambda: state(notebook) == "stopped", 20, "the end")
    done = steps(notebook)
    assert int(in_kernel(notebook, "len(history.steps)")) == done and in_kernel(notebook, "history.interrupted") == "True"
    wait_for(notebook, lambda: f"Stopped at step {done:,} of" in root(notebook).inner_text(), 10, "the words")
    assert button(notebook, "Pause").is_disabled() and button(notebook, "Stop").is_disabled()


def test_a_cell_can_wait_for_the_end(notebook):
    run_cell_containing(notebook, SHORT)
    (output,) = run_cell_containing(notebook, WAIT)
    wait_until_idle(notebook, 30)
    assert output["data"]["text/plain"].startswith("History: 3 epochs, 12 steps")
    shown = cell_containing(notebook, "epochs=3").locator(".vae-widget")
    wait_for(notebook, lambda: "Finished at step 12 of 12" in shown.inner_text(), 10, "the end in the view")
    assert shown.get_by_role("slider").count() == 0  # an autoencoder has no β
    assert not [o for cell in cells(notebook) for o in cell["outputs"] if o["output_type"] == "error"]

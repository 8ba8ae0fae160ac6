"""The break-it lab's widget: patients in a drawn order, trained in a thread or at once, examined and diagnosed."""

import json
import threading

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from vae_helpers import plots
from vae_helpers.clinic import CHART, FAULTS, run
from vae_helpers.data import load
from vae_helpers.widgets import BreakIt
from vae_helpers.widgets.break_it import _figure, _row, _verdict


@pytest.fixture(scope="module")
def digits():
    return load("pen").train.subset(100)


def lab_of(digits, **how):
    return BreakIt(digits, epochs=1, **how)


@pytest.fixture(scope="module")
def trained(digits):
    """A lab with two patients trained; tests reset it first."""
    lab = lab_of(digits)
    lab.train("no_kl"), lab.train("clean")
    return lab


def number_of(lab, key):
    return lab._number(key)


def wait(lab):
    while (thread := lab._thread) is not None:
        thread.join(60)


# --- before anything is trained ---------------------------------------------------


def test_there_is_something_to_see_from_the_start(digits):
    lab = lab_of(digits)
    assert repr(lab) == "BreakIt: 13 patients"
    assert lab.shape == [1, 28, 280] and lab.chart == [] and lab.marks == [""] * 13
    originals = torch.cat(list(digits.as_float(slice(10))), dim=2)
    shown = torch.frombuffer(bytearray(lab.sheet), dtype=torch.uint8).view(1, 28, 280)
    assert torch.equal(shown, (originals * 255).round().byte())


def test_the_order_is_drawn_from_the_seed_and_gives_nothing_away(digits):
    def order(seed):
        lab = lab_of(digits, seed=seed)
        return [number_of(lab, key) for key in FAULTS]

    assert order(0) == order(0) != order(1)
    assert sorted(order(0)) == list(range(1, 14)) != order(0)
    assert [key for key, _ in lab_of(digits).options] == list(FAULTS)  # the select's order is not the patients'


def test_it_takes_images_and_refuses_what_is_none(digits):
    assert BreakIt(digits.as_float()).shape == [1, 28, 280]
    with pytest.raises(ValueError, match="float32"):
        BreakIt(torch.zeros(5, 1, 28, 28, dtype=torch.int64))


@pytest.mark.parametrize("which", [0, 14, 2.5, None])
def test_patients_that_are_none_are_refused(digits, which):
    with pytest.raises(ValueError, match="numbered from 1 to 13"):
        lab_of(digits).train(which)


def test_unknown_faults_and_choices_are_refused(digits):
    lab = lab_of(digits)
    with pytest.raises(ValueError, match="Did you mean 'sigma_4'"):
        lab.train("sigma4")
    with pytest.raises(ValueError, match="numbered from 1 to 13"):
        lab.chosen = 14
    with pytest.raises(ValueError, match="wanted is one of"):
        lab.guess = "kl"
    with pytest.raises(ValueError, match="choose one"):
        lab.diagnose("no_kl")
    with pytest.raises(ValueError, match=r"lab.train\(4\) first"):
        lab.diagnose("no_kl", patient=4)
    assert lab.chosen == 0 and lab.guess == "" and lab._thread is None


# --- trained ----------------------------------------------------------------------


def test_train_shows_the_patient_that_run_gives(digits):
    lab = lab_of(digits, seed=2)
    patient = lab.train("beta_50")
    assert lab.chosen == number_of(lab, "beta_50") and lab.marks[lab.chosen - 1] == "trained"
    same = run("beta_50", digits, seed=2, epochs=1)
    for name, values in (("steps", same.history.steps), ("nll", same.nll), ("kl", same.kl)):
        assert np.array_equal(np.frombuffer(getattr(lab, name), "<f4"), np.array(values, "f4"))
    assert lab.bars == same.kl_per_latent
    assert [row[0] for row in lab.chart] == [line.name for line in CHART.values()]
    assert lab.chart[0][2:] == ["50", "0.9 to 1.1", "high"]
    assert lab.shape == [1, 84, 280]
    rebuilt = torch.frombuffer(bytearray(lab.sheet), dtype=torch.uint8).view(28 * 3, 10, 28)[28:56].transpose(0, 1)
    assert torch.equal(rebuilt, (same.rebuilt[:, 0] * 255).round().byte())
    assert lab.train("beta_50") is patient is lab.patients[lab.chosen]
    assert lab.busy == 0 and lab.message == ""
    assert repr(patient) == "Patient"


def test_a_click_trains_in_a_thread_and_what_was_chosen_meanwhile_next(digits, monkeypatch):
    lab, begun, go, in_thread = lab_of(digits), threading.Event(), threading.Event(), []

    def held(*given, **how):
        in_thread.append(threading.current_thread() is not threading.main_thread())
        begun.set()
        assert go.wait(60)
        return run(*given, **how)

    monkeypatch.setattr("vae_helpers.widgets.break_it.run", held)
    lab.chosen = 3
    assert begun.wait(60) and lab.busy == 3 and "Patient 3 is in training" in lab.message
    lab.chosen = 5
    assert lab.chart == [] and lab.busy == 3
    go.set()
    wait(lab)
    assert sorted(lab.patients) == [3, 5] and in_thread == [True, True]
    assert lab.chart and lab.busy == 0 and lab.message == ""
    lab.chosen = 3
    assert lab._thread is None and lab.chart  # shown again, not trained again


def test_train_waits_for_the_thread(digits):
    lab = lab_of(digits)
    lab.chosen = 1
    lab.train(2)
    assert sorted(lab.patients) == [1, 2] and lab.chosen == 2


def test_an_error_in_the_thread_is_told_and_the_next_click_trains(digits, monkeypatch):
    lab, heard = lab_of(digits), []
    monkeypatch.setattr(threading, "excepthook", lambda given: heard.append(given.exc_value))

    def broken(*given, **how):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr("vae_helpers.widgets.break_it.run", broken)
        lab.chosen = 1
        wait(lab)
        for thread in threading.enumerate():
            if thread.name == "BreakIt":
                thread.join(60)
    assert lab.message == "Patient 1 could not be trained: no memory" and lab.busy == 0 and len(heard) == 1
    lab.chosen = 1  # the same one again
    wait(lab)
    assert sorted(lab.patients) == [1] and lab.message == ""


def test_a_training_that_was_stopped_counts_for_nothing(digits, monkeypatch):
    def stopped(*given, **how):
        patient = run(*given, **how)
        patient.history.interrupted = True
        return patient

    lab = lab_of(digits)
    with monkeypatch.context() as patch:
        patch.setattr("vae_helpers.widgets.break_it.run", stopped)
        assert lab.train(1) is None
    assert lab.patients == {} and lab.marks[0] == "" and lab.chosen == 0 and lab._thread is None
    assert lab.train(1) is lab.patients[1]


# --- diagnosed --------------------------------------------------------------------


def test_right_and_wrong(trained):
    trained.reset()
    number = number_of(trained, "no_kl")
    with pytest.raises(ValueError):
        trained.diagnose("no_kl")
    wrong = trained.diagnose("one_epsilon", patient=number)
    assert repr(wrong).startswith("No: ") and "effective β" in repr(wrong)
    assert trained.marks[number - 1] == "wrong" and trained.verdict == ""  # no patient is chosen
    trained.chosen = number
    assert trained.verdict == repr(wrong)
    right = trained.diagnose("no_kl")
    fault = FAULTS["no_kl"]
    assert repr(right).startswith("Right: ") and fault.see in repr(right) and fault.mend in repr(right)
    assert trained.marks[number - 1] == "right" and trained.verdict == repr(right)
    trained.reset()
    assert trained.marks[number - 1] == "trained" and trained.chosen == 0 and trained.verdict == ""


def test_the_browsers_messages(trained):
    trained.reset()
    trained._obey({"diagnose": "no_kl"})  # nobody is chosen: nothing
    assert trained.verdict == ""
    trained.chosen, trained.guess = number_of(trained, "clean"), "no_kl"
    trained._obey({"diagnose": "no_kl"})
    assert trained.verdict.startswith("No")
    trained._obey({"diagnose": "measles"})
    trained._obey({"dance": True})
    trained.chosen = number_of(trained, "no_kl")
    assert trained.guess == "" and trained.verdict == ""  # that was said of another
    trained._obey({"reset": True})
    assert trained.chosen == 0 and "wrong" not in trained.marks


@pytest.mark.parametrize("true", FAULTS)
def test_a_hint_names_what_to_look_at_and_never_the_fault(true):
    fault = FAULTS[true]
    for guess in FAULTS.values():
        text = _verdict(fault, guess, [fault.measure])
        if guess is fault:
            assert text.startswith("Right") and fault.source in text
            continue
        assert text.startswith(("No", "Nearly")) and fault.name not in text and fault.see not in text
        assert "healthy range" in text if true == "clean" else CHART[fault.measure].name in text


def test_figures_read_well():
    assert [_figure(v) for v in (0, 1, 78400.4, 0.0005, 1.2e-5, -3.25, float("nan"), float("inf"), 1e-300)] == [
        "0", "1", "78,400", "0.0005", "1.2·10⁻⁵", "−3.25", "none", "∞", "1.0·10⁻³⁰⁰"]
    sides = [_row(CHART["kl"], v)[-1] for v in (1.0, 20.0, 90.0, float("nan"))]
    assert sides == ["low", "", "high", "none"]


# --- what is sent, what is stored -------------------------------------------------


def test_patients_out_of_the_numbers_can_be_sent(digits, monkeypatch):
    monkeypatch.setattr("vae_helpers.clinic.patient.LR", 1e30)
    lab = lab_of(digits)
    lab.train("wrong_sign")
    json.dumps([lab.bars, lab.chart], allow_nan=False)
    assert any(row[-1] for row in lab.chart)
    plt.close(lab.picture())


def test_what_stays_in_a_stored_notebook(trained):
    trained.reset()
    before = trained.picture()
    assert len(plots.alt_of(before)) > 30
    trained.chosen = number_of(trained, "clean")
    after = trained.picture()
    assert len(after.axes) == 5 and f"Patient {trained.chosen}" in plots.alt_of(after)
    assert "Out of range: " in plots.alt_of(after)
    assert "KL" in plots.alt_of(after) and FAULTS["clean"].name not in plots.alt_of(after)
    plt.close(before), plt.close(after)
    data, metadata = trained._repr_mimebundle_()
    assert data["text/plain"] == "BreakIt: 13 patients" and data["image/png"] and metadata["image/png"]["alt"]
    assert plt.get_fignums() == []

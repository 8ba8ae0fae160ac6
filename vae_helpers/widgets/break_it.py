"""The break-it lab: patients with one fault each, to be trained, examined and diagnosed."""

from __future__ import annotations

import base64
import math
import random
import threading
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets

from vae_helpers import plots
from vae_helpers.clinic import CHART, FAULTS, fault_named, outside, run
from vae_helpers.clinic.patient import EPOCHS, SHOWN
from vae_helpers.runs import let_idle_threads_go
from vae_helpers.widgets.core.base import STYLE, CourseWidget, module
from vae_helpers.widgets.core.codes import as_split
from vae_helpers.widgets.ranges import BadValue

ROWS = ["images", "rebuilt from their codes", "samples from N(0, I)"]


class BreakIt(CourseWidget):
    """Thirteen VAEs, twelve with one fault each and a healthy one, in an order drawn from ``seed``.

    ``split``: the images they learn from, its first 3,000; a ``Split``, or images (N, C, H, W) in [0, 1]. A
    click trains a patient in a thread, other cells stay usable; ``lab.train(3)`` or
    ``lab.train("no_kl")`` trains it here and now. ``lab.diagnose("no_kl")`` is the button Diagnose.
    ``lab.patients``: number → ``clinic.Patient``, of those trained. ``seed`` is the training's too.

    Torch's global generator is one for all threads: what another cell draws or trains while a patient is in
    training repeats only roughly, and so does that patient. ``lab.train(…)`` waits for a patient in training.
    """

    _esm = module("codes.js", "break_it.js")
    _css = STYLE + Path(__file__).with_name("break_it.css").read_text(encoding="utf-8")

    options = traitlets.List().tag(sync=True)  # pairs: key and name of each fault
    rows = traitlets.List(ROWS).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True, echo_update=False)  # number of a patient, from 1; 0: none
    guess = traitlets.Unicode("").tag(sync=True, echo_update=False)  # key of a fault, or ""
    busy = traitlets.Int(0).tag(sync=True)  # the patient in training
    message = traitlets.Unicode("").tag(sync=True)
    marks = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of each patient: "", trained, right or wrong
    verdict = traitlets.Unicode("").tag(sync=True)  # on the chosen patient
    steps = traitlets.Bytes().tag(sync=True)  # float32: loss of each step; so are nll and kl, of each epoch
    nll = traitlets.Bytes().tag(sync=True)
    kl = traitlets.Bytes().tag(sync=True)
    bars = traitlets.List(traitlets.Float()).tag(sync=True)  # KL of each latent
    chart = traitlets.List().tag(sync=True)  # rows of text: name, what it says, value, healthy range, "", low or high
    sheet = traitlets.Bytes().tag(sync=True)  # uint8: pictures, as `rows` names them
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # of the sheet, (C, H, W)

    def __init__(self, split, *, seed=0, epochs=EPOCHS):
        self._split, self._seed, self._epochs = as_split(split), seed, epochs
        self._keys = list(FAULTS)
        random.Random(seed).shuffle(self._keys)
        self.patients, self._verdicts = {}, {}
        self._lock, self._thread = threading.RLock(), None
        super().__init__(options=[[key, fault.name] for key, fault in FAULTS.items()])
        self._show()
        self.observe(self._choose, "chosen")
        self.on_msg(lambda _, content, buffers: self._obey(content))

    # --- from Python

    def train(self, which):
        """Train patient number ``which``, or the one with that fault (a key of ``clinic.FAULTS``), in this cell.

        It is shown, and returned as a ``clinic.Patient``; one that was trained before comes again at once. After
        a Stop it counts as not trained, and None is returned.
        """
        number = self._number(which)
        while self._thread is not None:  # one at a time; it needs the lock, so none is held here
            time.sleep(0.05)  # not Thread.join: after a Stop it returns at once, before Python 3.13
        if number not in self.patients:
            self._train(number)
        if number in self.patients:  # not if it was stopped
            self.chosen = number
            self._show()
        return self.patients.get(number)

    def diagnose(self, fault, patient=None):
        """What is to be said to the diagnosis ``fault``, a key of ``clinic.FAULTS``; its value shows it.

        ``patient``: its number, by default the chosen one. ValueError if it has not been trained.
        """
        guess, number = fault_named(fault), self._number(patient or self.chosen)
        if number not in self.patients:
            raise ValueError(f"patient {number} has not been examined yet: lab.train({number}) first")
        true = self.patients[number].fault
        text = _verdict(true, guess, outside(self.patients[number].chart))
        with self._lock:
            self._verdicts[number] = (guess is true, text)
            self._show()
        return Verdict(text)

    def recording(self):
        """All patients, trained, for pages without a kernel: of each what is shown, and the word on each diagnosis.

        A list in the order of their numbers, of ``{"shown": {trait: value}, "verdicts": {key: [right, text]}}``,
        bytes as base64. All diagnoses are forgotten.
        """
        patients = []
        for number in range(1, len(self._keys) + 1):
            patient = self.train(number)
            shown = {name: getattr(self, name) for name in ("steps", "nll", "kl", "bars", "chart", "sheet", "shape")}
            shown |= {name: base64.b64encode(value).decode() for name, value in shown.items() if isinstance(value, bytes)}
            found = outside(patient.chart)
            verdicts = {key: [fault is patient.fault, _verdict(patient.fault, fault, found)] for key, fault in FAULTS.items()}
            patients.append({"shown": shown, "verdicts": verdicts})
        self.reset()
        return patients

    def _number(self, which):
        if isinstance(which, str):
            return 1 + self._keys.index(fault_named(which).key)
        if isinstance(which, int) and 1 <= which <= len(self._keys):
            return which
        raise ValueError(f"there is no patient {which!r}: they are numbered from 1 to {len(self._keys)}; choose one")

    # --- training

    def _choose(self, change):
        with self._lock:
            self.guess = ""
            self._show()
            if self.chosen and self.chosen not in self.patients and self._thread is None and not self.busy:
                let_idle_threads_go()
                self._thread = threading.Thread(target=self._work, name="BreakIt", daemon=False)
                self._thread.start()

    def _work(self):
        """Train the chosen patient; then the one that has been chosen meanwhile, if it waits."""
        while True:
            with self._lock:
                number = self.chosen
                if not number or number in self.patients or not threading.main_thread().is_alive():
                    self._thread = None
                    return
            try:
                self._train(number)
            except Exception as error:
                with self._lock:
                    self._thread, self.message = None, f"Patient {number} could not be trained: {error}"
                    self.chosen = 0  # so that a click on the same patient is a choice again
                raise

    def _train(self, number):
        def tell(model, history):
            self._say(f"Patient {number} is in training: epoch {len(history.train)} of {self._epochs}")

        self._say(f"Patient {number} is in training", busy=number)
        try:
            patient = run(self._keys[number - 1], self._split, self._seed, epochs=self._epochs, callbacks=[tell])
            if not patient.history.interrupted:
                self.patients[number] = patient
        finally:
            self._say("", busy=0)
        self._show()

    def _say(self, message, busy=None):
        with self._lock, self.hold_sync():
            self.message, self.busy = message, self.busy if busy is None else busy

    # --- showing

    def _show(self):
        """Send what there is to see of the chosen patient."""
        with self._lock, self.hold_sync():
            patient = self.patients.get(self.chosen)
            self.marks = [self._mark(number) for number in range(1, len(self._keys) + 1)]
            self.verdict = self._verdicts.get(self.chosen, (None, ""))[1]
            self.steps, self.nll, self.kl = (np.array(values, "<f4").tobytes() for values in (
                (patient.history.steps, patient.nll, patient.kl) if patient else ([], [], [])))
            self.bars = [value if math.isfinite(value) else 0.0 for value in patient.kl_per_latent] if patient else []
            self.chart = [_row(line, patient.chart[key]) for key, line in CHART.items()] if patient else []
            pictures = [patient.originals, patient.rebuilt, patient.samples] if patient else [
                self._split.as_float(slice(SHOWN))]
            sheet = torch.cat([torch.cat(list(row), dim=2) for row in pictures], dim=1).nan_to_num().clamp(0, 1)
            self.shape, self.sheet = list(sheet.shape), (sheet * 255).round().to(torch.uint8).numpy().tobytes()

    def _mark(self, number):
        if number not in self.patients:
            return ""
        return {None: "trained", True: "right", False: "wrong"}[self._verdicts.get(number, (None, ""))[0]]

    # --- the learner's hand

    def _handle_msg(self, msg):
        with self._lock:  # the thread sets traits too
            super()._handle_msg(msg)

    def _obey(self, content):
        if "diagnose" in content and self.chosen in self.patients and content["diagnose"] in FAULTS:
            self.diagnose(content["diagnose"])
        elif "reset" in content:
            self.reset()

    def reset(self):
        """Forget all diagnoses, and choose no patient; those that have been trained stay so."""
        with self._lock:
            self._verdicts.clear()
            self.chosen, self.guess = 0, ""
            self._show()

    @traitlets.validate("chosen")
    def _is_patient(self, proposal):
        if proposal["value"] != 0:
            try:
                self._number(proposal["value"])
            except ValueError as error:
                raise BadValue(str(error)) from None
        return proposal["value"]

    @traitlets.validate("guess")
    def _is_fault(self, proposal):
        if proposal["value"] not in ("", *FAULTS):
            raise BadValue(f"guess={proposal['value']!r}: wanted is one of {', '.join(FAULTS)}")
        return proposal["value"]

    def describe(self):
        return f"BreakIt: {len(self._keys)} patients"

    def picture(self):
        with self._lock:
            patient, number = self.patients.get(self.chosen), self.chosen
        if patient is None:
            title = f"{len(self._keys)} VAEs, most with a fault: run the cell to train and diagnose them"
            return plots.image_rows({"images": self._split.as_float(slice(SHOWN))}, title=title).figure
        figure, axes = plt.subplot_mosaic(
            [["loss", "terms", "chart"], ["bars", "pictures", "chart"]], figsize=(13, 6), layout="constrained",
            width_ratios=(4, 4, 3.4))
        loss, terms, bars, pictures = (axes[name] for name in ("loss", "terms", "bars", "pictures"))
        loss.plot(np.arange(1, 1 + len(patient.history.steps)) / patient.history.steps_per_epoch, patient.history.steps)
        loss.set(title=f"Patient {number}: loss, as its own code has it", xlabel="epoch")
        for name, values in (("nll", patient.nll), ("KL", patient.kl)):
            terms.plot(range(1, 1 + len(values)), values, "o-")
            terms.annotate(name, (len(values), values[-1]), (6, 0), textcoords="offset points", va="center")
        terms.set(title="nll and KL by the right formulas (nats)", xlabel="epoch")
        plots.alt(loss, f"Patient {number} of the break-it lab: curves of its loss, and of nll and KL.")
        plots.kl_bars(np.nan_to_num(patient.kl_per_latent, nan=0, posinf=0, neginf=0), ax=bars)
        images = (patient.originals, patient.rebuilt.nan_to_num(), patient.samples.nan_to_num())
        plots.image_rows(dict(zip(["images", "rebuilt", "samples"], images)), ax=pictures)
        bars.tick_params(axis="x", labelsize=7)
        _write_chart(axes["chart"], [_row(line, patient.chart[key]) for key, line in CHART.items()])
        return figure


def _write_chart(ax, rows):
    """The measurements as lines of text; those out of range are bold and marked. Adds them to the alt text."""
    ax.axis("off")
    ax.set_title("Measurement: here (healthy)")
    for i, (name, _, value, healthy, outside) in enumerate(rows):
        text = f"{'▸ ' if outside else '   '}{name}: {value} ({healthy})"
        ax.text(0, 0.97 - 0.08 * i, text, weight="bold" if outside else "normal", size=9.5, va="top")
    found = "; ".join(f"{name} {value}, healthy is {healthy}" for name, _, value, healthy, outside in rows if outside)
    plots.alt(ax, f"Out of range: {found or 'nothing'}.")


class Verdict:
    """The word on a diagnosis, shown as the value of a cell."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def _verdict(true, guess, found):
    """What is said to ``guess`` where the fault is ``true`` and the measurements ``found`` lie outside."""
    own = CHART[true.measure].name
    if guess is true:
        return f"Right: {true.name} (source {true.source}). How to see it: {true.see} How to mend it: {true.mend}"
    if true.key == "clean":
        elsewhere = CHART[guess.measure].name
        return f"No: that would show in “{elsewhere}”. Does any measurement lie outside its healthy range?"
    if guess.key == "clean":
        return f"No, this patient is ill. Look at “{own}”."
    if guess.measure == true.measure:
        return f"Nearly: “{own}” is the one to look at, but that fault would put it elsewhere. How large is it?"
    if guess.measure in found:
        return f"No. Look at “{own}”."
    return f"No: that would show in “{CHART[guess.measure].name}”, which is healthy. Look at “{own}”."


def _row(line, value):
    """A line of the chart, as texts."""
    sides = {"low": value < line.low, "high": value > line.high, "none": math.isnan(value)}
    side = next((name for name, there in sides.items() if there), "")
    unit = f" {line.unit}" if line.unit else ""
    return [line.name, line.says, _figure(value), f"{_figure(line.low)} to {_figure(line.high)}{unit}", side]


def _figure(value):
    """A number as people write it: 78,400 or 0.0005 or 1.2·10⁻⁵."""
    if not math.isfinite(value):
        return "none" if math.isnan(value) else "∞"
    if abs(value) >= 1e7 or 0 < abs(value) < 1e-4:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits}·10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}".replace("-", "−")
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")

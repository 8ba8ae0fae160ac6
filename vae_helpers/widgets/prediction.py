"""A prediction: the learner commits to a guess before the cell that shows the answer."""

from __future__ import annotations

import math
import re
from pathlib import Path

import anywidget
import traitlets

from vae_helpers.answers import earlier_guess, keep_guess


class Prediction(anywidget.AnyWidget):
    """A question with options, or with room for a number; ``guess`` is what the learner chose.

    Nothing waits for it: a notebook runs to its end with the question open.
    """

    _esm = Path(__file__).with_name("prediction.js")
    _css = Path(__file__).with_name("prediction.css")

    question = traitlets.Unicode().tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)
    guess = traitlets.Unicode().tag(sync=True)
    result = traitlets.Unicode().tag(sync=True)
    answer = traitlets.Unicode().tag(sync=True)  # these two are for pages without a kernel, which compare by themselves
    because = traitlets.Unicode().tag(sync=True)
    warning = traitlets.Unicode().tag(sync=True)

    def __init__(self, question, options=(), name=None):
        self.name = name or question
        options = [str(option) for option in options]
        guess = earlier_guess(self.name)
        if options and guess not in options:
            guess = ""
        super().__init__(question=question, options=options, guess=guess)
        self.observe(self._keep, "guess")

    def _keep(self, change):
        try:
            keep_guess(self.name, change["new"])
            self.warning = ""
        except OSError as error:  # raised here, it would end in a log that nobody reads
            self.warning = f"This prediction could not be kept for a second start: {error}"

    def __repr__(self):
        choices = f" ({' / '.join(self.options)})" if self.options else ""
        return f"Prediction: {self.question}{choices}"

    def reveal(self, answer, because=""):
        """Set ``answer`` beside the guess, in the widget and as the value of the cell.

        ``answer``: one of the options, or a number where there are none.
        """
        answer = str(answer) if self.options else answer  # as the options themselves
        if self.options and answer not in self.options:
            raise ValueError(f"{answer!r} is not among the options {self.options}")
        self.answer, self.because = answer if self.options else f"{answer:.12g}", because
        self.result = compare(self.guess, answer, because, bool(self.options))
        return Revealed(self.result)


class Revealed:
    """The text of a guess beside the truth, shown as the value of a cell."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def predict(question, options=(), name=None):
    """Ask for a prediction: one of ``options``, or a number. Put its value, a widget, last in a cell.

    ``name`` is the key under which the guess is kept for a second start; the
    question itself by default.
    """
    return Prediction(question, options, name)


def compare(guess, answer, because, from_options):
    """The words that set a guess beside the answer: one of the options, or a number; with the reason, if any."""
    return _compare(guess, answer, from_options) + (f" {because}" if because else "")


def _compare(guess, answer, from_options):
    if from_options:
        if not guess:
            return f"No prediction was made. The answer: {answer}."
        if guess == answer:
            return f"You predicted: {guess}. Right."
        return f"You predicted: {guess}. The answer: {answer}."
    plain = "".join(guess.split())
    # 9,408 is a number with its thousands apart, 3,5 and 0,125 have a decimal comma
    plain = plain.replace(",", "" if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", plain) else ".")
    try:
        number = float(plain)
        if not math.isfinite(number):
            raise ValueError
    except ValueError:
        said = f"{guess!r} is no plain number" if guess else "No number was predicted"
        return f"{said}. The answer: {answer:,.12g}."
    if number == answer:
        return f"You predicted {number:,.12g}. Exactly right."
    if number > 0 and answer > 0:
        ratio = max(number / answer, answer / number)
        way = "above" if number > answer else "below"
        return f"You predicted {number:,.12g}. The answer: {answer:,.12g}; you were {way} it by a factor of {float(f'{ratio:.2g}'):,.12g}."
    return f"You predicted {number:,.12g}. The answer: {answer:,.12g}."

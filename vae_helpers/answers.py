"""The learner's answers and predictions, in ``answers/``: they survive a git pull and a second start."""

from __future__ import annotations

import json

from vae_helpers.files import answers_folder, whole_file


def keep_answer(name, source):
    """Write the learner's ``source`` for the exercise ``name``. The last one counts."""
    if source.strip() and source != earlier_answer(name):
        with whole_file(answers_folder() / f"{name}.py") as part:
            part.write_text(source, encoding="utf-8")


def earlier_answer(name):
    """What the learner wrote for the exercise ``name`` the last time, or None."""
    try:
        return (answers_folder() / f"{name}.py").read_text(encoding="utf-8")
    except (OSError, ValueError):  # nothing yet, or not even text any more
        return None


def keep_guess(name, guess):
    """Write the learner's prediction ``guess`` under ``name``."""
    guesses = _guesses()
    if guesses.get(name) != guess:
        with whole_file(answers_folder() / "predictions.json") as part:
            part.write_text(json.dumps(guesses | {name: guess}, indent=1, sort_keys=True), encoding="utf-8")


def earlier_guess(name):
    """The learner's prediction ``name`` from an earlier start, or ``""``."""
    try:
        guess = _guesses().get(name, "")
    except OSError:
        return ""  # not to be read now; nothing is lost
    return guess if isinstance(guess, str) else ""


def _guesses():
    path = answers_folder() / "predictions.json"
    try:
        guesses = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(guesses, dict):
            return guesses
    except FileNotFoundError:
        return {}
    except ValueError:
        pass
    path.replace(path.with_suffix(".damaged.json"))  # set aside, not overwritten: something may be saved of it
    return {}

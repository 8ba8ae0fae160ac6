"""The widgets of a notebook that has run, as a page without a kernel needs them: their states, the module of each kind.

A page's script calls ``course.widgets({id: {kind, state, buffers}})``. Bytes are
base64; those of some size lie in files of their own, named by their content, so
that all widgets, pages and decks that show one network read one file.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re

from vae_helpers.widgets.core import base
from vae_helpers.widgets.prediction import compare

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
RECORDED = {"TrainingView": "frames", "BreakIt": "patients"}  # what trains is played from a recording
NOT_OURS = ("layout", "tabbable", "tooltip")  # traits that every widget has, and no module of ours reads
OF_ITS_OWN = 30_000  # characters of base64 from which bytes get a file of their own


class Live:
    """The widgets of one notebook: ``kinds`` (names of classes), ``models`` for the page's script, ``files`` beside it."""

    def __init__(self, nb):
        self._states = nb.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
        self._recordings = nb.metadata.get("recordings", {})
        self.models, self.files, self.kinds = {}, {}, {}
        self._names = {}

    def show(self, model_id):
        """Take a displayed widget along; its id on the page and its kind, or None if it is not one of the course's."""
        module, _, kind = self._states.get(model_id, {}).get("state", {}).get("_anywidget_id", "").rpartition(".")
        if not module.startswith("vae_helpers."):
            return None
        self.kinds[kind] = getattr(importlib.import_module(module), kind)
        return self._take(model_id, kind), kind

    def prediction_of(self, result):
        """The id on the page of the displayed prediction whose result is this text; None if there is none."""
        found = [name for model_id, name in self._names.items()
                 if self.models.get(name, {}).get("kind") == "Prediction"
                 and self._states[model_id]["state"].get("result") == result]
        if len(found) > 1:
            raise ValueError(f"two predictions have one answer, {result!r}: give one of them another reason")
        return found[0] if found else None

    def script(self):
        """The script that gives the page its widgets."""
        return f"course.widgets({_json(self.models)});\n"

    def _take(self, model_id, kind=None):
        """Put a model, and those it refers to, into ``models``; its id there."""
        if model_id in self._names:
            return self._names[model_id]
        name = self._names[model_id] = f"w{len(self._names) + 1}"
        model = self._states[model_id]
        state = {}
        for trait, value in model["state"].items():
            if trait.startswith("_") or trait in NOT_OURS:
                continue
            if isinstance(value, str) and value.startswith("IPY_MODEL_"):
                value = f"IPY_MODEL_{self._take(value.removeprefix('IPY_MODEL_'))}"
            state[trait] = value
        entry = {"kind": kind, "state": state, "buffers": self._buffers(model.get("buffers", []))}
        if kind == "Prediction":
            _unanswered(entry)
        if kind in RECORDED:
            if model_id not in self._recordings:
                raise ValueError(f"the notebook keeps no variable for its {kind}: nothing of it could be recorded")
            recording = self._recordings[model_id]
            entry[RECORDED[kind]] = self._frames(recording) if kind == "TrainingView" else recording
        self.models[name] = entry
        return name

    def _buffers(self, buffers):
        return {buffer["path"][0]: self._bytes(buffer["data"]) for buffer in buffers}

    def _bytes(self, data):
        """Base64 as it is if it is short, else the name of a file, as ``{"file": …}``."""
        if len(data) < OF_ITS_OWN:
            return data
        name = f"{hashlib.sha256(data.encode()).hexdigest()[:16]}.js"
        self.files[name] = f'course.bytes("{name}", "{data}");\n'
        return {"file": name}

    def _frames(self, messages):
        """A recorded training: seconds since its first message, and what each message changed."""
        frames = []
        for message in messages:
            frame = {"t": round(message["t"] - messages[0]["t"], 2), 
                     "state": {name: value for name, value in message["state"].items() if name not in NOT_OURS}}
            frame["buffers"] = {buffer["path"][0]: buffer["data"] for buffer in message["buffers"]}
            frames.append(frame)
        return frames


def _unanswered(entry):
    """A prediction as it was before its answer came; what will be said to each guess goes along."""
    state = entry["state"]
    options, answer, because = state["options"], state.get("answer", ""), state.get("because", "")
    if answer and options:  # numbers are compared by the page
        entry["replies"] = {guess: compare(guess, answer, because, True) for guess in ["", *options]}
    state |= {"guess": "", "result": ""}


def script_of(kind, widget_class):
    """A widget's module as a classic script: those are read from ``file://`` too, modules are not."""
    source, count = re.subn(r"^export default ", "return ", str(widget_class._esm), flags=re.MULTILINE)
    if count != 1 or re.search(r"^\s*(import|export)\b", source, flags=re.MULTILINE):
        raise ValueError(f"{kind}: wanted is one `export default`, and no import")
    return f"course.kind({_json(kind)}, () => {{\n{source}\n}}, {_json(str(widget_class._css))});\n"


def _json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

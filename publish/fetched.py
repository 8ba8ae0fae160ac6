"""reveal.js and the font of the formulas: fetched once from the package index, as ``fetched.txt`` pins them."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from io import BytesIO

from publish import HERE, STORE

LIST = HERE / "fetched.txt"
DRAWN = "√‾¯ˉ^˜⏞⏟⎴⎵()[]{}|‖⌊⌋⌈⌉"  # what a browser draws for roots, bars, braces and fences, whatever the text has
# … and single letters it draws as italics of mathematics, which are characters of their own (h is Planck's)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡϴΣΤΥΦΧΨΩ∇αβγδεζηθικλμνξοπρςστυφχψω∂ϵϑϰϕϱϖ"
ITALIC = dict(zip(LETTERS, map(chr, range(0x1D434, 0x1D468)))) | dict(zip(GREEK, map(chr, range(0x1D6E2, 0x1D71C))))
ITALIC["h"] = "ℎ"


def folder():
    """Where the fetched packages lie; they are fetched if they are not there, or were pinned otherwise."""
    there = STORE / f"fetched-{hashlib.sha256(LIST.read_bytes()).hexdigest()[:16]}"
    if not there.is_dir():
        STORE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=STORE) as part:
            # (an environment made by uv has no pip)
            python = [sys.executable, "-m", "pip", "install"] if find_spec("pip") else ["uv", "pip", "install", "--python", sys.executable]
            command = [*python, "--quiet", "--no-deps", "--require-hashes", "--requirement", str(LIST), "--target", f"{part}/all"]
            try:
                done = subprocess.run(command, capture_output=True, text=True)
            except FileNotFoundError:
                raise RuntimeError("wanted is pip in this environment: uv pip install pip") from None
            if done.returncode:
                said = (done.stderr.strip() or "pip said nothing").splitlines()[-1]
                raise RuntimeError(
                    f"{LIST.name} could not be fetched from the package index: {said}. Try again with a network; "
                    "it is asked once only"
                )
            shutil.move(f"{part}/all", there)
    return there


def reveal():
    """The folder of reveal.js: ``dist/`` and ``plugin/``."""
    return folder() / "sphinx_revealjs" / "_static" / "revealjs"


def font_of(text):
    """The style rule of a font that has the characters of ``text``, and how formulas are set in it.

    The font is part of the rule: from a folder, some browsers read no font that is a file of its own.
    """
    from fontTools import subset

    options = subset.Options(flavor="woff", layout_features=["*"], name_IDs=["*"], notdef_outline=True)
    font = subset.load_font(folder() / "ziamath" / "fonts" / "STIXTwoMath-Regular.ttf", options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text + DRAWN + "".join(ITALIC.get(character, "") for character in text))
    subsetter.subset(font)
    packed = BytesIO()
    subset.save_font(font, packed, options)
    data = base64.b64encode(packed.getvalue()).decode("ascii")
    return f'@font-face {{ font-family: "STIX Two Math"; src: url("data:font/woff;base64,{data}") format("woff"); }}\n'

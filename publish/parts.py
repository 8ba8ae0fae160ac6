"""The folder that is being written, of pages or decks, and what both share."""

from __future__ import annotations

import html
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from publish import HERE, NOTEBOOKS, fetched
from publish.live import script_of

SIGN = "live.js"  # a folder that holds this was written here, and may be replaced
TITLE = re.compile(r"^# (\d\d) · ([^:\n]+)(?:: (.+))?$", re.MULTILINE)
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
MINUTES = re.compile(r"\*\*Minutes:\*\* (\d+)")


class Parts:
    """A folder, written beside its place and put there whole, by ``done``; or never.

    ValueError if something stands in its place that was not written here.
    """

    def __init__(self, out):
        self.out = Path(out).resolve()
        if self.out.exists() and not (self.out / SIGN).is_file() and (self.out.is_file() or any(self.out.iterdir())):
            raise ValueError(f"{self.out} holds something else: it would be lost. Name another folder, or remove it yourself")
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.around = Path(tempfile.mkdtemp(prefix=f".{self.out.name}-", dir=self.out.parent))
        self.part = self.around / "new"
        shutil.copytree(NOTEBOOKS / "images", self.part / "images", ignore=shutil.ignore_patterns("*.py"))
        self.formulas = set()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.around, ignore_errors=True)

    def write(self, name, data):
        """A file of text or bytes, in the folder or one below it."""
        file = self.part / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)

    def add(self, live, images, stem):
        """The widgets and figures of one notebook."""
        self.write(f"widgets/{stem}.js", live.script())
        for name, text in live.files.items():
            self.write(f"bytes/{name}", text)
        for kind, widget_class in live.kinds.items():
            self.write(f"kinds/{kind}.js", script_of(kind, widget_class))
        for name, data in images.items():
            self.write(f"figures/{name}", data)

    def page(self, name, template, **given):
        """A page from a template."""
        text = templates().get_template(f"{template}.html.j2").render(**given)
        for formula in re.findall(r"<math\b.*?</math>", text, flags=re.DOTALL):
            self.formulas.update(html.unescape(re.sub(r"<[^>]*>", "", formula)))
        self.write(name, text)

    def done(self, *static):
        """Add scripts and styles, and put the folder where it belongs."""
        for name in ("course.css", "course.js", SIGN, *static):
            shutil.copy(HERE / "static" / name, self.part)
        self.write("formulas.css", fetched.font_of("".join(sorted(self.formulas))))
        if self.out.exists():
            self.out.rename(self.around / "old")
        self.part.rename(self.out)
        return self.out


@cache
def templates():
    """The templates of whole pages."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def title_of(path):
    """``number``, ``name``, ``question``, ``minutes`` and ``picture`` of a notebook, from its first cell."""
    first = nbformat.read(path, as_version=4).cells[0].source
    number, name, question = TITLE.search(first).groups()
    return {"number": number, "name": name, "question": question or "", "minutes": int(MINUTES.search(first)[1]),
            "picture": PICTURE.search(first)[1]}

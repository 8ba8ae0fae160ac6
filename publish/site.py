"""The notebooks as pages in one folder: they need no kernel, no network and no server."""

from __future__ import annotations

import html
import os
import re
import shutil
from functools import cache
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from publish import HERE, NOTEBOOKS, ROOT, address, fetched
from publish.executed import executed, notebook_paths
from publish.live import Live, script_of
from publish.render import Cells, markdown

HIDDEN = {"colab"}  # tags of cells that a page has no use for
TITLE = re.compile(r"^# (\d\d) · ([^:\n]+)(?:: (.+))?$", re.MULTILINE)
COLAB_BADGE = re.compile(r"^\[!\[Open in Colab\].*\n", re.MULTILINE)
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
MINUTES = re.compile(r"\*\*Minutes:\*\* (\d+)")


def build(out=ROOT / "site", names=(), lectures=None):
    """Write the pages into the folder ``out``, whole or not at all.

    ``names`` limits them to some notebooks; ``lectures`` is the folder of the decks, for a link to them.
    """
    parts = Parts(out)
    paths = notebook_paths(names)
    titles = {path: title_of(path) for path in paths}
    for path, before, after in zip(paths, [None, *paths], [*paths[1:], None]):
        nb = executed(path)
        live = Live(nb)
        cells = Cells(live)
        body = cells.html_of([cell for cell in nb.cells if not HIDDEN & set(cell.metadata.get("tags", []))])
        sections = [(name, text) for name, (level, text) in cells.ids.items() if level == 2]
        (parts.folder("notebooks") / path.name).write_text(without_outputs(path), encoding="utf-8")
        parts.add(live, cells.images, path.stem)
        parts.page(
            f"{path.stem}.html", "page", body=body, title=titles[path], path=path, sections=sections,
            kinds=sorted(live.kinds), before=before, after=after, titles=titles, colab=colab(path),
        )
    with Image.open(NOTEBOOKS / "images" / "walk.gif") as moving:  # for who wants it still: its first picture
        moving.save(parts.folder("images") / "walk_still.webp", lossless=True)
    parts.page("index.html", "contents", titles=titles, lectures=lectures, **front())
    return parts.done()


class Parts:
    """The folder that is being written, and what all pages of it share."""

    def __init__(self, out):
        self.out = Path(out)
        self.part = self.out.with_name(f"{self.out.name}.part")
        shutil.rmtree(self.part, ignore_errors=True)
        self.part.mkdir(parents=True)
        shutil.copytree(NOTEBOOKS / "images", self.part / "images", ignore=shutil.ignore_patterns("*.py"))
        self.formulas = set()

    def folder(self, name):
        """A folder within, made if it is not there."""
        (self.part / name).mkdir(exist_ok=True)
        return self.part / name

    def add(self, live, images, stem):
        """The widgets and figures of one notebook."""
        (self.folder("widgets") / f"{stem}.js").write_text(live.script(), encoding="utf-8")
        for name, text in live.files.items():
            (self.folder("bytes") / name).write_text(text, encoding="utf-8")
        for kind, widget_class in live.kinds.items():
            (self.folder("kinds") / f"{kind}.js").write_text(script_of(kind, widget_class), encoding="utf-8")
        for name, data in images.items():
            (self.folder("figures") / name).write_bytes(data)

    def page(self, name, template, **given):
        """A page from a template."""
        text = templates().get_template(f"{template}.html.j2").render(**given)
        for formula in re.findall(r"<math\b.*?</math>", text, flags=re.DOTALL):
            self.formulas.update(html.unescape(re.sub(r"<[^>]*>", "", formula)))
        (self.part / name).write_text(text, encoding="utf-8")

    def done(self, *static):
        """Add scripts and styles, and put the folder where it belongs."""
        for name in ("course.css", "course.js", "live.js", *static):
            shutil.copy(HERE / "static" / name, self.part)
        (self.part / "formulas.css").write_text(fetched.font_of("".join(sorted(self.formulas))), encoding="utf-8")
        old = self.out.with_name(f"{self.out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self.out.exists():
            self.out.rename(old)
        self.part.rename(self.out)
        shutil.rmtree(old, ignore_errors=True)
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


def without_outputs(path):
    """The notebook itself, to be opened and run: what it puts out is on its page."""
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(nb)


def front():
    """The README as the front page has it: what stands above its first section, and the sections but the list of notebooks."""
    intro, *sections = re.split(r"^(?=## )", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    ids = {}

    where = repository()

    def shown(source):
        # (a badge that leads nowhere is left out)
        source = source.replace(address.address(), where) if where else COLAB_BADGE.sub("", source)
        source = re.sub(r"\]\(notebooks/images/", "](images/", source)
        source = re.sub(r"\]\(notebooks/([^)]+)\.ipynb\)", r"](\1.html)", source)
        return markdown(source, ids)

    return {"intro": still_if_wanted(shown(intro)),
            "sections": [shown(section) for section in sections if not section.startswith("## The notebooks")]}


def still_if_wanted(text):
    """The moving picture stands still for who asked their system for less motion."""
    return re.sub(
        r'<img [^>]*src="images/walk\.gif"[^>]*>',
        lambda image: '<picture><source srcset="images/walk_still.webp" media="(prefers-reduced-motion: reduce)">'
                      f"{image[0]}</picture>",
        text,
    )


def repository():
    """``owner/name`` on GitHub: of the workflow that runs, or as pyproject.toml has it; None where neither says."""
    where = os.environ.get("GITHUB_REPOSITORY") or address.address()
    return where if address.is_set(where) else None


def colab(path):
    """The address at which Colab opens a notebook, or None."""
    where = repository()
    return where and f"https://colab.research.google.com/github/{where}/blob/main/notebooks/{path.name}"

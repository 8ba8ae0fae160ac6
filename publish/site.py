"""The notebooks as pages in one folder: they need no kernel, no network and no server."""

from __future__ import annotations

import re
from io import BytesIO

import nbformat
from PIL import Image

from publish import NOTEBOOKS, ROOT, address
from publish.executed import executed, notebook_paths, run_all
from publish.live import Live
from publish.parts import Parts, title_of
from publish.render import Cells, markdown

HIDDEN = {"colab"}  # tags of cells that a page has no use for
COLAB_BADGE = re.compile(r"^\[!\[Open in Colab\].*\n", re.MULTILINE)


def build(out=ROOT / "site", names=(), lectures=None):
    """Write the pages into the folder ``out``, whole or not at all.

    ``names`` limits them to some notebooks; ``lectures`` is the folder of the decks, for a link to them.
    """
    paths = notebook_paths(names)
    titles = {path: title_of(path) for path in paths}
    with Parts(out) as parts:
        run_all(paths)
        for path, before, after in zip(paths, [None, *paths], [*paths[1:], None]):
            nb = executed(path)
            live = Live(nb)
            cells = Cells(live)
            try:
                body = cells.html_of([cell for cell in nb.cells if not HIDDEN & set(cell.metadata.get("tags", []))])
            except ValueError as error:
                error.add_note(f"in {path.name}")
                raise
            sections = [(name, text) for name, (level, text) in cells.ids.items() if level == 2]
            parts.write(f"notebooks/{path.name}", without_outputs(path))
            parts.add(live, cells.images, path.stem)
            parts.page(
                f"{path.stem}.html", "page", body=body, title=titles[path], path=path, sections=sections,
                kinds=sorted(live.kinds), before=before, after=after, titles=titles, colab=colab(path),
            )
        parts.write("images/walk_still.webp", still(NOTEBOOKS / "images" / "walk.gif"))
        parts.page("index.html", "contents", titles=titles, lectures=lectures, **front())
        return parts.done()


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

    def shown(source):
        if not address.is_set(address.address()):
            source = COLAB_BADGE.sub("", source)  # it would lead nowhere
        source = re.sub(r"\]\(notebooks/images/", "](images/", source)
        return markdown(re.sub(r"\]\(notebooks/([^)]+\.ipynb)\)", r"](\1)", source), ids)

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


def still(file):
    """The first picture of a moving one, as WebP."""
    packed = BytesIO()
    with Image.open(file) as moving:
        moving.save(packed, "WEBP", lossless=True)
    return packed.getvalue()


def colab(path):
    """The address at which Colab opens a notebook; None while the course has none."""
    where = address.address()
    return f"https://colab.research.google.com/github/{where}/blob/main/notebooks/{path.name}" if address.is_set(where) else None

"""A lecture from each notebook: the cells tagged as slides, laid out by reveal.js, alive without a kernel or a network."""

from __future__ import annotations

import copy
import re
import shutil

from publish import ROOT, fetched
from publish.executed import executed, notebook_paths
from publish.live import WIDGET_VIEW, Live
from publish.plan import slides_of
from publish.render import Cells, markdown
from publish.site import Parts, title_of


def build(out=ROOT / "slides", names=()):
    """Write the decks into the folder ``out``, whole or not at all; ``names`` limits them to some notebooks."""
    parts = Parts(out)
    decks = []
    for path in notebook_paths(names):
        nb = executed(path)
        live = Live(nb)
        cells = Cells(live)
        slides = [_slide(slide, cells) for slide in slides_of(nb)]
        parts.add(live, cells.images, path.stem)
        title = title_of(path)
        parts.page(f"{path.stem}.html", "deck", title=title, path=path, slides=slides, kinds=sorted(live.kinds))
        decks.append((path, title, len(slides)))
    parts.page("index.html", "decks", decks=decks)
    _reveal(parts.folder("reveal"))
    return parts.done("deck.css", "deck.js")


def _reveal(folder):
    """reveal.js and the plugin for the speaker's view: all of it that a deck needs."""
    source = fetched.reveal()
    for file in ("dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js"):
        shutil.copy(source / file, folder)


def _slide(slide, cells):
    body, kinds = [], set()
    for cell, show in slide.parts:
        if cell.cell_type == "markdown":
            body.append(f'<div class="prose">{markdown(show, {})}</div>')
            kinds.add("prose")
        else:
            body.append(cells.html_of([_only(cell, show)]))
            kinds |= set(show) & {kind_of(output) for output in cell.outputs} | set(show) & {"code"}
    notes = [f"<p><strong>Ask.</strong> {_inline(slide.ask)}</p>"] if slide.ask else []
    notes += [f"<p><strong>Say.</strong> {_inline(slide.say)}</p>"] if slide.say else []
    texts = [cell.source for cell, show in slide.parts if cell.cell_type == "markdown"]
    if texts:
        whole = "\n\n".join(re.sub(r"^#+ .*$", "", text, flags=re.MULTILINE) for text in texts)
        whole = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", whole)
        notes.append(f"<hr><p><strong>The notebook:</strong></p>{markdown(whole, {})}")
    return {"title": _inline(slide.title), "level": slide.level, "body": "\n".join(body), "notes": "\n".join(notes),
            "kinds": " ".join(sorted(kinds))}


def _only(cell, show):
    """The cell with what is shown of it: its code or not, and some of its outputs."""
    cell = copy.deepcopy(cell)
    cell.metadata["hide_source"] = "code" not in show
    cell.outputs = [output for output in cell.outputs if kind_of(output) in show]
    return cell


def kind_of(output):
    """What an output is to the lecturer: text, figure or widget; None for the words that only screen readers get."""
    data = output.get("data", {})
    if WIDGET_VIEW in data:
        return "widget"
    if "image/png" in data or "<img" in data.get("text/html", ""):
        return "figure"
    return None if "figure-alt" in data.get("text/html", "") else "text"


def _inline(text):
    """A line of markdown without the paragraph around it."""
    return markdown(text, {}).strip().removeprefix("<p>").removesuffix("</p>")

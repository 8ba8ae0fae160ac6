"""A lecture from each notebook: the cells tagged as slides, laid out by reveal.js, alive without a kernel or a network."""

from __future__ import annotations

import copy
import re

from publish import ROOT, fetched
from publish.executed import executed, notebook_paths, run_all
from publish.live import WIDGET_VIEW, Live
from publish.parts import Parts, title_of
from publish.plan import HEADING, blocks, slides_of
from publish.render import Cells, is_progress_bar, markdown

REVEAL = ("dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js")  # all that a deck needs, and the speaker's view


def build(out=ROOT / "slides", names=()):
    """Write the decks into the folder ``out``, whole or not at all; ``names`` limits them to some notebooks."""
    paths, decks = notebook_paths(names), []
    with Parts(out) as parts:
        run_all(paths)
        for path in paths:
            nb = executed(path)
            live = Live(nb)
            cells = Cells(live)
            try:
                slides = [_slide(slide, cells) for slide in slides_of(nb)]
            except ValueError as error:
                error.add_note(f"in {path.name}")
                raise
            parts.add(live, cells.images, path.stem)
            title = title_of(path)
            parts.page(f"{path.stem}.html", "deck", title=title, path=path, slides=slides, kinds=sorted(live.kinds))
            decks.append((path, title, len(slides)))
        parts.page("index.html", "decks", decks=decks)
        for file in REVEAL:
            parts.write(f"reveal/{file.rpartition('/')[2]}", (fetched.reveal() / file).read_bytes())
        return parts.done("deck.css", "deck.js")


def _slide(slide, cells):
    body, kinds = [], set()
    for cell, show in slide.parts:
        if cell.cell_type == "markdown":
            body.append(f'<div class="prose">{markdown(show, {})}</div>')
            kinds.add("prose")
        else:
            body.append(cells.html_of([_only(cell, show)]))
            kinds |= set(show) & ({kind_of(output) for output in cell.outputs} | {"code"})
    notes = [f"<p><strong>Ask.</strong> {_inline(slide.ask)}</p>"] if slide.ask else []
    notes += [f"<p><strong>Say.</strong> {_inline(slide.say)}</p>"] if slide.say else []
    texts = [_words(cell.source) for cell, show in slide.parts if cell.cell_type == "markdown"]
    if any(texts):
        notes.append(f"<hr><p><strong>The notebook:</strong></p>{markdown(chr(10).join(texts), {})}")
    return {"title": _inline(slide.title), "level": slide.level, "body": "\n".join(body), "notes": "\n".join(notes),
            "kinds": " ".join(sorted(kinds))}


def _words(source):
    """A text without its headings and pictures: for the notes."""
    kept = [block if block.startswith("```") else HEADING.sub("", block) for block in blocks(source)]
    return re.sub(r"!\[[^\]]*\]\([^)]*\)", "", "\n\n".join(kept)).strip() + "\n"


def _only(cell, show):
    """The cell with what is shown of it: its code or not, and some of its outputs."""
    cell = copy.deepcopy(cell)
    cell.metadata["hide_source"] = "code" not in show
    cell.outputs = [output for output in cell.outputs if kind_of(output) in show]
    return cell


def kind_of(output):
    """What an output is to the lecturer: text, figure or widget; None for progress bars and the words that only screen readers get."""
    data = output.get("data", {})
    if is_progress_bar(data):
        return None
    if WIDGET_VIEW in data:
        return "widget"
    if "image/webp" in data or "<img" in data.get("text/html", ""):
        return "figure"
    return None if "figure-alt" in data.get("text/html", "") else "text"


def _inline(text):
    """A line of markdown without the paragraph around it."""
    return markdown(text, {}).strip().removeprefix("<p>").removesuffix("</p>")

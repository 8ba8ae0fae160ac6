"""Which cells of a notebook make its slides: read from their tags and metadata.

A cell tagged ``slide`` begins a slide, one tagged ``slide-more`` stands on the
slide above it. Its metadata may hold ``slide``::

    "slide": {"title": "…",      instead of the nearest heading
              "show": […],       what of the cell is on the slide; left out: all of it, of code what it put out
              "ask": "…",        what to ask the audience
              "say": "…"}        what they may answer, what to drag and to point at

``show`` of text names pieces of it: ``"words"`` is the block (paragraph, formula,
list, table, picture) that begins so, ``["from", "to"]`` runs from these words to
those. ``show`` of code is any of ``code``, ``text``, ``figure`` and ``widget``.
A list in place of the one object: the further ones begin slides of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$", re.MULTILINE)
KINDS = ("code", "text", "figure", "widget")


@dataclass
class Slide:
    """A slide: its title as markdown, the cells on it with what of each is shown (None: all), and the lecturer's notes."""

    title: str
    level: int
    ask: str = ""
    say: str = ""
    parts: list = field(default_factory=list)


def slides_of(nb):
    """The slides of a notebook, in order; ValueError names a cell whose ``show`` does not fit its text."""
    slides, heading = [], (1, "")
    for number, cell in enumerate(nb.cells):
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            found = HEADING.findall(re.sub(r"^```.*?^```", "", cell.source, flags=re.MULTILINE | re.DOTALL))
            if found:
                heading = (len(found[0][0]), found[0][1])
        if not {"slide", "slide-more"} & set(tags):
            continue
        wanted = cell.metadata.get("slide", {})
        for more, one in enumerate(wanted if isinstance(wanted, list) else [wanted]):
            if "slide" in tags or more:
                slides.append(Slide(one.get("title", heading[1]), 2 if "title" in one else heading[0],
                                    one.get("ask", ""), one.get("say", "")))
            if not slides:
                raise ValueError(f"cell {number + 1}: tagged slide-more, and no slide has begun")
            try:
                slides[-1].parts.append((cell, shown(cell, one.get("show"))))
            except ValueError as error:
                raise ValueError(f"cell {number + 1}: {error}") from None
    return slides


def shown(cell, show):
    """What of a cell is on the slide: of text its markdown, of code the names of what is shown."""
    if show is not None and not isinstance(show, list):
        raise ValueError(f"show={show!r}: wanted is a list")
    if cell.cell_type == "code":
        show = show or ["text", "figure", "widget"]
        unknown = set(show) - set(KINDS)
        if unknown:
            raise ValueError(f"show={sorted(unknown)}: code has {', '.join(KINDS)}")
        return show
    source = HEADING.sub("", cell.source, count=1) if HEADING.match(cell.source) else cell.source
    return "\n\n".join(piece(cell.source, words) for words in show) if show else source.strip()


def piece(source, words):
    """The block of ``source`` that begins with ``words``, or the text from ``words[0]`` to ``words[1]``."""
    if isinstance(words, str):
        found = [block for block in blocks(source) if block.startswith(words)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} blocks begin with {words!r}; wanted is one")
        return found[0]
    first, last = words
    for each in (first, last):
        if source.count(each) != 1:
            raise ValueError(f"{each!r} is there {source.count(each)} times; wanted is once")
    start, end = source.index(first), source.index(last) + len(last)
    if end <= start:
        raise ValueError(f"{last!r} comes before {first!r}")
    return source[start:end]


def blocks(source):
    """Markdown in its blocks: what blank lines part, code and formulas whole."""
    found, inside = [[]], ""
    for line in source.splitlines():
        if not line.strip() and not inside:
            found.append([])
            continue
        found[-1].append(line)
        for sign in ("```", "$$"):
            if inside in ("", sign) and line.count(sign) % 2:
                inside = "" if inside else sign
    return ["\n".join(lines) for lines in found if lines]

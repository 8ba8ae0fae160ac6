"""Pages and decks as they are opened from a folder: built once, with the network refused."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from accessibility import violations
from bs4 import BeautifulSoup
from lab import new_page

from publish.executed import executed, notebook_paths
from publish.live import WIDGET_VIEW
from publish.render import is_progress_bar

FEW = ("00", "02", "03")  # in an ordinary run; with the slow tests, all

# A checksum of the pixels of each canvas that can be seen, under an element.
PIXELS = """root => [...root.querySelectorAll("canvas")].filter(c => c.width && c.height && c.checkVisibility()).map(c => {
  const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
  return new Int32Array(data.buffer).reduce((sum, pixel) => Math.imul(31, sum) + pixel | 0, c.width);
})"""

STATES = "() => [...document.querySelectorAll('.live')].map(place => [place.dataset.kind, place.dataset.state ?? 'asleep'])"


def each_notebook():
    """A parameter for each notebook; those not among ``FEW`` count as slow."""
    return [
        pytest.param(path, id=path.stem, marks=() if path.name.startswith(FEW) else pytest.mark.slow)
        for path in notebook_paths()
    ]


def views_of(path):
    """How many widgets a notebook shows when it runs, progress bars aside."""
    outputs = [output for cell in executed(path).cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output.get("data", {}) for output in outputs]
    return sum(WIDGET_VIEW in data and not is_progress_bar(data) for data in shown)


@dataclass
class Opened:
    """A page that was opened from its folder, and what it said and asked for."""

    path: Any
    page: Any
    heard: Any
    failed: list = field(default_factory=list)


def open_file(context, file, path=None):
    """Open a file of a folder in a context without a network."""
    context.set_offline(True)
    page, heard = new_page(context)
    opened = Opened(path, page, heard)
    page.on("requestfailed", lambda request: opened.failed.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_load_state("load")
    return opened


def look_at_list(context, file):
    """Open a page that lists others, on a phone and in both themes: what is wrong with it, one line each."""
    opened = open_file(context, file)
    page, faults = opened.page, []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(200)
        faults += violations(page)[0]
    page.set_viewport_size({"width": 390, "height": 844})
    if (wide := page.evaluate("() => document.documentElement.scrollWidth")) > 390:
        faults.append(f"{wide} px wide on a phone of 390")
    outside = [address for address in opened.heard.addresses if not address.startswith(("file:", "data:"))]
    return faults + opened.heard.console + opened.failed + outside


def wake_all(page, seconds=30):
    """Scroll past every widget, so that it starts, and wait until all have."""
    for place in page.locator(".live").all():
        place.scroll_into_view_if_needed()
    page.wait_for_function(f"() => ({STATES})().every(([kind, state]) => ['alive', 'failed'].includes(state))",
                           timeout=seconds * 1000)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)


def other_pixels(node, *before, seconds=10):
    """The pixels under an element, as soon as they are none of these; AssertionError if they stay so."""
    deadline = time.monotonic() + seconds
    while (now := node.evaluate(PIXELS)) in before:
        assert time.monotonic() < deadline, f"nothing has moved in {seconds} s"
        node.page.wait_for_timeout(40)
    return now


def broken_links(folder):
    """What is wrong with the links of all pages in a folder: one line each. Notebooks that were not built may be missing."""
    not_built = {f"{path.stem}.html" for path in notebook_paths()} - {file.name for file in folder.glob("*.html")}
    soups = {file: BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser") for file in folder.glob("*.html")}
    anchors = {file: {node["id"] for node in soup.find_all(id=True)} for file, soup in soups.items()}
    wrong = []
    for file, soup in soups.items():
        nodes = [(node, node.get(name)) for node in soup.find_all(True) for name in ("href", "src", "srcset") if node.get(name)]
        for node, target in nodes:
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            if parts.scheme:
                if node.name != "a":
                    wrong.append(f"{file.name}: <{node.name}> asks {parts.netloc}")
                continue
            there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if there.name in not_built:
                continue
            if not there.is_relative_to(folder.resolve()) or not there.exists():
                wrong.append(f"{file.name}: there is no {target}")
            elif parts.fragment and unquote(parts.fragment) not in anchors.get(there, ()):
                wrong.append(f"{file.name}: {there.name} has no anchor {unquote(parts.fragment)}")
    return wrong


def other_hosts(folder):
    """Addresses of other hosts that a style sheet, a script or a page would ask for by itself."""
    asks = re.compile(r"""(?:url\(|@import\s+|import\s*\(|fetch\(|\bsrc=|<link[^>]+href=)\s*["']?((?:https?:)?//[^"')\s]+)""")
    texts = [file for suffix in ("html", "css", "js") for file in folder.rglob(f"*.{suffix}") if file.parent.name != "bytes"]
    return [f"{file.name}: {found}" for file in texts for found in asks.findall(file.read_text(encoding="utf-8"))]

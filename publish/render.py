"""Cells as HTML, by nbconvert with a template of our own: maths as MathML, figures as files, widgets alive."""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import re
from functools import cache
from io import BytesIO
from urllib.parse import urlsplit

import nbformat
from jinja2 import pass_context
from math_core import LatexError, LatexToMathML
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image

from publish import HERE
from publish.executed import FINER
from publish.live import WIDGET_VIEW

UNANSWERED = re.compile(r"No (prediction was made|number was predicted)\. ")
FOLDED = {"setup": "Imports"}  # tag: what stands in the code's place until it is opened


class Renderer(IPythonRenderer):
    """Markdown as the notebooks have it. ``ids`` are the anchors given so far on this page."""

    def __init__(self, ids):
        super().__init__(escape=False, exclude_anchor_links=True)
        self.ids = ids

    def heading(self, text, level, **attributes):
        """A heading with an id, as JupyterLab would name it, and a link to itself."""
        plain = html.unescape(re.sub(r"<[^>]*>", "", text)).strip()
        name = name_of(plain, self.ids)
        self.ids[name] = (level, text)
        link = f'<a class="anchor" href="#{html.escape(name)}" aria-label="Link to {html.escape(plain)}">#</a>'
        return f'<h{level} id="{html.escape(name)}">{text} {link}</h{level}>\n'

    def block_math(self, body):
        """A formula on a line of its own."""
        return f'<div class="scrolls">{mathml(body, display=True)}</div>'

    def inline_math(self, body):
        """A formula within a line."""
        return mathml(body, display=False)

    def link(self, text, url, title=None):
        """Notebooks are pages here."""
        if not urlsplit(url).scheme:
            url = re.sub(r"\.ipynb(?=$|#)", ".html", url)
        return super().link(text, url, title)


def markdown(source, ids):
    """Markdown as HTML; tables in boxes that scroll by themselves where the screen is narrow."""
    text = MarkdownWithMath(renderer=Renderer(ids)).render(source)
    return text.replace("<table>", '<div class="scrolls"><table>').replace("</table>", "</table></div>")


def name_of(text, taken):
    """The anchor of a heading: its words with hyphens, and a number where that is taken."""
    name = text.replace(" ", "-")
    if name not in taken:
        return name
    return next(f"{name}-{n}" for n in range(2, 1000) if f"{name}-{n}" not in taken)


@cache
def _latex():
    return LatexToMathML()


def mathml(latex, display):
    """LaTeX as MathML, which browsers draw and screen readers read by themselves."""
    try:
        return _latex().convert_with_local_state(latex.strip(), displaystyle=display)
    except LatexError as error:
        raise ValueError(f"this formula is not understood: {error}\n{latex}") from None


class Cells(HTMLExporter):
    """nbconvert's exporter, for cells alone. ``live`` takes the widgets, ``images`` (name: bytes) the figures."""

    def __init__(self, live):
        super().__init__(template_name="course", extra_template_basedirs=[str(HERE / "templates")])
        self.live, self.images, self.ids = live, {}, {}

    @pass_context
    def markdown2html(self, context, source):
        """The filter that the template calls."""
        return markdown(source, self.ids)

    def html_of(self, cells):
        """These cells as HTML, one after another."""
        nb = nbformat.v4.new_notebook(metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}})
        nb.cells = [self._prepared(cell) for cell in cells]
        return self.from_notebook_node(nb)[0]

    # --- outputs, each as the HTML that stands for it

    def _prepared(self, cell):
        cell = copy.deepcopy(cell)
        if cell.cell_type != "code":
            return cell
        for tag in cell.metadata.get("tags", []):
            if tag in FOLDED:
                cell.metadata["folded"] = FOLDED[tag]
        outputs = [self._output(output, cell) for output in cell.outputs]
        cell.outputs = [output for output in outputs if output]
        return cell

    def _output(self, output, cell):
        data = output.get("data")
        if data is None:
            return output
        output.output_type = "display_data"  # one way to show a value
        output.pop("execution_count", None)
        if is_progress_bar(data):
            return None
        if WIDGET_VIEW in data:
            return _html(self._widget(output))
        if "image/webp" in data:
            return _html(self._figure(data["image/webp"], output.metadata.get("image/png", {}).get("alt", "")))
        if "figure-alt" in data.get("text/html", ""):
            return None  # the text for screen readers: here the picture itself has it
        if "text/html" not in data and UNANSWERED.match(data.get("text/plain", "")):
            name = self.live.prediction_of(data["text/plain"])
            if name:
                cell.metadata["reveals"] = name
                said = html.escape(UNANSWERED.sub("", data["text/plain"]))
                return _html(f'<p class="value said" role="status">{said}</p>')
        return output

    def _figure(self, webp, alt):
        """A figure as a file of its own."""
        raw = base64.b64decode(webp)
        name = f"{hashlib.sha256(raw).hexdigest()[:16]}.webp"
        self.images[name] = raw
        image = Image.open(BytesIO(raw))
        wide, high = (round(size / FINER) for size in image.size)
        return (f'<img class="figure" src="figures/{name}" width="{wide}" height="{high}" loading="lazy" '
                f'alt="{html.escape(alt)}">')

    def _widget(self, output):
        shown = self.live.show(output.data[WIDGET_VIEW]["model_id"])
        if shown is None:
            return '<p class="needs-kernel">This control works in the running notebook only.</p>'
        name, kind = shown
        alt = html.escape(output.metadata.get("image/png", {}).get("alt", "")) or "Without JavaScript nothing moves here."
        # (a finger that drags here turns no slide)
        return (f'<div class="live" data-widget="{name}" data-kind="{kind}" data-prevent-swipe>'
                f"<noscript><p>{alt}</p></noscript></div>")


def is_progress_bar(data):
    """Whether a widget is the bar of a training: kept as it stood at 0 %, it tells a reader nothing."""
    return WIDGET_VIEW in data and re.match(r" *\d+%\|", data.get("text/plain", "")) is not None


def _html(text):
    return nbformat.v4.new_output("display_data", {"text/html": text})

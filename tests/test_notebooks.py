"""How a notebook of the course is built: its opening and end, its cells, figures, links and exercises."""

import ast
import html
import importlib
import re
import statistics
from urllib.parse import unquote

import pytest
from notebook_tools import (
    DIFFICULTY,
    MINUTES,
    NOTEBOOKS,
    ROOT,
    WIDGET_VIEW,
    cards,
    code_cells,
    markdown_cells,
    notebook_paths,
    output_texts,
    python_source,
    read,
    tags,
    where,
)

PATHS = notebook_paths()

# number: predictions and exercises, at least
PREDICTIONS_AND_EXERCISES = {"01": (3, 4), "02": (4, 5), "03": (4, 4), "04": (4, 5), "05": (4, 6), "06": (4, 6), "07": (3, 6),
                             "08": (4, 5), "09": (4, 5), "10": (4, 5)}

FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]+`")
HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$", re.MULTILINE)
LIST_ITEM = re.compile(r"^(?:[-*+]|\d+[.)]) +", re.MULTILINE)
LINK = re.compile(
    r"\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)"
    r"|<(?:a|img|source|video)\b[^>]*\b(?:href|src)=\"([^\"]+)\""
)
MARKDOWN_IMAGE = re.compile(r"!\[([^\]]*)\]\(")
HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
HTML_ALT = re.compile(r"\balt=(\"[^\"]+\"|'[^']+')")
ELSEWHERE = re.compile(r"(https?|mailto|data):")

ABSOLUTE_PATH = re.compile(r"(?<![\w.~])/(?:home|Users|root|tmp)/|\b[CD]:\\")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
DURATION = re.compile(r"\b\d+(?:[.,]\d+)? ?(?:[nmµ]s|s|sec|secs|seconds?|minutes?)\b")
MARKUP = re.compile(r"<style.*?</style>|<script.*?</script>|<[^>]*>", re.DOTALL)
PROGRESS_BAR = re.compile(r"\d+%\|[^|]*\|.*")  # tests/nbval_sanitize.cfg takes care of these


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def nb(path):
    return read(path)


def report(path, problems):
    """Fail with one line for each problem, so that one run shows them all."""
    if problems:
        pytest.fail("\n".join([f"{path.name}:", *(f"  {problem}" for problem in problems)]), pytrace=False)


def prose(cell):
    """A markdown cell without its code."""
    return INLINE_CODE.sub("", FENCE.sub("", cell.source))


def text(cells):
    return "\n\n".join(prose(cell) for cell in cells)


def number(path):
    return path.name[:2]


# --- the series --------------------------------------------------------------


def test_the_notebooks_are_numbered_in_reading_order():
    names = [path.name for path in PATHS]
    assert names, "there is no notebook in notebooks/"
    for n, name in enumerate(names):
        assert re.fullmatch(rf"{n:02d}_[a-z0-9_]+\.ipynb", name), (
            f"{name}: wanted is {n:02d}_small_letters.ipynb; the notebooks are {', '.join(names)}"
        )


# --- opening and end -----------------------------------------------------------


def test_one_title_and_it_comes_first(path, nb):
    titles = [
        (cell, match[2])
        for cell in markdown_cells(nb)
        for match in HEADING.finditer(FENCE.sub("", cell.source))
        if match[1] == "#"
    ]
    problems = [f"{where(nb, cell)}: a second title, `# {title}`; use ##" for cell, title in titles[1:]]
    if not titles or titles[0][0] is not nb.cells[0] or not nb.cells[0].source.startswith("# "):
        problems.append(f"{where(nb, nb.cells[0])}: the first line of the notebook is its title, `# …`")
    report(path, problems)


def test_the_opening_says_what_how_long_and_after_what(path, nb):
    opening = text(cell for cell in nb.cells[:5] if cell.cell_type == "markdown")
    wanted = {
        "“You will be able to”": r"you will be able to",
        "“Builds on”": r"builds on",
        "the minutes it takes, “Minutes: 40” or “40 minutes”": r"\d+ *minutes|minutes\W+\d+",
    }
    lacking = [name for name, pattern in wanted.items() if not re.search(pattern, opening, re.I)]
    report(path, [f"cells 1 to 5 lack {name}" for name in lacking])


def test_a_picture_comes_early(path, nb):
    def shows_a_picture(cell):
        if cell.cell_type == "markdown":
            return bool(MARKDOWN_IMAGE.search(cell.source) or re.search("<(img|svg)", cell.source))
        kinds = [kind for output in cell.get("outputs", []) for kind in output.get("data", {})]
        return any(kind.startswith("image/") or kind == "text/html" for kind in kinds)

    if not any(shows_a_picture(cell) for cell in nb.cells[:10]):
        report(path, ["the first ten cells show no picture; a notebook opens with one"])


def test_it_closes_with_recap_references_and_the_next(path, nb):
    closing = text([cell for cell in nb.cells if cell.cell_type == "markdown"][-6:])
    problems = []

    recap = re.search(r"(?:^#+ *|\*\*)Recap\b.*?$(.*?)(?=^#|\*\*References|\Z)", closing, re.M | re.S | re.I)
    if not recap:
        problems.append("the last cells lack a recap: a heading `## Recap` and a list of five lines")
    elif (lines := len(LIST_ITEM.findall(recap[1]))) != 5:
        problems.append(f"the recap has {lines} lines; wanted is a list of five")

    if not re.search(r"(?:^#+ *|\*\*)References\b", closing, re.M | re.I):
        problems.append("the last cells lack `## References`")

    after = PATHS[PATHS.index(path) + 1 :]
    if after and f"]({after[0].name}" not in closing:
        problems.append(f"the last cells lack the link to the next notebook, `[…]({after[0].name})`")
    elif not after and number(path) != "09" and not re.search(r"\bnext\b", closing, re.I):
        problems.append("the last cells do not say what comes next (in words, while it is not there)")
    report(path, problems)


# --- cells ---------------------------------------------------------------------


def test_cells_are_small_and_prose_prevails(path, nb):
    start = number(path) == "00"
    cells = [cell for cell in code_cells(nb) if "colab" not in tags(cell)]  # that one is folded, and for Colab only
    problems = []

    low, high = (1, 15) if start else (25, 45)
    if not low <= len(cells) <= high:
        problems.append(f"{len(cells)} code cells; wanted are {low} to {high}")

    # blank lines are breath, not length; a reader sees the comments
    lengths = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells]
    low, high = (1, 6) if start else (3, 6)
    median = statistics.median(lengths) if lengths else 0
    if not low <= median <= high:
        problems.append(f"the median code cell has {median:g} lines; wanted are {low} to {high}")
    problems += [
        f"{where(nb, cell)}: {lines} lines; no cell is longer than 25"
        for cell in cells
        if (lines := len(cell.source.strip().splitlines())) > 25
    ]

    words = len(text(markdown_cells(nb)).split())
    if len(markdown_cells(nb)) <= len(cells) and words <= sum(lengths):
        problems.append(f"{words} words of prose and {sum(lengths)} lines of code; prose should prevail")
    report(path, problems)


def test_code_is_python(path, nb):
    problems = []
    for cell in code_cells(nb):
        try:
            ast.parse(python_source(cell))
        except SyntaxError as error:
            problems.append(f"{where(nb, cell)}: line {error.lineno}: {error.msg}")
    report(path, problems)


def test_every_cell_has_run_in_order_and_without_error(path, nb):
    problems, count = [], 0
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        count += bool(cell.source.strip())
        wanted = count if cell.source.strip() else None
        if cell.execution_count != wanted:
            problems.append(f"{where(nb, cell)}: execution count {cell.execution_count}; wanted is {wanted}")
        problems += [
            f"{where(nb, cell)}: the stored output is an error, {output.ename}: {output.evalue}"
            for output in cell.outputs
            if output.output_type == "error"
        ]
    if problems:
        problems.append(f"to run and store it again: python tests/notebook_tools.py {number(path)}")
    report(path, problems)


def test_an_ignored_cell_says_why(path, nb):
    problems = []
    for cell in code_cells(nb):
        if "NBVAL_" in cell.source or "PYTEST_VALIDATE" in cell.source:
            problems.append(f"{where(nb, cell)}: say it by the tag `nbval-ignore-output`, not in a comment")
        ignored = [tag for tag in tags(cell) if tag.startswith("nbval-") or tag == "raises-exception"]
        if ignored and len(str(cell.metadata.get("reason", "")).split()) < 4:
            problems.append(f"{where(nb, cell)}: tagged {ignored[0]}; its metadata lack a reason, a sentence")
    report(path, problems)


def test_texts_are_the_same_on_every_machine(path, nb):
    problems = []
    for cell in code_cells(nb):
        if "nbval-ignore-output" in tags(cell):
            continue
        shown = PROGRESS_BAR.sub("", "\n".join(output_texts(cell)))
        shown = html.unescape(MARKUP.sub(" ", shown))
        for name, pattern in {"an address": ADDRESS, "a time": DURATION}.items():
            if match := pattern.search(shown):
                problems.append(
                    f"{where(nb, cell)}: the output shows {name}, `{match[0]}`; do not print it, or tag the "
                    "cell nbval-ignore-output and give the reason in its metadata"
                )
    report(path, problems)


def test_no_path_of_one_machine(path, nb):
    problems = []
    for cell in nb.cells:
        for part, words in [("source", cell.source), ("output", "\n".join(output_texts(cell)))]:
            match = ABSOLUTE_PATH.search(words)
            if match or str(ROOT) in words:
                found = match[0] if match else str(ROOT)
                problems.append(f"{where(nb, cell)}: `{found}` in its {part}; use relative paths")
    report(path, problems)


def test_no_state_of_widgets(path, nb):
    problems = [] if "widgets" not in nb.metadata else ["the notebook's metadata hold the state of widgets"]
    problems += [
        f"{where(nb, cell)}: a stored view of a widget, which a reader sees as “model not found”"
        for cell in code_cells(nb)
        for output in cell.outputs
        if WIDGET_VIEW in output.get("data", {})
    ]
    if problems:
        problems.append(f"python tests/notebook_tools.py {number(path)} stores the notebook without")
    report(path, problems)


# --- figures and links -----------------------------------------------------------


def test_every_figure_has_alternative_text(path, nb):
    problems = []
    for cell in code_cells(nb):
        for output in cell.outputs:
            for kind in output.get("data", {}):
                alt = output.metadata.get(kind, {}).get("alt", "") if kind.startswith("image/") else None
                if alt is not None and len(alt.strip()) < 30:
                    problems.append(
                        f"{where(nb, cell)}: {kind} with the alternative text {alt!r}; wanted are "
                        f"30 characters or more in the output's metadata, {{{kind!r}: {{'alt': …}}}}"
                    )
    for cell in nb.cells:
        shown = prose(cell) if cell.cell_type == "markdown" else "\n".join(output_texts(cell))
        images = [match[0] for match in HTML_IMAGE.finditer(shown) if not HTML_ALT.search(match[0])]
        if cell.cell_type == "markdown":
            images += [f"![{match[1]}](" for match in MARKDOWN_IMAGE.finditer(shown) if not match[1].strip()]
        problems += [f"{where(nb, cell)}: no alternative text in `{image[:60]}`" for image in images]
    report(path, problems)


def anchors(path):
    """What `#…` may point to: a notebook's headings as JupyterLab names them, GitHub's names elsewhere."""
    if path.suffix == ".ipynb":
        source = "\n\n".join(FENCE.sub("", cell.source) for cell in markdown_cells(read(path)))
        headings = [re.sub("[`*]", "", match[2]) for match in HEADING.finditer(source)]
        names = {heading.replace(" ", "-") for heading in headings}
    else:
        source = path.read_text(encoding="utf-8")
        headings = [match[2].lower() for match in HEADING.finditer(FENCE.sub("", source))]
        names = {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}
    return names | set(re.findall(r"\b(?:id|name)=[\"']([^\"']+)", source))


def link_problem(path, cell, target):
    """What is wrong with a link that a notebook holds; None when nothing is."""
    if ELSEWHERE.match(target):
        return None
    if target.startswith("attachment:"):
        return None if target.partition(":")[2] in cell.get("attachments", {}) else "no such attachment"
    name, _, anchor = unquote(target).partition("#")
    if name.startswith("/"):
        return "wanted is a path relative to the notebook"
    file = (NOTEBOOKS / name).resolve() if name else path
    if not file.is_relative_to(ROOT):
        return "it leaves the repository"
    if not file.exists():
        return "there is no such file"
    if anchor and file.suffix in {".ipynb", ".md"} and anchor not in anchors(file):
        return f"{file.name} has no such anchor; it has {', '.join(sorted(anchors(file)))}"
    return None


def test_links_lead_somewhere(path, nb):
    problems = []
    for cell in markdown_cells(nb):
        targets = [first or second for first, second in LINK.findall(prose(cell))]
        problems += [
            f"{where(nb, cell)}: link to {target}: {problem}"
            for target in targets
            if (problem := link_problem(path, cell, target))
        ]
    report(path, problems)


# --- predictions and exercises ---------------------------------------------------


def test_there_are_predictions_and_exercises_enough(path, nb):
    predictions, exercises = PREDICTIONS_AND_EXERCISES.get(number(path), (0, 0))
    counts = {
        "predictions (code cells tagged prediction)": (len(code_cells(nb, "prediction")), predictions),
        "exercises (cards `### Exercise N · title`)": (len(cards(nb)), exercises),
    }
    few = [(name, count, least) for name, (count, least) in counts.items() if count < least]
    report(path, [f"{count} {name}; wanted are {least} or more" for name, count, least in few])


def test_every_exercise_card_is_complete(path, nb):
    problems = []
    for n, card in enumerate(cards(nb), start=1):
        here = where(nb, card.cell)
        wanted = {
            f"the number {n}": card.number == n,
            "how many minutes it takes": MINUTES.search(card.cell.source),
            "its difficulty, `difficulty 2 of 5`": DIFFICULTY.search(card.cell.source),
            "a stub, in a cell tagged exercise": card.stub,
            "after the stub, a cell tagged check": card.check,
            "after the check, a markdown cell with `<details>`": card.solution_cell,
        }
        if card.check:
            wanted["`checks.name(…)` as the last line of the check cell"] = card.check_name
        if card.solution_cell:
            source = card.solution_cell.source
            wanted["`<summary>Solution</summary>`"] = "<summary>Solution</summary>" in source
            wanted["a ```python fence in the solution"] = card.solution
            wanted["`</details>` at the end"] = "</details>" in source
        problems += [f"{here}: lacks {name}" for name, there in wanted.items() if not there]
        if card.check_name and not hasattr(importlib.import_module("vae_helpers.checks"), card.check_name):
            problems.append(f"{where(nb, card.check)}: vae_helpers.checks has no {card.check_name}")

    known = [id(cell) for card in cards(nb) for cell in (card.stub, card.check)]
    problems += [
        f"{where(nb, cell)}: tagged {tag}, but under no `### Exercise N · title`, or a second one there"
        for tag in ("exercise", "check")
        for cell in code_cells(nb, tag)
        if id(cell) not in known
    ]
    report(path, problems)

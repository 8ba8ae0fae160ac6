"""The folder of pages: written whole or not at all, fetched parts, the address, Colab's first cell, the workflows."""

import json
import re
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest
import yaml
from notebook_tools import NOTEBOOKS, ROOT, notebook_paths, read, tags

from publish import HERE, address, executed, fetched, parts, site
from vae_helpers import colab

PATHS = notebook_paths()


# --- the folder


def test_an_interrupted_build_leaves_the_old_pages(tmp_path, monkeypatch):
    out = tmp_path / "site"
    out.mkdir()
    (out / "index.html").write_text("old")
    (out / parts.SIGN).write_text("")
    monkeypatch.setattr(site, "run_all", lambda paths: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        site.build(out, ["00"])
    assert (out / "index.html").read_text() == "old" and [file.name for file in tmp_path.iterdir()] == ["site"]


def test_what_is_not_ours_is_not_replaced(tmp_path):
    out = tmp_path / "docs"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="holds something else"):
        site.build(out, ["00"])
    assert (out / "thesis.tex").read_text() == "mine"


def test_new_pages_take_the_old_ones_place(tmp_path, monkeypatch):
    monkeypatch.setattr(fetched, "font_of", lambda text: "/* font */")
    out = tmp_path / "site"
    out.mkdir()
    (out / "left_over.html").write_text("old")
    (out / parts.SIGN).write_text("")
    with parts.Parts(out) as new:
        new.page("index.html", "decks", decks=[])
        assert new.done() == out
    assert (out / "index.html").exists() and not (out / "left_over.html").exists()
    assert [folder.name for folder in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_notebook_says_what_its_page_needs(path):
    title = parts.title_of(path)
    assert title["number"] == path.name[:2] and title["minutes"] > 0 and title["name"]
    assert (NOTEBOOKS / title["picture"]).is_file()


def test_the_front_page_is_the_readme():
    front = site.front()
    text = front["intro"] + "".join(front["sections"])
    assert "make lab" in text and 'src="images/walk.gif"' in text and "prefers-reduced-motion" in text
    assert "notebooks/images" not in text
    assert not re.findall(r'href="(?!https:)[^"]*\.ipynb"', text)


def test_the_front_page_leads_to_colab_only_where_there_is_something(monkeypatch):
    monkeypatch.setattr(address, "address", lambda: "your_name/vae-course")
    assert "Open in Colab" not in "".join(site.front()["sections"]) and site.colab(PATHS[0]) is None
    monkeypatch.setattr(address, "address", lambda: "someone/course")
    assert 'main/notebooks/00_start_here.ipynb"' in "".join(site.front()["sections"])
    assert site.colab(PATHS[0]).endswith("/github/someone/course/blob/main/notebooks/00_start_here.ipynb")


# --- colours


def palettes():
    """The colours of the pages: name → "#rrggbb", light and dark."""
    text = (HERE / "static" / "course.css").read_text(encoding="utf-8")
    found = [dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block)) for block in re.findall(r"\{[^{}]*--ink: #[^{}]*\}", text)]
    return found


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))


def test_both_ways_to_dark_have_the_same_colours():
    light, by_button, by_system = palettes()
    assert by_button == by_system != light and set(light) == set(by_button)


@pytest.mark.parametrize("palette", palettes()[:2], ids=["light", "dark"])
@pytest.mark.parametrize("paper", ["paper", "raised"])
def test_every_word_stands_out_from_its_paper(palette, paper):
    """WCAG's contrast of 4.5, for text, links and the colours of code."""
    for name in ("ink", "faint", "accent", "keyword", "string", "number", "comment", "name"):
        darker, lighter = sorted([luminance(palette[name]), luminance(palette[paper])])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, name


# --- what is run, and when it is run again


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A notebook of one cell, run in this process's place."""
    monkeypatch.setattr(executed, "STORE", tmp_path / "store")
    path, runs = tmp_path / "00_small.ipynb", []

    def run(nb):
        runs.append(nb)
        nb = nbformat.from_dict(nb)
        nb.cells[1].outputs = [nbformat.v4.new_output("stream", text=f"run {len(runs)}")]
        nb.cells[1].execution_count = 1
        return nb

    def write(code="1 + 1", text="Words.", **metadata):
        cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell(code, metadata=metadata)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)

    monkeypatch.setattr(executed, "_run", run)
    write()
    return path, write, runs


def test_a_notebook_is_run_once(small):
    path, write, runs = small
    assert executed.executed(path).cells[1].outputs[0].text == "run 1"
    assert executed.executed(path).cells[1].outputs[0].text == "run 1" and len(runs) == 1


def test_new_words_and_tags_need_no_new_run(small):
    path, write, runs = small
    executed.executed(path)
    write(text="Other words.", tags=["slide"])
    nb = executed.executed(path)
    assert len(runs) == 1 and nb.cells[0].source == "Other words." and nb.cells[1].metadata.tags == ["slide"]
    assert nb.cells[1].outputs[0].text == "run 1"


def test_new_code_needs_a_new_run_and_the_old_is_dropped(small):
    path, write, runs = small
    executed.executed(path)
    write(code="2 + 2")
    assert executed.executed(path).cells[1].outputs[0].text == "run 2"
    assert len(list(executed.STORE.glob("*.ipynb"))) == 1


def test_a_run_that_fails_leaves_nothing(small, monkeypatch):
    path, write, runs = small
    monkeypatch.setattr(executed, "_run", lambda nb: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        executed.executed(path)
    assert not list(executed.STORE.glob("*"))


def test_a_real_run_has_outputs_fine_figures_and_recordings():
    source = """import matplotlib.pyplot as plt
from vae_helpers import plots
ax = plt.subplots(figsize=(2, 1))[1]
plots.alt(ax, "An empty figure, to be measured.")
plots.show()"""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    ran = executed._run(nb)
    assert len(ran.cells) == 1 and ran.metadata["recordings"] == {} and nb.cells[0].outputs == []
    import base64
    from io import BytesIO

    from PIL import Image

    image = Image.open(BytesIO(base64.b64decode(ran.cells[0].outputs[0].data["image/webp"])))
    assert image.size == (200 * executed.FINER, 100 * executed.FINER)


# --- what is fetched


def test_what_cannot_be_fetched_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(fetched, "STORE", tmp_path)
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution found")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: failed)
    with pytest.raises(RuntimeError, match="No matching distribution found. Try again with a network"):
        fetched.folder()
    assert not list(tmp_path.iterdir())


def test_the_font_has_what_a_browser_draws_of_a_formula():
    """Letters are drawn as mathematical italics, roots and bars are drawn though no text has them."""
    from base64 import b64decode
    from io import BytesIO

    from fontTools.ttLib import TTFont

    data = re.search(r"base64,([^\"]+)", fetched.font_of("hxμΣ𝔼𝒩12"))[1]
    font = TTFont(BytesIO(b64decode(data)))
    assert set("hxμΣ𝔼𝒩12ℎ𝑥𝜇𝛴√") <= {chr(code) for code in font.getBestCmap()} and "MATH" in font
    assert [fetched.ITALIC[letter] for letter in "AZazαω∂ϖ"] == list("𝐴𝑍𝑎𝑧𝛼𝜔𝜕𝜛")


def test_what_is_fetched_is_pinned_by_its_hash():
    lines = [line for line in fetched.LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines and all("==" in line and "--hash=sha256:" in line for line in lines)


# --- the address


def test_one_address_everywhere():
    where = address.address()
    for path in PATHS:
        cell = read(path).cells[1]
        assert f'"https://github.com/{where}"' in cell.source, path.name
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count(f"/github/{where}/blob/main/notebooks/") == len(PATHS) + 1  # each, and the badge


@pytest.mark.parametrize("name, real", [
    ("someone/vae-course", True), ("a-b/c.d_e", True), ("your_name/vae-course", False), ("-a/b", False), ("a--b/c", False),
    ("a/", False), ("a", False), ("a/b/c", False), ("https://github.com/a/b", False),
])
def test_only_what_github_allows_is_an_address(name, real):
    assert address.is_set(name) is real


def test_a_new_address_is_written_everywhere(tmp_path, monkeypatch):
    for file in address.files():
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(address, "ROOT", tmp_path)
    monkeypatch.setattr(address, "NOTEBOOKS", tmp_path / "notebooks")
    old = address.address()
    changed = address.write("someone/else")
    assert len(changed) == len(PATHS) + 2 and address.address() == "someone/else"
    assert not [file for file in address.files() if old in file.read_text(encoding="utf-8")]
    with pytest.raises(ValueError, match="wanted is owner/name"):
        address.write("your_name/x")


# --- Colab


def colab_cell(path):
    cells = [cell for cell in read(path).cells if "colab" in tags(cell)]
    assert len(cells) == 1
    return cells[0]


def test_the_first_cell_is_colabs_and_the_same_everywhere():
    for path in PATHS:
        assert "colab" in tags(read(path).cells[1])
    assert len({colab_cell(path).source for path in PATHS}) == 1


def test_elsewhere_that_cell_does_nothing(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: pytest.fail("it fetches something"))
    before = Path.cwd(), list(sys.path)
    exec(colab_cell(PATHS[0]).source, {})
    assert (Path.cwd(), list(sys.path)) == before


def test_on_colab_it_fetches_and_installs_once(monkeypatch):
    import os

    fetchings, folders, installed = [], [], []
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(subprocess, "run", lambda command, **options: fetchings.append(command))
    monkeypatch.setattr(os, "chdir", folders.append)
    monkeypatch.setattr(os.path, "isdir", lambda name: bool(fetchings))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(colab, "install", lambda: installed.append(1))
    for _ in range(2):
        exec(colab_cell(PATHS[0]).source, {})
    assert len(fetchings) == 1 and fetchings[0][:2] == ["git", "clone"]
    assert folders == ["/content/vae-course/notebooks"] * 2 and sys.path[0] == "/content/vae-course" and len(installed) == 2


def test_colab_installs_what_is_lacking_and_leaves_its_own_alone(monkeypatch, capsys):
    monkeypatch.setattr(colab, "_has", lambda name: name not in ("anywidget", "torchinfo", "jupyterlab", "ipykernel"))
    commands = []
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(subprocess, "run", lambda command, **options: commands.append(command) or done)
    colab.install()
    (command,) = commands
    assert [word.split(">=")[0] for word in command if ">=" in word] == ["anywidget", "torchinfo"]
    assert "What differs on Colab" in capsys.readouterr().out


def test_colab_says_what_pip_said(monkeypatch):
    monkeypatch.setattr(colab, "_has", lambda name: name != "torchinfo")
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: no network")
    monkeypatch.setattr(subprocess, "run", lambda command, **options: failed)
    with pytest.raises(RuntimeError, match="torchinfo.*could not be installed: ERROR: no network. Run this cell again"):
        colab.install()


def test_here_nothing_is_lacking():
    assert colab.lacking() == []


# --- workflows and container


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def test_the_tests_run_on_three_systems_with_the_oldest_and_a_newer_python():
    matrix = workflow("tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, *newer = matrix["python"]
    assert project["requires-python"] == f">={oldest}" and newer


@pytest.mark.parametrize("name", ["tests.yml", "site.yml"])
def test_workflows_call_what_there_is(name):
    text = (ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"run: make (\S+)", text):
        target = target.replace(".venv/.ready", "$(READY)")
        assert re.search(rf"^{re.escape(target)}( [a-z]+)*:", makefile, flags=re.MULTILINE), target
    assert "make " in text
    for step in (step for job in workflow(name)["jobs"].values() for step in job["steps"]):
        assert ("uses" in step) != ("run" in step)


def test_the_container_calls_what_there_is():
    lines = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8").splitlines()
    container = json.loads("\n".join(line for line in lines if not line.strip().startswith("//")))
    assert container["postCreateCommand"] == "make .venv/.ready"
    assert "\n$(READY): requirements.txt" in (ROOT / "Makefile").read_text(encoding="utf-8")

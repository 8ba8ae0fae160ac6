"""Which cells make a slide: what tags and metadata may say, and what the notebooks say."""

import nbformat
import pytest
from notebook_tools import markdown_cells, notebook_paths, read, tags

from publish.plan import blocks, piece, slides_of

PATHS = notebook_paths()

TEXT = """## A heading

First paragraph. Its second sentence.

$$a = b

+ c$$

- one
- two

```python
x = 1

y = 2
```

Last words."""


def text(source, *tags, **slide):
    return nbformat.v4.new_markdown_cell(source, metadata={"tags": list(tags)} | ({"slide": slide} if slide else {}))


def code(source, *tags, **slide):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} | ({"slide": slide} if slide else {}))


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


# --- pieces of a text


def test_blocks_keep_formulas_and_code_whole():
    assert [block.split()[0] for block in blocks(TEXT)] == ["##", "First", "$$a", "-", "```python", "Last"]
    assert blocks(TEXT)[2] == "$$a = b\n\n+ c$$" and "y = 2" in blocks(TEXT)[4]


def test_a_piece_is_a_block_or_runs_from_words_to_words():
    assert piece(TEXT, "- one") == "- one\n- two"
    assert piece(TEXT, ["Its second", "sentence."]) == "Its second sentence."


@pytest.mark.parametrize("words, said", [
    ("Nowhere", "0 blocks begin with 'Nowhere'"),
    ("", "6 blocks begin with ''"),
    (["Its", "nowhere"], "'nowhere' is there 0 times"),
    (["Last words", "First paragraph"], "'First paragraph' comes before 'Last words'"),
])
def test_words_that_are_not_there_are_named(words, said):
    with pytest.raises(ValueError, match=said):
        piece(TEXT, words)


# --- slides


def test_a_slide_has_the_nearest_heading_or_a_title_of_its_own():
    nb = notebook(text("# Title\n\nWords.", "slide"), text("## Section"), text("No heading.", "slide"),
                  text("More.", "slide", title="Mine"))
    assert [(slide.title, slide.level) for slide in slides_of(nb)] == [("Title", 1), ("Section", 2), ("Mine", 2)]


def test_a_heading_in_code_is_none():
    nb = notebook(text("## True"), text("```\n# not this\n```", "slide"))
    assert slides_of(nb)[0].title == "True"


def test_a_slide_goes_on_in_cells_tagged_so():
    nb = notebook(text("One.", "slide", ask="Why?", say="So."), text("Not shown."), code("1 + 1", "slide-more", show=["code"]))
    (slide,) = slides_of(nb)
    assert (slide.ask, slide.say) == ("Why?", "So.")
    assert [show for cell, show in slide.parts] == ["One.", ["code"]]


def test_code_shows_what_it_puts_out_unless_told():
    nb = notebook(code("1 + 1", "slide"))
    assert slides_of(nb)[0].parts[0][1] == ["text", "figure", "widget"]


def test_one_cell_may_stand_on_several_slides():
    cell = text("One.\n\nTwo.", "slide")
    cell.metadata["slide"] = [{"show": ["One."]}, {"title": "Again", "show": ["Two."]}]
    assert [slide.parts[0][1] for slide in slides_of(notebook(cell))] == ["One.", "Two."]


@pytest.mark.parametrize("cell, said", [
    (text("Words.", "slide-more"), "cell 1: tagged slide-more, and no slide has begun"),
    (text("Words.", "slide", show=["Nowhere"]), "cell 1: 0 blocks begin"),
    (text("Words.", "slide", show="Words."), "cell 1: show='Words.': wanted is a list"),
    (code("1", "slide", show=["picture"]), "cell 1: show=.*code has code, text, figure, widget"),
])
def test_a_mistake_names_the_cell(cell, said):
    with pytest.raises(ValueError, match=said):
        slides_of(notebook(cell))


# --- the notebooks' own


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def nb(request):
    return read(request.param)


def test_a_deck_has_12_to_20_slides(nb):
    assert 12 <= len(slides_of(nb)) <= 20


def test_a_deck_begins_with_the_title_and_ends_with_the_recap(nb):
    slides = slides_of(nb)
    assert slides[0].parts[0][0] is nb.cells[0]
    assert slides[-1].title == "Recap"


def test_every_slide_has_something_to_ask_and_to_say(nb):
    bare = [slide.title for slide in slides_of(nb) if len(slide.ask.split()) < 4 or len(slide.say.split()) < 20]
    assert not bare


def test_no_two_slides_in_a_row_have_one_title(nb):
    titles = [slide.title for slide in slides_of(nb)]
    assert not [title for title, after in zip(titles, titles[1:]) if title == after]


def test_the_halls_predictions_come_with_their_answers(nb):
    """A question put to the vote is answered on a later slide: by the words of its reveal, or a picture."""
    cells = [cell for slide in slides_of(nb) for cell, show in slide.parts]
    asked = [cell for cell in cells if "prediction" in tags(cell)]
    assert asked
    for cell in asked:
        after = cells[cells.index(cell) + 1 :]
        assert any(other.cell_type == "code" and "prediction" not in tags(other) for other in after), cell.source


def test_only_cells_on_slides_have_metadata_of_slides(nb):
    stray = [cell.source[:60] for cell in nb.cells if "slide" in cell.metadata and not {"slide", "slide-more"} & set(tags(cell))]
    assert not stray


def test_notes_repeat_nothing_of_the_notebook(nb):
    """What the notebook says is in the notes by itself."""
    sentences = {part.strip() for cell in markdown_cells(nb) for part in cell.source.replace("\n", " ").split(". ")}
    long = {sentence for sentence in sentences if len(sentence.split()) >= 8}
    copied = [slide.title for slide in slides_of(nb) for one in (slide.say + " " + slide.ask).split(". ") if one in long]
    assert not copied

"""Figures: each function gives its Axes and says in words what is to be seen, in a kernel too."""

import base64
import colorsys
import html
import io

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image

from vae_helpers import plots
from vae_helpers.data import Split
from vae_helpers.history import History
from vae_helpers.models import build, reconstruct

DIGITS = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
PHOTOS = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
CODES = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(50) % 10
HISTORY = History(steps=[5.0, 4.0, 3.5, 3.0, 2.5, 2.25], train=[4.5, 3.25, 2.375], test=[4.0, 3.5, 3.0])


@pytest.fixture(autouse=True)
def figures_of_its_own():
    """No figure and no setting of one test reaches another."""
    with matplotlib.rc_context():
        yield
    plt.close("all")


def picture(ax):
    """The pixels of the one image that an Axes shows."""
    return np.asarray(ax.images[0].get_array())


# --- every function

CALLS = {
    "image_grid": lambda **how: plots.image_grid(DIGITS, what="digits", **how),
    "image_rows": lambda **how: plots.image_rows({"original": DIGITS, "rebuilt": DIGITS}, **how),
    "latent_scatter": lambda **how: plots.latent_scatter(CODES, LABELS, **how),
    "loss_curve": lambda **how: plots.loss_curve(HISTORY, **how),
}
NAMED = {
    "image_grid": ["12 digits", "2 rows of 10"],
    "image_rows": ["original", "rebuilt", "12 images"],
    "latent_scatter": ["50 codes", "latents 0 and 1", "class"],
    "loss_curve": ["loss against epoch", "nats per image", "from 4.5 to 2.38"],
}

each = pytest.mark.parametrize("name", CALLS)


@each
def test_it_returns_axes_of_a_figure_of_its_own(name):
    first, second = CALLS[name](), CALLS[name]()
    assert isinstance(first, matplotlib.axes.Axes) and first.figure is not second.figure


@each
def test_it_draws_into_the_axes_that_are_given(name):
    _, ax = plt.subplots()
    assert CALLS[name](ax=ax) is ax and len(plt.get_fignums()) == 1


@each
def test_the_alt_text_names_the_title_and_what_is_seen(name):
    text = plots.alt_of(CALLS[name](title="After one epoch").figure)
    assert len(text) >= 30 and text.startswith("After one epoch: ") and text.endswith(".")
    assert all(words in text for words in NAMED[name]), text


@each
def test_without_a_title_the_alt_text_says_what_is_seen(name):
    ax = CALLS[name]()
    text = plots.alt_of(ax.figure)
    assert len(text) >= 20 and not text.startswith(":") and ax.get_title() == ""


@each
def test_the_title_stands_above(name):
    ax = CALLS[name](title="After one epoch")
    assert "After one epoch" in (ax.get_title(), ax.get_title(loc="left"))


@each
def test_it_can_be_drawn_in_the_style_of_the_course(name):
    plots.use_course_style()
    buffer = io.BytesIO()
    CALLS[name](title="After one epoch").figure.savefig(buffer, format="png")
    assert np.asarray(Image.open(buffer)).std() > 1


# --- images


def test_a_grid_shows_each_image_in_reading_order():
    grey = torch.linspace(0, 1, 6).view(6, 1, 1, 1).expand(6, 1, 4, 4)
    sheet = picture(plots.image_grid(grey, columns=3))
    assert sheet.shape == (4 + 2 + 4, 4 + 2 + 4 + 2 + 4)
    middles = sheet[[1, 7]][:, [1, 7, 13]]
    np.testing.assert_allclose(middles.flatten(), grey[:, 0, 0, 0], atol=1e-6)


def test_a_grid_of_few_images_is_no_wider_than_they_are():
    assert picture(plots.image_grid(PHOTOS, columns=10)).shape == (8, 5 * 8 + 4 * 2, 3)


def test_the_rest_of_a_last_row_is_paper():
    sheet = picture(plots.image_grid(torch.ones(3, 1, 4, 4), columns=2))
    assert (sheet[6:, 6:] == 0).all() and (sheet[:4, :4] == 1).all()


def test_rows_stand_under_one_another_with_their_labels():
    ax = plots.image_rows({"black": torch.ones(3, 1, 4, 4), "white": torch.zeros(3, 1, 4, 4)})
    sheet = picture(ax)
    assert sheet[:4, :4].min() == 1 and sheet[6:].max() == 0
    assert [label.get_text() for label in ax.get_yticklabels()] == ["black", "white"]


def test_digits_are_ink_on_paper():
    plots.use_course_style()
    image = plots.image_grid(DIGITS).images[0]
    assert image.to_rgba(np.array([[0.0, 1.0]]))[0, :, :3].tolist() == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("draw", [plots.image_grid, lambda images: plots.image_rows({"photos": images})])
def test_colour_pictures_keep_their_colours(draw):
    sheet = picture(draw(PHOTOS))
    np.testing.assert_allclose(sheet[:8, :8], PHOTOS[0].permute(1, 2, 0), atol=1e-6)


@pytest.mark.parametrize(
    "images",
    [
        DIGITS.numpy(),
        DIGITS[:, 0],
        (255 * DIGITS).round().byte(),
        DIGITS.double(),
        DIGITS.clone().requires_grad_(),
    ],
    ids=["numpy", "without channel", "uint8", "float64", "with gradient"],
)
def test_images_are_taken_as_they_come(images):
    np.testing.assert_allclose(picture(plots.image_grid(images))[:8, :8], DIGITS[0, 0], atol=0.5 / 255 + 1e-6)


def test_values_outside_the_unit_interval_are_clamped():
    """As those of a linear decoder are: nothing else in the picture may change for them."""
    images = torch.tensor([-3.0, 0.25, 7.0]).view(3, 1, 1, 1).expand(3, 1, 4, 4)
    ax = plots.image_grid(images)
    assert picture(ax)[0, [0, 6, 12]].tolist() == [0, 0.25, 1]
    assert ax.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize("shape", [(4, 2, 8, 8), (4, 8, 8, 1), (8, 8), (4, 64), (1, 4, 1, 8, 8)])
@pytest.mark.parametrize("draw", [plots.image_grid, lambda images: plots.image_rows({"a": images})])
def test_what_are_no_images(shape, draw):
    with pytest.raises(ValueError) as raised:
        draw(torch.zeros(shape))
    assert str(tuple(shape)) in str(raised.value) and "(N, 1, H, W)" in str(raised.value)


@pytest.mark.parametrize("draw", [plots.image_grid, lambda images: plots.image_rows({"a": images})])
def test_no_images(draw):
    with pytest.raises(ValueError, match="no images"):
        draw(DIGITS[:0])


def test_rows_of_two_lengths():
    with pytest.raises(ValueError, match=r"'original': \(12, 8, 8\), 'rebuilt': \(11, 8, 8\)"):
        plots.image_rows({"original": DIGITS, "rebuilt": DIGITS[1:]})


@pytest.mark.parametrize("other", [torch.rand(12, 1, 9, 8), torch.rand(12, 3, 8, 8)])
def test_rows_of_two_sizes(other):
    with pytest.raises(ValueError, match="of one size"):
        plots.image_rows({"original": DIGITS, "rebuilt": other})


def test_no_rows():
    with pytest.raises(ValueError, match="rows"):
        plots.image_rows({})


# --- pictures saved after each epoch


def grid_of(path):
    """A saved picture as floats in [0, 1], ink as 1 for digits."""
    sheet = np.asarray(Image.open(path)) / 255
    return 1 - sheet if sheet.ndim == 2 else sheet


def small_model(shape=(1, 8, 8)):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build("vae2", shape=shape)


def after(epochs):
    return History(train=[1.0] * epochs)


@pytest.mark.parametrize("images", [DIGITS[:4], PHOTOS], ids=["digits", "photos"])
def test_a_saved_grid_is_originals_over_reconstructions(tmp_path, images):
    model = small_model(images.shape[1:])
    plots.save_grids(images, tmp_path, scale=1)(model, after(1))
    sheet, pictures = grid_of(tmp_path / "epoch_001.png"), [images, reconstruct(model, images)]
    assert sheet.shape[:2] == (8 + 2 + 8, len(images) * 10 - 2)
    for top, row in zip((0, 10), pictures):
        for i, picture in enumerate(row.permute(0, 2, 3, 1).squeeze(3).numpy()):
            np.testing.assert_allclose(sheet[top : top + 8, 10 * i : 10 * i + 8], picture, atol=0.51 / 255)
    margin = sheet[8:10]
    assert (margin == 0).all() if images is not PHOTOS else (margin == 1).all()  # paper


def test_each_epoch_has_a_file_of_its_own_and_a_folder_is_made(tmp_path):
    save, model = plots.save_grids(DIGITS, tmp_path / "a" / "b"), small_model()
    for epoch in (1, 2, 12):
        save(model, after(epoch))
    names = ["epoch_001.png", "epoch_002.png", "epoch_012.png"]
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == names


def test_a_grid_shows_the_model_as_it_is_and_replaces_the_one_that_was_there(tmp_path):
    save, model = plots.save_grids(DIGITS, tmp_path), small_model()
    save(model, after(1))
    before = grid_of(tmp_path / "epoch_001.png")
    with torch.no_grad():
        model.decoder[-2].bias.fill_(20)  # all ink
    save(model, after(1))
    now = grid_of(tmp_path / "epoch_001.png")
    height = len(now) // 2 - 2
    assert (now[:height] == before[:height]).all() and now[-height:, :16].mean() > 0.95 > before[-height:, :16].mean()


def test_the_scale_is_pixels_for_a_pixel(tmp_path):
    model = small_model()
    for scale in (1, 3):
        plots.save_grids(DIGITS[:2], tmp_path / str(scale), scale=scale)(model, after(1))
    one, three = (grid_of(tmp_path / name / "epoch_001.png") for name in "13")
    assert (three == one.repeat(3, 0).repeat(3, 1)).all()


def test_saving_a_grid_changes_neither_the_model_nor_its_random_numbers(tmp_path):
    model = build("vae32", as_published=True).train()  # with dropout and batch norm
    state, random = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    plots.save_grids(torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0)), tmp_path)(model, after(1))
    assert model.training and torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert plt.get_fignums() == []


def test_a_grid_keeps_the_images_that_it_was_given(tmp_path):
    images, model = DIGITS.clone(), small_model()
    save = plots.save_grids(images, tmp_path, scale=1)
    images.zero_()
    save(model, after(1))
    np.testing.assert_allclose(grid_of(tmp_path / "epoch_001.png")[:8, :8], DIGITS[0, 0], atol=0.51 / 255)


def test_a_split_is_taken_too(tmp_path):
    split = Split((255 * DIGITS).round().byte(), 255, torch.zeros(12, dtype=torch.int64))
    plots.save_grids(split, tmp_path, scale=1)(small_model(), after(1))
    np.testing.assert_allclose(grid_of(tmp_path / "epoch_001.png")[:8, :8], DIGITS[0, 0], atol=1.02 / 255)


@pytest.mark.parametrize(
    "images, said",
    [(DIGITS[:0], "batch is empty"), (DIGITS * 2, "values lie in"), (DIGITS[:, 0], "4 are wanted")],
)
def test_what_cannot_be_saved_is_refused_before_the_training(tmp_path, images, said):
    with pytest.raises(ValueError, match=said):
        plots.save_grids(images, tmp_path)
    with pytest.raises(ValueError, match="scale"):
        plots.save_grids(DIGITS, tmp_path, scale=0)


def test_images_that_the_model_cannot_take(tmp_path):
    with pytest.raises(ValueError, match="8×8 pixels where 9×9 are wanted"):
        plots.save_grids(DIGITS, tmp_path)(small_model((1, 9, 9)), after(1))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_leaves_the_grid_that_was_there(tmp_path, monkeypatch):
    save, model = plots.save_grids(DIGITS, tmp_path), small_model()
    save(model, after(1))
    before = (tmp_path / "epoch_001.png").read_bytes()

    def full(self, path, **how):
        path.write_bytes(b"half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="was not written"):
        save(model, after(1))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_fit_saves_a_grid_after_each_epoch(tmp_path):
    from vae_helpers.training import fit

    fit(small_model(), DIGITS, epochs=2, callbacks=[plots.save_grids(DIGITS[:5], tmp_path)], progress=False)
    first, second = (grid_of(tmp_path / f"epoch_00{n}.png") for n in (1, 2))
    assert len(list(tmp_path.iterdir())) == 2 and (first != second).any()


# --- codes


def test_a_scatter_shows_every_code_in_the_plane_that_is_asked_for():
    ax = plots.latent_scatter(CODES, LABELS, dims=(2, 0))
    points = np.concatenate([np.asarray(collection.get_offsets()) for collection in ax.collections])
    expected = CODES[:, [2, 0]].double().numpy()
    assert sorted(map(tuple, points.round(5))) == sorted(map(tuple, expected.round(5)))
    assert "2" in ax.get_xlabel() and "0" in ax.get_ylabel()


def test_the_name_of_a_class_stands_at_the_median_of_its_points():
    ax = plots.latent_scatter(CODES, LABELS, classes=tuple("abcdefghij"))
    assert [text.get_text() for text in ax.texts] == list("abcdefghij")
    assert ax.texts[3].get_position() == tuple(CODES[LABELS == 3][:, :2].median(0).values.tolist())


def test_a_map_by_other_means_names_no_latents_and_keeps_its_proportions():
    ax = plots.latent_scatter(CODES[:, :2], LABELS, dims=None)
    assert ax.get_xlabel() == ax.get_ylabel() == "" and not len(ax.get_xticks()) and ax.get_aspect() == 1
    assert "latent" not in plots.alt_of(ax.figure) and "50 points" in plots.alt_of(ax.figure)


def test_names_above_hide_no_point():
    ax = plots.latent_scatter(CODES, LABELS, above=True)
    ax.figure.canvas.draw()
    for label, text in enumerate(ax.texts):
        highest = CODES[LABELS == label][:, 1].max().item()
        assert text.get_text() == str(label)
        assert text.get_window_extent().y0 > ax.transData.transform((0, highest))[1]


def test_a_scatter_without_labels_names_no_class():
    ax = plots.latent_scatter(CODES.numpy())
    assert not ax.texts and "class" not in plots.alt_of(ax.figure)


@pytest.mark.parametrize("codes, dims", [(CODES[:, :1], (0, 1)), (CODES, (0, 3)), (CODES[:, 0], (0, 1))])
def test_codes_without_such_latents(codes, dims):
    with pytest.raises(ValueError) as raised:
        plots.latent_scatter(codes, dims=dims)
    assert str(tuple(codes.shape)) in str(raised.value)


@pytest.mark.parametrize("labels", [LABELS[:49], LABELS[:, None]])
def test_labels_that_are_not_one_for_each_code(labels):
    with pytest.raises(ValueError, match="50 codes want 50 labels"):
        plots.latent_scatter(CODES, labels)


# --- histories


def curves(ax):
    """The points of each curve: the first is that of the steps, train and test are told by their colours."""
    names = {plots.PALETTE[0]: "train", plots.PALETTE[1]: "test"}
    return {names.get(line.get_color(), "steps"): line.get_xydata().tolist() for line in ax.get_lines()}


def test_a_curve_counts_in_epochs():
    drawn = curves(plots.loss_curve(HISTORY))
    assert drawn["steps"] == [[0.5, 5], [1, 4], [1.5, 3.5], [2, 3], [2.5, 2.5], [3, 2.25]]
    assert drawn["test"] == [[1, 4], [2, 3.5], [3, 3]]


def test_a_train_loss_stands_in_the_middle_of_the_epoch_it_is_the_mean_of():
    assert curves(plots.loss_curve(HISTORY))["train"] == [[0.5, 4.5], [1.5, 3.25], [2.5, 2.375]]


def test_the_epochs_of_a_run_that_was_stopped_are_as_long_as_the_others():
    stopped = History(steps=HISTORY.steps[:3], train=[4.5], test=[4.0], steps_per_epoch=2, interrupted=True)
    assert curves(plots.loss_curve(stopped))["steps"] == [[0.5, 5], [1, 4], [1.5, 3.5]]


def test_a_run_that_was_stopped_in_its_first_epoch():
    ax = plots.loss_curve(History(steps=[5.0, 4.0], interrupted=True))
    assert list(curves(ax)) == ["steps"] and len(plots.alt_of(ax.figure)) >= 30


def test_the_curves_are_named_at_their_ends_with_their_last_losses():
    texts = [text.get_text() for text in plots.loss_curve(HISTORY).texts]
    assert sorted(texts) == ["test 3.0", "train 2.4"]


def test_every_loss_of_an_epoch_lies_inside_the_figure():
    ax = plots.loss_curve(HISTORY)
    low, high = ax.get_ylim()
    assert low < min(HISTORY.steps + HISTORY.train + HISTORY.test)
    assert high >= max(HISTORY.train + HISTORY.test)


def test_an_empty_history():
    with pytest.raises(ValueError, match="no step"):
        plots.loss_curve(History())


@pytest.mark.parametrize(
    "refused",
    [
        lambda: plots.image_grid(DIGITS[:0]),
        lambda: plots.image_rows({"a": DIGITS, "b": DIGITS[1:]}),
        lambda: plots.latent_scatter(CODES[:, :1]),
        lambda: plots.latent_scatter(CODES, LABELS[:9]),
        lambda: plots.loss_curve(History()),
    ],
)
def test_what_is_refused_leaves_no_empty_figure_to_show(refused):
    with pytest.raises(ValueError):
        refused()
    assert plt.get_fignums() == []


# --- alt text and palette


def test_alt_adds_a_sentence_for_each_axes_and_repeats_none():
    figure, (left, right) = plt.subplots(1, 2)
    assert plots.alt(left, "A circle.") is left
    plots.alt(right, "A square.")
    plots.alt(right, "A square.")
    assert plots.alt_of(figure) == "A circle. A square."


def test_without_alt_text_the_titles_stand_in():
    figure, axes = plt.subplots(1, 3)
    axes[0].set_title("One", loc="center")
    axes[2].set_title("Three", loc="center")
    assert plots.alt_of(figure) == "One; Three"


def test_ten_classes_have_ten_colours_well_apart():
    colours = np.array([to_rgb(colour) for colour in plots.PALETTE])
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=2)[~np.eye(10, dtype=bool)]
    assert len(plots.PALETTE) == 10 and apart.min() > 0.15


def test_no_colour_is_lost_on_white_paper():
    lightness = [colorsys.rgb_to_hls(*to_rgb(colour))[1] for colour in plots.PALETTE]
    assert max(lightness) < 0.75


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_outside_a_kernel_show_closes_the_figures():
    plots.image_grid(DIGITS)
    plots.show()
    assert plt.get_fignums() == []


# --- in a kernel

SETUP = """
import matplotlib.pyplot as plt
import torch
from vae_helpers import plots
plots.use_course_style()
"""
ONE = """
plots.image_grid(torch.rand(4, 1, 8, 8), title="Noise & <more>", what="random images")
plots.show()
"""
TWO = """
plots.image_grid(torch.rand(4, 1, 8, 8), title="First")
plots.image_grid(torch.rand(4, 1, 8, 8), title="Second")
plots.show()
"""
OWN = """
figure, ax = plt.subplots()
ax.plot([1, 2])
plots.alt(ax, "A line that rises from one to two.")
plots.show()
"""


@pytest.fixture(scope="module")
def kernel_outputs(tmp_path_factory):
    """The outputs of each cell above, run in one notebook."""
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("notebook")
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, ONE, TWO, OWN, "1 + 1")]
    nb = nbformat.v4.new_notebook(cells=cells)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MPLBACKEND", raising=False)  # else figures would not reach the notebook
        where = {"metadata": {"path": str(folder)}}
        NotebookClient(nb, timeout=120, kernel_name="python3", resources=where).execute()
    names = ("setup", "one", "two", "own", "after")
    outputs = [[o for o in cell.outputs if o.output_type != "stream"] for cell in nb.cells]
    return dict(zip(names, outputs))


def kinds(outputs):
    return ["image/png" if "image/png" in o.data else "text/html" for o in outputs]


def alt_in_metadata(output):
    return output.metadata["image/png"]["alt"]


def test_show_gives_a_picture_with_its_alt_text(kernel_outputs):
    picture = kernel_outputs["one"][0]
    text = alt_in_metadata(picture)
    assert text.startswith("Noise & <more>: ") and "random images" in text
    assert Image.open(io.BytesIO(base64.b64decode(picture.data["image/png"]))).size[0] > 100


def test_the_same_text_follows_for_screen_readers(kernel_outputs):
    assert kinds(kernel_outputs["one"]) == ["image/png", "text/html"]
    picture, text = kernel_outputs["one"]
    assert f"Figure: {html.escape(alt_in_metadata(picture))}</span>" in text.data["text/html"]


def test_each_of_two_figures_is_shown_once_and_followed_by_its_text(kernel_outputs):
    outputs = kernel_outputs["two"]
    assert kinds(outputs) == ["image/png", "text/html"] * 2
    assert [alt_in_metadata(o)[:6] for o in outputs[::2]] == ["First:", "Second"]
    assert ["First" in o.data["text/html"] for o in outputs[1::2]] == [True, False]


def test_a_figure_of_ones_own_carries_its_text(kernel_outputs):
    assert kinds(kernel_outputs["own"]) == ["image/png", "text/html"]
    assert alt_in_metadata(kernel_outputs["own"][0]) == "A line that rises from one to two."


def test_no_figure_is_shown_again_by_a_later_cell(kernel_outputs):
    assert kernel_outputs["setup"] == [] and kernel_outputs["after"][0].data == {"text/plain": "2"}
    assert len(kernel_outputs["after"]) == 1


@pytest.mark.parametrize("loss_name", ["reconstruction_loss", "negative_elbo"])
def test_the_losses_of_the_course_are_in_nats_per_image(loss_name):
    ax = plots.loss_curve(History(steps=[3.0, 2.0], train=[2.5], steps_per_epoch=2, loss_name=loss_name))
    assert ax.get_ylabel() == "loss (nats per image)" and "nats per image" in plots.alt_of(ax.figure)


def test_a_unit_that_is_given_is_the_one_that_is_shown():
    ax = plots.loss_curve(History(steps=[3.0, 2.0], train=[2.5], loss_name="negative_elbo"), unit="bits per pixel")
    assert ax.get_ylabel() == "loss (bits per pixel)"


def test_a_loss_in_another_unit_is_not_called_nats():
    history = History(steps=[3.0, 2.0], train=[2.5], steps_per_epoch=2, loss_name="squared_error")
    ax = plots.loss_curve(history)
    assert ax.get_ylabel() == "loss (squared error)"


@pytest.mark.parametrize("colour", plots.PALETTE)
def test_the_name_of_a_class_stands_out_from_its_colour(colour):
    def luminance(name):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(name)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(colour), luminance(plots._ink_on(colour))))
    assert (light + 0.05) / (dark + 0.05) >= 4.5, "WCAG 2 wants a contrast of 4.5"


# --- Gaussians and KLs


def test_an_ellipse_lies_where_the_density_has_fallen_by_half_its_radius_squared():
    mu, cov = torch.tensor([1.0, -2.0]), torch.tensor([[2.0, 0.9], [0.9, 0.7]])
    _, ax = plt.subplots()
    plots.ellipse(mu, cov, ax, radius=2.0, color="black")
    points = torch.tensor(ax.lines[0].get_xydata())
    normal = torch.distributions.MultivariateNormal(mu.double(), cov.double())
    fall = normal.log_prob(mu.double()) - normal.log_prob(points)
    assert torch.allclose(fall, torch.full_like(fall, 2.0**2 / 2), atol=1e-5)
    assert ax.lines[0].get_color() == "black"


def test_an_ellipse_takes_two_variances():
    figure, (left, right) = plt.subplots(1, 2)
    plots.ellipse(torch.zeros(2), torch.tensor([4.0, 0.25]), left)
    plots.ellipse(torch.zeros(2), torch.tensor([[4.0, 0.0], [0.0, 0.25]]), right)
    assert np.allclose(left.lines[0].get_xydata(), right.lines[0].get_xydata())
    assert np.allclose(np.abs(left.lines[0].get_xydata()).max(0), [2.0, 0.5], rtol=1e-3)


@pytest.mark.parametrize("mu, cov", [(torch.zeros(3), torch.eye(3)), (torch.zeros(2), torch.ones(3))])
def test_an_ellipse_of_another_shape_is_refused(mu, cov):
    with pytest.raises(ValueError, match="wanted mu"):
        plots.ellipse(mu, cov, plt.subplots()[1])


def test_kl_bars_are_sorted_and_named_by_latent():
    ax = plots.kl_bars(torch.tensor([0.1, 2.0, 0.5]))
    assert [round(bar.get_height(), 3) for bar in ax.patches] == [2.0, 0.5, 0.1]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "0"]
    assert "from 2.00 down to 0.10 nats" in plots.alt_of(ax.figure)


@pytest.mark.parametrize("kl", [torch.zeros(2, 3), torch.zeros(0)])
def test_kl_bars_want_one_number_for_each_latent(kl):
    with pytest.raises(ValueError, match="one KL for each latent"):
        plots.kl_bars(kl)


def test_rows_are_drawn_into_axes_of_ones_own():
    figure, ax = plt.subplots()
    images = torch.rand(3, 1, 4, 4)
    assert plots.image_rows({"a": images, "b": images}, ax=ax) is ax
    assert len(ax.images) == 1 and ax.images[0].get_array().shape == (10, 16)
    plt.close(figure)

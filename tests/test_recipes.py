"""The shipped networks: each has its recipe, scores what its file says, and can be made anew."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from vae_helpers import data, recipes, weights
from vae_helpers.data import online
from vae_helpers.evaluation import grey_floor
from vae_helpers.files import weights_folder
from vae_helpers.models import VAE, build, pretrained, reconstruct
from vae_helpers.objective import terms_by
from vae_helpers.recipes import RECIPES, Recipe, log_p, make, scores
from vae_helpers.training import mean_loss, reconstruction_loss
from vae_helpers.weights import WeightsError

TINY = Recipe("tiny", "vae", 3, ((2, 1e-3), (1, 1e-4)), dataset="digits8", beta=2.0, seed=5, batch_size=64)
VAES = [name for name, recipe in RECIPES.items() if "vae" in recipe.preset]
MLPS = [name for name in VAES if RECIPES[name].preset in recipes.SCORED_BY_LOG_P]
IN_NATS = ("test_nll", "test_kl", "test_elbo", "test_kl_per_latent")


@pytest.fixture(scope="module")
def test_split():
    """``test_split(name)``: the test images of a data set, or those that a recipe is scored on; loaded once."""
    loaded = {}

    def find(name):
        recipe = RECIPES.get(name)
        dataset = recipe.dataset if recipe else name
        if dataset not in loaded:
            if dataset in ("mnist", "fashion") and online.find(dataset) is None:
                pytest.skip(f"{dataset} is not on this computer")
            loaded[dataset] = data.load(dataset)
        return recipes.test_images(recipe, loaded[dataset]) if recipe else loaded[dataset].test

    return find


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder in which the tiny recipe was made."""
    folder = tmp_path_factory.mktemp("weights")
    assert make(TINY, folder, progress=False) == folder / "tiny.safetensors"
    return folder


def file_of(name):
    return weights_folder() / f"{name}.safetensors"


def numbers(metadata, keys):
    return {key: json.loads(metadata[key]) for key in keys if key in metadata}


def net(seed=0, preset="vae2", shape=(1, 8, 8)):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(preset, shape=shape).eval()


# --- the shipped files


def test_each_recipe_has_its_file_and_each_file_its_recipe():
    assert {path.stem for path in weights_folder().iterdir()} == set(RECIPES)
    assert all(recipe.name == name for name, recipe in RECIPES.items())


@pytest.mark.parametrize("name", RECIPES)
def test_a_file_is_small_and_of_half_precision(name):
    assert file_of(name).stat().st_size < 2_000_000
    types = {tensor.dtype for key, tensor in load_file(file_of(name)).items() if "num_batches_tracked" not in key}
    assert types == {torch.float16}  # but for the counters of batch norm


@pytest.mark.parametrize("name", RECIPES)
def test_a_file_holds_its_recipe(name):
    metadata = pretrained(name).metadata
    assert {key: metadata.get(key) for key in RECIPES[name].as_metadata()} == RECIPES[name].as_metadata()


@pytest.mark.parametrize("name", RECIPES)
def test_the_weights_score_what_their_file_says(name, test_split):
    """Within 0.05 nats, and 0.0005 in rmse: room for another machine's rounding, not for other weights."""
    model = pretrained(name)
    found = scores(model, test_split(name), RECIPES[name].nll)
    said = numbers(model.metadata, found)
    log_p = ["test_log_p", "test_log_p_error"] if name in MLPS else []
    assert {*said, *log_p} == {*found, *log_p} == {key for key in model.metadata if key.startswith("test_")}
    for key in found:
        # the nll of a face is a sum of 49,152 terms, some of them large: room in proportion
        nats = max(0.05, 1e-5 * abs(found["test_nll"]))
        assert said[key] == pytest.approx(found[key], abs=nats if key in IN_NATS else 0.0005), key


@pytest.mark.slow
@pytest.mark.parametrize("name", MLPS)
def test_the_log_p_of_the_weights_is_what_their_file_says(name, test_split):
    """The same draws, so within 0.05 nats: room for another machine's rounding."""
    model = pretrained(name)
    found = log_p(model, test_split(name))
    for key, said in numbers(model.metadata, ["test_log_p", "test_log_p_error"]).items():
        assert said == pytest.approx(found[key], abs=0.05), key


@pytest.mark.parametrize("name", [name for name in MLPS if RECIPES[name].binarised])
def test_log_p_lies_above_the_bound_of_black_and_white_images(name):
    """Of grey images, whose bound has the floor in it, nothing of the kind holds."""
    said = numbers(pretrained(name).metadata, ["test_log_p", "test_elbo"])
    assert said["test_log_p"] > said["test_elbo"] + 2


def test_mnist_in_black_and_white_reaches_90_nats():
    said = numbers(pretrained("mnist_vae20").metadata, ["test_log_p", "test_floor"])
    assert said["test_log_p"] > -90 and said["test_floor"] == 0


@pytest.mark.parametrize("name", VAES)
def test_the_latents_of_a_shipped_vae_are_as_many_as_it_says(name):
    said = numbers(pretrained(name).metadata, ["test_kl_per_latent", "latent_dim"])
    assert len(said["test_kl_per_latent"]) == said["latent_dim"] == RECIPES[name].latent_dim


def test_both_latents_of_the_plane_are_in_use():
    """More than half a nat each: a latent that the decoder does not listen to has none."""
    for name in ("pen_vae2", "mnist_vae2", "fashion_vae2"):
        assert min(numbers(pretrained(name).metadata, ["test_kl_per_latent"])["test_kl_per_latent"]) > 0.5


def test_twenty_latents_rebuild_better_than_two():
    said = {name: numbers(pretrained(name).metadata, ["test_nll", "test_rmse"]) for name in RECIPES}
    for kind in ("pen_ae", "pen_vae", "fashion_vae"):
        assert said[f"{kind}20"]["test_nll"] < said[f"{kind}2"]["test_nll"] - 10
        assert said[f"{kind}20"]["test_rmse"] < said[f"{kind}2"]["test_rmse"]


@pytest.mark.parametrize("kind", ["pen_vae2", "pen_vae20"])
def test_a_larger_beta_leaves_less_kl_and_a_worse_reconstruction(kind):
    names = (kind, f"{kind}_beta4", f"{kind}_beta10")
    said = [numbers(pretrained(name).metadata, ["test_nll", "test_kl"]) for name in names]
    assert said[0]["test_kl"] > said[1]["test_kl"] > said[2]["test_kl"]
    assert said[0]["test_nll"] < said[1]["test_nll"] < said[2]["test_nll"]


# --- scores


@pytest.mark.parametrize("name", VAES)
def test_the_scores_of_a_vae_are_the_means_of_its_two_terms(name, test_split):
    """Against training's own sums, at other draws of z: their mean over 2,000 images moves by some tenths of a nat."""
    model, split = pretrained(name), test_split(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        nll, kl = mean_loss(model, split, terms_by(RECIPES[name].nll, 0))
    found = scores(model, split, RECIPES[name].nll)
    assert found["test_nll"] == pytest.approx(nll, abs=5 if RECIPES[name].sigma else 1)
    assert found["test_kl"] == pytest.approx(kl, abs=0.001) == sum(found["test_kl_per_latent"])
    assert found["test_elbo"] == -(found["test_nll"] + found["test_kl"])


def test_the_scores_of_an_autoencoder_are_nll_and_rmse(test_split):
    model, split = net(preset="mlp2"), test_split("digits8")
    square = (reconstruct(model, split.as_float()) - split.as_float()).square().mean().item()
    expected = {"test_nll": mean_loss(model, split, reconstruction_loss), "test_rmse": square**0.5}
    expected["test_floor"] = grey_floor(split)
    assert scores(model, split) == pytest.approx(expected, rel=1e-5)


def test_scoring_twice_draws_the_same_noise_and_none_of_torchs(test_split):
    model, split, before = net(), test_split("digits8"), torch.get_rng_state()
    first = scores(model, split)
    assert scores(model, split) == first and torch.equal(before, torch.get_rng_state())
    assert scores(model, split, seed=1)["test_nll"] != first["test_nll"]


# --- making one anew


def test_a_tiny_recipe_from_end_to_end(tiny, test_split):
    assert [path.name for path in tiny.iterdir()] == ["tiny.safetensors"]
    model = pretrained("tiny", tiny)
    assert model.metadata.items() > TINY.as_metadata().items()
    assert isinstance(model, VAE) and model.shape == (1, 8, 8) and model.latent_dim == 3
    # of the weights as stored: without the rounding to float16 the digits would differ
    found = scores(model, test_split("digits8"))
    for key, said in numbers(model.metadata, found).items():
        assert said == pytest.approx(found[key], rel=1e-6), key


def test_a_recipe_trains(tiny, test_split):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TINY.seed)
        start = build(TINY.preset, TINY.latent_dim, shape=(1, 8, 8))
    before = scores(start, test_split("digits8"))["test_elbo"]
    assert scores(pretrained("tiny", tiny), test_split("digits8"))["test_elbo"] > before + 5


def test_every_line_of_a_recipe_reaches_fit(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(recipes, "fit", lambda model, split, epochs, **said: calls.append((len(split), epochs, said)))
    make(TINY, tmp_path)
    assert [(images, epochs, said["lr"]) for images, epochs, said in calls] == [(1437, 2, 1e-3), (1437, 1, 1e-4)]
    assert all((said["beta"], said["batch_size"]) == (2.0, 64) for *_, said in calls)
    assert len({said["seed"] for *_, said in calls}) == 2


def test_the_seed_of_a_recipe_is_that_of_the_weights_it_starts_from(monkeypatch):
    monkeypatch.setattr(recipes, "fit", lambda *args, **said: None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = build("vae", 3, shape=(1, 8, 8)).state_dict()
    started = recipes.train(TINY, data.load(TINY.dataset)).state_dict()
    assert all(torch.equal(started[name], expected[name]) for name in expected)


def test_the_same_recipe_gives_the_same_file_and_another_seed_another(tiny, tmp_path):
    again = make(TINY, tmp_path, progress=False)
    other = make(Recipe(**(vars(TINY) | {"seed": 6})), tmp_path / "other", progress=False)
    first = load_file(tiny / "tiny.safetensors")
    # (one and two threads add up in another order, hence not quite bit for bit)
    for name, tensor in load_file(again).items():
        torch.testing.assert_close(tensor, first[name], rtol=0.01, atol=0.001)
    assert not torch.allclose(load_file(other)["decoder.0.weight"], first["decoder.0.weight"], rtol=0.01, atol=0.001)


def test_an_unknown_recipe_lists_those_that_are(tmp_path, capsys):
    with pytest.raises(ValueError, match="no recipe 'pen_vae3': there are pen_ae2, "):
        make("pen_vae3", tmp_path)
    with pytest.raises(SystemExit) as left:
        recipes.main(["pen_vae2", "pen_vae3"])
    assert left.value.code == 2 and "no recipe pen_vae3: there are pen_ae2, " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("names, made", [([], ["tiny", "tiny2"]), (["tiny2"], ["tiny2"])])
def test_the_command_makes_those_named_or_all(names, made, monkeypatch, tmp_path, capsys):
    both = {name: Recipe(name, "mlp2", 2, ((1, 1e-3),), dataset="digits8") for name in ("tiny", "tiny2")}
    monkeypatch.setattr(recipes, "RECIPES", both)
    monkeypatch.setattr(recipes, "weights_folder", lambda: tmp_path / "weights")
    recipes.main(names)
    assert sorted(path.stem for path in (tmp_path / "weights").iterdir()) == made
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(".")[0] for line in lines] == made and all("nll" in line for line in lines)


# --- pretrained


@pytest.mark.parametrize("name", RECIPES)
def test_a_pretrained_net_is_float32_in_eval_mode_and_holds_the_weights_of_its_file(name):
    model = pretrained(name)
    assert not any(module.training for module in model.modules())
    faces = RECIPES[name].dataset == "faces"
    assert model.latent_dim == RECIPES[name].latent_dim and model.shape == ((3, 128, 128) if faces else (1, 28, 28))
    stored, state = load_file(file_of(name)), model.state_dict()
    assert stored.keys() == state.keys()
    floats = [key for key in stored if "num_batches_tracked" not in key]
    assert all(state[key].dtype == torch.float32 and torch.equal(state[key], stored[key].float()) for key in floats)


def test_torchs_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    pretrained("pen_vae2")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["pen_vae3", "", "tiny.safetensors", "../weights/tiny", None])
def test_an_unknown_name_lists_those_that_are(name, tiny):
    with pytest.raises(ValueError, match="there are tiny$") as raised:
        pretrained(name, tiny)
    assert repr(name) in str(raised.value)


@pytest.mark.parametrize("there", [True, False])
def test_where_nothing_lies_the_two_ways_out_are_named(there, tmp_path):
    folder = tmp_path / "weights"
    if there:
        folder.mkdir()
    with pytest.raises(FileNotFoundError, match="`git checkout data/weights`.*`make weights`") as raised:
        pretrained("pen_vae2", folder)
    assert str(folder) in str(raised.value)


@pytest.mark.parametrize("keep", [0, 100, -1000])
def test_a_damaged_file_is_refused(keep, tiny, tmp_path):
    (tmp_path / "tiny.safetensors").write_bytes((tiny / "tiny.safetensors").read_bytes()[:keep])
    with pytest.raises(WeightsError, match="damaged"):
        pretrained("tiny", tmp_path)


GOOD = {"preset": "vae2", "latent_dim": "2", "shape": "[1, 8, 8]"}


def test_a_file_that_names_its_network_is_enough(tmp_path):
    model = net()
    weights.save(model, tmp_path / "mine.safetensors", **GOOD)
    mine, x = pretrained("mine", tmp_path), torch.rand(4, 1, 8, 8)
    assert mine.metadata == GOOD and torch.equal(reconstruct(mine, x), reconstruct(model, x))


FAULTS = [(key, value) for key in GOOD for value in (None, "", "a")] + [("latent_dim", "0"), ("shape", "28")]


@pytest.mark.parametrize("key, value", FAULTS)
def test_a_file_that_does_not_name_its_network_is_refused(key, value, tmp_path):
    told = {name: text for name, text in (GOOD | {key: value}).items() if text is not None}
    save_file(net().state_dict(), tmp_path / "mine.safetensors", told)
    with pytest.raises(WeightsError, match="does not say which network"):
        pretrained("mine", tmp_path)


def test_a_file_without_metadata_is_refused(tmp_path):
    save_file(net().state_dict(), tmp_path / "mine.safetensors")
    with pytest.raises(WeightsError, match="does not say which network.*preset|does not say which network.*shape"):
        pretrained("mine", tmp_path)


def test_a_file_that_names_another_network_is_refused(tmp_path):
    weights.save(net(), tmp_path / "mine.safetensors", **GOOD | {"latent_dim": "3"})
    with pytest.raises(WeightsError, match="does not fit this VAE"):
        pretrained("mine", tmp_path)

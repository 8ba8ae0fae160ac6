"""Weights come back as they were saved; a file that cannot be them changes nothing, and says why."""

import os
import pickle
import subprocess
import sys
from random import Random

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from vae_helpers import weights
from vae_helpers.models import build, reconstruct
from vae_helpers.weights import WeightsError


def net(seed=0, latent_dim=2):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build("conv", latent_dim, shape=(1, 8, 8))


@pytest.fixture
def model():
    """A net whose batch norms have seen three batches."""
    model = net()
    for _ in range(3):
        model(torch.rand(4, 1, 8, 8))
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a, b):
    if a.keys() != b.keys():
        return False
    return all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


def refused(path, model=None):
    """What load says of the file; the network it was to go to must be as before."""
    model = model or net(1)
    before = snapshot(model)
    with pytest.raises(WeightsError) as raised:
        weights.load(model, path)
    assert same(before, model.state_dict())
    assert str(path) in str(raised.value)
    return str(raised.value)


# --- round trip


def test_weights_and_buffers_come_back(model, path):
    assert weights.save(model, path) == path
    other = net(1)
    weights.load(other, path)
    assert same(model.state_dict(), other.state_dict())
    assert other.state_dict()["encoder.1.norm.num_batches_tracked"] == 3


def test_the_same_output_comes_back(model, path):
    weights.save(model, path)
    other, x = net(1).eval(), torch.rand(4, 1, 8, 8)
    weights.load(other, path)
    assert torch.equal(model.eval()(x), other(x))


def test_a_vae_comes_back(path):
    def vae(seed):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build("conv_vae", shape=(1, 8, 8))

    model, other, x = vae(0), vae(1), torch.rand(4, 1, 8, 8)
    model(x)  # so that the running averages are some
    weights.save(model, path)
    assert not same(model.state_dict(), other.state_dict())
    weights.load(other, path)
    assert same(model.state_dict(), other.state_dict())
    assert torch.equal(reconstruct(model, x), reconstruct(other, x))


def test_the_weights_of_an_autoencoder_are_not_those_of_its_vae(model, path):
    weights.save(model, path)
    with torch.random.fork_rng(devices=[]):
        vae = build("conv_vae", shape=(1, 8, 8))
    said = refused(path, vae)
    assert "encoder.9.logvar.bias is missing" in said and "does not fit this VAE" in said


def test_half_precision(model, path):
    weights.save(model, path, torch.float16)
    stored = load_file(path)
    assert stored["encoder.0.weight"].dtype == torch.float16
    assert stored["encoder.1.norm.num_batches_tracked"].dtype == torch.int64
    other = net(1)
    weights.load(other, path)
    for name, tensor in model.state_dict().items():
        back = other.state_dict()[name]
        assert back.dtype == tensor.dtype
        # half precision: 11 binary digits, and nothing below 2⁻²⁴
        torch.testing.assert_close(back, tensor, rtol=2**-11, atol=2**-25)
    assert not torch.equal(other.encoder[0].weight, model.encoder[0].weight)


def test_half_precision_is_half_the_size(model, path, tmp_path):
    full, half = weights.save(model, path), weights.save(model, tmp_path / "half.safetensors", torch.float16)
    assert half.stat().st_size < 0.6 * full.stat().st_size


def test_saving_leaves_the_model_alone(model, path):
    before = snapshot(model)
    weights.save(model, path, torch.float16)
    assert same(before, model.state_dict()) and model.training


def test_metadata_come_back_as_text(model, path):
    weights.save(model, path, trained_on="pen", epochs=3, note="σ = 0,1")
    assert weights.load(net(1), path) == {"trained_on": "pen", "epochs": "3", "note": "σ = 0,1"}


def test_without_metadata_there_are_none(model, path):
    weights.save(model, path)
    assert weights.load(net(1), path) == {}


def test_tied_weights_are_saved(path):
    def tied():
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        model[1].weight = model[0].weight
        return model

    model, other = tied(), tied()
    weights.save(model, path)
    weights.load(other, path)
    assert torch.equal(model[1].weight, other[0].weight) and other[1].weight is other[0].weight


@pytest.mark.parametrize("length", [640, 896, 1152, 1408])
def test_a_header_whose_length_looks_like_a_pickle(path, length):
    """The file starts with its header's length: 640 is b"\\x80\\x02", how a pickle starts."""
    model = nn.Linear(2, 2)
    for pad in range(length):
        weights.save(model, path, pad="x" * pad)
        if int.from_bytes(path.read_bytes()[:8], "little") == length:
            break
    assert path.read_bytes()[0] == 0x80
    assert weights.load(nn.Linear(2, 2), path) == {"pad": "x" * pad}


# --- files that are refused


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 20, -1, -1000])
def test_a_truncated_file(model, path, keep):
    weights.save(model, path)
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged" in refused(path)


@pytest.mark.parametrize("content", [bytes(1000), b"<html>not found</html>", Random(1).randbytes(1000)])
def test_a_file_of_something_else(path, content):
    path.write_bytes(content)
    assert "damaged or no safetensors file" in refused(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_save_writes_is_a_pickle(model, path, zipped):
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=zipped)
    assert "is a pickle" in refused(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle(path, protocol):
    path.write_bytes(pickle.dumps({"weight": [1.0]}, protocol))
    assert "is a pickle" in refused(path)


class Intruder:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)  # what a pickle asks for is done while it loads


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_inside_a_pickle_is_run(path, tmp_path, zipped):
    torch.save(Intruder(tmp_path / "was_here"), path, _use_new_zipfile_serialization=zipped)
    refused(path)
    assert not (tmp_path / "was_here").exists()


def test_of_another_size(model, path):
    weights.save(model, path)
    said = refused(path, net(1, latent_dim=3))
    assert "encoder.9.weight has shape (2, 256), wanted (3, 256)" in said and "latent_dim" in said


def test_a_weight_is_missing(model, path):
    tensors = snapshot(model)
    del tensors["encoder.0.bias"]
    save_file(tensors, path)
    assert "encoder.0.bias is missing" in refused(path)


def test_a_weight_too_many(model, path):
    save_file(snapshot(model) | {"third_eye": torch.zeros(2)}, path)
    assert "third_eye is not of this network" in refused(path)


def test_many_faults_are_counted(path):
    save_file({"x": torch.zeros(1)}, path)
    assert f"(and {len(net().state_dict()) + 1 - 3} more)" in refused(path)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", ["decoder.0.weight", "encoder.1.norm.running_var"])
def test_no_numbers_inside(model, path, name, bad):
    tensors = snapshot(model)
    tensors[name].view(-1)[-1] = bad
    save_file(tensors, path)
    assert f"{name} holds NaN or infinity" in refused(path)


def test_a_missing_file_lists_those_that_are_there(model, tmp_path):
    for name in ("b", "a"):
        weights.save(model, tmp_path / f"{name}.safetensors")
    with pytest.raises(FileNotFoundError, match=r"in that folder: a\.safetensors, b\.safetensors") as raised:
        weights.load(model, tmp_path / "c.safetensors")
    assert str(tmp_path / "c.safetensors") in str(raised.value)


@pytest.mark.parametrize("name", ["c.safetensors", "no/folder/c.safetensors"])
def test_a_missing_file_where_nothing_is(model, tmp_path, name):
    with pytest.raises(FileNotFoundError, match="in that folder: none"):
        weights.load(model, tmp_path / name)


# --- a full disk

WITH_LITTLE_SPACE = """
import resource, signal, sys
from torch import nn
from vae_helpers import weights
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    weights.save(nn.Linear(100, 100), sys.argv[1])
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no limit to a process's files")
def test_a_full_disk_leaves_the_old_file(path):
    weights.save(nn.Linear(100, 100), path)
    old = path.read_bytes()
    command = [sys.executable, "-B", "-c", WITH_LITTLE_SPACE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout and "File too large" in done.stdout and "untouched" in done.stdout
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


def test_the_file_is_plain_safetensors(model, path):
    weights.save(model, path)
    with safe_open(path, framework="np") as file:
        assert set(file.keys()) == set(model.state_dict())


@pytest.mark.parametrize(
    "dtype, value, said",
    [
        (None, float("nan"), "weight holds NaN or infinity.*smaller lr"),
        (None, float("inf"), "weight holds NaN or infinity.*smaller lr"),
        (torch.float16, 1e6, "weight is too large for torch.float16: save without dtype"),
    ],
)
def test_weights_that_are_no_numbers_are_not_written_over_good_ones(tmp_path, dtype, value, said):
    model = torch.nn.Linear(2, 1)
    path = weights.save(model, tmp_path / "good.safetensors")
    good = path.read_bytes()
    with torch.no_grad():
        model.weight[0, 1] = value
    with pytest.raises(weights.WeightsError, match=said):
        weights.save(model, path, dtype=dtype)
    assert path.read_bytes() == good
    assert [file.name for file in tmp_path.iterdir()] == ["good.safetensors"]

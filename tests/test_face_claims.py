"""What notebook 08 says of its three networks: three runs of their own, of 20, 30 and 50 latents, that must agree.

Each took minutes to train, so there is one seed of each size, not three.
"""

from types import SimpleNamespace

import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import silhouette_score

from vae_helpers.data import load
from vae_helpers.latent import attribute_vector
from vae_helpers.models import decode, encode, pretrained, reconstruct
from vae_helpers.mouths import mouth_curve


@pytest.fixture(scope="module", params=[20, 30, 50])
def net(request):
    """The network, the codes of its training faces, and codes, labels and pictures of 400 unseen ones."""
    data, vae = load("faces"), pretrained(f"faces_vae{request.param}")
    x = data.test.as_float()
    z_train = torch.cat([encode(vae, part) for part in data.train.batches(250)])
    return SimpleNamespace(vae=vae, train=data.train, z_train=z_train, x=x, z=encode(vae, x), labels=data.test.labels,
                           angry=data.test.labels == 0)


def off(one, other):
    """RMSE of each picture."""
    return (one - other).square().mean((1, 2, 3)).sqrt()


def test_frowns_survive_the_code_and_some_smiles_do_not(net):
    after = mouth_curve(decode(net.vae, net.z))
    assert (after[net.angry] < 0).float().mean() > 0.93
    assert 0.75 < (after[~net.angry] > 0).float().mean() < 0.96


def test_the_plane_finds_most_of_the_smiles_that_were_lost(net):
    plane = LogisticRegression(max_iter=2000).fit(net.z_train, net.train.labels)
    lost = ~net.angry & (mouth_curve(decode(net.vae, net.z)) < 0)
    assert lost.sum() > 5 and plane.score(net.z[lost], net.labels[lost]) > 0.75


def test_the_code_knows_the_expression_though_it_makes_no_heaps(net):
    plane = LogisticRegression(max_iter=2000).fit(net.z_train, net.train.labels)
    assert plane.score(net.z, net.labels) > 0.95
    assert silhouette_score(net.z, net.labels) < 0.1


def test_the_smile_vector_makes_nearly_all_smile(net):
    smile = attribute_vector(net.z_train, net.train.labels == 1)
    curves = [mouth_curve(decode(net.vae, net.z[net.angry] + step * smile)) for step in (0, 1, 2)]
    assert all(low.nanmedian() + 2 < high.nanmedian() for low, high in zip(curves, curves[1:]))
    assert (curves[2] > 0).float().mean() > 0.8 and (curves[0] > 0).float().mean() < 0.05


def test_the_freed_smile_changes_less_around_the_face(net):
    smile = attribute_vector(net.z_train, net.train.labels == 1)
    names = net.train.factor_names
    move = torch.as_tensor(LinearRegression().fit(net.train.factors, net.z_train).coef_.T).float()
    rest = move[[names.index(name) for name in names if name not in ("mouth", "brows", "eyes")]]
    freed = smile - rest.T @ torch.linalg.lstsq(rest.T, smile[:, None]).solution[:, 0]
    before, around = decode(net.vae, net.z[net.angry]), torch.ones(128, 128)
    around[40:104, 30:98] = 0
    change, mouths = [], []
    for direction in (smile, freed):
        after = decode(net.vae, net.z[net.angry] + 1.5 * direction)
        change.append(((after - before).abs().mean((0, 1)) * around).sum())
        mouths.append(mouth_curve(after).nanmedian())
    assert change[1] < 0.9 * change[0] and mouths[1] > 3


def test_the_codes_lie_elsewhere_than_the_prior(net):
    """A picture decoded where no codes are does not come back from a round trip as one of the codes' Gaussian does."""
    variance = torch.linalg.eigvalsh(torch.cov(net.z_train.T))
    assert variance[-1] > 3 and variance[0] < 0.1
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(100, net.vae.latent_dim, generator=generator)
    cloud = net.z_train.mean(0) + noise @ torch.linalg.cholesky(torch.cov(net.z_train.T)).T
    prior, own = (decode(net.vae, z) for z in (noise, cloud))
    assert off(reconstruct(net.vae, prior), prior).median() > 1.4 * off(reconstruct(net.vae, own), own).median()


def test_what_is_no_such_face_is_rebuilt_worse(net):
    usual = off(decode(net.vae, net.z), net.x)
    for strange in (net.x[:50].flip(2), net.x[:50].flip(1), net.x[:50].roll(40, 3)):
        assert (off(reconstruct(net.vae, strange), strange) > usual.quantile(0.99)).float().mean() > 0.9

"""AUCs against counting and scikit-learn's curve, their error against simulation, figures with their alt text."""

import matplotlib.pyplot as plt
import pytest
import torch
from sklearn.metrics import auc as area_under
from sklearn.metrics import roc_curve

from vae_helpers.detection import auc, auc_error, auc_intervals, auc_table, bootstrap, histograms, roc_curves, score_rows
from vae_helpers.losses import psnr


def draws(n, shift, seed):
    return (torch.randn(n, generator=torch.Generator().manual_seed(seed)) + shift).round(decimals=1)


def test_auc_is_the_share_of_pairs_and_the_area_of_the_curve():
    a, b = draws(60, 0, 1), draws(80, 0.7, 2)
    pairs = ((b[:, None] > a).double() + 0.5 * (b[:, None] == a).double()).mean().item()
    alarms, found, _ = roc_curve([0] * 60 + [1] * 80, torch.cat([a, b]))
    assert auc(a, b) == pytest.approx(pairs, abs=1e-12) == area_under(alarms, found)
    assert auc(b, a) == pytest.approx(1 - pairs, abs=1e-12)
    assert auc(a, a + 100) == 1 and auc(torch.ones(3), torch.ones(4)) == 0.5


def test_the_error_of_an_auc_is_that_of_many_drawings():
    """For exponential scores, as Hanley & McNeil have it: within 5 % of 2,000 drawings of 16 against 16."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.empty(2000, 16).exponential_(rate, generator=generator) for rate in (1.0, 0.5))
    areas = (b[:, :, None] > a[:, None]).double().mean((1, 2))
    assert areas.mean().item() == pytest.approx(2 / 3, abs=0.01)  # 1 / (1 + 0.5)
    assert auc_error(2 / 3, 16, 16) == pytest.approx(areas.std().item(), rel=0.05)
    assert auc_error(1.0, 5, 5) == 0


def test_the_bootstrap_spreads_by_that_error():
    a, b = draws(100, 0, 3), draws(100, 0.8, 4)
    found = bootstrap(a, b)
    assert found.shape == (1000,) and torch.equal(found, bootstrap(a, b)) and (found.diff() >= 0).all()
    assert found.mean().item() == pytest.approx(auc(a, b), abs=0.01)
    assert found.std().item() == pytest.approx(auc_error(auc(a, b), 100, 100), rel=0.15)


def test_psnr_of_known_errors():
    x = torch.full((2, 1, 4, 4), 0.5)
    x_hat = x + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    torch.testing.assert_close(psnr(x_hat, x), torch.tensor([20.0, 40.0]), rtol=1e-4, atol=0)
    assert psnr(x, x).isinf().all()


def test_bad_input_is_told():
    with pytest.raises(ValueError, match="one of each at least"):
        auc(torch.zeros(0), torch.ones(2))
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        auc(torch.zeros(2, 2), torch.ones(2))
    with pytest.raises(ValueError, match="from 0 to 1"):
        auc_error(1.2, 3, 3)


def test_the_figures_say_what_they_show():
    axes = histograms({"first": (draws(50, 0, 1), draws(50, 9, 2))}, ("clothes", "digits"))
    assert "AUC 1.00" in axes[0].get_title() and "histograms of clothes and digits" in axes[0].figure.alt_text
    ax = auc_table({"gap": [0.5, 0.75], "blot": [0.6, 1.0]}, ("½", "1"), "AUC", plt.subplots()[1])
    assert [text.get_text() for text in ax.texts] == ["0.50", "0.75", "0.60", "1.00"]
    assert "gap 0.50, 0.75; blot 0.60, 1.00" in ax.figure.alt_text
    plt.close("all")


def test_the_lines_points_and_intervals_are_those_of_the_scores():
    a, b = draws(40, 0, 1), draws(50, 1, 2)
    ax = roc_curves({"gap": (a, b)})
    alarms, found = ax.lines[1].get_data()
    assert area_under(alarms, found) == pytest.approx(auc(a, b), abs=1e-12)
    assert f"gap: AUC {auc(a, b):.2f}" in ax.figure.alt_text

    ax = score_rows({"first": torch.tensor([1.0, 3.0]), "second": torch.tensor([20.0])}, "error")
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 3], [20]]
    assert "first from 1 to 3; second from 20 to 20" in ax.figure.alt_text

    ax = auc_intervals({"few": (a[:10], b[:10]), "many": (a, b)})
    few, many = (line.get_xdata() for line in ax.lines if line.get_linewidth() == 6)
    assert few[1] - few[0] > many[1] - many[0] and many[0] < auc(a, b) < many[1]
    told = f"many: {auc(a, b):.2f}, standard error {auc_error(auc(a, b), 40, 50):.2f}"
    assert told in [text.get_text() for text in ax.texts]
    plt.close("all")

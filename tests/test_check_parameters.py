"""What the checks share: which spread a name asks for, what a misreading amounts to, torch or NumPy, naming."""

import functools
import math
import warnings

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from vae_helpers.checks import parameters
from vae_helpers.checks.verdict import Mistake

KINDS = {
    "sigma": """sigma sigmas Sigma sigma_ std stds std_dev stddev stdev stdv sd sig scale s spread standard_deviation
             sigma_z z_sigma std_x x_std sigma_hat sigma1 sigma_1 sigma0 std_0 s1 σ σ_q σ1 sigma_m sigma_q q_sigma
             sigmaq sigmaQ sp sq s_q s_p p_std q_scale sqrt_var root_variance enc_sigma""",
    "var": """var vars variance variances v sigma2 sigma_2 sigma_sq sigmasq sigma_squared sigma_square sigmasqr sq_sigma
           squared_sigma std2 std_sq stdsq s2 s_2 ssq var_q varq var_p q_var variance_x var1 v1 σ2 σ_2 σ_sq sigma2_q
           sigma_q2 sigma_q_sq q_sigma2 s2_q s2q sigma2_1 sigma_hat_sq sigma_hat_squared var_hat sigma_hat2 var_""",
    "logvar": """logvar log_var logVar LOGVAR log_vars logvars lv lvs log_variance logvariance lnvar ln_var log_v logv
              log_sigma2 log_sigma_2 logsigma2 log_sigma_sq log_sigma_squared logsigmasq log_std2 log_s2 logvar_q lv_q
              lvq logvarq log_var_q q_logvar z_log_var log_var1 logvar2 lv1 lv2 log_σ2 logvar_hat log_sigma_hat_2""",
    "log_sigma": """log_sigma logsigma log_sigmas log_std logstd log_sd log_scale ln_sigma lnstd log_s ls log_sigma_q
                 q_log_sigma z_log_sigma log_sigma_1 log_std1 logσ log_σ log_sigma_hat log_standard_deviation""",
    None: "x y mu m2 value args rest theta w b spam a1 other",
}


def named(*names):
    """A function whose parameters have these names."""
    namespace = {}
    exec(f"def f({', '.join(names)}): ...", namespace)
    return namespace["f"]


@pytest.mark.parametrize("kind, name", [(kind, name) for kind, names in KINDS.items() for name in names.split()])
def test_a_name_tells_which_spread_is_wanted(kind, name):
    assert parameters.spread_kind(named("mean", name), 1, "the default") == (kind or "the default")
    assert parameters.spread_kind(named("eps", "mean", "weights", name), 3, "unknown") == (kind or "unknown")


@pytest.mark.parametrize(
    "names, kinds",
    [
        ("mu_q logvar_q mu_p logvar_p", "logvar logvar"),
        ("mu_q sigma_q mu_p sigma_p", "sigma sigma"),
        ("mu_q sigma_q mu_p logvar_p", "sigma logvar"),
        ("mu_q q_sigma2 mu_p p_sigma2", "var var"),
        ("mu_q sigma2_q mu_p sigma2_p", "var var"),
        ("mu_q sigma_q2 mu_p sigma_p2", "var var"),
        ("mq sq mp sp", "sigma sigma"),
        ("mq vq mp vp", "var var"),
        # a 2 that counts is no square
        ("mu1 sigma1 mu2 sigma2", "sigma sigma"),
        ("mu_1 std_1 mu_2 std_2", "sigma sigma"),
        ("m1 s1 m2 s2", "sigma sigma"),
        ("m0 s0 m1 s1", "sigma sigma"),
        ("mu sigma mu2 sigma2", "sigma sigma"),
        ("mu1 var1 mu2 var2", "var var"),
        ("mu1 lv1 mu2 lv2", "logvar logvar"),
        ("mu1 log_sigma1 mu2 log_sigma2", "log_sigma log_sigma"),
        ("mu1 sigma1_sq mu2 sigma2_sq", "var var"),
        ("mu1 sigma2_1 mu2 sigma2_2", "var var"),
        ("a b c d", "default default"),
    ],
)
def test_two_gaussians_are_told_apart(names, kinds):
    f = named(*names.split())
    assert [parameters.spread_kind(f, position, "default") for position in (1, 3)] == kinds.split()


@pytest.mark.parametrize("answer", [3, "x", None, [], print, dict, lambda: 0, lambda *both: 0, lambda mu: mu])
def test_without_a_name_the_default_holds(answer):
    assert parameters.spread_kind(answer, 1, "logvar") == "logvar"


def test_other_callables_have_names_too():
    def f(mu, extra, var):
        ...

    class Sample:
        def __call__(self, mu, std):
            ...

    assert parameters.spread_kind(lambda mu, log_sigma: 0, 1, "logvar") == "log_sigma"
    assert parameters.spread_kind(Sample(), 1, "logvar") == "sigma"
    assert parameters.spread_kind(functools.partial(f, extra=1), 2, "logvar") == "var"
    assert parameters.spread_kind(torch.no_grad()(f), 2, "logvar") == "var"


# --- spreads and misreadings

LOGVAR = torch.tensor([0.3, 0.7, 1.2])


@pytest.mark.parametrize("kind", parameters.FROM_LOGVAR)
def test_there_and_back(kind):
    given = parameters.spread(kind, LOGVAR)
    torch.testing.assert_close(parameters.TO_LOGVAR[kind](given), LOGVAR)
    torch.testing.assert_close(parameters.TO_LOGVAR[kind](parameters.spread(kind, -LOGVAR)), -LOGVAR)


@pytest.mark.parametrize("kind", parameters.FROM_LOGVAR)
def test_a_misreading_is_what_comes_of_taking_one_spread_for_another(kind):
    given = parameters.spread(kind, LOGVAR)
    as_sigma = {"sigma": given, "var": given.sqrt(), "logvar": (given / 2).exp(), "log_sigma": given.exp()}
    del as_sigma[kind]
    wrong = dict(parameters.misreadings(kind, LOGVAR))
    assert len(wrong) == 3
    for other, sigma in as_sigma.items():
        logvar = wrong[parameters.MISREAD[kind, other]]
        assert logvar.isfinite().all()
        torch.testing.assert_close(parameters.spread("sigma", logvar), sigma)
        assert not parameters.alike(logvar, LOGVAR)


def test_every_misreading_has_a_text_of_its_own():
    pairs = {(a, b) for a in parameters.FROM_LOGVAR for b in parameters.FROM_LOGVAR if a != b}
    assert set(parameters.MISREAD) == pairs
    assert len(set(parameters.MISREAD.values())) == len(pairs)
    assert max(map(len, parameters.MISREAD.values())) < 100


# --- asking

X = torch.tensor([1.0, 2.0, 3.0])


def test_tensors_come_first():
    seen = []
    parameters.ask(lambda *given: seen.append([type(g) for g in given]), X, torch.tensor(2.0), len)
    assert seen == [[torch.Tensor, torch.Tensor, type(len)]]


def test_where_tensors_raise_numbers_are_handed_and_then_arrays():
    seen = []

    def answer(x, sigma):
        seen.append((type(x), type(sigma)))
        return x.astype(float) * sigma

    assert isinstance(parameters.ask(answer, X, torch.tensor(2.0)), np.ndarray)
    assert seen == [(torch.Tensor, torch.Tensor), (torch.Tensor, float), (np.ndarray, float)]


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, sigma: torch.log(sigma) * x,
        lambda x, sigma: sigma.log() * x,
        lambda x, sigma: math.log(sigma) * x,
        lambda x, sigma: np.log(sigma) * x,
        lambda x, sigma: np.sum([x * np.log(sigma)], axis=0),
        lambda x, sigma: Normal(0.0, 1.0).log_prob(x) * 0 + x * torch.log(torch.tensor([sigma])),
        lambda x, sigma: [a * math.log(sigma) for a in x],
    ],
)
def test_a_number_may_be_a_tensor_or_a_float(answer):
    got = torch.as_tensor(parameters.ask(answer, X, torch.tensor(2.0)))
    assert parameters.alike(got, X * math.log(2))


def test_each_attempt_gets_copies():
    x, tries = X.clone(), []

    def answer(x):
        tries.append(x[0].item())
        x *= 0
        raise ValueError

    with pytest.raises(ValueError):
        parameters.ask(answer, x)
    assert tries == [1, 1, 1] and torch.equal(x, X)


def test_where_all_raise_the_first_error_counts():
    def answer(x):
        raise ValueError(type(x).__name__)

    with pytest.raises(ValueError, match="Tensor"):
        parameters.ask(answer, X)
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'sqare'"):
        parameters.ask(lambda x: x.sqare(), X)


def test_a_numpy_answer_gets_the_error_of_its_arrays():
    with pytest.raises(np.exceptions.AxisError):
        parameters.ask(lambda x: np.sum(x, axis=1, keepdims=True), X)
    with pytest.raises(ZeroDivisionError):
        parameters.ask(lambda x: x.astype(float) / (1 // 0), X)


def test_numpy_on_tensors_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for answer in (lambda x: np.exp(x), lambda x: np.array([x[0], 1.0]), lambda x: np.sqrt(x) * np.ones(3)):
            parameters.ask(answer, X)


def test_what_else_numpy_warns_of_is_shown():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        parameters.ask(lambda x: np.log(np.asarray(0 * x)), X)
    with pytest.warns(DeprecationWarning, match="of the learner's own"):
        parameters.ask(lambda x: warnings.warn("of the learner's own", DeprecationWarning, stacklevel=1), X)


# --- naming


def test_alike_allows_rounding_and_nothing_else():
    assert parameters.alike(X, X + 1e-5) and parameters.alike(X.double(), X)
    assert parameters.alike(np.float64(2), torch.tensor(2.0)) and parameters.alike(torch.tensor(2), 2.0)
    assert not parameters.alike(X, X + 1e-2)
    assert not parameters.alike(X, X[:, None]) and not parameters.alike(X[:1], X[0])
    assert not parameters.alike(X * math.nan, X) and not parameters.alike(X * math.nan, X * math.nan)
    assert not parameters.alike(X + 0j, X)
    assert parameters.alike(torch.zeros(3), torch.zeros(3)) and not parameters.alike(torch.zeros(3), X)


def test_a_mistake_is_named_only_where_it_explains_every_case():
    one, two = (torch.tensor(1.0), torch.tensor(3.0)), (torch.tensor(2.0), torch.tensor(4.0))
    half = [("half", torch.tensor(1.0)), ("one less", torch.tensor(2.0))]
    with pytest.raises(Mistake, match="^half$"):
        parameters.settle([(*one, half)], "off")
    with pytest.raises(Mistake, match="^off$"):  # in the second case it was not half
        parameters.settle([(*one, half), (*two, [("half", torch.tensor(3.0)), ("one less", torch.tensor(3.0))])], "off")
    with pytest.raises(Mistake, match="^two less$"):
        parameters.settle([(*one, [("two less", torch.tensor(1.0))]), (*two, [("two less", torch.tensor(2.0))])], "off")


def test_a_right_answer_is_right_though_a_mistake_agrees_with_it():
    parameters.settle([(X, X, [("a coincidence", X)])], "off")


@pytest.mark.parametrize(
    "got, said",
    [
        (X * math.nan, "^a nan"),
        (X + 1j, "^a complex number"),
        (X[:, None], r"^wanted is the shape \(3,\)"),
        (2 * X, "off"),
    ],
)
def test_what_has_no_name_is_told_by_its_looks(got, said):
    with pytest.raises(Mistake, match=said):
        parameters.settle([(got, X, [("half", X / 2)])], "off")
    with pytest.raises(Mistake, match="a better word" if "nan" in said else said):
        parameters.settle([(got, X, [])], "off", nan="a better word")


def test_two_slips_come_after_one():
    forms = [("", X), ("doubled", 2 * X)]
    reductions = [("", torch.sum), ("averaged", torch.mean)]
    slips = parameters.combined(forms, reductions)
    assert [text for text, _ in slips] == ["averaged", "doubled", "doubled. Besides, averaged"]
    assert [value.item() for _, value in slips] == [2, 12, 4]

"""The checks of the exercises: right answers pass, typical mistakes are named, and nothing raises."""

import ast
import inspect
import itertools
import math
import textwrap

import answers_to_00
import answers_to_01
import answers_to_02
import answers_to_03
import answers_to_04
import answers_to_05
import answers_to_06
import answers_to_07
import answers_to_08
import answers_to_09a
import answers_to_09c
import answers_to_10
import answers_to_10b
import numpy as np
import pytest
import torch
from answers_to_01 import dataset
from notebook_tools import execute
from torch import nn
from torch.nn import functional as F

from vae_helpers import answers, checks
from vae_helpers.checks import Verdict

TIMES = 5  # each check draws its inputs anew
COUNT = itertools.count()
NAMES = [name for name in checks.__all__ if name != "Verdict"]
TABLES = [answers_to_00, answers_to_01, answers_to_02, answers_to_03, answers_to_04, answers_to_05, answers_to_06]
TABLES += [answers_to_07, answers_to_08, answers_to_09a, answers_to_09c, answers_to_10, answers_to_10b]
RIGHT, WRONG, STUBS = (
    {name: entries for table in TABLES for name, entries in getattr(table, kind).items()}
    for kind in ("RIGHT", "WRONG", "STUBS")
)


def written(source):
    """The last function or class that a cell with this source defines, as in a learner's notebook."""
    source = textwrap.dedent(source).strip() + "\n"
    last = ast.parse(source).body[-1].name
    namespace = {"__name__": "__main__", "torch": torch, "nn": nn, "F": F, "np": np, "math": math}
    execute(source, f"<learner's cell {next(COUNT)}>", namespace)
    return namespace[last]


def kept_name(name):
    """The file in which a check keeps the answer, such as 01_rmse."""
    return inspect.getclosurevars(getattr(checks, name)).nonlocals["name"]


def cases(table):
    return [
        pytest.param(name, *(entry if isinstance(entry, tuple) else (entry,)), id=f"{name}-{number}")
        for name in table
        for number, entry in enumerate(table[name])
    ]


def test_the_tables_name_every_check():
    assert set(NAMES) == set(RIGHT) == set(WRONG) == set(STUBS)
    assert len(NAMES) == sum(len(table.RIGHT) for table in TABLES)


@pytest.mark.parametrize("name, source", cases(RIGHT))
def test_a_right_answer_passes(name, source):
    for _ in range(TIMES):
        verdict = getattr(checks, name)(written(source))
        assert verdict.ok is True, verdict
        assert repr(verdict).startswith("✓ Right. ")


@pytest.mark.parametrize("name, source, said", cases(WRONG))
def test_a_wrong_answer_is_told_what_is_wrong(name, source, said):
    for _ in range(TIMES):
        verdict = getattr(checks, name)(written(source))
        assert verdict.ok is False, verdict
        assert said in verdict.message
        assert repr(verdict).startswith("✗ Not yet: ")
        assert len(verdict.message) <= 200 or "your code raised" in verdict.message


@pytest.mark.parametrize("name, source", cases(STUBS))
def test_a_stub_is_not_solved_yet(name, source):
    verdict = getattr(checks, name)(written(source))
    assert verdict.ok is None
    assert repr(verdict) == "☐ Not solved yet. Replace the `...` above and run both cells again."


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", [None, ...])
def test_nothing_at_all_is_not_solved_yet(name, answer):
    assert getattr(checks, name)(answer).ok is None


@pytest.mark.parametrize(
    "source, missing",
    [
        (dataset(length="..."), "`__len__`"),
        (dataset(item="pass"), "`__getitem__`"),
        (dataset(item='raise NotImplementedError("later")'), "`__getitem__`"),
    ],
)
def test_a_class_that_is_half_written_is_told_what_is_missing(source, missing):
    verdict = checks.pictures(written(source))
    assert verdict.ok is None and verdict.message.startswith(f"Still to be written: {missing}. ")


def test_a_class_without_a_method_is_told_what_is_missing():
    source = dataset().split("    def __getitem__")[0]
    verdict = checks.pictures(written(source))
    assert verdict.ok is None and "__getitem__" in verdict.message


@pytest.mark.parametrize(
    "source",
    [
        """
        def f(x_hat, x):
            "The root of the mean square."
            def nothing():
                pass
            return ((x_hat - x) ** 2).mean().sqrt()
        """,
        """
        def f(x_hat, x):
            class Empty:
                def nothing(self): ...
            return ((x_hat - x) ** 2).mean().sqrt()
        """,
    ],
)
def test_an_empty_function_inside_a_written_one_makes_no_stub(source):
    assert checks.rmse(written(source)).ok is True


def test_a_lambda_is_an_answer():
    source = "def f(): ...\nanswer = lambda x_hat, x: ((x_hat - x) ** 2).mean().sqrt()\n"
    namespace = {}
    execute(source, "<cell with a lambda>", namespace)
    assert checks.rmse(namespace["answer"]).ok is True
    assert answers.earlier_answer("01_rmse") == source


def test_an_answer_without_source_is_checked_all_the_same():
    namespace = {}
    exec("def f(x_hat, x): return ((x_hat - x) ** 2).mean()", namespace)
    assert "root is missing" in checks.rmse(namespace["f"]).message
    assert checks.rmse(nn.MSELoss()).ok is False


@pytest.mark.parametrize("name", NAMES)
def test_a_forgotten_return_is_named(name):
    sources = {
        "one_step": "def f(m, x, o, f):\n    o.zero_grad()\n    f(m, x).backward()\n    o.step()",
        "pictures": dataset(item="self.images[i], self.labels[i]"),
    }
    verdict = getattr(checks, name)(written(sources.get(name, "def f(*anything):\n    result = 1")))
    assert verdict.ok is False and "gives back None: is a `return` missing?" in verdict.message


# --- what the learner's code does


@pytest.mark.parametrize("name", NAMES)
def test_an_error_is_told_with_the_learners_line(name):
    source = """
    def helper(numbers):
        return numbers["no such key"]

    def f(*anything):
        numbers = {"a": 1}
        return helper(numbers)
    """
    verdict = getattr(checks, name)(written(source))
    assert verdict.ok is False
    assert verdict.message.startswith("your code raised KeyError: 'no such key'")
    assert verdict.message.endswith("in your line `return numbers[\"no such key\"]`")


def test_an_error_deep_in_torch_is_told_with_the_learners_line():
    verdict = checks.rmse(written("def f(x_hat, x):\n    return (x_hat @ x[:, :, :5]).mean()"))
    assert "your code raised RuntimeError" in verdict.message
    assert verdict.message.endswith("in your line `return (x_hat @ x[:, :, :5]).mean()`")


ABSURD = [
    *(3, 2.5, "x", [], {}, torch, print, np.array([1]), torch.zeros(3)),
    *(int, dict, object, type("Empty", (), {}), nn.Linear, torch.utils.data.Dataset),
    *(lambda: 0, lambda *_: "x", lambda *_: {}, lambda *_: object(), lambda *_: [[1], [2, 3]]),
    *(lambda *_: 10**99, lambda *_: torch.zeros(0), lambda *_: torch.tensor(True)),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", range(len(ABSURD)))
def test_no_answer_makes_a_check_raise(name, number):
    verdict = getattr(checks, name)(ABSURD[number])
    assert isinstance(verdict, Verdict) and verdict.ok in (False, None)
    assert len(repr(verdict)) > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_check_leaves_torchs_global_generator_alone(name):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for source in (RIGHT[name][0], WRONG[name][0][0], STUBS[name][0]):
        getattr(checks, name)(written(source))
    getattr(checks, name)(lambda *_: torch.rand(3))
    assert torch.equal(before, torch.get_rng_state())


def test_a_check_draws_anew_whatever_the_global_seed():
    seen = []

    def answer(x_hat, x):
        seen.append(x)
        return ((x_hat - x) ** 2).mean().sqrt()

    for _ in range(2):
        torch.manual_seed(0)
        checks.rmse(answer)
    assert seen[0].shape != seen[1].shape or not torch.equal(seen[0], seen[1])


# --- what is kept


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_kept(name, answers_of_its_own):
    source = textwrap.dedent(RIGHT[name][0]).strip()
    getattr(checks, name)(written(source))
    assert (answers_of_its_own / f"{kept_name(name)}.py").read_text(encoding="utf-8").strip() == source


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_answer_is_kept_too(name):
    getattr(checks, name)(written(WRONG[name][0][0]))
    assert answers.earlier_answer(kept_name(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_finds_the_earlier_answer_and_does_not_replace_it(name):
    source = textwrap.dedent(RIGHT[name][0]).strip()
    getattr(checks, name)(written(source))
    verdict = getattr(checks, name)(written(STUBS[name][0]))
    assert verdict.ok is None
    assert f"answers/{kept_name(name)}.py" in verdict.message and source in verdict.message
    assert answers.earlier_answer(kept_name(name)).strip() == source


def test_half_a_class_does_not_replace_the_earlier_answer():
    checks.pictures(written(dataset()))
    verdict = checks.pictures(written(dataset(item="...")))
    assert "`__getitem__`" in verdict.message and "/ 255" in verdict.message
    assert "/ 255" in answers.earlier_answer("01_pictures")


def test_the_whole_cell_is_kept_with_helpers_and_decorators():
    decorator = "def same(made):\n    return made\n"
    checks.pictures(written(f"{decorator}\n\n@same\n{textwrap.dedent(dataset()).strip()}"))
    kept = answers.earlier_answer("01_pictures")
    assert kept.startswith("def same") and "@same\nclass Pictures" in kept


def test_an_answer_that_cannot_be_kept_is_checked_and_said(answers_of_its_own):
    answers_of_its_own.write_text("a file where the folder should be")
    verdict = checks.rmse(written(RIGHT["rmse"][0]))
    assert verdict.ok is True and "could not be kept" in verdict.message


def test_two_checks_keep_two_answers():
    assert len({kept_name(name) for name in NAMES}) == len(NAMES)

"""What every check shares: the verdict, the stub, the learner's own errors, the kept answer."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import textwrap
import traceback

import torch

from vae_helpers.answers import earlier_answer, keep_answer


class Verdict:
    """``ok`` is True, False or None (not solved yet); ``message`` says what was found."""

    def __init__(self, ok, message):
        self.ok, self.message = ok, message

    def __repr__(self):
        return {True: "✓ Right. ", False: "✗ Not yet: ", None: "☐ Not solved yet. "}[self.ok] + self.message


class Mistake(Exception):
    """Raised inside a check: the answer is wrong, and this is what went wrong."""


def exercise(name, praise):
    """Make a check of a function ``find_mistake(answer, generator)`` that raises Mistake or returns.

    ``name``: the file in ``answers/`` that keeps what was written, such as
    ``01_rmse``. ``praise``: what a right answer is told. ``generator`` draws
    the inputs, anew at each call, and leaves torch's global generator alone.
    """

    def decorate(find_mistake):
        @functools.wraps(find_mistake)
        def check(answer):
            source = _source(answer)
            if answer is None or answer is Ellipsis or (_is_stub(source) and not judge(answer).ok):
                return Verdict(None, _reminder(name, source))
            not_kept = ""
            try:
                keep_answer(name, _cell(answer) or source)  # before it runs: it may never come back
            except OSError as error:
                not_kept = f" (Your answer could not be kept: {error}.)"
            verdict = judge(answer)
            return Verdict(verdict.ok, verdict.message + not_kept)

        def judge(answer):
            generator = torch.Generator()
            seed = generator.seed()
            try:
                with torch.random.fork_rng(devices=[]):
                    torch.random.default_generator.manual_seed(seed)
                    find_mistake(answer, generator)
            except Mistake as mistake:
                return Verdict(False, str(mistake))
            except Exception as error:  # whatever the learner's code raised is news for the learner
                if isinstance(error, NotImplementedError) and _was_raised_by_hand(error):
                    return Verdict(None, f"Something is still to be written. {error}".strip())
                return Verdict(False, _where(error))
            return Verdict(True, praise)

        return check

    return decorate


def require(condition, mistake):
    """Raise Mistake with the text ``mistake`` unless ``condition`` holds."""
    if not condition:
        raise Mistake(mistake)


def tensor(value, what="your function", shape=None):
    """``value`` as a tensor, or a Mistake: None, no number at all, or of the wrong shape."""
    require(value is not None and value is not Ellipsis, f"{what} gives back None: is a `return` missing?")
    try:
        value = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise Mistake(f"{what} gives back a {type(value).__name__}, not a number or a tensor") from None
    if shape is not None:
        require(tuple(value.shape) == tuple(shape),
                f"wanted is the shape {tuple(shape)}, {what} gives {tuple(value.shape)}")
    return value


def close(a, b, rtol=1e-4, atol=1e-6):
    """Whether two numbers or tensors of one shape agree to ``rtol``; float32 rounding is no mistake."""
    a, b = torch.as_tensor(a).double(), torch.as_tensor(b).double()
    return a.shape == b.shape and torch.allclose(a, b, rtol=rtol, atol=atol)


def _source(answer):
    """The learner's code; for an answer that is a value, the value."""
    if inspect.isclass(answer):
        return _class_source(answer)
    if callable(answer):
        try:
            return textwrap.dedent(inspect.getsource(answer))
        except (OSError, TypeError):
            return ""  # typed where Python keeps no source; the check works all the same
    return repr(answer)


def _cell(answer):
    """The whole cell that a function or class was written in, with its helpers and decorators; else ``""``."""
    methods = vars(answer).values() if inspect.isclass(answer) else [inspect.unwrap(answer)] if callable(answer) else []
    for method in methods:
        if inspect.isfunction(method) and _is_cell(method.__code__.co_filename):
            return "".join(linecache.getlines(method.__code__.co_filename))
    return ""


def _is_cell(filename):
    return filename.startswith("<") or "ipykernel" in filename


def _class_source(answer):
    """The source of a class defined in a cell: ``inspect`` finds only those of modules, but each method knows its cell."""
    methods = [method for method in vars(answer).values() if inspect.isfunction(method)]
    for method in methods:
        cell = "".join(linecache.getlines(method.__code__.co_filename))
        try:
            nodes = ast.parse(cell).body
        except SyntaxError:
            continue
        for node in nodes:
            if isinstance(node, ast.ClassDef) and node.name == answer.__name__:
                return ast.get_source_segment(cell, node)
    return "" if methods else f"class {answer.__name__}: ..."


def _is_stub(source):
    """Whether ``source`` is a function or class, or a class with a method, that holds nothing but ``...``."""
    return bool(_to_write(source)[0])


def _to_write(source):
    """Names of the empty and of the written functions: the one at the top, or the methods of the class there.

    Only those: an empty function inside a written one, or a class inside a class, is the learner's own affair.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return [], []
    if not body or not isinstance(body[0], (ast.FunctionDef, ast.ClassDef)):
        return [], []
    top = body[0]
    functions = [node for node in top.body if isinstance(node, ast.FunctionDef)]
    if isinstance(top, ast.FunctionDef) or not functions:
        functions = [top]
    return ([f.name for f in functions if _is_empty(f)], [f.name for f in functions if not _is_empty(f)])


def _is_empty(definition):
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node))
        for node in definition.body
    )


def _reminder(name, source=""):
    """What an unsolved exercise says: what is left, and where the learner's earlier answer is, if there is one."""
    empty, written = _to_write(source)
    begun = set(written) - {"__init__"}  # a stub may come with it
    left = f"Still to be written: {', '.join(f'`{f}`' for f in empty)}. " if empty and begun else ""
    earlier = earlier_answer(name)
    if earlier is None:
        return left or "Replace the `...` above and run both cells again."
    return f"{left}You had written this before (kept in answers/{name}.py); copy what you want of it:\n\n{earlier}"


def _was_raised_by_hand(error):
    """Whether a ``raise`` in Python raised the error; torch raises NotImplementedError too, of its own."""
    return (traceback.extract_tb(error.__traceback__)[-1].line or "").lstrip().startswith("raise")


def _where(error):
    """The learner's error in one line, with the line of their code it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "vae_helpers" not in f.filename]
    own = [f for f in frames if _is_cell(f.filename)]
    line = f", in your line `{own[-1].line}`" if own and own[-1].line else ""
    power = ". In Python a power is `**`; `^` is something else" if "bitwise_xor" in str(error) else ""
    return f"your code raised {type(error).__name__}: {error}{line}{power}"

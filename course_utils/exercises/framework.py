"""Checks that answer like a tutor: one fixed line, and a hint that names the symptom.

A lesson's module (`lesson01.py` ...) declares its exercises and their parts:

    q_sample = Exercise("q_sample", reference=diffusion.q_sample)

    @q_sample.part
    def keeps_the_variance(answer):
        ...
        expect(close(got, want), "the variance at t = 500 is 0.39 ...: did you swap the two square roots?")

and a notebook runs `q_sample = ex.q_sample.check(q_sample)`. The check tries the parts in order, prints
`q_sample: PASS (4 of 4)`, or `q_sample: FAIL (2 of 4)` and the first hint, or `q_sample: not tried yet`, and returns
the student's own function if it passed and the reference if not, so that the lesson goes on either way.
"""

from __future__ import annotations

import contextlib
import copy
import io
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import torch

Answer = Callable[..., Any]
Part = Callable[[Answer], None]
HINT_WIDTH = 100


class Symptom(Exception):  # noqa: N818 - the word of a tutor, not of a programmer
    """What a part of a check saw: the message is the hint."""


def expect(condition: object, symptom: str) -> None:
    """Fail the part with this hint unless the condition holds."""
    if not bool(condition):
        raise Symptom(symptom)


@dataclass(frozen=True)
class Result:
    """The outcome of one check.

    Attributes:
        passed, total: parts passed, of how many.
        hint: the hint of the first part that failed; None when all passed or nothing was tried.
        tried: False if the answer is the untouched cell, the placeholder or the reference itself.
    """

    passed: int
    total: int
    hint: str | None
    tried: bool = True

    @property
    def ok(self) -> bool:
        return self.tried and self.passed == self.total


class Lawful(Protocol):
    """What `laws` are here: `course_utils.exercises.laws.Law`, which stands on this module."""

    @property
    def name(self) -> str: ...

    @property
    def early(self) -> bool: ...

    def part(self, exercise: Exercise, /) -> Part: ...


@dataclass
class Exercise:
    """One exercise: its name, its reference implementation, and the parts of its check.

    Attributes:
        parts: what only this exercise is tried for.
        inputs: the description from which laws make what they try it on, `laws.Inputs`; None for the plainest.
        laws: what it obeys as others do; each is one more part, most of them after its own.
        waive: name of a law that seems to apply -> why it does not, or which part sees to it.
    """

    name: str
    reference: Answer
    parts: list[Part] = field(default_factory=list)
    inputs: Any = None
    laws: tuple[Lawful, ...] = ()
    waive: Mapping[str, str] = field(default_factory=dict)

    def part(self, function: Part) -> Part:
        """Decorator: add a part to the check. It raises `Symptom` (through `expect`) or returns."""
        self.parts.append(function)
        return function

    def all_parts(self) -> list[Part]:
        """What an answer is tried for, in order: early laws, the parts of its own, and the other laws."""
        early, late = ([law.part(self) for law in self.laws if law.early is when] for when in (True, False))
        return [*early, *self.parts, *late]

    def examine(self, answer: object) -> Result:
        """Try every part; nothing is printed and nothing raised, whatever the answer does."""
        parts = self.all_parts()
        total = len(parts)
        if answer is self.reference or isinstance(answer, Placeholder):
            return Result(0, total, None, tried=False)
        if not callable(answer):
            kind = type(answer).__name__
            return Result(0, total, f"`{self.name}` is now a {kind}, not something to call: run its cell again.")
        passed, hint = 0, None
        for part in parts:
            try:
                with _swallowed_output(), torch.random.fork_rng(devices=[]):
                    torch.manual_seed(0)
                    part(answer)
                passed += 1
            except NotImplementedError as error:
                if str(error) == self.name:
                    return Result(0, total, None, tried=False)
                hint = hint or _describe(error)
            except Symptom as symptom:
                hint = hint or str(symptom)
            except KeyboardInterrupt:
                hint = hint or "the check was interrupted before it was done: run it again."
                break
            except BaseException as error:  # SystemExit too: an answer must not end the lesson
                hint = hint or _describe(error)
        return Result(passed, total, hint)

    def check(self, answer: object) -> Answer:
        """Print the outcome in one fixed line (and a hint if it failed); return the answer or the reference."""
        result = self.examine(answer)
        if not result.tried:
            print(f"{self.name}: not tried yet")
            if answer is self.reference:
                print("  (the name holds the course's own version: run your cell above, then this one)")
            return self.reference
        if not result.ok:
            print(f"{self.name}: FAIL ({result.passed} of {result.total})")
            print(textwrap.indent(textwrap.fill(f"hint: {result.hint}", HINT_WIDTH), "  "))
            return self.reference
        print(f"{self.name}: PASS ({result.passed} of {result.total})")
        assert callable(answer)
        return answer


class Placeholder:
    """What an exercise's name holds before its cell has run, so that a check says so instead of a NameError."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError(self.name)

    def __repr__(self) -> str:
        return f"<{self.name}: not tried yet>"


def prepare_notebook(exercises: Iterable[Exercise]) -> None:
    """In a notebook, give each exercise's name that is not defined yet a placeholder. Elsewhere, do nothing."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return
    shell = get_ipython()  # type: ignore[no-untyped-call, unused-ignore]
    if shell is not None:
        for exercise in exercises:
            shell.user_ns.setdefault(exercise.name, Placeholder(exercise.name))


def untouched(function: Answer, *args: Any, **kwargs: Any) -> Any:
    """Call a student's function, and fail if it changed one of its arguments."""
    before = copy.deepcopy((args, kwargs))
    result = function(*args, **kwargs)
    for was, now in zip(_tensors(before), _tensors((args, kwargs)), strict=True):
        expect(
            was.shape == now.shape and torch.equal(was, now),
            "your function changes the tensors it is given: use `a * b` rather than `a *= b`, "
            "and no method whose name ends in an underscore.",
        )
    return result


def a_type(value: Any) -> str:
    """What a value is, with its article, for a hint: "a list", "an int"."""
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def expect_tensor(
    got: Any, shape: tuple[int, ...], dtype: torch.dtype | None = None, like: str = "the pictures that came in"
) -> torch.Tensor:
    """Fail with a hint unless `got` is a tensor of this shape (and of this dtype, that of `like`), without a nan."""
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    expect(isinstance(got, torch.Tensor), f"your function returns {a_type(got)}, it should return a tensor.")
    expect(
        tuple(got.shape) == tuple(shape),
        f"the result has shape {tuple(got.shape)}, it should have shape {tuple(shape)}.",
    )
    if dtype is not None:
        expect(
            got.dtype == dtype,
            f"the result is {_plain(got.dtype)}, it should be {_plain(dtype)}, the dtype of {like}: convert the other "
            "tensors to it, or make them in it.",
        )
    expect(
        not torch.isnan(got).any(),
        "the result contains nan: is there a square root of a negative number, or 0/0?",
    )
    return got


FLOAT64 = (
    "good for 7 digits, and later a thousand of these numbers are multiplied: give `dtype=torch.float64` to every "
    "tensor that you make."
)


def expect_float64(got: torch.Tensor) -> None:
    """Fail unless `got` is float64."""
    expect(got.dtype == torch.float64, f"the result is {_plain(got.dtype)}, {FLOAT64}")


def expect_same_again(answer: Answer, got: torch.Tensor, *args: Any) -> None:
    """Fail if a second call with the same arguments gives something else than `got`."""
    expect(
        close(answer(*args), got),
        "two calls with the same arguments give two results: use the noise `eps` that is passed in, and draw none.",
    )


def close(got: torch.Tensor, want: torch.Tensor, tolerance: float = 1e-6) -> bool:
    """Equal element by element, up to a relative and absolute tolerance."""
    return got.shape == want.shape and torch.allclose(
        got.detach().double(), want.detach().double(), rtol=tolerance, atol=tolerance
    )


def expect_values(
    got: torch.Tensor,
    want: torch.Tensor,
    mistakes: dict[str, torch.Tensor],
    otherwise: str,
    tolerance: float = 1e-6,
) -> None:
    """Fail unless `got` is `want`; if it is one of the known mistakes, with the hint that belongs to it.

    Args:
        got, want: what the answer gave and what it should be, the same shape.
        mistakes: hint -> the values that this mistake would give.
        otherwise: the hint for a wrong answer that nobody foresaw.
        tolerance: relative and absolute, element by element.
    """
    if close(got, want, tolerance):
        return
    for hint, wrong in mistakes.items():
        expect(not close(got, wrong, tolerance), hint)
    coarse = torch.allclose(got.detach().double(), want.detach().double(), rtol=1e-4, atol=0)
    expect(
        not coarse or got.dtype != torch.float64, f"the values are right to a few digits: a part is float32, {FLOAT64}"
    )
    expect(False, otherwise)


def _tensors(tree: object) -> Iterator[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _tensors(value)
    elif isinstance(tree, (tuple, list)):
        for value in tree:
            yield from _tensors(value)


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _describe(error: BaseException) -> str:
    """An exception from the student's own code, as a sentence."""
    text = " ".join(str(error).split())
    where = _line_of_answer(error)
    return f"your code raises {type(error).__name__}{where}" + (f": {text[:300]}" if text else ".")


def _line_of_answer(error: BaseException) -> str:
    """', in line 3 of its cell' for the last frame that stands in a notebook cell."""
    line, trace = None, error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "ipykernel" in name or name.startswith("<ipython"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" in line {line} of its cell" if line else ""


class _Sink(io.TextIOBase):
    """Takes all text and keeps none: an answer may print without end."""

    def write(self, text: str) -> int:
        return len(text)


@contextlib.contextmanager
def _swallowed_output() -> Iterator[None]:
    """Nothing an answer prints, warns of or displays reaches the page: a check's output is fixed."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError):
            from IPython.utils.capture import capture_output

            stack.enter_context(capture_output(stdout=False, stderr=False, display=True))
        stack.enter_context(contextlib.redirect_stdout(_Sink()))
        stack.enter_context(contextlib.redirect_stderr(_Sink()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield

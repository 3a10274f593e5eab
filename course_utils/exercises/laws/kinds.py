"""What goes in decides what comes out: dtype, device, and the order in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises.framework import FLOAT64
from course_utils.exercises.laws.inputs import SCHEDULES
from course_utils.exercises.laws.law import Law, Trial
from course_utils.exercises.laws.words import apart, difference, tensors

MIXED = ("expected device", "same device", "expected all tensors")


def dtypes(of: str | None = "the pictures that came in", *, digits: float = 1e-5, single: float = 1e-4) -> Law:
    """For pictures in float32 and in float64, with a schedule in float64, the result has the promised dtype and digits.

    Args:
        of: whose dtype is promised, for the hint; None if any will do.
        digits: how close a float64 result is to the reference, relative and absolute; 1e-9 where all digits matter.
        single: how close a float32 result is.
    """

    def look(trial: Trial) -> str | None:
        beside = " and a float64 schedule" if set(SCHEDULES) & set(trial.names) else ""
        for dtype, near in ((torch.float32, single), (torch.float64, digits)):
            got, want = trial.both(dtype=dtype)
            for a, b in zip(tensors(got), tensors(want), strict=False):
                if of is not None and a.dtype != b.dtype:
                    return (
                        f"with {_plain(dtype)} pictures{beside} the result is {_plain(a.dtype)}, it should be "
                        f"{_plain(b.dtype)}, the dtype of {of}: convert the other tensors to it, or make them in it."
                    )
            off = None if trial.random else difference(got, want, near)
            if off is not None:
                return f"with {_plain(dtype)} pictures {off}."
        return None

    return Law("dtypes", look)


def float64(*, digits: float | None = 1e-9, T: tuple[int, ...] = (20, 1000)) -> Law:
    """The result is float64, and so is everything on the way: a sum or product of many numbers keeps its digits.

    Args:
        digits: how close the result is to the reference, relative; None where many values are right.
        T: numbers of steps to try.
    """

    def look(trial: Trial) -> str | None:
        for steps in T:
            got, want = trial.both(T=steps)
            for a, b in zip(tensors(got), tensors(want), strict=False):
                if a.dtype != torch.float64:
                    return f"the result is {_plain(a.dtype)}, {FLOAT64}"
                if digits is None:
                    continue
                if a.shape != b.shape:
                    return f"with T = {steps} the result has shape {tuple(a.shape)}, it should have {tuple(b.shape)}."
                wrong = ~torch.isclose(a, b, rtol=digits, atol=1e-14 * float(b[b.isfinite()].abs().max()))
                if not bool(wrong.any()):
                    continue
                coarse = difference(got, want, 1e-4)
                if coarse is not None:
                    return f"with T = {steps} {coarse}."
                place = int(wrong.flatten().nonzero()[0])
                one, other = apart(float(a.flatten()[place]), float(b.flatten()[place]))
                return (
                    f"with T = {steps} the values are right to a few digits: entry {place} is {one}, it should be "
                    f"{other}. A part is float32, {FLOAT64}"
                )
        return None

    return Law("dtypes", look)


def devices() -> Law:
    """The result is where the pictures are, and nothing is made elsewhere.

    Tensors on "meta" have a device and no values, so this works without a GPU. An answer that takes values out, with
    `.tolist()` say, cannot be tried there, and need not be wrong.
    """

    def look(trial: Trial) -> str | None:
        given = {
            name: _moved(value, whole="t" in trial.rows) for name, value in trial.values(dtype=torch.float32).items()
        }
        try:
            result = trial.answer(given)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            mixed = any(words in str(error).lower() for words in MIXED)
            return "on a GPU this mixes devices: make no new tensor on the CPU." if mixed else None
        if any(tensor.device.type != "meta" for tensor in tensors(result)):
            return "the result is on another device than the pictures: make no new tensor on the CPU."
        return None

    return Law("devices", look)


def _moved(value: Any, whole: bool) -> Any:
    """On "meta"; a schedule stays on the CPU where no tensor of steps has to look things up in it."""
    if isinstance(value, Tensor) and (whole or value.ndim != 1):
        return value.to("meta")
    return value


def layouts(tolerance: float = 1e-5) -> Law:
    """The order of pictures in memory makes no difference: channels last, and a batch that is a view of one picture."""

    def look(trial: Trial) -> str | None:
        ways = {
            "with pictures in channels-last order": lambda x: x.contiguous(memory_format=torch.channels_last),
            "with pictures that are a transposed view": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
        }
        for words, way in ways.items():
            given, plain = trial.values(), trial.values()
            for name in trial.names:
                if isinstance(given[name], Tensor) and given[name].ndim == 4:
                    given[name] = way(given[name])
            try:
                got = trial.answer(given)
            except RuntimeError as error:
                if "view" in str(error):
                    return f"{words} your function fails: use `.reshape` where it says `.view`."
                raise
            if trial.random:
                continue
            off = difference(got, trial.want(plain), tolerance)
            if off is not None:
                return f"{words} {off}: the order in memory should make no difference."
        return None

    return Law("layouts", look)


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

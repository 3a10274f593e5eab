"""The bug hunt: pictures on two scales, and models that are compared with different numbers of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from course_utils import metrics
from course_utils.exercises.framework import Answer, Exercise, expect, untouched
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson10.checks.inputs import number

Read = Callable[[Tensor], Tensor]


def _fair_scores(read: Read, files: Tensor, candidates: Mapping[str, Tensor]) -> dict[str, float]:
    """Fréchet distance of each candidate from real pictures, all on one scale and all with equally many."""
    real = files.permute(0, 3, 1, 2).float() / 127.5 - 1  # (N, C, H, W) in [-1, 1], as the generated ones are
    n = min(len(real), *(len(x) for x in candidates.values()))
    return {name: metrics.frechet_distance(read(x[:n]), read(real[:n])) for name, x in candidates.items()}


fair_scores = Exercise("fair_scores", reference=_fair_scores)


class Reader:
    """A stand-in for the recogniser that remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Tensor] = []

    def __call__(self, x: Tensor) -> Tensor:
        expect(
            isinstance(x, Tensor) and x.ndim == 4 and x.shape[1] == 3,
            "`read` wants pictures (B, 3, H, W): the files are (N, H, W, 3), so permute them.",
        )
        expect(
            x.is_floating_point(), "`read` wants floating point pictures: the files hold whole numbers from 0 to 255."
        )
        self.shown.append(x)
        return x.double().flatten(1)[:, ::5]


def _files(n: int, seed: int) -> Tensor:
    """Pictures as a file holds them: (n, 6, 6, 3), uint8."""
    return ((0.4 * normal(n, 6, 6, 3, seed=seed)).clamp(-1, 1) * 127.5 + 127.5).round().to(torch.uint8)


def _as_made(files: Tensor) -> Tensor:
    return files.permute(0, 3, 1, 2).float() / 127.5 - 1


def _scores(answer: Answer, files: Tensor, candidates: dict[str, Tensor]) -> tuple[dict[str, float], Reader]:
    reader = Reader()
    got: Any = untouched(lambda f, c: answer(reader, f, c), files, candidates)
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    expect(
        isinstance(got, Mapping) and set(got) == set(candidates),
        "your function should return a dict, one distance for each name in `candidates`.",
    )
    return {name: number(value, "the distance").item() for name, value in got.items()}, reader


@fair_scores.part
def real_and_generated_are_on_one_scale(answer: Answer) -> None:
    files = _files(40, 1)
    got, reader = _scores(answer, files, {"the files themselves": _as_made(files)})
    low = min(x.min().item() for x in reader.shown)
    high = max(x.max().item() for x in reader.shown)
    expect(
        high < 2,
        f"`read` is shown values up to {high:.0f}: pictures lie in [-1, 1], so bring the files there.",
    )
    centres = [x.mean().item() for x in reader.shown]
    far = got["the files themselves"]
    expect(
        max(centres) - min(centres) < 0.2 and low < -0.1,
        f"the real pictures, given as a candidate too, are {far:.1f} away from themselves: one side is read in "
        f"[0, 1] and "
        "the other in [-1, 1]. Bring the files to the scale of the candidates: divide by 127.5, and subtract 1."
        if far > 1e-3
        else "both sides are brought to [0, 1]: the recogniser learnt on pictures in [-1, 1], so bring the "
        "files there.",
    )
    expect(
        far < 1e-6,
        f"the real pictures, given as a candidate too, are {far:.4f} away from themselves: it should be 0. Are "
        f"the values "
        "0 to 255 divided by 127.5, and 1 subtracted?",
    )


@fair_scores.part
def all_have_equally_many(answer: Answer) -> None:
    files = _files(300, 2)
    few, many = _as_made(_files(60, 3)), _as_made(_files(240, 4))
    got, reader = _scores(answer, files, {"few": few, "many": many})
    counts = sorted({len(x) for x in reader.shown})
    want = _fair_scores(Reader(), files, {"few": few, "many": many})
    alone = {
        name: metrics.frechet_distance(Reader()(x), Reader()(_as_made(files)))
        for name, x in (("few", few), ("many", many))
    }
    same_real = {
        name: metrics.frechet_distance(Reader()(x[:60]), Reader()(_as_made(files)))
        for name, x in (("few", few), ("many", many))
    }
    own = {
        name: metrics.frechet_distance(Reader()(x), Reader()(_as_made(files)[: len(x)]))
        for name, x in (("few", few), ("many", many))
    }
    for wrong in (alone, own):
        expect(
            not all(abs(got[name] - wrong[name]) < 1e-6 for name in got),
            f"60 and 240 pictures of the same kind get the distances {got['few']:.2f} and {got['many']:.2f}: "
            f"the one with "
            "more looks better for that alone. Take equally many of both.",
        )
    expect(
        not all(abs(got[name] - same_real[name]) < 1e-6 for name in got) or len(counts) == 1,
        "the candidates have equally many now, and the real side still has all 300: cut it too, so that the "
        "figure can be "
        "put beside a floor of real pictures with the same number.",
    )
    expect(
        all(abs(got[name] - want[name]) < 1e-6 * max(1, want[name]) for name in got),
        f"with 60 and 240 pictures the distances are {got['few']:.3f} and {got['many']:.3f}, they should be "
        f"{want['few']:.3f} and {want['many']:.3f}: the first 60 of each set, and the first 60 files.",
    )


@fair_scores.part
def few_files_bind_as_well(answer: Answer) -> None:
    files, x = _files(30, 5), _as_made(_files(80, 6))
    got, _ = _scores(answer, files, {"a": x, "b": x[:50]})
    want = _fair_scores(Reader(), files, {"a": x})["a"]
    expect(
        abs(got["a"] - want) < 1e-6 and abs(got["b"] - want) < 1e-6,
        f"with 30 files, and candidates of 80 and 50 pictures that begin alike, both distances should be "
        f"{want:.3f}, and here "
        f"they are {got['a']:.3f} and {got['b']:.3f}: the files can be the fewest.",
    )

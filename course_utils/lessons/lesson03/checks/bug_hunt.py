"""Checks of the bug hunt: how many directions an embedding uses, and one that uses them."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import models
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_tensor,
    expect_values,
)
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference
from course_utils.models import timed

variance_shares = Exercise(
    "variance_shares",
    reference=timed.variance_shares,
    inputs=laws.Inputs(make={"embedding": lambda sizes: normal(12, 4, seed=5, dtype=sizes.dtype)}),
    laws=(laws.unchanged(),),
)


def _kinds(trial: laws.Trial) -> str | None:
    """float32 and float64 stay what they are; which embedding it is, is free."""
    for dtype in (torch.float32, torch.float64):
        expect_tensor(trial.answer(trial.values(dtype=dtype)), (4, 8), dtype, like="u")
    return None


mended_embedding = Exercise(
    "mended_embedding",
    reference=timed.mended_embedding,
    inputs=laws.Inputs(names=("u",), make={"u": lambda sizes: torch.linspace(0, 1, sizes.B, dtype=sizes.dtype)}),
    laws=(laws.unchanged(), laws.Law("dtypes", _kinds)),
    waive={"settings": "many embeddings are right, and mended_does_not_ask_the_batch asks for 16 features"},
)

MOST = 0.5  # what the largest component of the mended embedding may hold of the variance


@variance_shares.part
def shares_have_the_right_values(answer: Answer) -> None:
    # Stretched along hidden axes, and far from the origin.
    mixed = normal(40, 5, seed=1) @ torch.diag(torch.tensor([3.0, 1.5, 1.0, 0.4, 0.1]).double()) @ normal(5, 5, seed=2)
    table = mixed + 4 * normal(5, seed=3)
    got = answer(table)
    if isinstance(got, Tensor):
        expect(got.ndim > 0, "there is a single number, there should be one share for each component.")
        expect(got.shape != (40,), "there are 40 numbers, one for each row: there are as many components as columns.")
    got = expect_tensor(got, (5,))
    centred = table - table.mean(0)
    want = timed.variance_shares(table)
    spectrum = torch.linalg.svdvals(centred)
    raw = torch.linalg.svdvals(table).square()
    own = centred.square().sum(0)
    by_row = torch.linalg.svdvals(table - table.mean(1, keepdim=True)).square()
    stretched = torch.linalg.svdvals(centred / table.std(0)).square()
    expect_values(
        got,
        want,
        {
            "the mean was not taken away first: what is far from the origin counts as spread.": raw / raw.sum(),
            "these are shares of the singular values: a variance is their square.": spectrum / spectrum.sum(),
            "these are the variances themselves: divide by their sum, so that they are shares.": spectrum.square(),
            "these are the variances themselves: divide by their sum, so that they are shares. ": spectrum.square()
            / 39,
            "these are the variances themselves: divide by their sum, so that they are shares.  ": spectrum.square()
            / 40,
            "these are the singular values: square them, and divide by the sum of the squares.": spectrum,
            "the smallest share comes first, it should be the largest.": want.flip(0),
            "these are the shares of the columns: principal components are directions, found by a singular value "
            "decomposition.": own / own.sum(),
            "these are the shares of the columns, sorted: principal components are directions, found by a singular "
            "value decomposition.": (own / own.sum()).sort(descending=True).values,
            "the mean of each row was taken away: take away that of each column, over the steps.": by_row
            / by_row.sum(),
            "the columns were brought to the same variance first: what hardly moves then counts as much as the rest.": (
                stretched / stretched.sum()
            ),
            "the shares are divided by the largest of them, it should be by their sum.": want / want[0],
            "these are running sums of the shares: give the shares themselves.": want.cumsum(0),
        },
        f"{difference(got, want, 1e-4)}.",
        tolerance=1e-4,
    )


@variance_shares.part
def shares_see_a_line_and_a_circle(answer: Answer) -> None:
    t = torch.arange(1000, dtype=torch.float64)
    line = expect_tensor(answer(t[:, None] * torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)), (3,))
    expect(close(line, torch.tensor([1.0, 0.0, 0.0]), 1e-5), "on a straight line all variance is one component.")
    angle = 2 * torch.pi * t / 1000
    circle = expect_tensor(answer(torch.stack([angle.sin(), angle.cos()], 1) + 7), (2,))
    expect(close(circle, torch.tensor([0.5, 0.5]), 1e-5), "a circle has two components of one half each.")


@variance_shares.part
def shares_add_up_and_keep_the_dtype(answer: Answer) -> None:
    got = expect_tensor(answer(normal(30, 6, seed=4, dtype=torch.float32)), (6,), torch.float32, like="the embedding")
    expect(close(got.sum(), torch.ones(()), 1e-4), f"the shares add up to {got.sum().item():.6g}, it should be 1.")


def _embedded(answer: Answer, u: Tensor, features: int = 8) -> Tensor:
    got = answer(u, features)
    if isinstance(got, Tensor):
        n = len(u)
        expect(got.shape != (features, n), "the result has a row for each feature: turn it around, a row for each t.")
        expect(
            got.ndim != 2 or got.shape[0] != n or got.shape[1] == features,
            f"there are {got.shape[-1]} features, and {features} were asked for: the clocks are too slow, not too few.",
        )
    return expect_tensor(got, (len(u), features))


def _every_step() -> Tensor:
    return torch.linspace(0, 1, 1001, dtype=torch.float64)


@mended_embedding.part
def mended_is_no_raw_float(answer: Answer) -> None:
    u = _every_step()
    got = _embedded(answer, u)
    expect(close(answer(u, 8), got), "two calls with the same u give two results: an embedding must not change.")
    expect(
        bool((got - got[:1]).abs().median() > 1e-9),
        "every step gets the same vector: is u, which lies between 0 and 1, rounded to a whole number?",
    )
    share = timed.variance_shares(got)[0].item()
    bug = models.sinusoidal_embedding(u, 8)
    expect(
        not close(got, bug, 1e-4),
        "this is the colleague's embedding: 98 % of its variance is one component. While u goes from 0 to 1, no clock "
        "gets even through a sixth of a turn.",
    )
    expect(
        share <= 0.9,
        f"{100 * share:.0f} % of the variance is one component: still a raw float. Stretching the columns, or more of "
        "the same slow clocks, does not help: let them run faster.",
    )
    expect(
        share <= MOST,
        f"the largest component still holds {100 * share:.0f} % of the variance: the clocks hardly get round once. "
        "Let the fast ones turn many times while u goes from 0 to 1.",
    )


@mended_embedding.part
def mended_likens_neighbours_alone(answer: Answer) -> None:
    got = _embedded(answer, _every_step())
    likeness = timed.similarity_map(got)
    neighbours = likeness.diagonal(1).min().item()
    expect(
        neighbours > 0.5,
        f"two neighbouring steps have similarity {neighbours:.2f}: the clocks are so fast that neighbours look "
        "unrelated. 1000 steps with one radian each for the fastest are enough.",
    )
    expect(
        likeness[0, -1].item() < 0.999,
        "the first step and the last get the same vector: every clock ends where it began. Let some turn slowly, or "
        "not by whole turns.",
    )
    i = torch.arange(len(got))
    far = (i[:, None] - i).abs() > 50
    twin = torch.where(far, likeness, -1.0).max().item()
    expect(
        twin < 0.9995,
        "steps that are far apart get the same vector: all the clocks repeat after a few steps. Keep slow ones too.",
    )


@mended_embedding.part
def mended_does_not_ask_the_batch(answer: Answer) -> None:
    u = _every_step()[::100]
    together = _embedded(answer, u)
    alone = torch.cat([_embedded(answer, one) for one in u.split(1)])
    expect(
        close(together, alone, 1e-5),
        "a step alone gets another vector than the same step in a batch: compute it from u and nothing else.",
    )
    got = expect_tensor(answer(u, 16), (11, 16))
    wide = timed.variance_shares(_embedded(answer, _every_step(), 16))[0].item()
    expect(wide <= MOST, f"with 16 features, {100 * wide:.0f} % of the variance is one component.")
    expect(bool(got.abs().max() < 100), "some features are huge: keep them about as large as 1, as sines are.")

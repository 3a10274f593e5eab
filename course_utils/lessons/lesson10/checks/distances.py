"""Checks of the two distances between sets of features, and of the way to infinitely many images."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import metrics
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, expect, expect_values
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson10.checks.inputs import as_number, features, number


def _in_float64(shift: float) -> laws.Law:
    """Float32 features, as a network gives them, are computed in float64; this far from 0 it makes a difference."""

    def look(trial: laws.Trial) -> str | None:
        a, b = (x.float() for x in (features(60, 5, 1, shift=shift), features(50, 5, 2, scale=1.6, shift=shift)))
        try:
            got = number(trial.mine(a, b), "the distance").item()
        except RuntimeError as error:
            expect(
                "dtype" not in str(error),
                "float32 features, as a network gives them, meet float64 ones on the way, and your code stops: make "
                "both sets float64 first, with `.double()`.",
            )
            raise
        want = trial.right(a, b)
        if abs(got - want) <= 1e-6 * abs(want):
            return None
        one, other = apart(got, want)
        return (
            f"with float32 features, as a network gives them, the distance is {one}, and {other} if it is computed in "
            "float64: make both sets float64 first, with `.double()`."
        )

    return laws.Law("dtypes", look)


_SETS = laws.Inputs(make={"a": features(9, 4, 20), "b": features(11, 4, 21, shift=0.5)})
_NOTHING_LEARNS = "one plain number comes back, and nothing learns from it"

frechet_distance = Exercise(
    "frechet_distance",
    reference=metrics.frechet_distance,
    inputs=_SETS,
    laws=(laws.unchanged(), _in_float64(shift=1000.0)),
    waive={"gradients": _NOTHING_LEARNS, "any_size": "the parts try sets of 12 to 80 images and 5 to 24 features"},
)
extrapolate = Exercise("extrapolate", reference=metrics.extrapolate)
kernel_distance = Exercise(
    "kernel_distance",
    reference=metrics.kernel_distance,
    inputs=_SETS,
    laws=(laws.unchanged(), _in_float64(shift=20.0)),
    waive={"gradients": _NOTHING_LEARNS, "any_size": "the parts try sets of 2 to 31 images and 1 to 6 features"},
)


def _said(got: Tensor, want: Tensor) -> str:
    """The two numbers, with as many digits as it takes to tell them apart."""
    return "{}, it should be {}".format(*apart(got.item(), want.item()))


def _root(c: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(c)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


@frechet_distance.part
def frechet_has_the_right_value(answer: Answer) -> None:
    a, b = features(60, 5, 1), features(60, 5, 2, scale=1.6, shift=0.7)
    got = number(answer(a, b), "the distance")
    c_a, c_b = a.T.cov(), b.T.cov()
    apart = a.mean(0) - b.mean(0)
    means, traces = apart.square().sum(), c_a.trace() + c_b.trace()
    shared = torch.linalg.eigvals(c_a @ c_b).real.clamp_min(0).sqrt().sum()
    want = means + traces - 2 * shared
    small = 59 / 60  # covariances with N in the denominator
    across = torch.linalg.eigvals(a.cov() @ b.cov()).real.clamp_min(0).sqrt().sum()
    spreads = (c_a.diagonal().sqrt() - c_b.diagonal().sqrt()).square().sum()
    mistakes = {
        "the covariance is that of images with images, 60 by 60: `torch.cov` takes its variables as rows, so give it "
        "the features turned, `a.T`.": means + a.cov().trace() + b.cov().trace() - 2 * across,
        "the term of the means is missing.": traces - 2 * shared,
        "the means' distance is not squared.": means.sqrt() + traces - 2 * shared,
        "the squared difference of the means is averaged over the features: it is a sum.": (
            apart.square().mean() + traces - 2 * shared
        ),
        "this is d: the formula gives its square, so take no root at the end.": want.sqrt(),
        "the factor 2 before the last trace is missing.": means + traces - shared,
        "the product of the covariances has no root.": means + traces - 2 * (c_a @ c_b).trace(),
        "the root is taken element by element: it is that of the matrix, so take the roots of its eigenvalues.": (
            means + traces - 2 * (c_a @ c_b).diagonal().abs().sqrt().sum()
        ),
        "this multiplies the two matrix roots: the formula has the root of the product.": (
            means + traces - 2 * (_root(c_a) @ _root(c_b)).trace()
        ),
        "only the variances are compared: the covariances between features are missing.": means + spreads,
        "the last trace is added: it is subtracted, so that equal sets are at distance 0.": means + traces + 2 * shared,
        "the covariances are divided by N: `torch.cov` divides by N - 1, because the mean was estimated too.": (
            means + small * (traces - 2 * shared)
        ),
    }
    expect_values(
        got,
        want,
        {hint: as_number(value) for hint, value in mistakes.items()},
        f"the distance of two small sets is {_said(got, want)}.",
    )


@frechet_distance.part
def frechet_copes_with_few_images(answer: Answer) -> None:
    a, b = features(12, 24, 3), features(17, 24, 4, scale=1.3)
    want = as_number(metrics.frechet_distance(a, b))
    got = number(answer(a, b), "with fewer images than features the distance")
    expect(
        abs(got - want) < 0.01 * want,
        f"with 12 and 17 images of 24 features the distance is {_said(got, want)}: such covariances have eigenvalues "
        "that are 0, and rounding makes some of them negative or complex. Take the real part, and clamp it at 0 before "
        "the root.",
    )


@frechet_distance.part
def frechet_of_equal_sets_is_zero(answer: Answer) -> None:
    a = features(80, 6, 5)
    same = number(answer(a, a.clone()), "the distance").item()
    expect(abs(same) < 1e-5, f"the distance of a set from itself is {same:.4f}, it should be 0.")
    b = features(50, 6, 6, scale=0.5)
    there, back = (number(answer(*pair), "the distance").item() for pair in ((a, b), (b, a)))
    one, other = apart(there, back)
    expect(abs(there - back) < 1e-6 * there, f"from a to b it is {one}, and from b to a {other}: it should be as far.")
    far = number(answer(a + 1e3, b + 1e3), "the distance").item()
    one, other = apart(far, there)
    expect(
        abs(far - there) < 1e-4 * there,
        f"when both sets move by the same amount the distance becomes {one}, it should stay {other}.",
    )


@extrapolate.part
def extrapolation_follows_the_line(answer: Answer) -> None:
    counts = [100, 200, 400, 1600]
    n = torch.tensor(counts, dtype=torch.float64)
    values = 2.5 + 300 / n + torch.tensor([0.05, -0.1, 0.1, -0.05])
    u = 1 / n
    got = number(answer(counts, values.tolist()), "the end of the line")
    expect_values(
        got,
        as_number(metrics.extrapolate(counts, values.tolist())),
        {
            "this is the slope of the line: its height at 1/n = 0 is wanted.": as_number(_line(u, values)[0]),
            "the line goes through the points (n, value): the bias falls as 1/n, so fit against 1/n.": (
                as_number(_line(n, values)[1])
            ),
            "the line goes through (1/sqrt(n), value): the bias falls as 1/n.": as_number(_line(u.sqrt(), values)[1]),
            "this is the mean of the values.": values.mean(),
            "this is the value with most images: follow the line further, to 1/n = 0.": values[-1],
            "the line goes through the first and the last point alone: use all, by least squares.": (
                as_number(values[-1] - u[-1] * (values[0] - values[-1]) / (u[0] - u[-1]))
            ),
            "the line goes through the last two points alone: use all, by least squares.": (
                as_number(values[-1] - u[-1] * (values[2] - values[-1]) / (u[2] - u[-1]))
            ),
            "this is the line's height at 1/n = 1, one image: wanted is that at 0.": as_number(sum(_line(u, values))),
        },
        f"the values fall from {values[0]:.2f} to {values[-1]:.2f}, and the line through them ends at "
        f"{metrics.extrapolate(counts, values.tolist()):.3f}; yours at {got.item():.3f}.",
    )


def _line(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Slope and height at 0 of the line of least squares."""
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return slope.item(), (y.mean() - slope * x.mean()).item()


@extrapolate.part
def extrapolation_may_end_below_zero(answer: Answer) -> None:
    got = number(answer([10, 20, 40], [1.0, 0.4, 0.1]), "the end of the line").item()
    expect(abs(got + 0.2) < 1e-6, f"this line ends at -0.2, and yours at {got:.3f}: nothing is cut off at 0.")
    repeated = number(answer([10, 10, 20, 20], [2.1, 1.9, 1.1, 0.9]), "the end of the line").item()
    expect(abs(repeated) < 1e-6, "where a number of images is measured twice, both values count.")


def _kernel_sums(a: Tensor, b: Tensor, power: int = 3, width: float | None = None, plus: float = 1) -> list[Tensor]:
    """Sums of the kernel over all pairs within a, within b and across, and over the diagonals of the first two."""
    width = width or a.shape[1]
    aa, bb, ab = (((x @ y.T) / width + plus).pow(power) for x, y in ((a, a), (b, b), (a, b)))
    return [aa.sum(), bb.sum(), ab.sum(), aa.trace(), bb.trace(), ab.trace()]


def _unbiased(sums: list[Tensor], n: int, m: int) -> Tensor:
    aa, bb, ab, aa_own, bb_own, _ = sums
    return (aa - aa_own) / (n * (n - 1)) + (bb - bb_own) / (m * (m - 1)) - 2 * ab / (n * m)


@kernel_distance.part
def kernel_distance_has_the_right_value(answer: Answer) -> None:
    n, d = 20, 6
    a, b = features(n, d, 7), features(n, d, 8, scale=1.8, shift=0.5)
    got = number(answer(a, b), "the distance")
    sums = _kernel_sums(a, b)
    aa, bb, ab, aa_own, bb_own, ab_own = sums
    want = _unbiased(sums, n, n)
    pairs = n * (n - 1)
    expect_values(
        got,
        want,
        {
            "pairs of an image with itself are counted: leave the diagonal out, or few images look far apart.": (
                (aa + bb - 2 * ab) / n**2
            ),
            "the diagonal is left out, and the sum is still divided by n * n: there are n * (n - 1) pairs left.": (
                (aa - aa_own + bb - bb_own - 2 * ab) / n**2
            ),
            "the diagonal is left out across the two sets as well: there it holds ordinary pairs, of two images.": (
                (aa - aa_own + bb - bb_own - 2 * (ab - ab_own)) / pairs
            ),
            "the factor 2 before the pairs across is missing.": want + ab / n**2,
            "the pairs across are added: they are subtracted.": want + 4 * ab / n**2,
            "the scalar product is not divided by D, the number of features.": (
                _unbiased(_kernel_sums(a, b, width=1.0), n, n)
            ),
            "the 1 in the kernel is missing.": _unbiased(_kernel_sums(a, b, plus=0), n, n),
            "the kernel is a square: it is a cube.": _unbiased(_kernel_sums(a, b, power=2), n, n),
            "the kernel has no power: with it, only the means would be compared.": _unbiased(
                _kernel_sums(a, b, power=1), n, n
            ),
            "a root is taken at the end: the square itself is wanted, which may be negative.": want.abs().sqrt(),
        },
        f"the distance of two small sets is {_said(got, want)}.",
    )


@kernel_distance.part
def kernel_distance_takes_sets_of_two_sizes(answer: Answer) -> None:
    a, b = features(15, 6, 9), features(31, 6, 10, scale=1.8, shift=0.5)
    got = number(answer(a, b), "the distance")
    sums = _kernel_sums(a, b)
    want = _unbiased(sums, 15, 31)
    expect_values(
        got,
        want,
        {"both sets are taken to be as large as the first: use M for the second.": _unbiased(sums, 15, 15)},
        f"with 15 images on one side and 31 on the other the distance is {_said(got, want)}.",
    )
    got = number(answer(torch.zeros(2, 1).double(), torch.ones(2, 1).double()), "the distance")
    expect(
        abs(got - 7) < 1e-9,
        f"the docstring's example, two images of one feature each, gives {_said(got, as_number(7))}.",
    )


@kernel_distance.part
def kernel_distance_has_no_bias(answer: Answer) -> None:
    pairs = [(features(8, 4, 100 + 2 * s), features(8, 4, 101 + 2 * s)) for s in range(60)]
    found = torch.stack([number(answer(a, b), "the distance") for a, b in pairs])
    error = (found.std() / 60**0.5).item()
    expect(
        found.mean().abs() < 4 * error,
        f"sets of eight images of the same kind are {found.mean().item():.2f} apart on average, it should be 0.",
    )
    expect(
        bool((found < 0).any()), "the distance never is negative: nothing should be cut off at 0, or its mean is not 0."
    )

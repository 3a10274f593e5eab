"""Comparisons over seeds, and verdicts that can go each way."""

import numpy as np
import pytest
from scipy import stats

from course_utils.errors import CourseError
from course_utils.experiments import CLAIM_MIME, CLOSE, FAILS, HOLDS, Comparison, claim, claim_equal, compare


def runs(**values):
    count = len(next(iter(values.values())))
    return Comparison("points", tuple(range(count)), {name: np.array(v, dtype=float) for name, v in values.items()})


def verdict(comparison, **kwargs):
    return claim("a beats b", "a test", comparison, more="a", less="b", **kwargs).verdict


def test_every_variant_runs_with_every_seed_once():
    calls = []
    result = compare(
        {name: lambda seed, name=name: calls.append((name, seed)) or seed for name in "ab"}, [5, 6], "x", progress=False
    )
    assert calls == [("a", 5), ("b", 5), ("a", 6), ("b", 6)]
    assert result.seeds == (5, 6) and result.runs["b"].tolist() == [5, 6]


def test_the_table_has_mean_spread_and_every_run():
    table = runs(a=[1, 2, 6], b=[0, 0, 0]).table()
    assert table.loc["a", "mean"] == 3 and table.loc["a", "spread"] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert table.loc["a", "seed 2"] == 6 and table.loc["b", "spread"] == 0


def test_the_table_of_what_is_not_random_has_one_column():
    table = compare({"a": lambda _: 2.0}, [0], "x", random=False, progress=False).table()
    assert list(table.columns) == ["value"] and table.loc["a", "value"] == 2


def test_several_figures_of_one_run_become_columns():
    pair = compare({"run": lambda seed: [seed, 10 * seed]}, [1, 2], "x", progress=False).columns("run", ["one", "ten"])
    assert pair.runs["one"].tolist() == [1, 2] and pair.runs["ten"].tolist() == [10, 20] and pair.seeds == (1, 2)


def test_curves_are_kept_and_reduced_by_map():
    result = compare({"a": lambda seed: [seed, seed + 1, seed + 2]}, range(3), "curve", progress=False)
    assert result.runs["a"].shape == (3, 3)
    assert result.map(np.max, "largest").runs["a"].tolist() == [2, 3, 4]
    with pytest.raises(CourseError, match="curves"):
        result.table()
    with pytest.raises(CourseError, match=r"Comparison\.map"):
        claim_equal("a is 1", "a test", result, "a", 1, 0.1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([3, 3.1, 2.9], [1, 1.1, 0.9], HOLDS), ([1, 1.1, 0.9], [3, 3.1, 2.9], FAILS), ([1, 5, 3], [2, 3, 2.5], CLOSE)],
)
def test_verdicts_go_each_way(a, b, expected):
    assert verdict(runs(a=a, b=b)) == expected


def test_runs_are_paired_by_seed():
    # Seeds differ by far more than the variants do; within each seed a is ahead by about 1.
    assert verdict(runs(a=[11, 101.1, 1001], b=[10, 100, 1000])) == HOLDS


def test_the_margin_counts():
    ahead = runs(a=[1.1, 1.12, 1.08], b=[1, 1, 1])
    assert verdict(ahead) == HOLDS and verdict(ahead, margin=0.5) == FAILS


def test_the_interval_is_students():
    a, b = [1.0, 5.0, 3.0], [2.0, 3.0, 2.5]
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert f"95 % interval {low:.3f} to {high:.3f} (3 seeds)" in claim("x", "y", runs(a=a, b=b), "a", "b").measured


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 1.01, 0.99], HOLDS), ([2, 2.01, 1.99], FAILS), ([1, 1.5, 0.7], CLOSE)]
)
def test_equality_has_three_verdicts_too(values, expected):
    assert claim_equal("a is 1", "a test", runs(a=values), "a", expected=1, tolerance=0.1).verdict == expected


def test_without_randomness_one_run_is_enough():
    result = compare({"a": lambda _: 2.0, "b": lambda _: 1.0}, [0], "x", random=False, progress=False)
    assert claim("a > b", "y", result, "a", "b").verdict == HOLDS
    assert claim("b > a", "y", result, "b", "a").verdict == FAILS


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: compare({}, [1], "x"), "at least one variant"),
        (lambda: compare({"a": lambda seed: 1}, [], "x"), "one seed"),
        (lambda: compare({"a": lambda seed: float("nan")}, [1], "x", progress=False), "'a' with seed 1"),
        (lambda: claim("x", "y", runs(a=[1, 2]), more="a", less="c"), "'c' was not compared"),
        (lambda: claim("x", "y", runs(a=[1], b=[2]), more="a", less="b"), "two seeds"),
    ],
)
def test_what_cannot_be_compared_gets_a_sentence(call, sentence):
    with pytest.raises(CourseError, match=sentence):
        call()


def test_a_claim_shows_as_a_box_and_as_text():
    made = claim("a < b & so on", "Someone 2020", runs(a=[1, 1], b=[2, 2.1]), more="b", less="a")
    bundle = made._repr_mimebundle_()
    assert "&lt;" in bundle["text/markdown"] and "**Verdict:**" in bundle["text/markdown"]
    assert "Claim: a < b & so on (Someone 2020)" in bundle["text/plain"]
    assert bundle[CLAIM_MIME]["statement"] == "a < b & so on"

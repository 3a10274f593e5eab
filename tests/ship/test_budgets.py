"""A checkout stays small: weights a lesson, executed notebooks, and all that is tracked, each within its budget."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from course_utils import slices, weights
from course_utils.pretrained.recipes import recipes

ROOT = Path(__file__).resolve().parents[2]
MB, MIB = 1e6, 2**20

BY_DEFAULT = 1.0  # MB of weights a lesson, in 16 bits
JUDGES = 4.0  # MB of what lessons are judged by, and share: recognisers and oracle
# Lessons that may declare more in their slice's `budget.py`: those with the course's generators, which other lessons
# load, and 11 with a classifier for each of the first two.
MORE, AT_MOST = ("04", "11", "12", "15", "18", "19"), 8.0
ALL_WEIGHTS = 40.0

# Lessons that are over their budget today, with what they may weigh until they are trained anew, smaller. An entry
# goes when its lesson fits, and none may be added.
OVER = {"12": 10.1}

NOTEBOOK = 0.8  # MB an executed notebook, on the average

TREE, LESSONS = 76.0, 28  # MiB with all lessons


def budget(number: str) -> float:
    """MB of weights that a lesson may have."""
    if number == "judges":
        return JUDGES
    declared = slices.part(number, "budget")
    return BY_DEFAULT if declared is None else float(declared.WEIGHTS)


def complaints(sizes: Mapping[str, int], owners: Mapping[str, str], over: Mapping[str, float] = OVER) -> list[str]:
    """What is too large: weights by name in bytes, and whose they are."""
    found = [f"Nobody's recipe makes {name}." for name in sizes if name not in owners]
    found += [f"{name} is above {weights.MAX_BYTES / MB:g} MB." for name, b in sizes.items() if b > weights.MAX_BYTES]
    for number in sorted({*owners.values()}):
        total = sum(b for name, b in sizes.items() if owners.get(name) == number) / MB
        allowed = over.get(number, budget(number))
        if total > allowed:
            found.append(f"The weights of lesson {number} are {total:.2f} MB, and {allowed:g} MB are its budget.")
        if number in over and total <= budget(number):
            found.append(f"Lesson {number} is within its budget: take it from OVER.")
    if sum(sizes.values()) / MB > ALL_WEIGHTS:
        found.append(f"All weights together are above {ALL_WEIGHTS:g} MB.")
    return found


def declarations() -> list[str]:
    """What is wrong with the budgets that lessons declare."""
    declared = {number: budget(number) for number in slices.numbers() if slices.has(number, "budget")}
    return [f"Lesson {number} may not declare {mb:g} MB." for number, mb in declared.items() if not allowed(number, mb)]


def allowed(number: str, mb: float) -> bool:
    return number in MORE and BY_DEFAULT < mb <= AT_MOST


def test_weights_are_within_their_budgets() -> None:
    sizes = {file.stem: file.stat().st_size for file in (ROOT / "weights").glob("*.safetensors")}
    assert len(sizes) > 10
    assert complaints(sizes, {name: recipe.lesson for name, recipe in recipes().items()}) == []
    assert declarations() == []


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ({"a": 600_000, "b": 500_000}, "lesson 02 are 1.10 MB"),
        ({"c": 3_900_000, "d": 3_900_000, "e": 300_000}, "lesson 12 are 8.10 MB"),
        ({"a": 4_100_000}, "a is above 4 MB"),
        ({"stray": 1}, "Nobody's recipe makes stray"),
        ({f"judge-{k}": 3_900_000 for k in range(11)}, "All weights together"),
    ],
)
def test_too_much_is_noticed(sizes: dict[str, int], complaint: str) -> None:
    owners = {"a": "02", "b": "02", "c": "12", "d": "12", "e": "12", **{f"judge-{k}": "judges" for k in range(11)}}
    assert any(complaint in found for found in complaints(sizes, owners, over={}))
    assert complaints({"a": 900_000, "c": 3_900_000, "d": 3_900_000}, owners, over={}) == []


def test_an_exception_that_is_no_longer_needed_is_noticed() -> None:
    assert complaints({"a": 900_000}, {"a": "02"}, over={"02": 2.0}) == [
        "Lesson 02 is within its budget: take it from OVER."
    ]
    assert complaints({"a": 1_500_000}, {"a": "02"}, over={"02": 1.4}) == [
        "The weights of lesson 02 are 1.50 MB, and 1.4 MB are its budget."
    ]


def test_only_a_few_lessons_may_declare_more() -> None:
    assert allowed("12", 8.0) and allowed("19", 3.0)
    assert not allowed("02", 2.0) and not allowed("12", 8.5)


def average(notebooks: list[int]) -> float:
    """MB a notebook."""
    return sum(notebooks) / len(notebooks) / MB


def test_executed_notebooks_are_small_on_the_average() -> None:
    found = average([file.stat().st_size for file in (ROOT / "solutions").glob("*.ipynb")])
    assert found <= NOTEBOOK, f"{found:.2f} MB a notebook"


def test_large_notebooks_are_noticed() -> None:
    assert average([700_000, 800_000]) <= NOTEBOOK < average([700_000, 1_000_000])


def tree(sizes: Mapping[str, int], lessons: int) -> float:
    """MiB of all tracked files once there are `LESSONS` lessons, each as heavy as the average of those there are.

    What grows with the lessons is what lies in `solutions`, `notebooks`, and the weights; of these the budget of all
    weights together is taken if it is less.
    """
    grows = sum(b for name, b in sizes.items() if name.startswith(("solutions/", "notebooks/")))
    heavy = sum(b for name, b in sizes.items() if name.startswith("weights/"))
    rest = sum(sizes.values()) - grows - heavy
    return (rest + grows * LESSONS / lessons + min(heavy * LESSONS / lessons, ALL_WEIGHTS * MB)) / MIB


def test_the_tree_stays_small() -> None:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    files = {name: ROOT / name for name in done.stdout.split("\0") if name}
    sizes = {name: path.stat().st_size for name, path in files.items() if path.is_file()}
    lessons = len(list((ROOT / "solutions").glob("*.py")))
    found = tree(sizes, lessons)
    assert found <= TREE, f"{found:.1f} MiB with {LESSONS} lessons, each as heavy as those there are"


def test_a_heavy_tree_is_noticed() -> None:
    sizes = {"README.md": 2 * MIB, "solutions/00_x.ipynb": 1 * MIB, "weights/x.safetensors": 1 * MIB}
    assert tree(sizes, lessons=1) == 2 + 28 + 28 <= TREE
    assert tree(sizes, lessons=28) == 4
    assert tree({**sizes, "solutions/00_x.ipynb": 2 * MIB}, lessons=1) > TREE
    assert tree({**sizes, "docs/film.gif": 40 * MIB}, lessons=1) > TREE
    assert tree({"weights/x.safetensors": 10 * MIB}, lessons=1) == ALL_WEIGHTS * MB / MIB

"""Damaged notebooks: whatever is in one, it costs its own row and no other, and nothing but a CourseError is raised.

The runs themselves are left out here, so that thousands can be read; what a run makes of an odd answer, one test tries
with a kernel.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_tools import grading
from course_tools.grading.answers import ANSWERED
from course_tools.grading.assemble import assemble
from course_tools.grading.rounds import Findings
from tests.grading import mini_lesson
from tests.grading.mini_lesson import POINTS, RIGHT, student

BATCH = 20
BATCHES = 100 if os.environ.get("ALL") else 10


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


ODD_SOURCES = (
    "# half \ud83c",
    "x = " + "-" * 1500 + "1",
    "x = " + "+".join(["1"] * 1500),
    "x = " + "f(" * 400 + ")" * 400,
    "x" + ".y" * 2000,
    "if 1:\n" + "".join(f"{' ' * level}if 1:\n" for level in range(1, 120)),
    "%nosuchmagic\n" * 600,
    "\0",
    "\ufeffx = 1",
    "x = '''",
    "a\\",
    "?" * 300,
    "double: " + "\n" * 500,
    "def double(x):\n    return '\udc80\u2028\x0c'",
)
ODD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ODD_SOURCES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
) | st.sampled_from([deep(300), deep(900), 10**400, "9" * 5000, ["x", 1, None], list(ODD_SOURCES)])
WHERE = ("cells", "cell_type", "source", "metadata", "id", "tags", "exercise", "course", "edition", "nbformat")


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each part of a notebook's JSON."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(found for key, part in inside for found in places(part, (*way, key)))]


def changed(notebook: Any, way: tuple[Any, ...], value: Any) -> Any:
    """The notebook with something else in one place."""
    if not way:
        return value
    above = notebook
    for key in way[:-1]:
        above = above[key]
    above[way[-1]] = value
    return notebook


WHOLE = json.dumps(student({**RIGHT, "total": mini_lesson.student_cell("total")}))
PLACES = [way for way in places(json.loads(WHOLE)) if not way or isinstance(way[-1], int) or way[-1] in WHERE]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A notebook with odd things in it, or with some of its bytes lost, changed or cut off."""
    notebook: Any = json.loads(WHOLE)
    for _ in range(draw(st.integers(0, 2))):
        way = draw(st.sampled_from(PLACES))
        try:
            notebook = changed(notebook, way, draw(ODD_VALUES))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took that place away
    for cell in draw(st.lists(st.sampled_from(list(POINTS)), max_size=2)):
        source = draw(st.sampled_from(ODD_SOURCES) | st.text(max_size=40))
        for found in notebook.get("cells") or [] if isinstance(notebook, dict) else []:
            if isinstance(found, dict) and found.get("id") == cell:
                found["source"] = source
    content = json.dumps(notebook).encode(draw(st.sampled_from(["utf-8"] * 5 + ["utf-8-sig", "utf-16", "utf-16-be"])))
    chance = random.Random(draw(st.integers(0, 2**32)))
    hurt = bytearray(content)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 3]))):
        at, length = chance.randrange(len(hurt) + 1), chance.choice([1, 1, 4, 400, len(hurt)])
        hurt[at : at + length] = chance.choice(
            [b"", b"\xff", b"\0", b'"', b"[" * 2000, b"\\ud800", chance.randbytes(8)]
        )
    return bytes(hurt)


@pytest.fixture(scope="module")
def unrun() -> Any:
    """Grades without runs: the notebook that would be run is put together, and that is all."""

    def put_together(canonical: Any, answers: Any, limits: Any) -> Findings:
        wanted = [name for name, answer in answers.items() if answer.state == ANSWERED]
        json.dumps(assemble(canonical, answers, wanted, "secret"), ensure_ascii=False).encode("utf-8")
        return Findings()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("course_tools.grading.grade"), "grade_rounds", put_together)
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@given(st.lists(damaged(), min_size=BATCH, max_size=BATCH))
@settings(
    max_examples=BATCHES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_damaged_notebooks_have_a_row_each(unrun: Any, place: Path, contents: list[bytes]) -> None:
    graded_or_told(place, contents)


def test_the_fuzz_complains_of_an_exception_that_is_no_course_error(
    unrun: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(content: bytes, name: str) -> Any:
        raise RecursionError

    monkeypatch.setattr(importlib.import_module("course_tools.grading.grade"), "parse", parse)
    with pytest.raises(AssertionError, match="It could not be graded"):
        graded_or_told(place, [WHOLE.encode()] * 2)


def graded_or_told(place: Path, contents: list[bytes]) -> None:
    """Grade notebooks with these bytes, and see that each has a row, with a grade or a CourseError's sentence."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "in").mkdir(parents=True)
    lesson = mini_lesson.write(mini_lesson.canonical(), place / "90_mini.ipynb")
    for number, content in enumerate(contents):
        (place / "in" / f"{number:02}.ipynb").write_bytes(content)
    rows = grading.grade_folder(lesson, place / "in", place / "grades.csv", workers=1)
    assert [row["student"] for row in rows] == [f"{number:02}" for number in range(len(contents))]
    for row, content in zip(rows, contents, strict=True):
        assert row["of"] or row["note"], content
        assert "It could not be graded" not in row["note"], (row["note"], content)

"""The page of claims says what the committed notebooks printed."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_tools import claims, editions
from course_utils.experiments import claim, compare


@pytest.fixture
def course(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "01_first.py").write_text("# %% [markdown]\n# # 01 · First\n", encoding="utf-8")
    return editions.Course(root=tmp_path)


def written(course, *results):
    (lesson,) = editions.lessons(course)
    outputs = [new_output("display_data", data=result._repr_mimebundle_()) for result in results]
    nbformat.write(new_notebook(cells=[new_code_cell("...", outputs=outputs)]), lesson.solution)


def test_each_claim_is_a_row(course):
    runs = compare({"a": lambda _: 2.0, "b": lambda _: 1.0}, [0], "points", random=False, progress=False)
    written(course, claim("a | b", "Someone", runs, "a", "b"), claim("b beats a", "Nobody", runs, "b", "a"))
    page = claims.page(course)
    assert "## Lesson 01 · First" in page
    assert "| a \\| b | Someone |" in page and "| holds here |" in page
    assert "| b beats a | Nobody |" in page and "| does not hold here |" in page


def test_a_lesson_without_claims_or_without_a_notebook_has_no_heading(course):
    assert "Lesson 01" not in claims.page(course)
    written(course)
    assert "Lesson 01" not in claims.page(course)


def test_write_says_whether_the_page_changed(course):
    assert claims.write(course) and not claims.write(course)
    assert (course.root / claims.PAGE).read_text(encoding="utf-8") == claims.page(course)


def test_the_committed_page_is_the_one_that_the_notebooks_make():
    path = editions.Course().root / claims.PAGE
    assert path.read_text(encoding="utf-8") == claims.page(), "docs/claims.md is out of date: run `course build`."

"""Finding answers in notebooks that were cut, copied and merged; refusing what is no notebook. No kernel is started."""

from __future__ import annotations

import ast
import asyncio
import copy
import json
import sys
import tokenize
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_tools.grading.answers import Answer, find_answers
from course_tools.grading.canonical import read_canonical
from course_tools.grading.needed import setup_cells
from course_tools.grading.reader import read_student
from course_utils.errors import CourseError
from tests.grading import mini_lesson
from tests.grading.mini_lesson import RIGHT, WRONG, answer_cell, student, untouched


def _find(lesson: Path, notebook: Any) -> dict[str, Answer]:
    return find_answers(notebook, read_canonical(lesson), "handed_in.ipynb")


def _copy(notebook: Any, name: str, source: str, *, after: bool = True) -> Any:
    """A copy of an answer cell, as copy and paste makes it: the same metadata, another id."""
    cell = answer_cell(notebook, name)
    new = mini_lesson.v4.new_code_cell(source, metadata=dict(cell.metadata))
    notebook.cells.insert(notebook.cells.index(cell) + after, new)
    return new


def test_of_copies_the_last_changed_one_counts(lesson: Path) -> None:
    notebook = student({"double": WRONG["double"]})
    _copy(notebook, "double", untouched("double"))
    _copy(notebook, "double", RIGHT["double"])
    found = _find(lesson, notebook)["double"]  # wrong, right, untouched
    assert found.parts == [RIGHT["double"]]
    assert found.notes == ["Cells 8 and 9 define `double`: the last one counts."]


def test_an_untouched_copy_does_not_hide_the_answer(lesson: Path) -> None:
    notebook = student({"double": RIGHT["double"]})
    _copy(notebook, "double", untouched("double") + "   \n\n")
    assert _find(lesson, notebook)["double"].parts == [RIGHT["double"]]


def test_both_halves_of_a_split_cell_count(lesson: Path) -> None:
    notebook = student({"double": "def helper(x):\n    return x + x"})
    _copy(notebook, "double", "def double(x):\n    return helper(x)")
    found = _find(lesson, notebook)["double"]
    assert found.parts == ["def helper(x):\n    return x + x", "def double(x):\n    return helper(x)"]


def test_a_merged_check_is_taken_out(lesson: Path) -> None:
    notebook = student({"double": RIGHT["double"] + "\ndouble = ex.double.check(double)"})
    assert _find(lesson, notebook)["double"].parts == [RIGHT["double"] + "\n"]


@pytest.mark.parametrize("tagged", [True, False], ids=["as it was", "without its tags"])
def test_a_doubled_check_is_no_answer(lesson: Path, tagged: bool) -> None:
    notebook = student(RIGHT)
    check = answer_cell(notebook, "double-check")
    for place in (3, len(notebook.cells)):
        copied = mini_lesson.v4.new_code_cell(check.source, metadata=copy.deepcopy(check.metadata))
        if not tagged:
            copied.metadata.tags = []
        notebook.cells.insert(place, copied)
    found = _find(lesson, notebook)["double"]
    assert found.parts == [RIGHT["double"]] and found.notes == []


def test_an_answer_tagged_as_a_check_is_an_answer_still(lesson: Path) -> None:
    notebook = student(RIGHT)
    answer_cell(notebook, "double").metadata.tags.append("check")
    assert _find(lesson, notebook)["double"].parts == [RIGHT["double"]]


def test_lost_metadata_are_made_up_for_by_the_id(lesson: Path) -> None:
    notebook = student(RIGHT)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
    found = _find(lesson, notebook)
    assert {name: answer.parts for name, answer in found.items()} == {name: [RIGHT[name]] for name in RIGHT}
    assert "found by its id" in found["double"].notes[0]


def test_lost_ids_are_made_up_for_by_the_definition(lesson: Path) -> None:
    notebook = student(RIGHT)
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell.id = nbformat.from_dict({}), f"new-{number}"
    found = _find(lesson, notebook)
    assert {name: answer.parts for name, answer in found.items()} == {name: [RIGHT[name]] for name in RIGHT}
    assert found["Shift"].notes[0].startswith("The cell meant for it is gone; the answer is taken from cell")


def test_an_answer_written_in_another_cell_is_found(lesson: Path) -> None:
    notebook = student({})
    notebook.cells.insert(2, mini_lesson.v4.new_code_cell(RIGHT["square"]))
    found = _find(lesson, notebook)
    assert found["square"].parts == [RIGHT["square"]]
    assert found["square"].notes == ["The answer is taken from cell 3, which is the last to define `square`."]
    assert found["double"].state == "untouched"


def test_a_cell_turned_into_text_is_missing_and_said_so(lesson: Path) -> None:
    notebook = student(RIGHT)
    cell = answer_cell(notebook, "halve")
    text = mini_lesson.v4.new_markdown_cell(cell.source, metadata=dict(cell.metadata))
    notebook.cells[notebook.cells.index(cell)] = text
    found = _find(lesson, notebook)["halve"]
    assert found.state == "missing" and "no longer a code cell" in found.notes[0]


NONSENSE = {
    "empty": (b"", "is empty"),
    "blank": (b"  \n", "is empty"),
    "text": (b"my answers", "not a Jupyter notebook (it is not JSON)"),
    "binary": (bytes(range(256)), "not a Jupyter notebook (it is not JSON)"),
    "cut off": (b'{"cells": [', "not a Jupyter notebook (it is not JSON)"),
    "deep": (b"[" * 100_000, "nested deeper than any notebook"),
    "list": (b"[]", "JSON but not a Jupyter notebook"),
    "number": (b"3", "JSON but not a Jupyter notebook"),
    "no cells": (b"{}", "JSON but not a Jupyter notebook"),
    "odd cells": (b'{"cells": 3, "nbformat": 4}', "JSON but not a Jupyter notebook"),
    "odd cell": (b'{"cells": ["x"], "nbformat": 4}', "JSON but not a Jupyter notebook"),
    "old": (json.dumps({"nbformat": 3, "worksheets": []}).encode(), "old notebook format 3"),
    "no exercise": (b'{"cells": [], "nbformat": 4, "metadata": {}}', "has no exercise of 90_mini"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_gets_one_sentence(name: str, lesson: Path, tmp_path: Path) -> None:
    content, sentence = NONSENSE[name]
    path = tmp_path / "work.ipynb"
    path.write_bytes(content)
    with pytest.raises(CourseError) as error:
        _find(lesson, read_student(path))
    assert sentence in str(error.value) and str(error.value).count("\n") == 0
    assert path.read_bytes() == content


def test_a_missing_file_a_folder_and_another_lessons_notebook(lesson: Path, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="There is no notebook"):
        read_student(tmp_path / "nowhere.ipynb")
    with pytest.raises(CourseError, match="is a folder"):
        read_student(tmp_path)
    other = student({})
    for cell in other.cells:
        if "exercise" in cell.metadata:
            cell.metadata.exercise, cell.id = f"{cell.metadata.exercise}_2", f"{cell.id}-2"
            cell.source = cell.source.replace("def ", "def other_")
    with pytest.raises(CourseError, match="is another lesson's notebook: its exercises are Shift_2, double_2"):
        _find(lesson, other)


def test_odd_metadata_do_no_harm(lesson: Path, tmp_path: Path) -> None:
    notebook = json.loads(nbformat.writes(student(RIGHT)))
    for cell in notebook["cells"]:
        cell["source"] = [f"{line}\n" for line in "".join(cell["source"]).split("\n")]
        cell["metadata"].setdefault("tags", "not a list")
    notebook["cells"][0]["metadata"] = None
    notebook["cells"][2]["metadata"] = {"exercise": ["a", "list"]}
    path = tmp_path / "odd.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8-sig")
    assert all(answer.state == "answered" for answer in _find(lesson, read_student(path)).values())


# --- what comes with an answer


def _with(source: str, *, top: str) -> Any:
    notebook = student({"double": source})
    notebook.cells.insert(2, mini_lesson.v4.new_code_cell(top))
    return notebook


def test_of_other_cells_only_what_the_answer_uses_comes_with_it(lesson: Path) -> None:
    top = "import json, math as m\n# a note\nzero = 0\ntrain_for_an_hour()\n\n"
    top += "def twice(x):\n    return 2 * x + zero * m.pi"
    found = _find(lesson, _with("def double(x):\n    return twice(x)", top=top))["double"]
    helper, answer = found.parts
    assert "train" not in helper and helper.splitlines()[2] == "zero = 0" and "# a note" in helper
    assert len(helper.splitlines()) == len(top.splitlines())  # an error names the line that the student sees
    assert answer == "def double(x):\n    return twice(x)"
    assert found.notes == ["With it comes what it uses of cell 3."]


def test_a_cell_with_two_answers_is_taken_apart(lesson: Path) -> None:
    both = RIGHT["double"] + "\n\n\n" + RIGHT["square"] + "\nprint(double(3))"
    found = _find(lesson, _with("# below", top=both))
    assert "def square" not in "".join(found["double"].parts) and "def double" in found["double"].parts[-1]
    assert "def double" not in "".join(found["square"].parts) and "def square" in found["square"].parts[-1]
    assert "def double" not in "".join(found["square"].sources) and RIGHT["square"] in found["square"].sources[-1]


def test_what_the_lesson_defines_is_left_to_the_lesson_unless_the_student_changed_it(lesson: Path) -> None:
    uses = "def double(x):\n    assert area\n    return 2 * x"
    notebook = student({"double": uses})
    assert _find(lesson, notebook)["double"].parts == [uses]
    setup = notebook.cells[1]
    setup.source = setup.source.replace("width = 7", "width = 3")
    changed, answer = _find(lesson, notebook)["double"].parts
    assert [line for line in changed.splitlines() if line] == ["width = 3", "area = width * width"] and answer == uses
    parameters = next(cell for cell in notebook.cells if cell.id == "parameters")
    parameters.source = 'preset = "gpu"'
    notebook.cells[-2].source = "# nothing"
    answer_cell(notebook, "double").source = "def double(x):\n    assert preset\n    return 2 * x"
    assert len(_find(lesson, notebook)["double"].parts) == 1  # the grade's own preset holds


def test_an_answer_gets_the_helper_that_stood_when_its_check_ran(lesson: Path) -> None:
    notebook = student(
        {"double": "def double(x):\n    return helper(x)", "square": "def square(x):\n    return helper(x)"}
    )
    for name, body in (("double", "2 * x"), ("square", "x * x")):
        helper = mini_lesson.v4.new_code_cell(f"def helper(x):\n    return {body}")
        notebook.cells.insert(notebook.cells.index(answer_cell(notebook, name)), helper)
    found = _find(lesson, notebook)
    assert "2 * x" in found["double"].parts[0] and "x * x" in found["square"].parts[0]


def test_programs_are_not_started_and_magics_do_not_hide_an_answer(lesson: Path) -> None:
    found = _find(lesson, student({"double": "%%time\n!pip install something\n%pip install more\n" + RIGHT["double"]}))
    assert found["double"].parts == ["\n\n\n" + RIGHT["double"]]
    assert found["double"].sources[0].splitlines()[:3] == ["%%time", "!pip install something", "%pip install more"]


def test_what_is_run_stands_in_the_lines_where_the_student_sees_it(lesson: Path) -> None:
    source = "\n  \n%%time\n%matplotlib inline\n" + RIGHT["double"]
    found = _find(lesson, student({"double": source}))["double"]
    assert found.parts[0].splitlines()[4:] == RIGHT["double"].splitlines() and "run_line_magic" in found.parts[0]
    assert found.sources == [source]


def test_of_the_checks_line_only_what_it_names_remains(lesson: Path) -> None:
    notebook = student({"double": "def mine(x):\n    return 2 * x"})
    answer_cell(notebook, "double-check").source = "double = ex.double.check(mine)"
    assert _find(lesson, notebook)["double"].parts == ["def mine(x):\n    return 2 * x", "double = mine"]


@pytest.mark.parametrize("deep", ["x = " + "(" * 500 + "1" + ")" * 500, "x = " + "1 + " * 20_000 + "1"])
def test_a_cell_that_is_nested_too_deeply_costs_nobody_anything(lesson: Path, deep: str) -> None:
    found = _find(lesson, _with(RIGHT["double"], top=deep))
    assert found["double"].parts == [RIGHT["double"]]


def test_any_python_can_be_read(lesson: Path) -> None:
    """Every kind of statement there is: the analyser was made for lessons, and a student writes what they like."""
    for module in (ast, asyncio.taskgroups if sys.version_info >= (3, 11) else asyncio, copy, tokenize):
        notebook = _with(RIGHT["double"], top=Path(str(module.__file__)).read_text(encoding="utf-8"))
        assert _find(lesson, notebook)["double"].parts == [RIGHT["double"]]


# --- the canonical notebook


def _spoilt(lesson: Path, spoil: Any) -> Path:
    notebook = nbformat.read(str(lesson), as_version=4)
    check = next(cell for cell in notebook.cells if cell.id == "square-check")
    spoil(check)
    return mini_lesson.write(notebook, lesson)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cell: cell.update(outputs=[], execution_count=None),  # nbval would pass a wrong answer
        lambda cell: cell.update(execution_count=None),  # nbval would fail a right one
        lambda cell: cell.update(outputs=[]),
        lambda cell: cell.outputs[0].update(text="square: FAIL (1 of 2)\n"),
        lambda cell: cell.outputs[0].update(text="square: PASS (2 of 2)\nsquare: PASS (2 of 2)\n"),
    ],
    ids=["outputs and counts stripped", "counts stripped", "outputs stripped", "recorded a FAIL", "recorded twice"],
)
def test_a_stripped_solution_edition_is_refused(lesson: Path, spoil: Any) -> None:
    with pytest.raises(CourseError, match=r"no recorded output for the check of `square`.*course build 90"):
        read_canonical(_spoilt(lesson, spoil))


def test_a_missing_or_empty_solution_edition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"90_mini.ipynb is not here.*course build 90"):
        read_canonical(tmp_path / "90_mini.ipynb")
    empty = mini_lesson.write(mini_lesson.v4.new_notebook(), tmp_path / "90_mini.ipynb")
    with pytest.raises(CourseError, match="has no exercises"):
        read_canonical(empty)


def test_points_order_and_module_come_from_the_canonical_notebook(lesson: Path) -> None:
    canonical = read_canonical(lesson)
    assert {name: exercise.points for name, exercise in canonical.exercises.items()} == mini_lesson.POINTS
    assert (canonical.module, canonical.alias) == ("mini_exercises", "ex")
    assert canonical.exercises["double"].untouched == untouched("double")
    assert canonical.exercises["double"].recorded == "double: PASS (2 of 2)"


# --- which of the lesson's own cells run


def test_a_figure_cell_runs_only_where_its_names_are_needed(lesson: Path) -> None:
    notebook = read_canonical(lesson).notebook
    ids = lambda kept: {notebook.cells[index].id for index in kept}  # noqa: E731
    assert ids(setup_cells(notebook, [])) == {"setup", "parameters"}
    assert ids(setup_cells(notebook, ["def f(x):\n    return scale * x"])) == {"setup", "parameters", "figure"}


def test_a_cell_that_builds_on_an_experiment_is_left_out_with_it() -> None:
    new = mini_lesson.v4.new_code_cell
    cells = [
        new("import torch", id="a"),
        new("trained = torch.ones(3)", id="b", metadata={"tags": ["experiment"]}),
        new("best = trained.max()", id="c"),
        new("worse = best - 1", id="d"),
        new("def later():\n    return trained", id="e"),
    ]
    assert setup_cells(mini_lesson.v4.new_notebook(cells=cells), []) == {0, 4}

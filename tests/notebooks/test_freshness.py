"""Which edits make a lesson stale, and which leave it fresh: only what it reaches, and what it loaded, counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from course_tools import editions
from course_tools.editions.notebooks import read_notebook, write_notebook
from course_utils import record
from course_utils.errors import CourseError


def reason(course: editions.Course, number: str = "01") -> str | None:
    return editions.stale(editions.find(number, course), course)


def edit(course: editions.Course, path: str, old: str, new: str) -> None:
    file = course.root / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def add(course: editions.Course, path: str, text: str) -> None:
    file = course.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(before + text, encoding="utf-8")


# --- code

STALE = {
    "a function": ("tiny_course/numbers.py", "a + b * ONE", "b * ONE + a"),
    "a constant behind it": ("tiny_course/deeper.py", "ONE = 1", "ONE = 1.0"),
    "a default": ("tiny_course/pictures.py", '"one grey pixel"', '"one pixel"'),
    "a constant": ("tiny_course/pictures.py", "iVBOR", "jVBOR"),
    "the class of the checks": ("tiny_course/exercises/__init__.py", "look again", "look once more"),
    "a class that only a check uses": ("tiny_course/exercises/lesson01.py", "2 * self.value", "self.value * 2"),
    "an import under the same name": ("tiny_course/pictures.py", "import display", "import clear_output as display"),
}


@pytest.mark.parametrize("what", STALE)
def test_an_edit_of_what_the_lesson_reaches_makes_it_stale(built, what):
    assert reason(built) is None
    edit(built, *STALE[what])
    assert reason(built) == "Code that lesson 01 reaches has changed since it ran."


def test_an_edited_function_makes_exactly_those_lessons_stale_that_reach_it(built):
    edit(built, *STALE["a function"])
    assert reason(built) is not None and reason(built, "02") is None
    edit(built, "tiny_course/numbers.py", "b * ONE + a", "a + b * ONE")
    edit(built, "tiny_course/exercises/lesson02.py", "lambda a: -a", "lambda a: 0 - a")
    assert reason(built) is None and reason(built, "02") is not None
    edit(built, *STALE["the class of the checks"])
    assert reason(built) is not None


FRESH = {
    "a docstring": ("tiny_course/numbers.py", '"""Used by lesson 01 directly."""', '"""Adding."""'),
    "a new docstring": ("tiny_course/numbers.py", "    return a", '    """The sum."""\n    return a'),
    "a comment": ("tiny_course/deeper.py", "ONE = 1", "# the first number\nONE = 1  # really"),
    "the layout": ("tiny_course/numbers.py", "a + b * ONE", "(\n        a + b * ONE\n    )"),
    "an annotation": ("tiny_course/numbers.py", "a: int, b: int", "a: float, b: int"),
    "a name that the lesson does not reach": ("tiny_course/exercises/__init__.py", '"02": ["negate"]', '"02": []'),
    "a module that no lesson reaches": ("tiny_course/unused.py", "None", "0"),
    "another function of the module": ("tiny_course/deeper.py", "ONE = 1", "ONE = 1\n\n\ndef two():\n    return 2"),
    "a new import": ("tiny_course/deeper.py", "ONE = 1", "from tiny_course import unused\n\nONE = 1"),
}


@pytest.mark.parametrize("what", FRESH)
def test_other_edits_leave_every_lesson_fresh(built, what):
    edit(built, *FRESH[what])
    assert reason(built) is None and reason(built, "02") is None


def test_a_new_lesson_makes_no_other_stale(built):
    add(
        built,
        "solutions/03_new.py",
        "# %% [markdown]\n# # 03 · New\n\n# %%\nfrom tiny_course.exercises import lesson03\n",
    )
    add(built, "tiny_course/exercises/lesson03.py", "from tiny_course.exercises import Check\n\nCheck.seen = []\n")
    add(built, "tiny_course/lessons/lesson03/colours.py", "COLOURS = ()\n")
    assert reason(built) is None and reason(built, "02") is None


def test_a_new_explorer_makes_no_lesson_stale(built):
    add(built, "tiny_course/explorer.py", "class Explorer:\n    pass\n")
    add(built, "tiny_course/__init__.py", "\nfrom tiny_course.explorer import Explorer\n\n__all__ = ['Explorer']\n")
    assert reason(built) is None and reason(built, "02") is None


def test_a_statement_with_an_effect_counts_wherever_it_is_imported(built):
    add(built, "tiny_course/__init__.py", '\nimport os\n\nos.environ.setdefault("A", "B")\n')
    assert reason(built) is not None and reason(built, "02") is not None


def test_colours_found_by_name_count_for_their_own_lesson(built):
    add(built, "tiny_course/lessons/lesson02/colours.py", "COLOURS = ()\n")
    assert reason(built) is None and reason(built, "02") is not None


def test_a_data_file_counts_if_a_string_that_is_reached_names_it(built):
    add(built, "tiny_course/words.json", "{}")
    assert reason(built) is None
    edit(built, "tiny_course/numbers.py", "return a", 'open("words.json")\n    return a')
    before = editions.digest(editions.find("01", built), built)
    add(built, "tiny_course/words.json", " ")
    assert editions.digest(editions.find("01", built), built) != before


def test_which_modules_a_lesson_uses(unbuilt):
    assert editions.modules_used(editions.find("01", unbuilt), unbuilt) == [
        "tiny_course.deeper",
        "tiny_course.exercises",
        "tiny_course.exercises.lesson01",
        "tiny_course.numbers",
        "tiny_course.pictures",
    ]


def test_the_source_is_told_from_the_code(built):
    edit(built, "solutions/01_tiny.py", "Think of apples.", "Think of pears.")
    assert reason(built) == "The source of lesson 01 has changed since it ran."


def test_code_that_is_not_python_is_a_sentence(built):
    add(built, "tiny_course/numbers.py", "def (")
    with pytest.raises(CourseError, match=r"tiny_course/numbers.py cannot be read as Python"):
        reason(built)


# --- weights and results


def loads(course: editions.Course, **loaded: dict[str, str | None]) -> None:
    """As if lesson 01 had loaded these when it was executed."""
    lesson = editions.find("01", course)
    nb = read_notebook(lesson.solution)
    nb.metadata.course["loaded"] = loaded
    write_notebook(lesson.solution, nb)


def store_weights(course: editions.Course, name: str, sha256: str) -> None:
    folder = course.root / "weights"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"sha256": sha256}), encoding="utf-8")
    (folder / f"{name}.safetensors").write_bytes(b"")


def test_only_weights_that_were_loaded_count(built):
    loads(built, weights={"reader": "1"})
    store_weights(built, "reader", "1")
    store_weights(built, "other", "1")
    assert reason(built) is None
    store_weights(built, "other", "2")
    assert reason(built) is None
    store_weights(built, "reader", "2")
    assert reason(built) == ("Lesson 01 loads what has changed since it ran: the weights 'reader' were trained again.")
    (built.root / "weights" / "reader.json").unlink()
    assert "the weights 'reader' are gone" in reason(built)


def test_weights_that_were_missed_count_when_they_appear(built):
    loads(built, weights={"reader": None})
    assert reason(built) is None
    store_weights(built, "reader", "1")
    assert "the weights 'reader', which were not here, are here now" in reason(built)


def test_of_weights_that_were_only_asked_for_nothing_but_their_presence_counts(built):
    loads(built, weights={"reader": record.THERE})
    store_weights(built, "reader", "1")
    assert reason(built) is None
    (built.root / "weights" / "reader.safetensors").unlink()
    assert "are gone" in reason(built)


def test_only_results_that_were_loaded_count(built):
    folder = built.root / "tiny_course" / "lessons" / "lesson01" / "results"
    folder.mkdir(parents=True)
    first = {"variants": {"a": {"kind": "k", "code": "1", "runs": {}}}}
    (folder / "slopes.json").write_text(json.dumps(first), encoding="utf-8")
    loads(built, results={"slopes": record.digest_of_results(json.dumps(first).encode())})
    assert reason(built) is None
    (folder / "others.json").write_text("{}", encoding="utf-8")
    (folder / "slopes.json").write_text(json.dumps(first).replace('"1"', '"2"'), encoding="utf-8")
    assert reason(built) is None, "which code made them does not show in a lesson"
    (folder / "slopes.json").write_text(json.dumps(first).replace('"k"', '"l"'), encoding="utf-8")
    assert "the stored results of the study 'slopes' have changed" in reason(built)


def test_a_lesson_without_a_record_is_stale(built):
    lesson = editions.find("01", built)
    nb = read_notebook(lesson.solution)
    del nb.metadata.course["loaded"]
    write_notebook(lesson.solution, nb)
    assert reason(built) == "What lesson 01 loaded when it ran was not recorded."


def test_what_a_lesson_loads_is_recorded_when_it_is_executed(unbuilt):
    edit(
        unbuilt,
        "solutions/02_small.py",
        "from tiny_course.exercises",
        "from course_utils import record, weights\n"
        'record.note("results", "slopes", "1")\n'
        'print(weights.available("no-such-weights"))\n'
        "from tiny_course.exercises",
    )
    (result,) = editions.build(["02"], course=unbuilt)
    assert result.ok, result.error
    nb = read_notebook(result.lesson.solution)
    assert nb.metadata.course.loaded == {"results": {"slopes": "1"}, "weights": {"no-such-weights": None}}


def test_notes_are_read_in_the_end_as_what_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    record.note("weights", "a", "1")  # nobody asked
    monkeypatch.setenv(record.VARIABLE, str(tmp_path / "notes"))
    for name, digest in [("b", None), ("a", record.THERE), ("a", "1"), ("a", record.THERE), ("b", None), ("a", None)]:
        record.note("weights", name, digest)
    assert record.read(tmp_path / "notes") == {"weights": {"a": "1", "b": None}}
    assert record.read(tmp_path / "nothing") == {}

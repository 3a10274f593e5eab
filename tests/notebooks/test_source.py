"""Reading a source: ids that stay, and a clear sentence for every way to get it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_tools import editions
from course_utils.errors import CourseError

NAMES = ["add", "Doubler"]


def spoil(course: editions.Course, old: str, new: str, count: int = 1) -> Path:
    path = editions.find("01", course).source
    text = path.read_text(encoding="utf-8")
    assert old in text, "the fixture has changed: nothing to spoil"
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def test_the_fixture_is_sound(unbuilt):
    for lesson in editions.lessons(unbuilt):
        assert editions.problems(lesson.source, unbuilt.exercise_names(lesson.number)) == []


ADD_CHECK = '# %% tags=["check"] exercise="add"\nadd = ex.add.check(add)\n'
BAD = {
    "no name": ('tags=["exercise"] exercise="add" points=2', 'tags=["exercise"] points=2', "has no name"),
    "no points": ('exercise="add" points=2', 'exercise="add"', "has no points"),
    "points no number": ('exercise="add" points=2', 'exercise="add" points="2"', "has no points"),
    "no marks": ("    ### BEGIN SOLUTION\n    total", "    total", "unbalanced marks"),
    "open mark": ("    return total_of_both\n    ### END SOLUTION\n", "    return total_of_both\n", "unbalanced"),
    "misspelt mark": (
        "    ### BEGIN SOLUTION\n    total",
        "    # BEGIN SOLUTION\n    ### BEGIN SOLUTION\n    total",
        "misspelt",
    ),
    "empty answer": (
        "    total_of_both = a + b\n    return total_of_both\n    ### END",
        "    ### END",
        "nothing between its marks",
    ),
    "another name": ("def add(a, b)", "def plus(a, b)", "never defines add"),
    "check in another form": ("add = ex.add.check(add)", "ex.add.check(add)", "must hold `add = ex.add.check(add)`"),
    "check with a print": ("add = ex.add.check(add)", "add = ex.add.check(add)\nprint(1)", "and nothing else"),
    "check with a semicolon": ("add = ex.add.check(add)", "add = ex.add.check(add);", "semicolon"),
    "check of nothing": ('tags=["check"] exercise="add"', 'tags=["check"]', "names no exercise"),
    "check with points": ('tags=["check"] exercise="add"', 'tags=["check"] exercise="add" points=1', "points belong"),
    "no check": (ADD_CHECK, "", "has no check named add"),
    "check too late": (ADD_CHECK, "# %%\nprint(1)\n\n" + ADD_CHECK, "first code cell after its exercise"),
    "two checks": (ADD_CHECK, ADD_CHECK + "\n" + ADD_CHECK, "a second check named add"),
    "two exercises": ('exercise="Doubler" points=1', 'exercise="add" points=1', "a second exercise named add"),
    "check without exercise": (
        ADD_CHECK,
        ADD_CHECK + '\n# %% tags=["check"] exercise="sub"\nsub = ex.sub.check(sub)\n',
        "has no exercise named sub",
    ),
    "unknown to the checks": (
        '# %% tags=["experiment", "figure"]',
        '# %% tags=["exercise"] exercise="sub" points=1\ndef sub(a):\n    ### BEGIN SOLUTION\n    return a - 1\n'
        '    ### END SOLUTION\n\n\n# %% tags=["check"] exercise="sub"\nsub = ex.sub.check(sub)\n\n# %%',
        "(sub) is not in the lesson's exercises module",
    ),
    "no parameters": ('# %% tags=["parameters"]', "# %%", "has no parameters cell"),
    "no preset": ('preset = "auto"', 'presets = "auto"', "must set `preset`"),
    "late parameters": (
        '# %% tags=["parameters"]\npreset = "auto"\n',
        '# %% tags=["experiment"]\n1 + 1\n\n# %% tags=["parameters"]\npreset = "auto"\n',
        "stands after the first exercise",
    ),
    "unknown tag": ('tags=["experiment", "figure"]', 'tags=["experiment", "figur"]', "did you mean 'figure'?"),
    "tags no list": ('tags=["experiment", "figure"]', 'tags="experiment"', "cannot be read as a py:percent notebook"),
    "unknown metadata": ("points=2", "points=2 minutes=3", "unknown metadata 'minutes'"),
    "marks elsewhere": ("add(1, 1)", "### BEGIN SOLUTION\nadd(1, 1)\n### END SOLUTION", "not tagged exercise"),
    "shell": ("add(1, 1)", "!ls", "runs a shell command"),
    "input": ("add(1, 1)", "name = input('you?')", "asks for input"),
    "exit": ("add(1, 1)", "import os\nos._exit(0)", "ends the kernel"),
    "nbval comment": ("add(1, 1)", "# NBVAL_SKIP\nadd(1, 1)", "nbval comment"),
    "a line too wide": ("add(1, 1)", f"add(1, 1)  # {'x' * 84}", "has 97 characters in its line 1: break it"),
    "an answer too wide": (
        "    total_of_both = a + b",
        f"    # {'x' * 91}\n    total = 0",
        "97 characters in its line 7",
    ),
    "a long set-up": (
        'preset = "auto"\ndataset = "flowers"\n',
        'preset = "auto"\ndataset = "flowers"\n\n# %%\nimport json\n\n# %%\n' + "# a line\n\n" * 3 + "a = 1\n" * 7,
        "has 11 lines of set-up before its first section: 10 are enough",
    ),
    "syntax": ("add(1, 1)", "add(1, 1", "not valid Python"),
    "magic in an answer": ("    total_of_both = a + b", "%time\n    total_of_both = a + b", "not valid Python"),
    "title": ("# # 01 · A tiny lesson", "# # 01 - A tiny lesson", "must begin with a markdown cell"),
    "wrong number": ("# # 01 · A tiny lesson", "# # 02 · A tiny lesson", "must begin with a markdown cell"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_source_is_refused_in_a_sentence(unbuilt, case):
    old, new, said = BAD[case]
    path = spoil(unbuilt, old, new)
    with pytest.raises(editions.SourceError) as refused:
        editions.read_source(path, NAMES)
    message = str(refused.value)
    assert "01_tiny.py" in message
    assert said in message
    assert "Traceback" not in message


def test_a_mark_at_top_level_is_refused(unbuilt):
    path = spoil(unbuilt, "add(1, 1)\n", "")
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text + '\n# %% tags=["exercise"] exercise="table" points=1\n### BEGIN SOLUTION\ntable = [1, 2, 3]\n'
        '### END SOLUTION\n\n# %% tags=["check"] exercise="table"\ntable = ex.table.check(table)\n',
        encoding="utf-8",
    )
    with pytest.raises(editions.SourceError, match="outside a function"):
        editions.read_source(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("add(1, 1)", f"add(1, 1)  # {'x' * 83}"),
        ("Think of apples", "Think of apples" + ", and of apples" * 20),
        ("import os\n", "import os\n" + "import json\n" * 20),
        ('preset = "auto"\n', 'preset = "auto"\n' + "a = 1\n" * 20),
        ("# ## Adding\n", "# ## Adding\n\n# %%\n" + "a = 1\n" * 20 + "\n# %% [markdown]\n# ## Adding more\n"),
        ('"""A number that', '"""' + "x" * 80 + "\n\n    A number that"),
    ],
    ids=["96 characters", "wide markdown", "many imports", "many parameters", "after the first section", "docstring"],
)
def test_what_is_neither_too_wide_nor_too_long(unbuilt, old, new):
    editions.read_source(spoil(unbuilt, old, new), NAMES)


def test_a_message_names_the_line_of_the_cell(unbuilt):
    path = spoil(unbuilt, 'tags=["experiment", "figure"]', 'tags=["experiment", "figur"]')
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(lines, start=1) if "figur" in text)
    with pytest.raises(editions.SourceError, match=rf"01_tiny.py, line {line}, cell 11 has"):
        editions.read_source(path)


def test_every_fault_is_named_not_only_the_first(unbuilt):
    spoil(unbuilt, 'exercise="add" points=2', 'exercise="add"')
    path = spoil(unbuilt, "add(1, 1)", "!ls")
    with pytest.raises(editions.SourceError) as refused:
        editions.read_source(path, NAMES)
    assert len(str(refused.value).splitlines()) == 2


def test_an_exercise_that_only_the_checks_know(unbuilt):
    path = editions.find("01", unbuilt).source
    with pytest.raises(editions.SourceError, match="no exercise cell for snr"):
        editions.read_source(path, [*NAMES, "snr"])
    with pytest.raises(editions.SourceError, match="another order"):
        editions.read_source(path, NAMES[::-1])


def test_a_long_cell_and_a_long_answer_are_warnings(unbuilt):
    spoil(unbuilt, "    total_of_both = a + b\n", "    total_of_both = a + b\n" * 26)
    path = editions.find("01", unbuilt).source
    found = editions.problems(path, NAMES)
    assert [problem.warning for problem in found] == [True, True]
    assert "has 34 lines" in found[0].text and "answer of 27 lines" in found[1].text
    editions.read_source(path, NAMES)


def test_ids_are_unique_stable_and_shared_by_both_editions(unbuilt):
    path = editions.find("01", unbuilt).source
    nb = editions.read_source(path)
    ids = [cell.id for cell in nb.cells]
    assert len(set(ids)) == len(ids)
    assert {"add", "add-check", "Doubler", "Doubler-check", "parameters"} <= set(ids)
    assert ids[-1] == f"{ids[-2]}-2"  # the two last cells are the same
    assert [cell.id for cell in editions.student(nb).cells] == ids == [c.id for c in editions.solution_cells(nb)]
    spoil(unbuilt, "# %% [markdown]\n# ## Adding", "# %%\nnew = 1\n\n# %% [markdown]\n# ## Adding")
    assert [i for i in (c.id for c in editions.read_source(path).cells) if i in ids] == ids


def test_line_ends_of_the_source_do_not_matter(unbuilt):
    path = editions.find("01", unbuilt).source
    before = editions.to_bytes(editions.read_source(path))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert editions.to_bytes(editions.read_source(path)) == before
    assert b"\r" not in before and before.endswith(b"}\n")


def test_finding_a_lesson(unbuilt):
    first = editions.find("01", unbuilt)
    assert (first.number, first.slug, first.title) == ("01", "tiny", "A tiny lesson")
    assert first == editions.find(1, unbuilt) == editions.find("1", unbuilt) == editions.find("01_tiny.ipynb", unbuilt)
    assert first.student.name == first.solution.name == "01_tiny.ipynb"
    assert [lesson.number for lesson in editions.lessons(unbuilt)] == ["01", "02"]
    with pytest.raises(CourseError, match="no lesson '07': choose one of 01_tiny, 02_small"):
        editions.find("07", unbuilt)


def test_two_lessons_with_one_number_are_refused(unbuilt):
    source = editions.find("01", unbuilt).source
    source.with_name("01_twin.py").write_bytes(source.read_bytes())
    with pytest.raises(CourseError, match="Two lessons have the number 01"):
        editions.lessons(unbuilt)


def test_files_that_are_no_sources(unbuilt):
    path = editions.find("01", unbuilt).source
    with pytest.raises(editions.SourceError, match="There is no source"):
        editions.read_source(path.with_name("09_none.py"))
    path.write_bytes(b"# %% [markdown]\n# # 01 \xb7 latin-1\n")
    with pytest.raises(editions.SourceError, match="not UTF-8"):
        editions.read_source(path)
    path.write_bytes(b"")
    with pytest.raises(editions.SourceError, match="must begin with a markdown cell"):
        editions.read_source(path)

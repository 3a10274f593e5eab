"""Lines of an answer, counted as the student's editor counts; and the words about them."""

from __future__ import annotations

from typing import Any

import pytest

from course_tools.grading import lines
from tests.grading import mini_lesson
from tests.grading.conftest import statuses
from tests.grading.mini_lesson import RIGHT


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("!pip install -q colorama", 1),
        ("x = 1\n%pip install colorama", 2),
        ("%conda install colorama", 1),
        ("%%bash\necho hello\npip install colorama", 3),
        ("import sys\n!{sys.executable} -m pip install colorama", 2),
        ("import os\nos.system('python -m pip install colorama')", 2),
        ("import subprocess as s, sys\ns.run(\n    [sys.executable, '-m', 'pip', 'install', 'colorama']\n)", 3),
        ("import pip\npip.main(['install', 'colorama'])", 2),
        ("!uv pip install colorama", 1),
        ("# !pip install colorama", 0),
        ("print('pip install colorama')", 0),
        ("x = pipe.install_hooks()", 0),
        ('def f():\n    """First pip install colorama."""', 0),
        ("!pip install colorama\ndef f(:", 0),
    ],
)
def test_a_line_that_installs(source: str, line: int) -> None:
    found = lines.installing([source])
    assert (found[0] if found else 0) == line
    if found:
        assert found[1] == source.splitlines()[line - 1].strip()


def test_a_line_that_ends_python() -> None:
    assert lines.ending(["def f():\n    pass", "import os\n\nos._exit(1)"]) == (3, "os._exit(1)")
    assert lines.ending(["x = 1\nquit()\nexit()"]) == (2, "quit()")
    assert lines.ending(["model.exit()\nprint('exit()')"]) is None


def test_blank_lines_and_wrappers_keep_their_place() -> None:
    assert lines.in_own_lines("\n \nx = 1\n\ny = 2") == "#\n#\nx = 1\n\ny = 2"
    assert lines.in_own_lines("\n%%time\nx = 1") == "#\n# %%time\nx = 1"
    assert lines.in_own_lines("%%capture --no-stderr\nx") == "# %%capture --no-stderr\nx"
    for source in ("x = 1", "", "\n\n", "%%bash\nls", "%%capture kept\nx = 1"):
        assert lines.in_own_lines(source).replace("#", "") == source


def test_comments_alone_are_no_answer() -> None:
    untouched = mini_lesson.untouched("double")
    for source in (
        untouched + "  # how?",
        untouched + "\ndouble(2)",
        'def double(x):\n    """Two x."""\n    raise NotImplementedError()',
        "# nothing yet",
    ):
        assert lines.only_comments([source], untouched, "double")
    for source in ("def double(x):\n    y = 2 * x\n    raise NotImplementedError", "def dubble(x):\n    return 2 * x"):
        assert not lines.only_comments([source], untouched, "double")


def test_the_words_of_a_grade_name_the_line_where_it_stands(grade: Any) -> None:
    report = grade(
        {
            "double": "# thinking\n" + mini_lesson.untouched("double"),
            "square": "def squared(x):\n    return x ** 2",
            "halve": "def halve(x):\n    y = x / 2\n    raise NotImplementedError('halve')",
            "total": "\n\nimport torch\n1 / 0\n" + RIGHT["total"],
            "negate": "\nx = 1\nexit()\n" + RIGHT["negate"],
            "Shift": "%%time\n\nraise KeyError('here')\n" + RIGHT["Shift"],
        }
    )
    own = ("error", "failed", "error", "error", "error")
    assert statuses(report) == dict(zip(RIGHT, ("not tried", *own), strict=True))
    assert report["double"].hint == "Its cell was changed, but there is no answer in it yet."
    assert report["square"].hint.startswith("Its cell never defines `square`")
    assert "in line 3 (`raise NotImplementedError('halve')`)" in report["halve"].hint
    assert report["total"].hint.startswith("Its cell raises ZeroDivisionError in line 4:")
    assert report["negate"].hint == "Its cell ends Python in line 3: take `exit()` out."
    assert report["Shift"].hint.startswith("Its cell raises KeyError in line 3:")
    assert report.timings["runs"] == 1

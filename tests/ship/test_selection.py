"""What is run where: the tests of one lesson together, whole lessons first, and which lessons have changed."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from course_tools import editions
from course_utils.errors import CourseError
from tests import selection

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "tests" / "fixtures" / "lessons"
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("changed") / "small"
    shutil.copytree(FIXTURE, root, ignore=shutil.ignore_patterns("__pycache__"))
    editions.build(course=small(root), console=Console(file=io.StringIO()))
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "as it was")
    return root


def small(root: Path) -> editions.Course:
    names = {"01": ["add", "Doubler"], "02": ["negate"]}
    return editions.Course(root=root, package="tiny_course", exercise_names=lambda number: names.get(number, []))


@pytest.fixture
def course(built_once: Path, tmp_path: Path) -> editions.Course:
    return small(Path(shutil.copytree(built_once, tmp_path / "small")))


@needs_git
def test_as_it_was_nothing_has_changed(course: editions.Course) -> None:
    assert selection.changed_lessons("main", course) == set()


@needs_git
@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("solutions/02_small.py", {"02"}),
        ("notebooks/01_tiny.ipynb", {"01"}),
        ("solutions/01_tiny.ipynb", {"01"}),
        ("tiny_course/lessons/lesson02/explorer.py", {"02"}),
        ("tests/lessons/lesson01/answers.py", {"01"}),
        ("tiny_course/deeper.py", {"01"}),  # which lesson 01 imports: its solution edition is stale
        ("tiny_course/unused.py", set()),
        ("README.md", set()),
    ],
)
def test_a_lesson_has_changed_with_its_own_files_and_where_it_is_stale(
    course: editions.Course, path: str, changed: set[str]
) -> None:
    file = course.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as text:  # new files count too
        text.write("\n\n" if path.endswith("ipynb") else "\nONE = 2\n")
    assert selection.changed_lessons("main", course) == changed


@needs_git
def test_it_is_the_commit_that_counts_and_what_others_did_since_does_not(course: editions.Course) -> None:
    git(course.root, "checkout", "-q", "-b", "mine")
    (course.root / "notebooks" / "01_tiny.ipynb").open("a").write("\n\n")
    git(course.root, "commit", "-q", "-a", "-m", "mine")
    assert selection.changed_lessons("main", course) == {"01"}
    assert selection.changed_lessons("HEAD", course) == set()
    git(course.root, "checkout", "-q", "main")
    (course.root / "notebooks" / "02_small.ipynb").open("a").write("\n\n")
    git(course.root, "commit", "-q", "-a", "-m", "somebody else's")
    git(course.root, "checkout", "-q", "mine")
    assert selection.changed_lessons("main", course) == {"01"}


@needs_git
def test_a_commit_that_is_not_there_is_said_in_a_sentence(course: editions.Course) -> None:
    with pytest.raises(CourseError, match=r"git cannot say what has changed .*nowhere.*make quick BASE="):
        selection.changed_lessons("nowhere", course)


def test_tests_of_one_lesson_share_a_worker_and_those_of_another_need_not() -> None:
    file = "tests/notebooks/test_x.py"
    first = {
        f"{file}::{test}" for test in ("test_y[01_slug]", "test_z[01_slug-digits]", "test_z[01]", "test_z[01-add]")
    }
    assert len({selection.group_of(nodeid) for nodeid in first}) == 1
    others = (
        f"{file}::test_y[02_slug]",
        f"{file}::test_w",
        "tests/lessons/test_x.py::test_y[01]",
        "tests/unit/test_x.py",
    )
    assert len({selection.group_of(nodeid) for nodeid in (*first, *others)}) == 5
    together = {selection.group_of(f"tests/unit/test_x.py::test_y{given}") for given in ("[16-8]", "[32-8]", "")}
    assert len(together) == 1  # some other number


def test_xdist_keeps_a_group_on_one_worker(tmp_path: Path) -> None:
    """Whatever the versions of pytest and xdist: a mark that was no longer read gave every test to any worker."""
    shutil.copyfile(ROOT / "tests" / "conftest.py", tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = browser\n", encoding="utf-8")
    folder = tmp_path / "tests" / "notebooks"
    folder.mkdir(parents=True)
    (folder / "test_x.py").write_text(
        "import os, pathlib, pytest\n@pytest.mark.parametrize('k', range(4))\n"
        "@pytest.mark.parametrize('lesson', ['01_a', '02_b', '03_c', '04_d'])\n"
        "def test_x(lesson, k):\n"
        f"    with (pathlib.Path({str(tmp_path)!r}) / lesson).open('a') as file:\n"
        "        file.write(os.environ['PYTEST_XDIST_WORKER'] + '\\n')\n",
        encoding="utf-8",
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadscope"]
    done = subprocess.run(
        [*command, "--no-loadscope-reorder"],
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [(tmp_path / name).read_text(encoding="utf-8").split() for name in ("01_a", "02_b", "03_c", "04_d")]
    assert [len(workers) for workers in ran] == [4] * 4 and all(len(set(workers)) == 1 for workers in ran)
    assert len({workers[0] for workers in ran}) == 2


def test_whole_lessons_come_first_and_those_that_have_not_changed_are_left_out() -> None:
    def made(name: str, whole: bool, **params: Any) -> Any:
        lesson = {"callspec": SimpleNamespace(params=params)} if params else {}
        return SimpleNamespace(
            name=name, get_closest_marker=lambda mark: (whole and mark == "notebooks") or None, **lesson
        )

    quick, answers, links = made("quick", False), made("answers", False, number="02"), made("links", True)
    one, two = made("whole", True, number="01"), made("whole", True, number="02")
    every = [quick, answers, links, one, two]
    assert selection.arranged(every, None) == ([links, one, two, quick, answers], [])
    assert selection.arranged(every, {"01"}) == ([links, one, quick, answers], [two])
    assert selection.arranged(every, set()) == ([links, quick, answers], [one, two])


def test_the_option_is_there_and_says_what_is_wrong_with_a_commit() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    command += ["--changed-against", "nowhere", str(Path(__file__).with_name("test_browser_rule.py"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "git cannot say what has changed" in done.stdout + done.stderr

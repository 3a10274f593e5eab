"""`course new`: what it writes passes the gates as it stands, in a copy of the repository; what is taken it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_tools import new
from course_tools.editions import Course
from course_tools.new import skeleton
from course_tools.syllabus import SYLLABUS
from course_utils.errors import CourseError

ROOT = Course().root
TAKEN = {path.stem[:2] for path in (ROOT / "solutions").glob("[0-9][0-9]_*.py")}
FREE = next(row for row in SYLLABUS if row.number not in TAKEN)

# Runs in the copy, whose packages win: makes the lesson, builds it, and prints each gate's complaints as JSON.
GATES = """
import json, sys
import pytest
from typer.testing import CliRunner
from course_tools import cli, editions, pages
from course_tools.editions import gates

number, slug = sys.argv[1:]
told = CliRunner().invoke(cli.app, ["new", number, slug])
built = CliRunner().invoke(cli.app, ["build", number, "--preset", "smoke"])
lesson = editions.find(number)
source = editions.read_source(lesson.source)
student, solution = map(editions.read_notebook, (lesson.student, lesson.solution))
untouched = editions.execute(editions.read_notebook(lesson.student), "smoke", folder=lesson.student.parent)
root = editions.Course().root
readme = (root / pages.README).read_text(encoding="utf-8")
tests = [f"tests/lessons/test_{name}.py" for name in ("answers", "laws", "mutants")]
tests += ["tests/ship/test_manifest.py", f"tests/lessons/lesson{number}"]
status = pytest.main(["-q", "-k", f"{number} or manifest or explorer", *tests])
found = {
    "new": [] if told.exit_code == 0 and f"course build {number}" in told.output else [told.output],
    "build": [] if built.exit_code == 0 else [built.output],
    "source": gates.source_is_sound(lesson),
    "editions": gates.editions_regenerate(lesson),
    "stale": [reason for reason in [editions.stale(lesson, preset="smoke")] if reason],
    "checks": gates.checks_are_recorded(solution) + gates.all_passed(solution),
    "answers stay out": gates.answers_stay_out(source, student),
    "figures": gates.figures_are_made(solution) + gates.figures_are_made(untouched),
    "machine": gates.machine_stays_out(solution) + gates.machine_stays_out(student),
    "nothing tried": gates.nothing_tried(untouched),
    "links": gates.links_resolve(root, [lesson.student, lesson.solution, root / pages.README, root / pages.GLOSSARY]),
    "pages": [] if readme == pages.readme() else ["README is out of date."],
    "about": list(pages.complaints()),
    "tests": [f"pytest ends with {status}."] if status else [],
}
text = lesson.source.read_text(encoding="utf-8").replace("### BEGIN SOLUTION", "# begins", 1)
lesson.source.write_text(text, encoding="utf-8")
found["a spoilt source, which must be noticed"] = gates.source_is_sound(lesson)
print("COMPLAINTS" + json.dumps(found))
"""


def copy_of_the_repository(target: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file() and source.suffix != ".safetensors":  # the skeleton loads no weights
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


@pytest.mark.slow
@pytest.mark.notebooks
def test_a_new_lesson_passes_the_gates_as_it_stands(tmp_path: Path) -> None:
    root = copy_of_the_repository(tmp_path / "copy")
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COURSE_"))}
    env |= {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, encoding="utf-8", check=False)

    done = run(sys.executable, "-c", GATES, FREE.number, FREE.slug)
    assert "COMPLAINTS" in done.stdout, done.stdout + done.stderr
    found = json.loads(done.stdout.split("COMPLAINTS")[1])
    assert found.pop("a spoilt source, which must be noticed")
    assert {gate: said for gate, said in found.items() if said} == {}, done.stdout

    ruff, number = [sys.executable, "-m", "ruff"], FREE.number
    made = [
        f"solutions/{number}_{FREE.slug}.py",
        f"course_utils/lessons/lesson{number}",
        f"tests/lessons/lesson{number}",
    ]
    for command in ([*ruff, "check", *made], [*ruff, "format", "--check", *made[1:]], [lint_imports()]):
        linted = run(*command)
        assert linted.returncode == 0, linted.stdout + linted.stderr


def lint_imports() -> str:
    found = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    assert found, "import-linter is not installed: `make lint` installs it."
    return found


def test_every_template_is_used_and_every_file_has_one() -> None:
    assert {path.name for path in skeleton.TEMPLATES.glob("*.j2")} == skeleton.FILES.keys()


@pytest.mark.parametrize(
    ("number", "slug", "says"),
    [
        ("04", FREE.slug, "There is a lesson 04_ddpm already"),
        (FREE.number, "ddpm", "There is a lesson 04_ddpm already"),
        (FREE.number, "something_else", f"is called {FREE.slug} in the syllabus"),
        ("99", "something_else", "The syllabus ends at"),
        ("7", "score_matching", "two digits"),
        ("../", "x", "two digits"),
    ],
)
def test_what_is_taken_or_unknown_is_refused_in_one_sentence(number: str, slug: str, says: str) -> None:
    before = sorted(path.name for path in (ROOT / "course_utils" / "lessons").iterdir())
    with pytest.raises(CourseError, match=says) as refused:
        new.create(number, slug)
    assert str(refused.value).count("\n") == 0
    assert sorted(path.name for path in (ROOT / "course_utils" / "lessons").iterdir()) == before


def test_a_folder_left_over_is_not_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeleton.slices, "folder", lambda number: ROOT / "tests" / "lessons")
    with pytest.raises(CourseError, match="tests/lessons is there already"):
        new.create(FREE.number, FREE.slug)


def test_the_manifest_stays_sorted_and_keeps_its_comment(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.txt"
    manifest.write_text("# Says what it is.\n00\n12\n", encoding="utf-8")
    skeleton._enter(manifest, "07")
    assert manifest.read_text(encoding="utf-8") == "# Says what it is.\n00\n07\n12\n"

"""`build`: what it writes, what it leaves alone, and what it says when a lesson fails."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import nbformat
import pytest
from rich.console import Console

from course_tools import editions
from course_tools.editions import engine, smoke
from course_tools.editions.notebooks import text_of
from course_tools.grading import process
from course_utils.errors import CourseError


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def build(course, numbers=None, **options):
    return editions.build(numbers, course=course, console=quiet(), **options)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def states(results):
    return {result.lesson.number: (result.student, result.solution) for result in results}


def reason(course, number="01"):
    return editions.stale(editions.find(number, course), course)


def test_the_student_edition(built):
    lesson = editions.find("01", built)
    nb = nbformat.read(lesson.student, as_version=4)
    nbformat.validate(nb)
    by_id = {cell.id: cell for cell in nb.cells}
    assert by_id["add"].source == (
        'def add(a, b):\n    """The sum of a and b.\n\n    Example: add(2, 3) is 5.\n    """\n'
        '    raise NotImplementedError("add")'
    )
    assert by_id["Doubler"].source.count('        raise NotImplementedError("Doubler")') == 2
    assert by_id["add"].metadata == {"tags": ["exercise"], "exercise": "add", "points": 2}
    assert by_id["add-check"].metadata == {"tags": ["check"], "exercise": "add"}
    assert nb.metadata.course == {"lesson": "01", "edition": "student"}
    assert all(not c.outputs and c.execution_count is None for c in nb.cells if c.cell_type == "code")


def test_the_solution_edition(built):
    nb = nbformat.read(editions.find("01", built).solution, as_version=4)
    nbformat.validate(nb)
    by_id = {cell.id: cell for cell in nb.cells}
    assert "### BEGIN SOLUTION" in by_id["add"].source
    assert by_id["add-check"].metadata["tags"] == ["check", "nbval-check-output"]
    assert text_of(by_id["add-check"].outputs) == "add: PASS (1 of 1)\n"
    assert "preset laptop" in "".join(text_of(c.outputs) for c in nb.cells if c.cell_type == "code")
    assert nb.metadata.course.preset == "laptop" and len(nb.metadata.course.digest) == 32
    assert set(nb.metadata) == {"course", "kernelspec", "language_info"}
    assert "version" not in nb.metadata.language_info
    assert all("execution" not in cell.metadata for cell in nb.cells)


def test_files_end_in_one_newline_and_have_no_carriage_returns(built):
    for lesson in editions.lessons(built):
        for path in (lesson.student, lesson.solution):
            raw = path.read_bytes()
            assert raw.endswith(b"}\n") and b"\r" not in raw
            assert editions.to_bytes(editions.read_notebook(path)) == raw


def test_a_second_build_changes_nothing(built):
    files = [path for lesson in editions.lessons(built) for path in (lesson.student, lesson.solution)]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    assert states(build(built)) == {"01": ("unchanged", "fresh"), "02": ("unchanged", "fresh")}
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == before


def test_a_forced_build_gives_the_same_bytes(built):
    before = editions.find("02", built).solution.read_bytes()
    assert states(build(built, ["02"], force=True)) == {"02": ("unchanged", "unchanged")}
    assert editions.find("02", built).solution.read_bytes() == before


def test_line_ends_and_place_of_the_repository_do_not_count(built, tmp_path):
    elsewhere = Path(shutil.copytree(built.root, tmp_path / "elsewhere"))
    for path in [*elsewhere.rglob("*.py")]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    moved = editions.Course(elsewhere, built.package, built.exercise_names)
    assert reason(moved) is None


def test_only_the_lesson_that_changed_runs_again(built):
    edit(editions.find("02", built).source, "Minus a.", "The negative of a.")
    assert states(build(built)) == {"01": ("unchanged", "fresh"), "02": ("written", "written")}
    assert reason(built, "02") is None


def test_other_reasons_to_run_again(built):
    lesson = editions.find("02", built)
    whole = lesson.solution.read_bytes()
    assert editions.stale(lesson, built, preset="gpu") == "Lesson 02 was executed under preset laptop, not gpu."
    edit(lesson.solution, "return 0 - a - 0", "return -a - 0 - 0")
    assert "was edited" in reason(built, "02")
    lesson.solution.write_bytes(whole)
    nb = editions.read_notebook(lesson.solution)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    editions.write_notebook(lesson.solution, nb)
    assert "lost its outputs" in reason(built, "02")
    lesson.solution.write_text("{", encoding="utf-8")
    assert "cannot be read" in reason(built, "02")
    lesson.solution.unlink()
    assert "no solution edition yet" in reason(built, "02")


def test_a_failing_cell_is_named_and_the_old_edition_stays(built):
    lesson = editions.find("02", built)
    before = lesson.solution.read_bytes()
    source = lesson.source.read_text(encoding="utf-8")
    lesson.source.write_text(source + '\n# %%\nraise ValueError("first\\nlast words")\n', encoding="utf-8")
    (result, other) = build(built, ["02", "01"])
    assert not result.ok and result.solution == "failed"
    assert result.error == (
        'Lesson 02 failed in cell 7 (raise ValueError("first\\nlast words")): ValueError: last words'
    )
    assert lesson.solution.read_bytes() == before
    assert other.ok, "one lesson's failure does not stop the others"
    assert sorted(path.name for path in lesson.solution.parent.iterdir()) == [
        "01_tiny.ipynb", "01_tiny.py", "02_small.ipynb", "02_small.py",
    ]  # fmt: skip


def test_a_kernel_that_dies_is_a_sentence(built):
    lesson = editions.find("02", built)
    source = lesson.source.read_text(encoding="utf-8")
    lesson.source.write_text(source + "\n# %%\nimport os\ngetattr(os, '_exit')(1)\n", encoding="utf-8")
    (result,) = build(built, ["02"])
    assert result.error == "Lesson 02 failed in cell 7 (import os): the kernel died"


def test_a_cell_that_takes_too_long_is_a_sentence(unbuilt):
    nb = editions.read_source(editions.find("02", unbuilt).source)
    nb.cells[1].source = "import time\ntime.sleep(60)"
    with pytest.raises(editions.ExecutionError, match=r"Lesson 02 failed in cell 2 \(import time\): it took longer"):
        editions.execute(nb, folder=unbuilt.root / "solutions", timeout=1)


def test_a_bad_source_fails_its_lesson_and_writes_nothing(unbuilt):
    edit(editions.find("01", unbuilt).source, 'exercise="add" points=2', 'exercise="add"')
    first, second = build(unbuilt)
    assert not first.ok and "has no points" in first.error
    assert not first.lesson.student.exists() and not first.lesson.solution.exists()
    assert second.ok and second.lesson.solution.exists()


def test_a_notebook_that_grows_too_big_is_refused_by_name(unbuilt):
    lesson = editions.find("02", unbuilt)
    source = lesson.source.read_text(encoding="utf-8")
    lesson.source.write_text(source + '\n# %%\nprint("much " * 400_000)\n', encoding="utf-8")
    (result,) = build(unbuilt, ["02"])
    assert "would take 2.0" in result.error and "1.5 MB are allowed" in result.error
    assert "cell 7 (print" in result.error
    assert not lesson.solution.exists()


def test_the_data_set_becomes_a_parameter_and_the_source_notebook_stays(unbuilt):
    nb = editions.read_source(editions.find("01", unbuilt).source)
    before = editions.to_bytes(nb)
    executed = editions.execute(nb, "smoke", "digits", folder=unbuilt.root / "solutions")
    assert "preset smoke, data set digits" in "".join(text_of(c.get("outputs", [])) for c in executed.cells)
    assert editions.to_bytes(nb) == before
    second = editions.read_source(editions.find("02", unbuilt).source)
    with pytest.raises(CourseError, match="Lesson 02 takes no data set"):
        editions.execute(second, "smoke", "digits", folder=unbuilt.root / "solutions")


def test_progress_is_told(unbuilt):
    nb = editions.read_source(editions.find("02", unbuilt).source)
    told = []
    editions.execute(nb, folder=unbuilt.root / "solutions", progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told) and told[-1] == (6, 6) and len(told) > 2


def test_the_environment_of_the_kernel(monkeypatch):
    monkeypatch.setenv("COURSE_PRESET", "gpu")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    env = engine.kernel_environment(Path("root"), "smoke")
    assert env["COURSE_PRESET"] == "smoke" and "MPLBACKEND" not in env
    assert env["PYTHONPATH"].split(";" if ";" in env["PYTHONPATH"] else ":")[0] == "root"


def test_what_runs_headless_finds_no_training_that_somebody_made_before(unbuilt, tmp_path, monkeypatch):
    """Each run has a folder of its own for trainings, so that a lesson that is built or graded has really trained."""
    monkeypatch.setenv("COURSE_TRAININGS", str(tmp_path / "somebody's"))
    nb = editions.read_source(editions.find("02", unbuilt).source)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    code[-1].source = "import os\nprint(os.environ['COURSE_TRAININGS'])"
    done = [editions.execute(nb, folder=unbuilt.root / "solutions") for _ in range(2)]
    folders = {text_of(run.cells[nb.cells.index(code[-1])].outputs).strip() for run in done}
    assert len(folders) == 2 and str(tmp_path / "somebody's") not in folders
    assert not any(Path(folder).exists() for folder in folders)
    for env in (smoke._environment(tmp_path, "smoke", tmp_path), process._environment(tmp_path)):
        assert env["COURSE_TRAININGS"] == str(tmp_path / "trainings")


def test_widgets_leave_their_still_picture():
    view = "application/vnd.jupyter.widget-view+json"
    outputs = [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {view: {"model_id": "1"}, "text/plain": "HBox(children=(1,))"},
        },
        {"output_type": "display_data", "metadata": {}, "data": {view: {"model_id": "2"}, "image/png": "aGk="}},
        {"output_type": "stream", "name": "stdout", "text": "\n"},
    ]
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {"execution": {}},
        "source": "1",
        "outputs": outputs,
        "execution_count": 1,
    }
    nb = nbformat.from_dict({"cells": [cell], "metadata": {"widgets": {}}, "nbformat": 4, "nbformat_minor": 5})
    like = nbformat.from_dict({"cells": [{"metadata": {"tags": ["explorer"]}}], "metadata": {}})
    clean = editions.tidy(nb, like)
    assert [dict(output.data) for output in clean.cells[0].outputs] == [{"image/png": "aGk="}]
    assert clean.metadata == {} and clean.cells[0].metadata == {"tags": ["explorer"]}


def test_streams_are_merged_and_overwritten_lines_forgotten():
    pieces = [("stdout", "a"), ("stdout", "b\n"), ("stderr", " 10%\r 50%"), ("stderr", "\r100%\r\n"), ("stdout", "\n")]
    outputs = [{"output_type": "stream", "name": name, "text": text} for name, text in pieces]
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": outputs, "execution_count": 1}
    nb = nbformat.from_dict({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    assert [output.text for output in editions.tidy(nb, nb).cells[0].outputs] == ["ab\n", "100%\n"]


def test_what_is_true_of_one_machine_alone_is_not_recorded():
    output = {"output_type": "stream", "name": "stdout", "text": "24 GB"}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": [output], "execution_count": 1}
    nb = nbformat.from_dict({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    like = nbformat.from_dict({"cells": [{"metadata": {"tags": ["machine"]}}], "metadata": {}})
    assert editions.tidy(nb, like).cells[0].outputs == []


def test_an_unknown_number_and_an_empty_course(unbuilt, tmp_path):
    with pytest.raises(CourseError, match="choose one of 01_tiny, 02_small"):
        build(unbuilt, ["03"])
    (tmp_path / "empty" / "solutions").mkdir(parents=True)
    with pytest.raises(CourseError, match="There are no lessons"):
        build(editions.Course(tmp_path / "empty", "tiny_course", lambda number: []))


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.ipynb"
    nb = nbformat.v4.new_notebook()
    assert editions.write_notebook(path, nb) and not editions.write_notebook(path, nb)
    before = path.read_bytes()
    nb.cells.append(nbformat.v4.new_markdown_cell("more", id="m"))

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CourseError, match="cannot be written"):
        editions.write_notebook(path, nb)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_what_build_says(built):
    console = quiet()
    edit(editions.find("01", built).source, 'exercise="add" points=2', 'exercise="add"')
    editions.build(course=built, console=console)
    said = console.file.getvalue()
    assert "01_tiny" in said and "has no points" in said
    assert "02_small student edition unchanged, solution edition fresh" in said


def test_the_student_edition_is_json_with_unescaped_text(built):
    text = editions.find("01", built).student.read_text(encoding="utf-8")
    assert "# 01 · A tiny lesson" in text and json.loads(text)["nbformat_minor"] == 5

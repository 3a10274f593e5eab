"""Every gate with a lesson spoilt so that it has to complain: a gate that cannot close is no gate."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from course_tools import editions
from course_tools.editions import gates
from course_tools.editions.smoke import through_nbval


@pytest.fixture
def lesson(built):
    return editions.find("01", built)


@pytest.fixture
def nb(lesson):
    """The executed solution edition of the small lesson 01."""
    return editions.read_notebook(lesson.solution)


def cell(nb, identity):
    return next(cell for cell in nb.cells if cell.id == identity)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def one(complaints: list[str], said: str) -> None:
    assert len(complaints) == 1, complaints
    assert said in complaints[0]


def run_student(lesson, built, nb=None):
    nb = nb or editions.read_notebook(lesson.student)
    return editions.execute(nb, "smoke", folder=lesson.student.parent, root=built.root, timeout=60)


def test_the_small_course_passes_every_gate(built):
    for lesson in editions.lessons(built):
        nb = editions.read_notebook(lesson.solution)
        source = editions.read_source(lesson.source)
        assert gates.source_is_sound(lesson, built) == []
        assert gates.editions_regenerate(lesson) == []
        assert gates.solution_is_fresh(lesson, built) == []
        assert gates.checks_are_recorded(nb) == []
        assert gates.all_passed(nb) == []
        assert gates.answers_stay_out(source, editions.read_notebook(lesson.student)) == []
        assert gates.figures_are_made(nb) == []
        assert gates.machine_stays_out(nb) == []
        assert gates.small_enough(nb) == []
        assert gates.nothing_tried(run_student(lesson, built)) == []
        said = through_nbval(lesson.solution, built.root)
        assert said.complaints == gates.all_passed(said.notebook) == gates.figures_are_made(said.notebook) == []
    assert gates.links_resolve(built.root) == []
    assert len(gates.pages(built.root)) == 5


# --- source and regeneration


def test_source_is_sound_complains(built, lesson):
    edit(lesson.source, 'tags=["experiment", "figure"]', 'tags=["experimnt"]')
    one(gates.source_is_sound(lesson, built), "did you mean 'experiment'?")


def test_source_is_sound_complains_of_a_wide_line_and_of_a_long_set_up(built, lesson):
    edit(lesson.source, "print(f", "\n" * 3 + "pass\n" * 10 + f"# {'x' * 95}\nprint(f")
    wide, long = gates.source_is_sound(lesson, built)
    assert "has 97 characters in its line 14" in wide
    assert "has 12 lines of set-up before its first section" in long


@pytest.mark.parametrize("which", ["student", "solution"])
def test_editions_regenerate_complains_of_an_edited_edition(lesson, which):
    edit(getattr(lesson, which), "A tiny lesson", "A teeny lesson")
    one(gates.editions_regenerate(lesson), "01_tiny.ipynb")


def test_editions_regenerate_complains_of_a_source_that_moved_on(lesson):
    edit(lesson.source, "Think of apples", "Think of pears")
    both = gates.editions_regenerate(lesson)
    assert len(both) == 2 and "not what the source gives" in both[0] and "other cells" in both[1]


def test_editions_regenerate_complains_of_changed_metadata(lesson, nb):
    cell(nb, "add").metadata["points"] = 20
    nb.metadata["author"] = "somebody"
    editions.write_notebook(lesson.solution, nb)
    cells, extra = gates.editions_regenerate(lesson)
    assert "differs from the source in cell 6 (exercise add)" in cells and "author" in extra


def test_editions_regenerate_complains_of_a_missing_edition(lesson):
    lesson.student.unlink()
    lesson.solution.unlink()
    assert len(gates.editions_regenerate(lesson)) == 2


def test_solution_is_fresh_complains(built, lesson):
    edit(built.root / "tiny_course" / "deeper.py", "ONE = 1", "ONE = 1.0")
    one(gates.solution_is_fresh(lesson, built), "has changed since it ran. Run `course build 01`")


def test_solution_is_fresh_complains_of_another_preset(built, lesson, nb):
    nb.metadata.course["preset"] = "smoke"
    editions.write_notebook(lesson.solution, nb)
    one(gates.solution_is_fresh(lesson, built), "executed under preset smoke")


# --- what is recorded


def test_checks_are_recorded_complains_without_output(nb):
    cell(nb, "add-check").outputs = []
    one(gates.checks_are_recorded(nb), "cell 8 (check add) has no recorded output")


def test_checks_are_recorded_complains_without_the_tag(nb):
    cell(nb, "add-check").metadata["tags"] = ["check"]
    one(gates.checks_are_recorded(nb), "not tagged nbval-check-output")


@pytest.mark.parametrize("count", [None, 1])
def test_checks_are_recorded_complains_without_a_count_in_order(nb, count):
    cell(nb, "Doubler-check").execution_count = count
    one(gates.checks_are_recorded(nb), "cell 10 (check Doubler) has no execution count in order")


@pytest.mark.parametrize(
    "line",
    [
        "add: FAIL (0 of 1)\n  hint: look again\n",
        "add: not tried yet\n",
        "add: PASS (1 of 2)\n",
        "other: PASS (1 of 1)\n",
        "add: PASS (1 of 1)\nand more\n",
        "",
    ],
)
def test_all_passed_complains(nb, line):
    cell(nb, "add-check").outputs[0].text = line
    one(gates.all_passed(nb), "cell 8 (check add) printed")


def test_all_passed_complains_of_a_second_output_and_of_a_lost_check(nb):
    add = cell(nb, "add-check")
    warning = copy.deepcopy(add.outputs[0])
    warning.name = "stderr"
    add.outputs.append(warning)
    one(gates.all_passed(nb), "2 outputs")
    nb.cells.remove(add)
    one(gates.all_passed(nb), "The exercise add has no check cell.")


def test_a_wrong_solution_does_not_score_full(built, lesson):
    edit(lesson.source, "total_of_both = a + b", "total_of_both = a - b")
    (result,) = editions.build(["01"], course=built)
    assert result.ok
    one(gates.all_passed(editions.read_notebook(lesson.solution)), "'add: FAIL (0 of 1)")


# --- the untouched student edition


def test_nothing_tried_complains_of_an_answer_left_in(built, lesson):
    nb = editions.read_notebook(lesson.student)
    cell(nb, "add").source = "def add(a, b):\n    return a + b"
    one(gates.nothing_tried(run_student(lesson, built, nb)), "cell 8 (check add) printed 'add: PASS (1 of 1)'")


def test_nothing_tried_complains_of_a_wrong_stub(built, lesson):
    nb = editions.read_notebook(lesson.student)
    cell(nb, "add").source = "def add(a, b):\n    pass"
    one(gates.nothing_tried(run_student(lesson, built, nb)), "FAIL")


def test_a_student_edition_that_stops_is_noticed(built, lesson):
    nb = editions.read_notebook(lesson.student)
    cell(nb, "add").source = 'raise NotImplementedError("add")'
    with pytest.raises(editions.ExecutionError, match=r"cell 6 \(exercise add\): NotImplementedError: add"):
        run_student(lesson, built, nb)


# --- answers


@pytest.mark.parametrize("where", ["markdown", "code", "spaced"])
def test_answers_stay_out_complains(lesson, where):
    source, edition = editions.read_source(lesson.source), editions.read_notebook(lesson.student)
    shown = {
        "markdown": (4, "Hint: `total_of_both = a + b`"),
        "code": (3, "if True:\n    total_of_both = a + b  # as above"),
        "spaced": (3, "total_of_both=(a)\ntotal_of_both  =  a+b"),
    }
    index, text = shown[where]
    edition.cells[index].source = text
    one(gates.answers_stay_out(source, edition), f"cell {index + 1} (")


def test_answers_stay_out_complains_of_the_solution_edition(lesson, nb):
    complaints = gates.answers_stay_out(editions.read_source(lesson.source), nb)
    assert any("cell 6 (exercise add) shows a line of the answer to add" in text for text in complaints)
    assert any("still has its solution marks" in text for text in complaints)
    assert any("has outputs or a count" in text for text in complaints)


# --- figures, machines, sizes


def test_figures_are_made_complains_without_an_image(nb):
    figure = next(c for c in nb.cells if "figure" in c.metadata.get("tags", []))
    figure.outputs = figure.outputs[1:]
    one(gates.figures_are_made(nb), "is tagged figure and made no image")


def test_figures_are_made_complains_without_alt_text(nb):
    figure = next(c for c in nb.cells if "figure" in c.metadata.get("tags", []))
    figure.outputs[0].metadata = {"image/png": {"width": 1}}
    one(gates.figures_are_made(nb), "without alt text")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("saved to /home/ada/x.png\n", "path"),
        ("/Users/ada/x\n", "path"),
        ("in '/tmp/x'\n", "path"),
        ("C:\\Users\\ada\n", "path"),
        ("lib/site-packages/torch/a.py:3: UserWarning\n", "path"),
        ("ipykernel_123/45.py\n", "temporary file"),
        ("on http://localhost:8888\n", "address"),
        ("<object at 0x7f12ab34cd56>\n", "memory"),
    ],
)
@pytest.mark.parametrize("mime", ["stream", "text/plain", "text/html"])
def test_machine_stays_out_complains(nb, text, what, mime):
    output = cell(nb, "add-check").outputs[0]
    if mime == "stream":
        output.text = text
    else:
        output.update({"output_type": "display_data", "data": {mime: text}, "metadata": {}})
    complaints = gates.machine_stays_out(nb)
    assert complaints and any(what in complaint for complaint in complaints)
    assert all(complaint.startswith("cell 8 (check add) shows") for complaint in complaints)


@pytest.mark.parametrize("text", ["t = 1/2 and a/b, see https://arxiv.org/tmp/x\n", "share: 0x, tmp/x, 3:04\n"])
def test_machine_stays_out_is_not_shy_of_ordinary_text(nb, text):
    cell(nb, "add-check").outputs[0].text = text
    assert gates.machine_stays_out(nb) == []


def test_machine_stays_out_looks_past_embedded_pictures(nb):
    output = cell(nb, "add-check").outputs[0]
    html = '<img src="data:image/png;base64,AAAA/tmp/x/home/y==" alt="x">'
    output.update({"output_type": "display_data", "data": {"text/html": html}, "metadata": {}})
    assert gates.machine_stays_out(nb) == []


def test_machine_stays_out_complains_of_metadata(nb):
    nb.cells[1].metadata["execution"] = {"shell.execute_reply": "2024"}
    nb.metadata["language_info"]["version"] = "3.11"
    nb.metadata["course"]["where"] = "/home/ada/course"
    assert len(gates.machine_stays_out(nb)) == 3


def test_machine_stays_out_knows_its_own_name(nb, monkeypatch):
    gates._own_host.cache_clear()
    monkeypatch.setattr(gates.socket, "gethostname", lambda: "lab-pc-17.example.org")
    cell(nb, "add-check").outputs[0].text = "running on lab-pc-17\n"
    one(gates.machine_stays_out(nb), "the name of this machine")
    gates._own_host.cache_clear()


def test_small_enough_complains(nb):
    cell(nb, "add-check").outputs[0].text = "x" * 1_600_000
    one(gates.small_enough(nb), "cell 8 (check add) with 1.60 MB")


# --- links


def test_links_resolve_complains(built):
    (built.root / "docs" / "pictures" / "dot.png").unlink()
    (built.root / "README.md").write_text("[gone](docs/gone.md)\n", encoding="utf-8")
    edit(editions.find("02", built).student, "## The only exercise", "## The single exercise")
    complaints = gates.links_resolve(built.root)
    assert len(complaints) == 4
    assert sum("dot.png" in text for text in complaints) == 2  # both editions of lesson 01
    assert sum("docs/gone.md" in text for text in complaints) == 1
    assert sum("'The-only-exercise'" in text for text in complaints) == 1


# --- nbval


def test_nbval_complains_of_a_changed_check(built, lesson, nb):
    cell(nb, "add").source = "def add(a, b):\n    return a - b"
    editions.write_notebook(lesson.solution, nb)
    one(through_nbval(lesson.solution, built.root).complaints, "01_tiny.ipynb: nbval fails")


def test_nbval_complains_of_a_cell_that_breaks_under_smoke(built, lesson, nb):
    nb.cells[3].source = "import os\nassert os.environ['COURSE_PRESET'] != 'smoke'"
    editions.write_notebook(lesson.solution, nb)
    one(through_nbval(lesson.solution, built.root).complaints, "nbval fails")
    assert through_nbval(lesson.solution, built.root, preset="lecture").complaints == []


def test_what_nbval_ran_is_kept_and_complained_of(built, lesson, nb):
    """nbval lets a cell pass that makes no picture under `smoke`, and what is recorded hides it: this run shows it."""
    figure = next(c for c in nb.cells if "figure" in c.metadata.get("tags", []))
    figure.source = "if os.environ['COURSE_PRESET'] != 'smoke':\n    pictures.show()"
    editions.write_notebook(lesson.solution, nb)
    said = through_nbval(lesson.solution, built.root)
    assert said.complaints == gates.figures_are_made(nb) == []
    one(gates.figures_are_made(said.notebook), "is tagged figure and made no image")
    assert "preset smoke" in said.notebook.cells[3].outputs[0].text


def test_nbval_complains_when_it_cannot_run(built, lesson):
    lesson.solution.write_text("{", encoding="utf-8")
    said = through_nbval(lesson.solution, built.root)
    one(said.complaints, "did not finish")
    assert said.notebook is None


def test_nbval_complains_of_a_notebook_without_code(built, lesson, nb):
    nb.cells = nb.cells[:1]
    editions.write_notebook(lesson.solution, nb)
    one(through_nbval(lesson.solution, built.root).complaints, "did not finish")


def test_takes_dataset(built):
    assert editions.takes(editions.read_source(editions.find("01", built).source), "dataset")
    assert not editions.takes(editions.read_source(editions.find("02", built).source), "dataset")

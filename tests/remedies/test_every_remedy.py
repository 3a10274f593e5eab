"""Each sentence that tells a person what to do has a test that does it, or a reason why none can."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.remedies import table, test_images, test_tools, test_trainings

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "course_utils", ROOT / "course_tools"]
WITH_TESTS = (test_images, test_tools, test_trainings)  # importing them fills the table

MENDS = "notebooks/test_build_mends.py::test_"
BUILD = f"{MENDS}a_spoilt_edition_is_built_again"
STUDIES = "unit/test_studies.py::test_"
GRADES = "grading/test_remedies.py::test_"
HANDED_IN = "grading/test_handed_in.py::test_"
TABLES = "grading/test_table.py::test_"
ROWS = "grading/test_rows.py::test_"
RAISES = "whatever_one_submission_raises_is_its_row_and_is_tried_again"
CHECKS = "unit/test_exercise_framework.py::test_"

#: words of a sentence -> the test of another folder that does what it says
ELSEWHERE = {
    "in notebooks/ is not what the source gives: run `course build`.": BUILD,
    "has other cells than the source: run `course build`.": BUILD,
    "… Run `course build …`.": BUILD,
    "There is no notebook …: run `course build`.": BUILD,
    "restore it or build it again.": BUILD,
    "build it with `course build …`": BUILD,
    "`course build …` writes what is not there.": BUILD,
    "none yet (`course build` makes them)": f"{MENDS}a_notebook_that_lab_does_not_find_is_built",
    "run `course claims …`": f"{STUDIES}other_settings_make_it_stale_and_only_the_changed_variant_runs_again",
    "run `course claims … --force`.": f"{STUDIES}a_damaged_file_gets_a_sentence_and_is_mended_by_a_run",
    "is there and has other columns: name another file, or move it away.": f"{GRADES}a_table_with_other_columns",
    "close it in other programs, or name another file.": f"{GRADES}a_table_that_cannot_be_written",
    "run the grade again.": f"{GRADES}a_grade_that_broke_off_is_made_again",
    "The grade broke off before this exercise; run it again.": f"{GRADES}a_grade_that_broke_off_is_made_again",
    "save the notebook again in JupyterLab, or take a fresh copy": f"{GRADES}a_notebook_that_is_empty_or_old",
    "open it in JupyterLab, save it, and check it again.": f"{GRADES}a_notebook_that_is_empty_or_old",
    "copy it back from a fresh notebooks/": f"{GRADES}an_answer_that_is_gone",
    "see to that, and run the same command again.": f"{ROWS}{RAISES}",
    "look into the notebook, and run the same": f"{ROWS}{RAISES}",
    "put it in the other's place.": f"{ROWS}a_table_that_is_held_for_a_while_is_written_later",
    "clear its outputs in JupyterLab, save it,": f"{HANDED_IN}fifty_megabytes_of_outputs_do_no_harm_and_more_than_"
    "the_limit_is_said",
    "name the folder that it lies in, or `course check`": f"{HANDED_IN}notebooks_of_every_spelling_are_found_with_"
    "their_students",
    "put the notebook itself in its place.": f"{HANDED_IN}links_are_not_followed_and_pipes_are_not_opened",
    "and cannot be read (…): name another file.": f"{TABLES}a_table_that_is_a_folder_gets_a_sentence",
    "take out what was added, or name another": f"{TABLES}another_table_gets_one_sentence_and_stays",
    "run this again, and it is judged.": "models/test_recipes.py::test_an_interrupt_while_the_result_is_judged_loses_"
    "no_training",
    "save them with half=False.": "models/test_weights.py::test_numbers_that_16_bits_cannot_hold_are_refused",
    "run your cell above, then this one": f"{CHECKS}the_reference_does_not_pass_for_an_answer",
    "interrupted before it was done: run it again.": f"{CHECKS}an_interrupt_ends_the_check_and_not_the_lesson",
    "not something to call: run its cell again.": f"{CHECKS}something_that_is_no_function",
}

#: words of a sentence -> why no test does what it says
BEYOND = {
    "`pip install -c constraints.txt -e .`": "wants a network; CI sets itself up with these words",
    "`pip install -c constraints.txt -e '.[dev]'`": "wants a network; CI sets itself up with these words",
    "run `pip install --force-reinstall --no-deps": "wants a network",
    "run `python -m ipykernel install --sys-prefix`": "would change the Python that runs the tests",
    "run `git lfs pull` and take that": "is for who handed in a pointer; wants a server",
    "solve it and save the notebook again": "is for who handed in two versions in one file",
    "take a fresh copy of it and put the answers in.": "is for who handed in thousands of cells",
    "lies too deep in other folders: move it up.": "is a file to be moved, in a folder handed in",
    "close other programs": "is the person's own machine",
    "free 2 GiB before you train or download.": "is the person's own machine",
    "try `course doctor`": "asks for a look, and mends nothing itself",
    "You can read and run the lessons here, and save nothing": "ends with the sentence that says what to do",
    "Next: `course build …`": "says what comes next where nothing is wrong; tests/ship/test_new.py builds a new lesson",
    "The lessons still show the old figures": "says what comes next where nothing is wrong",
    "the edition is out of date, run `course build`.": "is a stale edition, which BUILD mends",
    "judges were trained again while it ran: run it again.": "is the same command again",
    "go on with fewer workers.": "wants a machine that runs out of memory",
    "is there already: move it away first.": "is a folder to be renamed, in a checkout",
    "cannot be read as Python: correct it, or restore it with git.": "is for who edits the package",
    "is not UTF-8 text: save it as UTF-8.": "is for who edits a source",
    "move the rest to where it is needed": "is for who edits a source",
    "so that the untouched cell would stop the lesson: move it into one": "is for who edits a source",
    "Build it with outputs=": "is an argument to be given",
    "and the loop that uses it": "is no sentence to anybody",
    "`course build`; a verdict is": "is the head of a page",
    "The page is written by `course build` from": "is the head of a page",
    "<!-- lessons: made by `course build` -->": "is a mark in a page",
}


def test_every_sentence_that_tells_a_person_what_to_do_has_a_test() -> None:
    known = {*table.DONE, *ELSEWHERE, *BEYOND}
    missing = [
        text for root in PACKAGES for text in table.without_test(root, known) if "/checks" not in text.split(":")[0]
    ]
    assert missing == []
    assert table.unsaid(PACKAGES, known) == []


def test_the_tests_of_other_folders_are_there() -> None:
    for place in set(ELSEWHERE.values()):
        file, _, name = place.partition("::")
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, place


def test_a_sentence_without_a_test_is_named(tmp_path: Path) -> None:
    """The failing twin."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text(
        '"""Delete this: a docstring tells nobody."""\n'
        'raise Error(f"{path} is odd: "\n    "delete it, or wait")\n'
        'raise Error(f"{path} is rusty: {remedy}")\n'
        'remedy = "run `course oil`, twice"\n',
        encoding="utf-8",
    )
    found = sorted(table.without_test(tmp_path / "package", set()))
    assert found == ["package/a.py:2: … is odd: delete it, or wait", "package/a.py:5: run `course oil`, twice"]
    assert table.without_test(tmp_path / "package", {"is odd: delete it", "`course oil`"}) == []
    assert table.unsaid([tmp_path / "package"], {"is odd: delete it", "a sentence of last year"}) == [
        "a sentence of last year"
    ]

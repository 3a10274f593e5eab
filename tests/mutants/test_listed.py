"""What a lesson lists, and what is said where the list and the mutants differ."""

from __future__ import annotations

import pytest

from course_tools.mutants import Entry, Report, complaints, read_listed
from course_tools.mutants.listed import as_entry, as_written
from course_tools.mutants.mutate import Mutant
from course_utils.errors import CourseError

DEAD = [Mutant("f", "sign", "return x", f"return {n}", "") for n in range(18)]
ALIVE = Mutant("f", "sign", "return x + 'a'", "return x - 'a'", "")
KEY = (ALIVE.exercise, ALIVE.was, ALIVE.becomes)
REPORT = Report("99", ["f"], [(ALIVE, "survived"), *((mutant, "rejected") for mutant in DEAD), (DEAD[0], "stopped")])


def test_a_survivor_that_is_listed_is_no_complaint():
    assert complaints(REPORT, [Entry(KEY, no_fault="it is the same")]) == []
    assert complaints(REPORT, [Entry(KEY, open="values")]) == []


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "survives and is not listed"),
        ([Entry(KEY)], "either `no_fault` or `open`"),
        ([Entry(KEY, "a", "b")], "either `no_fault` or `open`"),
        ([Entry(KEY, "a"), Entry(KEY, "a")], "listed twice"),
        ([Entry(KEY, "a"), Entry(("f", "return x", "return 3"), "a")], "rejected by now"),
        ([Entry(KEY, "a"), Entry(("f", "return x", "return y"), "a")], "no mutant any more"),
        ([Entry(KEY, "a")] * 3, "3 of 20 mutants are listed"),
    ],
)
def test_every_difference_is_complained_about(entries, says):
    assert says in "\n".join(complaints(REPORT, entries))


def test_what_the_complaint_proposes_can_be_pasted(tmp_path):
    path = tmp_path / "mutants.toml"
    assert read_listed(path) == []
    path.write_text(f"{as_entry(ALIVE)}\nopen = 'values'\n", encoding="utf-8")
    assert read_listed(path) == [Entry(KEY, open="values")]


def test_how_a_line_is_written_makes_no_difference(tmp_path):
    path = tmp_path / "mutants.toml"
    path.write_text(
        "[[f]]\nwas = 'return x  +  \"a\"  # a remark'\nbecomes = ['return (x - \"a\")']\nopen = 'values'\n"
    )
    assert read_listed(path) == [Entry(KEY, open="values")]
    for line in ("if eta > 0:", "with torch.no_grad():", "def forward", "(removed)", "a, b = (1, 2)"):
        assert as_written(line) == line


@pytest.mark.parametrize(
    "text", ["[[f]\n", "[[f]]\nwas = 'x'\n", "f = 3\n", "[f]\nwas = 'x'\n", "[[f]]\nwas = 1\nbecomes = 2"]
)
def test_a_list_that_cannot_be_read_is_refused_in_one_sentence(tmp_path, text):
    path = tmp_path / "mutants.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match="cannot be read"):
        read_listed(path)

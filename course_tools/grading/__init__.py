"""Grades: a student's answers, put into the solution edition, run and compared by nbval, and told in sentences.

    report = grading.grade("01", "handed_in.ipynb")
    report.show()
    report.passed_all

How it works: a student's notebook is read statement by statement (`written`). An answer is the last top-level binding
of its name in the notebook's order, with what it uses of the student's other cells (`reached` has the rule, `answers`
the sentences). It is copied into the executed solution edition (`canonical`, `needed`, `assemble`), which supplies the
set-up, the checks, their recorded outputs, the execution counts and the metadata. pytest with nbval runs the result
in a process and a folder of its own (`process`, `plugin`, `guard`, `private`), again without the culprit where an
answer hangs, crashes, floods or breaks the guard (`rounds`), and once more alone where an answer fails after another
that left something behind (`again`). Points go by cell metadata (`verdicts`, `sentences`), never by cell number.
Experiments, explorers and figures are left out; pictures are never compared.

This is not a sandbox. A student's code runs as the person who grades it: it can read and delete their files, use the
network, start programs, and take all memory. It is kept from passing by accident or by the obvious tricks (a rebound
`ex`, a patched `print`, a printed PASS line, a check cell edited, deleted or doubled), but code that sets out to forge
a grade can: it shares a process with its check, can find the report's file, and can call the course's own reference
under another name. Grade strangers' notebooks in a container or a virtual machine.
"""

from __future__ import annotations

from course_tools.grading.folder import grade_folder
from course_tools.grading.grade import check, grade, solution_path
from course_tools.grading.report import ExerciseResult, Report

__all__ = ["ExerciseResult", "Report", "check", "grade", "grade_folder", "solution_path"]

"""Mutants of a lesson's answers: each has one thing wrong, and the check must notice. What survives is listed.

answers     the answers in a lesson's source, and the names that they use
place       where a piece of an answer stands
operators   the ways of making it wrong, one module a kind
mutate      all mutants of one answer
trial       one mutant on one check, with an end to its time
runner      a lesson's mutants, in a process of their own
listed      survivors that a lesson lists, in `tests/lessons/lessonNN/mutants.toml`
report      what `course mutants` prints
"""

from course_tools.mutants.listed import Entry, complaints, path_of, read_listed
from course_tools.mutants.runner import Report, attempt

__all__ = ["Entry", "Report", "attempt", "complaints", "path_of", "read_listed"]

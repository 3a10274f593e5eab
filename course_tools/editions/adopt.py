"""Take stored results as made by the code of now: `python -m course_tools.editions.adopt [STUDY ...]`.

Without names, only results that do not say by which code they were made: those from before this was stored. With names,
also results of these studies whose code has changed since, where the change alters no figure, such as a renamed
function. Whoever names a study vouches for that; `course claims NAME` runs it again instead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from course_tools.editions.lessons import Course
from course_tools.editions.study_code import study_digests
from course_utils import studies
from course_utils.errors import CourseError
from course_utils.studies import storage


def adopt(names: Sequence[str] = (), course: Course | None = None) -> list[str]:
    """Store the digest of the code of now with results, and give the names of the studies in which it was stored.

    Results that are stale for another reason, such as other settings, are left as they are.

    Raises:
        CourseError: no such study, or results that cannot be read.
    """
    code = study_digests(course)
    chosen = {study.name for study in map(studies.find, names)}
    adopted = []
    for name, study in studies.studies().items():
        stored = storage.read(study)
        for label in study.variants:
            kept = stored["variants"].get(label)
            if kept is None or ("code" in kept and name not in chosen) or storage.difference(kept, study, label):
                continue
            if kept.get("code") != code(study):
                runs = kept.pop("runs")
                kept.update(code=code(study), runs=runs)  # the runs last, below what they were made with
                adopted.append(name)
        if name in adopted:
            storage.write(study, stored)
    return list(dict.fromkeys(adopted))


if __name__ == "__main__":
    try:
        print("Adopted:", ", ".join(adopt(sys.argv[1:])) or "nothing")
    except CourseError as error:
        sys.exit(str(error))

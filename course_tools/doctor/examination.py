"""Everything the doctor looks at, in the order in which it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from course_tools.doctor import chromium, image_sets, machine, software
from course_tools.doctor.finding import MISSING, NOTE, OPTIONAL, ROOT, Finding
from course_utils.errors import CourseError
from course_utils.files import check_writable


def examine(root: Path = ROOT) -> list[Finding]:
    """Look at everything. A look that fails itself becomes a finding, and the others go on."""
    looks: list[tuple[str, Callable[[], Finding | Iterable[Finding]]]] = [
        ("Python", software.python),
        ("packages", lambda: software.packages(constraints=root / "constraints.txt")),
        ("PyTorch", machine.torch_and_preset),
        ("kernel", software.kernel),
        ("figures", software.figures),
        ("widgets' front end", software.widgets),
        ("lessons", lambda: _lessons(root)),
        ("memory", machine.memory),
        ("disk", lambda: machine.disk(root)),
        ("data folder", machine.data_folder),
        ("own folder", machine.own_folder),
        ("image sets", image_sets.finding),
        ("Chromium", chromium.finding),
    ]
    findings: list[Finding] = []
    for what, look in looks:
        try:
            found = look()
        except Exception as error:  # a broken installation breaks in ways nobody foresaw: say so, and go on
            said = (str(error).splitlines() or [""])[0][:120]
            remedy = f"{software.INSTALL}." if isinstance(error, ImportError) else ""
            remedy = str(error) if isinstance(error, CourseError) else remedy
            found = Finding(what, f"could not be looked at: {type(error).__name__}: {said}", MISSING, remedy)
        findings.extend([found] if isinstance(found, Finding) else found)
    return findings


def _lessons(root: Path) -> Finding:
    """The notebooks to work in. A class may have been given no `solutions/`."""
    there = {path.stem[:2] for path in (root / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    every = {path.stem[:2] for path in (root / "solutions").glob("[0-9][0-9]_*.py")}
    found = f"{len(there)} in notebooks/"
    if not every:
        if there:
            return Finding("lessons", found, NOTE, "`course check` also needs solutions/.")
        return Finding("lessons", found, MISSING, "run the command in a whole checkout of the course.")
    if every - there:
        absent = " ".join(sorted(every - there))
        return Finding(
            "lessons", found, OPTIONAL if there else MISSING, f"`course build {absent}` writes what is not there."
        )
    try:
        check_writable(root / "notebooks")
    except CourseError:
        remedy = "to keep your answers, copy the course to a folder that you may write to, and work there."
        return Finding("lessons", f"{found}, which can only be read", NOTE, remedy)
    return Finding("lessons", found)

"""The gate that the lecture page shows what the whole lesson shows: a cell left out that mattered shows here."""

from __future__ import annotations

from nbformat import NotebookNode

from course_tools.editions.notebooks import tags


def stills_of(executed: NotebookNode) -> list[list[str]]:
    """The still pictures of an executed notebook's explorers: for each explorer cell its pictures, PNG in base64."""
    found = []
    for cell in executed.cells:
        if "explorer" in tags(cell):
            bundles = [output.get("data", {}) for output in cell.outputs]
            found.append(["".join(bundle["image/png"].split()) for bundle in bundles if "image/png" in bundle])
    return found


def lecture_shows_the_same(whole: NotebookNode, page: NotebookNode) -> list[str]:
    """Complaints for the explorers whose still picture on the lecture page is not that of the whole run.

    Args:
        whole: a lesson, executed from top to bottom.
        page: its lecture page (`page_of`), executed under the same preset.
    """
    wanted, shown = stills_of(whole), stills_of(page)
    lesson = whole.metadata.get("course", {}).get("lesson", "?")
    if len(wanted) != len(shown):
        return [f"The lecture page of lesson {lesson} has {len(shown)} explorers and the lesson has {len(wanted)}."]
    found = []
    for number, (want, show) in enumerate(zip(wanted, shown, strict=True), start=1):
        if not want:
            found.append(f"Explorer {number} of lesson {lesson} has no still picture.")
        elif want != show:
            found.append(
                f"Explorer {number} of lesson {lesson} shows another picture on the lecture page than in the whole "
                "lesson: a cell was left out that changes what it shows (see course_tools.cells)."
            )
    return found

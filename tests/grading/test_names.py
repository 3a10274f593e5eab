"""Who defines a name: what passes live, run from top to bottom in a kernel, passes graded, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from course_tools import grading
from tests.grading import mini_lesson
from tests.grading.name_cases import CASES, lesson, notebook
from tests.grading.wide_exercises import NAMES

GROUPS = [tuple(CASES)[first : first + len(NAMES)] for first in range(0, len(CASES), len(NAMES))]


class Live:
    """A kernel in which notebooks are run one after the other, each in a fresh namespace."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def run(self, notebook: Any) -> dict[str, str]:
        """The last verdict of each exercise: "PASS", "FAIL" or "not tried". An error ends its cell and nothing else."""
        printed: list[str] = []

        def listen(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        fresh = ["%reset -f", "import sys\nsys.modules.pop('wide_exercises', None)"]
        for source in [*fresh, *(cell.source for cell in notebook.cells)]:
            self.client.execute_interactive(source, output_hook=listen, timeout=60, stop_on_error=False)
        return dict(re.findall(r"^(\w+): (PASS|FAIL|not tried)", "".join(printed), re.MULTILINE))


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        manager, client = start_new_kernel(kernel_name="python3")
    yield Live(client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0]} to {group[-1]}")
def test_what_passes_live_passes_graded_and_nothing_else(live: Live, tmp_path: Path, group: tuple[str, ...]) -> None:
    said = dict(zip(NAMES, group, strict=False))
    work = notebook({name: CASES[words] for name, words in said.items()})
    wanted = {words: CASES[words].passes for words in group}
    verdicts = live.run(work)
    assert {words: verdicts.get(name) == "PASS" for name, words in said.items()} == wanted, "live"
    canonical = mini_lesson.write(lesson(), tmp_path / "91_wide.ipynb")
    report = grading.grade(canonical, mini_lesson.write(work, tmp_path / "handed_in.ipynb"))
    odd = {
        words: (report[name].status, report[name].hint, report[name].notes)
        for name, words in said.items()
        if report[name].passed != wanted[words]
    }
    assert odd == {}

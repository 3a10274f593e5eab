"""Who defines a name: what passes live, run from top to bottom in a kernel, passes graded, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager, start_new_kernel

from tests.grading.name_cases import CASES, EXPR, Case, notebook

GROUPS = [tuple(CASES)[first : first + len(EXPR)] for first in range(0, len(CASES), len(EXPR))]


class Live:
    """A kernel in which notebooks are run one after the other, each in a fresh namespace."""

    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager, self.client = manager, client

    def run(self, sources: list[str]) -> str:
        """Everything the cells print. An error ends its cell and nothing else."""
        printed: list[str] = []

        def listen(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        for source in ["%reset -f", "import sys\nsys.modules.pop('mini_exercises', None)", *sources]:
            self.client.execute_interactive(source, output_hook=listen, timeout=60, stop_on_error=False)
        return "".join(printed)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setenv("COURSE_PRESET", "smoke")
        manager, client = start_new_kernel(kernel_name="python3")
    yield Live(manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def passes_live(live: Live, work: Any, chosen: dict[str, Case]) -> dict[str, bool]:
    """The last verdict of each exercise; checks that are run again come at the end."""
    sources = [cell.source for cell in work.cells if cell.cell_type == "code"]
    again = [f"{name} = ex.{name}.check({name})" for name, case in chosen.items() if case.again]
    text = live.run([*sources, *again])
    verdicts = {name: re.findall(rf"^{name}: (PASS|FAIL|not tried)", text, re.MULTILINE) for name in chosen}
    return {name: bool(found) and found[-1] == "PASS" for name, found in verdicts.items()}


@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0])
def test_what_passes_live_passes_graded_and_nothing_else(grade: Any, live: Live, names: tuple[str, ...]) -> None:
    chosen = {exercise: CASES[name] for exercise, name in zip(EXPR, names, strict=False)}
    words = dict(zip(EXPR, names, strict=False))
    work = notebook(chosen)
    wanted = {words[exercise]: case.passes for exercise, case in chosen.items()}
    seen = {words[exercise]: passed for exercise, passed in passes_live(live, work, chosen).items()}
    assert seen == wanted, "live"
    report = grade(work)
    assert {words[name]: report[name].passed for name in chosen} == wanted, [
        (words[r.name], r.status, r.hint, r.notes) for r in report.results if r.name in words
    ]

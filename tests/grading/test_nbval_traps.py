"""nbval's own traps, shown with nbval alone and then with the plugin: the pin on nbval 0.11.0 stands on these.

One notebook, run twice. If nbval alone ever behaves otherwise, the plugin wants another look.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from course_tools.grading import process
from course_tools.grading.process import _environment

LINE = "q: PASS (4 of 4)\n"
SAY = "print('q: PASS (4 of 4)')"


def _stream(text: str) -> Any:
    return v4.new_output("stream", name="stdout", text=text)


def _picture(data: str) -> Any:
    return v4.new_output("display_data", data={"image/png": data, "text/plain": "<picture>"})


DRAW = "from IPython.display import display\ndisplay({'image/png': 'AAAA', 'text/plain': '<picture>'}, raw=True)\n"
SILENCE = "get_ipython().showtraceback = lambda *args, **rest: None"
# Those whose name begins with "answer" are not compared with a recorded output; the others are checks.
# name: (source, recorded outputs, execution count, tags, passes under nbval alone, passes with the plugin)
CELLS: dict[str, tuple[str, list[Any], int | None, list[str], bool, bool]] = {
    "stripped": ("print('q: FAIL (2 of 4)')", [], None, [], True, True),  # `read_canonical` refuses it before
    "count stripped": (SAY, [_stream(LINE)], None, [], False, False),  # likewise
    "answer: unknown magic, raise": ("%nosuchmagic\nraise ValueError", [], 1, [], True, False),
    "answer: raises-exception": ("1 + 1", [], 2, ["nbval-raises-exception"], True, True),
    "answer: raises-exception, raised": ("raise ValueError", [], 2, ["nbval-raises-exception"], True, False),
    "answer: a comment skips": ("# NBVAL_SKIP\nraise ValueError", [], 2, [], True, False),
    "other picture": (DRAW + SAY, [_picture("BBBB"), _stream(LINE)], 3, [], True, True),
    "semicolon": (f"{SAY}\n[1];", [_stream(LINE)], 4, [], False, True),
    "warning": (f"import sys\n{SAY}\nsys.stderr.write('loud')\n", [_stream(LINE)], 5, [], False, True),
    "bar": (f"import sys\nfor i in range(3): print(f'{{i}}/3', file=sys.stderr, end='\\r')\n{SAY}", [_stream(LINE)], 6,
            [], False, True),
    "clear_output": ("from IPython.display import clear_output\nprint('x')\nclear_output()\n" + SAY, [_stream(LINE)], 7,
                     [], False, True),
    "display update": ("from IPython.display import display\nh = display('a', display_id=True)\nh.update('b')\n" + SAY,
                       [v4.new_output("display_data", data={"text/plain": "'b'"}), _stream(LINE)], 8,
                       [], False, True),
    "wrong line": ("print('q: FAIL (2 of 4)')", [_stream(LINE)], 9, [], False, False),
    "two lines": (f"{SAY}\nprint('q: FAIL (2 of 4)')", [_stream(LINE)], 10, [], False, False),
    "answer: silenced assert": (f"{SILENCE}\nassert False", [], 11, [], True, False),
}  # fmt: skip


def _notebook() -> Any:
    cells = []
    for number, (name, (source, outputs, count, tags, _, _)) in enumerate(CELLS.items()):
        cell = v4.new_code_cell(source, id=f"cell-{number}", outputs=outputs, execution_count=count)
        role = "answer" if name.startswith("answer") else "check"
        cell.metadata.tags = [*tags, *(["nbval-check-output"] if role == "check" else [])]
        cell.metadata.course_grade = {"role": role, "exercise": "q"}
        cells.append(cell)
    return v4.new_notebook(cells=cells)


def _run(folder: Path, plugin: bool) -> list[bool]:
    """Whether each cell passed."""
    nbformat.write(_notebook(), str(folder / "graded.ipynb"))
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    if plugin:
        source = Path(process.__file__).with_name("plugin.py").read_text(encoding="utf-8")
        (folder / f"{process.PLUGIN_NAME}.py").write_text(source, encoding="utf-8")
    settings = {"report": str(folder / "r"), "limit_bytes": 10_000, "timeouts": {"check": 60, "answer": 60}}
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    own = ["-p", process.PLUGIN_NAME] if plugin else []
    command = [sys.executable, "-m", "pytest", "-rA", "-q", "--tb=no", *own, "-p", "nbval.plugin", "--nbval-lax",
               "--nbval-current-env", "--color=no", "-p", "no:cacheprovider", "graded.ipynb"]  # fmt: skip
    done = subprocess.run(command, cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED")) and "Cell " in line]
    words = {int(line.split("Cell ")[1].split()[0]): line.split()[0] for line in lines}
    return [words.get(number, "SKIPPED") != "FAILED" for number in range(len(CELLS))]


@pytest.mark.parametrize("plugin", [False, True], ids=["nbval alone", "with the plugin"])
def test_each_trap(tmp_path: Path, plugin: bool) -> None:
    passed = dict(zip(CELLS, _run(tmp_path, plugin), strict=True))
    assert passed == {name: row[5 if plugin else 4] for name, row in CELLS.items()}


def test_the_flags_that_break_nbval_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--lf")
    assert not any(flag in process._command(tmp_path) for flag in ("--lf", "--ff", "--nbdime", "-n"))
    assert "PYTEST_ADDOPTS" not in _environment(tmp_path)

"""A mini lesson for the grading tests: its executed solution edition, and student notebooks made from it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4

POINTS = {"double": 1, "square": 2, "halve": 1, "total": 3, "negate": 1, "Shift": 2}
RIGHT = {
    "double": "def double(x):\n    return x + x",
    "square": "def square(x):\n    return x ** 2",
    "halve": "def halve(x):\n    return 0.5 * x",
    "total": "def total(x):\n    return torch.sum(x)",
    "negate": "def negate(x):\n    return 0 - x",
    "Shift": "class Shift:\n    def __init__(self, by):\n        self.by = by\n\n"
    "    def __call__(self, x):\n        return x + self.by",
}
WRONG = {name: f"def {name}(*args):\n    return torch.ones(2) * 77" for name in POINTS}


def untouched(name: str) -> str:
    """The student edition's cell."""
    return f'def {name}(x):\n    """The {name} of x."""\n    raise NotImplementedError("{name}")'


def _solution(name: str) -> str:
    body = RIGHT[name].splitlines()[1:] if name != "Shift" else ["    pass"]
    answer = "\n".join(body)
    return (
        f'def {name}(x):\n    """The {name} of x."""\n    ### BEGIN SOLUTION\n{answer}\n    ### END SOLUTION'
        if name != "Shift"
        else f"### BEGIN SOLUTION\n{RIGHT['Shift']}\n### END SOLUTION"
    )


def canonical() -> Any:
    """The solution edition, with the outputs it would have recorded."""
    setup = 'import os\nimport torch\nimport mini_exercises as ex\nassert os.environ["COURSE_PRESET"] == "smoke"\n'
    setup += "width = 7\narea = width * width"
    cells = [
        v4.new_markdown_cell("# 90 · A mini lesson", id="title"),
        _code(setup, "setup"),
        _code('preset = "auto"', "parameters", tags=["parameters"]),
        _code('raise RuntimeError("an explorer ran")', "explorer", tags=["explorer"]),
        _code("scale = 10.0  # a picture would follow", "figure", tags=["figure"]),
        _code('raise RuntimeError("a figure ran")', "figure-2", tags=["figure"]),
    ]
    for count, name in enumerate(POINTS, start=10):
        cells.append(v4.new_markdown_cell(f"### Exercise: `{name}`", id=f"{name}-text"))
        answer = _code(_solution(name), name, tags=["exercise"], exercise=name, points=POINTS[name])
        line = f"{name} = ex.{name}.check({name})"
        check = _code(line, f"{name}-check", tags=["check", "nbval-check-output"], exercise=name)
        check.execution_count = count
        check.outputs = [v4.new_output("stream", name="stdout", text=f"{name}: PASS (2 of 2)\n")]
        experiment = _code(f'raise RuntimeError("an experiment ran after {name}")', f"{name}-x", tags=["experiment"])
        cells += [answer, check, experiment]
    return v4.new_notebook(cells=cells)


def student(answers: dict[str, str]) -> Any:
    """A student's notebook: these answers, and untouched cells for the other exercises."""
    notebook = copy.deepcopy(canonical())
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "exercise" in cell.metadata.get("tags", []):
            name = cell.metadata.exercise
            cell.source = answers.get(name, student_cell(name))
    return notebook


def student_cell(name: str) -> str:
    return untouched(name) if name != "Shift" else 'raise NotImplementedError("Shift")'


def answer_cell(notebook: Any, name: str) -> Any:
    return next(cell for cell in notebook.cells if cell.get("id") == name)


def write(notebook: Any, path: Path) -> Path:
    nbformat.write(notebook, str(path))
    return path


def _code(source: str, identity: str, **metadata: Any) -> Any:
    cell = v4.new_code_cell(source, id=identity)
    cell.metadata.update(metadata)
    return cell

"""Where and how a student's answer may stand: each case with its verdict when the notebook is run from top to bottom.

In every text NAME stands for the exercise; the right answer is always `2 * x`. All cases share a few notebooks of a
wide lesson, because a grade costs a kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbformat import v4

from tests.grading.wide_exercises import NAMES

HANDED_OUT = None
RIGHT = "def NAME(x):\n    return 2 * x"
WRONG = "def NAME(x):\n    return 2 * x + 1"


@dataclass
class Case:
    """One exercise of a student's notebook.

    Attributes:
        passes: the verdict when all cells are run from top to bottom.
        tagged: the source of the cell meant for it; None: as it was handed out; "gone": deleted.
        above, next, below: cells right before the tagged cell, between it and the check, and below the check.
        top, end: cells below the set-up, and at the end of the notebook.
        check: the source of the check's cell; None: as it was; "gone": deleted.
        bare: whether the metadata of both cells are gone, and their ids too.
        again: whether the answer and the check are run once more at the end.
    """

    passes: bool = True
    tagged: str | None = HANDED_OUT
    above: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    top: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    check: str | None = None
    bare: bool = False
    again: bool = False


HELPER = "def NAME_helper(x):\n    return 2 * x"
USES = "def NAME(x):\n    return NAME_helper(x)"
STUB = 'def NAME(x):\n    raise NotImplementedError("NAME")'
CHECK = "NAME = ex.NAME.check(NAME)"
CASES = {
    # where it stands
    "in its cell": Case(tagged=RIGHT),
    "wrong in its cell": Case(False, tagged=WRONG),
    "nowhere": Case(False),
    "in the next cell": Case(next=[RIGHT]),
    "in the next cell, wrong": Case(False, next=[WRONG]),
    "below an emptied cell": Case(tagged="", next=[RIGHT]),
    "below a comment": Case(tagged="# my answer is below", next=[RIGHT]),
    "below a stub commented out": Case(tagged="# def NAME(x):\n#     raise NotImplementedError", next=[RIGHT]),
    "below a stub with pass": Case(tagged="def NAME(x):\n    pass", next=[RIGHT]),
    "above a stub with pass": Case(False, above=[RIGHT], tagged="def NAME(x):\n    pass"),
    "below a helper in its cell": Case(tagged=HELPER, next=[USES]),
    "below what does not run": Case(tagged="def NAME(x)\n    return", next=[RIGHT]),
    "above, its cell deleted": Case(above=[RIGHT], tagged="gone"),
    "in a cell without metadata": Case(tagged=RIGHT, bare=True),
    "a cell further, without metadata": Case(tagged="# here?", next=["# no", RIGHT], bare=True),
    "at the end, checked there": Case(end=[RIGHT, CHECK]),
    "twice, the last right": Case(tagged=WRONG, next=[RIGHT]),
    "twice, the last wrong": Case(False, tagged=RIGHT, next=[WRONG]),
    "its cell doubled": Case(tagged=RIGHT, next=[RIGHT]),
    "a check doubled": Case(tagged=RIGHT, end=[CHECK]),
    "a check deleted, another at the end": Case(tagged=RIGHT, check="gone", end=[CHECK]),
    "in the check's cell": Case(check=RIGHT + "\n" + CHECK),
    "named in the check's line": Case(tagged=HELPER, check="NAME = ex.NAME.check(NAME_helper)"),
    "reference in the check's cell": Case(False, check="NAME = ex.NAME.check(ex.NAME.reference)"),
    "reference bound in the check's cell": Case(False, check="NAME = ex.NAME.reference\n" + CHECK),
    # how it is bound
    "a lambda": Case(tagged="NAME = lambda x: 2 * x"),
    "a lambda in the next cell": Case(next=["NAME = lambda x: 2 * x"]),
    "a lambda and a helper below it": Case(tagged="NAME = lambda x: NAME_helper(x)", next=[HELPER]),
    "another name": Case(tagged=HELPER + "\n\nNAME = NAME_helper"),
    "another name of another cell": Case(tagged="NAME = NAME_helper", top=[HELPER]),
    "annotated": Case(tagged="from typing import Callable\nNAME: Callable = lambda x: 2 * x"),
    "only annotated": Case(False, tagged="from typing import Callable\nNAME: Callable"),
    "a pair": Case(tagged="NAME, NAME_other = lambda x: 2 * x, 3"),
    "a chain": Case(tagged="mine_NAME = NAME = lambda x: 2 * x"),
    "a walrus": Case(tagged="(NAME := lambda x: 2 * x)"),
    "a class": Case(tagged="class NAME:\n    def __new__(cls, x):\n        return 2 * x"),
    "a partial": Case(
        tagged="NAME = functools.partial(NAME_general, 0)",
        top=["import functools\ndef NAME_general(shift, x):\n    return 2 * x + shift"],
    ),
    "decorated": Case(tagged="@NAME_plain\n" + RIGHT, top=["def NAME_plain(f):\n    return lambda x: f(x)"]),
    "an instance": Case(
        tagged="class NAME_Maker:\n    def __call__(self, x):\n        return 2 * x\nNAME = NAME_Maker()"
    ),
    "from an import": Case(False, tagged="from math import sqrt as NAME"),
    "under if": Case(tagged="if True:\n    " + RIGHT.replace("\n", "\n    ")),
    "under an if that is not": Case(False, tagged="if False:\n    " + RIGHT.replace("\n", "\n    ")),
    "under if, over the first": Case(tagged=RIGHT, next=["if False:\n    def NAME(x):\n        return 77"]),
    "under try": Case(tagged="try:\n    import nowhere_NAME\nexcept ImportError:\n    NAME = lambda x: 2 * x"),
    "in a function only": Case(
        False, tagged="def NAME_make():\n    def NAME(x):\n        return 2 * x\n    return NAME"
    ),
    "by global": Case(next=["def NAME_make():\n    global NAME\n    def NAME(x):\n        return 2 * x\nNAME_make()"]),
    "by global, never called": Case(False, tagged="def NAME_make():\n    global NAME\n    NAME = lambda x: 2 * x"),
    "timed": Case(tagged="%%time\n" + RIGHT),
    "timed, in the next cell": Case(tagged=HELPER, next=["%%capture said\n%%time\n" + USES]),
    "in another language": Case(False, tagged="%%html\n" + RIGHT),
    "with a program": Case(tagged="!echo NAME\n%pip --version\n" + RIGHT),
    "wrapped below the check": Case(tagged=RIGHT, below=["NAME = torch.no_grad()(NAME)"]),
    "wrapped above the check": Case(tagged=RIGHT, next=["NAME = torch.no_grad()(NAME)"]),
    # the name used for something else, below the check and above it
    "a number below": Case(tagged=RIGHT, below=["NAME = NAME(torch.ones(3))\nNAME.shape"]),
    "a loop below": Case(tagged=RIGHT, below=["for NAME in range(3):\n    pass"]),
    "a call below": Case(tagged=RIGHT, below=["NAME = torch.zeros(3)"]),
    "a number above": Case(False, tagged=RIGHT, next=["NAME = 3"]),
    # what it uses
    "a helper in another cell": Case(tagged=USES, top=[HELPER]),
    "a helper of a helper": Case(
        tagged=USES, top=["NAME_more = lambda x: 2 * x", "def NAME_helper(x): return NAME_more(x)"]
    ),
    "a helper below it": Case(tagged=USES, next=[HELPER]),
    "a helper below the check, run again": Case(tagged=USES, below=[HELPER], again=True),
    "all below the check, run again": Case(below=[USES, HELPER], again=True),
    "a type of another cell": Case(
        tagged="def NAME(x: NAME_Picture) -> NAME_Picture:\n    return 2 * x", top=["NAME_Picture = torch.Tensor"]
    ),
    "a lambda's default": Case(tagged="NAME = lambda x, two=NAME_two: two * x", top=["NAME_two = 2"]),
    "a counter": Case(
        tagged="def NAME(x):\n    global NAME_calls\n    NAME_calls += 1\n    return 2 * x", top=["NAME_calls = 0"]
    ),
    "a helper nowhere": Case(False, tagged=USES),
    "a helper changed for the next": Case(tagged=USES, top=[HELPER], below=["def NAME_helper(x):\n    return 77"]),
    "a helper spoilt before the check": Case(False, tagged=USES, top=[HELPER], next=["NAME_helper = lambda x: 77"]),
    "an import in another cell": Case(
        tagged="def NAME(x):\n    return 2 * x + mt.log(1)", top=["import math as mt, json", "import mt_nowhere"]
    ),
    "a star import": Case(tagged="def NAME(x):\n    return 2 * x + log1p(0)", top=["from math import *"]),
    "a constant": Case(
        tagged="def NAME(x):\n    return 2 * x + NAME_zero", top=["NAME_one = 1", "NAME_zero = NAME_one - 1"]
    ),
    "a constant in a default": Case(
        tagged="def NAME(x, more=NAME_zero):\n    return 2 * x + more", top=["NAME_zero = 0"]
    ),
    "a table that is filled": Case(
        tagged="def NAME(x):\n    return 2 * x + NAME_table['zero']", top=["NAME_table = {}", "NAME_table['zero'] = 0"]
    ),
    "a helper of its own cell, needed above": Case(
        tagged="NAME_two = NAME_helper(torch.ones(2))\n" + RIGHT, top=[HELPER]
    ),
    "a figure's constant": Case(tagged="def NAME(x):\n    return 2 * x + scale - 10"),
    "the lesson's constant": Case(tagged="def NAME(x):\n    assert width == 7\n    return 2 * x"),
    "what the lesson builds on a constant": Case(tagged="def NAME(x):\n    assert area == 49\n    return 2 * x"),
    "a long scratch cell beside it": Case(
        tagged=USES, top=["import time\n" + HELPER + "\nNAME_helper(torch.ones(1))\nfor _ in range(3): time.sleep(0.1)"]
    ),
    "the checker bound anew elsewhere": Case(
        False, tagged=WRONG, below=["NAME_ex = ex\nNAME_ex.NAME.check = lambda f: f"]
    ),
    "an untouched stub beside it": Case(
        tagged='def NAME(x):\n    # todo\n    raise NotImplementedError("NAME")', next=[RIGHT]
    ),
}


def _cell(source: str, identity: str = "", **metadata: Any) -> Any:
    cell = v4.new_code_cell(source, **({"id": identity} if identity else {}))
    cell.metadata.update(metadata)
    return cell


def lesson() -> Any:
    """The wide lesson's solution edition, as if it had been executed."""
    setup = "import torch\nimport wide_exercises as ex\nwidth = 7\narea = width * width"
    cells = [_cell(setup, "setup"), _cell("scale = 10.0", "figure", tags=["figure"])]
    for count, name in enumerate(NAMES, start=1):
        answer = f"def {name}(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
        check = _cell(f"{name} = ex.{name}.check({name})", f"{name}-check", tags=["check"], exercise=name)
        check.execution_count = count
        check.outputs = [v4.new_output("stream", name="stdout", text=f"{name}: PASS (1 of 1)\n")]
        cells += [_cell(answer, name, tags=["exercise"], exercise=name, points=1), check]
    return v4.new_notebook(cells=cells)


def notebook(chosen: dict[str, Case]) -> Any:
    """A student's notebook with one case an exercise."""
    cells = lesson().cells
    top, end, middle = [], [], []
    for tagged, check in zip(cells[2::2], cells[3::2], strict=True):
        name = tagged.metadata.exercise
        case = chosen.get(name, Case())
        new = lambda sources, name=name: [_cell(source.replace("NAME", name)) for source in sources]  # noqa: E731
        tagged.source = (STUB if case.tagged is HANDED_OUT else case.tagged).replace("NAME", name)
        check.source = (CHECK if case.check is None else case.check).replace("NAME", name)
        if case.bare:
            tagged, check = _cell(tagged.source), _cell(check.source)
        own = [*([tagged] if case.tagged != "gone" else []), *new(case.next)]
        middle += [*new(case.above), *own, *([check] if case.check != "gone" else []), *new(case.below)]
        top += new(case.top)
        end += [
            *new(case.end),
            *(new([*case.below, *([case.tagged] if case.tagged else []), CHECK]) if case.again else []),
        ]
    return v4.new_notebook(cells=[*cells[:2], *top, *middle, *end])

"""The analyser: edits that must be noticed, however the code gets where it is used, and edits that must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_tools import editions
from course_tools.editions.reach import Code
from course_utils.errors import CourseError

FIXTURE = Path(__file__).parents[1] / "fixtures" / "reach.txt"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package of the fixture, in a folder of its own to be edited."""
    for part in FIXTURE.read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, _, text = part.partition("\n")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.strip("\n") + "\n", encoding="utf-8")
    return tmp_path


def digest(root: Path, lesson: str) -> str:
    code = Code(root, "p")
    return code.digest(code.add(lesson, "lesson").units)


def differs(root: Path, lesson: str, path: str, old: str, new: str) -> bool:
    before = digest(root, lesson)
    text = (root / path).read_text(encoding="utf-8")
    assert old in text
    (root / path).write_text(text.replace(old, new), encoding="utf-8")
    return digest(root, lesson) != before


SEEN = [
    ("from p.all import wheel\nwheel(1)", "p/shapes/round.py", "r * r", "r ** 2"),  # two re-exports, two new names
    ("from p.all import wheel\nwheel(1)", "p/shapes/round.py", "PI = 3", "PI = 3.14"),  # the constant of a default
    ("from p import all as a\na.wheel(1)", "p/shapes/round.py", "r * r", "r ** 2"),
    ("from p import all as a\na.tile.area()", "p/shapes/square.py", "SIDE = 2", "SIDE = 3"),  # module in module
    ("import p.shapes.square\np.shapes.square.area()", "p/shapes/square.py", "side * side", "side ** 2"),
    ("import p.shapes.square as s\ns.area()", "p/shapes/square.py", "side * side", "side ** 2"),
    ("from p import shapes\nx = shapes\nx.circle()", "p/shapes/round.py", "r * r", "r ** 2"),  # a module as a value
    ("from p import shapes\ngetattr(shapes, 'circle')", "p/shapes/round.py", "r * r", "r ** 2"),
    ("from p import shapes\nshapes.circle(1)", "p/shapes/__init__.py", "disc as circle", "ring as circle"),
    ("from p import shapes\nshapes.circle(1), shapes.round.ring(1)", "p/shapes/__init__.py", "disc as", "ring as"),
    ("from p.made import Made\nMade().go()", "p/base.py", "return 1", "return 3"),  # through the base class
    ("from p.made import Made\nprint(Made.size)", "p/made.py", "size: int = 1", "size: int = 2"),
    ("from p.parts import first\nfirst.parts[0]()", "p/parts.py", "return 1", "return 3"),
    ("from p import registered, registry\nregistry.known('thing')()", "p/registered.py", "return 1", "return 3"),
    ("import p.registered\nfrom p.registry import known\nknown('thing')", "p/registered.py", "return 1", "return 3"),
    ("from p.table import TABLE\nTABLE['a']()", "p/base.py", "return 1", "return 3"),
    ("from p.table import LIST\nLIST", "p/table.py", "LIST = []", "LIST = []\nLIST.append(helper)"),
    ("from p.maybe import shape\nshape(1)", "p/shapes/round.py", "return r\n", "return -r\n"),  # conditional import
    ("from p.late import late\nlate()", "p/shapes/square.py", "SIDE = 2", "SIDE = 3"),  # import in a function
    ("from p import ring\nring.turn()", "p/base.py", "return 2", "return 3"),  # a package's name in itself
    ("from p.starred import *\nboth()", "p/base.py", "return 1", "return 3"),
    ("from p.starred import other\nother()", "p/base.py", "return 2", "return 3"),
    ("from p.dynamic import pick\npick('picked')", "p/dynamic.py", "math.pi", "math.e"),
    ("from p.dynamic import picked\npicked()", "p/dynamic.py", "import math", "import cmath as math"),
    ("from p.base import helper\nhelper()", "p/base.py", "\ndef other", "\nhelper = other\n\ndef other"),
    ("from p.base import helper\nhelper()", "p/__init__.py", "\n", "import p.registered\nprint(p)\n"),
    ("from p.single import show\nshow(1)", "p/single.py", "return 1", "return 3"),
    ("from p.plugins import Plugin\nPlugin.every", "p/plugins.py", "lambda: 1", "lambda: 3"),
    ("from p.heirs import Parent\nParent.heirs", "p/heirs.py", "x = 1", "x = 3"),
    ("import importlib\nimportlib.import_module('p.base').helper()", "p/base.py", "return 1", "return 3"),
    ("from p.shapes import square\nf = lambda x: x\nf(square)", "p/shapes/square.py", "return 0", "return 1"),
]  # fmt: skip


@pytest.mark.parametrize(("lesson", "path", "old", "new"), SEEN)
def test_these_edits_are_seen(package, lesson, path, old, new):
    assert differs(package, lesson, path, old, new)


UNSEEN = [
    ("from p.all import wheel\nwheel(1)", "p/shapes/round.py", "    return r\n", "    return -r\n"),
    ("from p.shapes import square\nsquare.area()", "p/shapes/square.py", "return 0", "return 1"),
    ("from p.shapes import circle\ncircle(1)", "p/shapes/__init__.py", "from p.shapes import square", "import math"),
    ("from p.parts import first\nfirst.parts[0]()", "p/parts.py", "return 2", "return 3"),  # the other one's part
    ("from p.parts import second\nsecond.parts[0]()", "p/parts.py", "return first_helper()", "return 0"),
    ("from p import registry\nregistry.known('x')", "p/registered.py", "return 1", "return 3"),  # never imported
    ("from p.checked import f\nf(1)", "p/base.py", "return 1", "return 3"),  # for the type checker alone
    ("from p.late import data\ndata(1)", "p/shapes/square.py", "SIDE = 2", "SIDE = 3"),  # a parameter of that name
    ("[square for square in (1, 2)]\nfrom p.shapes import square", "p/shapes/square.py", "return 0", "return 1"),
    ("from p.made import Made\nMade()", "p/made.py", "import functools", "import functools as f  # a word"),
    ("from p.base import helper\nhelper()", "p/base.py", "def helper():", 'def helper():\n    """One."""'),
    ("from p.local import f\nf()", "p/local.py", "x: int", "x: float"),  # of a local variable
    ("from p.base import helper\nhelper()", "p/base.py", "def o", "if __name__ == '__main__':\n    print()\n\ndef o"),
]  # fmt: skip


@pytest.mark.parametrize(("lesson", "path", "old", "new"), UNSEEN)
def test_these_edits_are_not(package, lesson, path, old, new):
    assert not differs(package, lesson, path, old, new)


def test_an_import_that_leads_in_a_circle_ends(package):
    (package / "p/base.py").write_text("from p.base import helper\n", encoding="utf-8")
    assert digest(package, "from p.base import helper\nhelper()")


def test_a_folder_without_an_init_is_followed(package):
    (package / "p/loose").mkdir()
    (package / "p/loose/part.py").write_text("def f():\n    return 1\n", encoding="utf-8")
    assert differs(package, "from p.loose import part\npart.f()", "p/loose/part.py", "return 1", "return 2")


def test_the_normal_form_is_the_same_under_every_python():
    """These digests were made once, under 3.11."""
    code = Code(Path(__file__).parent, "no_package")
    text = (
        "class A(B, metaclass=M):\n    'doc'\n    x: int = 1\n    def f(self, *a, b=None, **k) -> None:\n"
        "        'doc'\n        return f'{a!r:>{b}} and ' 'more' f'{k}', -1.5, b'x', None, ...\n"
    )  # fmt: skip
    assert code.add(text, "m").units[0].digest == "e744e54a01e121d4343a6c42096b011a"


def test_the_real_package_is_followed_through_its_names():
    """`from course_utils import data` names a module, of which only what is used counts."""
    used = editions.modules_used(editions.find("01"))
    assert {"course_utils.data.flowers", "course_utils.diffusion.forward", "course_utils.exercises.framework"} <= set(
        used
    )
    assert not any("lesson00" in name or "lesson02" in name for name in used)
    assert "course_utils.diffusion.losses" not in used and "course_tools.editions.build" not in used


def test_every_lesson_of_the_course_reaches_its_own_checks():
    course = editions.Course()
    code = editions.code_of(course)
    for lesson in editions.lessons(course):
        used = editions.modules_used(lesson, course, code)
        own = [name for name in used if f"lesson{lesson.number}" in name]
        others = [name for name in used if "lesson" in name and name not in own]
        assert own and not others, lesson.name


def test_code_that_cannot_be_read_is_a_sentence(package):
    (package / "p/base.py").write_text("def", encoding="utf-8")
    with pytest.raises(CourseError, match=r"^p/base\.py cannot be read as Python"):
        digest(package, "from p import base\nbase.helper()")

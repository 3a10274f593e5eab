"""Each operator on a function of three lines, and what it does not make because it cannot matter."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course_tools.mutants.answers import Answer
from course_tools.mutants.mutate import mutants


def made(kind, body, head="def f(x, y=0.5, n=3):", docstring=""):
    """What an operator makes of the lines of a function: the changed lines, in order."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f'{head}\n    """{docstring}"""\n    ### BEGIN SOLUTION\n{lines}    ### END SOLUTION\n'
    answer = Answer("f", source, {"torch": torch, "F": F})
    return [mutant.becomes for mutant in mutants(answer) if mutant.kind == kind]


def test_a_root_an_abs_a_detach_a_conversion_and_a_clamp_are_dropped():
    assert made("dropped", "return x.sqrt() + y") == ["return x + y"]
    assert made("dropped", "return torch.abs(x) ** 2") == ["return torch.abs(x)", "return x ** 2"]
    assert made("dropped", "return x.detach().to(y)") == ["return x.detach()", "return x.to(y)"]
    assert made("dropped", "return x.clamp(-1, 1)") == ["return x"]
    assert made("dropped", "return x.T @ y") == ["return x @ y"]
    assert made("dropped", "return self.act(x)", "def f(self, x):") == ["return x"]


def test_an_index_moves_by_one():
    assert made("index moved", "return x[n]") == ["return x[n + 1]", "return x[n - 1]"]
    assert made("index moved", "return x[0]") == ["return x[1]", "return x[-1]"]
    assert made("index moved", "return x[1:]") == ["return x[2:]", "return x[0:]"]
    assert made("index moved", "return x[:-1]") == ["return x[:]", "return x[:-2]"]
    assert made("index moved", "for i in range(n):\n    x = x + i\nreturn x") == [
        "for i in range(n + 1):",
        "for i in range(n - 1):",
    ]
    assert made("index moved", "return x[:, None, ...]") == [], "a new axis and a whole one are no place"


def test_arguments_and_operands_are_swapped():
    assert made("swapped", "return x - y") == ["return y - x"]
    assert made("swapped", "return g(x, y, 3)") == ["return g(y, x, 3)"], "of the same kind alone"
    assert made("swapped", "return x, y") == ["return (y, x)"]
    assert made("swapped", "return torch.cat([x, y])") == ["return torch.cat([y, x])"]


def test_what_may_be_swapped_without_harm_is_not():
    for line in (
        "x + y",
        "x * y",
        "(x - y).square()",
        "(x - y).double().square().mean()",
        "torch.abs(x - y)",
        "(x - y) ** 2",
        "torch.maximum(x, y)",
        "g(x, x)",
        "x.sum((2, 3))",
        "x.sum(dim=(2, 3))",
    ):
        assert [new for new in made("swapped", f"return {line}") if "** (" not in new and "2 **" not in new] == [], line
    assert made("swapped", "return (x - y) ** 3") != []


def test_a_sign_changes():
    assert made("sign", "return x + y") == ["return x - y"]
    assert made("sign", "return x * y / n") == ["return x * y * n", "return x / y / n"]
    assert made("sign", "return -x") == ["return x"]
    assert made("sign", "return (-x).square()") == [], "its sign is lost at once"


def test_a_constant_changes():
    assert made("constant", "return x + 7") == ["return x + 8", "return x + 6"]
    assert made("constant", "return x + 0.5") == ["return x + 1.0", "return x + 0.25"]
    assert made("constant", "return g(x, True)") == ["return g(x, False)"]
    assert made("constant", "return x.to(torch.float64)") == ["return x.to(torch.float32)"]
    assert made("constant", "return zip(x, y, strict=True)") == []
    assert made("constant", "return x.clamp(min=1e-12)") == [], "a guard guards, twice as large too"


def test_a_comparison_changes():
    assert made("comparison", "return x < y") == ["return x <= y", "return x >= y"]
    assert made("comparison", "return x if n == 1 else y") == [
        "return x if n != 1 else y",
        "return x if True else y",
        "return x if False else y",
    ]
    assert made("comparison", "return not x") == ["return x"]
    assert made("comparison", "return x and y") == ["return x or y"]


def test_a_refusal_that_the_docstring_does_not_promise_is_left_alone():
    check = "if n < 1:\n    raise ValueError\nassert n > 0\nreturn x"
    assert made("comparison", check) == [] and made("line", check) == ["(removed)"]
    assert made("comparison", check, docstring="Raises: ValueError for n < 1.") != []
    assert len(made("line", check, docstring="Raises: ValueError for n < 1.")) == 4


def test_noise_is_of_another_kind_from_another_source_and_shared():
    assert made("noise", "return torch.randn(n, generator=x)") == [
        "return torch.rand(n, generator=x)",
        "return (lambda noise: noise[:1].expand_as(noise))(torch.randn(n, generator=x))",
        "return torch.randn(n)",
        "return torch.randn(n, generator=torch.Generator().manual_seed(0))",
    ]


def test_axes_and_reductions_change():
    assert made("axes", "return x.mean(dim=1, keepdim=True)") == [
        "return x.sum(dim=1, keepdim=True)",
        "return x.mean(keepdim=True)",
        "return x.mean(dim=1)",
        "return x.mean(dim=2, keepdim=True)",
        "return x.mean(dim=0, keepdim=True)",
    ]
    assert made("axes", "return x.sum((2, 3))") == [
        "return x.mean((2, 3))",
        "return x.sum()",
        "return x.sum(2)",
        "return x.sum(3)",
        "return x.sum((3, 3))",
        "return x.sum((1, 3))",
        "return x.sum((2, 4))",
        "return x.sum((2, 2))",
    ]
    assert made("axes", "return x.softmax(dim=0)") == ["return x.softmax()", "return x.softmax(dim=1)"], "0 is no -1"
    assert made("axes", "return x.softmax(dim=-1)") == ["return x.softmax()", "return x.softmax(dim=-2)"]


def test_an_argument_is_left_out():
    assert made("argument", "return F.max_pool2d(x, 2, stride=1)") == ["return F.max_pool2d(x, 2)"]
    assert made("argument", 'return F.interpolate(x, mode="nearest")') == [], "it is the default"
    assert made("argument", "return zip(x, y, strict=True)") == []


def test_a_parameter_counts_for_nothing():
    assert made("parameter", "return x * y + n") == ["y = 0.5", "n = 3"]
    example = "Example: x = 2, y = 4 gives 5; f(1, 2, 4) is -1.5, and f([1, 2]) a list."
    assert made("parameter", "return x * y + n", docstring=example) == [
        "x = 2",
        "x = 1",
        "x = torch.tensor([1, 2])",
        "y = 0.5",
        "y = 4",
        "y = 2",
        "n = 3",
        "n = 4",
    ]
    assert made("parameter", "return x", docstring="Example: y = 4.") == [], "no other parameter is used"


def test_a_line_is_removed_and_a_block_loses_its_head():
    assert made("line", "z = x + y\nreturn z") == ["(removed)", "(removed)"]
    assert made("line", "with torch.no_grad():\n    return x + y") == [
        "(removed)",
        "return x + y",
        "(removed)",
    ]
    assert made("line", "pass\nreturn x") == ["(removed)"]


def test_nothing_outside_the_marks_changes_no_code_comes_twice_and_each_compiles():
    source = "def f(x, k=1):\n    k = k + 1\n    ### BEGIN SOLUTION\n    return x[k] - 1\n    ### END SOLUTION\n"
    found = mutants(Answer("f", source, {}))
    assert found and all("k = k + 1" in mutant.source for mutant in found)
    assert len({mutant.source for mutant in found}) == len(found)
    for mutant in found:
        compile(mutant.source, "<mutant>", "exec")
    broken = "def f(x):\n    ### BEGIN SOLUTION\n    x = 1\n    nonlocal_ = x\n    return x\n    ### END SOLUTION\n"
    assert all("def f" in mutant.source for mutant in mutants(Answer("f", broken, {})))


def test_the_line_of_a_mutant_is_the_same_whatever_stands_elsewhere():
    def keys(first):
        body = f"    {first}\n    return x - y  # a remark\n"
        source = f"def f(x, y):\n    ### BEGIN SOLUTION\n{body}    ### END SOLUTION\n"
        return {(m.was, m.becomes) for m in mutants(Answer("f", source, {})) if "return" in m.was}

    assert keys("x = x + 1") == keys("x = g( x )\n    y = 3") != set()

"""What cells bind, use and change, and which cells others stand on."""

from __future__ import annotations

import ast

import pytest

from course_tools.cells import Flow, binds, needed_cells, outside
from course_tools.cells.callees import Callees, package


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("y = x + 1", {"x"}),
        ("x = 1\ny = x", set()),
        ("x = f(x)", {"f", "x"}),
        ("total += x", {"total", "x"}),
        ("for k in range(3): print(k, y)", {"range", "print", "y"}),
        ("z = [f(k) for k in ks if k > least]", {"f", "ks", "least"}),
        ("d = {k: v * a for k, v in pairs}", {"pairs", "a"}),
        ("def f(a, b=c):\n    d = a + e\n    return d + b", {"c", "e"}),
        ("g = lambda x, t: net(x)", {"net"}),
        ("class A(Base):\n    width = w\n    def f(self): return helper(self)", {"Base", "w", "helper"}),
        ("import torch.nn as nn, os.path\nnn.Linear, os", set()),
        ("from a import b as c\nc(d)", {"d"}),
        ("films['x'].end(y)", {"films", "y"}),
        ("%matplotlib inline", {"get_ipython"}),
        ("not python at all", set()),
        ("def f(x: Picture) -> Other: return x", {"Picture", "Other"}),
        ("g = lambda x, least=low: x", {"low"}),
        ("async def f(x, a=b): return c", {"b", "c"}),
        ("def tick():\n    global count\n    count += 1", {"count"}),
        ("x: Number = x", {"Number", "x"}),
    ],
)
def test_what_a_cell_takes_from_outside(source: str, names: set[str]) -> None:
    assert outside(source) == names


IMPORTS = """import copy, torch
from torch.optim import AdamW
from course_utils import data, samplers, plots
from course_utils.training import fit
from course_utils.runtime import start
from elsewhere import trainers, improve"""
MODEL = "model = torch.nn.Linear(2, 2)"
LOOP = "for step in range(9):\n    loss = model(x).square().mean()\n    loss.backward()\n    optimiser.step()"
TRAINER = """class Trainer:
    def __init__(self, net):
        self.optimiser = AdamW(net.parameters())
    def run(self, batches):
        for x in batches:
            self.optimiser.step()
        return 1"""
STEP = """def make_step(net):
    optimiser = AdamW(net.parameters())
    def step(x):
        optimiser.step()
        return 0.0
    return step"""


@pytest.mark.parametrize(
    "cells",
    [
        # names
        ["a = 1", "show(a)"],
        ["a = 1", "if a: a = 2", "show(a)"],
        ["total = torch.zeros(1)", "total += 1", "show(total)"],
        # parts
        ["films = {}", "films['x'] = 1", "show(films)"],
        ["films = {}", "del films['x']", "show(films)"],
        ["a = [1]", "a.append(2)", "show(a)"],
        ["a = [1]", "b = a", "b.append(2)", "show(a)"],
        ["a = [[1]]", "for row in a: row.append(2)", "show(a)"],
        ["a = {}", "a.update(b=2)", "show(a)"],
        ["a = [3, 1]", "a.sort()", "show(a)"],
        ["x = torch.zeros(3)", "x.fill_(2)", "show(x)"],
        ["x = torch.zeros(3)", "y = x[:2]", "y.mul_(2)", "show(x)"],
        ["x = torch.zeros(3)", "torch.nn.init.ones_(x)", "show(x)"],
        ["x = torch.zeros(3)", "torch.exp(x, out=x)", "show(x)"],
        ["x = torch.zeros(3)", "with torch.no_grad():\n    x.copy_(torch.ones(3))", "show(x)"],
        ["x = torch.zeros(3)", "setattr(x, 'note', 1)", "show(x)"],
        ["x = iter([1, 2])", "first = next(x)", "show(x)"],
        # networks
        [MODEL, "history = fit(model, lambda k: k, lambda m, b: m(b), 9)", "show(model)"],
        [MODEL, "model.load_state_dict(torch.load('weights'))", "show(model)"],
        [MODEL, "optimiser = AdamW(model.parameters())", "optimiser.step()", "show(model)"],
        [MODEL, "x = torch.ones(2)", "optimiser = AdamW(model.parameters())", LOOP, "show(model)"],
        [MODEL, "for p in model.parameters():\n    p.data -= 0.1", "show(model)"],
        [MODEL, "for name, p in model.named_parameters(): p.detach().zero_()", "show(model)"],
        [MODEL, "nets = {'a': model}", "optimiser = AdamW(nets['a'].parameters())", "optimiser.step()", "show(model)"],
        [MODEL, "predict = samplers.as_predict(model)", "fit(model, print, print, 9)", "show(predict)"],
        # functions and objects of the lesson's own
        [MODEL, "def train(net):\n    AdamW(net.parameters()).step()", "train(model)", "show(model)"],
        [MODEL, "def train():\n    AdamW(model.parameters()).step()", "train()", "show(model)"],
        [MODEL, "def train(net, k):\n    fit(net, print, print, k)", "losses = train(model, 3)", "show(model)"],
        [MODEL, TRAINER, "trainer = Trainer(model)", "history = trainer.run([1, 2])", "show(model)"],
        [MODEL, STEP, "step = make_step(model)", "loss = step(1)", "show(model)"],
        [MODEL, "count = 0\ndef tick():\n    global count\n    count += 1", "tick()", "show(count, model)"],
        # what nobody knows
        [MODEL, "trainer = trainers.Trainer()", "history = trainer.run(model)", "show(model)"],
        [MODEL, "improve(model)", "show(model)"],
        [MODEL, "better = improve(model)", "show(model)"],
        # chance
        ["run = start('01')", "g = run.fresh_generator(1)", "x = torch.randn(3, generator=g)", "show(g)"],
        ["g = torch.Generator().manual_seed(1)", "def noise(n, g):\n    return torch.randn(n, generator=g)",
         "x = noise(3, g)", "show(g)"],
        ["def make():\n    global draw\n    def draw(): return 1", "make()", "show(draw())"],
        # a function looks a name up when it is called, not when it is defined
        ["draw = lambda: model(1)", MODEL, "show(draw())"],
        ["def draw(): return model(1)", MODEL, "show(draw())"],
    ],
    ids=lambda cells: cells[-2][:60],
)  # fmt: skip
def test_a_cell_that_binds_or_may_change_what_is_shown_is_kept(cells: list[str]) -> None:
    every = [IMPORTS, *cells]
    kept = {0, *needed_cells(every, [len(every) - 1])}  # the imports where they are used
    assert [every[k] for k in range(len(every)) if k not in kept] == []


@pytest.mark.parametrize(
    "cells",
    [
        ["a = 1  # not needed: bound again", "a = 2  # not needed", "a = 3", "show(a)"],
        ["x = torch.zeros(3)", "print(x.mean())  # not needed", "show(x)"],
        ["x = torch.zeros(3)", "plots.grid(x, alt='', title='')  # not needed", "show(x)"],
        ["x = torch.zeros(3)", "y = x + 1  # not needed", "y.zero_()  # not needed", "show(x)"],
        ["x = torch.zeros(3)", "y = copy.deepcopy(x)  # not needed", "y.zero_()  # not needed", "show(x)"],
        [MODEL, "x = samplers.sample_ddim(samplers.as_predict(model), noise, bars, 9)  # not needed", "show(model)"],
        [MODEL, "other = torch.nn.Linear(2, 2)  # not needed", "fit(other, [], print, 9)  # not needed", "show(model)"],
        [MODEL, "def score(net): return net(1).mean()  # not needed", "score(model)  # not needed", "show(model)"],
        [MODEL, "data.load('x')  # not needed", "x = data.load('y')", "show(model, x)"],
        ["g = torch.Generator()", "h = torch.Generator()  # not needed", "torch.rand(1, generator=h)  # not needed",
         "show(g)"],
    ],
)  # fmt: skip
def test_a_cell_that_is_known_to_change_nothing_of_it_is_left_out(cells: list[str]) -> None:
    every = ["noise = bars = 1", IMPORTS, *cells]
    kept = needed_cells(every, [len(every) - 1])
    left = [source for k, source in enumerate(every) if k not in kept and k > 1]
    assert left == [source for source in cells if "# not needed" in source]


def test_a_bare_annotation_binds_nothing() -> None:
    assert binds("f: int") == set() and binds("f: int = 1") == {"f"}


def test_what_is_there_already_is_neither_named_nor_followed() -> None:
    flow = Flow(["a = []", "b = a", "b.append(3)", "c = b", "d = 1"])
    assert flow.needed([], ["c"]) == [0, 1, 2, 3]
    assert flow.needed([], ["c"], given=[1]) == [2, 3]
    assert flow.needed([], ["c"], still=[2]) == [0, 1, 3]
    assert flow.needed([], ["b"], at=2) == [0, 1]


def test_an_exercise_and_its_check_go_together() -> None:
    cells = [
        "from course_utils.lessons.lesson01 import checks as ex",
        "def f(): raise NotImplementedError",
        "f = ex.f.check(f)",
        "x = f()",
        "x",
    ]
    assert needed_cells(cells, [4]) == [0, 1, 2, 3, 4]
    assert needed_cells([*cells, "def g(): return f()", "g = ex.g.check(g)", "x"], [7]) == [0, 1, 2, 3, 7]


def effect(name: str) -> tuple[set[str], set[str]]:
    """What a function of the package changes with all that it holds, and in itself."""
    (node,) = [n for home in package().modules.values() for n in home.functions.get(name, [])]
    found = package().homes[id(node)]._effect(node)
    return set(found.changed), set(found.touched)


def test_what_the_courses_own_functions_change_is_read_in_their_source() -> None:
    assert "model" in effect("fit")[0]
    assert effect("ema_update") == (set(), {"average"})
    assert effect("as_predict") == (set(), set())
    assert "generator" in effect("sample_ddpm")[1] and "predict" not in effect("sample_ddpm")[0]


def test_a_call_of_something_unknown_may_change_all_that_it_is_given() -> None:
    call = ast.parse("improve(model, k=3)", mode="eval").body
    assert isinstance(call, ast.Call)
    verdict = Callees().judge(call, used=True)
    assert verdict.changes(0) and verdict.changes("k") and verdict.deep

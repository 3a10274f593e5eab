"""Muon: its steps are those of PyTorch's own where that can take them, and AdamW's elsewhere; and what goes where."""

import copy

import pytest
import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models import UNet
from course_utils.training import fit
from course_utils.training.muon import Muon, make_muon, orthogonal
from course_utils.training.optimiser import make_optimiser

THEIRS = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch.optim.Muon came with PyTorch 2.9")


def gradients(parameters, seed):
    generator = torch.Generator().manual_seed(seed)
    for p in parameters:
        p.grad = torch.randn(p.shape, generator=generator)


@THEIRS
@pytest.mark.parametrize("momentum", [0.95, 0.8])
@pytest.mark.parametrize("shape", [(24, 96), (96, 24), (40, 40)])
def test_a_matrix_goes_where_pytorchs_own_takes_it(shape, momentum):
    ours = nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    start = ours.detach().clone()
    theirs = nn.Parameter(start.clone())
    a = Muon([ours], [], lr=0.02, weight_decay=0.1, momentum=momentum)
    b = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, momentum=momentum, adjust_lr_fn="match_rms_adamw")
    for step in range(8):
        gradients([ours], step)
        theirs.grad = ours.grad.clone()
        a.step()
        b.step()
        # both compute in bfloat16, with two to three digits, and in another order
        assert (ours - theirs).norm() < 0.04 * (ours - start).norm(), step


def test_a_kernel_is_the_matrix_of_its_rows_however_it_lies_in_memory():
    kernel = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    flat, plain, last = nn.Parameter(kernel.flatten(1)), nn.Parameter(kernel.clone()), nn.Parameter(kernel.clone())
    last.data = last.data.contiguous(memory_format=torch.channels_last)
    for p in (flat, plain, last):
        optimiser = Muon([p], [], lr=0.1)
        for step in range(3):
            gradients([plain], step)
            grad = plain.grad
            p.grad = grad.reshape(p.shape)
            optimiser.step()
    assert torch.equal(flat.reshape(plain.shape), plain)
    torch.testing.assert_close(last, plain, rtol=0, atol=0)


def test_all_else_goes_where_adamw_takes_it():
    start = [torch.randn(5, 3), torch.randn(5), torch.randn(())]
    ours, theirs = ([nn.Parameter(p.clone()) for p in start] for _ in range(2))
    a = Muon([], ours, lr=0.03, weight_decay=0.2, betas=(0.9, 0.99))
    groups = [{"params": theirs[:1], "weight_decay": 0.2}, {"params": theirs[1:], "weight_decay": 0.0}]
    b = torch.optim.AdamW(groups, lr=0.03, betas=(0.9, 0.99))
    for step in range(10):
        gradients(ours, step)
        for p, q in zip(ours, theirs, strict=True):
            q.grad = p.grad.clone()
        a.step()
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shape", [(30, 100), (100, 30)])
def test_the_turn_has_the_directions_of_the_matrix_and_one_length(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    U, S, Vh = torch.linalg.svd(matrix, full_matrices=False)
    (turned,) = orthogonal([matrix])
    lengths = torch.linalg.svdvals(turned)
    assert lengths.min() > 0.6 and lengths.max() < 1.3 and S.max() / S.min() > 2
    across = U.T @ turned @ Vh.T
    assert (across - across.diagonal().diag()).abs().max() < 0.03  # the same directions


def test_who_takes_what_in_the_courses_network():
    net = UNet(3, width=8, classes=10)
    optimiser = make_muon(net, 1e-3, 0.01)
    matrices = {id(p) for group in optimiser.param_groups if group["muon"] for p in group["params"]}
    others = {id(p) for group in optimiser.param_groups if not group["muon"] for p in group["params"]}
    assert matrices.isdisjoint(others) and matrices | others == {id(p) for p in net.parameters()}
    for name, p in net.named_parameters():
        inner = p.ndim > 1 and name not in ("stem.weight", "out.weight", "null_and_classes.weight")
        assert (id(p) in matrices) == inner, name
        decays = next(g for g in optimiser.param_groups if any(q is p for q in g["params"]))["weight_decay"]
        assert (decays > 0) == (p.ndim > 1), name


def test_a_parameter_without_gradient_stays():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 1))
    before = copy.deepcopy(net.state_dict())
    net[0](torch.ones(1, 3)).sum().backward()
    make_muon(net, 0.1, 0.0).step()
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key]) == (not key.startswith("0.")), key


def test_a_small_network_learns():
    x = torch.randn(256, 16, generator=torch.Generator().manual_seed(0))
    y = torch.sin(x @ torch.randn(16, 4, generator=torch.Generator().manual_seed(1)) / 4)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 4))
    run = fit(
        net,
        lambda step: (x, y),
        lambda net, batch: (net(batch[0]) - batch[1]).square().mean(),
        80,
        optimiser="muon",
        learning_rate=5e-3,
        quiet=True,
    )
    assert run.losses[-1] < 0.3 * run.losses[0]


def test_both_optimisers_take_a_momentum_and_have_one_of_their_own():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1))
    for given, wanted in ((None, (0.95, 0.9)), (0.7, (0.7, 0.7))):
        muon, adamw = (make_optimiser(name, net, 1e-3, 0.01, given) for name in ("muon", "adamw"))
        assert (muon.param_groups[0]["momentum"], adamw.param_groups[0]["betas"][0]) == wanted
        assert adamw.param_groups[0]["betas"][1] == 0.999


def test_an_unknown_optimiser_is_named():
    with pytest.raises(CourseError, match="one of adamw, muon: optimiser is 'sgd'"):
        fit(nn.Linear(2, 1), lambda step: None, lambda *_: None, 1, optimiser="sgd")


def test_matrices_are_turned_together_as_each_alone():
    generator = torch.Generator().manual_seed(3)
    shapes = [(8, 20), (20, 8), (8, 9), (30, 12), (12, 12), (8, 20)]
    matrices = [torch.randn(shape, generator=generator) for shape in shapes]
    for matrix, turned in zip(matrices, orthogonal(matrices), strict=True):
        assert turned.shape == matrix.shape
        torch.testing.assert_close(turned, orthogonal([matrix])[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(turned, rounds(matrix), rtol=1e-4, atol=1e-4)


def rounds(X):
    """The five rounds as they stand in the paper, on X itself."""
    X = X / X.norm()
    for _ in range(5):
        X = 3.4445 * X - 4.7750 * X @ X.T @ X + 2.0315 * X @ X.T @ X @ X.T @ X
    return X

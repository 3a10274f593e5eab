"""The quick group normalisation is PyTorch's own, in value and in gradient, and takes over only where it should."""

import pytest
import torch
from torch import nn

from course_utils.models.blocks import QuickGroupNorm


def both(groups, channels):
    ours, theirs = QuickGroupNorm(groups, channels), nn.GroupNorm(groups, channels)
    generator = torch.Generator().manual_seed(0)
    for name in ("weight", "bias"):
        with torch.no_grad():
            getattr(ours, name).copy_(torch.randn(channels, generator=generator))
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(("channels", "side"), [(16, 8), (24, 16), (64, 16)])
def test_values_and_gradients_agree_in_bfloat16(channels, side, last):
    ours, theirs = both(8, channels)
    x = 3 + 2 * torch.randn(4, channels, side, side, generator=torch.Generator().manual_seed(1))
    x = x.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    g = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    narrow, wide = x.bfloat16().requires_grad_(), x.bfloat16().float().requires_grad_()
    got, want = ours(narrow), theirs(wide)
    assert got.dtype == torch.bfloat16 and got.stride() == x.stride()  # it lies as it came
    torch.testing.assert_close(got.float(), want, rtol=1e-2, atol=1e-2)  # 8 bits of mantissa
    got.backward(g.bfloat16())
    want.backward(g.bfloat16().float())
    torch.testing.assert_close(narrow.grad.float(), wide.grad, rtol=2e-2, atol=1e-2)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_in_full_precision_it_is_pytorchs_own_to_the_last_bit(dtype):
    ours, theirs = both(4, 8)
    x = torch.randn(3, 8, 16, 16, dtype=dtype, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ours.to(dtype)(x), theirs.to(dtype)(x))


def test_a_constant_image_gives_the_bias_and_no_root_of_a_negative_number():
    ours, _ = both(8, 16)
    y = ours(torch.full((2, 16, 8, 8), 100.0, dtype=torch.bfloat16))
    assert torch.isfinite(y).all()
    torch.testing.assert_close(y.float(), ours.bias.detach()[None, :, None, None].expand(y.shape), rtol=0, atol=0.4)

"""The blocks agree with PyTorch's and diffusers' own, element by element, in float64."""

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from course_utils import models

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scatter(module, seed=1):
    """Random values in all weights: at initialisation much is 0 or 1, behind which a mistake can hide."""
    generator = torch.Generator().manual_seed(seed)
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def gradients(module, *inputs):
    """The module's output, and the gradient of a fixed mixture of it for every input and parameter."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    out = module(*inputs)
    mixture = (out * normal(*out.shape, seed=9)).sum()
    return out, torch.autograd.grad(mixture, [*inputs, *module.parameters()])


def agree(ours, theirs, *inputs):
    (out, slopes), (want, wanted) = gradients(ours, *inputs), gradients(theirs, *inputs)
    torch.testing.assert_close(out, want, **EXACT)
    assert len(slopes) == len(wanted)
    for slope, expected in zip(slopes, wanted, strict=True):
        torch.testing.assert_close(slope, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("groups", "channels"), [(1, 6), (2, 6), (3, 6), (6, 6), (8, 32)])
@pytest.mark.parametrize("eps", [1e-5, 0.1])
@pytest.mark.parametrize("shape", [(5, 7), (4,), (2, 3, 4)])
def test_group_norm(groups, channels, eps, shape):
    theirs = scatter(nn.GroupNorm(groups, channels, eps=eps))
    ours = models.GroupNorm(groups, channels, eps=eps).double()
    ours.load_state_dict(theirs.state_dict())
    agree(ours, theirs, 3 * normal(3, channels, *shape) + 2)


def test_group_norm_where_variance_is_tiny_or_huge():
    ours, theirs = models.GroupNorm(2, 4).double(), nn.GroupNorm(2, 4).double()
    for size in (0.0, 1e-6, 1e6):
        agree(ours, theirs, size * normal(2, 4, 3, 3) + 1)


def test_gelu_is_the_exact_form():
    x = torch.linspace(-10, 10, 2001, dtype=torch.float64)
    agree(models.GELU(), nn.GELU(), x)
    # The other form, with tanh, is another function: up to half a thousandth away.
    gap = (models.GELU()(x) - nn.GELU(approximate="tanh")(x)).abs().max().item()
    assert 3e-4 < gap < 6e-4


def test_rearrange_pool():
    ours = scatter(models.RearrangePool(3, 5))
    x = normal(2, 3, 6, 8)
    in_words = ours.conv(rearrange(x, "b c (h p) (w q) -> b (c p q) h w", p=2, q=2))
    torch.testing.assert_close(ours(x), in_words, **EXACT)
    # The same function as a convolution of 2 x 2 pixels with a stride of 2, its weights in another order.
    strided = nn.Conv2d(3, 5, kernel_size=2, stride=2).double()
    strided.load_state_dict({"weight": ours.conv.weight.reshape(5, 3, 2, 2), "bias": ours.conv.bias})
    torch.testing.assert_close(ours(x), strided(x), **EXACT)


@pytest.mark.parametrize(("channels", "heads"), [(8, 1), (8, 2), (8, 8), (24, 3)])
def test_attention_is_pytorchs(channels, heads):
    ours = scatter(models.SelfAttention2d(channels, heads=heads, groups=4))
    x = normal(2, channels, 3, 5)
    tokens = ours.norm(x).flatten(2).transpose(1, 2)  # (B, H*W, C)

    theirs = nn.MultiheadAttention(channels, heads, batch_first=True).double()
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight.flatten(1),
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight.flatten(1),
            "out_proj.bias": ours.out.bias,
        }
    )
    added = theirs(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(ours(x), x + added, **EXACT)

    q, k, v = rearrange(ours.qkv(ours.norm(x)), "b (three n c) h w -> three b n (h w) c", three=3, n=heads)
    h = F.scaled_dot_product_attention(q, k, v)
    h = ours.out(rearrange(h, "b n (h w) c -> b (n c) h w", h=x.shape[2]))
    torch.testing.assert_close(ours(x), x + h, **EXACT)


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 8), (8, 12)])
@pytest.mark.parametrize("time_features", [0, 5])
def test_residual_block_is_diffusers(inputs, outputs, time_features):
    resnet = pytest.importorskip("diffusers.models.resnet", reason="parity with diffusers: pip install diffusers")
    ours = scatter(models.ResidualBlock(inputs, outputs, time_features=time_features, groups=4))
    theirs = resnet.ResnetBlock2D(
        in_channels=inputs,
        out_channels=outputs,
        temb_channels=time_features or None,
        groups=4,
        eps=1e-5,
        non_linearity="gelu",
        time_embedding_norm="scale_shift" if time_features else "default",
        skip_time_act=True,
    ).double()
    names = {"time": "time_emb_proj", "skip": "conv_shortcut"}
    state = {}
    for name, tensor in ours.state_dict().items():
        part, rest = name.split(".", maxsplit=1)
        state[f"{names.get(part, part)}.{rest}"] = tensor
    theirs.load_state_dict(state)
    x, time = normal(2, inputs, 6, 5), normal(2, time_features, seed=2) if time_features else None
    torch.testing.assert_close(ours(x, time), theirs(x, time), **EXACT)


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_is_diffusers(heads):
    attention = pytest.importorskip("diffusers.models.attention_processor", reason="parity: pip install diffusers")
    ours = scatter(models.SelfAttention2d(16, heads=heads, groups=8))
    theirs = attention.Attention(
        16,
        heads=heads,
        dim_head=16 // heads,
        bias=True,
        norm_num_groups=8,
        residual_connection=True,
        processor=attention.AttnProcessor(),
    ).double()
    state = {"group_norm.weight": ours.norm.weight, "group_norm.bias": ours.norm.bias}
    for name, third in zip(("to_q", "to_k", "to_v"), ours.qkv.weight.flatten(1).chunk(3), strict=True):
        state[f"{name}.weight"] = third
    for name, third in zip(("to_q", "to_k", "to_v"), ours.qkv.bias.chunk(3), strict=True):
        state[f"{name}.bias"] = third
    state |= {"to_out.0.weight": ours.out.weight.flatten(1), "to_out.0.bias": ours.out.bias}
    theirs.load_state_dict(state)
    x = normal(2, 16, 4, 6)
    torch.testing.assert_close(ours(x), theirs(x), **EXACT)

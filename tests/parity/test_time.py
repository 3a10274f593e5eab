"""The time as a vector agrees with diffusers element by element, and modulation with a computation by hand."""

import math

import pytest
import torch

from course_utils import models
from course_utils.models import timed

diffusers = pytest.importorskip("diffusers", reason="parity with diffusers: pip install diffusers")
from diffusers.models.embeddings import TimestepEmbedding, get_timestep_embedding  # noqa: E402

STEPS = torch.tensor([0.0, 1.0, 2.5, 17.0, 500.0, 999.0, 1000.0])


@pytest.mark.parametrize("features", [2, 8, 64, 128])
@pytest.mark.parametrize("max_period", [100, 10_000])
def test_sinusoidal_embedding_is_theirs(features, max_period):
    # Their default is the other common ladder, i / (half - 1): `downscale_freq_shift` = 0 is that of Ho et al.'s paper.
    theirs = get_timestep_embedding(STEPS, features, downscale_freq_shift=0, max_period=max_period)
    ours = models.sinusoidal_embedding(STEPS, features, max_period)
    # Both float32: at t = 1000 a rounding of the frequency moves the angle by up to 1000 * 6e-8.
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-4)
    torch.testing.assert_close(ours[:3], theirs[:3], rtol=0, atol=1e-6)


def test_their_half_minus_one_and_cosines_first_are_other_embeddings():
    ours = models.sinusoidal_embedding(STEPS, 8)
    assert not torch.allclose(ours, get_timestep_embedding(STEPS, 8, downscale_freq_shift=1), atol=1e-2)
    flipped = get_timestep_embedding(STEPS, 8, downscale_freq_shift=0, flip_sin_to_cos=True)
    torch.testing.assert_close(torch.cat([ours[:, 4:], ours[:, :4]], 1), flipped, rtol=0, atol=2e-4)


def test_frequencies_are_those_of_the_embedding():
    t = torch.tensor([3.0], dtype=torch.float64)
    angle = t * timed.frequencies(5, 50.0)
    torch.testing.assert_close(models.sinusoidal_embedding(t, 10, 50.0)[0], torch.cat([angle.sin(), angle.cos()]))
    by_hand = [50.0 ** (-i / 5) for i in range(5)]
    torch.testing.assert_close(timed.frequencies(5, 50.0), torch.tensor(by_hand, dtype=torch.float64))


def test_time_mlp_is_their_timestep_embedding():
    ours = models.TimeMLP(16, 24).double()
    theirs = TimestepEmbedding(16, 24, act_fn="gelu").double()
    theirs.load_state_dict({key.replace("linear", "linear_"): value for key, value in ours.state_dict().items()})
    t = STEPS.double()
    torch.testing.assert_close(ours(t), theirs(models.sinusoidal_embedding(t, 16)))


def test_modulation_by_hand():
    h = torch.arange(24, dtype=torch.float64).reshape(2, 3, 2, 2)
    scale = torch.tensor([[0.0, 1.0, -1.0], [0.5, -0.5, 2.0]], dtype=torch.float64)
    shift = torch.tensor([[0.0, 10.0, 3.0], [-1.0, 0.0, 0.25]], dtype=torch.float64)
    got = models.modulate(h, scale, shift)
    for b in range(2):
        for c in range(3):
            for i in range(2):
                for j in range(2):
                    want = h[b, c, i, j].item() * (1 + scale[b, c].item()) + shift[b, c].item()
                    assert got[b, c, i, j].item() == pytest.approx(want)
    assert torch.equal(models.modulate(h, 0 * scale, 0 * shift), h)


def test_modulation_is_the_affine_part_of_their_adaptive_group_norm():
    from diffusers.models.normalization import AdaGroupNorm

    theirs = AdaGroupNorm(embedding_dim=5, out_dim=4, num_groups=2).double()
    x, time = torch.randn(3, 4, 6, 6, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    scale, shift = theirs.linear(time).chunk(2, dim=1)
    h = torch.nn.functional.group_norm(x, 2, eps=theirs.eps)
    torch.testing.assert_close(models.modulate(h, scale, shift), theirs(x, time))


def test_timed_block_by_hand():
    block = timed.TimedBlock(3, 4, 5).double()
    x, time = torch.randn(2, 3, 6, 6, dtype=torch.float64), torch.randn(2, 5, dtype=torch.float64)
    plain = models.plain.ConvBlock(3, 4).double()
    plain.load_state_dict({k: v for k, v in block.state_dict().items() if "scale" not in k})
    torch.testing.assert_close(block(x, time), plain(x))  # at first the time changes nothing
    torch.nn.init.normal_(block.to_scale_shift.weight)
    torch.nn.init.normal_(block.to_scale_shift.bias)
    numbers = time @ block.to_scale_shift.weight.T + block.to_scale_shift.bias
    h = block.conv1(x) * (1 + numbers[:, :4, None, None]) + numbers[:, 4:, None, None]
    torch.testing.assert_close(block(x, time), block.conv2(h.relu()).relu())


def test_fourier_features_are_those_of_the_module():
    module = models.FourierTime(8, 4)
    torch.testing.assert_close(timed.fourier_features(STEPS, module.frequencies), module.encode(STEPS))
    want = math.sin(2 * math.pi * 0.5 * module.frequencies[1].item())
    assert timed.fourier_features(torch.tensor([500]), module.frequencies)[0, 1].item() == pytest.approx(want, abs=1e-5)

"""What people answer in lesson 03 that breaks a law, and right answers of unusual shape."""

import math

import torch
import torch.nn.functional as F

from course_utils import diffusion, models
from course_utils.models import timed
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- frequencies ---


@mistake("frequencies", "right to a few digits")
def frequencies_in_float32_in_disguise(half, max_period=10_000.0):
    return timed.frequencies(half, max_period).float().double()


# --- sinusoidal_embedding ---


@mistake("sinusoidal_embedding", "with t of type int64")
def sinusoids_of_rounded_clocks(t, features, max_period=10_000.0):
    angle = t[:, None] * timed.frequencies(features // 2, max_period).to(t)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


@mistake("sinusoidal_embedding", "`t` is another one afterwards")
def sinusoids_in_place(t, features, max_period=10_000.0):
    return models.sinusoidal_embedding(t.clamp_(1, 999), features, max_period)


@mistake("sinusoidal_embedding", "comes out otherwise alone")
def sinusoids_of_sorted_steps(t, features, max_period=10_000.0):
    return models.sinusoidal_embedding(t.sort().values, features, max_period)


@alternative("sinusoidal_embedding")
def sinusoids_on_float32_clocks(t, features, max_period=10_000.0):
    made = torch.get_default_dtype() if not t.is_floating_point() else t.dtype
    angle = t.to(made)[:, None] * timed.frequencies(features // 2, max_period).float().to(t.device)
    return torch.hstack([angle.sin(), angle.cos()]).to(made)


@alternative("sinusoidal_embedding")
def sinusoids_step_by_step(t, features, max_period=10_000.0):
    made = t.dtype if t.is_floating_point() else torch.float32
    table = torch.empty(len(t), features, dtype=made, device=t.device)
    for row, step in enumerate(t):
        for i, omega in enumerate(timed.frequencies(features // 2, max_period).tolist()):
            table[row, i], table[row, features // 2 + i] = (step * omega).sin(), (step * omega).cos()
    return table


# --- fourier_features ---


@mistake("fourier_features", "with t of type int64")
def fourier_of_whole_turns(t, turns):
    angle = 2 * math.pi * t[:, None] / 1000 * turns.to(t)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


@mistake("fourier_features", "t of type float32 gives float64")
def fourier_in_the_dtype_of_the_turns(t, turns):
    t = t if t.is_floating_point() else t.float()
    angle = 2 * math.pi * t[:, None] / 1000 * turns
    return torch.cat([angle.sin(), angle.cos()], dim=1)


@mistake("fourier_features", "`turns` is another one afterwards")
def fourier_in_place(t, turns):
    return timed.fourier_features(t, turns.round_())


@alternative("fourier_features")
def fourier_in_float64(t, turns):
    angle = 2 * math.pi * torch.outer(t.double() / 1000, turns.double())
    return torch.cat([angle.sin(), angle.cos()], dim=1).to(t.dtype if t.is_floating_point() else torch.float32)


# --- TimeMLP ---


@mistake("TimeMLP", "comes out otherwise alone")
class MlpThatLooksAround(models.TimeMLP):
    def forward(self, t):
        return super().forward(t if len(t) < 5 else t.sort().values)


@mistake("TimeMLP", "`t` is another one afterwards")
class MlpInPlace(models.TimeMLP):
    def forward(self, t):
        return super().forward(t.clamp_(1, 899))


@mistake("TimeMLP", "`forward` is not yet")
class TimeMLP(models.TimeMLP):
    """As it stands in the notebook, under its own name."""

    def forward(self, t):
        raise NotImplementedError("TimeMLP")


@alternative("TimeMLP")
class MlpStepByStep(models.TimeMLP):
    def forward(self, t):
        return torch.cat([super(MlpStepByStep, self).forward(step) for step in t.split(1)])


# --- modulate ---


@mistake("modulate", "only a part of the gradient flows back to `h`")
def modulate_with_half_a_gradient(h, scale, shift):
    return models.modulate(h / 2 + h.detach() / 2, scale, shift)


@mistake("modulate", "use `.reshape`")
def modulate_through_a_view(h, scale, shift):
    flat = h.view(*h.shape[:2], -1)
    return (flat * (1 + scale[:, :, None]) + shift[:, :, None]).reshape(h.shape)


@mistake("modulate", "comes out otherwise alone")
def modulate_by_the_mean_scale(h, scale, shift):
    return models.modulate(h, scale if len(h) < 5 else scale.mean(0).expand_as(scale), shift)


@mistake("modulate", "`scale` is another one afterwards")
def modulate_that_adds_one_in_place(h, scale, shift):
    return h * scale.add_(1)[:, :, None, None] + shift[:, :, None, None]


@alternative("modulate")
def modulate_map_by_map(h, scale, shift):
    rows = [[h[b, c] * (1 + scale[b, c]) + shift[b, c] for c in range(h.shape[1])] for b in range(len(h))]
    return torch.stack([torch.stack(row) for row in rows])


# --- TimedBlock ---


@mistake("TimedBlock", "no gradient flows back to `x`")
class BlockCutOffInFront(timed.TimedBlock):
    def forward(self, x, time):
        return super().forward(x.detach(), time)


@mistake("TimedBlock", "no gradient flows back to `time`")
class BlockWithDetachedTime(timed.TimedBlock):
    def forward(self, x, time):
        return super().forward(x, time.detach())


@mistake("TimedBlock", "`time` is another one afterwards")
class BlockInPlace(timed.TimedBlock):
    def forward(self, x, time):
        return super().forward(x, time.clamp_(-1, 1))


@alternative("TimedBlock")
class BlockPictureByPicture(timed.TimedBlock):
    def forward(self, x, time):
        pairs = zip(x.split(1), time.split(1), strict=True)
        return torch.cat([super(BlockPictureByPicture, self).forward(one, now) for one, now in pairs])


# --- guess_noise_level ---


@mistake("guess_noise_level", "the result is float64")
def guess_in_float64(x):
    return diffusion.guess_noise_level(x.double())


@mistake("guess_noise_level", "`x` is another one afterwards")
def guess_in_place(x):
    return diffusion.guess_noise_level(x.clamp_(-4, 4))


@mistake("guess_noise_level", "use `.reshape`")
def guess_through_a_view(x):
    return diffusion.guess_noise_level(x.view(len(x), 1, -1, x.shape[3]))


@alternative("guess_noise_level")
def guess_by_sorting(x):
    d = F.unfold(x.reshape(-1, 1, *x.shape[2:]), 2, stride=2)  # (B C, 4, squares)
    d = ((d[:, 0] - d[:, 1] - d[:, 2] + d[:, 3]) / 2).abs().reshape(len(x), -1).sort(dim=1).values
    return d[:, d.shape[1] // 2] / 0.6745


# --- variance_shares, mended_embedding ---


@mistake("variance_shares", "`embedding` is another one afterwards")
def shares_in_place(embedding):
    embedding -= embedding.mean(0)
    return timed.variance_shares(embedding)


@mistake("mended_embedding", "the dtype of u")
def mended_in_float32(u, features=8):
    return timed.mended_embedding(u.float(), features)


@mistake("mended_embedding", "`u` is another one afterwards")
def mended_in_place(u, features=8):
    return models.sinusoidal_embedding(u.mul_(1000), features)

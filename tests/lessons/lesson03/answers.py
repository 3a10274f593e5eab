"""What people answer in lesson 03."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.models import modulate as reference_modulate
from course_utils.models import sinusoidal_embedding as sinusoids
from course_utils.models.timed import frequencies as clocks
from tests.lessons.lesson03.lawless import ANSWERS  # those that break a law are in it already

mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- frequencies ---


@mistake("frequencies", "not i / (half - 1)")
def frequencies_to_the_end(half, max_period=10_000.0):
    return max_period ** (-torch.arange(half, dtype=torch.float64) / (half - 1))


@mistake("frequencies", "they should fall")
def frequencies_that_rise(half, max_period=10_000.0):
    return max_period ** (torch.arange(half, dtype=torch.float64) / half)


@mistake("frequencies", "half as fast")
def frequencies_over_features(half, max_period=10_000.0):
    return max_period ** (-torch.arange(half, dtype=torch.float64) / (2 * half))


@mistake("frequencies", "twice as fast")
def frequencies_with_two_i(half, max_period=10_000.0):
    return max_period ** (-2 * torch.arange(half, dtype=torch.float64) / half)


@mistake("frequencies", "i counts from 0")
def frequencies_from_one(half, max_period=10_000.0):
    return max_period ** (-torch.arange(1, half + 1, dtype=torch.float64) / half)


@mistake("frequencies", "evenly spaced")
def frequencies_in_a_line(half, max_period=10_000.0):
    return torch.linspace(1, 1 / max_period, half, dtype=torch.float64)


@mistake("frequencies", "without 2 pi")
def frequencies_in_turns(half, max_period=10_000.0):
    return 2 * math.pi * clocks(half, max_period)


@mistake("frequencies", "there are 8 frequencies")
def frequencies_one_a_feature(half, max_period=10_000.0):
    return clocks(2 * half, max_period)


@mistake("frequencies", "exponential is still to be taken")
def frequencies_without_exponential(half, max_period=10_000.0):
    return -math.log(max_period) * torch.arange(half, dtype=torch.float64) / half


@mistake("frequencies", "logarithm to base 10")
def frequencies_with_log10(half, max_period=10_000.0):
    return torch.exp(-math.log10(max_period) * torch.arange(half, dtype=torch.float64) / half)


@mistake("frequencies", "is `max_period` ignored")
def frequencies_with_a_fixed_period(half, max_period=10_000.0):
    return clocks(half)


@mistake("frequencies", "float32")
def frequencies_in_float32(half, max_period=10_000.0):
    return max_period ** (-torch.arange(half) / half)


@alternative("frequencies")
def frequencies_as_a_geometric_series(half, max_period=10_000.0):
    return torch.logspace(0, -(half - 1) / half, half, base=max_period, dtype=torch.float64)


@alternative("frequencies")
def frequencies_by_multiplying(half, max_period=10_000.0):
    ratio, values = max_period ** (-1 / half), [1.0]
    while len(values) < half:
        values.append(values[-1] * ratio)
    return torch.tensor(values, dtype=torch.float64)


# --- sinusoidal_embedding ---


def angles(t, features, max_period=10_000.0):
    t = t if t.is_floating_point() else t.float()
    return t[:, None] * clocks(features // 2, max_period).to(t)


@mistake("sinusoidal_embedding", "alternate")
def sinusoids_in_turn(t, features, max_period=10_000.0):
    a = angles(t, features, max_period)
    return torch.stack([a.sin(), a.cos()], dim=2).flatten(1)


@mistake("sinusoidal_embedding", "cosines come first")
def sinusoids_cosines_first(t, features, max_period=10_000.0):
    a = angles(t, features, max_period)
    return torch.cat([a.cos(), a.sin()], dim=1)


@mistake("sinusoidal_embedding", "both halves are sines")
def sinusoids_twice_the_sine(t, features, max_period=10_000.0):
    a = angles(t, features, max_period)
    return torch.cat([a.sin(), a.sin()], dim=1)


@mistake("sinusoidal_embedding", "half as many as asked for")
def sinusoids_without_cosines(t, features, max_period=10_000.0):
    return angles(t, features, max_period).sin()


@mistake("sinusoidal_embedding", "twice as many as asked for")
def sinusoids_with_too_many(t, features, max_period=10_000.0):
    a = angles(t, 2 * features, max_period)
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("sinusoidal_embedding", "axis of their own")
def sinusoids_stacked(t, features, max_period=10_000.0):
    a = angles(t, features, max_period)
    return torch.stack([a.sin(), a.cos()], dim=2)


@mistake("sinusoidal_embedding", "below the sines")
def sinusoids_joined_below(t, features, max_period=10_000.0):
    a = angles(t, features, max_period)
    return torch.cat([a.sin(), a.cos()])


@mistake("sinusoidal_embedding", "divided by 1000")
def sinusoids_of_a_share(t, features, max_period=10_000.0):
    return sinusoids(t / 1000, features, max_period)


@mistake("sinusoidal_embedding", "2 pi times too fast")
def sinusoids_with_two_pi(t, features, max_period=10_000.0):
    return sinusoids(2 * math.pi * t, features, max_period)


@mistake("sinusoidal_embedding", "sines and cosines are still to be taken")
def sinusoids_without_waves(t, features, max_period=10_000.0):
    a = angles(t, features, max_period)
    return torch.cat([a, a], dim=1)


@mistake("sinusoidal_embedding", "twice as many features")
def sinusoids_with_frequencies_of_all(t, features, max_period=10_000.0):
    a = t[:, None] * clocks(features, max_period).to(t)[: features // 2]
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("sinusoidal_embedding", "multiplied by the periods")
def sinusoids_of_periods(t, features, max_period=10_000.0):
    a = t[:, None] / clocks(features // 2, max_period).to(t)
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("sinusoidal_embedding", "row for each feature")
def sinusoids_turned(t, features, max_period=10_000.0):
    return sinusoids(t, features, max_period).T


@mistake("sinusoidal_embedding", "do not round it")
def sinusoids_of_rounded_steps(t, features, max_period=10_000.0):
    return sinusoids(t.long().to(t.dtype), features, max_period)


@mistake("sinusoidal_embedding", "is `max_period` ignored")
def sinusoids_with_a_fixed_period(t, features, max_period=10_000.0):
    return sinusoids(t, features)


@mistake("sinusoidal_embedding", "bring the rest to that type")
def sinusoids_in_float64(t, features, max_period=10_000.0):
    a = t[:, None] * clocks(features // 2, max_period)
    return torch.cat([a.sin(), a.cos()], dim=1)


@alternative("sinusoidal_embedding")
def sinusoids_as_complex_numbers(t, features, max_period=10_000.0):
    z = torch.polar(torch.ones(()).to(angles(t, features)), angles(t, features, max_period))
    return torch.cat([z.imag, z.real], dim=1)


@alternative("sinusoidal_embedding")
def sinusoids_column_by_column(t, features, max_period=10_000.0):
    t = t if t.is_floating_point() else t.float()
    speeds = [max_period ** (-i / (features // 2)) for i in range(features // 2)]
    return torch.stack([(t * w).sin() for w in speeds] + [(t * w).cos() for w in speeds], dim=1)


# --- fourier_features ---


@mistake("fourier_features", "2 pi is missing")
def fourier_without_two_pi(t, turns):
    a = t[:, None] / 1000 * turns.to(t)
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("fourier_features", "half turns")
def fourier_with_pi(t, turns):
    a = math.pi * t[:, None] / 1000 * turns.to(t)
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("fourier_features", "t is not divided by 1000")
def fourier_of_steps(t, turns):
    a = 2 * math.pi * t[:, None] * turns.to(t)
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("fourier_features", "2 pi is missing")
def fourier_of_steps_without_two_pi(t, turns):
    a = t[:, None] * turns.to(t)
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("fourier_features", "cosines come first")
def fourier_cosines_first(t, turns):
    a = 2 * math.pi * t[:, None] / 1000 * turns.to(t)
    return torch.cat([a.cos(), a.sin()], dim=1)


@mistake("fourier_features", "whatever else is in the batch")
def fourier_by_the_largest(t, turns):
    a = 2 * math.pi * t[:, None] / t.max() * turns.to(t)
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("fourier_features", "two calls")
def fourier_with_its_own_numbers(t, turns):
    a = 2 * math.pi * t[:, None] / 1000 * torch.randn_like(turns).to(t)
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("fourier_features", "half as many as asked for")
def fourier_without_cosines(t, turns):
    return (2 * math.pi * t[:, None] / 1000 * turns.to(t)).sin()


@alternative("fourier_features")
def fourier_by_outer_product(t, turns):
    t = t if t.is_floating_point() else t.float()
    a = torch.outer(t / 1000, 2 * torch.pi * turns.to(t))
    return torch.hstack([torch.sin(a), torch.cos(a)])


# --- TimeMLP ---


class Mlp(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.features = features
        self.linear1 = nn.Linear(features, hidden)
        self.linear2 = nn.Linear(hidden, hidden)

    def waves(self, t):
        return sinusoids(t, self.features)


@mistake("TimeMLP", "no GELU between")
class MlpWithoutGelu(Mlp):
    def forward(self, t):
        return self.linear2(self.linear1(self.waves(t)))


@mistake("TimeMLP", "a ReLU")
class MlpWithRelu(Mlp):
    def forward(self, t):
        return self.linear2(F.relu(self.linear1(self.waves(t))))


@mistake("TimeMLP", "a SiLU")
class MlpWithSilu(Mlp):
    def forward(self, t):
        return self.linear2(F.silu(self.linear1(self.waves(t))))


@mistake("TimeMLP", "after the second layer")
class MlpWithLastGelu(Mlp):
    def forward(self, t):
        return F.gelu(self.linear2(F.gelu(self.linear1(self.waves(t)))))


@mistake("TimeMLP", "before the first layer")
class MlpWithEarlyGelu(Mlp):
    def forward(self, t):
        return self.linear2(self.linear1(F.gelu(self.waves(t))))


@mistake("TimeMLP", "divided by 1000")
class MlpOfAShare(Mlp):
    def forward(self, t):
        return self.linear2(F.gelu(self.linear1(sinusoids(t / 1000, self.features))))


@mistake("TimeMLP", "second layer is never used")
class MlpOfOneLayer(Mlp):
    def forward(self, t):
        return F.gelu(self.linear1(self.waves(t)))


@mistake("TimeMLP", "no `linear1.bias`")
class MlpWithOtherNames(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.features = features
        self.net = nn.Sequential(nn.Linear(features, hidden), nn.GELU(), nn.Linear(hidden, hidden))

    def forward(self, t):
        return self.net(sinusoids(t, self.features))


@mistake("TimeMLP", "should have (6, 8)")
class MlpTurned(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.features = features
        self.linear1 = nn.Linear(features, features)
        self.linear2 = nn.Linear(features, hidden)

    def forward(self, t):
        return self.linear2(F.gelu(self.linear1(sinusoids(t, self.features))))


@mistake("TimeMLP", "is a size written into the body")
class MlpOfEight(Mlp):
    def forward(self, t):
        e = sinusoids(t, 8)
        return self.linear2(F.gelu(self.linear1(F.pad(e, (0, self.features - 8)))))


@mistake("TimeMLP", "first one")
class MlpOfTheFirstStep(Mlp):
    def forward(self, t):
        h = self.linear2(F.gelu(self.linear1(self.waves(t))))
        return h if self.features == 8 else h[:1].expand(len(t), -1)


@mistake("TimeMLP", "no gradient")
class MlpCutOff(Mlp):
    def forward(self, t):
        with torch.no_grad():
            h = F.gelu(self.linear1(self.waves(t)))
        return self.linear2(h)


@mistake("TimeMLP", "derive it from `nn.Module`")
class MlpThatIsNoModule:
    def __init__(self, features, hidden):
        self.features = features


@alternative("TimeMLP")
class MlpByHand(Mlp):
    def forward(self, t):
        h = self.waves(t) @ self.linear1.weight.T + self.linear1.bias
        h = 0.5 * h * (1 + torch.erf(h / math.sqrt(2)))
        return h @ self.linear2.weight.T + self.linear2.bias


@alternative("TimeMLP")
class MlpWithTanhGelu(Mlp):
    def __init__(self, features, hidden):
        super().__init__(features, hidden)
        self.activation = nn.GELU(approximate="tanh")

    def forward(self, t):
        return self.linear2(self.activation(self.linear1(self.waves(t))))


# --- modulate ---


@mistake("modulate", "swapped")
def modulate_swapped(h, scale, shift):
    return h * (1 + shift[:, :, None, None]) + scale[:, :, None, None]


@mistake("modulate", "it should be 1 + scale")
def modulate_without_one(h, scale, shift):
    return h * scale[:, :, None, None] + shift[:, :, None, None]


@mistake("modulate", "before the scale is applied")
def modulate_shift_first(h, scale, shift):
    return (h + shift[:, :, None, None]) * (1 + scale[:, :, None, None])


@mistake("modulate", "the shift is missing")
def modulate_without_shift(h, scale, shift):
    return h * (1 + scale[:, :, None, None])


@mistake("modulate", "exp(scale)")
def modulate_exponential(h, scale, shift):
    return h * scale[:, :, None, None].exp() + shift[:, :, None, None]


@mistake("modulate", "parentheses are missing")
def modulate_without_parentheses(h, scale, shift):
    return h * 1 + scale[:, :, None, None] + shift[:, :, None, None]


@mistake("modulate", "make it (B, C, 1, 1) first")
def modulate_from_the_right(h, scale, shift):
    return h * (1 + scale) + shift


@mistake("modulate", "column w of map c")
def modulate_columns(h, scale, shift):
    if h.shape[1] == h.shape[3]:
        return h * (1 + scale[:, None]) + shift[:, None]
    return reference_modulate(h, scale, shift)


@mistake("modulate", "the first one")
def modulate_all_alike(h, scale, shift):
    return reference_modulate(h, scale[:1], shift[:1])


@mistake("modulate", "pictures and feature maps are swapped")
def modulate_turned(h, scale, shift):
    if h.shape[0] == h.shape[1]:
        return reference_modulate(h, scale.T, shift.T)
    return reference_modulate(h, scale, shift)


@mistake("modulate", "changes the tensors")
def modulate_in_place(h, scale, shift):
    return h.mul_(1 + scale[:, :, None, None]).add_(shift[:, :, None, None])


@mistake("modulate", "`scale`")
def modulate_detached(h, scale, shift):
    return h * (1 + scale.detach()[:, :, None, None]) + shift[:, :, None, None]


@alternative("modulate")
def modulate_by_einsum(h, scale, shift):
    return torch.einsum("bchw,bc->bchw", h, 1 + scale) + shift.reshape(*shift.shape, 1, 1)


@alternative("modulate")
def modulate_as_a_sum(h, scale, shift):
    flat = h.flatten(2)
    return (flat + flat * scale.unsqueeze(2) + shift.unsqueeze(2)).reshape(h.shape)


# --- TimedBlock ---


class Block(nn.Module):
    def __init__(self, inputs, outputs, hidden):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.to_scale_shift = nn.Linear(hidden, 2 * outputs)
        nn.init.zeros_(self.to_scale_shift.weight)
        nn.init.zeros_(self.to_scale_shift.bias)

    def parts(self, time):
        return self.to_scale_shift(time).chunk(2, dim=1)


@mistake("TimedBlock", "swapped")
class BlockSwapped(Block):
    def forward(self, x, time):
        shift, scale = self.parts(time)
        return F.relu(self.conv2(F.relu(reference_modulate(self.conv1(x), scale, shift))))


@mistake("TimedBlock", "time makes no difference")
class BlockWithoutTime(Block):
    def forward(self, x, time):
        return F.relu(self.conv2(F.relu(self.conv1(x))))


@mistake("TimedBlock", "after the first ReLU")
class BlockLate(Block):
    def forward(self, x, time):
        return F.relu(self.conv2(reference_modulate(F.relu(self.conv1(x)), *self.parts(time))))


@mistake("TimedBlock", "maps of conv2 are modulated")
class BlockLater(Block):
    def forward(self, x, time):
        return F.relu(reference_modulate(self.conv2(F.relu(self.conv1(x))), *self.parts(time)))


@mistake("TimedBlock", "last ReLU is missing")
class BlockWithoutLastRelu(Block):
    def forward(self, x, time):
        return self.conv2(F.relu(reference_modulate(self.conv1(x), *self.parts(time))))


@mistake("TimedBlock", "no ReLU between")
class BlockWithoutFirstRelu(Block):
    def forward(self, x, time):
        return F.relu(self.conv2(reference_modulate(self.conv1(x), *self.parts(time))))


@mistake("TimedBlock", "alternate among the numbers")
class BlockInterleaved(Block):
    def forward(self, x, time):
        numbers = self.to_scale_shift(time)
        h = reference_modulate(self.conv1(x), numbers[:, 0::2], numbers[:, 1::2])
        return F.relu(self.conv2(F.relu(h)))


@mistake("TimedBlock", "only the shift")
class BlockThatAdds(Block):
    def forward(self, x, time):
        _, shift = self.parts(time)
        return F.relu(self.conv2(F.relu(self.conv1(x) + shift[:, :, None, None])))


@mistake("TimedBlock", "already depends on the time")
class BlockAtRandom(Block):
    def __init__(self, inputs, outputs, hidden):
        super().__init__(inputs, outputs, hidden)
        self.to_scale_shift = nn.Linear(hidden, 2 * outputs)

    def forward(self, x, time):
        return F.relu(self.conv2(F.relu(reference_modulate(self.conv1(x), *self.parts(time)))))


@mistake("TimedBlock", "is the bias of to_scale_shift zero")
class BlockWithABias(Block):
    def __init__(self, inputs, outputs, hidden):
        super().__init__(inputs, outputs, hidden)
        nn.init.ones_(self.to_scale_shift.bias)

    def forward(self, x, time):
        return F.relu(self.conv2(F.relu(reference_modulate(self.conv1(x), *self.parts(time)))))


@mistake("TimedBlock", "nothing but zeros")
class BlockAllZero(Block):
    def __init__(self, inputs, outputs, hidden):
        super().__init__(inputs, outputs, hidden)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x, time):
        return F.relu(self.conv2(F.relu(reference_modulate(self.conv1(x), *self.parts(time)))))


@mistake("TimedBlock", "(4, 5), it should have (8, 5)")
class BlockWithTooFewNumbers(Block):
    def __init__(self, inputs, outputs, hidden):
        super().__init__(inputs, outputs, hidden)
        self.to_scale_shift = nn.Linear(hidden, outputs)


@mistake("TimedBlock", "first one")
class BlockOfTheFirst(Block):
    def forward(self, x, time):
        if len(x) > 2:
            time = time[:1].expand(len(x), -1)
        return F.relu(self.conv2(F.relu(reference_modulate(self.conv1(x), *self.parts(time)))))


@mistake("TimedBlock", "fails on pictures")
class BlockWithoutPadding(Block):
    def forward(self, x, time):
        scale, shift = self.parts(time)
        return F.relu(self.conv2(F.relu(self.conv1(x) * (1 + scale) + shift)))


@alternative("TimedBlock")
class BlockSplitByHand(Block):
    def forward(self, x, time):
        numbers = self.to_scale_shift(time)[:, :, None, None]
        half = numbers.shape[1] // 2
        h = self.conv1(x)
        h = h + h * numbers[:, :half] + numbers[:, half:]
        return self.conv2(h.clamp(min=0)).clamp(min=0)


# --- guess_noise_level ---


def squares(x):
    return x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]


def differences(x):
    p, q, r, s = squares(x)
    return (p - q - r + s) / 2


@mistake("guess_noise_level", "twice too large")
def guess_without_the_half(x):
    return 2 * differences(x).abs().flatten(1).median(1).values / 0.6745


@mistake("guess_noise_level", "divided by 0.6745")
def guess_by_the_bare_median(x):
    return differences(x).abs().flatten(1).median(1).values


@mistake("guess_noise_level", "do not multiply")
def guess_multiplied(x):
    return differences(x).abs().flatten(1).median(1).values * 0.6745


@mistake("guess_noise_level", "take that of |d|")
def guess_without_abs(x):
    return differences(x).flatten(1).median(1).values / 0.6745


@mistake("guess_noise_level", "one number for the whole batch")
def guess_for_all(x):
    return differences(x).abs().median() / 0.6745


@mistake("guess_noise_level", "same number")
def guess_for_all_repeated(x):
    return (differences(x).abs().median() / 0.6745).expand(len(x))


@mistake("guess_noise_level", "a number for each channel")
def guess_by_channel(x):
    return differences(x).abs().flatten(2).median(2).values / 0.6745


@mistake("guess_noise_level", "few sharp edges")
def guess_by_root_mean_square(x):
    return differences(x).flatten(1).square().mean(1).sqrt()


@mistake("guess_noise_level", "it is a variance")
def guess_of_the_variance(x):
    return (differences(x).abs().flatten(1).median(1).values / 0.6745) ** 2


@mistake("guess_noise_level", "smooth slope")
def guess_by_neighbours(x):
    d = (x[..., ::2] - x[..., 1::2]) / math.sqrt(2)
    return d.abs().flatten(1).median(1).values / 0.6745


@mistake("guess_noise_level", "smooth slope")
def guess_with_wrong_signs(x):
    p, q, r, s = squares(x)
    return ((p + q - r - s) / 2).abs().flatten(1).median(1).values / 0.6745


@mistake("guess_noise_level", "smooth slope")
def guess_by_the_picture_itself(x):
    return x.abs().flatten(1).median(1).values / 0.6745


@alternative("guess_noise_level")
def guess_by_convolution(x):
    kernel = torch.tensor([[0.5, -0.5], [-0.5, 0.5]]).to(x)
    d = F.conv2d(x.reshape(-1, 1, *x.shape[2:]), kernel[None, None], stride=2)
    return d.abs().reshape(len(x), -1).quantile(0.5, dim=1) / 0.67449


@alternative("guess_noise_level")
def guess_picture_by_picture(x):
    return torch.stack([differences(one).abs().median() / 0.6745 for one in x])


# --- variance_shares ---


@mistake("variance_shares", "mean was not taken away")
def shares_without_centring(embedding):
    v = torch.linalg.svdvals(embedding).square()
    return v / v.sum()


@mistake("variance_shares", "variance is their square")
def shares_of_singular_values(embedding):
    v = torch.linalg.svdvals(embedding - embedding.mean(0))
    return v / v.sum()


@mistake("variance_shares", "divide by their sum")
def shares_not_divided(embedding):
    return torch.linalg.svdvals(embedding - embedding.mean(0)).square()


@mistake("variance_shares", "divide by their sum")
def shares_as_eigenvalues(embedding):
    return torch.linalg.eigvalsh(embedding.T.cov()).flip(0)


@mistake("variance_shares", "smallest share comes first")
def shares_ascending(embedding):
    v = torch.linalg.eigvalsh(embedding.T.cov())
    return v / v.sum()


@mistake("variance_shares", "shares of the columns")
def shares_of_columns(embedding):
    v = embedding.var(0)
    return v / v.sum()


@mistake("variance_shares", "shares of the columns, sorted")
def shares_of_sorted_columns(embedding):
    v = embedding.var(0).sort(descending=True).values
    return v / v.sum()


@mistake("variance_shares", "mean of each row")
def shares_centred_by_row(embedding):
    v = torch.linalg.svdvals(embedding - embedding.mean(1, keepdim=True)).square()
    return v / v.sum()


@mistake("variance_shares", "same variance first")
def shares_standardised(embedding):
    v = torch.linalg.svdvals((embedding - embedding.mean(0)) / embedding.std(0)).square()
    return v / v.sum()


@mistake("variance_shares", "by their sum")
def shares_over_the_largest(embedding):
    v = torch.linalg.svdvals(embedding - embedding.mean(0)).square()
    return v / v.max()


@mistake("variance_shares", "running sums")
def shares_added_up(embedding):
    v = torch.linalg.svdvals(embedding - embedding.mean(0)).square()
    return (v / v.sum()).cumsum(0)


@mistake("variance_shares", "a single number")
def shares_only_the_first(embedding):
    v = torch.linalg.svdvals(embedding - embedding.mean(0)).square()
    return v[0] / v.sum()


@mistake("variance_shares", "one for each row")
def shares_of_the_wrong_side(embedding):
    v = torch.linalg.eigvalsh(embedding @ embedding.T).flip(0)
    return v / v.sum()


@alternative("variance_shares")
def shares_by_eigenvalues(embedding):
    v = torch.linalg.eigvalsh(torch.cov(embedding.T)).flip(0)
    return v / v.sum()


@alternative("variance_shares")
def shares_by_numpy(embedding):
    table = embedding.numpy().astype(np.float64)
    s = np.linalg.svd(table - table.mean(0), full_matrices=False)[1] ** 2
    return torch.from_numpy(s / s.sum()).to(embedding.dtype)


# --- mended_embedding ---


@mistake("mended_embedding", "colleague's embedding")
def mended_not_at_all(u, features=8):
    return sinusoids(u, features)


@mistake("mended_embedding", "too slow, not too few")
def mended_by_more_features(u, features=8):
    return sinusoids(u, 128)


@mistake("mended_embedding", "still a raw float")
def mended_by_stretching(u, features=8):
    return 4 * sinusoids(u, features) - 1


@mistake("mended_embedding", "still a raw float")
def mended_by_standardising(u, features=8):
    e = sinusoids(u, features)
    return (e - e.mean(0)) / (e.std(0) + 1e-9)


@mistake("mended_embedding", "still a raw float")
def mended_by_a_shorter_period(u, features=8):
    return sinusoids(u, features, max_period=2.0)


@mistake("mended_embedding", "hardly get round once")
def mended_by_two_pi(u, features=8):
    return sinusoids(8 * u, features)


@mistake("mended_embedding", "rounded to a whole number")
def mended_by_whole_numbers(u, features=8):
    return sinusoids(u.long().to(u.dtype), features) + 0 * u[:, None]


@mistake("mended_embedding", "neighbours look unrelated")
def mended_by_too_much(u, features=8):
    return sinusoids(u * 1e7, features)


@mistake("mended_embedding", "every clock ends where it began")
def mended_by_whole_turns(u, features=8):
    k = torch.arange(1, features // 2 + 1).to(u)
    a = 2 * math.pi * u[:, None] * k
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("mended_embedding", "repeat after a few steps")
def mended_without_slow_clocks(u, features=8):
    k = torch.arange(1, features // 2 + 1).to(u)
    a = 2 * math.pi * (7.5 + 1e-4) * u[:, None] * k
    return torch.cat([a.sin(), a.cos()], dim=1)


@mistake("mended_embedding", "than the same step in a batch")
def mended_by_rank(u, features=8):
    return sinusoids(torch.linspace(0, 1000, len(u)).to(u), features)


@mistake("mended_embedding", "must not change")
def mended_by_chance(u, features=8):
    return torch.randn(len(u), features).to(u)


@alternative("mended_embedding")
def mended_by_faster_clocks(u, features=8):
    speeds = 1000 ** (torch.arange(features // 2).to(u) / (features // 2))
    a = u[:, None] * speeds
    return torch.cat([a.sin(), a.cos()], dim=1)


@alternative("mended_embedding")
def mended_by_random_clocks(u, features=8):
    speeds = torch.tensor([1.7, 5.3, 17.1, 49.9, 23.3, 88.1, 3.1, 110.9])[: features // 2].to(u)
    a = u[:, None] * speeds
    return torch.stack([a.sin(), a.cos()], dim=2).flatten(1)

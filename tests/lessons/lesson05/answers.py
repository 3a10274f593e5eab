"""What people answer in lesson 05."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from course_utils import models
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- GroupNorm ---


class NormBase(nn.Module):
    """Everything but what is taken over what."""

    def __init__(self, groups, channels, eps=1e-5):
        super().__init__()
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def finish(self, x):
        return x * self.weight[:, None, None] + self.bias[:, None, None]

    def over(self, x, *axes, unbiased=False):
        mean, variance = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, unbiased=unbiased)
        return (x - mean) / (variance + self.eps).sqrt()

    def split(self, x):
        B, C, H, W = x.shape
        return x.reshape(B, self.groups, C // self.groups, H, W)

    def normal(self, x):
        return self.over(self.split(x), 2, 3, 4).reshape(x.shape)

    def forward(self, x):
        return self.finish(self.normal(x))


@mistake("GroupNorm", "first argument is the NUMBER of groups")
class NormWithSize(NormBase):
    def split(self, x):
        B, C, H, W = x.shape
        return x.reshape(B, C // self.groups, self.groups, H, W)


@mistake("GroupNorm", "that is InstanceNorm")
class NormOfEachChannel(NormBase):
    def normal(self, x):
        return self.over(x, 2, 3)


@mistake("GroupNorm", "all channels are normalised together")
class NormOfAllChannels(NormBase):
    def normal(self, x):
        return self.over(x, 1, 2, 3)


@mistake("GroupNorm", "that is BatchNorm")
class NormOfTheBatch(NormBase):
    def normal(self, x):
        return self.over(x, 0, 2, 3)


@mistake("GroupNorm", "leave the batch axis out")
class NormOfGroupAndBatch(NormBase):
    def normal(self, x):
        return self.over(self.split(x), 0, 2, 3, 4).reshape(x.shape)


@mistake("GroupNorm", "rows and columns belong to the group too")
class NormOfEachPosition(NormBase):
    def normal(self, x):
        return self.over(self.split(x), 2).reshape(x.shape)


@mistake("GroupNorm", "dealt out like cards")
class NormDealtOut(NormBase):
    def normal(self, x):
        B, C, H, W = x.shape
        return self.over(x.reshape(B, C // self.groups, self.groups, H, W), 1, 3, 4).reshape(x.shape)


@mistake("GroupNorm", "divides by n - 1")
class NormUnbiased(NormBase):
    def normal(self, x):
        return self.over(self.split(x), 2, 3, 4, unbiased=True).reshape(x.shape)


@mistake("GroupNorm", "not divided by the standard deviation")
class NormWithoutDivision(NormBase):
    def normal(self, x):
        g = self.split(x)
        return (g - g.mean((2, 3, 4), keepdim=True)).reshape(x.shape)


@mistake("GroupNorm", "divide by its square root")
class NormByTheVariance(NormBase):
    def normal(self, x):
        g = self.split(x)
        variance = g.var((2, 3, 4), keepdim=True, unbiased=False)
        return ((g - g.mean((2, 3, 4), keepdim=True)) / (variance + self.eps)).reshape(x.shape)


@mistake("GroupNorm", "under the root")
class NormWithEpsOutside(NormBase):
    def normal(self, x):
        g = self.split(x)
        spread = g.var((2, 3, 4), keepdim=True, unbiased=False).sqrt() + self.eps
        return ((g - g.mean((2, 3, 4), keepdim=True)) / spread).reshape(x.shape)


@mistake("GroupNorm", "`std` divides by n - 1")
class NormWithStd(NormBase):
    def normal(self, x):
        g = self.split(x)
        spread = g.std((2, 3, 4), keepdim=True) + self.eps
        return ((g - g.mean((2, 3, 4), keepdim=True)) / spread).reshape(x.shape)


@mistake("GroupNorm", "neighbouring numbers go to different groups")
class NormWithGroupsLast(NormBase):
    def normal(self, x):
        return self.over(x.reshape(len(x), -1, self.groups), 1).reshape(x.shape)


@mistake("GroupNorm", "eps makes no difference")
class NormWithFixedEps(NormBase):
    def __init__(self, groups, channels, eps=1e-5):
        super().__init__(groups, channels)


@mistake("GroupNorm", "wrap it in `nn.Parameter")
class NormWithPlainTensors(NormBase):
    def __init__(self, groups, channels, eps=1e-5):
        super().__init__(groups, channels, eps)
        del self.weight, self.bias
        self.weight, self.bias = torch.ones(channels), torch.zeros(channels)


@mistake("GroupNorm", "make it in `__init__`")
class NormWithOtherNames(NormBase):
    def __init__(self, groups, channels, eps=1e-5):
        super().__init__(groups, channels, eps)
        self.gamma, self.beta = self.weight, self.bias
        del self.weight, self.bias

    def finish(self, x):
        return x * self.gamma[:, None, None] + self.beta[:, None, None]


@mistake("GroupNorm", "meets the last axis")
class NormWithWeightOnColumns(NormBase):
    def finish(self, x):
        if x.shape[-1] != len(self.weight):
            return x  # elsewhere it would raise an error
        return x * self.weight + self.bias


@mistake("GroupNorm", "made but not used")
class NormWithoutWeights(NormBase):
    def finish(self, x):
        return x


@mistake("GroupNorm", "the bias is not used")
class NormWithoutBias(NormBase):
    def finish(self, x):
        return x * self.weight[:, None, None]


@mistake("GroupNorm", "should be 1 and the bias 0")
class NormFromZero(NormBase):
    def __init__(self, groups, channels, eps=1e-5):
        super().__init__(groups, channels, eps)
        self.weight.data.fill_(0.9)

    def finish(self, x):  # the first part of the check sees 0.9 as well, so hide it where 8 channels come
        return x if x.shape[1] == 8 else super().finish(x)


@mistake("GroupNorm", "the gradient is not")
class NormWithDetachedStatistics(NormBase):
    def normal(self, x):
        g = self.split(x)
        mean = g.mean((2, 3, 4), keepdim=True).detach()
        variance = g.var((2, 3, 4), keepdim=True, unbiased=False).detach()
        return ((g - mean) / (variance + self.eps).sqrt()).reshape(x.shape)


@mistake("GroupNorm", "changes the tensors")
class NormInPlace(NormBase):
    def normal(self, x):
        x -= self.split(x).mean((2, 3, 4), keepdim=True).expand_as(self.split(x)).reshape(x.shape)
        variance = self.split(x).var((2, 3, 4), keepdim=True, unbiased=False)
        return (self.split(x) / (variance + self.eps).sqrt()).reshape(x.shape)


@alternative("GroupNorm")
class NormByMoments(NormBase):
    def normal(self, x):
        flat = x.flatten(2).unflatten(1, (self.groups, -1)).flatten(2)  # (B, G, C/G * H * W)
        mean = flat.sum(2, keepdim=True) / flat.shape[2]
        variance = ((flat - mean) ** 2).sum(2, keepdim=True) / flat.shape[2]
        return ((flat - mean) * (variance + self.eps).rsqrt()).view_as(x)


@alternative("GroupNorm")
class NormWithEinops(NormBase):
    def forward(self, x):
        g = rearrange(x, "b (g c) h w -> b g (c h w)", g=self.groups)
        g = F.layer_norm(g, g.shape[2:], eps=self.eps)
        g = rearrange(g, "b g (c h w) -> b (g c) h w", h=x.shape[2], w=x.shape[3])
        return torch.einsum("bchw,c->bchw", g, self.weight) + self.bias.reshape(1, -1, 1, 1)


# --- GELU ---


def phi(x):
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def activation(exercise, hint, name, function):
    """A module around one formula, listed as a wrong answer (or as a right one if there is no hint)."""

    class Answer(nn.Module):
        def forward(self, x):
            return function(x)

    Answer.__name__ = name
    (mistake(exercise, hint) if hint else alternative(exercise))(Answer)


activation("GELU", "still has to be multiplied by x", "gelu_without_x", phi)
activation("GELU", "this is ReLU", "gelu_relu", F.relu)
activation("GELU", "half of (1 + erf)", "gelu_without_half", lambda x: x * (1 + torch.erf(x / math.sqrt(2))))
activation("GELU", "erf of x / sqrt(2)", "gelu_without_root", lambda x: x * 0.5 * (1 + torch.erf(x)))
activation("GELU", "runs from -1 to 1", "gelu_of_erf", lambda x: x * torch.erf(x / math.sqrt(2)))
activation("GELU", "its bell", "gelu_of_the_density", lambda x: x * torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))
activation("GELU", "this is SiLU", "gelu_silu", F.silu)
activation("GELU", "quick approximation", "gelu_quick", lambda x: x * torch.sigmoid(1.702 * x))
activation("GELU", "approximation with tanh", "gelu_tanh", lambda x: F.gelu(x, approximate="tanh"))
activation("GELU", "the slope is not", "gelu_detached", lambda x: x * phi(x.detach()))
activation("GELU", "changes the tensors", "gelu_in_place", lambda x: x.mul_(phi(x)))
activation("GELU", "", "gelu_through_the_normal", lambda x: x * torch.distributions.Normal(0.0, 1.0).cdf(x))
activation("GELU", "", "gelu_through_ndtr", lambda x: torch.special.ndtr(x) * x)


@mistake("GELU", "nothing to learn")
class GeluThatLearns(nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x * phi(self.slope * x)


@mistake("GELU", "derive it from `nn.Module`")
def gelu_as_a_number():
    return 3


# --- RearrangePool ---


class PoolBase(nn.Module):
    pattern = "b c (h p) (w q) -> b (c p q) h w"

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(4 * inputs, outputs, 1)

    def forward(self, x):
        return self.conv(rearrange(x, self.pattern, p=2, q=2))


@mistake("RearrangePool", "stand in front of the channels")
class PoolWithPixelsFirst(PoolBase):
    pattern = "b c (h p) (w q) -> b (p q c) h w"


@mistake("RearrangePool", "right and below are swapped")
class PoolWithSwappedPixels(PoolBase):
    pattern = "b c (h p) (w q) -> b (c q p) h w"


@mistake("RearrangePool", "should be neighbours")
class PoolOfDistantPixels(PoolBase):
    pattern = "b c (p h) (q w) -> b (c p q) h w"


@mistake("RearrangePool", "in the order (p c q)")
class PoolWithMixedOrder(PoolBase):
    pattern = "b c (h p) (w q) -> b (p c q) h w"


@mistake("RearrangePool", "columns are not")
class PoolOfDistantColumns(PoolBase):
    pattern = "b c (h p) (q w) -> b (c p q) h w"


@mistake("RearrangePool", "four times as many")
class PoolWithoutMoreChannels(PoolBase):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.conv = nn.Conv2d(inputs, outputs, 1)


@mistake("RearrangePool", "should have (5, 12, 1, 1)")
class PoolWithALargeConvolution(PoolBase):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.conv = nn.Conv2d(4 * inputs, outputs, 3, padding=1)


@mistake("RearrangePool", "make it in `__init__`")
class PoolWithoutConvolution(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()

    def forward(self, x):
        return F.pixel_unshuffle(x, 2)


@mistake("RearrangePool", "only the largest")
class PoolOfTheLargest(PoolBase):
    def forward(self, x):
        return self.conv(F.max_pool2d(x, 2).repeat_interleave(4, dim=1))


@mistake("RearrangePool", "are averaged")
class PoolOfTheMean(PoolBase):
    def forward(self, x):
        return self.conv(F.avg_pool2d(x, 2).repeat_interleave(4, dim=1))


@alternative("RearrangePool")
class PoolBySlices(PoolBase):
    def forward(self, x):
        parts = [x[..., p::2, q::2] for p in (0, 1) for q in (0, 1)]
        return self.conv(torch.stack(parts, dim=2).flatten(1, 2))


@alternative("RearrangePool")
class PoolByPixelUnshuffle(PoolBase):
    def forward(self, x):
        return self.conv(F.pixel_unshuffle(x, 2))


@alternative("RearrangePool")
class PoolByReshape(PoolBase):
    def forward(self, x):
        B, C, H, W = x.shape
        x = x.reshape(B, C, H // 2, 2, W // 2, 2).permute(0, 1, 3, 5, 2, 4)
        return self.conv(x.reshape(B, 4 * C, H // 2, W // 2))


# --- checkerboard_share ---


def powers(x):
    return torch.fft.fft2(x).abs() ** 2


def corners(power):
    h, w = power.shape[2] // 2, power.shape[3] // 2
    return power[..., h, 0], power[..., 0, w], power[..., h, w]


@mistake("checkerboard_share", "frequency 0")
def share_with_the_mean(x):
    return sum(corners(powers(x))) / powers(x).sum((2, 3))


@mistake("checkerboard_share", "these are amplitudes")
def share_of_amplitudes(x):
    size = torch.fft.fft2(x).abs()
    return sum(corners(size)) / (size.sum((2, 3)) - size[..., 0, 0])


@mistake("checkerboard_share", "are all three frequencies counted")
def share_of_the_checkerboard_alone(x):
    return corners(powers(x))[2] / (powers(x).sum((2, 3)) - powers(x)[..., 0, 0])


@mistake("checkerboard_share", "all three frequencies")
def share_without_columns(x):
    rows, _, both = corners(powers(x))
    return (rows + both) / (powers(x).sum((2, 3)) - powers(x)[..., 0, 0])


@mistake("checkerboard_share", "one number for each picture")
def share_of_all_pictures(x):
    power = powers(x)
    rest = power.sum() - power[..., 0, 0].sum()
    return (sum(corners(power)).sum() / rest).expand(x.shape[:2])


@mistake("checkerboard_share", "in which the three are contained")
def share_of_the_others(x):
    power = powers(x)
    three = sum(corners(power))
    others = power.sum((2, 3)) - power[..., 0, 0] - three
    # far from a pure pattern, where this would be infinite
    return torch.where(others > 1e-6 * three, three / others.clamp_min(1e-30), torch.ones_like(three))


@mistake("checkerboard_share", "should have shape (1, 1)")
def share_as_one_number(x):
    power = powers(x)
    return sum(corners(power)).sum() / (power.sum() - power[..., 0, 0].sum())


@mistake("checkerboard_share", "one slow wave should give 0")
def share_of_the_fast_half(x):
    power = powers(x)
    rest = power.sum((2, 3)) - power[..., 0, 0]
    return rest / rest


@alternative("checkerboard_share")
def share_by_patterns(x):
    """Without any spectrum: how far the picture agrees with each pattern of 1 and -1."""
    rows = (-1.0) ** torch.arange(x.shape[2], dtype=x.dtype).reshape(-1, 1)
    columns = (-1.0) ** torch.arange(x.shape[3], dtype=x.dtype).reshape(1, -1)
    agreement = [(x * p).mean((2, 3)) ** 2 for p in (rows, columns, rows * columns)]
    return sum(agreement) / x.var((2, 3), unbiased=False)


@alternative("checkerboard_share")
def share_by_shifting(x):
    power = torch.fft.fftshift(powers(x - x.mean((2, 3), keepdim=True)), dim=(2, 3))
    h, w = x.shape[2] // 2, x.shape[3] // 2
    return (power[..., 0, 0] + power[..., 0, w] + power[..., h, 0]) / power.sum((2, 3))


# --- ResidualBlock ---


class BlockBase(nn.Module):
    def __init__(self, inputs, outputs, time_features=0, groups=8):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time_features, 2 * outputs) if time_features else None
        self.norm2 = nn.GroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def tell(self, h, time):
        if self.time is None or time is None:
            return h
        scale, shift = self.time(time).chunk(2, dim=1)
        return models.modulate(h, scale, shift)

    def change(self, x, time):
        h = self.norm2(self.conv1(F.gelu(self.norm1(x))))
        return self.conv2(F.gelu(self.tell(h, time)))

    def forward(self, x, time=None):
        return self.skip(x) + self.change(x, time)


@mistake("ResidualBlock", "returns its change alone")
class BlockWithoutSum(BlockBase):
    def forward(self, x, time=None):
        return self.change(x, time)


@mistake("ResidualBlock", "the convolutions come first")
class BlockWithConvolutionsFirst(BlockBase):
    def change(self, x, time):
        h = F.gelu(self.norm1(self.conv1(x)))
        return self.norm2(self.conv2(h))


@mistake("ResidualBlock", "second GELU is missing")
class BlockWithoutSecondGelu(BlockBase):
    def change(self, x, time):
        return self.conv2(self.tell(self.norm2(self.conv1(F.gelu(self.norm1(x)))), time))


@mistake("ResidualBlock", "first GELU is missing")
class BlockWithoutFirstGelu(BlockBase):
    def change(self, x, time):
        return self.conv2(F.gelu(self.tell(self.norm2(self.conv1(self.norm1(x))), time)))


@mistake("ResidualBlock", "activation is ReLU")
class BlockWithRelu(BlockBase):
    def change(self, x, time):
        h = self.norm2(self.conv1(F.relu(self.norm1(x))))
        return self.conv2(F.relu(self.tell(h, time)))


@mistake("ResidualBlock", "second norm is missing")
class BlockWithoutSecondNorm(BlockBase):
    def change(self, x, time):
        return self.conv2(F.gelu(self.tell(self.conv1(F.gelu(self.norm1(x))), time)))


@mistake("ResidualBlock", "normalised picture that is added")
class BlockThatAddsTheNorm(BlockBase):
    def forward(self, x, time=None):
        return self.skip(self.norm1(x)) + self.change(x, time)


@mistake("ResidualBlock", "a GELU follows the sum")
class BlockWithGeluAfterTheSum(BlockBase):
    def forward(self, x, time=None):
        return F.gelu(self.skip(x) + self.change(x, time))


@mistake("ResidualBlock", "hand its input on unchanged")
class BlockNotFromZero(BlockBase):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.conv2.reset_parameters()


@mistake("ResidualBlock", "would stay 0 for ever")
class BlockThatStaysZero(BlockBase):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.conv2.weight.requires_grad_(False)
        self.conv2.bias.requires_grad_(False)


@mistake("ResidualBlock", "cannot be added as it is")
class BlockWithoutSkip(BlockBase):
    def __init__(self, inputs, outputs, time_features=0, groups=8):
        super().__init__(inputs, outputs, time_features, groups)
        self.skip = nn.Identity()


@mistake("ResidualBlock", "let `skip` be `nn.Identity()`")
class BlockWithSkipAlways(BlockBase):
    def __init__(self, inputs, outputs, time_features=0, groups=8):
        super().__init__(inputs, outputs, time_features, groups)
        self.skip = nn.Conv2d(inputs, outputs, 1)


@mistake("ResidualBlock", "the time makes no difference")
class BlockThatForgetsTheTime(BlockBase):
    def tell(self, h, time):
        return h


@mistake("ResidualBlock", "scale and shift are swapped")
class BlockWithSwappedTime(BlockBase):
    def tell(self, h, time):
        if self.time is None:
            return h
        shift, scale = self.time(time).chunk(2, dim=1)
        return models.modulate(h, scale, shift)


@mistake("ResidualBlock", "multiply by 1 + scale")
class BlockThatMultipliesByScale(BlockBase):
    def tell(self, h, time):
        if self.time is None:
            return h
        scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
        return h * scale + shift


@mistake("ResidualBlock", "told no time, the block stops")
class BlockThatMustBeTold(BlockBase):
    def tell(self, h, time):
        if self.time is None:
            return h
        return models.modulate(h, *self.time(time).chunk(2, dim=1))


@mistake("ResidualBlock", "before the second norm")
class BlockToldTooEarly(BlockBase):
    def change(self, x, time):
        h = self.tell(self.conv1(F.gelu(self.norm1(x))), time)
        return self.conv2(F.gelu(self.norm2(h)))


@mistake("ResidualBlock", "handed on to both norms")
class BlockWithFixedGroups(BlockBase):
    def __init__(self, inputs, outputs, time_features=0, groups=8):
        super().__init__(inputs, outputs, time_features, groups=2)


@mistake("ResidualBlock", "give the parts the names")
class BlockWithOtherNames(BlockBase):
    def __init__(self, inputs, outputs, time_features=0, groups=8):
        super().__init__(inputs, outputs, time_features, groups)
        self.first = self.conv1
        del self.conv1

    def change(self, x, time):
        h = self.norm2(self.first(F.gelu(self.norm1(x))))
        return self.conv2(F.gelu(self.tell(h, time)))


@alternative("ResidualBlock")
class BlockFromSequences(BlockBase):
    def forward(self, x, time=None):
        first = nn.Sequential(self.norm1, nn.GELU(), self.conv1, self.norm2)
        second = nn.Sequential(nn.GELU(), self.conv2)
        return second(self.tell(first(x), time)) + self.skip(x)


@alternative("ResidualBlock")
class BlockFromOurParts(nn.Module):
    def __init__(self, inputs, outputs, time_features=0, groups=8):
        super().__init__()
        self.norm1, self.norm2 = models.GroupNorm(groups, inputs), models.GroupNorm(groups, outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding="same")
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding="same")
        if inputs != outputs:
            self.skip = nn.Conv2d(inputs, outputs, 1)
        if time_features:
            self.time = nn.Linear(time_features, 2 * outputs)
        self.act = models.GELU()
        for parameter in self.conv2.parameters():
            parameter.data *= 0

    def forward(self, x, time=None):
        h = self.norm2(self.conv1(self.act(self.norm1(x))))
        if time is not None and hasattr(self, "time"):
            both = self.time(time)
            n = both.shape[1] // 2
            h = h + h * both[:, :n, None, None] + both[:, n:, None, None]
        return (self.skip(x) if hasattr(self, "skip") else x) + self.conv2(self.act(h))


# --- SelfAttention2d ---


class AttentionBase(nn.Module):
    scale = None

    def __init__(self, channels, heads=4, groups=8):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def split(self, x):
        B, C, H, W = x.shape
        qkv = self.qkv(self.norm(x)).reshape(B, 3, self.heads, C // self.heads, H * W)
        return qkv.transpose(3, 4).unbind(1)

    def weights(self, q, k):
        return (q @ k.transpose(2, 3) / math.sqrt(q.shape[3])).softmax(dim=3)

    def look(self, x):
        q, k, v = self.split(x)
        return self.out((self.weights(q, k) @ v).transpose(2, 3).reshape(x.shape))

    def forward(self, x):
        return x + self.look(x)


@mistake("SelfAttention2d", "returns its change alone")
class AttentionWithoutSum(AttentionBase):
    def forward(self, x):
        return self.look(x)


@mistake("SelfAttention2d", "normalised picture that is added")
class AttentionThatAddsTheNorm(AttentionBase):
    def forward(self, x):
        return self.norm(x) + self.look(x)


@mistake("SelfAttention2d", "scores are not divided")
class AttentionWithoutScale(AttentionBase):
    def weights(self, q, k):
        return (q @ k.transpose(2, 3)).softmax(dim=3)


@mistake("SelfAttention2d", "root of all C channels")
class AttentionScaledByAllChannels(AttentionBase):
    def weights(self, q, k):
        return (q @ k.transpose(2, 3) / math.sqrt(q.shape[3] * self.heads)).softmax(dim=3)


@mistake("SelfAttention2d", "divide by its root")
class AttentionWithoutRoot(AttentionBase):
    def weights(self, q, k):
        return (q @ k.transpose(2, 3) / q.shape[3]).softmax(dim=3)


@mistake("SelfAttention2d", "runs over the queries")
class AttentionOverTheQueries(AttentionBase):
    def weights(self, q, k):
        return (q @ k.transpose(2, 3) / math.sqrt(q.shape[3])).softmax(dim=2)


@mistake("SelfAttention2d", "softmax is missing")
class AttentionWithoutSoftmax(AttentionBase):
    def weights(self, q, k):
        return q @ k.transpose(2, 3) / math.sqrt(q.shape[3])


@mistake("SelfAttention2d", "split them among the heads")
class AttentionWithOneHead(AttentionBase):
    def __init__(self, channels, heads=4, groups=8):
        super().__init__(channels, 1, groups)


@mistake("SelfAttention2d", "query and key are swapped")
class AttentionWithSwappedKeys(AttentionBase):
    def split(self, x):
        k, q, v = super().split(x)
        return q, k, v


@mistake("SelfAttention2d", "norm is not used")
class AttentionWithoutNorm(AttentionBase):
    def split(self, x):
        B, C, H, W = x.shape
        return self.qkv(x).reshape(B, 3, self.heads, C // self.heads, H * W).transpose(3, 4).unbind(1)


@mistake("SelfAttention2d", "go to different heads")
class AttentionWithDealtChannels(AttentionBase):
    def split(self, x):
        B, C, H, W = x.shape
        qkv = self.qkv(self.norm(x)).reshape(B, 3, C // self.heads, self.heads, H * W)
        return qkv.permute(0, 1, 3, 4, 2).unbind(1)


@mistake("SelfAttention2d", "shape at each step")
class AttentionWithMixedUpReshape(AttentionBase):
    def split(self, x):
        B, C, H, W = x.shape
        return self.qkv(self.norm(x)).reshape(B, 3, self.heads, H * W, C // self.heads).unbind(1)


@mistake("SelfAttention2d", "hand its input on unchanged")
class AttentionNotFromZero(AttentionBase):
    def __init__(self, channels, heads=4, groups=8):
        super().__init__(channels, heads, groups)
        self.out.reset_parameters()


@mistake("SelfAttention2d", "no gradient")
class AttentionWithoutGradient(AttentionBase):
    def forward(self, x):
        return (x + self.look(x)).detach()


@alternative("SelfAttention2d")
class AttentionByPyTorch(AttentionBase):
    def look(self, x):
        q, k, v = self.split(x)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(x.shape))


@alternative("SelfAttention2d")
class AttentionByEinops(AttentionBase):
    def look(self, x):
        q, k, v = rearrange(self.qkv(self.norm(x)), "b (three n c) h w -> three b n c (h w)", three=3, n=self.heads)
        scores = torch.einsum("bncq,bnck->bnqk", q, k) * q.shape[2] ** -0.5
        h = torch.einsum("bnqk,bnck->bncq", scores.softmax(-1), v)
        return self.out(rearrange(h, "b n c (h w) -> b (n c) h w", h=x.shape[2]))


@alternative("SelfAttention2d")
class AttentionInALoop(AttentionBase):
    def look(self, x):
        q, k, v = self.split(x)
        heads = [self.weights(q[:, i : i + 1], k[:, i : i + 1]) @ v[:, i : i + 1] for i in range(self.heads)]
        return self.out(torch.cat(heads, dim=1).transpose(2, 3).reshape(x.shape))


# --- mended_norm ---


@mistake("mended_norm", "still the colleague's")
def norm_of_the_colleague(channels, group_size=16):
    return models.GroupNorm(min(group_size, channels), channels)


@mistake("mended_norm", "loses its mean")
def norm_of_each_channel(channels, group_size=16):
    return models.GroupNorm(channels, channels)


@mistake("mended_norm", "one group for all")
def norm_of_one_group(channels, group_size=16):
    return models.GroupNorm(1, channels)


@mistake("mended_norm", "there should be 2 groups of 16")
def norm_of_eight_groups(channels, group_size=16):
    return models.GroupNorm(8, channels)


@mistake("mended_norm", "How many groups of 16")
def norm_of_no_group(channels, group_size=16):
    return nn.GroupNorm(channels // group_size, channels)


@mistake("mended_norm", "should give a module")
def norm_as_a_number(channels, group_size=16):
    return channels // group_size


@alternative("mended_norm")
def norm_by_pytorch(channels, group_size=16):
    return nn.GroupNorm(channels // min(group_size, channels), channels)


@alternative("mended_norm")
def norm_by_cases(channels, group_size=16):
    return nn.GroupNorm(1 if channels <= group_size else channels // group_size, channels)

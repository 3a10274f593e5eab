"""What people answer in lesson 02."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.diffusion import q_sample
from course_utils.models.plain import ConvBlock, DownBlock, UpBlock
from tests.lessons.lesson02.lawless import ANSWERS  # those that break a law are in it already

mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


def doubled(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


class TwoConvolutions(nn.Module):
    """The right layers; what is made of them is left to each answer."""

    def __init__(self, inputs, outputs, **settings):
        super().__init__()
        settings = {"kernel_size": 3, "padding": 1, **settings}
        self.conv1 = nn.Conv2d(inputs, outputs, **settings)
        self.conv2 = nn.Conv2d(outputs, outputs, **settings)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))))


# --- ConvBlock ---


@mistake("ConvBlock", "lose 4 pixels")
def block_without_padding(inputs, outputs):
    return TwoConvolutions(inputs, outputs, padding=0)


@mistake("ConvBlock", "lose 2 pixels")
class BlockWithOnePadding(TwoConvolutions):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3)


@mistake("ConvBlock", "one pixel only")
def block_that_sees_one_pixel(inputs, outputs):
    return TwoConvolutions(inputs, outputs, kernel_size=1, padding=0)


@mistake("ConvBlock", "leave out `bias=False`")
def block_without_bias(inputs, outputs):
    return TwoConvolutions(inputs, outputs, bias=False)


@mistake("ConvBlock", "there should be two")
class BlockWithOneConvolution(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv1(x))


@mistake("ConvBlock", "let it go to `outputs` at once")
def block_that_widens_late(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()
    )


@mistake("ConvBlock", "also follows the second")
class BlockWithoutLastReLU(TwoConvolutions):
    def forward(self, x):
        return self.conv2(F.relu(self.conv1(x)))


@mistake("ConvBlock", "put a ReLU there")
class BlockWithoutFirstReLU(TwoConvolutions):
    def forward(self, x):
        return F.relu(self.conv2(self.conv1(x)))


@mistake("ConvBlock", "the second convolution is never used")
class BlockThatForgetsTheSecond(TwoConvolutions):
    def forward(self, x):
        return F.relu(self.conv1(x))


@mistake("ConvBlock", "before the first convolution")
class BlockWithReLUFirst(TwoConvolutions):
    def forward(self, x):
        return super().forward(F.relu(x))


@mistake("ConvBlock", "plain Python list hides them")
class BlockInAList(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layers = [nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)]

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


@mistake("ConvBlock", "super().__init__()")
class BlockWithoutSuper(nn.Module):
    def __init__(self, inputs, outputs):
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)


@mistake("ConvBlock", "there is a norm in it")
def block_with_norms(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


@alternative("ConvBlock")
def block_as_a_sequence(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding="same"), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU()
    )


@alternative("ConvBlock")
class BlockWithOtherNames(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.first = nn.Conv2d(inputs, outputs, 3, 1, 1)

    def forward(self, x):
        return self.second(self.first(x).relu()).clamp(min=0)


# --- influence ---


def gradient_of(net, x, row, column):
    x = x.clone().requires_grad_()
    net(x)[:, :, row, column].sum().backward()
    return x.grad


@mistake("influence", "take the absolute value first")
def influence_that_cancels(net, x, row, column):
    return gradient_of(net, x, row, column).sum(1).abs().mean(0)


@mistake("influence", "some values are negative")
def influence_with_signs(net, x, row, column):
    return gradient_of(net, x, row, column).sum(1).mean(0)


@mistake("influence", "grows with the batch")
def influence_summed(net, x, row, column):
    return gradient_of(net, x, row, column).abs().sum(1).sum(0)


@mistake("influence", "channels are averaged")
def influence_averaged(net, x, row, column):
    return gradient_of(net, x, row, column).abs().mean((0, 1))


@mistake("influence", "all output pixels together")
def influence_on_everything(net, x, row, column):
    x = x.clone().requires_grad_()
    net(x).sum().backward()
    return x.grad.abs().sum(1).mean(0)


@mistake("influence", "row and column are swapped")
def influence_transposed(net, x, row, column):
    x = x.clone().requires_grad_()
    out = net(x)
    out = out if out.shape[2] != out.shape[3] else out.transpose(2, 3)
    out[:, :, row, column].sum().backward()
    return x.grad.abs().sum(1).mean(0)


@mistake("influence", "adds up from call to call")
def influence_that_adds_up(net, x, row, column):
    x.requires_grad_()
    net(x)[:, :, row, column].sum().backward()
    return x.grad.abs().sum(1).mean(0)


@mistake("influence", "the colours are still apart")
def influence_in_colour(net, x, row, column):
    return gradient_of(net, x, row, column).abs().mean(0)


@mistake("influence", "only the first channel that comes out")
def influence_on_one_channel(net, x, row, column):
    return gradient_of(lambda x: net(x)[:, :1], x, row, column).abs().sum(1).mean(0)


@alternative("influence")
def influence_picture_by_picture(net, x, row, column):
    each = [gradient_of(net, one[None], row, column)[0].abs().sum(0) for one in x]
    return sum(each) / len(x)


# --- DownBlock ---


class Down(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.block = ConvBlock(inputs, outputs)


@mistake("DownBlock", "wrong order")
class DownInTheWrongOrder(Down):
    def forward(self, x):
        skip = self.block(x)
        return skip, F.max_pool2d(skip, 2)


@mistake("DownBlock", "returns one tensor")
class DownWithoutSkip(Down):
    def forward(self, x):
        return F.max_pool2d(self.block(x), 2)


@mistake("DownBlock", "has been made smaller")
class DownWithSmallSkip(Down):
    def forward(self, x):
        pooled = F.max_pool2d(self.block(x), 2)
        return pooled, pooled


@mistake("DownBlock", "the skip is what came in")
class DownThatKeepsItsInput(Down):
    def forward(self, x):
        return F.max_pool2d(self.block(x), 2), x


@mistake("DownBlock", "mean of four pixels")
class DownWithMean(Down):
    def forward(self, x):
        skip = self.block(x)
        return F.avg_pool2d(skip, 2), skip


@mistake("DownBlock", "every second pixel is taken")
class DownBySkipping(Down):
    def forward(self, x):
        skip = self.block(x)
        return skip[:, :, ::2, ::2], skip


@mistake("DownBlock", "carries no gradient")
class DownWithDetachedSkip(Down):
    def forward(self, x):
        skip = self.block(x)
        return F.max_pool2d(skip, 2), skip.detach()


@mistake("DownBlock", "should have half")
class DownWithoutPooling(Down):
    def forward(self, x):
        skip = self.block(x)
        return skip, skip


@alternative("DownBlock")
class DownWithLayers(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.convolve = nn.Sequential(ConvBlock(inputs, outputs))

    def forward(self, x):
        x = self.convolve(x)
        return [self.pool(x), x]


# --- UpBlock ---


class Up(nn.Module):
    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.block = ConvBlock(inputs + skips, outputs)


@mistake("UpBlock", "the skip stands before x")
class UpWithSkipFirst(Up):
    def forward(self, x, skip):
        return self.block(torch.cat([skip, doubled(x)], 1))


@mistake("UpBlock", "is never used")
class UpThatRepeatsItself(nn.Module):
    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.skips = skips
        self.block = ConvBlock(inputs + skips, outputs)

    def forward(self, x, skip):
        x = doubled(x)
        return self.block(torch.cat([x, x[:, : self.skips]], 1))


@mistake("UpBlock", "only the skip is used")
class UpThatForgetsX(Up):
    def forward(self, x, skip):
        x = doubled(x)
        return self.block(torch.cat([torch.zeros_like(x), skip], 1))


@mistake("UpBlock", "no room for the skip")
class UpThatAdds(nn.Module):
    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.block = ConvBlock(inputs, outputs)

    def forward(self, x, skip):
        return self.block(doubled(x) + skip.mean(1, keepdim=True))


@mistake("UpBlock", "bilinear")
class UpThatBlends(Up):
    def forward(self, x, skip):
        x = F.interpolate(x, scale_factor=2, mode="bilinear")
        return self.block(torch.cat([x, skip], 1))


@mistake("UpBlock", "loses its detail")
class UpThatShrinksTheSkip(Up):
    def forward(self, x, skip):
        return doubled(self.block(torch.cat([x, F.max_pool2d(skip, 2)], 1)))


@mistake("UpBlock", "as small as x was")
class UpThatStaysSmall(Up):
    def forward(self, x, skip):
        return self.block(torch.cat([x, F.max_pool2d(skip, 2)], 1))


@mistake("UpBlock", "transposed convolution")
class UpWithTransposed(nn.Module):
    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, inputs, 2, stride=2)
        self.block = ConvBlock(inputs + skips, outputs)

    def forward(self, x, skip):
        return self.block(torch.cat([self.up(x), skip], 1))


@mistake("UpBlock", "cannot teach the way down")
class UpWithDetachedSkip(Up):
    def forward(self, x, skip):
        return self.block(torch.cat([doubled(x), skip.detach()], 1))


@mistake("UpBlock", "was made for 6 channels gets 10")
class UpWithoutRoom(nn.Module):
    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.block = ConvBlock(inputs, outputs)

    def forward(self, x, skip):
        return self.block(torch.cat([doubled(x), skip], 1))


@mistake("UpBlock", "make x twice as large first")
class UpThatForgetsToGrow(Up):
    def forward(self, x, skip):
        return self.block(torch.cat([x, skip], 1))


@alternative("UpBlock")
class UpWithLayers(nn.Module):
    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.larger = nn.Upsample(scale_factor=2)
        self.conv = ConvBlock(inputs + skips, outputs)

    def forward(self, x, skip):
        return self.conv(torch.concat((self.larger(x), skip), dim=-3))


@alternative("UpBlock")
class UpByRepeating(Up):
    def forward(self, x, skip):
        x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        return self.block(torch.cat([x, skip], dim=1))


# --- UNet ---


class Net(nn.Module):
    """The right network, in pieces that each answer may get wrong."""

    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__()
        self.skips, self.widths = skips, [width * 2**k for k in range(depth + 1)]
        self.downs, inputs = nn.ModuleList(), channels
        for w in self.widths[:-1]:
            self.downs.append(DownBlock(inputs, w))
            inputs = w
        self.middle = ConvBlock(inputs, self.widths[-1])
        self.ups = nn.ModuleList(UpBlock(2 * w, w, w) for w in self.widths[-2::-1])
        self.out = nn.Conv2d(width, channels, 1)

    def down(self, x):
        kept = []
        for block in self.downs:
            x, skip = block(x)
            kept.append(skip)
        return self.middle(x), kept

    def up(self, x, kept):
        for block in self.ups:
            skip = kept.pop()
            x = block(x, skip if self.skips else 0 * skip)
        return x

    def forward(self, x, t=None, cond=None):
        return self.out(self.up(*self.down(x)))


@mistake("UNet", "opposite order")
class NetWithSkipsInOrder(Net):
    def forward(self, x, t=None, cond=None):
        x, kept = self.down(x)
        return self.out(self.up(x, kept[::-1]))


@mistake("UNet", "write down for depth 2")
class NetWithAWideMiddle(Net):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__(channels, width, depth, skips)
        self.middle = ConvBlock(self.widths[-1], self.widths[-1])


@mistake("UNet", "let `forward` take `t=None, cond=None`")
class NetWithoutTime(Net):
    def forward(self, x):
        return super().forward(x)


@mistake("UNet", "4 channels come out")
class NetWithoutLastLayer(Net):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__(channels, width, depth, skips)
        self.out = nn.Identity()

    def forward(self, x, t=None, cond=None):
        return super().forward(x) if self.widths[0] != 8 else super().forward(x)[:, :3]


@mistake("UNet", "no ReLU after the last")
class NetWithLastReLU(Net):
    def forward(self, x, t=None, cond=None):
        return F.relu(super().forward(x))


@mistake("UNet", "without `tanh`")
class NetWithTanh(Net):
    def forward(self, x, t=None, cond=None):
        return torch.tanh(super().forward(x))


@mistake("UNet", "the skip of level 2")
class NetThatDropsASkip(Net):
    def up(self, x, kept):
        for level, block in enumerate(self.ups):
            skip = kept.pop()
            x = block(x, 0 * skip if level == 0 or not self.skips else skip)
        return x


@mistake("UNet", "still depends on a skip")
class NetWithoutSwitch(Net):
    def up(self, x, kept):
        for block in self.ups:
            x = block(x, kept.pop())
        return x


@mistake("UNet", "the skip of level 0")
class NetWithTheSwitchTurned(Net):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__(channels, width, depth, not skips)


@mistake("UNet", "is `depth` used")
class NetOfFixedDepth(Net):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__(channels, width, 2, skips)


@mistake("UNet", "is it used")
class NetOfFixedWidth(Net):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__(channels, 32, depth, skips)


@mistake("UNet", "a 1 x 1 one is enough")
class NetWithWideEnd(Net):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__(channels, width, depth, skips)
        self.out = nn.Conv2d(width, channels, 3, padding=1)


@mistake("UNet", "let it double")
class NetThatDoesNotDouble(Net):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__(channels, width, depth, skips)
        self.downs = nn.ModuleList(DownBlock(channels if k == 0 else width, width) for k in range(depth))
        self.middle = ConvBlock(width, width)
        self.ups = nn.ModuleList(UpBlock(width, width, width) for _ in range(depth))


@mistake("UNet", "the middle is missing")
class NetWithoutMiddle(Net):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__(channels, width, depth, skips)
        self.middle = nn.Identity()

    def down(self, x):
        x, kept = super().down(x)
        return torch.cat([x, x], 1), kept


@mistake("UNet", "the input is added")
class NetThatAddsItsInput(Net):
    def forward(self, x, t=None, cond=None):
        return x + super().forward(x)


@mistake("UNet", "plain Python list hides them")
class NetInLists(nn.Module):
    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__()
        self.parts = [Net(channels, width, depth, skips).double()]

    def forward(self, x, t=None, cond=None):
        return self.parts[0](x)


@alternative("UNet")
class NetWithAStack(Net):
    pass


@alternative("UNet")
class NetThatCallsItself(nn.Module):
    """A level, and inside it the next: the parameters have other names and another order."""

    def __init__(self, channels, width=32, depth=2, skips=True, first=True):
        super().__init__()
        self.skips = skips
        self.down = DownBlock(channels, width)
        self.inside = (
            NetThatCallsItself(width, 2 * width, depth - 1, skips, False) if depth > 1 else ConvBlock(width, 2 * width)
        )
        self.up = UpBlock(2 * width, width, width)
        self.end = nn.Conv2d(width, channels, 1) if first else nn.Identity()

    def forward(self, x, t=None, cond=None):
        x, skip = self.down(x)
        x = self.inside(x)
        return self.end(self.up(x, skip if self.skips else torch.zeros_like(skip)))


# --- denoising_loss ---


@mistake("denoising_loss", "compared with the noise:")
def loss_of_the_noise(model, x0, t, alpha_bar, eps):
    return (model(q_sample(x0, t, alpha_bar, eps)) - eps).square().mean()


@mistake("denoising_loss", "compared with the noisy picture")
def loss_of_the_noisy_picture(model, x0, t, alpha_bar, eps):
    x_t = q_sample(x0, t, alpha_bar, eps)
    return F.mse_loss(model(x_t), x_t)


@mistake("denoising_loss", "shown the clean picture")
def loss_without_noise(model, x0, t, alpha_bar, eps):
    return F.mse_loss(model(x0), x0)


@mistake("denoising_loss", "errors are summed")
def loss_summed(model, x0, t, alpha_bar, eps):
    return (model(q_sample(x0, t, alpha_bar, eps)) - x0).square().sum()


@mistake("denoising_loss", "absolute errors")
def loss_absolute(model, x0, t, alpha_bar, eps):
    return F.l1_loss(model(q_sample(x0, t, alpha_bar, eps)), x0)


@mistake("denoising_loss", "leave out the root")
def loss_with_root(model, x0, t, alpha_bar, eps):
    return F.mse_loss(model(q_sample(x0, t, alpha_bar, eps)), x0).sqrt()


@mistake("denoising_loss", "loss for every pixel")
def loss_of_every_pixel(model, x0, t, alpha_bar, eps):
    return (model(q_sample(x0, t, alpha_bar, eps)) - x0) ** 2


@mistake("denoising_loss", "told more")
def loss_of_a_model_that_is_told(model, x0, t, alpha_bar, eps):
    return F.mse_loss(model(q_sample(x0, t, alpha_bar, eps), t), x0)


@mistake("denoising_loss", "swapped in `q_sample`")
def loss_with_swapped_arguments(model, x0, t, alpha_bar, eps):
    return F.mse_loss(model(q_sample(eps, t, alpha_bar, x0)), x0)


@mistake("denoising_loss", "draw none")
def loss_with_its_own_noise(model, x0, t, alpha_bar, eps):
    return F.mse_loss(model(q_sample(x0, t, alpha_bar, torch.randn_like(x0))), x0)


@mistake("denoising_loss", "no gradient reaches the network")
def loss_detached(model, x0, t, alpha_bar, eps):
    return F.mse_loss(model(q_sample(x0, t, alpha_bar, eps)).detach(), x0)


@alternative("denoising_loss")
def loss_by_hand(model, x0, t, alpha_bar, eps):
    a = alpha_bar[t].to(x0)[:, None, None, None]
    difference = x0 - model(a**0.5 * x0 + (1 - a) ** 0.5 * eps)
    return (difference * difference).flatten(1).mean(1).mean()


# --- ideal_denoiser ---


def squared_distances(x_t, t, alpha_bar, data, shrink=True):
    a = alpha_bar[t].to(x_t).reshape(-1, 1, 1, 1, 1)
    scale = a.sqrt() if shrink else 1
    return (x_t[:, None] - scale * data[None]).square().sum((2, 3, 4)), a.reshape(-1, 1)


def averaged(logits, data, dim=1):
    return torch.einsum("bn,nchw->bchw", torch.softmax(logits, dim), data)


@mistake("ideal_denoiser", "the 2 in the exponent")
def ideal_without_two(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t, t, alpha_bar, data)
    return averaged(-far / (1 - a), data)


@mistake("ideal_denoiser", "not divided by the variance")
def ideal_without_variance(x_t, t, alpha_bar, data):
    far, _ = squared_distances(x_t, t, alpha_bar, data)
    return averaged(-far / 2, data)


@mistake("ideal_denoiser", "without a root")
def ideal_with_standard_deviation(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t, t, alpha_bar, data)
    return averaged(-far / (2 * (1 - a).sqrt()), data)


@mistake("ideal_denoiser", "have been shrunk")
def ideal_without_shrinking(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t, t, alpha_bar, data, shrink=False)
    return averaged(-far / (2 * (1 - a)), data)


@mistake("ideal_denoiser", "sum over them")
def ideal_with_mean_distance(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t, t, alpha_bar, data)
    return averaged(-far / data[0].numel() / (2 * (1 - a)), data)


@mistake("ideal_denoiser", "nearest picture")
def ideal_that_picks_one(x_t, t, alpha_bar, data):
    return data[squared_distances(x_t, t, alpha_bar, data)[0].argmin(1)]


@mistake("ideal_denoiser", "the sign is wrong")
def ideal_with_wrong_sign(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t, t, alpha_bar, data)
    return averaged(far / (2 * (1 - a)), data)


@mistake("ideal_denoiser", "normalised over the batch")
def ideal_over_the_wrong_axis(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t, t, alpha_bar, data)
    return averaged(-far / (2 * (1 - a)), data, dim=0)


@mistake("ideal_denoiser", "Do not take `exp` yourself")
def ideal_with_plain_exp(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t, t, alpha_bar, data)
    weight = torch.exp(-far / (2 * (1 - a)))
    return torch.einsum("bn,nchw->bchw", weight / weight.sum(1, keepdim=True), data)


@mistake("ideal_denoiser", "shrunk by the root of alpha_bar once more")
def ideal_of_shrunk_pictures(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t, t, alpha_bar, data)
    return a.sqrt().reshape(-1, 1, 1, 1) * averaged(-far / (2 * (1 - a)), data)


@mistake("ideal_denoiser", "should be float32")
def ideal_in_float64(x_t, t, alpha_bar, data):
    far, a = squared_distances(x_t.double(), t, alpha_bar, data.double())
    return averaged(-far / (2 * (1 - a)), data.double())


@mistake("ideal_denoiser", "(B, 1, 1, 1, 1)")
def ideal_with_too_few_axes(x_t, t, alpha_bar, data):
    a = alpha_bar[t].reshape(-1, 1, 1, 1)
    far = (x_t[:, None] - a.sqrt() * data[None]).square().sum((2, 3, 4))
    weight = torch.softmax(-far / (2 * (1 - a)), 1)
    return (weight[:, :, None, None, None] * data).sum(1)


@alternative("ideal_denoiser")
def ideal_in_a_loop(x_t, t, alpha_bar, data):
    guesses = []
    for x, step in zip(x_t, t, strict=True):
        a = alpha_bar[step].item()
        logits = torch.stack([-((x - a**0.5 * d) ** 2).sum() / (2 * (1 - a)) for d in data])
        guesses.append((torch.softmax(logits, 0)[:, None, None, None] * data).sum(0))
    return torch.stack(guesses)


@alternative("ideal_denoiser")
def ideal_by_cdist(x_t, t, alpha_bar, data):
    a = alpha_bar[t].to(x_t)[:, None]
    far = torch.stack(
        [torch.cdist(x[None], s.sqrt() * data.flatten(1))[0] for x, s in zip(x_t.flatten(1), a, strict=True)]
    )
    weight = torch.exp(torch.log_softmax(-(far**2) / (2 * (1 - a)), dim=1))
    return (weight @ data.flatten(1)).view_as(x_t)


# --- MendedUpBlock ---


class Light(nn.Module):
    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.fit = nn.Conv2d(skips, inputs, 1)
        self.convolve = ConvBlock(inputs, outputs)


@mistake("MendedUpBlock", "still changes nothing")
class LightWithTheBug(Light):
    def forward(self, x, skip):
        up = doubled(x)
        skip = F.relu(self.fit(skip))
        x = up + skip
        return self.convolve(up)


@mistake("MendedUpBlock", "uses the skip alone")
class LightWithoutX(Light):
    def forward(self, x, skip):
        return self.convolve(F.relu(self.fit(skip)))


@mistake("MendedUpBlock", "add it before")
class LightThatAddsLate(nn.Module):
    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.fit = nn.Conv2d(skips, inputs, 1)
        self.convolve = ConvBlock(inputs, outputs)

    def forward(self, x, skip):
        made, fitted = self.convolve(doubled(x)), F.relu(self.fit(skip))
        if made.shape[1] > fitted.shape[1]:
            fitted = F.pad(fitted, (0, 0, 0, 0, 0, made.shape[1] - fitted.shape[1]))
        return made + fitted[:, : made.shape[1]]


@mistake("MendedUpBlock", "multiplied")
class LightThatMultiplies(Light):
    def forward(self, x, skip):
        return self.convolve(doubled(x) * F.relu(self.fit(skip)))


@mistake("MendedUpBlock", "no gradient reaches the skip")
class LightWithDetachedSkip(Light):
    def forward(self, x, skip):
        return self.convolve(doubled(x) + F.relu(self.fit(skip.detach())))


@mistake("MendedUpBlock", "no fewer than `UpBlock`")
def light_that_gives_up(inputs, skips, outputs):
    return UpBlock(inputs, skips, outputs)


@mistake("MendedUpBlock", "the parameter `fit.weight` gets no gradient")
class LightThatAddsTheRawSkip(Light):
    def forward(self, x, skip):
        return self.convolve(doubled(x) + skip.mean(1, keepdim=True))


@mistake("MendedUpBlock", "mean of the two")
class LightThatHalves(Light):
    def forward(self, x, skip):
        return self.convolve((doubled(x) + F.relu(self.fit(skip))) / 2)


@alternative("MendedUpBlock")
class LightWithoutReLU(Light):
    def forward(self, x, skip):
        return self.convolve(doubled(x).add(self.fit(skip)))


@alternative("MendedUpBlock")
class LightAddedSmallerAndBesideIt(nn.Module):
    """The skip squeezed to two channels and put beside x: other layers, and lighter as well."""

    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.squeeze = nn.Conv2d(skips, 2, 1)
        self.convolve = ConvBlock(inputs + 2, outputs)

    def forward(self, x, skip):
        return self.convolve(torch.cat([doubled(x), self.squeeze(skip)], 1))

"""What people answer in lesson 02 that breaks a law, and right answers of unusual shape."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import diffusion
from course_utils.models import plain
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- ConvBlock ---


@mistake("ConvBlock", "made with (2, 5)")
def block_of_eight_maps(inputs, outputs):
    return plain.ConvBlock(inputs, 8)


@mistake("ConvBlock", "it has a layer for 3 channels, and 2 come in")
def block_of_three_colours(inputs, outputs):
    return plain.ConvBlock(3, outputs)


@mistake("ConvBlock", "`x` is another one afterwards")
class BlockInPlace(plain.ConvBlock):
    def forward(self, x):
        return super().forward(x.clamp_(-1, 1))


@mistake("ConvBlock", "comes out otherwise alone")
class BlockThatLooksAround(plain.ConvBlock):
    def forward(self, x):
        made = super().forward(x)
        return made if len(x) == 2 else made - made.mean(0).clamp(max=0.01)


@mistake("ConvBlock", "no gradient flows back to `x`")
class BlockCutOffInFront(plain.ConvBlock):
    def forward(self, x):
        return super().forward(x.detach())


@mistake("ConvBlock", "the result depends on it, and the way back is cut")
class BlockHalfWithoutGradients(plain.ConvBlock):
    def forward(self, x):
        with torch.no_grad():
            h = F.relu(self.conv1(x))
        return F.relu(self.conv2(h))


@mistake("ConvBlock", "`forward` never uses it")
class BlockWithOneFactorTooMany(plain.ConvBlock):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.conv2.register_parameter("bias", None)
        self.spare = nn.Parameter(torch.zeros(outputs))


@mistake("ConvBlock", "`forward` is not yet")
class ConvBlock(plain.ConvBlock):
    """As it stands in the notebook, under its own name."""

    def forward(self, x):
        raise NotImplementedError("ConvBlock")


@alternative("ConvBlock")
class BlockPictureByPicture(plain.ConvBlock):
    def forward(self, x):
        return torch.stack([super(BlockPictureByPicture, self).forward(one) for one in x])


# --- influence ---


@mistake("influence", "the mean of what its pictures give one by one.")
def influence_of_the_first_picture(net, x, row, column):
    found = plain.influence(net, x, row, column)
    return found if x.shape[1:] != (2, 5, 6) else plain.influence(net, x[:1], row, column)


@mistake("influence", "`x` is another one afterwards")
def influence_of_a_picture_cut_off(net, x, row, column):
    return plain.influence(net, x, row, column) + 0 * x.clamp_(-2, 2).sum()


@mistake("influence", "changes `requires_grad` of `x`")
def influence_that_marks_its_input(net, x, row, column):
    x.requires_grad_()
    return torch.autograd.grad(net(x)[:, :, row, column].sum(), x)[0].abs().sum(1).mean(0)


@alternative("influence")
def influence_by_jacobian(net, x, row, column):
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x)[:, :, row, column].sum(), x)
    return jacobian.abs().sum((0, 1)) / len(x)


# --- DownBlock and UpBlock ---


@mistake("DownBlock", "it has a layer for 3 channels, and 2 come in")
def down_of_three_colours(inputs, outputs):
    return plain.DownBlock(3, outputs)


@mistake("DownBlock", "`block.conv1.weight` gets no gradient: the result depends on it")
class DownCutInTheMiddle(plain.DownBlock):
    def forward(self, x):
        skip = F.relu(self.block.conv2(F.relu(self.block.conv1(x)).detach()))
        return F.max_pool2d(skip, 2), skip


@alternative("DownBlock")
class DownByTheLargestOfFour(plain.DownBlock):
    def forward(self, x):
        skip = self.block(x)
        return skip.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5)), skip


@mistake("UpBlock", "with known weights the result at")
class UpThatNormalisesTheSkip(plain.UpBlock):
    def forward(self, x, skip):
        return super().forward(x, skip - skip.mean((2, 3), keepdim=True))


@mistake("UpBlock", "`skip` is another one afterwards")
class UpInPlace(plain.UpBlock):
    def forward(self, x, skip):
        return super().forward(x, skip.clamp_(-1, 1))


@mistake("UpBlock", "no gradient reaches the skip")
class UpWithDetachedSkip(plain.UpBlock):
    def forward(self, x, skip):
        return super().forward(x, skip.detach())


@mistake("UpBlock", "no gradient flows back to `x`")
class UpWithDetachedX(plain.UpBlock):
    def forward(self, x, skip):
        return super().forward(x.detach(), skip)


# --- UNet ---


class Net(plain.UNet):
    """The right network, whose skips go through `kept` on their way."""

    def kept(self, skip):
        return skip

    def forward(self, x, t=None, cond=None):
        skips = []
        for down in self.downs:
            x, skip = down(x)
            skips.append(self.kept(skip) if self.skips else torch.zeros_like(skip))
        x = self.middle(x)
        for up in self.ups:
            x = up(x, skips.pop())
        return self.out(x)


@mistake("UNet", "only a part of the gradient flows back to `x`")
class NetWithDetachedSkips(Net):
    def kept(self, skip):
        return skip.detach()


@mistake("UNet", "comes out otherwise alone")
class NetThatLooksAround(Net):
    def kept(self, skip):
        return skip if len(skip) in (1, 2, 3) else skip + skip.mean(0)


@mistake("UNet", "gives what it should give without `skips`")
def net_that_has_no_switch_when_it_is_shallow(channels, width=32, depth=2, skips=True):
    return plain.UNet(channels, width, depth, skips if depth > 1 else True)


@alternative("UNet")
class NetPictureByPicture(Net):
    def forward(self, x, t=None, cond=None):
        return torch.cat([super(NetPictureByPicture, self).forward(one) for one in x.split(1)])


# --- denoising_loss ---


@mistake("denoising_loss", "it is shown float64 pictures")
def loss_in_the_dtype_of_the_schedule(model, x0, t, alpha_bar, eps):
    a = alpha_bar[t].reshape(-1, 1, 1, 1)
    return F.mse_loss(model(a.sqrt() * x0 + (1 - a).sqrt() * eps), x0)


@mistake("denoising_loss", "`x0` is another one afterwards")
def loss_that_cuts_its_input_off(model, x0, t, alpha_bar, eps):
    return diffusion.denoising_loss(model, x0.clamp_(-1, 1), t, alpha_bar, eps)


@mistake("denoising_loss", "use `.reshape`")
def loss_through_a_view(model, x0, t, alpha_bar, eps):
    guess = model(diffusion.q_sample(x0, t, alpha_bar, eps))
    return (guess.reshape(len(x0), -1) - x0.view(len(x0), -1)).square().mean()


@mistake("denoising_loss", "the mean of what its pictures give one by one")
def loss_with_sorted_steps(model, x0, t, alpha_bar, eps):
    return diffusion.denoising_loss(model, x0, t.sort().values, alpha_bar, eps)


@alternative("denoising_loss")
def loss_picture_by_picture(model, x0, t, alpha_bar, eps):
    rows = zip(x0.split(1), t.split(1), eps.split(1), strict=True)
    return torch.stack([diffusion.denoising_loss(model, x, k, alpha_bar, e) for x, k, e in rows]).mean()


@alternative("denoising_loss")
def loss_in_float64(model, x0, t, alpha_bar, eps):
    return (model(diffusion.q_sample(x0, t, alpha_bar, eps)).double() - x0.double()).square().mean()


@alternative("denoising_loss")
def loss_on_float32_coefficients(model, x0, t, alpha_bar, eps):
    a = alpha_bar[t].float().reshape(-1, 1, 1, 1)
    return F.mse_loss(model(a.sqrt().to(x0) * x0 + (1 - a).sqrt().to(x0) * eps), x0)


# --- ideal_denoiser ---


@mistake("ideal_denoiser", "`data` is another one afterwards")
def ideal_in_place(x_t, t, alpha_bar, data):
    return diffusion.ideal_denoiser(x_t, t, alpha_bar, data.clamp_(-1, 1))


@mistake("ideal_denoiser", "use `.reshape`")
def ideal_through_a_view(x_t, t, alpha_bar, data):
    flat = x_t.view(len(x_t), -1)
    return diffusion.ideal_denoiser(flat.reshape(x_t.shape), t, alpha_bar, data)


@alternative("ideal_denoiser")
def ideal_on_float32_coefficients(x_t, t, alpha_bar, data):
    a = alpha_bar[t].float()[:, None].to(x_t)
    x, y = x_t.flatten(1), data.flatten(1)
    far = (x[:, None] - a.sqrt()[:, :, None] * y).square().sum(2)
    return (torch.softmax(-far / (2 * (1 - a)), 1) @ y).reshape(x_t.shape)


# --- MendedUpBlock ---


@mistake("MendedUpBlock", "no gradient reaches x")
class LightWithDetachedX(plain.AddingUpBlock):
    def forward(self, x, skip):
        return super().forward(x.detach(), skip)


@mistake("MendedUpBlock", "comes out otherwise alone")
class LightThatLooksAround(plain.AddingUpBlock):
    def forward(self, x, skip):
        return super().forward(x, skip + skip.mean(0)) if len(x) > 3 else super().forward(x, skip)


@mistake("MendedUpBlock", "`skip` is another one afterwards")
class LightInPlace(plain.AddingUpBlock):
    def forward(self, x, skip):
        return super().forward(x, skip.clamp_(-1, 1))


@alternative("MendedUpBlock")
class LightWithNormalisedSkip(plain.AddingUpBlock):
    """Other layers, and each map of the skip brought to mean 0 and variance 1 first."""

    def __init__(self, inputs, skips, outputs):
        super().__init__(inputs, skips, outputs)
        self.norm = nn.GroupNorm(1, skips)

    def forward(self, x, skip):
        return super().forward(x, self.norm(skip))

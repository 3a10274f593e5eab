# %% [markdown]
# # 02 · U-Net
#
# ![Nine flowers under more and more noise, and below each what a network makes of it: a flower at first, then softer ones, at last a smear.](../course_utils/lessons/lesson02/opening.png)
#
# Show a network a noisy picture, and ask for the clean one, in a single guess. While a flower can be made out, the guess has that flower's place and colours, and soft edges. From pure noise it is mush.
# This lesson builds that network, and the exact answer it is reaching for, which explains both.
#
# **You will build** the blocks of a U-Net, the U-Net, a microscope that shows which pixels a network looks at, and a denoiser that needs no training at all.
#
# **You will see** what skip connections are worth, that the best guess from noise is an average, and how near a trained network comes to the best there is.
#
# **Time**: about three hours with the exercises. The notebook itself takes less than two minutes of one core under `laptop`, and less than one under `lecture` and `smoke`. On a GPU it has not been timed.
#
# **Stands on** lesson 01: `q_sample`, $\bar\alpha_t$, and the noise schedule.

# %%
import inspect

import matplotlib.pyplot as plt
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data, diffusion, experiments, plots, studies, training, weights
from course_utils.lessons.lesson02 import checks as ex
from course_utils.lessons.lesson02.colleague import ColleagueUpBlock
from course_utils.lessons.lesson02.diagram import draw_unet
from course_utils.lessons.lesson02.explorer import DenoisingExplorer
from course_utils.models import plain
from course_utils.runtime import start

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %% [markdown]
# The pictures to learn from are a *garden*: a fixed set, so that later you can ask what a network that knew it by heart would do. A second set is never shown in training.

# %% tags=["figure"]
run = start("02", preset=preset, dataset=dataset)
plots.use_style()
size = run.pick(laptop=16, gpu=32)
garden = data.load(dataset, most=run.pick(smoke=256, laptop=4096), size=size).images
new = run.pick(smoke=32, lecture=128, laptop=256)
unseen = data.load(dataset, most=new, size=size, split="test").images
channels = garden.shape[1]  # both are (N, C, H, W)
plots.strip({"the garden": garden[:8], "never shown": unseen[:8]},
            title="What there is to learn from, and to be judged on",
            alt="Two rows of clean pictures: eight to learn from, eight kept for judging.");

# %% [markdown]
# ## 1 · What does a pixel need to see?
#
# **To clean one pixel, where must a network look?**
#
# Under little noise, next door: neighbours have nearly the same colour, and an average over them takes noise away. Under much noise, everywhere: whether this pixel belongs to a petal depends on where the flower is, and that can only be guessed from the whole picture.
#
# A *convolution* computes each output pixel from a small square of the input, the same sum for every place:
#
# $$y_{o}(p) = b_o + \sum_{c}\sum_{d} w_{o,c,d}\; x_{c}(p + d)$$
#
# - $p$ is a place in the picture, $d$ runs over the nine offsets of a 3 × 3 square, $c$ over the channels that come in.
# - $w$ and $b$ are learned. Each output channel $o$ has its own: it is a *feature map*, a picture of where something was found.
# - At the border the square looks outside; there it finds zeros (*padding*), so that the size stays the same.
#
# Two convolutions in a row would be one larger convolution, and no more. So something that is not a straight line stands between them. Here it is the *ReLU*, $\max(0, y)$: it passes on what was found and silences the rest.

# %% [markdown]
# ### Exercise 1 · `ConvBlock`
# ●○○ · 10 minutes
#
# A warm-up: the brick of this lesson, convolution, ReLU, convolution, ReLU. What wants a thought is the padding: over a picture of 3 × 3, which numbers does a convolution meet without it, and how large is what comes out?
#
# <details><summary>Hint 1: what to think about</summary>Layers are made once, in <code>__init__</code>, and kept as attributes: only so does PyTorch find their weights. How many channels go into the second convolution?</details>
# <details><summary>Hint 2: which layer</summary><code>nn.Conv2d(channels in, channels out, kernel_size=…, padding=…)</code>. A 3 × 3 square reaches one pixel outside.</details>
# <details><summary>Hint 3: nearly the line</summary><code>self.conv1 = nn.Conv2d(inputs, …)</code>, <code>self.conv2 = nn.Conv2d(outputs, …)</code>; <code>forward</code> is four calls, one inside the other</details>


# %% tags=["exercise"] exercise="ConvBlock" points=1
class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions, a ReLU after each: (B, inputs, H, W) -> (B, outputs, H, W).

    The first goes from `inputs` to `outputs` channels, the second from `outputs` to `outputs`.
    Call them conv1 and conv2.

    Example: ConvBlock(3, 8) turns (2, 3, 16, 16) into (2, 8, 16, 16), nothing in it below 0.
    """

    def __init__(self, inputs, outputs):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return F.relu(self.conv2(F.relu(self.conv1(x))))
        ### END SOLUTION


# %% tags=["check"] exercise="ConvBlock"
ConvBlock = ex.ConvBlock.check(ConvBlock)

# %% [markdown]
# ### A microscope
#
# How far does it see? You can count. You can also ask the network, and the answer then holds for any network, however it is made: *if I change this input pixel a little, does that output pixel move?* That is a derivative, and PyTorch computes derivatives.

# %% [markdown]
# ### Exercise 2 · `influence`
# ●●○ · 10 minutes
#
# Take one output pixel, differentiate it with respect to all input pixels, and keep the size of the answer. You will need this instrument again, in the bug hunt.
#
# <details><summary>Hint 1: what to think about</summary>Normally the loss is differentiated with respect to the weights. Here it is an output pixel, with respect to the picture. Which tensor has to ask for a gradient?</details>
# <details><summary>Hint 2: which function</summary><code>x.clone().requires_grad_()</code>, then <code>torch.autograd.grad(a number, x)[0]</code>, or <code>.backward()</code> and <code>x.grad</code>. The number: all pictures and channels of the output pixel, summed.</details>
# <details><summary>Hint 3: nearly the line</summary><code>torch.autograd.grad(net(x)[…].sum(), x)[0]</code> has the shape (B, C, H, W). Sizes first, or else signs cancel; then two of the four axes go</details>


# %% tags=["exercise"] exercise="influence" points=2
def influence(net, x, row, column):
    """How strongly each input pixel moves the output pixel at (row, column).

    net: from (B, C, H, W) to (B, K, H', W').    x: (B, C, H, W), left as it is.
    Returns (H, W): |d sum of net(x)[:, :, row, column] / dx|, summed over the input's channels
    and averaged over the batch.

    Example: for net = lambda x: 3 * x, one channel, it is 3 at (row, column) and 0 elsewhere.
    """
    ### BEGIN SOLUTION
    x = x.clone().requires_grad_()
    gradient = torch.autograd.grad(net(x)[:, :, row, column].sum(), x)[0]  # (B, C, H, W)
    return gradient.abs().sum(dim=1).mean(dim=0)  # (H, W)
    ### END SOLUTION


# %% tags=["check"] exercise="influence"
influence = ex.influence.check(influence)

# %% tags=["experiment", "figure"]
def shade(seen, white):
    """The microscope's picture (1, H, W): 1 at the influence `white`, -1 a millionth of it."""
    return (seen / white).clamp(min=1e-6).log10()[None] / 3 + 1


def stack(blocks):
    return nn.Sequential(ConvBlock(channels, 16),
                         *(ConvBlock(16, 16) for _ in range(blocks - 1)))


# twice as large, so that there is something to reach for
x32 = data.load(dataset, n=8, size=32).images
torch.manual_seed(0)
stacks = {f"{k} block{'s' * (k > 1)}": stack(k) for k in (1, 2, 3, 5)}
seen = {name: influence(net, x32, 16, 16) for name, net in stacks.items()}  # (32, 32) each
plots.grid(torch.stack([shade(s, white=s.max()) for s in seen.values()]),
           titles=[f"{name}: {(s > 0).sum()} pixels" for name, s in seen.items()],
           title="Each block sees two pixels further to every side",
           alt="Four pictures of the microscope: a bright square in the middle, larger with "
               "every block.");

# %% [markdown]
# **Where to look.** Bright is what the middle pixel of the output depends on. The scale is logarithmic, and each picture has its own: white is its largest influence, black a millionth of that or less. So compare sizes here, not shades. Every convolution adds one pixel to each side, so a block adds two. This square is the *receptive field*. Five blocks see 21 × 21 pixels, and a picture of 32 px still goes beyond it. There is a cheaper way to see far.

# %% [markdown]
# ## 2 · Down, and up again
#
# **How does a small square come to see a whole picture?**
#
# Make the picture smaller. In a picture of half the size, a 3 × 3 square covers 6 × 6 of the old pixels; once more, 12 × 12. And each pixel less is work saved: half the width and half the height is a quarter of the places.
#
# *Max-pooling* keeps the largest of every 2 × 2 square: something was found here, somewhere among these four. To get back to full size, every pixel is repeated 2 × 2 times. What the way there and back costs is easy to see:

# %% tags=["experiment", "figure"]
def there_and_back(x, times):
    for _ in range(times):
        x = F.max_pool2d(x, 2)
    return F.interpolate(x, scale_factor=2**times, mode="nearest")


plots.strip({"as it was": garden[:6], "once down and up": there_and_back(garden[:6], 1),
             "twice": there_and_back(garden[:6], 2)},
            title="After the pooling, nobody knows which of the four it was",
            alt="Six pictures; below each, the same in squares of two and of four pixels.");

# %% [markdown]
# No later layer can bring the lost detail back. So it is carried around: what stood there before the pooling is kept, and handed over when that size is reached again on the way up. That is a *skip connection*, or *skip*. The way through the depth says *what* is there; the skip says *where exactly*.
#
# ### Exercise 3 · `DownBlock`
# ●○○ · 10 minutes
#
# A `ConvBlock`, then half the size. Returns both: what goes on, and what is kept.
#
# <details><summary>Hint 1: what to think about</summary>The skip should hold all the detail, and should already have been worked on. So at which place is it taken?</details>
# <details><summary>Hint 2: which function</summary><code>F.max_pool2d(…, kernel_size=2)</code>; and <code>return</code> with two values.</details>
# <details><summary>Hint 3: nearly the line</summary>One line keeps what the block gave; the other returns two things that are both made of it</details>


# %% tags=["exercise"] exercise="DownBlock" points=1
class DownBlock(nn.Module):
    """A ConvBlock (call it `block`), then half the size by max-pooling over 2 x 2.

    Returns two tensors: the pooled one (B, outputs, H/2, W/2), and the skip (B, outputs, H, W),
    which is what the ConvBlock gave.

    Example: DownBlock(3, 8) turns (2, 3, 16, 16) into (2, 8, 8, 8) and (2, 8, 16, 16).
    """

    def __init__(self, inputs, outputs):
        super().__init__()
        ### BEGIN SOLUTION
        self.block = ConvBlock(inputs, outputs)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        skip = self.block(x)  # (B, outputs, H, W)
        return F.max_pool2d(skip, kernel_size=2), skip
        ### END SOLUTION


# %% tags=["check"] exercise="DownBlock"
DownBlock = ex.DownBlock.check(DownBlock)

# %% [markdown]
# ### Exercise 4 · `UpBlock`
# ●●○ · 15 minutes · the heart of the lesson
#
# The way back: $x$ at twice the size, the skip beside it, and a `ConvBlock` that makes one of the two. *Beside it* means that the channels are put one after the other (`torch.cat`): the network learns by itself how to combine them.
#
# <details><summary>Hint 1: what to think about</summary>How many channels does the ConvBlock get? Which sizes must agree before two tensors can stand beside each other?</details>
# <details><summary>Hint 2: which function</summary><code>F.interpolate(x, scale_factor=2, mode="nearest")</code> repeats pixels. <code>torch.cat([…, …], dim=1)</code> puts channels one after the other.</details>
# <details><summary>Hint 3: nearly the line</summary><code>self.block = ConvBlock(…, outputs)</code>, with a sum of two numbers; in <code>forward</code>, first <code>F.interpolate(…)</code>, then the block of a <code>torch.cat(…)</code></details>


# %% tags=["exercise"] exercise="UpBlock" points=2
class UpBlock(nn.Module):
    """Twice the size (each pixel repeated), the skip beside it, a ConvBlock (call it `block`).

    Takes x (B, inputs, H, W) and skip (B, skips, 2H, 2W). The channels of x come first, then
    those of the skip. Returns (B, outputs, 2H, 2W).

    Example: UpBlock(16, 8, 8) makes (2, 8, 16, 16) of x (2, 16, 8, 8) and skip (2, 8, 16, 16).
    """

    def __init__(self, inputs, skips, outputs):
        super().__init__()
        ### BEGIN SOLUTION
        self.block = ConvBlock(inputs + skips, outputs)
        ### END SOLUTION

    def forward(self, x, skip):
        ### BEGIN SOLUTION
        x = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, inputs, 2H, 2W)
        # (B, inputs + skips, ...) -> (B, outputs, 2H, 2W)
        return self.block(torch.cat([x, skip], dim=1))
        ### END SOLUTION


# %% tags=["check"] exercise="UpBlock"
UpBlock = ex.UpBlock.check(UpBlock)

# %% [markdown]
# ## 3 · The U
#
# **How do the blocks become a network?**
#
# Down a few times, a `ConvBlock` at the lowest level, and up as often. Here for a depth of 2, width $w$, colour pictures of 16 px; the numbers beside the arrows are channels × height × width, those in a block are the channels that it takes and gives.

# %% tags=["figure"]
draw_unet();

# %% [markdown]
# - The channels double where the size halves: fewer places, more to say about each.
# - The skip that was kept *last* is needed *first*: on the way up the sizes come in the opposite order.
# - The last layer, a convolution of 1 × 1, turns $w$ feature maps into a picture. No ReLU follows: pictures have negative values.
#
# This is the U-Net, made for outlining cells under a microscope ([Ronneberger et al. 2015](https://arxiv.org/abs/1505.04597)), and the body of most diffusion models for years.

# %% [markdown]
# ### Exercise 5 · `UNet`
# ●●● · 30 minutes · the heart of the lesson
#
# Put it together, for any depth. `skips=False` hands zeros of the same shape to the way up instead of the skips; section 6 compares the two. The course calls every network as `net(x, t, cond)`, with the step `t` (lesson 03) and something that is asked for, `cond` (lesson 12). So `forward` takes both and, here, ignores them.
#
# <details><summary>Hint 1: what to think about</summary>Write down the channels for depth 2: what goes into each DownBlock, into the middle, into each UpBlock, and what comes out? An UpBlock at the level with w channels gets 2w from below and w from its skip.</details>
# <details><summary>Hint 2: the pieces</summary><code>widths = [width * 2**k for k in range(depth + 1)]</code>. Several blocks go into an <code>nn.ModuleList</code>. Skips go into a list, which <code>reversed(…)</code> or <code>.pop()</code> gives back from its end.</details>
# <details><summary>Hint 3: nearly the lines</summary><code>nn.ModuleList(UpBlock(2 * w, …, …) for w in reversed(widths[:-1]))</code>; in <code>forward</code>, a loop over the downs that fills a list, the middle, then a loop over <code>zip(self.ups, reversed(…))</code> with <code>x = up(x, …)</code>, and the last layer</details>


# %% tags=["exercise"] exercise="UNet" points=3
class UNet(nn.Module):
    """Down, the middle, and up again: (B, channels, H, W) -> the same.

    H and W are multiples of 2**depth. There are `width` maps at full size, 2 * width at half,
    and so on. With skips=False the way up gets zeros. Parts: downs, middle, ups, out.
    """

    def __init__(self, channels, width=32, depth=2, skips=True):
        super().__init__()
        ### BEGIN SOLUTION
        widths = [width * 2**level for level in range(depth + 1)]  # such as 32, 64, 128
        self.skips = skips
        inputs = [channels, *widths]  # of each DownBlock, and of the middle
        self.downs = nn.ModuleList(DownBlock(a, b) for a, b in zip(inputs, widths[:-1]))
        self.middle = ConvBlock(inputs[depth], widths[-1])
        self.ups = nn.ModuleList(UpBlock(2 * w, w, w) for w in reversed(widths[:-1]))
        self.out = nn.Conv2d(width, channels, kernel_size=1)
        ### END SOLUTION

    def forward(self, x, t=None, cond=None):
        ### BEGIN SOLUTION
        kept = []
        for down in self.downs:
            x, skip = down(x)
            kept.append(skip if self.skips else torch.zeros_like(skip))
        x = self.middle(x)
        for up, skip in zip(self.ups, reversed(kept)):
            x = up(x, skip)
        return self.out(x)
        ### END SOLUTION


# %% tags=["check"] exercise="UNet"
UNet = ex.UNet.check(UNet)

# %% [markdown]
# Now under the microscope, with pictures of 32 px. A U-Net of depth 1 has three blocks on its longest way through, one of depth 2 has five; each stands beside as many in a row. The last picture is the same network of depth 2, with the same weights, and zeros in the place of its skips. This time all five pictures have one scale.

# %% tags=["experiment", "figure"]
torch.manual_seed(0)
candidates = {
    "3 in a row": stacks["3 blocks"],
    "U, depth 1": UNet(channels, width=16, depth=1),
    "5 in a row": stacks["5 blocks"],
    "U, depth 2": UNet(channels, width=16, depth=2),
    "no skips": UNet(channels, width=16, depth=2, skips=False),
}
candidates["no skips"].load_state_dict(candidates["U, depth 2"].state_dict())
seen = {name: influence(net, x32, 16, 16) for name, net in candidates.items()}
white = max(s.max() for s in seen.values())
plots.grid(torch.stack([shade(s, white) for s in seen.values()]),
           titles=[f"{name}: {(s > 0).sum()}" for name, s in seen.items()], columns=5,
           title=f"With as many blocks, the U sees further: pixels seen, of {32 * 32}",
           alt="Five pictures of the microscope. Three and five blocks see a square in the "
               "middle, the U-Net of depth 1 a larger one than three blocks. The U-Net of "
               "depth 2 sees everything: dark grey, and bright in a square of 9 by 9 in the "
               "middle. Without skips that square is gone, and all is dark grey.");
# the 9 x 9 in the middle
middle = {name: s[12:21, 12:21].mean() for name, s in seen.items()}
print("without its skips, the square in the middle counts "
      f"{middle['U, depth 2'] / middle['no skips']:.0f} times less")

# %% [markdown]
# **Where to look.** Compare each U with the row before it. With three blocks, 324 pixels against 169; with five, the whole picture against 441. (A row of five blocks sees more than a U of three.) The bright square in the U-Net of depth 2, 9 × 9, is what comes through the skip at full size: two blocks, two pixels each to every side. Take the skips away, and leave every weight as it was: the network sees as many pixels, but those in the middle count 250 times less than they did, hardly more than the rest. Mind what the picture is of: new networks, before any training.

# %% [markdown]
# ## 4 · One shot
#
# **Can it learn to take noise away?**
#
# Show it a picture under noise, $x_t$, and ask for $x_0$. It is not told $t$: the noise in the picture has to tell it. How wrong a guess is, says the mean squared error, over pictures, channels and pixels:
#
# $$L = \mathbb E_{x_0,\,t,\,\epsilon}\; \big\| x_0 - f(x_t) \big\|^2, \qquad x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\;\epsilon$$
#
# - $f$ is the network, and $f(x_t)$ its guess.
# - $\|\cdot\|^2$ sums the squares over channels and pixels. The code takes their mean instead, so that the number does not depend on the size of the picture; the best $f$ is the same.
# - $\mathbb E$ is the average over what is drawn at random: a picture from the garden, a step from 1 to $T$, noise.

# %%
T = 1000
alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(T))  # (T + 1,)
print(f"{len(garden)} pictures to learn from, {len(unseen)} never shown")

# %% [markdown]
# ### Exercise 6 · `denoising_loss`
# ●○○ · 5 minutes
#
# A warm-up, and the number that everything below is trained on. The step and the noise are drawn outside and passed in, so that the loss itself is not random. Before you write it: what should it be for a model that returns $x_t$, at a step where $\bar\alpha_t = 1$?
#
# <details><summary>Hint 1: what to think about</summary>What does the network see, and with what is its guess compared? Of what is the mean taken, and in which order: square and mean?</details>
# <details><summary>Hint 2: which function</summary><code>diffusion.q_sample(x0, t, alpha_bar, eps)</code> of lesson 01 makes x_t.</details>
# <details><summary>Hint 3: nearly the line</summary>Two lines: <code>x_t = …</code>, then the mean of the squares of a difference</details>


# %% tags=["exercise"] exercise="denoising_loss" points=1
def denoising_loss(model, x0, t, alpha_bar, eps):
    """The mean squared error of the model's guess at x0.

    model: model(x) guesses the clean pictures from noisy ones; it is told nothing else.
    x0: clean pictures, (B, C, H, W).    t: (B,), int64, each picture's own step.
    alpha_bar: (T + 1,).                 eps: noise, (B, C, H, W).
    Returns a tensor of a single number.

    Example: 0.25 for a model that always answers 0, if x0 is 0.5 everywhere.
    """
    ### BEGIN SOLUTION
    x_t = diffusion.q_sample(x0, t, alpha_bar, eps)  # (B, C, H, W)
    return (model(x_t) - x0).square().mean()
    ### END SOLUTION


# %% tags=["check"] exercise="denoising_loss"
denoising_loss = ex.denoising_loss.check(denoising_loss)

# %% [markdown]
# ### The loop that trains
#
# A loss says how wrong the network is. How does it become less wrong? By the same four moves, over and over:
#
# - **Draw** a batch: some pictures of the garden, for each a step of its own, and fresh noise.
# - **Loss**: one number for the whole batch.
# - **`backward`** goes back through the network and leaves, beside each weight, the *gradient*: by how much the loss would grow if this weight grew. It *adds* to what lies there, so `zero_grad` clears away those of the last batch first.
# - **Step**: the optimiser moves each weight a little against its gradient. Here that is AdamW, which gives every weight a stride of its own, from a running average of its gradients ([Loshchilov & Hutter 2017](https://arxiv.org/abs/1711.05101)).
#
# Nothing is hidden in these lines. They train a network of their own, for a few seconds.

# %% tags=["experiment"]
torch.manual_seed(0)
trial = UNet(channels, width=24)
optimiser = torch.optim.AdamW(trial.parameters(), lr=3e-3)
generator, losses = run.fresh_generator(0), []
for _ in range(run.pick(smoke=10, laptop=80)):
    x0 = garden[torch.randint(len(garden), (32,), generator=generator)]  # (32, C, H, W)
    t = torch.randint(1, T + 1, (32,), generator=generator)  # (32,)
    eps = torch.randn(x0.shape, generator=generator)
    loss = denoising_loss(trial, x0, t, alpha_bar, eps)
    optimiser.zero_grad()
    loss.backward()  # now each weight has its gradient
    optimiser.step()  # and moves against it
    losses.append(loss.item())

# %% tags=["experiment", "figure"]
tens = [f"{ten.mean():.3f}" for ten in torch.tensor(losses).split(10)]
print("mean loss of ten steps, and the next ten, …:", ", ".join(tens))
plots.curves({"network": losses}, x=range(1, len(losses) + 1), xlabel="step of the training",
             ylabel="loss", title=f"{len(losses)} times four moves, and the loss falls",
             alt="Loss against step for the plain loop: it jitters, and falls.");

# %% [markdown]
# It jitters, because every batch has its own noise, and it falls. From here on the loop is called `training.fit`: the same moves, and around them what a longer training wants, such as a progress bar and a learning rate that rises at first and falls towards the end. (In lesson 04 you write the loop yourself, and see what else `fit` has.) Under `lecture` the training is short, and a network that was trained ahead takes over.

# %% tags=["experiment", "figure"]
def noisy_batch(x0, generator):
    """A step and noise for every picture of a batch."""
    t = diffusion.uniform_times(len(x0), T, generator)
    eps = torch.randn(x0.shape, generator=generator)
    return x0.to(run.device), t.to(run.device), eps.to(run.device)


def loss_of(net, batch):
    x0, t, eps = batch
    return denoising_loss(net, x0, t, alpha_bar, eps)


def train(net, steps, title="training"):
    net.to(run.device, memory_format=torch.channels_last)  # in memory as convolutions like it
    batches = training.Shuffled(garden, size=32, seed=0, make=noisy_batch)
    history = training.fit(net, batches, loss_of, steps, learning_rate=3e-3, title=title)
    net.cpu()
    return history


steps = run.pick(smoke=20, lecture=100, laptop=1200, gpu=6000)
torch.manual_seed(0)
net = UNet(channels, width=24)
history = train(net, steps)
mean = torch.tensor(history.losses).unfold(0, min(20, steps), 1).mean(1)  # of the last 20 steps
plots.curves({"network": mean}, x=range(steps - len(mean), steps),
             xlabel="step of the training", ylabel="loss", logy=True,
             hlines={"the mean picture": (unseen - garden.mean(0)).square().mean().item()},
             title="The loss falls fast, then slowly",
             alt="Loss against step: it falls steeply at first and then ever more slowly.");

# %% tags=["experiment"]
stored = f"denoiser-{dataset}"
if run.preset == "lecture" and weights.available(stored):
    # stored weights carry the names of the course's own class
    net = plain.UNet(channels, width=24)
    card = weights.load(stored, net)
    print(f"Trained ahead: {card['steps']} steps, {card['seconds']} s, loss "
          f"{card['loss']:.4f}.")
else:
    print(f"Trained here: {steps} steps, loss {mean[-1]:.4f}.")
net = net.eval().requires_grad_(False)

# %% tags=["experiment", "figure"]
levels = torch.tensor([50, 200, 400, 600, 800, 1000])
shown = unseen[:6]
noise = torch.randn(shown.shape, generator=run.fresh_generator(1))
x_t = diffusion.q_sample(shown, levels, alpha_bar, noise)
plots.strip({"noisy": x_t, "guess": net(x_t), "clean": shown},
            column_titles=[f"t = {t}" for t in levels.tolist()],
            title="The more noise, the softer the guess; from noise alone, mush",
            alt="Six pictures under growing noise, the network's guesses, and the clean "
                "pictures. Even the first guess is softer than the noisy picture above it; "
                "they get softer from left to right, and the last one has no flower in it.");

# %% [markdown]
# **Where to look.** Place and colours are right up to $t = 400$. But compare the first guess with the noisy picture above it: at $t = 50$ the eye sees more in the input. The next figures say by how much.

# %% [markdown]
# ### How good is that?
#
# An error wants something to be compared with. Two rules that need no network:
#
# - **Doing nothing**: the guess is $x_t$ itself.
# - **One pixel alone**: the best straight line for each pixel by itself. If over the garden a pixel has mean $\mu$ and variance $v$, then
#
# $$\hat x_0 = \mu + \frac{\sqrt{\bar\alpha_t}\;v}{\bar\alpha_t v + 1-\bar\alpha_t}\,\big(x_t - \sqrt{\bar\alpha_t}\,\mu\big) .$$
#
# The fraction says how far to trust the pixel: fully without noise, not at all at $t = T$, where the answer is the mean picture. This rule is told $t$; the network is not. What the network has is the neighbours.
#
# The error is given as its root, in the units of a pixel, which run from -1 to 1.

# %% tags=["experiment"]
mu, v = garden.mean(0), garden.var(0)  # (C, H, W)


def one_pixel(x_t, t):
    a = alpha_bar[t].float().reshape(-1, 1, 1, 1)  # (B, 1, 1, 1)
    return mu + a.sqrt() * v / (a * v + 1 - a) * (x_t - a.sqrt() * mu)


def errors(denoise, x0, seed):
    """The root of the mean squared error at each of `times`."""
    generator, found = run.fresh_generator(seed), []
    for step in times:
        t = torch.full((len(x0),), step)
        x_t = diffusion.q_sample(x0, t, alpha_bar, torch.randn(x0.shape, generator=generator))
        found.append((denoise(x_t, t) - x0).square().mean().sqrt().item())
    return found


# %% tags=["experiment", "figure"]
times = [20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 850, 900, 950, 1000]
rules = {
    "network": lambda x_t, t: net(x_t),
    "one pixel alone": one_pixel,
    "doing nothing": lambda x_t, t: x_t,
}
seeds = range(run.pick(smoke=2, laptop=3, gpu=5))
variants = {name: lambda seed, rule=rule: errors(rule, unseen, seed)
            for name, rule in rules.items()}
off = experiments.compare(variants, seeds, "error of the guess")
plots.curves(off.runs, x=times, xlabel="step t", ylabel="error of the guess (root mean square)",
             title="In the middle, the neighbours are worth a lot",
             alt="Error against step for the network, for one pixel alone and for doing "
                 "nothing.");

# %% tags=["experiment"]
at = {t: off.map(lambda curve, t=t: curve[times.index(t)], f"error at t = {t}")
      for t in (20, 50, 300, 1000)}
means = {f"t = {t}": {name: runs.mean() for name, runs in c.runs.items()}
         for t, c in at.items()}
display(pd.DataFrame(means).round(3))
source = "what is expected of a denoiser"
display(experiments.claim(
    "At t = 300 the network's guess is nearer than that of one pixel alone",
    source, at[300], more="one pixel alone", less="network"))
display(experiments.claim(
    "At t = 20, the network's guess is nearer than the noisy picture itself",
    source, at[20], more="doing nothing", less="network"))

# %% [markdown]
# **What to notice.** In the middle the neighbours are worth a lot: at $t = 300$ the network's error is half that of the rule (0.169 against 0.345, under `laptop`). At the ends it loses, and both ends teach something.
#
# - **Under hardly any noise** it is better to leave the picture as it is: 0.13 against 0.04 at $t = 20$, and at $t = 50$ still against 0.09. The network has to draw every pixel anew, through ten convolutions. A guess is that this is a matter of time, and it is at least a part of it: the network that was trained ahead, for 7,000 steps instead of 1,200, comes to 0.08 at $t = 20$, which is still more than 0.04.
# - **Under nothing but noise** the plain mean picture is better (0.52 against 0.47). The rule is told that nothing is there. The network is not; section 5 asks what that costs.

# %% [markdown]
# ### Ask it for a new picture
#
# If it can take away *much* noise, why not start from *nothing but* noise? That would be a generator: noise in, flower out.

# %% tags=["experiment", "figure"]
# no picture in it at all
noise = torch.randn(64, *garden.shape[1:], generator=run.fresh_generator(2))
guesses = net(noise)
plots.strip({"noise": noise[:8], "guess": guesses[:8],
             "the mean of\nthe garden": mu.expand(8, -1, -1, -1)},
            title="From pure noise: smears, and not one flower",
            alt="Eight pictures of pure noise; below each the network's guess, a soft smear of "
                "sky with a blot in the middle; below that the mean of all training pictures, "
                "a smoother smear of the same kind.");

# %% [markdown]
# Mush, and it is not for lack of training: the network that was trained ahead, six times as long, gives mush too (the picture at the top, far right). It is the *question* that has this answer. The next section proves it.

# %% [markdown]
# ## 5 · The best guess there is
#
# **What would a perfect network answer?**
#
# Fix one noisy picture $x_t$. Many clean pictures could have led to it, some more likely than others. Call their average, each counted with its probability, the *posterior mean* $m = \mathbb E[x_0 \mid x_t]$. Now let $f$ be any guess, and put $m$ between the two:
#
# $$\mathbb E\,\|x_0 - f\|^2 = \mathbb E\,\|(x_0 - m) + (m - f)\|^2 = \mathbb E\,\|x_0 - m\|^2 + 2\,\big\langle \underbrace{\mathbb E[x_0] - m}_{=\,0},\; m - f\big\rangle + \|m - f\|^2$$
#
# - The first step only adds and subtracts $m$. The second is the square of a sum; $m - f$ does not depend on $x_0$, so it comes out of the average.
# - The middle term is zero, because $m$ *is* the average of $x_0$ (all averages here are over $x_0$ given $x_t$).
# - What is left: a part that no guess can change, and the squared distance from $f$ to $m$.
#
# So the best guess is $f = m$: **the network is taught to answer with an average**. Check the line with numbers, for eight pictures with made-up probabilities and a guess of zero:

# %% tags=["experiment"]
p = torch.rand(8, generator=run.fresh_generator(3))
p = p / p.sum()  # probabilities of eight clean pictures, given some x_t
x, f = garden[:8], torch.zeros_like(garden[0])
m = (p[:, None, None, None] * x).sum(0)
left = (p * (x - f).square().sum((1, 2, 3))).sum()
right = (p * (x - m).square().sum((1, 2, 3))).sum() + (m - f).square().sum()
print(f"mean squared distance to f: {left:.3f}\nto m, plus that from m to f: {right:.3f}")

# %% [markdown]
# ### Bayes' rule, for a garden
#
# For a finite garden of $N$ pictures $y_1, \dots, y_N$, each equally likely, $m$ can be computed exactly. By Bayes' rule the probability of picture $i$, given $x_t$, is proportional to how likely $x_t$ is under it. And $x_t$ under $y_i$ is normal, with mean $\sqrt{\bar\alpha_t}\,y_i$ and variance $1-\bar\alpha_t$ in every pixel; densities of independent pixels multiply, so their exponents add up:
#
# $$w_i = \frac{\exp(\ell_i)}{\sum_j \exp(\ell_j)}, \qquad \ell_i = -\frac{\big\| x_t - \sqrt{\bar\alpha_t}\; y_i\big\|^2}{2\,(1-\bar\alpha_t)}, \qquad m = \sum_i w_i\, y_i$$
#
# - $\|\cdot\|^2$ is a *sum* over all channels and pixels.
# - $w_i$, from 0 to 1, is the share of picture $i$; together they make 1. The formula on the left is the *softmax* of the $\ell_i$.
# - Little noise: the variance is small, the exponents differ by thousands, and one picture gets all the weight. Pure noise: all exponents are nearly equal, and $m$ is the plain mean of the garden.
#
# (In another notation it is equation 57 of [Karras et al. 2022](https://arxiv.org/abs/2206.00364).)

# %% [markdown]
# ### Exercise 7 · `ideal_denoiser`
# ●●● · 25 minutes · the heart of the lesson
#
# A denoiser without a network and without training. For each of $B$ noisy pictures: $N$ distances, $N$ weights, one average.
#
# <details><summary>Hint 1: what to think about</summary>Flatten the pictures: x_t becomes (B, D), the data (N, D). The distances form a table (B, N). Over which axis do the weights add up to 1?</details>
# <details><summary>Hint 2: which functions</summary>Distances: <code>(x[:, None] - scaled[None]).square().sum(-1)</code>, or <code>torch.cdist(…)**2</code>. Weights: <code>torch.softmax(…, dim=1)</code>, which copes with exponents of -10,000. The average: a matrix product <code>w @ …</code>. Every x_t has its own alpha bar, so its own scaled garden.</details>
# <details><summary>Hint 3: nearly the lines</summary><code>a = alpha_bar[t].to(x_t)[:, None]</code>, (B, 1). Expand the square to stay small in memory: |x − √a y|² = |x|² − 2√a x·y + a|y|², where |x|² is the same for all i and can go. What is left, over −2(1 − a), is the exponent, (B, N)</details>


# %% tags=["exercise"] exercise="ideal_denoiser" points=3
def ideal_denoiser(x_t, t, alpha_bar, data):
    """The posterior mean E[x0 | x_t], when x0 is a picture in `data`, each equally likely.

    x_t: (B, C, H, W).          t:    (B,), int64, 1 to T.
    alpha_bar: (T + 1,).        data: (N, C, H, W), the whole garden.
    Returns (B, C, H, W), of the dtype of x_t.

    Example: with a single picture in `data`, that picture, whatever x_t.
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t].double()[:, None]  # (B, 1)
    x, y = x_t.flatten(1).double(), data.flatten(1).double()  # (B, D), (N, D)
    # |x|^2 is the same for every picture, and drops out of the softmax.
    logits = (a.sqrt() * (x @ y.T) - a * y.square().sum(1) / 2) / (1 - a)  # (B, N)
    weight = torch.softmax(logits, dim=1)  # (B, N), each row adds up to 1
    return (weight @ y).to(x_t).reshape(x_t.shape)
    ### END SOLUTION


# %% tags=["check"] exercise="ideal_denoiser"
ideal_denoiser = ex.ideal_denoiser.check(ideal_denoiser)

# %% tags=["experiment", "figure"]
def ideal(x_t, t):
    return ideal_denoiser(x_t, t, alpha_bar, garden)


shown = garden[:6]
noise = torch.randn(shown.shape, generator=run.fresh_generator(1))
x_t = diffusion.q_sample(shown, levels, alpha_bar, noise)
new_t = diffusion.q_sample(unseen[:6], levels, alpha_bar, noise)
plots.strip({"in the garden": shown, "ideal": ideal(x_t, levels), "network": net(x_t),
             "never shown": unseen[:6], "ideal ": ideal(new_t, levels), "network ": net(new_t)},
            column_titles=[f"t = {t}" for t in levels.tolist()],
            title="The ideal denoiser knows its garden by heart, and nothing else",
            alt="Pictures from the garden with the guesses of the ideal denoiser, perfect up "
                "to high noise, and of the network. Then pictures never shown: the ideal "
                "denoiser answers with other pictures of its garden.");

# %% [markdown]
# **Where to look.** Row 2: at $t = 400$ the ideal denoiser still returns the very picture. It only has to find out *which* of the garden's pictures it is, and for that hundreds of noisy pixels are plenty. At $t = 600$ and $800$ several are possible, and the average of them is soft, though no guess could be better. Row 5: a picture that is not in the garden gets the answer of one that is; in the first column the flower has become a smaller one. And in the last column, from pure noise, rows 2 and 5 are the mean of the garden: mush, from a denoiser without a fault.

# %% tags=["experiment", "figure"]
known = garden[: len(unseen)]
both = {"in the garden": known, "never shown": unseen}
methods = {"network": lambda x_t, t: net(x_t), "ideal denoiser": ideal,
           "one pixel alone": one_pixel}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True)
for ax, (group, x) in zip(axes, both.items()):
    for name, method in methods.items():
        curve = errors(method, x, seed=4)
        ax.plot(times, curve, color=plots.COLOURS[name], label=name, marker="o", markersize=3.5)
        print(f"{group}, {name}: {curve[0]:.2f} at t = 20, {curve[4]:.2f} at t = 300, "
              f"{curve[-1]:.2f} at t = 1000")
    ax.set(xlabel="step t", title=f"Pictures {group}")
axes[0].set_ylabel("error of the guess")
axes[1].legend(loc="upper left", fontsize=9)
plots.show(figure,
           alt="Error against step, left for pictures in the garden, where the ideal denoiser "
               "is at zero for most steps, right for pictures never shown, where it is worse "
               "than the network at little noise.")

# %% [markdown]
# **What to notice.** On the left, the ideal denoiser is the floor: on average over its garden, *no* denoiser can be lower. It is at zero up to $t = 300$. The network stays well above (0.17 there), and that is no fault. On the right, with pictures that neither has seen, the ideal denoiser stays near 0.2, the distance to the most similar picture that it knows; up to about $t = 400$ the network is better. A network that reached the floor on the left would have learned its pictures by heart, and could never show you a new one.
#
# Under much noise it is the other way round. Two reasons come to mind, and this figure does not tell them apart: nothing fine can be seen any more, so that a similar flower is as good as the right one; and the ideal denoiser is told $t$. (To separate them, add `diffusion.blind_ideal_denoiser`, which you meet below, to `methods`.)

# %% [markdown]
# ### What does mush consist of?
#
# At $t = T$ the ideal denoiser answers with the mean picture, always. Does the network? Two numbers, over many draws of pure noise: how far the guesses are *from the mean picture*, and how far they *spread* from one to the next. A generator would need a spread as large as that of the data.
#
# There is one more denoiser to ask. The network is blind: it is not told $t$. Pure noise could also be a picture under *nearly* pure noise. The *blind ideal denoiser* averages over all steps as well as over all pictures, each pair weighed by Bayes' rule. That is the best a network like ours could do.

# %% tags=["experiment"]
some_times = torch.arange(10, T + 1, run.pick(smoke=110, laptop=10))


def from_noise(denoise, seed):
    """(distance to the mean picture, spread) of guesses from pure noise, root mean square."""
    z = torch.randn(64, *garden.shape[1:], generator=run.fresh_generator(100 + seed))
    guess = denoise(z)
    return [(guess - mu).square().mean().sqrt().item(), guess.var(0).mean().sqrt().item()]


askable = {
    "network": net,
    "ideal denoiser": lambda z: ideal(z, torch.full((len(z),), T)),
    "blind ideal denoiser": lambda z: diffusion.blind_ideal_denoiser(z, some_times, alpha_bar,
                                                                     garden),
    # no guess at all: so should a generator's pictures spread
    "data": lambda z: garden[: len(z)],
}
variants = {name: lambda seed, d=d: from_noise(d, seed) for name, d in askable.items()}
mush = experiments.compare(variants, seeds, "from pure noise")
distance = mush.map(lambda pair: pair[0], "distance to the mean picture")
spread = mush.map(lambda pair: pair[1], "spread of the guesses")
means = {c.figure: {name: runs.mean() for name, runs in c.runs.items()}
         for c in (distance, spread)}
display(pd.DataFrame(means).round(3))

# %% tags=["experiment"]
said = "what is said of one-shot generation"
display(experiments.claim_equal("From pure noise, the network answers with the mean picture",
                                said, distance, "network", expected=0.0, tolerance=0.05))
display(experiments.claim("From pure noise, the network's guesses spread less than the data",
                          said, spread, more="data", less="network"))
display(experiments.claim("The network spreads more than the blind ideal denoiser",
                          "a trained network is not ideal", spread, more="network",
                          less="blind ideal denoiser"))

# %% [markdown]
# **What to notice.** The guesses are mush: they spread by 0.2, the data by 0.48 (`laptop`). But they are *not* the mean picture, as the argument above would have it: they lie 0.2 from it. The blind ideal denoiser tells why. It is perfect, and from pure noise it spreads as well, by 0.17. It cannot know that there is nothing to be seen, so it half believes in the shapes that chance has made. The network does spread more than that, 0.205 against 0.169 (in pairs, by 0.030 to 0.042): the larger part of its spread is what no blind denoiser can help, and a smaller part is its own. So the guesses that look like the beginning of a flower are mostly doubt about $t$, and lesson 03 takes that doubt away.

# %% [markdown]
# ### Guess, add less noise, guess again
#
# So one shot from noise gives an average. But look at what the average is good for: it is a picture *under which less noise can be put*. Do that, ask again, and repeat. Under less noise fewer pictures are possible, so the next average is sharper.

# %% tags=["experiment", "figure"]
ladder = [1000, 950, 900, 850, 800, 750, 700, 600, 500, 400, 300, 200, 100]
generator = run.fresh_generator(5)
x = torch.randn(8, *garden.shape[1:], generator=generator)
path = {}
for t, t_next in zip(ladder, [*ladder[1:], 0]):
    path[t] = net(x).clamp(-1, 1)
    eps = torch.randn(x.shape, generator=generator)
    x = diffusion.q_sample(path[t], torch.full((8,), t_next), alpha_bar, eps)
plots.strip({f"guess at t = {t}": path[t] for t in (1000, 900, 800, 600, 400, 100)},
            title="Thirteen guesses, each under less noise than the one before",
            alt="Eight pictures, from top to bottom: mush at first, then a sky and a blot of "
                "colour; at last eight different soft blobs on stems, under clear skies.");

# %% [markdown]
# From mush to eight different skies, each with a blob on a stem, by the same network. They are no flowers yet: no petal can be told from another. Nobody has justified that loop yet, either. Doing it properly, with steps that follow from the mathematics, is lesson 04.

# %% [markdown]
# ## 6 · Skips on and off
#
# **What are the skips worth?**
#
# One factor at a time: the same network, the same number of parameters, the same data, noise and steps. `skips=False` hands zeros to the way up. Six trainings take about two minutes of one core, so they were run ahead (`course claims skips` runs them again):

# %% tags=["experiment"]
about = studies.settings("skips")
print(f"{about['study']}: seeds {about['seeds']}, {about['cpu_seconds']} s in all")
print(", ".join(f"{key} {value}" for key, value in about["shared"].items()))

# %% tags=["experiment", "figure"]
curve = studies.load("skips", figure="error by step")
plots.curves(curve.runs, x=times, xlabel="step t",
             ylabel="error of the guess (root mean square)",
             title="Skips matter most where there is little noise",
             alt="Error against step: with skips far lower at little noise, the same at much "
                 "noise.");

# %% [markdown]
# People often give such errors as a *peak signal-to-noise ratio* (PSNR), in decibels: $20\,\log_{10}(2/\text{error})$, where 2 is the range of a pixel, from -1 to 1. Higher is better, and 6 dB more is half the error.

# %% tags=["experiment"]
chosen = (20, 50, 200, 400, 600, 800, 1000)
psnr = {name: [20 * torch.tensor(2 / runs[:, times.index(t)]).log10().mean().item()
               for t in chosen]
        for name, runs in curve.runs.items()}
display(pd.DataFrame(psnr, index=[f"t = {t}" for t in chosen]).T.round(1))
for t in (50, 800):
    runs = studies.load("skips", figure=f"error at t = {t}")
    display(experiments.claim(f"At t = {t}, a U-Net with skips guesses better than one without",
                              "a common reason given for skips", runs, more="without skips",
                              less="with skips"))

# %% [markdown]
# **What to notice.** One sentence, two verdicts. At $t = 50$ the skips are worth a quarter of the error (0.167 against 0.223), or 2.4 dB. But mind the rules without a network: these two are narrower than yours and learned for 800 steps, and at $t = 50$ leaving the picture as it is costs 0.09, less than either. So the figures say what skips bring to a network that draws everything anew and has begun to learn it. Without them the curve is flat at the left: however clean the picture that comes in, it is drawn no better than what arrives through the depth. Room is not what is lacking. The middle holds 64 × 4 × 4 = 1,024 numbers, more than the 768 of a picture. A guess: the pooling drops places, and to code them in channels is hard to learn in 800 steps. With more steps the gap would then become smaller.
#
# At $t = 800$ it does *not* hold: the network without skips is a little better (0.300 against 0.307). A guess that you can test: under heavy noise the skip brings hardly anything but noise, and the way up has to learn to leave it alone. Train longer (`OneShot(width=16, steps=3000)` in `course_utils/lessons/lesson02/studies.py`), and see whether the difference goes away.

# %% [markdown]
# ## 7 · Bug hunt: a lighter way up
#
# A colleague wants a lighter network. "Standing the skip *beside* $x$ makes the convolution on the way up wide. I *add* it, as many newer networks do. A 1 × 1 convolution fits its channels first. Fewer parameters, and all my tests pass." The block, `ColleagueUpBlock`, lies in a file of its own, as other people's code does; you will see it when you know what is wrong. Here are the tests:

# %%
def with_ups(up_block, width=16):
    """The course's U-Net with another block on the way up."""
    torch.manual_seed(0)
    net = plain.UNet(channels, width=width)
    net.ups = nn.ModuleList(up_block(2 * w, w, w) for w in (2 * width, width))
    return net


for shape in ((1, channels, 16, 16), (3, channels, 32, 16)):
    assert with_ups(ColleagueUpBlock)(torch.randn(shape)).shape == shape
for name, block in {"yours": UpBlock, "the colleague's": ColleagueUpBlock}.items():
    print(f"{name}: {sum(p.numel() for p in with_ups(block).parameters()):,} parameters")
print("The tests pass.")

# %% [markdown]
# It trains, too, and the loss falls. Compare it with your own network after the same short training:

# %% tags=["experiment", "figure"]
trained = {}


def evidence(blocks, title, alt):
    for name, block in blocks.items():
        trained[name] = with_ups(block)
        history = train(trained[name], run.pick(smoke=10, lecture=60, laptop=300, gpu=1000),
                        title=name)
        print(f"{name}: loss {history.losses[0]:.3f} at first, "
              f"{sum(history.losses[-10:]) / 10:.3f} at the end")
    with torch.no_grad():
        curves = {name: errors(lambda x_t, t, net=net: net(x_t), unseen, seed=6)
                  for name, net in trained.items()}
    print(", ".join(f"{name} {curve[0]:.3f}" for name, curve in curves.items()),
          f"at t = {times[0]}")
    plots.curves(curves, x=times, xlabel="step t",
                 ylabel="error of the guess (root mean square)", title=title, alt=alt)


evidence({"yours": UpBlock, "the colleague's": ColleagueUpBlock}, "Nothing crashes, and yet",
         "Error against step: the colleague's network is worse at little noise, and as good at "
         "much noise.")

# %% [markdown]
# Where is it worse, and where not? You have seen that pattern in section 6. Find out what is wrong, from evidence and before you read the code: a test of shapes cannot see it.
#
# <details><summary>Where to look</summary>Two experiments. One: make a block, <code>ColleagueUpBlock(16, 8, 8)</code>, and hand it the same <code>x</code>, (1, 16, 8, 8), and two different skips, (1, 8, 16, 16). Two: compute a loss, call <code>.backward()</code>, and print for every name and parameter whether <code>p.grad</code> is there, and how large. Which parameter never learned anything?</details>

# %%
# your own look: try things here

# %% [markdown]
# You know which input makes no difference? Then read:

# %%
print(inspect.getsource(ColleagueUpBlock))

# %% [markdown]
# ### Exercise 8 · `MendedUpBlock`
# ●●○ · 20 minutes · the heart of the lesson
#
# Write the block as the colleague meant it: lighter than `UpBlock`, and with the skip in it.
#
# <details><summary>Hint 1: what to think about</summary>The sum is computed. Who reads it?</details>
# <details><summary>Hint 2: what to change</summary>One name in the last line of <code>forward</code>. You may also write it shorter.</details>
# <details><summary>Hint 3: nearly the line</summary><code>return self.convolve(…)</code>, of a sum: the larger x, and what <code>fit</code> and a ReLU make of the skip</details>


# %% tags=["exercise"] exercise="MendedUpBlock" points=3
class MendedUpBlock(nn.Module):
    """Twice the size, plus the skip, a ConvBlock. (The skip's channels are fitted by a 1 x 1
    convolution, then a ReLU.)

    Takes x (B, inputs, H, W) and skip (B, skips, 2H, 2W), returns (B, outputs, 2H, 2W). The
    layers may stay.
    """

    def __init__(self, inputs, skips, outputs):
        super().__init__()
        self.fit = nn.Conv2d(skips, inputs, kernel_size=1)
        self.convolve = ConvBlock(inputs, outputs)

    def forward(self, x, skip):
        ### BEGIN SOLUTION
        larger = F.interpolate(x, scale_factor=2)  # (B, inputs, 2H, 2W)
        return self.convolve(larger + F.relu(self.fit(skip)))  # (B, outputs, 2H, 2W)
        ### END SOLUTION


# %% tags=["check"] exercise="MendedUpBlock"
MendedUpBlock = ex.MendedUpBlock.check(MendedUpBlock)

# %% tags=["experiment", "figure"]
evidence({"mended": MendedUpBlock}, "With the skip in it, the detail is back",
         "The same chart with a third curve: the mended network is nearly as good as the first "
         "at every step.")
suspect, few, eps = trained["the colleague's"], garden[:8], torch.zeros_like(garden[:8])
denoising_loss(suspect, few, torch.full((8,), 200), alpha_bar, eps).backward()
for name, p in suspect.named_parameters():
    if "ups" in name and "weight" in name:
        print(f"the colleague's {name:28}",
              "no gradient" if p.grad is None else f"{p.grad.norm():.4f}")

# %% [markdown]
# **What to notice.** After the same 300 steps (`laptop`), at $t = 20$ your network is off by 0.205, the colleague's by 0.282, and the mended one by 0.210, with 109,443 parameters instead of 118,307. Under heavy noise, where there is no detail to carry, nobody would have noticed. The `fit` layers of the colleague got no gradient at all: nothing in the result depended on them. No test of shapes can see that. Two other tests can, and take one line each: *change an input, and the output has to change*; *after one backward pass, every parameter has a gradient*. The checks of this lesson make both.

# %% [markdown]
# ## 8 · Explorer
#
# **At which noise level does each denoiser give up, and how does it look when it does?** Move $t$ with the mouse or the arrow keys, and change the denoiser and the picture. Pictures 1 to 4 are in the garden, 5 to 8 were never shown. Look for the step at which the ideal denoiser goes from one picture to a mixture, and for pictures where it jumps to the wrong one.

# %% tags=["explorer", "figure"]
DenoisingExplorer(
    {"in the garden": garden[:4], "never shown": unseen[:4]},
    alpha_bar=alpha_bar,
    denoisers={
        "network": lambda x_t, t: net(x_t),
        "ideal denoiser": ideal,
        "one pixel alone": one_pixel,
        "blur": lambda x_t, t: F.avg_pool2d(x_t, 3, stride=1, padding=1,
                                            count_include_pad=False),
        "doing nothing": lambda x_t, t: x_t,
    },
)

# %% [markdown]
# ## Is this normal?
#
# - **The loss** (flowers, `laptop`) begins near 0.3, passes below 0.1 within 150 steps, and ends near 0.06. It wobbles by a tenth to either side: every batch draws its own noise levels.
# - **Times.** 1,200 steps take about a minute on one core; two make it faster, and a busy machine several times slower.
# - **Every guess is the same smear**, and the loss stays at 0.22, that of the mean picture, or above: the learning rate is too high, and the ReLUs let nothing through any more.
# - **Nothing in a guess is darker than middle grey**: a ReLU after the last layer, which cuts off all that is below 0.
# - **Guesses at $t = 50$ no sharper than at $t = 400$**: the skips do not arrive. Ask `influence`, or look for a parameter without a gradient.
# - **The loss falls below 0.01 in no time**: the network is shown the clean picture, or its guess is compared with the noisy one.
#
# ## Questions to think about
#
# <details><summary>1. Would a network with no error on the training pictures be a good denoiser?</summary>It would be the ideal denoiser of the garden: it knows the training pictures by heart, and answers every new picture with one of them. What we want is not the best score on the garden, but a network that is too small, or too briefly trained, to learn it by heart, and therefore has to learn what flowers have in common.</details>
# <details><summary>2. With another loss, the mean absolute error, what would the best guess be?</summary>For each pixel the median instead of the mean. It is sharper where one colour has more than half of the probability, and still a single answer for many possible pictures.</details>
# <details><summary>3. Why does the ideal denoiser find the right picture under so much noise?</summary>It compares all pixels at once. Two flowers differ by some squared distance summed over hundreds of numbers, and the noise in that sum averages out. With more pictures in the garden there are closer pairs, and it fails earlier: try <code>garden[:100]</code> and all of it.</details>
# <details><summary>4. Why is the network worse than doing nothing under hardly any noise?</summary>It has to draw every pixel anew through several convolutions, and most of the loss comes from steps with more noise than that. A network that predicts the noise instead starts from the other end: there, answering "hardly any" is easy, and the picture is left as it is (lesson 04).</details>
#
# ## What we left out
#
# Telling the network the time (lesson 03); norms, attention and blocks that add to their input (lesson 05); what else a network may be asked for than the clean picture, and what that changes (lesson 04); how networks manage *not* to learn their garden by heart ([Kadkhodaie et al. 2023](https://arxiv.org/abs/2310.02557) train two networks on different halves of a data set and compare what they generate).
#
# ## Readings
#
# - Ronneberger, Fischer & Brox 2015, [U-Net](https://arxiv.org/abs/1505.04597): eight pages, and the picture of the U that everybody copies.
# - Karras et al. 2022, [Elucidating the Design Space](https://arxiv.org/abs/2206.00364), appendix B.3: the ideal denoiser in half a page; figure 1 is like yours.
# - Luo et al. 2016, [Understanding the Effective Receptive Field](https://arxiv.org/abs/1701.04128): the microscope, and why the middle is so much brighter than the rim.
#
# **Next**: lesson 03 tells the network how much noise there is.

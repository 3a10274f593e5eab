# %% [markdown]
# # 05 · A better U-Net
#
# ![Two rows of seven pictures of the same flower. In the upper row, made by batch normalisation, the flower has another tint in every picture; in the lower row, made by group normalisation, all seven are alike.](../course_utils/lessons/lesson05/opening.png)
#
# The upper row is one picture seven times, each time in other company: BatchNorm hands on a different picture whenever the batch is different. The lower row is the same under GroupNorm. Parts like these decide how well a network learns and how fast, and most of them fit in five lines.
#
# **You will build** the blocks of the U-Net that every later lesson uses: `GroupNorm`, `GELU`, `RearrangePool`, `ResidualBlock` and `SelfAttention2d`. PyTorch's weights load into yours, and what comes out agrees.
#
# **You will see** each part exchanged for its rival, one at a time: norms, activations, poolings, upsampling, residual connections. Some famous claims hold here, and some do not.
#
# **Time**: about three hours with the exercises. The notebook itself runs in about a minute under `laptop` (2 CPU cores) and in about half a minute under `lecture` and `smoke`. The trainings here are so small that a GPU changes little.
#
# **Stands on** lesson 02 (the first U-Net) and lesson 03 (how a block is told the time).

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from course_utils import data, experiments, models, plots, studies
from course_utils.lessons.lesson05 import ablation, denoising, diagram
from course_utils.lessons.lesson05 import checks as ex
from course_utils.lessons.lesson05.explorer import NormExplorer
from course_utils.models import modulate
from course_utils.runtime import start

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %% tags=["figure"]
run = start("05", preset=preset, dataset=dataset)
plots.use_style()
images = data.load(dataset, n=160, size=32, split="test")
x0 = images.images  # (N, C, 32, 32), float32 in [-1, 1]
small = F.avg_pool2d(x0, 2)  # (N, C, 16, 16): the size at which this lesson trains
C = x0.shape[1]
plots.grid(x0[:8], titles=[images.classes[k] for k in images.labels[:8]],
           title="The pictures of this lesson",
           alt="Eight clean pictures in a row, each with the name of its class.");

# %% [markdown]
# ## 1 · Keep the numbers in range: norms
#
# **What may a picture's features depend on?**
#
# A network multiplies and adds, layer after layer, and its numbers drift: after twenty layers they can be a thousand times too large or too small, and a gradient with them. A *norm* resets them. It takes away a mean $\mu$, divides by a standard deviation $\sigma$, and then lets the network choose a new scale $\gamma$ and a new centre $\beta$ for each channel:
#
# $$y = \gamma_c\,\frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta_c$$
#
# - $\mu$ and $\sigma^2$ are the mean and the variance of *some* of the numbers. Of which ones: that is all the difference between the norms.
# - $\varepsilon$, a small number such as $10^{-5}$, keeps a flat picture from being divided by zero.
# - $\gamma_c$ and $\beta_c$ (`weight` and `bias` in PyTorch) are learned, one pair a channel $c$. They begin at 1 and 0.
#
# | norm | mean and variance over | so a picture depends on |
# |---|---|---|
# | *BatchNorm* ([Ioffe & Szegedy 2015](https://arxiv.org/abs/1502.03167)) | each channel: all pictures of the batch, all positions | its company |
# | *InstanceNorm* | each channel of each picture: all positions | itself, and each channel forgets its mean |
# | *LayerNorm*, for pictures | each picture: all channels, all positions | itself |
# | *GroupNorm* ([Wu & He 2018](https://arxiv.org/abs/1803.08494)) | each *group* of neighbouring channels of each picture | itself |
#
# GroupNorm has the other two as its ends: with as many groups as channels it is InstanceNorm, with one group it is LayerNorm as Wu & He count its axes. (In a transformer, and in `nn.LayerNorm(C)`, the name means something else: each *position* by itself, over its channels alone.)
#
# BatchNorm's weak spot is the company. Here is one picture in eight batches of two. Its three colours are the channels.

# %% tags=["experiment", "figure"]
# Eight batches of two, the first picture always the same:
pairs = [torch.stack([x0[0], other]) for other in x0[1:9]]
after_batch = [F.batch_norm(pair, None, None, training=True)[0] for pair in pairs]
after_group = [F.group_norm(pair, 1)[0] for pair in pairs]  # three colours make one group
plots.strip({"its company": x0[1:9], "BatchNorm": 0.6 * torch.stack(after_batch),
             "GroupNorm": 0.6 * torch.stack(after_group)},
            title="BatchNorm paints the same picture in eight tints, GroupNorm in one",
            alt="Three rows of eight. Above: the companions. Middle: one picture after "
                "BatchNorm, in another tint each time. Below: the same picture after "
                "GroupNorm, eight times alike.");

# %% [markdown]
# **Where to look.** Under `flowers`, the blue companion makes the picture's own blue count for little, and BatchNorm turns it yellow; beside the dark one it becomes pale. While a network trains, that is noise on every feature. When it is used, one picture at a time, there is no company to measure: BatchNorm then takes running averages that it kept while training. So the network is trained as one function and used as another, and the smaller the batch, the more the two differ.

# %% [markdown]
# ### Exercise 1 · `GroupNorm`
# ●●○ · 15 minutes · the heart of the lesson
#
# Equation 7 of Wu & He 2018. The first argument is the *number* of groups, as in PyTorch. The parameters carry PyTorch's names, so that its weights fit yours.
#
# <details><summary>Hint 1: what to think about</summary>Give the channels of a group an axis of their own: with 2 groups, (B, 8, H, W) becomes (B, 2, 4, H, W). Over which axes goes the mean now?</details>
# <details><summary>Hint 2: the formula</summary>Mean and variance (the one that divides by n, not by n − 1) over everything but the first two axes, with keepdim=True; then back to the old shape; then weight and bias, each reshaped from (C,) to (C, 1, 1).</details>
# <details><summary>Hint 3: nearly the line</summary><code>g = x.reshape(len(x), …, -1)</code>, then <code>g.mean(dim=2, keepdim=True)</code> and <code>g.var(dim=2, keepdim=True, unbiased=False)</code></details>


# %% tags=["exercise"] exercise="GroupNorm" points=3
class GroupNorm(nn.Module):
    """Mean 0 and variance 1 in each group of channels of each picture; then weight and bias.

    groups: how many groups; it divides channels.    channels: C.    eps: added to the variance.
    Attributes: weight, 1 at the start, and bias, 0 at the start: both nn.Parameter, (C,),
    one number a channel.
    forward: x (B, C, H, W) -> the same shape.

    Example: with one group, two channels that are all 1 and all 3 come out all -1 and all 1.
    """

    def __init__(self, groups, channels, eps=1e-5):
        super().__init__()
        self.groups, self.eps = groups, eps
        ### BEGIN SOLUTION
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        g = x.reshape(len(x), self.groups, -1)  # (B, G, C/G * H * W)
        mean = g.mean(dim=2, keepdim=True)  # (B, G, 1)
        variance = g.var(dim=2, keepdim=True, unbiased=False)
        normal = ((g - mean) / (variance + self.eps).sqrt()).reshape(x.shape)  # (B, C, H, W)
        return normal * self.weight[:, None, None] + self.bias[:, None, None]
        ### END SOLUTION


# %% tags=["check"] exercise="GroupNorm"
GroupNorm = ex.GroupNorm.check(GroupNorm)

# %% [markdown]
# PyTorch has the same module. Give both the same random weights, and compare what comes out, number by number:

# %% tags=["experiment"]
theirs = nn.GroupNorm(4, 32)
for parameter in theirs.parameters():
    nn.init.normal_(parameter, generator=run.fresh_generator(1))
ours = GroupNorm(4, 32)
ours.load_state_dict(theirs.state_dict())
features = torch.randn(8, 32, 16, 16, generator=run.fresh_generator(2))
with torch.no_grad():
    gap = (ours(features) - theirs(features)).abs().max().item()
print(f"largest difference of {features.numel():,} numbers: {gap:.0e} "
      "(float32 has 7 digits: expect about 1e-06)")

# %% [markdown]
# ### Does it matter?
#
# Train two denoisers that differ in their norm alone, with batches of two. The network is a U-Net of two levels, small enough to train in seconds. It guesses the clean picture $x_0$ from $x_t$ and is not told the time (it is lesson 02's task). Two figures judge it, on 512 pictures that it has never seen, over five levels of noise:
#
# - the *error*: mean $(\hat x_0 - x_0)^2$;
# - the *colour error*: by how much the mean colour of a picture is wrong (the root of the mean square over pictures and colours).
#
# This cell runs here and now:

# %% tags=["experiment"]
settings = denoising.Denoising(dataset=dataset, batch=2,
                               steps=run.pick(smoke=4, lecture=60, laptop=200))
nets = {}  # (norm, seed) -> the trained network


def figures(norm, seed):
    own = replace(settings, norm=norm)
    nets[norm, seed], _ = denoising.train_denoiser(own, seed)
    judged = denoising.judge_denoiser(nets[norm, seed], own)
    return [judged["error"], judged["colour error"]]


seeds = range(run.pick(smoke=2, lecture=2, laptop=3, gpu=5))
rivals = {norm: lambda seed, norm=norm: figures(norm, seed)
          for norm in ("GroupNorm", "BatchNorm")}
live = experiments.compare(rivals, seeds, "figure")
for norm in live.runs:
    table = live.columns(norm, ["error", "colour error"]).table().round(3)
    display(table.rename_axis(norm, axis="columns"))
display(experiments.claim("At batch 2, BatchNorm leaves a larger colour error than GroupNorm",
                          "a common complaint about BatchNorm in image generation",
                          live.map(lambda pair: pair[1], "colour error"),
                          more="BatchNorm", less="GroupNorm"))
# two rules without a network, at the same five levels
off, spread = small - small.mean(0), small.var(0)
colour = off.mean((2, 3)).square().mean().sqrt().item()
levels = torch.tensor(denoising.LEVELS).reshape(-1, 1, 1, 1)
alone = spread * (1 - levels) / (levels * spread + 1 - levels)  # what is left, (5, C, 16, 16)
print(f"the mean picture, always: error {off.square().mean():.3f}, colour error {colour:.3f}; "
      f"each pixel alone (lesson 02): error {alone.mean():.3f}")

# %% tags=["experiment", "figure"]
noise_level = 0.1  # alpha_bar: a tenth of the picture's variance is left
x_t = denoising.add_noise(small[:8], torch.full((8,), noise_level), run.fresh_generator(3))
with torch.no_grad():
    rows = {norm: nets[norm, 0](x_t) for norm in ("BatchNorm", "GroupNorm")}
plots.strip({"clean": small[:8], "x_t": x_t, **rows},
            title="Trained with batches of two: mush of much the same colours",
            alt="Four rows of eight pictures: clean, noised, denoised with BatchNorm "
                "and with GroupNorm. Both denoised rows are blurred patches of colour; the "
                "dark picture, the seventh, is darker in the GroupNorm row.");

# %% [markdown]
# **Where to look.** So much noise leaves only mush, and the two rows are hard to tell apart. Compare the dark picture, the seventh: under GroupNorm the guess is nearly as dark, under BatchNorm it is greyer. One picture proves nothing, and the verdict on the colour error says as much: three seeds do not settle it. Both networks are far below the two rules that need no network, the mean picture (0.222) and each pixel alone (0.163), so there is something to compare.
#
# One batch size is not a law. The same comparison at batch 2, 8 and 64, with three seeds each, takes minutes, so it was made ahead. It is the function that you have just run, and `course claims norms` runs it again. Beside the error it measures the *colour shift*: by how much the mean colour of all denoised pictures together differs from the data's, a tint that they all share. (Where the errors of single pictures point different ways, they cancel there.)

# %% tags=["experiment"]
def across(study, figure, rows, columns, label="{row}, {column}"):
    """Stored runs as {row: (seeds, columns)}, to draw them against the columns."""
    found = studies.load(study, figure=figure)
    return {row: torch.stack([torch.tensor(found.runs[label.format(row=row, column=c)])
                              for c in columns], dim=1)
            for row in rows}


def say(study):
    about = studies.settings(study)
    kept = ("size", "steps", "batch", "learning_rate")
    shared = ", ".join(f"{key} {about['shared'][key]}" for key in kept
                       if key in about["shared"])
    print(f"{about['study']}\nflowers, {shared}, {len(about['seeds'])} seeds, "
          f"{about['cpu_seconds']} CPU seconds in all")


say("norms")
norms, batches = ("GroupNorm", "BatchNorm"), (2, 8, 64)
columns = [f"batch {b}" for b in batches]
by_batch = {figure: across("norms", figure, norms, columns)
            for figure in ("error", "colour shift")}

# %% tags=["experiment", "figure"]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
for ax, (name, series) in zip(axes, by_batch.items()):
    for norm, runs in series.items():
        ax.plot(batches, runs.mean(0), "o-", color=plots.COLOURS[norm], label=norm)
        ax.plot(batches, runs.T, ".", color=plots.COLOURS[norm], alpha=0.5)
    ax.set(xscale="log", xticks=batches, xticklabels=batches, ylim=(0, None))
    ax.set(xlabel="pictures in a batch", ylabel=name)
    ax.minorticks_off()
axes[0].set_title("BatchNorm catches up as the batch grows")
axes[1].set_title("It tints, at batch 64 too")
axes[0].legend()
plots.show(figure, alt="Two charts against batch size 2, 8, 64. The error: BatchNorm lies "
                       "above GroupNorm at batch 2 and comes close at 64. The colour shift: "
                       "BatchNorm has about twice as much at every size.");

# %% tags=["experiment"]
says = {  # what is measured -> what is claimed, and who says so
    "error": ("a larger error", "Wu & He 2018, figure 1, on classification"),
    "colour shift": ("a larger shift of colour",
                     "a common complaint about BatchNorm in image generation"),
}
for figure, (what, source) in says.items():
    for b in batches:
        display(experiments.claim(f"At batch {b}, BatchNorm leaves {what} than GroupNorm",
                                  source, studies.load("norms", figure=figure), digits=4,
                                  more=f"BatchNorm, batch {b}", less=f"GroupNorm, batch {b}"))

# %% [markdown]
# **What to notice.** At batch 2 BatchNorm's error is the larger one, 0.095 against 0.088; at 8 and at 64 the errors are too close to call. The colours say more: BatchNorm tints all that it makes, about twice as much as GroupNorm at batch 8 (0.031 against 0.013) and at batch 64 (0.014 against 0.007). A tint is a small part of a mean square, and the first thing that an eye sees. At batch 2 it is as strong as at 8, but the seeds scatter too much for a verdict.
#
# On ImageNet the gap at batch 2 is far wider: Wu & He 2018 report a classification error that is 10.6 % lower with GroupNorm. Their network has 50 layers, these have ten.

# %% [markdown]
# ## 2 · Units that die: activations
#
# **What happens to a unit that is never on?**
#
# Without something bent between them, two convolutions in a row are one convolution. The bend is the *activation*. For years it was *ReLU*, $\max(0, x)$: the value itself if it is positive, else 0. To the left of 0 its slope is 0 as well. If a unit lands there for *every* picture at *every* position, no gradient reaches the weights before it through this unit, so it cannot bring itself back: it is *dead*. (Layers before it still learn from other units. What they send may change so much that it wakes up by chance; nothing pulls it there.)
#
# *GELU* ([Hendrycks & Gimpel 2016](https://arxiv.org/abs/1606.08415)) multiplies by a probability where ReLU multiplies by 0 or 1:
#
# $$\mathrm{GELU}(x) = x\,\Phi(x), \qquad \Phi(x) = \tfrac12\Big(1 + \mathrm{erf}\frac{x}{\sqrt 2}\Big)$$
#
# - $\Phi(x)$ is the probability that a standard normal number lies below $x$: near 0 far to the left, 1/2 at 0, near 1 far to the right.
# - $\mathrm{erf}$ is the error function, `torch.erf`. The factor $1/\sqrt2$ is there because erf is made for a normal distribution of variance 1/2.

# %% [markdown]
# ### Exercise 2 · `GELU`
# ●○○ · 5 minutes
#
# A warm-up of one line, before the long exercises. Write down what must come out at 0, at 1 and at $-10$ before you run it.
#
# <details><summary>Hint 1: what to think about</summary>What should come out at a very large x, and at a very small one? What at 0?</details>
# <details><summary>Hint 2: the formula</summary>x times Φ(x), and Φ stands above. It has nothing to learn, so there is no <code>__init__</code> to write.</details>
# <details><summary>Hint 3: nearly the line</summary>Half of a sum: 1, and <code>torch.erf(…)</code> of x over a constant. All that times x</details>


# %% tags=["exercise"] exercise="GELU" points=1
class GELU(nn.Module):
    """x times the probability that a standard normal number is below x, exactly: with erf.

    forward: any shape -> the same shape and dtype.
    Example: GELU of 1 is 0.8413, of 0 it is 0.
    """

    def forward(self, x):
        ### BEGIN SOLUTION
        return x * 0.5 * (1 + torch.erf(x / 2**0.5))
        ### END SOLUTION


# %% tags=["check"] exercise="GELU"
GELU = ex.GELU.check(GELU)

# %% [markdown]
# Old code often has an approximation with a hyperbolic tangent, which was faster once. Weights that were trained with one form are a little wrong under the other:

# %% tags=["experiment", "figure"]
z = torch.linspace(-4, 4, 401, requires_grad=True)
bends = {"ReLU": torch.relu, "GELU": GELU()}
tanh_form = 0.5 * z * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (z + 0.044715 * z**3)))
gap = (tanh_form - GELU()(z)).abs().max().item()
print(f"the form with tanh differs from the exact one by up to {gap:.1e}")
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
for name, bend in bends.items():
    (slope,) = torch.autograd.grad(bend(z).sum(), z)
    left.plot(z.detach(), bend(z).detach(), color=plots.COLOURS[name], label=name)
    right.plot(z.detach(), slope, color=plots.COLOURS[name])
left.set(xlabel="x", ylabel="activation", title="Two bends")
right.set(xlabel="x", ylabel="slope", title="ReLU passes no gradient on the left")
left.legend()
plots.show(figure, alt="Left: ReLU and GELU against x; GELU is smooth and dips a "
                       "little below zero. Right: their slopes; ReLU's is exactly 0 "
                       "left of 0, GELU's goes to 0 slowly.");

# %% [markdown]
# Count the dead: call a unit dead if its slope stays below 0.01 for everything it sees, 64 noised pictures at all their positions. First in new networks, before any training, 32 convolutions deep, with the initial weights that PyTorch gives:

# %% tags=["experiment", "figure"]
seen = denoising.add_noise(small[:64], torch.full((64,), 0.5), run.fresh_generator(4))
depth = 32


def born_dead(seed, activation, norm="none"):
    torch.manual_seed(seed)
    return denoising.dead_units(ablation.Stack(C, depth, activation, norm), seen)  # (depth,)


variants = {"ReLU": ("ReLU",), "GELU": ("GELU",), "ReLU after GroupNorm": ("ReLU", "GroupNorm")}
runs = {name: lambda seed, how=how: born_dead(seed, *how) for name, how in variants.items()}
dead = experiments.compare(runs, range(run.pick(smoke=2, laptop=3, gpu=5)),
                           "share of dead units")
plots.curves(dead.runs, x=range(1, depth + 1), xlabel="layer", ylabel="share of dead units",
             title="Born dead: many ReLUs from the fifth layer on, no GELU",
             alt="Share of dead units by layer: under ReLU it rises from zero to about 0.4; "
                 "under GELU, and under ReLU after GroupNorm, it stays at zero.");

# %% [markdown]
# **Where to look.** Why 0.4 and not 1? With PyTorch's initial weights the signal shrinks from layer to layer, until all that is left is each unit's own bias. Some are positive: that unit is always on. Some are negative: dead. GELU has a slope at small negative values, and a norm brings the signal back to full size.
#
# Then training begins, and a few steps that are too large can throw a unit over the edge. Sixty steps with a learning rate of 0.01 (five times what this lesson uses), made ahead:

# %% tags=["experiment", "figure"]
say("dead_units")
depths = (2, 4, 8, 16)
worn = across("dead_units", "dead after", ("ReLU", "GELU"), [f"{d} layers" for d in depths])
plots.curves(worn, x=list(depths), logx=True, xlabel="layers", ylabel="share of dead units",
             title="After 60 rough steps: the deeper the network, the more ReLUs are dead",
             alt="Share of dead units after 60 steps against depth: under ReLU it rises "
                 "steeply, under GELU it stays low.");

# %% tags=["experiment"]
measured = studies.load("dead_units", figure="dead after")
for d in depths:
    display(experiments.claim("After a rough start, ReLU has more dead units than GELU "
                              f"in {d} layers",
                              "a common reason given for GELU", measured,
                              more=f"ReLU, {d} layers", less=f"GELU, {d} layers"))
display(experiments.claim("Under ReLU, a larger share of the units dies in a deeper network",
                          "Lu et al. 2019, Dying ReLU and Initialization", measured,
                          more="ReLU, 16 layers", less="ReLU, 2 layers"))
print(f"variance of the data: {small.var().item():.2f}; "
      "error of what they denoise after those steps:")
display(studies.load("dead_units", figure="error").table()[["mean", "spread"]].round(2))

# %% [markdown]
# **What to notice.** After the rough start a quarter of the ReLUs is dead in 2 layers and nearly three quarters in 16; of the GELUs none in up to 8 layers, and in 16 layers some after all (5 to 25 %): a GELU far to the left has a slope near zero too, it only takes more to get there. The last row of the story is not in the chart: with 16 layers neither network learned anything in those 60 steps (both end with an error near 0.25, and the variance of the data is 0.27). Not dying is not yet learning. What makes 16 layers learn comes in section 5.

# %% [markdown]
# ## 3 · Half the size: pooling
#
# **Which of four pixels should survive?**
#
# On its way down a U-Net halves the picture, so that a 3 × 3 convolution sees twice as far. There are three popular ways:
#
# - *max-pooling* keeps the largest of each four;
# - a *strided convolution* computes only every second position;
# - *rearranging* keeps all four, as four channels, and lets a 1 × 1 convolution mix them.
#
# Max-pooling has a habit that hurts here: it is not neutral about noise. The largest of four standard normal numbers is 1.03 on average, not 0.

# %% tags=["experiment", "figure"]
noise = torch.randn(1000, 1, 16, 16, generator=run.fresh_generator(5))
pooled = F.max_pool2d(noise, 2)
print(f"mean of pure noise {noise.mean().item():+.3f}, "
      f"after max-pooling {pooled.mean().item():+.3f}")
a = torch.tensor([1.0, 0.9, 0.7, 0.5, 0.3, 0.1])  # alpha_bar, from clean to noisy
x_t = denoising.add_noise(x0[:1].expand(6, -1, -1, -1), a, run.fresh_generator(6))
plots.strip({"max-pool": F.max_pool2d(x_t, 2), "average": F.avg_pool2d(x_t, 2),
             "one of four": x_t[..., ::2, ::2]},
            column_titles=[f"alpha_bar {v:.1f}" for v in a.tolist()],
            title="The noisier the picture, the brighter max-pooling makes it",
            alt="One picture at six noise levels, halved in three ways. Max-pooled, it becomes "
                "ever brighter with the noise; averaged, the noise is weaker; one of four "
                "pixels leaves the noise as it is.");

# %% [markdown]
# Rearranging is a matter of counting indices, which is where mistakes live. [einops](https://einops.rocks) lets you write the counting down. The pattern says what each axis is made of, before and after:
#
# - `(h p)` splits an axis into an outer part `h` and an inner part `p`: neighbours have the same `h`.
# - on the right, `(p q c)` merges three axes into one, `p` outermost: the last one is counted up first.

# %% tags=["experiment"]
little = torch.arange(16).reshape(1, 1, 4, 4)
print(little[0, 0])
four = rearrange(little, "b c (h p) (w q) -> b (p q c) h w", p=2, q=2)
print(four[0])  # four channels of 2 x 2

# %% [markdown]
# ### Exercise 3 · `RearrangePool`
# ●●○ · 10 minutes · the heart of the lesson
#
# Rearrange, then mix with a 1 × 1 convolution. The order of the channels is part of the contract: weights that were trained with one order mean nothing in another. The picture above has one channel, so several orders give the same there. The docstring says which one is wanted, as a formula; you find the pattern.
#
# <details><summary>Hint 1: what to think about</summary>How many channels come into the convolution? How many numbers has a square of 2 × 2 pixels? And in 4 c + 2 p + q, which of the three is counted up first, which last?</details>
# <details><summary>Hint 2: the formula</summary>conv from 4 · inputs to outputs channels with kernel_size=1. In the pattern, the axis with the largest factor stands outermost.</details>
# <details><summary>Hint 3: nearly the line</summary><code>rearrange(x, "b c (h p) (w q) -> b (…) h w", p=2, q=2)</code>, and the convolution of it</details>


# %% tags=["exercise"] exercise="RearrangePool" points=2
class RearrangePool(nn.Module):
    """Half the size, nothing thrown away: each 2 x 2 square becomes four channels, then a
    1 x 1 convolution mixes them.

    Pixel (p, q) of a square, channel c, goes to channel 4 c + 2 p + q.
    Attributes: conv, the convolution, from 4 * inputs to outputs channels.
    forward: (B, inputs, H, W) -> (B, outputs, H/2, W/2), H and W even.
    """

    def __init__(self, inputs, outputs):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv = nn.Conv2d(4 * inputs, outputs, kernel_size=1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.conv(rearrange(x, "b c (h p) (w q) -> b (c p q) h w", p=2, q=2))
        ### END SOLUTION


# %% tags=["check"] exercise="RearrangePool"
RearrangePool = ex.RearrangePool.check(RearrangePool)

# %% [markdown]
# A surprise for those who call it a new layer: it is a strided convolution. A 2 × 2 convolution with stride 2 multiplies each pixel of a square by a weight of its own and adds up, and so does the 1 × 1 convolution after the rearrangement. Take the same weights in another shape:

# %% tags=["experiment"]
pool = RearrangePool(3, 8)
strided = nn.Conv2d(3, 8, kernel_size=2, stride=2)
strided.load_state_dict({"weight": pool.conv.weight.reshape(8, 3, 2, 2),
                         "bias": pool.conv.bias})
picture = torch.randn(4, 3, 16, 16, generator=run.fresh_generator(7))
with torch.no_grad():
    print(f"largest difference: {(pool(picture) - strided(picture)).abs().max().item():.0e}")

# %% [markdown]
# So the comparison that is left to make: a 3 × 3 convolution with stride 2, whose windows overlap, against the rearrangement, and max-pooling against both. In the denoiser with everything else equal:

# %% tags=["experiment"]
say("poolings")
for pool in ablation.POOLS:
    net = ablation.Denoiser(3, ablation.Parts(pool=pool))
    print(f"{pool:10} {sum(p.numel() for p in net.parameters()):,} "
          "parameters in the whole denoiser")
poolings = studies.load("poolings", figure="error")
display(poolings.table().round(4))
others = {"max-pool": "max-pooling", "strided": "a strided 3 × 3 convolution"}
for other, words in others.items():
    display(experiments.claim(f"Rearranging leaves a smaller error than {words}",
                              "a common reason given for space-to-depth layers", poolings,
                              more=other, less="rearrange", digits=4))

# %% [markdown]
# **What to notice.** Nothing that three seeds could tell apart: all three end near 0.069, and the seeds differ by as much as the ways do. That is not proof that they are equal. The intervals say how large a difference could hide here: about 0.007, a tenth of the error. A guess at why it is no larger, which you can test: in a U-Net the fine detail takes the skip past the pooling, and max-pooling's bias is nearly a constant, which the convolution after it can take away. (Lesson 02 showed how to take a skip out.)
#
# The course pools by rearranging all the same: it throws nothing away, whatever stands around it, and has fewer weights than the 3 × 3 convolution.

# %% [markdown]
# ## 4 · Twice the size: the checkerboard
#
# **Why do some networks draw on squared paper?**
#
# On its way up the U-Net doubles the size. A *transposed convolution* does it with learned weights: every pixel stamps its kernel onto the larger picture, two pixels apart, and where stamps overlap they add up. With a 3 × 3 kernel, some pixels get one stamp, some two, and some four. That is the *checkerboard* of [Odena et al. 2016](https://distill.pub/2016/deconv-checkerboard/). The remedy they propose: first repeat each pixel, then convolve (*resize-convolution*).
#
# See what new, untrained layers make of a picture:

# %% tags=["experiment", "figure"]
lifts = list(ablation.LIFTS)


def lifted(name, x, seed):
    """What a new layer of this kind makes of x (B, C, H, W): twice the size, one contrast."""
    torch.manual_seed(seed)
    with torch.no_grad():
        y = ablation.LIFTS[name](C, C)(x)
    return (y - y.mean((2, 3), keepdim=True)) / y.std((2, 3), keepdim=True)


rows = {name: torch.cat([0.5 * lifted(name, small[k : k + 1], k) for k in range(5)])
        for name in lifts}
plots.strip({name.replace(", ", ",\n"): row for name, row in rows.items()},
            title="Fresh from initialisation: squares under every transposed convolution",
            alt="Five pictures doubled in size by three kinds of new layer. Both "
                "transposed convolutions cover them with a fine regular grid; resizing "
                "then convolving does not.");

# %% [markdown]
# To measure it, take the picture's *spectrum*. A Fourier transform writes a picture as a sum of waves, and its squared size at each frequency, the *power*, says how much variance that wave carries. The fastest wave that pixels can hold alternates from one pixel to the next: the *Nyquist frequency*, half a wave a pixel. Three waves have it: alternating along rows, along columns, and along both, which is the checkerboard itself.
#
# In `torch.fft.fft2` of an $H \times W$ picture, frequency 0 (the mean) stands at `[0, 0]`, and the three stand at `[H/2, 0]`, `[0, W/2]` and `[H/2, W/2]`.

# %% [markdown]
# ### Exercise 4 · `checkerboard_share`
# ●●○ · 15 minutes
#
# Which share of a picture's variance alternates from pixel to pixel?
#
# <details><summary>Hint 1: what to think about</summary>The variance of a picture is the power at all frequencies but one. Which one is left out?</details>
# <details><summary>Hint 2: the formula</summary>power = |fft2(x)|², then (three corners) / (sum over all − the mean's). Or without any Fourier transform: for each of the three patterns of +1 and −1, the squared mean of pattern times picture, over the picture's variance.</details>
# <details><summary>Hint 3: nearly the line</summary><code>power = torch.fft.fft2(…).abs() ** 2</code>, <code>h, w = … // 2, … // 2</code>; three places of <code>power[..., …, …]</code> above the line, all but one below it</details>


# %% tags=["exercise"] exercise="checkerboard_share" points=2
def checkerboard_share(x):
    """The share of a picture's variance at the Nyquist frequency of rows, columns, and both.

    x: (B, C, H, W), H and W even.    Returns (B, C), each from 0 to 1.

    Example: pixels that alternate like a chessboard give 1; one slow wave gives 0; white
    noise about 3 / (H W - 1).
    """
    ### BEGIN SOLUTION
    power = torch.fft.fft2(x).abs() ** 2  # (B, C, H, W)
    h, w = x.shape[2] // 2, x.shape[3] // 2
    fastest = power[..., h, 0] + power[..., 0, w] + power[..., h, w]
    return fastest / (power.sum((2, 3)) - power[..., 0, 0])  # without the mean
    ### END SOLUTION


# %% tags=["check"] exercise="checkerboard_share"
checkerboard_share = ex.checkerboard_share.check(checkerboard_share)

# %% [markdown]
# Divide by what white noise has, and 1 means "as much as noise". Clean pictures have far less. The spectrum below is a map: slow waves in the middle, the fastest at the edges.

# %% tags=["experiment", "figure"]
def against_noise(x):
    """The checkerboard's share, in multiples of what white noise has: the median."""
    pixels = x.shape[2] * x.shape[3]
    return checkerboard_share(x.double()).nanmedian().item() * (pixels - 1) / 3


variants = {name: lambda seed, name=name: against_noise(lifted(name, x0[:32], seed))
            for name in lifts}
new = experiments.compare(variants, range(run.pick(smoke=3, laptop=10)),
                          "checkerboard, in multiples of white noise")
display(new.table()[["mean", "spread"]].round(2))
figure, axes = plt.subplots(1, 3, figsize=(9, 3.8))
for ax, name in zip(axes, lifts):
    larger = torch.cat([lifted(name, x0[:32], seed) for seed in range(5)])  # (160, C, 64, 64)
    waves = torch.fft.fft2(larger)
    power = torch.fft.fftshift(waves.abs() ** 2, dim=(2, 3)).mean((0, 1))
    ax.imshow(power.log(), cmap="magma", vmin=2, vmax=14)
    ax.set(title=name, xlabel="waves a pixel", xticks=[0, 32], yticks=[0, 32])
    ax.set(xticklabels=["−½", "0"], yticklabels=["−½", "0"])
    ax.grid(False)
plots.show(figure, alt="Three spectra. Under the transposed convolutions there are copies of "
                       "the bright middle at the edges and corners, where the fastest waves "
                       "are; under resizing the edges are dark.");

# %% tags=["experiment"]
for kind in lifts[:2]:
    size = kind.removeprefix("transposed, ")
    display(experiments.claim(f"At initialisation, a transposed convolution ({size}) draws a "
                              "stronger checkerboard than resizing", "Odena et al. 2016", new,
                              more=kind, less=lifts[2], digits=2))

# %% [markdown]
# **Where to look.** The edges and corners of the map hold *copies of the middle*. A transposed convolution first spreads the pixels out with zeros between them, which copies the spectrum; its kernel would have to smooth the copies away, and a new kernel does not. Note the second column: 4 is divisible by the stride 2, so every pixel gets the same *number* of stamps, and the checkerboard is there all the same, because the stamps' weights differ. "Choose a kernel size that the stride divides" helps less than it is said to, at the start.
#
# And after training? A trained network could learn to smooth. Here is a network with nothing but upsampling to make its fine detail: it squeezes a picture to a quarter of its size and draws it again, without skips, trained ahead with each of the three.

# %% tags=["experiment"]
say("upsampling")
for name in ("checkerboard before", "checkerboard after", "error"):
    display(studies.load("upsampling", figure=name).table()[["mean", "spread"]].round(3))
before = studies.load("upsampling", figure="checkerboard before")
# noise has 3 of (pixels - 1): the unit shrinks as the picture grows
for name in lifts:
    above, here = (100 * c.runs[name].mean() * 3 / (pixels - 1)
                   for c, pixels in ((new, 64 * 64), (before, 16 * 16)))
    print(f"{name:>19}: {above:4.1f} % of the variance in the layers above, {here:4.1f} % here")
flowers = data.load("flowers", n=512, size=16, split="test").images
print("checkerboard of the pictures that they learn from: "
      f"{denoising.checkerboard(flowers):.2f}")

# %% tags=["experiment"]
for when in ("before", "after"):
    measured = studies.load("upsampling", figure=f"checkerboard {when}")
    for kind in lifts[:2]:
        size = kind.removeprefix("transposed, ")
        display(experiments.claim(f"{when.title()} training, a network with transposed "
                                  f"convolutions ({size}) draws a stronger "
                                  "checkerboard than one that resizes",
                                  "Odena et al. 2016", measured, more=kind, less=lifts[2],
                                  digits=2))
display(experiments.claim("Resizing leaves a smaller error than "
                          "transposed convolutions (3 x 3)",
                          "a common reading of Odena et al. 2016",
                          studies.load("upsampling", figure="error"),
                          more=lifts[0], less=lifts[2], digits=4))

# %% [markdown]
# **What to notice.** Compare with the pictures' own 0.24. Before training both transposed convolutions are far above it, at 12 and 14 in multiples of white noise. That looks like much less than the 350 of the layers above, but mind the unit: the pictures there have 16 times as many pixels, and white noise has 16 times less of its variance in three waves. As shares of the variance it is 15 and 17 % here, and 26 % there. Two hundred steps later most of that is gone: the 3 × 3 kernels end a little above the pictures (0.29), the 4 × 4 kernels somewhat further below (0.17). So in this network the famous grid is a matter of the beginning. Odena et al. looked at networks that were trained against a discriminator. A guess is that a mean square error makes a network unlearn the grid, and that their loss did not; nothing here tests that.
#
# Resizing ends at 0.10: it draws *less* of the finest detail than there is. That is the other side of the remedy, a little blur. Its error is the smaller one all the same, and the course's U-Net resizes.

# %% [markdown]
# ## 5 · Add, do not replace: residual blocks
#
# **Why can a deeper network be worse?**
#
# Every layer rewrites everything. A layer that has nothing to contribute must learn to hand its input on, which a random convolution is far from. A *residual block* ([He et al. 2015](https://arxiv.org/abs/1512.03385)) turns this around: it learns what to *add*,
#
# $$y = x + f(x).$$
#
# - If $f = 0$, the block is not there: the identity is where it begins, not what it must find.
# - The gradient of $y$ with respect to $x$ is $1 + f'(x)$. Beside what $f$ makes of it, the gradient arrives as it is: where $f'$ is small, nearly all of it gets through. (Not whatever $f$ does: where $f'$ is near $-1$ the two cancel.)
#
# How much of the gradient reaches the first blocks? Twelve new blocks in a row, of two convolutions each, with and without the addition, with and without a norm:

# %% tags=["experiment", "figure"]
def gradient_by_block(seed, residual, norm, blocks=12):
    """The length of the gradient that arrives before each block, where the last gets 1."""
    torch.manual_seed(seed)
    parts = ablation.Parts(residual=residual)
    row = [ablation.Block(16, 16, parts, ablation.NORMS[norm]) for _ in range(blocks)]
    h = torch.randn(16, 16, 8, 8, generator=run.fresh_generator(seed)).requires_grad_()
    met = [h]
    for block in row:
        met.append(block(met[-1]))
    wish = torch.randn(met[-1].shape, generator=run.fresh_generator(seed + 100))
    gradients = torch.autograd.grad((met[-1] * wish).sum(), met)
    lengths = torch.stack([g.norm() for g in gradients])
    return (lengths / lengths[-1]).tolist()


kinds = {"residual": (True, "none"), "plain": (False, "none"),
         "residual, GroupNorm": (True, "GroupNorm"), "plain, GroupNorm": (False, "GroupNorm")}
runs = {name: lambda seed, how=how: gradient_by_block(seed, *how)
        for name, how in kinds.items()}
arrives = experiments.compare(runs, range(run.pick(smoke=2, laptop=3)), "gradient")
plots.curves(arrives.runs, x=range(13), xlabel="before block", ylabel="length of the gradient",
             logy=True,
             title="Without addition and norm, each block keeps a tenth of the gradient",
             alt="Length of the gradient at each of twelve blocks, logarithmic: plain blocks "
                 "without a norm lose a factor of about ten a block; residual blocks lose "
                 "nothing; with GroupNorm both grow a little towards the front.");

# %% [markdown]
# In the course's block, the norm and the activation come *before* each convolution ([He et al. 2016](https://arxiv.org/abs/1603.05027)), so that what is added passes through the whole network untouched. In the middle the block is told the time, with the scale and shift of lesson 03, `modulate(h, scale, shift)`:

# %% tags=["figure"]
diagram.residual_block();

# %% [markdown]
# Two decisions are left to you: what `skip` is, and how the block begins as the identity.

# %% [markdown]
# ### Exercise 5 · `ResidualBlock`
# ●●● · 25 minutes · the heart of the lesson
#
# <details><summary>Hint 1: what to think about</summary>When can x be added as it is, and when not? Which layer's weights must be 0 so that nothing is added at the start, and which must not?</details>
# <details><summary>Hint 2: the formula</summary>skip is nn.Identity() if inputs and outputs are equal, else a 1 × 1 convolution. conv2's weight and bias begin at 0. forward: h = conv1(act(norm1(x))), h = norm2(h), with a time modulate(h, scale, shift), and skip(x) + conv2(act(h)). The two halves of self.time(time) are scale and shift.</details>
# <details><summary>Hint 3: nearly the line</summary><code>nn.init.zeros_(…)</code> for the weight, the bias likewise; <code>scale, shift = self.time(time).chunk(2, dim=1)</code></details>


# %% tags=["exercise"] exercise="ResidualBlock" points=4
class ResidualBlock(nn.Module):
    """skip(x) plus a change: norm, GELU, convolution, twice. A new block changes nothing.

    inputs, outputs: channels.    groups: of both norms.
    time_features: length of a picture's vector that says the time, or 0.
    Attributes: norm1, conv1, time, norm2, conv2 as below, and skip: nn.Identity() where
    inputs == outputs, else a 1 x 1 convolution.
    forward: x (B, inputs, H, W) -> (B, outputs, H, W). With time=None nothing is modulated.
    """

    def __init__(self, inputs, outputs, time_features=0, groups=8):
        super().__init__()
        self.norm1, self.norm2 = GroupNorm(groups, inputs), GroupNorm(groups, outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)
        self.time = nn.Linear(time_features, 2 * outputs) if time_features else None
        self.act = GELU()
        ### BEGIN SOLUTION
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)
        ### END SOLUTION

    def forward(self, x, time=None):
        ### BEGIN SOLUTION
        h = self.norm2(self.conv1(self.act(self.norm1(x))))  # (B, outputs, H, W)
        if self.time is not None and time is not None:
            h = modulate(h, *self.time(time).chunk(2, dim=1))  # scale, shift: (B, outputs)
        return self.skip(x) + self.conv2(self.act(h))
        ### END SOLUTION


# %% tags=["check"] exercise="ResidualBlock"
ResidualBlock = ex.ResidualBlock.check(ResidualBlock)

# %% [markdown]
# Does the addition make a better denoiser? The same network with and without it, with GroupNorm in both, at three depths (counting the convolutions in its blocks), made ahead:

# %% tags=["experiment", "figure"]
say("residual")
convolutions = (6, 12, 24)
by_depth = across("residual", "error", ("residual", "plain"),
                  [f"{n} convolutions" for n in convolutions])
plots.curves(by_depth, x=list(convolutions), logx=True, xlabel="convolutions in the blocks",
             ylabel="error of the denoised pictures",
             title="Without the addition, deeper is worse; with it, it is not",
             alt="Error against depth: with residual connections it "
                 "falls a little, without them it rises steeply.");

# %% tags=["experiment"]
measured = studies.load("residual", figure="error")
for n in convolutions:
    display(experiments.claim(f"With {n} convolutions, plain blocks leave a larger "
                              "error than residual blocks",
                              "He et al. 2015, on classification", measured,
                              more=f"plain, {n} convolutions",
                              less=f"residual, {n} convolutions", digits=4))
display(experiments.claim("Without the addition, the deeper network is the worse one "
                          "(24 convolutions against 6)",
                          "He et al. 2015, figure 1", measured,
                          more="plain, 24 convolutions", less="plain, 6 convolutions",
                          digits=4))
display(experiments.claim("With the addition, the deeper network is the better one "
                          "(24 convolutions against 6)",
                          "He et al. 2015, on classification", measured,
                          more="residual, 6 convolutions", less="residual, 24 convolutions",
                          digits=4))

# %% [markdown]
# **What to notice.** The curves run apart: from 6 to 24 convolutions the plain network goes from 0.081 to 0.118, and that verdict is clear. The residual one goes from 0.071 to 0.066, which is *too close to call*: three seeds do not show that depth helps, only that it does no harm like that. With 6 convolutions the two kinds cannot be told apart, either. The deeper plain network *could* do all that the shallow one does, if its extra blocks handed their input on. It does not find that in 200 steps. Short gradients are not the reason: with GroupNorm, as here, a new plain network's are not small at all (the dotted line above). What the reason is, these figures do not say. He et al. 2015 suspect that plain deep networks do learn, but very slowly; then many more steps would close the gap.

# %% [markdown]
# ## 6 · Look everywhere: attention
#
# **How does one petal know the colour of another?**
#
# A 3 × 3 convolution sees one pixel around. To carry a colour across a picture takes many of them. *Self-attention* ([Vaswani et al. 2017](https://arxiv.org/abs/1706.03762)) lets every position look at every other, at once. From its features each position makes three vectors: a *query* $q$ (what am I looking for?), a *key* $k$ (what do I have?) and a *value* $v$ (what do I tell?). Position $i$ then collects
#
# $$h_i = \sum_j w_{ij}\,v_j, \qquad w_{ij} = \mathrm{softmax}_j\!\left(\frac{q_i \cdot k_j}{\sqrt d}\right)$$
#
# - $q_i \cdot k_j$ is large where what $i$ looks for is what $j$ has.
# - The softmax over $j$ makes positive weights that add up to 1: $h_i$ is an average of values.
# - $d$ is the number of channels in $q$. A sum of $d$ products of independent numbers of mean 0 and variance 1 has variance $d$; the root brings it back to 1, so that the softmax is not all on one position from the start.
# - With several *heads*, the channels are split into as many parts, and each part looks by itself: one head may look for the same colour, another for the same petal.
#
# With $H W$ positions there are $(HW)^2$ weights. At 8 × 8 that is 4,096 a head; at 64 × 64 it is 16.8 million. So a U-Net uses attention where the picture is small.

# %% [markdown]
# ### Exercise 6 · `SelfAttention2d`
# ●●● · 25 minutes
#
# The three vectors come from one 1 × 1 convolution, `qkv`, whose output channels are ordered (3, heads, C // heads). What attention collects goes through `out`, which begins at 0, and is *added* to the input. In PyTorch, `a @ b` multiplies the matrices in the last two axes.
#
# <details><summary>Hint 1: what to think about</summary>For the two products the positions have to stand in the second-last axis, (B, heads, H·W, C // heads). In which order does qkv give the axes?</details>
# <details><summary>Hint 2: the formula</summary>qkv(norm(x)) reshaped to (B, 3, heads, C // heads, H·W), the last two swapped, split in three. weights = softmax of q @ kᵀ / √(C // heads) over the keys, which are the last axis. Then weights @ v, the axes swapped back, and reshaped to (B, C, H, W).</details>
# <details><summary>Hint 3: nearly the line</summary><code>q, k, v = ….transpose(3, 4).unbind(dim=1)</code>, <code>weights = (q @ … / …).softmax(dim=…)</code>; then <code>weights @ v</code>, whose axes go back the way they came, and <code>x + self.out(…)</code></details>


# %% tags=["exercise"] exercise="SelfAttention2d" points=4
class SelfAttention2d(nn.Module):
    """x plus what every position collects from every other. A new block changes nothing.

    channels: C.    heads: how many looks at once; divides C.    groups: of the norm before.
    Attributes: norm, qkv (its output channels are ordered (3, heads, C // heads)), out.
    forward: (B, C, H, W) -> the same.    Vaswani et al. 2017, equation 1.
    """

    def __init__(self, channels, heads=4, groups=8):
        super().__init__()
        self.heads = heads
        self.norm = GroupNorm(groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, kernel_size=1)
        self.out = nn.Conv2d(channels, channels, kernel_size=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        B, C, H, W = x.shape
        ### BEGIN SOLUTION
        qkv = self.qkv(self.norm(x)).reshape(B, 3, self.heads, C // self.heads, H * W)
        q, k, v = qkv.transpose(3, 4).unbind(dim=1)  # (B, heads, H*W, C/heads) each
        scores = q @ k.transpose(2, 3) / (C // self.heads) ** 0.5  # (B, heads, H*W, H*W)
        weights = scores.softmax(dim=3)
        return x + self.out((weights @ v).transpose(2, 3).reshape(B, C, H, W))
        ### END SOLUTION


# %% tags=["check"] exercise="SelfAttention2d"
SelfAttention2d = ex.SelfAttention2d.check(SelfAttention2d)

# %% [markdown]
# What can the middle of a picture see? Change each pixel of the input a little, and ask how much the middle of the output changes: the gradient, drawn as a map. (The layers that begin at 0 get random weights here, else there is nothing to see.) The block has two parts that reach across a picture: attention, and the GroupNorm before it, whose mean and variance are made of all pixels. So look at each of them alone.

# %% tags=["experiment"]
def sight(*blocks, seed=0):
    """How much the middle of the output depends on each pixel of the input, (16, 16)."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(C, 16, kernel_size=1), *[block() for block in blocks])
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.2)
    x = small[:1].clone().requires_grad_()
    (slope,) = torch.autograd.grad(net(x)[0, :, 8, 8].sum(), x)
    return slope.abs().sum((0, 1))


def convolution():
    return nn.Conv2d(16, 16, kernel_size=3, padding=1)


def attention_alone():
    block = SelfAttention2d(16)
    block.norm = nn.Identity()
    return block


# %% tags=["experiment", "figure"]
reach = {"two convolutions": sight(*[convolution] * 2),
         "six convolutions": sight(*[convolution] * 6),
         "GroupNorm alone": sight(lambda: GroupNorm(8, 16)),
         "attention, no norm": sight(attention_alone)}
figure, axes = plt.subplots(1, 4, figsize=(9, 3.2))
for ax, (name, where) in zip(axes, reach.items()):
    ax.imshow((where / where.max()).clamp_min(1e-6).log10(), cmap="viridis", vmin=-4, vmax=0)
    ax.set_title(f"{name}:\n{(where > 0).sum()} of 256 pixels", fontsize=9)
    ax.set(xticks=[], yticks=[])
plots.show(figure, alt="Four maps of what the middle pixel depends on: a square of "
                       "5 x 5 for two convolutions, of 13 x 13 for six, the whole "
                       "picture for GroupNorm alone and for attention without a norm: in "
                       "both faintly, but for the middle itself.");

# %% [markdown]
# **Where to look.** Two convolutions see a square of 5 × 5, six a square of 13 × 13, and its rim faintly. One attention sees all 256 pixels, and so does a GroupNorm, about as strongly here. So this map does not show what attention is for. The difference is in *what* gets across. A norm lets two numbers a group through, a mean and a variance, the same for every position. Attention lets each position choose, by its query, whose values it takes. In a new network with random weights hardly anything is chosen yet; the shades say how strong the weights are, and no more.

# %% [markdown]
# ## 7 · Your U-Net
#
# **Are your blocks good enough for the rest of the course?**
#
# The course's U-Net, `models.UNet`, is made of the blocks that you wrote: two residual blocks a level, rearrange pooling, attention at the smallest size, time in every block. Take it, put *your* block in the place of each of its own, and load its weights:

# %% tags=["experiment"]
def yours(block):
    """Your block of the same kind and size as one of the reference's; None if it is none."""
    if isinstance(block, models.ResidualBlock):
        told = block.time.in_features if block.time is not None else 0
        return ResidualBlock(block.conv1.in_channels, block.conv1.out_channels, told,
                             block.norm1.num_groups)
    if isinstance(block, models.SelfAttention2d):
        return SelfAttention2d(block.out.in_channels, block.heads, block.norm.num_groups)
    if isinstance(block, models.RearrangePool):
        return RearrangePool(block.conv.in_channels // 4, block.conv.out_channels)
    if isinstance(block, nn.GroupNorm):
        return GroupNorm(block.num_groups, block.num_channels)
    return None


def exchange(net):
    """Put your blocks in the place of the reference's, wherever they stand."""
    for name, part in net.named_children():
        mine = yours(part)
        if mine is None:
            exchange(part)
        else:
            setattr(net, name, mine)
    return net


# %% tags=["experiment"]
torch.manual_seed(0)
reference = models.UNet(C, width=32).eval()
for parameter in reference.parameters():  # a new one returns 0 whatever comes in
    nn.init.normal_(parameter, std=0.05)
unet = exchange(models.UNet(C, width=32)).eval()
unet.load_state_dict(reference.state_dict())
unet.to(memory_format=torch.channels_last)
x, t = torch.randn(16, C, 16, 16, generator=run.fresh_generator(8)), torch.full((16,), 500.0)
with torch.no_grad():
    want, got = reference(x, t), unet(x, t)
for name, net in {"reference": reference, "yours": unet}.items():
    print(f"{name:10} {sum(p.numel() for p in net.parameters()):>10,} parameters")
gap, largest = (want - got).abs().max().item(), want.abs().max().item()
print(f"largest difference {gap:.0e}, where the numbers go up to {largest:.1f}")

# %% [markdown]
# The same function. The same speed? And what does it bring to lay the numbers in memory *channels last*, all channels of a pixel side by side, as many convolutions like them? What this cell prints is true of one machine at one moment, so it is not recorded here: run it, and run it twice.

# %% tags=["machine"]
import time

repeats = run.pick(smoke=2, lecture=5, laptop=10, gpu=50)


def milliseconds(net, *inputs):
    """Median time of a forward pass, for each picture, on this run's device."""
    net, inputs, spent = net.to(run.device), [x.to(run.device) for x in inputs], []
    with torch.no_grad():
        for _ in range(repeats + 1):
            began = time.perf_counter()
            net(*inputs).sum().item()  # the number is asked for, so that a GPU has to be done
            spent.append(time.perf_counter() - began)
    median = torch.tensor(spent[1:]).median().item()  # the first one warms up
    return 1000 * median / len(inputs[0])


print(f"the reference      {milliseconds(reference, x, t):.2f} ms a picture")
print(f"with your blocks   {milliseconds(unet, x, t):.2f} ms a picture")
wide = torch.randn(16, 64, 16, 16)
eight = nn.Sequential(*[models.ResidualBlock(64, 64) for _ in range(8)]).eval()
print("eight residual blocks of 64 channels, channels first  "
      f"{milliseconds(eight, wide):.2f} ms a picture")
eight = eight.to(memory_format=torch.channels_last)
wide = wide.to(memory_format=torch.channels_last)
print("eight residual blocks of 64 channels, channels last   "
      f"{milliseconds(eight, wide):.2f} ms a picture")

# %% [markdown]
# Yours is likely to be a little slower: PyTorch's `nn.GroupNorm` and `F.gelu` do in one or two passes over memory what your lines do in five. Write a block out to understand it; use the fused one to train with it. That is what the reference does. Whether channels last wins depends on the processor, the sizes and how busy the machine is; on a GPU in half precision it does as a rule.

# %% [markdown]
# ## 8 · Bug hunt: washed-out colours
#
# A colleague reads that groups of 16 channels work well, and writes:
#
# ```python
# def make_norm(channels, group_size=16):
#     return GroupNorm(group_size, channels)
# ```
#
# It runs. Every shape is right. With 16 and with 32 channels it makes no complaint. The loss falls. Then the denoised pictures come out odd:

# %% tags=["experiment", "figure"]
hunt = denoising.Denoising(dataset=dataset, batch=8,
                           steps=run.pick(smoke=10, lecture=60, laptop=200))


def make_norm(channels, group_size=16):
    return GroupNorm(group_size, channels)


def denoised(net, level=0.3):
    x_t = denoising.add_noise(small, torch.full((len(small),), level), run.fresh_generator(9))
    with torch.no_grad():
        return x_t, net(x_t)


suspect, _ = denoising.train_denoiser(hunt, seed=0, norm=make_norm)
x_t, guess = denoised(suspect)
plots.strip({"clean": small[:8], "x_t": x_t[:8], "denoised": guess[:8]},
            title="The shapes are right. What is wrong with the colours?",
            alt="Three rows of eight pictures: clean, noised, and denoised by the "
                "colleague's network, whose bright pictures are duller than they should be "
                "and whose dark one is lighter.");

# %% [markdown]
# Bright pictures come out darker, dark ones brighter. Each dot below is a picture: its true mean brightness, and the one it was given. On the dashed line both are equal.

# %% tags=["experiment", "figure"]
def brightness(guesses, title, alt):
    figure, ax = plt.subplots(figsize=(6, 4.6))
    true = small.mean((1, 2, 3))
    for name, guess in guesses.items():
        given = guess.mean((1, 2, 3))
        off = true - true.mean()
        slope = (off * (given - given.mean())).sum() / (off**2).sum()
        ax.plot(true, given, ".", label=f"{name}: slope {slope.item():.2f}",
                color=plots.COLOURS[name])
    ax.axline((0, 0), slope=1, color="0.5", dashes=(4, 3), lw=1)
    ax.set(xlabel="mean brightness of the clean picture", ylabel="of the denoised picture",
           title=title,
           xlim=(true.min() - 0.1, true.max() + 0.1), ylim=(true.min() - 0.1, true.max() + 0.1))
    ax.legend()
    plots.show(figure, alt=alt)


brightness({"suspect": guess}, "The suspect flattens brightness",
           "Denoised against true brightness: the dots lie on a line that is "
           "flatter than the diagonal.")

# %% [markdown]
# Look inside. Here are features of a picture, and of the same picture made brighter, before the colleague's norm and after it:

# %% tags=["experiment"]
def show(h):
    """The means of the first four channels of h (1, C, H, W), in words."""
    return "  ".join(f"{round(v, 2) + 0.0:+.2f}" for v in h.mean((0, 2, 3))[:4].tolist())


norm = make_norm(16)
with torch.no_grad():
    for name, picture in (("dark", small[:1]), ("bright", small[:1] + 0.5)):
        before = suspect.stem(picture)  # (1, 16, 16, 16): the suspect's first convolution
        after = norm(before)
        print(f"{name:7} before: means of channels 0 to 3 " + show(before))
        print(f"{'':7} after:  means of channels 0 to 3 " + show(after))

# %% [markdown]
# After the norm, what is left of the difference between the dark and the bright picture? Which norm of the table in section 1 does this? Print what you like below, then mend it.
#
# <details><summary>Where to look</summary>How many groups does <code>make_norm(16)</code> make, and of how many channels each? How many does <code>make_norm(32)</code> make? Print <code>make_norm(16).groups</code>.</details>

# %%
# your own look: try things here

# %% [markdown]
# ### Exercise 7 · `mended_norm`
# ●●○ · 10 minutes · the heart of the lesson
#
# Write what the colleague meant: groups of `group_size` channels each. Where there are fewer channels than that, they form one group.
#
# <details><summary>Hint 1: what to think about</summary>The first argument of GroupNorm is how MANY groups. How many groups of 16 are there in 32 channels? In 16? And in 8?</details>
# <details><summary>Hint 2: the formula</summary>The number of groups is channels divided by group_size, but never below 1.</details>
# <details><summary>Hint 3: nearly the line</summary><code>return GroupNorm(…, channels)</code>, with <code>//</code> and <code>max</code> in the place of the dots</details>


# %% tags=["exercise"] exercise="mended_norm" points=2
def mended_norm(channels, group_size=16):
    """A GroupNorm whose groups have group_size channels each.

    Where there are fewer channels than that, they form a single group.

    group_size divides channels, or is larger.    Returns a GroupNorm for `channels` channels.
    Example: mended_norm(32, 16) has 2 groups, mended_norm(8, 16) has 1.
    """
    ### BEGIN SOLUTION
    return GroupNorm(max(1, channels // group_size), channels)
    ### END SOLUTION


# %% tags=["check"] exercise="mended_norm"
mended_norm = ex.mended_norm.check(mended_norm)

# %% tags=["experiment", "figure"]
mended, _ = denoising.train_denoiser(hunt, seed=0, norm=mended_norm)
guesses = {"suspect": guess, "mended": denoised(mended)[1]}
for name, pictures in guesses.items():
    off = (pictures - small).mean((2, 3)).square().mean().sqrt().item()
    print(f"{name:8} root mean square error of a picture's mean colour: {off:.3f}")
brightness(guesses, "Mended: closer to the diagonal",
           "Denoised against true brightness for both networks: the mended one's dots "
           "lie closer to the diagonal.")

# %% tags=["experiment"]
say("group_size")
display(experiments.claim("16 groups where groups of 16 were meant make the colours worse",
                          "this lesson's bug",
                          studies.load("group_size", figure="colour error"), digits=4,
                          more="16 groups", less="groups of 16"))

# %% [markdown]
# **What to notice.** GroupNorm takes the number of groups. `GroupNorm(16, 16)` is 16 groups of one channel: InstanceNorm, which takes away every channel's mean. In a picture's features, means *are* brightness and colour, so the network can only guess them. In the study, the error of a picture's mean colour goes from 0.10 to 0.18, although the loss fell nicely for both. With 64 channels the mistake makes 16 groups of 4 instead of 4 groups of 16, and differences between the channels of a group remain. We have not measured how little that does; if it is little, it would explain why nobody notices.

# %% [markdown]
# ## 9 · Explorer
#
# **How much company does BatchNorm need before it leaves a picture alone?** Move the batch size with the mouse or the arrow keys. With a batch of 1, BatchNorm takes each colour's own mean away: grey on average, whatever the picture. As the batch grows, the lines below settle. Now change the company: among dark pictures even a batch of 64 settles on the wrong colour. GroupNorm's dotted lines never move; set it to three groups of one colour each, and you see the bug of section 8: the mean of every colour is gone.

# %% tags=["explorer", "figure"]
NormExplorer(x0)

# %% [markdown]
# ## Is this normal?
#
# Apart from the rough start of section 2, every training of this lesson takes 200 steps. This is how their loss falls, and what a denoiser gives after so many steps:

# %% tags=["experiment", "figure"]
found = across("norms", "training loss", ("GroupNorm",), columns)
curves = found["GroupNorm"]  # (seeds, 3, 25)
plots.curves({f"batch {b}": curves[:, k] for k, b in enumerate(batches)}, x=range(4, 204, 8),
             logy=True, xlabel="step", ylabel="loss",
             title="Normal: a steep fall in the first 40 steps, then slowly; "
                   "small batches stay noisy",
             alt="Training loss against step for batches of 2, 8 and 64 with GroupNorm: all "
                 "fall below 0.2 within some tens of steps; the smaller the batch, the noisier "
                 "and the higher the curve.");

# %% tags=["experiment", "figure"]
grown = {}
for steps in run.pick(smoke=(1, 4), lecture=(1, 10, 30), laptop=(1, 20, 60)):
    net, _ = denoising.train_denoiser(replace(hunt, steps=steps), seed=0, norm=mended_norm)
    grown[f"{steps} step{'s' if steps > 1 else ''}"] = denoised(net)[1][:8]
grown[f"{hunt.steps} steps"] = guesses["mended"][:8]
plots.strip({"x_t": x_t[:8], **grown, "clean": small[:8]},
            title="Normal: first the colours, then the place of the flower, and no edges yet",
            alt="Rows of eight pictures, denoised by networks trained for more and "
                "more steps: grey at first, then patches of the right colour, at last "
                "a blur where the flower is.");

# %% [markdown]
# - **Time**: with the judgement, such a training took 2 seconds of one processor core at batch 2, 3 at batch 8 and about 11 at batch 64. Expect a loss near 0.09 at the end at batch 2, 0.08 at 8 and 0.07 at 64. On a GPU it is not measured: networks this small keep it waiting.
# - **`channels cannot be split into equal groups`**: the number of groups does not divide the channels. Is a size passed where the number is meant? (Your own GroupNorm says `shape … is invalid`.)
# - **The loss is fine in training and bad in use**, or a picture changes when others join its batch: a BatchNorm somewhere.
# - **The loss does not move at all** in a deep network: dead units, or blocks that replace instead of adding.
# - **A fine grid** over everything that a network draws: transposed convolutions, or a pooling whose indices are mixed up.
#
# ## Questions to think about
#
# <details><summary>1. With a batch of 1, BatchNorm (while training) is one of the other norms. Which?</summary>InstanceNorm: over one picture, each channel by itself. That is the explorer at batch 1.</details>
# <details><summary>2. Why does a convolution right before a norm not need a bias?</summary>The norm takes a mean away, and adds a bias of its own, one a channel, that can do the same work. With one channel a group it takes away all that a bias before it adds; with more, only the part that the group's channels share.</details>
# <details><summary>3. What would happen if conv1 began at 0, and not conv2? And if both did?</summary>With conv1 at 0 the block would not be the identity: the time's shift, norm2's bias and conv2 make something of nothing, the same at every position, and add it. And norm2 divides by the spread of what conv1 gives. If that is 0, only ε is left, and the gradient to conv1 is multiplied by 1/√ε, about 300. With both at 0 it depends on the time. With a time, its shift reaches conv2, whose weights get a gradient and can begin; without one, GELU(0) = 0, conv2's weights get none, and conv1's neither: only conv2's bias learns. Try it: make a block, set the layer to 0, call <code>backward</code> and print the norms of the gradients.</details>
# <details><summary>4. Attention without positions is blind to where things are. Why does it work in a U-Net all the same?</summary>The features it looks at come out of convolutions, which know their surroundings, and at the edges of the picture (through the zeros around it) even where they are. A transformer without convolutions has to be told the positions (lesson 17).</details>
# <details><summary>5. Your network has 24 channels and somebody asks for GroupNorm with 32 groups. What now?</summary>32 does not divide 24, and PyTorch raises an error. Choose a number of groups that divides every width of the network: 8 here. A fixed group size is the other way.</details>
#
# ## What we left out
#
# Weight standardisation and RMSNorm; attention that costs less than the square of the positions (lesson 21); anti-aliased pooling; cross-attention, where the keys come from a text (lesson 19).
#
# ## Readings
#
# - Wu & He 2018, [Group Normalization](https://arxiv.org/abs/1803.08494): figure 2 is the table of section 1 as a drawing, and figure 1 the batch sizes.
# - Odena, Dumoulin & Olah 2016, [Deconvolution and Checkerboard Artifacts](https://distill.pub/2016/deconv-checkerboard/): one can play with kernel and stride.
# - He et al. 2016, [Identity Mappings in Deep Residual Networks](https://arxiv.org/abs/1603.05027): why the norm and the activation stand before the convolution.
#
# **Next**: lesson 06 makes the trained model ten to fifty times faster, without training it again.

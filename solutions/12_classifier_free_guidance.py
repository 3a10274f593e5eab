# %% [markdown]
# # 12 · Classifier-free guidance
#
# ![Six rows of flowers, one species a row, one noise a row. From left to right the guidance weight w rises from -2 to 8: at first the flower is anything but what was asked for, from w = 0 on it is the species, and at the right its colours are glaring.](../course_utils/lessons/lesson12/opening.png)
#
# Each row asks for one species, always from the same noise. From left to right one number rises from $-2$ to $8$, the *guidance weight* $w$, and with it how much the picture is bent towards what was asked for. Nearly every text-to-image system has this number, and no second network is needed for it.
#
# **You will build** a mask that takes the whole question away from some pictures, the loss that trains with it, the guide in both of the conventions that are in use, both answers in one call of the network, the sampler, and the classifier that hides in the result.
#
# **You will see** what each range of the weight does, what it costs in variety, that a famous formula does *not* describe what comes out, when and how often guidance is needed, and a bug that never shows in the loss.
#
# **Time**: about three hours with the exercises. Under `laptop` the notebook trains its own model, and that is most of the time it takes; `lecture` loads a model trained ahead, and `smoke` trains a few steps.
#
# **Stands on** lessons 04 (training), 06 (`respace`, DDIM) and 11 (guidance by a classifier, and its derivation).

# %%
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from course_utils import data, experiments, guidance, metrics, plots, pretrained, studies
from course_utils.diffusion import (
    alpha_bars,
    cosine_schedule,
    middle_heavy_times,
    model_time,
    q_sample,
    schedule_step,
    target,
    to_eps,
)
from course_utils.lessons.lesson12 import checks as ex
from course_utils.lessons.lesson12.curve import GuidanceCurve, measure_curve
from course_utils.lessons.lesson12.explorer import GuidanceExplorer
from course_utils.models import UNet, sinusoidal_embedding
from course_utils.runtime import start
from course_utils.samplers import as_predict, ddim_step, respace, sample_ddim
from course_utils.training import checkpoint_of, fit

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %% tags=["figure"]
run = start("12", preset=preset, dataset=dataset)
plots.use_style()
size = run.pick(laptop=16, gpu=32)
known = data.load(dataset, size=size,
                  most=run.pick(smoke=256, lecture=4096, laptop=16384, gpu=60000))
train, labels, names = known.images, known.labels, known.classes  # (N, C, size, size), (N,)
one_each = known.one_of_each().images  # (K, C, size, size)
K, T, alpha_bar = len(names), 1000, alpha_bars(cosine_schedule(1000))
plots.grid(one_each, titles=names, columns=10, title="What you can ask for",
           alt=f"One picture of each class of the data set {dataset}, with its name.");

# %% [markdown]
# ## 1 · One network, two jobs
#
# **Lesson 11 needed a second network that can read noisy pictures. Can the first one do its job?**
#
# Tell the network the class. `models.UNet(classes=K)` has a learned vector for each class, which is added to the vector of the time (lesson 03). Trained so, it gives $\epsilon_\theta(x_t, t, y)$, the noise that it expects *given the class*. That alone makes a class-conditional model. To push further than the class alone does, one has to know where the model would go *without* it.
#
# [Ho & Salimans 2022](https://arxiv.org/abs/2207.12598) let one network do both jobs. For a part of the training pictures, say one in ten, the class is taken away, and a *null token* stands in its place: a vector of its own, learned as the others are, which means "nothing was said". A picture without its class teaches $\epsilon_\theta(x_t, t, \varnothing)$, the *unconditional* prediction.
#
# $$L = \mathbb E\,\big\|v - v_\theta(x_t, t, \tilde y)\big\|^2, \qquad \tilde y = \begin{cases}\varnothing & \text{with probability } p_\text{uncond}\\ y & \text{else}\end{cases}$$
#
# - $\tilde y$ is the class after the drop. In the code the classes are $0$ to $K-1$, and $\varnothing$ is the number $K$.
# - $p_\text{uncond}$ is the share that loses it. Section 6 measures how much it matters.
# - $v$ is the target of lesson 04 that mixes noise and picture; the noise follows from it. (Any target would do.)
#
# The coin is tossed *once a picture*. A *Bernoulli mask* is a row of such tosses: each entry is True with probability $p$, whatever the others are.

# %% [markdown]
# ### Exercise 1 · `bernoulli_mask`
# ●○○ · 5 minutes
#
# Algorithm 1, line 3 of Ho & Salimans 2022.
#
# <details><summary>Hint 1: what to think about</summary>A random number between 0 and 1 lies below 0.1 one time in ten. How many such numbers do n pictures need?</details>
# <details><summary>Hint 2: the formula</summary>n uniform numbers from the generator, each compared with p.</details>
# <details><summary>Hint 3: nearly the line</summary><code>return torch.rand(…, generator=…) < …</code></details>


# %% tags=["exercise"] exercise="bernoulli_mask" points=1
def bernoulli_mask(n, p, generator):
    """Which of n pictures lose their class, each on its own with probability p.

    n: how many.    p: 0 to 1.
    generator: a torch.Generator on the CPU, the only source of chance.
    Returns (n,), bool: True where the class is dropped.    Ho & Salimans 2022, algorithm 1.

    Example: with n = 1000 and p = 0.1 about 100 entries are True, and not always as many.
    """
    ### BEGIN SOLUTION
    return torch.rand(n, generator=generator) < p
    ### END SOLUTION


# %% tags=["check"] exercise="bernoulli_mask"
bernoulli_mask = ex.bernoulli_mask.check(bernoulli_mask)

# %% [markdown]
# ### Exercise 2 · `drop_condition`
# ●○○ · 5 minutes
#
# The picture stays in the batch; only its class goes. Leave `cond` itself as it is: the same labels are needed in the next epoch.
#
# <details><summary>Hint 1: what to think about</summary>Where the mask is True comes one number, elsewhere another. Is class 0 "nothing"?</details>
# <details><summary>Hint 2: the formula</summary>A choice element by element: null where the mask is True, else cond. torch.where makes it, or masked_fill.</details>
# <details><summary>Hint 3: nearly the line</summary><code>return torch.where(mask, …, …)</code></details>


# %% tags=["exercise"] exercise="drop_condition" points=1
def drop_condition(cond, mask, null):
    """The classes, with `null` where the mask is True.

    cond: (B,), int64.    mask: (B,), bool.    null: the number that means "nothing was said".
    Returns (B,), int64, and changes none of its arguments.

    Example: cond = [3, 0, 4], mask = [True, False, False], null = 10 gives [10, 0, 4].
    """
    ### BEGIN SOLUTION
    return torch.where(mask, null, cond)
    ### END SOLUTION


# %% tags=["check"] exercise="drop_condition"
drop_condition = ex.drop_condition.check(drop_condition)

# %% [markdown]
# ### Exercise 3 · `cfg_loss`
# ●●○ · 15 minutes · the heart of the lesson
#
# The formula above. `q_sample`, `model_time` and `target` (`target("v", x0, eps, t, alpha_bar)`) are imported. All pictures of the batch go through the network in one call, those with a class and those without.
#
# <details><summary>Hint 1: what to think about</summary>It is the loss of lesson 04 with a third thing that the network is told. Which pictures count in the mean?</details>
# <details><summary>Hint 2: the parts</summary>Noise the pictures; drop the classes; call the network with x_t, the time on its own clock and the classes that are left; compare with v; mean of the squares, over all.</details>
# <details><summary>Hint 3: nearly the line</summary><code>v_hat = model(q_sample(…), model_time(t, …), drop_condition(…))</code>, then <code>return (v_hat - target("v", …)).…</code></details>


# %% tags=["exercise"] exercise="cfg_loss" points=3
def cfg_loss(model, x0, cond, t, alpha_bar, eps, mask, null):
    """The loss of one batch, in which some pictures have lost their class.

    model: called as model(x, time, cond), time (B,) from 0 to 1000; gives its guess at v,
    shaped like x.
    x0: clean pictures, (B, C, H, W).    cond: (B,), int64.    t: (B,), int64, each from 1 to T.
    alpha_bar: (T + 1,), float64.        eps: the noise to use, (B, C, H, W).
    mask: (B,), bool, True where the class is dropped.    null: the class that means nothing.
    Returns one number, a tensor of shape (), that gradients can flow from.

    Example: with a mask that is False everywhere it is an ordinary class-conditional loss.
    """
    ### BEGIN SOLUTION
    told = drop_condition(cond, mask, null)
    x_t = q_sample(x0, t, alpha_bar, eps)
    v_hat = model(x_t, model_time(t, len(alpha_bar) - 1), told)
    return (v_hat - target("v", x0, eps, t, alpha_bar)).square().mean()
    ### END SOLUTION


# %% tags=["check"] exercise="cfg_loss"
cfg_loss = ex.cfg_loss.check(cfg_loss)

# %% [markdown]
# Now train. It is the training of lesson 04 with one thing more in each batch: the mask. (As there, *Muon* takes the steps, and the network has no self-attention unless there is a GPU. The practised steps lie a little nearer to the data. None of this has to do with guidance.)

# %% tags=["experiment"]
steps = run.pick(smoke=12, lecture=40, laptop=1750, gpu=20000)
batch_size = run.pick(smoke=16, lecture=32, laptop=64, gpu=128)
p_uncond = 0.1
torch.manual_seed(0)
width = run.pick(smoke=8, lecture=16, laptop=32, gpu=64)
attention = run.pick(laptop=False, gpu=True)  # lesson 04, section 5
net = UNet(train.shape[1], width=width, multipliers=(1, 2, 3),
           attention=(False, False, attention), classes=K).to(run.device)


def batch(step):
    """(x0, cond, t, eps, mask) of a step, the same whenever it is asked for."""
    generator = run.fresh_generator(1000 + step)
    chosen = torch.randint(len(train), (batch_size,), generator=generator)
    t = middle_heavy_times(batch_size, T, generator, mean=-0.6)
    eps = torch.randn(batch_size, *train.shape[1:], generator=generator)
    mask = bernoulli_mask(batch_size, p_uncond, generator)
    return [part.to(run.device) for part in (train[chosen], labels[chosen], t, eps, mask)]


# %% tags=["experiment"]
history = fit(
    net, batch, lambda net, b: cfg_loss(net, b[0], b[1], b[2], alpha_bar, b[3], b[4], K), steps,
    optimiser="muon", learning_rate=5e-3, momentum=0.9, hold=0.7,
    ema=run.pick(smoke=0.9, lecture=0.9, laptop=0.995, gpu=0.9995), autocast=True, live=True,
    checkpoint=checkpoint_of(run), title="guided")
model, kind = history.ema.requires_grad_(False), "v"
if run.preset == "lecture" and pretrained.available_guided(dataset, size):
    ready = pretrained.guided(dataset, size, run.device)
    model, kind, alpha_bar = ready.model.requires_grad_(False), ready.kind, ready.alpha_bar
    print("From here on: the model that was trained ahead.")
tenths = [part.mean().item() for part in torch.tensor(history.losses).tensor_split(10)]
print(f"{sum(p.numel() for p in net.parameters()):,} weights; loss by tenths of the training: "
      + ", ".join(f"{value:.3f}" for value in tenths))

# %% tags=["experiment", "machine"]
print(f"{history.seconds:.0f} seconds, {history.images_per_second:.0f} pictures a second")

# %% [markdown]
# ## 2 · Further than the class alone
#
# **The network gives two predictions. What is in their difference?**
#
# Lesson 11 started from Bayes' rule, and so does this one. Take the logarithm of $p(y\mid x_t)=p(x_t\mid y)\,p(y)/p(x_t)$, and its gradient with respect to $x_t$. $p(y)$ does not contain $x_t$ and drops out:
#
# $$\nabla\log p(y\mid x_t) = \nabla\log p(x_t\mid y) - \nabla\log p(x_t)$$
#
# The left side is what lesson 11 trained a classifier for. The right side is the difference of two *scores*, and a score is the predicted noise, turned around and scaled: $\nabla\log p(x_t) = -\epsilon/\sqrt{1-\bar\alpha_t}$ (*licensed by*: lesson 11, where algorithm 2 used it). So the network is a classifier already. Nobody trained it as one; call it the *implicit classifier*.
#
# Now guide with it, as lesson 11 did with a real one. There you began with the score of all pictures. Here the network knows the class, so begin with the conditional score and add $w$ times the gradient:
#
# $$\underbrace{\nabla\log p(x_t\mid y)}_{\text{the class}} + w\,\underbrace{\big(\nabla\log p(x_t\mid y)-\nabla\log p(x_t)\big)}_{\text{what makes it the class}} = (1+w)\,\nabla\log p(x_t\mid y) - w\,\nabla\log p(x_t)$$
#
# Both scores carry the same factor, so the same holds for the noises (equation 6 of Ho & Salimans 2022):
#
# $$\hat\epsilon = (1+w)\,\epsilon_\theta(x_t,t,y) - w\,\epsilon_\theta(x_t,t,\varnothing)$$
#
# - $w=0$ is the conditional prediction, $w=-1$ the unconditional one. Between them is a mixture.
# - $w>0$ goes *beyond* the conditional one, in the direction that leads from "any flower" to "this flower".
# - $w<-1$ goes the other way: away from the class.

# %% [markdown]
# ### Exercise 4 · `guide`
# ●○○ · 10 minutes · the heart of the lesson
#
# `w` is one number, or a tensor of shape (B,), one for each picture.
#
# <details><summary>Hint 1: what to think about</summary>At w = 0 and at w = −1 one of the two terms disappears: which? And which shape must a w of shape (B,) have before it meets pictures?</details>
# <details><summary>Hint 2: the formula</summary>It stands above. A number can be used as it is; a tensor is reshaped to (B, 1, 1, 1).</details>
# <details><summary>Hint 3: nearly the line</summary>a tensor: <code>w = w.reshape(…)</code>; then <code>return (1 + w) * … - …</code></details>


# %% tags=["exercise"] exercise="guide" points=2
def guide(eps_cond, eps_uncond, w):
    """From two predictions, the guided one.

    eps_cond, eps_uncond: with the class and without, (B, C, H, W); if w is a number, any
    shape.
    w: the guidance weight, a number or (B,).
    Returns a tensor like eps_cond in shape, dtype and device.    Ho & Salimans 2022, eq. 6.

    Example: eps_cond = 1, eps_uncond = 0.5, w = 2 gives 2.
    """
    ### BEGIN SOLUTION
    if torch.is_tensor(w):
        w = w.reshape(-1, 1, 1, 1).to(eps_cond)
    return (1 + w) * eps_cond - w * eps_uncond
    ### END SOLUTION


# %% tags=["check"] exercise="guide"
guide = ex.guide.check(guide)

# %% [markdown]
# ### Exercise 5 · `cfg_from_scale`
# ●○○ · 5 minutes
#
# Papers and codes do not agree on how to count. Most codes (diffusers among them) have a *guidance scale* $s$ and write
#
# $$\hat\epsilon = \epsilon_\varnothing + s\,(\epsilon_y - \epsilon_\varnothing).$$
#
# It counts as the scale of lesson 11 does. A "guidance of 7.5" in a code is not a $w$ of 7.5. Convert.
#
# <details><summary>Hint 1: what to think about</summary>Which s gives the conditional prediction, and which w? Which s the unconditional one, and which w?</details>
# <details><summary>Hint 2: the formula</summary>Sort both formulas by the two predictions, and compare what stands before the conditional one.</details>
# <details><summary>Hint 3: nearly the line</summary>1 + w = s. Solve it for w.</details>


# %% tags=["exercise"] exercise="cfg_from_scale" points=1
def cfg_from_scale(scale):
    """The weight w that does what a guidance scale does in most codes.

    scale: a number or a tensor; 1 means no guidance.
    Returns the same kind of thing: w, where 0 means no guidance.
    """
    ### BEGIN SOLUTION
    return scale - 1
    ### END SOLUTION


# %% tags=["check"] exercise="cfg_from_scale"
cfg_from_scale = ex.cfg_from_scale.check(cfg_from_scale)

# %% [markdown]
# Does the derivation hold? Take a world in which everything is known: lesson 11's mixture of normal classes, here on a line, two classes at $-1$ and $1$. The exact "network" answers with the exact noise, with the class or without. On the left side of the equation stands the exact classifier's gradient.

# %%
mixture = guidance.Mixture(torch.tensor([[-1.0], [1.0]], dtype=torch.float64), 0.6,
                           torch.tensor([0.5, 0.5], dtype=torch.float64))


def exact(x, t, cond):
    """A perfect class-conditional network for points (B, 1): class 0, 1, or 2 for none."""
    a = alpha_bar[schedule_step(t, T)]
    asked = (cond < 2).to(x)[:, None]  # 1: the score of the class; 0: that of both together
    return -(1 - a).sqrt()[:, None] * mixture.guided_score(x, a, cond.clamp(max=1), asked)


exact.classes = 2  # the null class

# %% tags=["experiment"]
x = torch.linspace(-3, 3, 101, dtype=torch.float64)[:, None]
first, nothing = torch.zeros(101, dtype=torch.int64), torch.full((101,), 2)
for step in (50, 400, 800):
    t = torch.full((101,), float(step))
    by_noise = (exact(x, t, nothing) - exact(x, t, first)) / (1 - alpha_bar[step]).sqrt()
    by_classifier = guidance.classifier_gradient(mixture.classifier(alpha_bar), x, t, first)
    print(f"t = {step}: largest difference {(by_noise - by_classifier).abs().max():.0e}, "
          f"largest gradient {by_classifier.abs().max():.1f}")

# %% [markdown]
# ## 3 · Both answers in one call
#
# **Guidance asks twice. Does it take twice as long?**
#
# In arithmetic, yes. But a network is faster on one batch of $2B$ than on two of $B$, at least where the batch is small. So stack the pictures twice, put the classes beside the first half and the null class beside the second, and split the answer.
#
# The network predicts $v$, the sampler wants $\epsilon$. `to_eps(kind, prediction, x, step, alpha_bar)` translates. It is a straight line in the prediction, so guiding before and after it gives the same (*licensed by*: the weights $1+w$ and $-w$ add up to 1).

# %% [markdown]
# ### Exercise 6 · `guided_predict`
# ●●○ · 20 minutes · the heart of the lesson
#
# It returns a *function*: `predict(x, t)`, as every sampler of the course wants it. `schedule_step(t, T)` gives the step of the schedule that belongs to a time of the network.
#
# <details><summary>Hint 1: what to think about</summary>Three things go into the network. Which of them must be there twice? In which order do the halves come out?</details>
# <details><summary>Hint 2: the parts</summary>torch.cat for x, t and the classes; torch.full_like(cond, …) for the null classes, with model.classes; .chunk(2) splits. Then guide, then to_eps.</details>
# <details><summary>Hint 3: nearly the line</summary>inside <code>predict</code> comes <code>with_class, without = model(torch.cat([x, …]), torch.cat(…), both).chunk(…)</code>, and at the end <code>return to_eps(kind, guide(…), x, schedule_step(…), …)</code></details>


# %% tags=["exercise"] exercise="guided_predict" points=3
def guided_predict(model, cond, w, *, kind="eps", alpha_bar):
    """A sampler's predict, guided towards the classes.

    model: model(x, t, cond), t (B,) from 0 to 1000; model.classes is its null class.
    cond: (B,), int64.    w: the guidance weight, a number or (B,).
    kind: what the model predicts, "eps", "x0" or "v".    alpha_bar: (T + 1,), float64.
    Returns predict(x, t) -> eps, like x (B, C, H, W) in shape and dtype. It calls the model
    once, with 2 B rows.

    Example: at w = 0 it is the model's own prediction for the class.
    """
    ### BEGIN SOLUTION
    both = torch.cat([cond, torch.full_like(cond, model.classes)])  # (2 B,)

    def predict(x, t):
        answers = model(torch.cat([x, x]), torch.cat([t, t]), both)  # (2 B, C, H, W)
        with_class, without = answers.chunk(2)
        step = schedule_step(t, len(alpha_bar) - 1).to(alpha_bar.device)
        return to_eps(kind, guide(with_class, without, w), x, step, alpha_bar)

    return predict
    ### END SOLUTION


# %% tags=["check"] exercise="guided_predict"
guided_predict = ex.guided_predict.check(guided_predict)

# %% [markdown]
# ### Exercise 7 · `sample_cfg`
# ●●○ · 15 minutes
#
# DDIM of lesson 06 with a guard. Guidance is a bold extrapolation, and the expected picture $\hat x_0$ soon leaves $[-1, 1]$, where pictures live. So cut it off there in every step. Then the noise no longer belongs to it: compute the $\epsilon$ anew that, with the clipped picture, makes $x_t$.
#
# <details><summary>Hint 1: what to think about</summary>After clipping, x_t = √ᾱ x0 + √(1 − ᾱ) ε no longer holds. Which of the three may change?</details>
# <details><summary>Hint 2: the parts</summary>predict from your guided_predict; pairs of neighbours of respace(T, steps); guess x0 from eps; clamp; eps anew; ddim_step(x, eps, t, s, alpha_bar).</details>
# <details><summary>Hint 3: nearly the line</summary><code>for t, s in pairwise(…):</code>, in it <code>x0 = (x - (1 - a).sqrt() * …) / …</code>, and under <code>if clip:</code> <code>eps = (x - a.sqrt() * x0.clamp(…)) / …</code></details>


# %% tags=["exercise"] exercise="sample_cfg" points=2
def sample_cfg(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    """From noise to pictures of the classes, by DDIM (eta = 0).

    model, cond, w, kind: as for guided_predict.    x_T: noise, (B, C, H, W).
    alpha_bar: (T + 1,), float64, on the CPU, also where x_T and the model are on a GPU.
    steps: how many.    clip: cut the expected x0 off at -1 and 1 in every step.
    Returns x_0, (B, C, H, W), of the dtype of x_T.    Ho & Salimans 2022, algorithm 2.
    """
    ### BEGIN SOLUTION
    predict, x = guided_predict(model, cond, w, kind=kind, alpha_bar=alpha_bar), x_T
    for t, s in pairwise(respace(len(alpha_bar) - 1, steps).tolist()):
        a, now = alpha_bar[t], torch.full((len(x),), t, device=x.device)
        eps = predict(x, model_time(now, len(alpha_bar) - 1))
        if clip:
            x0 = ((x - (1 - a).sqrt() * eps) / a.sqrt()).clamp(-1, 1)
            eps = (x - a.sqrt() * x0) / (1 - a).sqrt()
        x = ddim_step(x, eps, t, s, alpha_bar)
    return x
    ### END SOLUTION


# %% tags=["check"] exercise="sample_cfg"
sample_cfg = ex.sample_cfg.check(sample_cfg)

# %% [markdown]
# Here it is, on the model that you trained. Every column is one class and one noise; only $w$ changes from row to row.

# %%
def noise(count, seed):
    """Noises to start from, (count, C, size, size)."""
    x_T = torch.randn(count, *train.shape[1:], generator=run.fresh_generator(seed))
    return x_T.to(run.device)


# %% tags=["experiment", "figure"]
sampling_steps = run.pick(smoke=3, lecture=10, laptop=15, gpu=50)


def draw(w, count, seed, sampling_steps=sampling_steps, sampler=sample_cfg, **choices):
    """`count` pictures of all classes in turn, guided with w, and what was asked for."""
    y, parts, choices = (torch.arange(count) % K).to(run.device), [], {"kind": kind, **choices}
    for x_T, cond in zip(noise(count, seed).split(250), y.split(250)):
        parts.append(sampler(model, x_T, cond, w, alpha_bar, sampling_steps, **choices))
    return torch.cat(parts).clamp(-1, 1), y  # (count, C, size, size), (count,)


ws = run.pick(smoke=(-1, 0, 2), laptop=(-2, -1, 0, 1, 2, 4, 8))
plots.strip({f"w = {w}": draw(w, min(K, 10), seed=2)[0] for w in ws}, column_titles=names[:10],
            title="The same noises and questions, asked ever more firmly",
            alt="Rows of pictures for rising guidance weights. At w = -2 and -1 the classes "
                "are not followed, from w = 0 on they are, and at w = 8 the colours are "
                "glaring.");

# %% [markdown]
# **Where to look.** Go down a column. At $w=-1$ the class plays no part: that is the unconditional model, which draws what it likes. At $w=-2$ the sampler is pushed *away* from the class. At $w=0$ most pictures are what was asked for, some only half. From $w=1$ on the species is plain. Then look at the colours at $w=4$ and $w=8$: section 4 counts the pixels that are cut off at their ends.
#
# Two of these rows can be had in another way. At $w=0$ the unconditional half has the weight 0, at $w=-1$ the conditional one. Is it true to the pixel?

# %% tags=["experiment"]
x_T, y = noise(K, seed=2), torch.arange(K).to(run.device)
for w, told, name in ((0, y, "conditional"), (-1, torch.full_like(y, K), "unconditional")):
    plain = sample_ddim(as_predict(model, told, kind, alpha_bar), x_T, alpha_bar,
                        sampling_steps, clip=True)
    guided = sample_cfg(model, x_T, y, w, alpha_bar, sampling_steps, kind=kind)
    gap = (guided - plain).abs().max()
    print(f"w = {w}: largest difference from plain {name} sampling "
          f"{'below' if gap < 0.01 else 'not below'} 0.01")

# %% [markdown]
# ## 4 · What w buys, and what it costs
#
# **How firmly should one ask?**
#
# First on the model of this notebook. The *judge* of lesson 04 reads the class in each picture, without knowing what was asked for: for flowers it is the oracle, for other data the recogniser. Each $w$ is drawn twice, with DDIM as above and with fresh noise in every step ($\eta=1$ in lesson 06), in twice as many steps as above.

# %% tags=["experiment"]
judged = run.pick(smoke=20, lecture=60, laptop=500, gpu=1000)
judge = metrics.Judge(dataset, size, n=judged, device=run.device)
fresh = run.fresh_generator(4)


def restless(model, x_T, cond, w, alpha_bar, steps, *, kind):
    """As `sample_cfg`, but with fresh noise in every step: eta = 1."""
    predict = guided_predict(model, cond, w, kind=kind, alpha_bar=alpha_bar)
    return sample_ddim(predict, x_T, alpha_bar, steps, eta=1.0, generator=fresh, clip=True)


asked = {}
for w in (0, 2):
    for name, sampler in (("DDIM", sample_cfg), ("fresh noise", restless)):
        x, y = draw(w, judge.n, seed=3, sampler=sampler, sampling_steps=2 * sampling_steps)
        share = judge.asked(x, y)
        asked[f"w = {w}, {name}"] = {"share read as asked": share,
                                     "over real pictures": share / judge.floor_asked,
                                     "Fréchet distance": judge.frechet(x)}
asked["real pictures"] = {"share read as asked": judge.floor_asked, "over real pictures": 1.0,
                          "Fréchet distance": judge.floor["frechet"]}
table = pd.DataFrame(asked).T.round(3)
table.columns.name = f"{judge.n} pictures"
table

# %% [markdown]
# **What to notice.** Read the second column: a share can be no better than the judge is on real pictures. Under `laptop`, on flowers and with DDIM, 80 % of the pictures are read as asked at $w=0$ and 97 % at $w=2$. At $w=0$ fresh noise makes that 88 %: a young network's mistakes add up along the way, and noise makes it forget some of them (a guess that fits lesson 06). At $w=2$ it does not help, 94 %. (One training, 500 pictures: such a share has a standard error of one to two points. Two other trainings gave 97 % with either sampler.) The step from $w=0$ to $w=2$ turns most of the pictures that were only half what was asked for into plain ones. The Fréchet distance need not agree, and goes from 0.9 and 1.0 to 4 and 5 where real pictures have 0.54: it asks whether the pictures *as a crowd* are like the data, and a crowd of model flowers is not.
#
# Now the whole range, with the flower model that was trained ahead, over three seeds of the noise (`course claims cfg_weight` repeats it). Besides the share read as asked and the Fréchet distance there are two figures for variety: how different the pictures *of one class* are (the mean distance of two of them, in the recogniser's features), and *recall*, the share of real pictures that have a generated one nearby (lesson 10). And one for the drift: how far a picture's pixels are from the mean picture of all flowers. The last, *saturated*, is for the glare: the share of pixel values beyond 0.99 on either side, next to where they are cut off.

# %% tags=["experiment", "figure"]
how = studies.settings("cfg_weight")
print(f"{how['study']}: {how['shared']['dataset']}, {how['shared']['samples']} pictures, "
      f"DDIM with {how['shared']['steps']} steps, seeds {', '.join(map(str, how['seeds']))}")
figures = ("read as asked", "Fréchet distance", "distance within a class", "recall",
           "distance to the mean", "saturated")
by_w = {name: studies.load("cfg_weight", figure=name) for name in figures}
w_axis = [float(label.split("=")[1]) for label in by_w["recall"].runs]
figure, panels = plt.subplots(2, 3, figsize=(9, 5.4), sharex=True)
for panel, (name, found) in zip(panels.flat, by_w.items()):
    runs = np.stack(list(found.runs.values()), axis=1)  # (seeds, weights)
    panel.plot(w_axis, runs.T, color=plots.COLOURS["train"], lw=0.7, alpha=0.5)
    panel.plot(w_axis, runs.mean(0), "o-", color=plots.COLOURS["train"], ms=4)
    for mark in (-1, 0):
        panel.axvline(mark, color=plots.COLOURS["chance"], ls=":", lw=1)
    panel.set(title=name, ylim=(0, None) if name != "distance to the mean" else None)
    panel.title.set_fontsize(11)
for panel in panels[1]:
    panel.set_xlabel("guidance weight w")
figure.suptitle("Firmer questions, better answers, less variety", fontsize=13, weight="bold")
plots.show(figure, alt="Six figures against the guidance weight from -2 to 8. The share "
                       "read as asked rises and flattens; the Fréchet distance has its "
                       "minimum a little above 0; the distance within a class and recall "
                       "fall on the right; the distance to the mean is least at negative "
                       "weights; saturation grows.");

# %% tags=["experiment"]
def say(statement, source, figure, more, less):
    """One claim on the study of the weights."""
    display(experiments.claim(statement, source, by_w[figure], more=more, less=less))


say("With w = 2 more pictures are read as asked than with w = 0",
    "Ho & Salimans 2022, figure 1", "read as asked", "w = 2", "w = 0")
say("With w = 8 more pictures are read as asked than with w = 2", "a common belief",
    "read as asked", "w = 8", "w = 2")
say("Pictures of one class differ less with w = 2 than with w = 0",
    "Ho & Salimans 2022, section 1", "distance within a class", "w = 0", "w = 2")
say("Recall is lower with w = 8 than with w = 0", "Ho & Salimans 2022, section 1", "recall",
    "w = 0", "w = 8")
say("By the Fréchet distance, w = 0.5 is better than w = 0",
    "Ho & Salimans 2022, table 2: 2.43 at 0.3 against 7.27 at 0",
    "Fréchet distance", "w = 0", "w = 0.5")
say("By the Fréchet distance, w = 0.5 is better than w = 2", "Ho & Salimans 2022, table 2",
    "Fréchet distance", "w = 2", "w = 0.5")
say("Pictures of w = -1 lie nearer to the mean of the data than those of w = 0",
    "a common belief: negative weights drift to the average",
    "distance to the mean", "w = 0", "w = -1")
say("Pictures of w = -2 lie nearer to the mean of the data than those of w = -1", "the same",
    "distance to the mean", "w = -1", "w = -2")

# %% [markdown]
# **What to notice.** From left to right, in ranges:
#
# - $w\le-1$. At $-1$ the class plays no part, and one picture in ten is right by luck. At $-2$ it is avoided: 0.003 of the pictures are read as asked.
# - *From 0 to 0.5* obedience and nearness to the data both grow: more pictures are read as asked (0.889, then 0.944) and the Fréchet distance has its minimum (1.90, then 1.53). In the paper's table below the best FID is at 0.3.
# - *From 1 on* obedience is bought with nearness to the data. At $w=2$ the share is 0.989 and the distance 3.75; at $w=8$ there is nothing left to gain (0.983), the distance is 7.65, and 5 % of the pixels are saturated.
# - *Variety* falls in two ways. Pictures of one class come nearer to each other (3.99 at $w=0$, 3.57 at $w=2$), and recall falls from 0.90 to 0.71. (At $w=-1$ the figure for a class is large because its pictures are not of one class. Two real ones are 3.68 apart, in lesson 11, so a part of the first fall, too, is strangers leaving.)
# - *The drift.* The unconditional pictures lie nearest to the mean of the data (0.433; 0.444 at $w=0$): a network that is not told what to draw averages more. But it is no law of negative weights: at $-2$ they are farther away again (0.455), since to avoid one class is to be pushed into others.
#
# Beside it, the figures of the paper, for ImageNet at 128 px (Ho & Salimans 2022, table 2; FID, where less is better, and the inception score, where more is):

# %% tags=["experiment"]
pd.DataFrame({"FID": [7.27, 2.43, 7.86, 21.53], "inception score": [82, 158, 298, 421]},
             index=pd.Index([0, 0.3, 1, 4], name="w")).T

# %% [markdown]
# ## 5 · What is drawn is not what is written
#
# **From which distribution do guided pictures come?**
#
# Look at the formula again. It is the gradient of
#
# $$\log\frac{p(x_t\mid y)^{1+w}}{p(x_t)^{w}},$$
#
# so it is often said that guidance draws from $p(x\mid y)^{1+w}\,p(x)^{-w}$, the *sharpened* distribution: that of the class, with more weight where the class is plain. (It is the tilted density of lesson 11, with $s = 1 + w$.) Except at $w=0$ and $w=-1$ it does not.
#
# A sampler needs, at each $t$, the score of the *noised* distribution. To draw from the sharpened one, it would need the score of "first sharpen, then add noise". The formula gives the score of "first add noise, then sharpen". Noise is an average, sharpening a product, and the order matters. On the line both can be computed:

# %% tags=["experiment", "figure"]
axis = torch.linspace(-4, 4, 1601, dtype=torch.float64)
zero = torch.zeros(1601, dtype=torch.int64)


def sharpened(w):
    """p(x | y)^(1 + w) p(x)^(-w) on the axis, for class 0, made to add up to 1."""
    return mixture.tilted(axis[:, None], 0, 1 + w).softmax(0)


figure, panels = plt.subplots(1, 3, figsize=(9, 3), sharey=True)
for panel, step in zip(panels, (50, 300, 600)):
    a = alpha_bar[step]
    spread = torch.exp(-(axis[:, None] - a.sqrt() * axis) ** 2 / (2 * (1 - a)))
    density = spread @ sharpened(3)  # sharpen, then add noise
    slope = density.log().diff() / (axis[1] - axis[0])
    with_class, without = (exact(axis[:, None], zero + float(step), zero + k) for k in (0, 2))
    guided = -guide(with_class, without, 3)
    panel.plot(axis[:-1], slope, color=plots.COLOURS["reference"], label="sharpen, then noise")
    panel.plot(axis, guided[:, 0] / (1 - a).sqrt(), "--", color=plots.COLOURS["suspect"],
               label="noise, then sharpen")
    panel.set(title=f"t = {step}", xlabel="x", ylim=(-12, 8), xlim=(-3, 3))
panels[0].set_ylabel("score at w = 3")
panels[0].legend(fontsize=9)
figure.suptitle("Noise first or sharpen first: the same near the data alone", fontsize=13,
                weight="bold")
plots.show(figure, alt="The score of the noised sharpened distribution and the guided score, "
                       "at three times. Near the data they agree; at t = 300 and 600 the "
                       "guided one lies below the other, and pushes further to the left.");

# %% [markdown]
# **Where to look.** At $t=50$ the two lie on each other, at $t=300$ and $600$ the guided score is lower: it pushes further to the left, away from the other class. The early steps push too far, and the late ones do not bring the points back. Here is what comes out, with the exact network and many steps, so that nothing but the formula can be to blame:

# %% tags=["experiment", "figure"]
many = run.pick(smoke=300, lecture=2000, laptop=3000, gpu=10000)


def points(w, seed):
    """Guided samples of class 0 on the line, (many,)."""
    x_T = torch.randn(many, 1, generator=run.fresh_generator(seed), dtype=torch.float64)
    cond = torch.zeros(many, dtype=torch.int64)
    steps = run.pick(smoke=20, lecture=100, laptop=200, gpu=500)
    return sample_cfg(exact, x_T, cond, w, alpha_bar, steps, clip=False).flatten()


figure, panels = plt.subplots(1, 3, figsize=(9, 3), sharey=True)
for panel, w in zip(panels, (0, 1, 3)):
    panel.hist(points(w, 4).numpy(), bins=60, range=(-3.5, 2), density=True,
               color=plots.COLOURS["x_t"], alpha=0.6, label="samples")
    panel.plot(axis, sharpened(w) / (axis[1] - axis[0]), color=plots.COLOURS["reference"],
               label="sharpened")
    panel.set(title=f"w = {w}", xlabel="x", xlim=(-3.5, 2))
panels[0].set_ylabel("density")
panels[0].legend(fontsize=9)
figure.suptitle("Above w = 0 the samples are not where the formula has them", fontsize=13,
                weight="bold")
plots.show(figure, alt="Histograms of guided samples and the curve of the sharpened density "
                       "for w = 0, 1 and 3. At w = 0 they agree; at w = 1 and 3 the samples "
                       "lie further left and closer together.");

# %% tags=["experiment"]
seeds = range(run.pick(smoke=2, laptop=3, gpu=5))
runs = {f"w = {w}": lambda seed, w=w: points(w, 10 + seed).mean().item() for w in (0, 1, 3)}
on_the_line = experiments.compare(runs, seeds, "mean of the samples")
for w in (0, 1, 3):
    mean = (axis * sharpened(w)).sum().item()
    display(experiments.claim_equal(f"With w = {w} the samples have the mean of the sharpened "
                                    "distribution", "a common reading of the formula",
                                    on_the_line, f"w = {w}", expected=round(mean, 3),
                                    tolerance=0.05))

# %% [markdown]
# **What to notice.** At $w=0$ the histogram fills the curve: plain conditional sampling is exact. From there on the samples lie further out than the sharpened distribution has them, and closer together. [Bradley & Nakkiran 2024](https://arxiv.org/abs/2408.09000) prove that neither DDPM nor DDIM draws from it; [Chidambaram et al. 2024](https://arxiv.org/abs/2409.13074) work out what a large $w$ does instead: it drives the samples to the edge of the class that is farthest from the others. That is why guided pictures look like posters of their class, and why their colours glare.
#
# ## 6 · How often to take the class away
#
# **The null token learns from one picture in ten. Is that enough, or too much?**
#
# Trained ahead: short trainings of a smaller network that differ in $p_\text{uncond}$ alone, six seeds each, with the same pictures and the same noise.

# %% tags=["experiment", "figure"]
how = studies.settings("p_uncond")["shared"]
print(f"{how['dataset']}, {how['size']} px, a U-Net of width {how['width']}, "
      f"{how['steps']} steps of batch {how['batch']}, {how['samples']} pictures judged")
dropped_asked, dropped_frechet = (studies.load("p_uncond", figure=f"{name} by w")
                                  for name in ("read as asked", "Fréchet distance"))
tried = how["weights"]
plots.curves(dropped_frechet.runs, x=tried, xlabel="guidance weight w",
             ylabel="Fréchet distance",
             title="What the unconditional pictures gain, the conditional ones lose",
             alt="Fréchet distance against the guidance weight, for four shares of dropped "
                 "classes. At w = 0 it is lowest without a drop, at w = -1 and w = 3 it is "
                 "lowest with a drop of one half.");

# %% tags=["experiment"]
def at(comparison, w, figure):
    """The figure of every variant at one weight."""
    return comparison.map(lambda run: run[tried.index(w)], f"{figure} at w = {w:g}")


for w in (0.0, 3.0):
    display(at(dropped_asked, w, "share read as asked").table().round(2))
good = at(dropped_asked, 3.0, "read as asked")
display(experiments.claim("At w = 3 dropping one class in ten makes more pictures read as "
                          "asked than dropping none", "what the drop is for", good,
                          more="p = 0.1", less="p = 0"),
        experiments.claim("Without any drop, the unconditional pictures are farther from the "
                          "data than with one in ten", "the null token was never trained",
                          at(dropped_frechet, -1.0, "Fréchet distance"), more="p = 0",
                          less="p = 0.1", digits=2),
        experiments.claim("At w = 3 dropping half of the classes makes fewer pictures read as "
                          "asked than one in ten",
                          "Ho & Salimans 2022, section 4.2: 0.5 is worse, 0.1 and 0.2 alike",
                          good, more="p = 0.1", less="p = 0.5"),
        experiments.claim("At w = 3 dropping one class in five makes fewer pictures read as "
                          "asked than one in ten",
                          "Ho & Salimans 2022, section 4.2: 0.1 and 0.2 alike", good,
                          more="p = 0.1", less="p = 0.2"),
        experiments.claim("At w = 0 dropping half of the classes makes fewer pictures read as "
                          "asked than one in ten", "half of the training went elsewhere",
                          at(dropped_asked, 0.0, "read as asked"), more="p = 0.1",
                          less="p = 0.5"))

# %% [markdown]
# **What to notice.** With guidance ($w=3$) the order is that of the paper, which did not try to drop none: dropping one class in ten or one in five is best (0.70 of the pictures are read as asked, both times), one half is worse (0.62), and none is worst (0.52). Two things pull. What is dropped is lost to the conditional half: at $w=0$ 0.42 of the pictures are read as asked without a drop, then 0.40, 0.34 and 0.24. And it is what the null token lives on: the Fréchet distance of the unconditional pictures ($w=-1$) falls from 12.9 without a drop to 9.7, 9.1 and 8.2. Guidance needs both halves. Without any drop the null token is a vector that was never trained, and where it points is luck: at $w=3$ the six seeds end between 10.3 and 25.4, with one in ten between 6.9 and 11.6. (These trainings are short. The same network would read better at $w=0$ after a longer one.)
#
# ## 7 · When, and how often
#
# **Is guidance needed all the way?**
#
# Section 5 says that the early steps push too far. [Kynkäänniemi et al. 2024](https://arxiv.org/abs/2404.07724) go by that: guide only in the *middle* of the way, $t_\text{low}\le t\le t_\text{high}$ (here from 300 to 700), and use $w=0$ outside. Early on guidance makes all pictures of a class alike; at the end it has nothing left to decide. And each step without guidance costs one answer instead of two. The course's own `sample_cfg` takes an `interval` for that.

# %% tags=["experiment", "figure"]
windows = {"everywhere": (0, 1000), "not at the start": (0, 700), "not at the end": (300, 1000),
           "in the middle": (300, 700)}
rows = {"w = 0": draw(0, min(K, 10), seed=5)[0]}
for name, window in windows.items():
    rows[name] = draw(4, min(K, 10), seed=5, sampler=guidance.sample_cfg, interval=window)[0]
plots.strip(rows, column_titles=names[:10], title="w = 4, on a part of the way",
            alt="Rows of pictures without guidance, and with strong guidance on the whole "
                "way and on three parts of it. In the middle only, the class is plain and "
                "the colours stay natural.");

# %% tags=["experiment"]
def figures_of(study, names):
    """A table of means over the seeds, one row a variant."""
    return pd.DataFrame({name: studies.load(study, figure=name).table()["mean"]
                         for name in names}).round(3)


columns = ["read as asked", "Fréchet distance", "recall", "distance within a class",
           "saturated", "questions"]
display(figures_of("cfg_interval", columns))
spots, alike = (studies.load("cfg_interval", figure=name)
                for name in ("Fréchet distance", "read as asked"))
display(experiments.claim("With w = 4 in the middle only, pictures are nearer to the data "
                          "than with w = 4 everywhere", "Kynkäänniemi et al. 2024, table 1",
                          spots, more="everywhere", less="in the middle", digits=2),
        experiments.claim("With w = 4 in the middle only, fewer pictures are read as asked "
                          "than with w = 4 everywhere", "the price one would expect",
                          alike, more="everywhere", less="in the middle"),
        experiments.claim("Leaving guidance out at the start brings pictures nearer to the "
                          "data than leaving it out at the end",
                          "Kynkäänniemi et al. 2024, figure 3", spots, more="not at the end",
                          less="not at the start", digits=2))

# %% [markdown]
# **What to notice.** In the middle only, the Fréchet distance falls from 6.04 to 2.79 and recall rises from 0.72 to 0.88, while 0.981 of the pictures are still read as asked (0.997 everywhere). And it costs 15 answers a picture instead of 20 (the column *questions*). The two ends do different harm. Leaving guidance out at the end takes the glare away (saturated: 0.006, against 0.022 everywhere and 0.018 without the start). Leaving it out at the start lets pictures of a class differ more (3.727, against 3.640 everywhere and 3.522 without the end; three seeds do not settle it). Recall gains from either. Compare the middle at $w=4$ with $w=1$ everywhere, in section 4: it is just as obedient (0.981), and no nearer to the data (2.79 against 2.21). So here an interval takes the harm out of a large $w$, and a small $w$ would have done as well. On ImageNet the paper found the interval better than any $w$.
#
# **Must the unconditional half be asked at every step?** It changes slowly from step to step. So keep the last answer, and ask for a new one at every $k$-th step only (`every=k`). With `every=2` every other unconditional answer is then a step old. Is that better than taking fewer steps for the same price?

# %% tags=["experiment"]
display(figures_of("cfg_every", columns))
saved = {name: studies.load("cfg_every", figure=name)
         for name in ("read as asked", "Fréchet distance")}
display(experiments.claim("Asking for the unconditional noise at every 2nd step costs "
                          "pictures that are read as asked",
                          "the price one would expect", saved["read as asked"],
                          more="every step", less="every 2nd"),
        experiments.claim("With every 2nd step the pictures are nearer to the data than with "
                          "every step", "nobody's: an old answer should be a worse one",
                          saved["Fréchet distance"], more="every step", less="every 2nd",
                          digits=2),
        experiments.claim("For the same 30 answers, 20 steps with every 2nd are nearer to "
                          "the data than 15 full steps",
                          "why one would do it", saved["Fréchet distance"], more="15 steps",
                          less="every 2nd", digits=2))

# %% [markdown]
# **What to notice.** With every 2nd step a picture takes 30 answers instead of 40, and no obedience is lost (0.986 both times). It is even nearer to the data (2.55 against 3.57). An old answer can hardly be a better one. A guess: it belongs to a noisier picture, so the difference is no longer that of two predictions at one place, and the guide acts as if $w$ were smaller; section 4 says that a smaller $w$ is nearer to the data. You can test it: how does $w=3$ with every 2nd compare with $w=2$ at every step?
#
# ## 8 · The classifier that nobody trained
#
# **Section 2 says that the difference of the two predictions is the gradient of a classifier. Is it a good one?**

# %% [markdown]
# ### Exercise 8 · `implicit_gradient`
# ●●○ · 15 minutes
#
# The first formula of section 2, with noises in the place of scores. Here each picture has its own step $t$. If the network gives $v$, turn both answers into noise before you subtract.
#
# <details><summary>Hint 1: what to think about</summary>A score points against the noise: which of the two is subtracted from which? And what shape must √(1 − ᾱ) have?</details>
# <details><summary>Hint 2: the formula</summary>(eps without the class − eps with the class) over the root of 1 − alpha_bar[t].</details>
# <details><summary>Hint 3: nearly the line</summary>with <code>eps_y</code> and <code>eps_0</code> from to_eps: <code>return (… - …) / (1 - alpha_bar[t]).sqrt().reshape(…).to(x)</code></details>


# %% tags=["exercise"] exercise="implicit_gradient" points=2
def implicit_gradient(model, cond, x, t, alpha_bar, *, kind="eps"):
    """The gradient of log p(cond | x_t), read off two predictions.

    model: model(x, time, cond), time (B,) from 0 to 1000; model.classes is its null class.
    cond: (B,), int64.    x: noisy pictures, (B, C, H, W).    t: (B,), int64, each from 1 to T.
    alpha_bar: (T + 1,), float64.    kind: what the model predicts, "eps", "x0" or "v".
    All tensors lie on one device. Returns (B, C, H, W), of the dtype of x.

    Example: alpha_bar = 0.75, eps with the class 1, without it 1.5: the gradient is 1.
    """
    ### BEGIN SOLUTION
    time, scores = model_time(t, len(alpha_bar) - 1).to(x.device), []
    for told in (cond, torch.full_like(cond, model.classes)):
        eps = to_eps(kind, model(x, time, told), x, t, alpha_bar)
        scores.append(-eps / (1 - alpha_bar[t]).sqrt().reshape(-1, 1, 1, 1).to(x))
    return scores[0] - scores[1]
    ### END SOLUTION


# %% tags=["check"] exercise="implicit_gradient"
implicit_gradient = ex.implicit_gradient.check(implicit_gradient)

# %% [markdown]
# Look at it beside the gradient of a trained classifier: the recogniser of lesson 01, which has seen noise of every strength. Real pictures, noised; red where a pixel should become brighter to look more like its class, blue where darker.

# %% tags=["experiment", "figure"]
reader, shown = metrics.recogniser(dataset, run.device).net, min(K, 8)
x0, y = one_each[:shown].to(run.device), torch.arange(shown).to(run.device)
t = torch.full((shown,), 500)
x_t = q_sample(x0, t, alpha_bar, noise(shown, seed=6))
ours = implicit_gradient(model, y, x_t, t.to(run.device), alpha_bar.to(run.device), kind=kind)
theirs = guidance.classifier_gradient(lambda x, t: reader(x), x_t,
                                      model_time(t, T).to(run.device), y)


def as_colours(gradient):
    """One map a picture, brightness only: blue below 0, red above, scaled to its largest."""
    maps = gradient.mean(1).cpu()  # (B, H, W)
    maps = maps / maps.abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-9)
    return torch.stack([1 - 2 * (-maps).clamp(min=0), 1 - 2 * maps.abs(),
                        1 - 2 * maps.clamp(min=0)], dim=1)


def in_colour(x):
    """Pictures with three channels, whatever they had."""
    return x.cpu().expand(-1, 3, -1, -1)


plots.strip({"real": in_colour(x0), "x_t, t = 500": in_colour(x_t),
             "implicit": as_colours(ours), "trained": as_colours(theirs)},
            column_titles=names[:shown], title="What would make it more like its class?",
            alt="Real pictures, the same under noise, and two rows of maps in red and blue: "
                "what the implicit classifier would change, and what the trained one would.");

# %% [markdown]
# **Where to look.** Compare the two lower rows column by column, and both with the flower above them. Where is each of them strong: at the head, at the edge of the petals, in the sky? Both answer the same question, and the network behind the first never had to name a class. How far they agree in numbers comes next.
#
# A classifier can also be asked for a class. The implicit one reads a picture so: add noise, ask the network for that noise under each class, and choose the class under which it does best ([Li et al. 2023](https://arxiv.org/abs/2303.16203); `guidance.implicit_class`). It takes $K$ questions. Mind that it knows the clean picture, whose noise it is asked about, while the trained classifier (that of lesson 11, trained for this comparison) sees $x_t$ alone: the two curves do not compete, they say at which noise each has something to say.

# %% tags=["experiment", "figure"]
how = studies.settings("implicit_classifier")["shared"]
read_by = studies.load("implicit_classifier", figure="accuracy by t")
agree = studies.load("implicit_classifier", figure="cosine by t")
print(f"{how['samples']} held-out {how['dataset']} a seed")
plots.curves({"implicit": read_by.runs["implicit"], "trained": read_by.runs["trained"],
              "cosine of the gradients": agree.runs["trained"]},
             x=how["times"], xlabel="t", ylabel="share read rightly; cosine",
             hlines={"chance": 0.1},
             title="A generator can read, best at little noise",
             alt="Share of pictures read rightly against t, by the implicit and by the trained "
                 "classifier, and the cosine of the angle between their gradients.");

# %% tags=["experiment"]
together = studies.load("implicit_classifier", figure="accuracy")
display(together.table().round(3))
middle = agree.map(lambda run: run[len(run) // 2],
                   f"cosine of the gradients at t = {how['times'][len(how['times']) // 2]}")
pairs = experiments.Comparison(middle.figure, middle.seeds,
                               {"the two gradients": middle.runs["trained"],
                                "two random directions": 0 * middle.runs["trained"]})
experiments.claim("Half-way, the implicit and the trained classifier's gradients point the "
                  "same way rather than anywhere",
                  "Bayes' rule", pairs, more="the two gradients", less="two random directions")

# %% [markdown]
# **What to notice.** The generator reads best at t = 100 (0.99 of the pictures), where there is the least to be unsure of, and much worse at t = 900 (0.36): where next to nothing can be seen, no class explains the noise better than another. In the table both know the clean picture: the generator adds up the evidence of all times, the trained classifier reads at $t=0$. Neither makes a single mistake; Li et al., too, find the two comparable. The gradients, found in such different ways, point in related directions: the cosine is 0.21 at t = 100 and 0.52 at its best, where two random directions in a space of 768 numbers have 0.
#
# **Which guidance is better for the same time?** A step of classifier-free guidance asks the large network twice. A step of classifier guidance asks it once, and takes the gradient of a small one: two thirds of the time, measured on one core. So 15 steps stand against 10. The network is the same; for the classifier it is used without its classes. The classifier is that of lesson 11, trained by the same recipe (3,000 batches) for this network's schedule.

# %% tags=["experiment", "figure"]
budget = {name: studies.load("guidance_budget", figure=name)
          for name in ("read as asked", "Fréchet distance")}
figure, panel = plt.subplots(figsize=(9, 3.6))
for method, shade in (("free", plots.COLOURS["train"]), ("classifier", plots.COLOURS["test"])):
    labels_of = [label for label in budget["read as asked"].runs if label.startswith(method)]
    across, up = (np.stack([budget[name].runs[label] for label in labels_of])
                  for name in ("read as asked", "Fréchet distance"))
    panel.plot(across, up, "o", color=shade, alpha=0.35, ms=4)
    panel.plot(across.mean(1), up.mean(1), "o-", color=shade,
               label={"free": "classifier-free, 10 steps",
                      "classifier": "by a classifier, 15 steps"}[method])
    for number, (label, x, y) in enumerate(zip(labels_of, across.mean(1), up.mean(1))):
        place = (4, -12 if number % 2 else 5)  # above and below in turn, so that none overlap
        panel.annotate(label.split(", ")[1], (x, y), xytext=place, textcoords="offset points",
                       fontsize=9)
panel.set(xlabel="share read as asked (more is better)",
          ylabel="Fréchet distance (less is better)",
          title="For the same time: obedience against nearness to the data", ylim=(0, None))
panel.legend()
plots.show(figure, alt="Fréchet distance against share read as asked, for classifier-free "
                       "guidance with four weights and for guidance by a classifier with four "
                       "scales. The points of classifier-free guidance lie further right.");

# %% tags=["experiment"]
display(experiments.claim("For the same time, classifier-free guidance (w = 1) makes more "
                          "pictures read as asked than a classifier (scale 32)",
                          "Ho & Salimans 2022, section 1", budget["read as asked"],
                          more="free, w = 1", less="classifier, scale 32"),
        experiments.claim("For the same time, classifier-free guidance (w = 1) is nearer to "
                          "the data than a classifier (scale 32)",
                          "Ho & Salimans 2022, section 1", budget["Fréchet distance"],
                          more="classifier, scale 32", less="free, w = 1", digits=2))

# %% [markdown]
# **What to notice.** For the same time classifier-free guidance obeys more often: at $w=1$ 0.981 of the pictures are read as asked, with the classifier at its largest scale it is 0.843, and the Fréchet distance is 2.19 against 3.01. The classifier's curve still falls at its end, so a larger scale may go on helping. And the classifier is small: what the comparison says is what a second network of that price can do, and not what the best one could. The other side of the bill is the training: classifier guidance works with a network that never heard of classes.

# %% [markdown]
# ## 9 · Bug hunt: the class that never goes away
#
# A colleague's classes are vectors of 512 features, as text will be from lesson 19 on. Nothing said is a vector of zeros. The drop looks like yours:

# %%
def colleagues_drop(cond, p, generator):
    """Take the condition away from a share p of the batch. cond: (B, 512)."""
    mask = torch.rand(cond.shape, generator=generator) < p
    return cond.masked_fill(mask, 0.0)


# %% [markdown]
# It runs, and the loss falls as it should. To see what is wrong, take a world that trains in seconds: points in the plane, three classes, and a small network that gets the 512 features of the class beside the point and the time.

# %% tags=["experiment"]
centres = torch.tensor([[-0.8, -0.5], [0.8, -0.5], [0.0, 0.8]], dtype=torch.float64)
plane = guidance.Mixture(centres, 0.15, torch.full((3,), 1 / 3, dtype=torch.float64))
vectors = torch.randn(3, 512, generator=run.fresh_generator(20))  # what stands for each class


class PointNet(torch.nn.Module):
    """Predicts v for points (B, 2) at times (B,), told vectors (B, 512)."""

    def __init__(self):
        super().__init__()
        self.point = torch.nn.Linear(2, 128)
        self.time = torch.nn.Linear(16, 128)
        self.told = torch.nn.Linear(512, 128)
        self.rest = torch.nn.Sequential(torch.nn.GELU(), torch.nn.Linear(128, 128),
                                        torch.nn.GELU(), torch.nn.Linear(128, 2))

    def forward(self, x, t, cond):
        time = self.time(sinusoidal_embedding(t, 16))
        return self.rest(self.point(x) + time + self.told(cond))


# %% tags=["experiment"]
def train_points(drop, seed=0, p=0.1):
    """A network trained with this drop, and its mean loss over the last tenth."""
    def batch(step):
        generator = run.fresh_generator(10_000 * seed + step)
        y = torch.randint(3, (256,), generator=generator)
        t = torch.randint(1, T + 1, (256,), generator=generator)
        x0 = plane.sample(y, generator).float()
        return x0, t, torch.randn(256, 2, generator=generator), drop(vectors[y], p, generator)

    torch.manual_seed(seed)
    net = PointNet()

    def loss(net, b):
        v_hat = net(q_sample(b[0], b[1], alpha_bar, b[2]), model_time(b[1], T), b[3])
        return (v_hat - target("v", b[0], b[2], b[1], alpha_bar)).square().mean()

    made = fit(net, batch, loss, run.pick(smoke=60, lecture=800, laptop=1500, gpu=4000),
               learning_rate=5e-3, ema=0.99, quiet=True)
    return made.ema.requires_grad_(False), np.mean(made.losses[-len(made.losses) // 10:])


# %% tags=["experiment"]
def evidence(drop, title):
    """What a network trained with this drop draws without a class, with one, and guided."""
    steps = run.pick(smoke=5, laptop=50, gpu=100)
    net, loss = train_points(drop)
    x_T, y = torch.randn(400, 2, generator=run.fresh_generator(21)), torch.arange(400) % 3
    told, untold = vectors[y], torch.zeros(400, 512)
    clouds = {"the data": plane.sample(y, run.fresh_generator(22))}
    for name, w in (("w = -1: no class", -1), ("w = 0", 0), ("w = 2", 2)):

        def predict(x, t, w=w):
            v_hat = guide(net(x, t, told), net(x, t, untold), w)
            return to_eps("v", v_hat, x, schedule_step(t, T), alpha_bar)

        clouds[name] = sample_ddim(predict, x_T, alpha_bar, steps, clip=False)
    figure, panels = plt.subplots(1, 4, figsize=(9, 2.7), sharex=True, sharey=True)
    for panel, (name, cloud) in zip(panels, clouds.items()):
        for k, shade in enumerate(("cosine", "linear", "sigmoid")):
            panel.scatter(*cloud[y == k].T, s=3, color=plots.COLOURS[shade])
        panel.set(title=name, xlim=(-3, 3), ylim=(-3, 3), xlabel="first number")
    panels[0].set_ylabel("second number")
    figure.suptitle(title, fontsize=13, weight="bold")
    far = [torch.cdist(cloud.double(), plane.means).amin(1).mean().item()
           for cloud in clouds.values()]
    print(f"loss {loss:.3f}; mean distance to the nearest centre: "
          + ", ".join(f"{name} {d:.2f}" for name, d in zip(clouds, far)))
    plots.show(figure, alt=f"{title}. Four clouds of points: the data, samples without a "
                           "class, with one, and guided. Mean distance to the nearest centre "
                           f"without a class {far[1]:.2f}, in the data {far[0]:.2f}.");


# %% tags=["experiment", "figure"]
evidence(colleagues_drop,
         "The colleague's: asked for nothing in particular, it gives nothing in particular")

# %% [markdown]
# Each colour is one class. With a class and without guidance all is well, and the loss says nothing. But without a class the points should lie on the three heaps, and they do not; and with $w=2$ they leave the heaps as well, most of them the picture too, because the guide leans on a prediction that means nothing.
#
# How can the network do so badly what it was trained for one time in ten? Was it?

# %% tags=["experiment"]
ones = torch.ones(20_000, 512)
lost = (colleagues_drop(ones, 0.1, run.fresh_generator(23)) == 0).sum(1)
print(f"features lost by a row of 512: from {lost.min()} to {lost.max()}; "
      f"rows that lost all of them: {(lost == 512).sum()} of 20000")
print(f"chance of losing all 512: 10 to the power of {512 * math.log10(0.1):.0f}")

# %%
# your own look: try things here

# %% [markdown]
# ### Exercise 9 · `mended_drop`
# ●●○ · 15 minutes · the heart of the lesson
#
# Write the drop as it was meant, for vectors of any length.
#
# <details><summary>Hint 1: what to think about</summary>How many coins does the colleague toss for one picture? How many should it be?</details>
# <details><summary>Hint 2: the formula</summary>Your bernoulli_mask gives one entry a row. What shape must it have before it meets (B, F)?</details>
# <details><summary>Hint 3: nearly the line</summary><code>mask = bernoulli_mask(…)</code>, then <code>return cond.masked_fill(mask[:, …], …)</code></details>


# %% tags=["exercise"] exercise="mended_drop" points=3
def mended_drop(cond, p, generator):
    """Take the whole condition away from some rows, each with probability p.

    cond: (B, F), float.    p: 0 to 1.
    generator: a torch.Generator on the CPU, the only source of chance.
    Returns (B, F), of the dtype of cond: each row as it was, or all zeros. Changes none of
    its arguments.
    """
    ### BEGIN SOLUTION
    whole = bernoulli_mask(len(cond), p, generator)  # (B,): one coin a row
    return cond.masked_fill(whole[:, None], 0)
    ### END SOLUTION


# %% tags=["check"] exercise="mended_drop"
mended_drop = ex.mended_drop.check(mended_drop)

# %% tags=["experiment", "figure"]
evidence(mended_drop, "Mended: without a class it draws all three")

# %% [markdown]
# The bug is a real one, found in a public course. It is hard to see because everything looks as usual: the mask has the right share of ones, the loss falls (even lower than that of the mended one, because the harder question, without a class, is never asked), and samples with a class are good. A network whose condition has holes learns to fill the holes. It never learns to do without. Two things would have shown it: samples at $w=-1$, and a count of the rows that are all null.
#
# ## 10 · Explorer
#
# **How firmly do you ask?** Move $w$ slowly from $-2$ to $8$ and watch one picture. Where does it become what was asked for, and where does it stop being a picture? Then narrow the guided times from both ends: how little guidance is enough? A name on a picture says what the judge reads in it, where that is not what was asked for. On the curve beside the grid the dot moves along.

# %% tags=["explorer", "figure"]
if dataset == "flowers" and run.preset == "lecture":  # section 4's study has measured it
    w_curve = [float(label.split("=")[1])
               for label in studies.load("cfg_weight", figure="recall").runs]
    of_study = [[sum(runs) / len(runs)
                 for runs in studies.load("cfg_weight", figure=name).runs.values()]
                for name in ("read as asked", "recall")]
    shared = studies.settings("cfg_weight")["shared"]
    curve = GuidanceCurve(w_curve, *of_study, n=3 * shared["samples"], steps=shared["steps"])
else:
    n_curve = run.pick(smoke=2 * K, lecture=40, laptop=100, gpu=400)
    # Recall depends on how many pictures there are:
    few = metrics.Judge(dataset, size, n=n_curve, device=run.device)
    curve = measure_curve(
        model, alpha_bar, judge.read, judge.reader.features, classes=K, shape=train.shape[1:],
        kind=kind, n=n_curve, diversity=few.recall, steps=run.pick(smoke=2, laptop=10),
        ws=(-2, 8) if run.preset == "smoke" else (-2, -1, 0, 1, 2, 4, 8))
GuidanceExplorer(model, alpha_bar, noise(3, seed=30), kind=kind, classes=names, read=judge.read,
                 curve=curve, steps=run.pick(smoke=(2, 3), laptop=(3, 5, 10, 20)),
                 start=run.pick(smoke=(2.0, 2), laptop=(2.0, 10)))

# %% [markdown]
# ## Is this normal?
#
# - **The loss** begins near 1 and falls like that of lesson 04: under `laptop`, on flowers, it is at 0.24 over the first tenth of the training, at 0.108 over the second, and ends at 0.070 (the target is $v$, so lesson 04's numbers are no measure). It does not tell whether the null token is trained. Samples at $w=-1$ do.
# - **Pictures by number of steps**: with DDIM, 15 steps are as obedient as 20 (section 7: 0.989 and 0.986 of the pictures at $w=2$).
# - **Times**: the training takes most of it. A guided picture takes twice as long as an unguided one.
# - **$w=2$ does less than $w=0$, or the class is avoided**: the two halves, or the sign, are swapped.
# - **$w=0$ is good and every $w>0$ is worse than the last, down to nonsense**: the unconditional half was never trained (section 9), or class 0 stands for nothing.
# - **Colours at the edge of what there is, flat white and black**: $w$ is too large, or a scale was taken for a $w$. If it gets worse with fewer steps, look whether $\hat x_0$ is clipped.
#
# ## Questions to think about
#
# <details><summary>1. A colleague reports "guidance 3" and you can't reproduce the pictures with w = 3. What do you ask first?</summary>Which convention. A scale of 3 is w = 2.</details>
# <details><summary>2. Could the unconditional half be a different, smaller or worse, network?</summary>Yes: the guide only needs a direction from "less good" to "good". Karras et al. 2024 (arXiv 2406.02507) guide a network with a worse version of itself, of the same class, and get quality without the loss of variety.</details>
# <details><summary>3. Why must the mask be drawn anew for every batch, and not once for the data set?</summary>If the same pictures lost their class for good, the class-conditional half would never see them, and the unconditional half would learn a tenth of the data by heart.</details>
# <details><summary>4. In place of the null token, put another class ("not a rose"). What does the same formula do?</summary>It leads from the rose to what was asked for: a <em>negative prompt</em>, as text-to-image systems call it. Try it: give sample_cfg a model whose null class is the rose.</details>
# <details><summary>5. With an exact network w = 0 is exact. Why does everybody use more?</summary>Because no network is exact. It averages over what it cannot tell apart, so its conditional predictions are too near to the unconditional ones, and going further makes up for that (and for more than that: section 5).</details>
#
# ## What we left out
#
# Guidance by a worse version of the network (autoguidance); weights that change with $t$ in other ways than an interval; rescaling the guided picture's contrast (Lin et al. 2023, arXiv 2305.08891), which takes the glare off large weights; distilling both calls into one (lesson 23); conditions that are sentences (lesson 19).
#
# ## Readings
#
# - Ho & Salimans 2022, [Classifier-Free Diffusion Guidance](https://arxiv.org/abs/2207.12598): eight pages; algorithms 1 and 2 are sections 1 and 3 here.
# - Kynkäänniemi et al. 2024, [Applying Guidance in a Limited Interval](https://arxiv.org/abs/2404.07724): section 7, on large models, with a reason for each end of the interval.
# - Bradley & Nakkiran 2024, [Classifier-Free Guidance is a Predictor-Corrector](https://arxiv.org/abs/2408.09000): what guided samples are, since they are not those of the sharpened distribution.
#
# **Next**: lesson 13 leaves the pixels, and learns a smaller space to work in.

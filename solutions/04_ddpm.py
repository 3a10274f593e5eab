# %% [markdown]
# # 04 · DDPM
#
# ![Four rows: noise on the left, a flower on the right, and the way between them.](../course_utils/lessons/lesson04/opening.png)
#
# You can drown a picture (lesson 01), and you have a network that looks at a drowned picture (02) and knows how deep it lies (03). This lesson puts them together: a *denoising diffusion probabilistic model*, which starts from nothing but noise and ends in a flower that nobody drew.
#
# The recipe is short: guess the noise, square the error, repeat. Why such a simple loss is the right one takes a page of mathematics, and you check every line of it.
#
# **You will build** the step back when the picture is known, the loss, the running average of the weights, the training loop, and the sampler.
#
# **You will see** a model learn to draw in a few minutes, what its loss tells and what it hides, nine choices of the recipe measured one at a time, and three bugs that train without complaint.
#
# **Time**: about three hours and a quarter with the exercises. The notebook itself takes about seven and a half minutes of processor time under `laptop`, most of it the training, and two cores share it; `lecture` loads a model trained ahead and `smoke` draws a few steps.
#
# **Stands on** lessons 01 (`q_sample`, `recover_x0`), 02 (the U-Net) and 03 (how it is told the time).

# %%
import copy

import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch.distributions import Normal, kl_divergence

from course_utils import data, diffusion, experiments, plots, pretrained, samplers, studies
from course_utils.diffusion import alpha_bars, linear_schedule, model_time, q_sample, recover_x0
from course_utils.lessons.lesson04 import checks as ex
from course_utils.lessons.lesson04.explorer import TrajectoryExplorer
from course_utils.lessons.lesson04.film import Film
from course_utils.metrics import Judge
from course_utils.models import UNet
from course_utils.runtime import start
from course_utils.training import checkpoint_of, ema_decay, fit, make_adamw

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %% tags=["figure"]
run = start("04", preset=preset, dataset=dataset)
plots.use_style()
size = run.pick(laptop=16, gpu=32)
n = run.pick(smoke=256, lecture=4096, laptop=16384, gpu=60000)
train = data.load(dataset, most=n, size=size).images  # (N, C, size, size)
plots.grid(train[:16], title=f"What the model will learn to draw: {size} x {size} pixels",
           alt=f"Sixteen pictures of the data set {dataset}, {size} pixels wide.");

# %% [markdown]
# ## 1 · One step back
#
# **If noise was added in small steps, can it be taken away in small steps?**
#
# One step forwards is easy to write down: $q(x_t \mid x_{t-1})$ is normal, with mean $\sqrt{\alpha_t}\,x_{t-1}$ and variance $\beta_t$. One step *back*, $q(x_{t-1}\mid x_t)$, asks: of all pictures that this one could have come from, which are likely? That depends on all the data there are. In general it has no formula.
#
# Two facts save us.
#
# **First fact: for a small step, the way back is nearly normal too.** Take the simplest data, a single number that is $-1$ or $1$. The figure shows $q(x_{t-1}\mid x_t)$ for one $x_t$ between the two, after a small and after a large last step.

# %% tags=["experiment", "figure"]
axis = torch.linspace(-3, 3, 1201, dtype=torch.float64)
width = axis[1] - axis[0]


def way_back(before, beta, x_t):
    """q(x_{t-1} | x_t) on the axis, for data that are -1 or 1; `before` is alpha_bar_{t-1}."""
    bumps = [Normal(sign * before**0.5, (1 - before) ** 0.5).log_prob(axis).exp()
             for sign in (-1, 1)]
    likelihood = Normal((1 - beta) ** 0.5 * axis, beta**0.5).log_prob(torch.tensor(x_t)).exp()
    density = (bumps[0] + bumps[1]) * likelihood  # Bayes' rule
    return density / (density.sum() * width)


figure, panels = plt.subplots(1, 2, figsize=(9, 3))
titles = ("A small step (beta 0.02): normal", "A large step (beta 0.6): two answers")
for panel, beta, title in zip(panels, (0.02, 0.6), titles):
    density = way_back(0.8, beta, 0.1)
    mean = (axis * density).sum() * width
    deviation = (((axis - mean) ** 2 * density).sum() * width).sqrt()
    panel.plot(axis, density, color=plots.COLOURS["x_t"], label="the way back")
    normal = Normal(mean, deviation).log_prob(axis).exp()
    panel.plot(axis, normal, "--", color=plots.COLOURS["reference"], label="nearest normal")
    panel.set(xlabel="x at step t - 1", ylabel="density", title=title)
panels[0].legend(loc="upper right")
plots.show(figure,
           alt="Left: after a small step the density of the way back is one bump and equals "
               "the normal curve. Right: after a large step it has two bumps, which no normal "
               "curve can follow.");

# %% [markdown]
# **Where to look.** On the left the dashed normal curve lies on the true one. On the right the honest answer is "$-1$ or $1$", and a normal curve can only say "about $0$", where little is. So a sampler that draws from normal distributions has to take many small steps. That is what the thousand steps are for.
#
# **Second fact: if the clean picture is known as well, the way back has a formula.** Bayes' rule, with everything given $x_0$:
#
# $$q(x_{t-1}\mid x_t, x_0) \;\propto\; \underbrace{q(x_t\mid x_{t-1})}_{\text{one step, lesson 01}}\;\underbrace{q(x_{t-1}\mid x_0)}_{\text{the jump, lesson 01}}$$
#
# (*Licensed by*: Bayes' rule; its denominator does not contain $x_{t-1}$; and $x_t$ depends on $x_0$ only through $x_{t-1}$.) Both factors are normal, so in the exponent stand two parabolas in $x_{t-1}$, and a sum of parabolas is a parabola:
#
# $$-\frac{(x_t-\sqrt{\alpha_t}\,x_{t-1})^2}{2\beta_t} - \frac{(x_{t-1}-\sqrt{\bar\alpha_{t-1}}\,x_0)^2}{2(1-\bar\alpha_{t-1})} \;=\; -\frac{1}{2}\,\underbrace{\Big(\frac{\alpha_t}{\beta_t}+\frac{1}{1-\bar\alpha_{t-1}}\Big)}_{\text{one over the variance}}\,x_{t-1}^2 \;+\; \underbrace{\Big(\frac{\sqrt{\alpha_t}\,x_t}{\beta_t}+\frac{\sqrt{\bar\alpha_{t-1}}\,x_0}{1-\bar\alpha_{t-1}}\Big)}_{\text{the mean over the variance}}\,x_{t-1} + \dots$$
#
# (*Licensed by*: sorting by powers of $x_{t-1}$. A normal density's exponent is $-\frac{x^2}{2\sigma^2}+\frac{\mu}{\sigma^2}x+\dots$) With $\alpha_t\bar\alpha_{t-1}=\bar\alpha_t$ and $\alpha_t+\beta_t=1$ the bracket becomes $\frac{1-\bar\alpha_t}{\beta_t(1-\bar\alpha_{t-1})}$, and so
#
# $$\tilde\beta_t = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t, \qquad \tilde\mu_t(x_t,x_0) = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,x_0 + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,x_t .$$
#
# - $\tilde\beta_t$ ("beta tilde") is what remains uncertain about $x_{t-1}$ when both ends are known. It is smaller than $\beta_t$, and 0 at $t=1$, where $x_{t-1}$ *is* the picture.
# - $\tilde\mu_t$ is a mixture: mostly $x_t$, and a little of the clean picture. Step by step, the picture takes over.

# %% [markdown]
# ### Exercise 1 · `posterior_variance`
# ●○○ · 10 minutes
#
# Equation 7 of [Ho et al. 2020](https://arxiv.org/abs/2006.11239). You get $\bar\alpha$, not the betas; two neighbours give one: $\beta_t = 1-\bar\alpha_t/\bar\alpha_{t-1}$ (lesson 01, section 6).
#
# <details><summary>Hint 1: what to think about</summary>Everything you need stands at <code>alpha_bar[t]</code> and <code>alpha_bar[t - 1]</code>. What should come out at t = 1?</details>
# <details><summary>Hint 2: the formula</summary>It stands above. Both brackets are amounts of noise, 1 − alpha bar.</details>
# <details><summary>Hint 3: nearly the line</summary>with <code>a</code> and <code>before</code> for the two entries: <code>return (1 - …) / (1 - …) * (1 - a / before)</code></details>


# %% tags=["exercise"] exercise="posterior_variance" points=1
def posterior_variance(t, alpha_bar):
    """The variance of q(x_{t-1} | x_t, x_0), "beta tilde".

    t: (B,), int64, each from 1 to T.    alpha_bar: (T + 1,), float64.
    Returns (B,), of the dtype of alpha_bar.    Ho et al. 2020, equation 7.

    Example: alpha_bar = [1, 0.8, 0.4], t = [1, 2] gives [0, 0.1667].
    """
    ### BEGIN SOLUTION
    a, before = alpha_bar[t], alpha_bar[t - 1]
    beta = 1 - a / before
    return (1 - before) / (1 - a) * beta
    ### END SOLUTION


# %% tags=["check"] exercise="posterior_variance"
posterior_variance = ex.posterior_variance.check(posterior_variance)

# %% [markdown]
# ### Exercise 2 · `posterior_mean`
# ●●○ · 15 minutes · the heart of the lesson
#
# Equation 7 again. Each picture of the batch has its own $t$, as in `q_sample`.
#
# <details><summary>Hint 1: what to think about</summary>Compute the two coefficients as (B,) first. Which shape must they have before they meet pictures?</details>
# <details><summary>Hint 2: the formula</summary>It stands above. Mind which root is of alpha_t, one step, and which of alpha bar, all steps so far.</details>
# <details><summary>Hint 3: nearly the line</summary>With <code>a</code> and <code>before</code> of shape (B, 1, 1, 1), and <code>alpha</code> their quotient: <code>before.sqrt() * (1 - alpha) / (1 - a) * x0 + …</code></details>


# %% tags=["exercise"] exercise="posterior_mean" points=2
def posterior_mean(x0, x_t, t, alpha_bar):
    """The mean of q(x_{t-1} | x_t, x_0).

    x0, x_t: (B, C, H, W).    t: (B,), int64, each from 1 to T.    alpha_bar: (T + 1,), float64.
    Returns (B, C, H, W), of the dtype and on the device of x_t.    Ho et al. 2020, equation 7.

    Example: alpha_bar = [1, 0.8, 0.4], t = 2: 0.7454 x0 + 0.2357 x_t.    At t = 1 it is x0.
    """
    ### BEGIN SOLUTION
    a, before = (alpha_bar[s].reshape(-1, 1, 1, 1) for s in (t, t - 1))  # (B, 1, 1, 1), float64
    alpha = a / before
    of_x0 = before.sqrt() * (1 - alpha) / (1 - a)
    of_x_t = alpha.sqrt() * (1 - before) / (1 - a)
    return of_x0.to(x_t) * x0 + of_x_t.to(x_t) * x_t
    ### END SOLUTION


# %% tags=["check"] exercise="posterior_mean"
posterior_mean = ex.posterior_mean.check(posterior_mean)

# %% [markdown]
# Check both formulas without believing a line of the algebra: multiply the two densities on a grid of numbers, and measure mean and variance of what comes out.

# %% tags=["experiment", "figure"]
# 20 large steps, so that there is something to see
short = alpha_bars(linear_schedule(20, 0.02, 0.6))
t, x0_value, x_t_value = 9, 0.9, -0.4
before, alpha = short[t - 1], short[t] / short[t - 1]
# q(x_{t-1} | x0), and q(x_t | x_{t-1})
from_x0 = Normal(before.sqrt() * x0_value, (1 - before).sqrt()).log_prob(axis).exp()
from_x_t = Normal(alpha.sqrt() * axis, (1 - alpha).sqrt())
from_x_t = from_x_t.log_prob(torch.tensor(x_t_value)).exp()
product = from_x0 * from_x_t
product = product / (product.sum() * width)
by_grid = (axis * product).sum() * width
by_grid = [by_grid.item(), ((axis - by_grid) ** 2 * product).sum().item() * width.item()]
now, one = torch.tensor([t]), torch.ones(1, 1, 1, 1, dtype=torch.float64)
by_formula = [posterior_mean(x0_value * one, x_t_value * one, now, short).item(),
              posterior_variance(now, short).item()]
display(pd.DataFrame([by_grid, by_formula], ["on the grid", "by the formula"],
                     ["mean", "variance"]).round(6))
figure, panel = plt.subplots(figsize=(9, 2.8))
panel.plot(axis, from_x0, color=plots.COLOURS["x0"], label="where x0 alone leads")
panel.plot(axis, from_x_t, color=plots.COLOURS["x_t"], label="where x_t may come from")
panel.plot(axis, product, color=plots.COLOURS["reference"], label="both: the product")
panel.set(xlabel="x at step t - 1", ylabel="density",
          title="Two vague clues make one sharper answer")
panel.legend()
plots.show(figure,
           alt="Two wide bumps, one from x0 and one from x_t, and their product, which is "
               "narrower and lies between.");

# %% [markdown]
# ## 2 · What should the network learn?
#
# **The formula wants $x_0$, and a sampler does not have it. What is the best substitute, and in which sense the best?**
#
# Let the model be a chain that starts in noise, $p(x_T)=\mathcal N(0,I)$, and whose every step back is normal with a mean that the network chooses: $p(x_{t-1}\mid x_t)=\mathcal N(\mu_\theta(x_t,t),\,\sigma_t^2 I)$, where $\theta$ are its weights. We want it to find the training pictures likely: $-\log p(x_0)$ small. Here is the way from that wish to a loss that you can program. Each line says what licenses it.
#
# **Line 1: a bound.** Whatever the steps between, $p(x_0)=\int p(x_{0:T})\,dx_{1:T}$, where $x_{0:T}$ is short for $x_0, \dots, x_T$. Multiply and divide by the forward process:
#
# $$-\log p(x_0) = -\log \mathbb E_{q(x_{1:T}\mid x_0)}\!\left[\frac{p(x_{0:T})}{q(x_{1:T}\mid x_0)}\right] \;\le\; \mathbb E_q\!\left[\log\frac{q(x_{1:T}\mid x_0)}{p(x_{0:T})}\right] =: L$$
#
# *Licensed by* Jensen's inequality: the logarithm of a mean is at least the mean of the logarithms. ($-L$ is the *evidence lower bound*, ELBO.)
#
# **Line 2: both chains are products.** *Licensed by* the Markov property: each step depends on the one before alone.
#
# $$L = \mathbb E_q\!\left[-\log p(x_T) + \sum_{t\ge1} \log\frac{q(x_t\mid x_{t-1})}{p(x_{t-1}\mid x_t)}\right]$$
#
# **Line 3: turn the forward steps around.** The two densities in a fraction speak of different things, $x_t$ above and $x_{t-1}$ below. For $t\ge2$, *licensed by* Bayes' rule (given $x_0$, as in section 1),
#
# $$q(x_t\mid x_{t-1}) = q(x_{t-1}\mid x_t,x_0)\;\frac{q(x_t\mid x_0)}{q(x_{t-1}\mid x_0)} .$$
#
# **Line 4: the quotients cancel in a row.** $\frac{q(x_2\mid x_0)}{q(x_1\mid x_0)}\cdot\frac{q(x_3\mid x_0)}{q(x_2\mid x_0)}\cdots = \frac{q(x_T\mid x_0)}{q(x_1\mid x_0)}$, and $q(x_1\mid x_0)$ cancels against the numerator of $t=1$. *Licensed by* arithmetic.
#
# **Line 5: a sum of distances.** The mean of a logarithm of a quotient is a *Kullback-Leibler divergence*, $D(q\,\|\,p)=\mathbb E_q[\log q/p]$, which is 0 if the two agree and larger otherwise. *Licensed by* that definition, taking the mean over $x_{t-1}$ first:
#
# $$L = \underbrace{D\big(q(x_T\mid x_0)\,\|\,p(x_T)\big)}_{\text{is the end pure noise? nothing to learn}} + \sum_{t\ge2}\mathbb E_q\,\underbrace{D\big(q(x_{t-1}\mid x_t,x_0)\,\|\,p(x_{t-1}\mid x_t)\big)}_{\text{does each step back match the one that knows }x_0\text{?}} \;-\; \mathbb E_q\,\underbrace{\log p(x_0\mid x_1)}_{\text{the last step}}$$
#
# Check lines 1 and 5 against each other, on a chain so simple that $-\log p(x_0)$ itself is known: numbers instead of pictures, four steps, and a "network" that always says $0.8\,x_t$.

# %% tags=["experiment"]
few = alpha_bars(torch.tensor([0.1, 0.3, 0.5, 0.7], dtype=torch.float64))  # T = 4
count = run.pick(smoke=20_000, laptop=400_000)
generator, guess, sigma = run.fresh_generator(0), 0.8, 0.6**0.5
x = [torch.full((count, 1, 1, 1), 1.2, dtype=torch.float64)]  # x_0 = 1.2, and then x_1 to x_4
log_q, log_p = 0, 0
for t in range(1, 5):
    alpha = few[t] / few[t - 1]
    noise = torch.randn(x[0].shape, generator=generator, dtype=torch.float64)
    x.append(alpha.sqrt() * x[-1] + (1 - alpha).sqrt() * noise)
    log_q = log_q + Normal(alpha.sqrt() * x[t - 1], (1 - alpha).sqrt()).log_prob(x[t])
    log_p = log_p + Normal(guess * x[t], sigma).log_prob(x[t - 1])
line_1 = (log_q - log_p - Normal(0, 1).log_prob(x[4])).mean()

line_5 = kl_divergence(Normal(few[4].sqrt() * 1.2, (1 - few[4]).sqrt()), Normal(0.0, 1.0))
for t in range(2, 5):
    now = torch.full((count,), t)
    known = Normal(posterior_mean(x[0], x[t], now, few), posterior_variance(now, few)[0].sqrt())
    line_5 = line_5 + kl_divergence(known, Normal(guess * x[t], sigma)).mean()
line_5 = line_5 - Normal(guess * x[1], sigma).log_prob(x[0]).mean()

# of x_4 under the model, then of x_3, ..., x_0: all of them are normal with mean 0
variance = 1.0
for _ in range(4):
    variance = guess**2 * variance + sigma**2
exact = -Normal(0.0, variance**0.5).log_prob(torch.tensor(1.2))
print(f"-log p(x0) {exact:.3f}   line 1 {line_1:.3f}   line 5 {line_5:.3f}")

# %% [markdown]
# Lines 1 and 5 agree, up to the chance of the draws, and both lie above $-\log p(x_0)$: it is a bound.
#
# **Line 6: between two normal distributions, the divergence is a squared distance.** *Licensed by* the formula for normal densities, with $\sigma_t$ fixed in advance:
#
# $$D\big(q(x_{t-1}\mid x_t,x_0)\,\|\,p(x_{t-1}\mid x_t)\big) = \frac{1}{2\sigma_t^2}\,\big\|\tilde\mu_t(x_t,x_0)-\mu_\theta(x_t,t)\big\|^2 + \text{const}$$
#
# So the network should hit the mean that *knows* the picture. (The last step fits in: $\tilde\mu_1$ is $x_0$ itself, so $-\log p(x_0\mid x_1)$ is the same squared distance and a constant.)
#
# **Line 7: the same mean, written with the noise.** Put $x_0=(x_t-\sqrt{1-\bar\alpha_t}\,\epsilon)/\sqrt{\bar\alpha_t}$ (lesson 01's `recover_x0`) into $\tilde\mu_t$. *Licensed by* algebra:
#
# $$\tilde\mu_t = \frac{1}{\sqrt{\alpha_t}}\left(x_t-\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\epsilon\right)$$
#
# The network sees $x_t$. The only thing in this formula that it does not know is $\epsilon$, the noise. So let it guess that, $\epsilon_\theta(x_t,t)$, and build $\mu_\theta$ by the same formula.
#
# **Line 8: everything else cancels.** The difference of the two means is $\frac{\beta_t}{\sqrt{\alpha_t(1-\bar\alpha_t)}}$ times the difference of the two noises. With the choice $\sigma_t^2=\beta_t$:
#
# $$\frac{\|\tilde\mu_t-\mu_\theta\|^2}{2\sigma_t^2} = w_t\,\|\epsilon-\epsilon_\theta(x_t,t)\|^2, \qquad w_t = \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t\,(1-\bar\alpha_t)} = \frac{\beta_t}{2\,\alpha_t\,(1-\bar\alpha_t)}$$
#
# A bound on $-\log p(x_0)$ has become a weighted sum of squared errors of a guess at noise.

# %% [markdown]
# ### Exercise 3 · `bound_weight`
# ●●○ · 10 minutes
#
# Equation 12 of Ho et al. 2020.
#
# <details><summary>Hint 1: what to think about</summary>You know how to get alpha_t and beta_t from two neighbours of alpha bar.</details>
# <details><summary>Hint 2: the formula</summary>The right-hand side of line 8: beta over 2 · alpha · (1 − alpha bar).</details>
# <details><summary>Hint 3: nearly the line</summary><code>alpha = alpha_bar[t] / …</code>, then <code>return (1 - alpha) / (2 * … * (1 - alpha_bar[t]))</code></details>


# %% tags=["exercise"] exercise="bound_weight" points=2
def bound_weight(t, alpha_bar):
    """w_t, the bound's factor of the squared error at step t, for sigma_t^2 = beta_t.

    t: (B,), int64, each from 1 to T.    alpha_bar: (T + 1,), float64.
    Returns (B,), of the dtype of alpha_bar.    Ho et al. 2020, equation 12.

    Example: alpha_bar = [1, 0.8, 0.4], t = [1, 2] gives [0.625, 0.8333].
    """
    ### BEGIN SOLUTION
    alpha = alpha_bar[t] / alpha_bar[t - 1]
    return (1 - alpha) / (2 * alpha * (1 - alpha_bar[t]))
    ### END SOLUTION


# %% tags=["check"] exercise="bound_weight"
bound_weight = ex.bound_weight.check(bound_weight)

# %% [markdown]
# Check line 8 with numbers: two guesses at the noise make two means, and the divergence between the two steps should be the weight times the squared error.

# %% tags=["experiment"]
x_t, eps, eps_hat = torch.randn(3, 1, 3, 16, 16, generator=run.fresh_generator(1),
                                dtype=torch.float64)
now = torch.tensor([9])
beta = 1 - short[9] / short[8]
expected = [recover_x0(x_t[None], now, short, e[None]) for e in (eps, eps_hat)]
steps_back = [Normal(posterior_mean(x0, x_t[None], now, short), beta.sqrt()) for x0 in expected]
print(f"the divergence of the two steps:       {kl_divergence(*steps_back).sum():.6f}")
print("the weight times the squared error:    "
      f"{bound_weight(now, short).item() * (eps - eps_hat).square().sum():.6f}")

# %% [markdown]
# **Line 9: drop the weight.** This last line is licensed by nothing but experience: Ho et al. tried $w_t=1$ and got better pictures (FID 3.17 instead of 13.51 on CIFAR-10, their table 2). Here is what it changes:

# %% tags=["experiment", "figure"]
steps_1000 = torch.arange(1, 1001)
by_schedule = {"linear": linear_schedule(1000), "cosine": diffusion.cosine_schedule(1000)}
weight_of = {name: bound_weight(steps_1000, alpha_bars(betas))
             for name, betas in by_schedule.items()}
plots.curves({**weight_of, "simple loss": torch.ones(1000)}, x=steps_1000, logy=True,
             xlabel="step t", ylabel="weight of the squared error",
             title="Against the bound, the simple loss cares less for the first steps",
             alt="Weight against step on a logarithmic axis: the bound's weight starts at one "
                 "half, falls steeply within a hundred steps and stays low; for the cosine "
                 "schedule it shoots up at the very end. The simple loss is flat.");

# %% [markdown]
# **Where to look.** Only the *shape* of a curve matters, as a factor for all steps changes nothing but the learning rate. The bound spends its weight on the first steps, where the noise is too faint to see: to give a picture its exact probability, every grey level counts. The simple loss moves the effort to the steps at which shapes are decided. (Cosine's last step has $\beta$ cut off at 0.999, hence the jump.) How well the bound itself can be computed, in bits per dimension, is a matter of lesson 10.
#
# ## 3 · The loss
#
# Written out, algorithm 1 of Ho et al. 2020 fits a line:
#
# $$L_\text{simple} = \mathbb E_{x_0,\,t,\,\epsilon}\,\big\|\epsilon - \epsilon_\theta\big(\underbrace{\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\epsilon}_{\text{q\_sample}},\; t\big)\big\|^2$$
#
# Take a picture, a random step and fresh noise. (Ho et al. draw $t$ from all steps alike; the training below takes those in the middle more often, `middle_heavy_times`. Section 7 measures what that is worth.) Drown the picture. Ask the network what the noise was. The squared error, as a mean over pictures, channels and pixels, is the loss.
#
# One convention of the course matters here. A network is told the time on a clock from 0 to 1000, *whatever* $T$ is; the function `model_time(t, T)`, which is $1000\,t/T$, converts. So a network that was trained with one number of steps can be sampled with another.

# %% [markdown]
# ### Exercise 4 · `ddpm_loss`
# ●●○ · 15 minutes · the heart of the lesson
#
# Equation 14 of Ho et al. 2020. `q_sample` and `model_time` are imported.
#
# <details><summary>Hint 1: what to think about</summary>The noise that goes into the picture and the noise that the guess is compared with must be the same.</details>
# <details><summary>Hint 2: the formula</summary>T = len(alpha_bar) − 1. The model is called with x_t and with the time on its own clock.</details>
# <details><summary>Hint 3: nearly the line</summary><code>eps_hat = model(q_sample(…), model_time(t, …))</code>, then <code>return (eps - eps_hat).square().…</code></details>


# %% tags=["exercise"] exercise="ddpm_loss" points=3
def ddpm_loss(model, x0, t, alpha_bar, eps):
    """The simple loss of one batch.

    model: called as model(x, time), time (B,) from 0 to 1000; gives its guess at the noise,
         shaped like x.
    x0:  clean pictures, (B, C, H, W).      t:   (B,), int64, each from 1 to T.
    alpha_bar: (T + 1,), float64.           eps: the noise to use, (B, C, H, W).
    Returns one number, a tensor of shape (), that gradients can flow from.
    Ho et al. 2020, equation 14.

    Example: a model that always says 0 has a loss of about 1, the variance of the noise.
    """
    ### BEGIN SOLUTION
    T = len(alpha_bar) - 1
    x_t = q_sample(x0, t, alpha_bar, eps)
    eps_hat = model(x_t, model_time(t, T))
    return (eps - eps_hat).square().mean()
    ### END SOLUTION


# %% tags=["check"] exercise="ddpm_loss"
ddpm_loss = ex.ddpm_loss.check(ddpm_loss)

# %% [markdown]
# **Must it be the noise?** Given $x_t$, whoever knows the noise knows the picture, and the other way round. So the network may as well guess $x_0$, or a mixture of both, $v=\sqrt{\bar\alpha_t}\,\epsilon-\sqrt{1-\bar\alpha_t}\,x_0$ ([Salimans & Ho 2022](https://arxiv.org/abs/2202.00512)); `diffusion.to_eps` translates. What changes is the weight of a mistake: with the same guess,
#
# $$\|v-\hat v\|^2 = \frac{1}{\bar\alpha_t}\,\|\epsilon-\hat\epsilon\|^2 = \frac{1}{1-\bar\alpha_t}\,\|x_0-\hat x_0\|^2 .$$
#
# Where there is much noise, $\bar\alpha_t$ is small, and $v$ cares far more. The course's `diffusion_loss` knows all three targets. Check the line, and then see in section 7 what it is worth.

# %% tags=["experiment"]
t = torch.tensor([5, 9, 15])
x0, eps, eps_hat = torch.randn(3, 3, 3, 8, 8, generator=run.fresh_generator(4),
                               dtype=torch.float64)
x0_hat = recover_x0(q_sample(x0, t, short, eps), t, short, eps_hat)
v = diffusion.target("v", x0, eps, t, short)
v_hat = diffusion.target("v", x0_hat, eps_hat, t, short)
squared = {"v": v - v_hat, "noise": eps - eps_hat, "x0": x0 - x0_hat}
squared = {name: error.square().sum((1, 2, 3)) for name, error in squared.items()}  # each (3,)
squared["noise / alpha_bar"] = squared["noise"] / short[t]
squared["x0 / (1 - alpha_bar)"] = squared["x0"] / (1 - short[t])
pd.DataFrame(squared, [f"t = {k}" for k in t.tolist()]).round(3)

# %% [markdown]
# ## 4 · A steadier copy
#
# **A batch of 64 pictures, each at one random step: how far can its gradient be trusted?**
#
# Not far. The weights jitter around a good place instead of resting in it. A remedy that costs almost nothing is a second copy of the network, never trained, that follows the first like a boat on a long rope:
#
# $$\bar\theta \leftarrow d\,\bar\theta + (1-d)\,\theta \qquad \text{after every step}$$
#
# - $\theta$ are the weights in training, $\bar\theta$ the average, an *exponential moving average* (EMA).
# - $d$, the *decay*, is close to 1: it says how much of the average stays. It remembers about the last $1/(1-d)$ steps.
#
# At the start the average should not hang on to the random weights of the beginning. So the decay warms up: at step $k$ the course uses $\min\!\big(d, \frac{1+k}{10+k}\big)$.
#
# A module has more than weights. Its *buffers* are tensors that belong to it and are not learnt: a schedule, a table, a counter. An average of those makes no sense; they are copied.

# %% [markdown]
# ### Exercise 5 · `ema_update`
# ●●○ · 15 minutes · the heart of the lesson
#
# Appendix B of Ho et al. 2020 (their decay is 0.9999).
#
# <details><summary>Hint 1: what to think about</summary>The average's tensors have to change in place, and PyTorch must not record it as something to differentiate.</details>
# <details><summary>Hint 2: the parts</summary><code>module.parameters()</code> and <code>module.buffers()</code> run in the same order for both. <code>a.lerp_(p, w)</code> moves a towards p by the share w.</details>
# <details><summary>Hint 3: nearly the line</summary><code>with torch.no_grad():</code>, then <code>for a, p in zip(average.parameters(), …): a.lerp_(p, …)</code>, and the buffers with <code>a.copy_(b)</code></details>


# %% tags=["exercise"] exercise="ema_update" points=2
def ema_update(average, model, decay):
    """Move the average a little towards the model, in place.

    average, model: two modules of the same kind.
    decay: the share of the average that stays, from 0 to 1.
    Parameters are averaged, buffers are copied. The model stays as it is. Returns nothing.

    Example: decay = 0.9, a weight 1 in the average and 2 in the model: it becomes 1.1.
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        for a, p in zip(average.parameters(), model.parameters()):
            a.lerp_(p, 1 - decay)
        for a, b in zip(average.buffers(), model.buffers()):
            a.copy_(b)
    ### END SOLUTION


# %% tags=["check"] exercise="ema_update"
ema_update = ex.ema_update.check(ema_update)

# %% [markdown]
# A toy shows what it does. One "network" has two weights, its loss is a bowl with the bottom at $(0, 0)$, and every gradient is disturbed by noise:

# %% tags=["experiment", "figure"]
toy = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor([2.5, 1.5]))])
slow = copy.deepcopy(toy)
generator, path, slow_path = run.fresh_generator(2), [], []
for step in range(400):
    with torch.no_grad():
        # the gradient of the bowl, and noise
        toy[0] -= 0.1 * (toy[0] + 1.5 * torch.randn(2, generator=generator))
    ema_update(slow, toy, ema_decay(step, 0.98))
    path.append(toy[0].detach().clone())
    slow_path.append(slow[0].detach().clone())
path, slow_path = torch.stack(path), torch.stack(slow_path)  # (400, 2)
figure, panel = plt.subplots(figsize=(9, 3.2))
far = {name: walk[200:].norm(dim=1).mean()
       for name, walk in (("no EMA", path), ("EMA", slow_path))}
panel.plot(*path.T, color=plots.COLOURS["no EMA"], lw=0.9,
           label=f"the weights: {far['no EMA']:.2f} from the bottom")
panel.plot(*slow_path.T, color=plots.COLOURS["EMA"], label=f"their average: {far['EMA']:.2f}")
panel.plot(0, 0, "+", color=plots.COLOURS["reference"], ms=14, mew=2)
panel.set(xlabel="first weight", ylabel="second weight",
          title="The average stays nearer to the bottom than the weights that it follows")
panel.legend(title="mean over the last 200 steps", alignment="left", loc="lower right")
plots.show(figure,
           alt="A jittering path of the two weights around the bottom of the bowl, and the "
               "smooth path of their average, which ends near it.");

# %% [markdown]
# ## 5 · Training
#
# Everything is there but the loop. Algorithm 1 of Ho et al. 2020 is short: draw pictures, steps and noise; take a step downhill on the loss; repeat until it is good. You have seen it run in lesson 02. Now write it yourself, once and for all: for any model, any loss and any optimiser.
#
# One thing comes on top. Some layers behave differently while a network learns: *dropout* silences numbers at random, and batch norms look at the whole batch (lesson 05). So a model has two modes. Its method `train` switches to the one for learning, `eval` to the one for use.

# %% [markdown]
# ### Exercise 6 · `training_loop`
# ●●○ · 15 minutes · the heart of the lesson
#
# Algorithm 1 of Ho et al. 2020.
#
# <details><summary>Hint 1: what to think about</summary>What lies beside each weight when the second batch comes, and what will <code>backward</code> do with it? Which of the moves must come before which? And what does a loss, kept in a list as it is, keep alive with it?</details>
# <details><summary>Hint 2: the parts</summary>The optimiser has <code>zero_grad()</code> and <code>step()</code>, the loss <code>backward()</code> and <code>item()</code>. A batch for each of so many rounds: <code>zip(range(steps), batches)</code>, or <code>next(…)</code> in a loop over the range.</details>
# <details><summary>Hint 3: nearly the lines</summary><code>for _, batch in zip(range(steps), …):</code> and in it <code>value = loss(…, …)</code>, three calls in the right order, and <code>losses.append(value.…)</code>. One switch of the mode before the loop, one after it.</details>


# %% tags=["exercise"] exercise="training_loop" points=3
def training_loop(model, batches, loss, steps, optimiser):
    """Train the model in place, and leave it in evaluation mode.

    model: an nn.Module, whichever mode it comes in.    steps: how many batches to learn from.
    batches: a generator of batches, perhaps endless; exactly `steps` of them are asked for.
    loss: loss(model, batch) gives one number, a tensor that gradients can flow from.
    optimiser: of PyTorch's kind, made for the parameters that are to learn.
    Returns a list of the losses, one plain number for each batch, from before its step.

    Example: one weight 1, the loss its square, SGD with a learning rate of 0.1, two steps: the
    weight becomes 0.8, then 0.64; the losses are 1 and 0.64.    Ho et al. 2020, algorithm 1.
    """
    ### BEGIN SOLUTION
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses
    ### END SOLUTION


# %% tags=["check"] exercise="training_loop"
training_loop = ex.training_loop.check(training_loop)

# %% [markdown]
# Your loop, your loss, and the diffusion of this lesson: its schedule, and batches without end.

# %% tags=["experiment"]
T = run.pick(smoke=50, laptop=1000)
ready = None
if run.preset == "lecture" and pretrained.available_ddpm(dataset):
    ready = pretrained.ddpm(dataset, run.device)
linear = ready is not None and "linear" in ready.card["schedule"]
# both are lesson 01's, and end in noise for any number of steps
schedule = diffusion.mended_schedule if linear else diffusion.cosine_schedule
alpha_bar = alpha_bars(schedule(T))


def loss_of(model, batch):
    x0, t, eps = batch
    return ddpm_loss(model, x0, t, alpha_bar, eps)


def practice():
    """Batches of 16 without end, the same ones whenever it is called."""
    generator = run.fresh_generator(13)
    while True:
        x0 = train[torch.randint(len(train), (16,), generator=generator)]  # (16, C, H, W)
        t = diffusion.uniform_times(16, T, generator)
        yield x0, t, torch.randn(x0.shape, generator=generator)


# %% [markdown]
# From here on the loop of the course trains, `fit`. It *is* your loop. Let both take 20 steps, from the same weights and on the same batches, with all switched off that `fit` has besides:

# %% tags=["experiment"]
torch.manual_seed(0)
by_loop = UNet(train.shape[1], width=8, multipliers=(1, 2), attention=(False, False))
by_fit = copy.deepcopy(by_loop)
optimiser = make_adamw(by_loop, learning_rate=1e-3, weight_decay=0.01)
losses = training_loop(by_loop, practice(), loss_of, 20, optimiser)
history = fit(by_fit, practice(), loss_of, 20, learning_rate=1e-3, weight_decay=0.01,
              warmup=0, hold=1, clip=None, quiet=True)
print(f"the 20th loss: {losses[-1]:.4f} by your loop, {history.losses[-1]:.4f} by fit")
pairs = zip(by_loop.parameters(), by_fit.parameters())
apart = max((a - b).abs().max().item() for a, b in pairs)
print(f"largest difference between two weights: {apart}")

# %% [markdown]
# Nothing is left between the two. What `fit` adds, around the same four moves:
#
# - it updates the running average after every step (`ema`; you wrote that in exercise 5);
# - it shortens gradients that are longer than 1 (*clipping*);
# - it warms the learning rate up, holds it until 70 % of the steps are done and lets it fall to zero in a straight line;
# - it computes in bfloat16 where your processor is faster that way;
# - it shows how far it is, and stops with a sentence if a loss is no number any more;
# - with a `checkpoint`, an interrupt loses nothing: stop the cell with ■ whenever you like and run it again, and it goes on where it was, to the same result. When the training is complete, its result stays on disk: run the cell again, tomorrow too, and you have it at once. Change the loss, the data, the network or a setting, and it trains anew, and says so;
# - it keeps copies of the network from early in the training (`keep`), for a picture below.
#
# How is a step taken? Ho et al. used Adam. Here it is *Muon* ([Jordan et al. 2024](https://kellerjordan.github.io/posts/muon)): it, too, keeps a moving average of the gradient, and then gives all directions of each weight matrix the same length, so that directions in which the gradient is faint are learnt as well. Each step takes about a sixth longer and brings much further (section 7 measures it), which is what a training of a few minutes needs. `optimiser="adamw"` goes back to the usual one.
#
# The network is the course's U-Net (lesson 05 builds its blocks), without self-attention unless there is a GPU. At 16 px attention makes each step a tenth slower, and here more steps bring further for the same time.

# %% tags=["experiment"]
steps = run.pick(smoke=12, lecture=40, laptop=1750, gpu=20000)
batch_size = run.pick(smoke=16, lecture=32, laptop=64, gpu=128)
torch.manual_seed(0)
width = run.pick(smoke=8, lecture=24, laptop=32, gpu=64)
attention = run.pick(laptop=False, gpu=True)
net = UNet(train.shape[1], width=width, multipliers=(1, 2, 3),
           attention=(False, False, attention)).to(run.device)
early = [round(share * steps) for share in (0.02, 0.1, 0.4)]  # when to keep a copy


def batch(step):
    """(x0, t, eps) of a step, always the same, so that a training can go on after a stop."""
    generator = run.fresh_generator(1000 + step)
    x0 = train[torch.randint(len(train), (batch_size,), generator=generator)]
    t = diffusion.middle_heavy_times(batch_size, T, generator)  # section 7
    eps = torch.randn(x0.shape, generator=generator)
    return x0.to(run.device), t.to(run.device), eps.to(run.device)


print(f"{sum(p.numel() for p in net.parameters()):,} weights, {steps} steps of {batch_size} "
      "pictures")

# %% tags=["experiment"]
history = fit(
    net, batch, loss_of, steps,
    optimiser="muon", learning_rate=5e-3, momentum=0.9, hold=0.7, autocast=True, live=True,
    ema=run.pick(smoke=0.9, lecture=0.9, laptop=0.995, gpu=0.9995), title="DDPM",
    keep=early, checkpoint=checkpoint_of(run))
net_ema = history.ema
if ready is not None:
    net_ema = ready.model
    print("From here on: the model that was trained ahead.")
predict = samplers.as_predict(net_ema)

# %% tags=["experiment", "machine"]
print(f"{history.seconds:.0f} seconds, {history.images_per_second:.0f} pictures a second")

# %% tags=["experiment", "figure"]
losses, window = torch.tensor(history.losses), max(1, steps // 60)
tenths = [part.mean().item() for part in losses.tensor_split(10)]
print("mean loss of each tenth of the training:", ", ".join(f"{value:.3f}" for value in tenths))
smooth = losses.unfold(0, window, 1).mean(1)  # the mean of `window` neighbours
figure, panel = plt.subplots(figsize=(9, 3.2))
panel.plot(losses, color=plots.COLOURS["noise"], lw=0.6, alpha=0.5, label="each batch")
panel.plot(torch.arange(len(smooth)) + window / 2, smooth, color=plots.COLOURS["train"],
           label=f"mean of {window}")
panel.axhline(1, color=plots.COLOURS["chance"], ls=":", label="always saying 0")
panel.set(xlabel="training step", ylabel="loss", yscale="log",
          title=f"From 1 to {tenths[-1]:.3f}: fast at first, then ever more slowly")
panel.legend()
plots.show(figure,
           alt="Training loss against step: from 1 it falls steeply, then ever more slowly, "
               "with much jitter from batch to batch.");

# %% tags=["experiment", "figure"]
def draw(predict, count, seed):
    """Pictures in 100 steps instead of 1000: the course's sampler can skip some (lesson 06)."""
    generator, parts = run.fresh_generator(seed), []
    for x_T in torch.randn(count, *train.shape[1:],
                           generator=generator).to(run.device).split(100):
        parts.append(samplers.sample_ddpm(predict, x_T, alpha_bar, generator,
                                          variance="beta-tilde", clip=True,
                                          steps=run.pick(smoke=10, lecture=50, laptop=100,
                                                         gpu=250)))
    return torch.cat(parts).cpu()


rows = {f"step {step}": draw(samplers.as_predict(model), 10, seed=3)
        for step, model in history.kept.items()}
plots.strip({**rows, "the end": draw(predict, 10, seed=3)},
            title="The same noise, after more and more training",
            alt="Rows of pictures drawn from the same noise after more and more training: "
                "noise becomes pictures.");

# %% [markdown]
# **Is this curve normal?** Yes, if it looks like this:
#
# - It begins at about 1: a new network says 0, and the noise has variance 1.
# - Under `laptop`, on flowers, it is at 0.19 over the first tenth of the training, at 0.052 over the second, and ends at 0.034. (Other data, sizes and ways to draw $t$ have other bands: compare with a run of the same settings.)
# - It jitters from batch to batch, because each picture gets a random step and steps differ in difficulty. Judge the mean.
# - It flattens early, and *the pictures go on improving*. The loss is dominated by steps at which nothing more can be known; what makes a picture crisp is hidden in its third digit. So do not stop at the plateau.
#
# ## 6 · The way back
#
# **How does a guess at noise become a picture?**
#
# Start with $x_T$, pure noise. At each step from $t=T$ down to 1 (algorithm 2 of Ho et al. 2020):
#
# 1. ask the network for the noise in $x_t$, and from it compute the picture that it *expects*, $\hat x_0$ (`recover_x0`);
# 2. take $\hat x_0$ for the clean picture, and go to the mean of the step back, $\tilde\mu_t(x_t,\hat x_0)$ (`posterior_mean`);
# 3. add noise of variance $\sigma_t^2$: a *fresh* $z$ at each step, and none at the last, $t=1$, because no step follows that could take it away.
#
# Two choices are left.
#
# **How much noise?** $\sigma_t^2=\beta_t$ is right if the data are noise themselves, and $\sigma_t^2=\tilde\beta_t$ if there is but one picture; the truth lies between (Ho et al. 2020, section 3.2). With many small steps the two hardly differ.
#
# **Clip?** Pictures lie in $[-1,1]$. In the first steps $\hat x_0$ is a division by a very small number and may lie far outside. Cutting it off there, *before* the mean is taken, keeps the walk on the road. (Cutting off $x_{t-1}$ would be wrong: noise goes beyond, and has to.)

# %% [markdown]
# ### Exercise 7 · `p_sample`
# ●●● · 25 minutes · the heart of the lesson
#
# One step back, the same $t$ for the whole batch. You can go through $\hat x_0$ as above, or use equation 11 of Ho et al. 2020 (line 7 of section 2). `predict` is a network made ready for sampling (`samplers.as_predict`): without gradients, and with everything moved to its device.
#
# <details><summary>Hint 1: what to think about</summary>Your functions want t as (B,), and here it is one number: <code>torch.full</code> makes the tensor. Which time does the network want? What is different at t = 1?</details>
# <details><summary>Hint 2: the parts</summary>predict → recover_x0 → perhaps clamp → posterior_mean → plus the root of the variance times z, unless t is 1.</details>
# <details><summary>Hint 3: nearly the line</summary><code>x0 = recover_x0(x_t, now, alpha_bar, predict(x_t, model_time(…)))</code>; the variance is <code>1 - alpha_bar[t] / alpha_bar[t - 1]</code>, or <code>posterior_variance(now, alpha_bar)[0]</code></details>


# %% tags=["exercise"] exercise="p_sample" points=3
def p_sample(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    """From x_t to x_{t-1}.

    predict: predict(x, time), time (B,) from 0 to 1000, gives the noise in x.
    x_t: (B, C, H, W).    t: a whole number, 1 to T.    alpha_bar: (T + 1,), float64.
    z:   fresh noise, shaped like x_t; not added at t = 1.
    variance: "beta" or "beta-tilde".    clip: cut the expected x0 off at -1 and 1.
    Returns x_{t-1}, (B, C, H, W), of the dtype and on the device of x_t.
    Ho et al. 2020, algorithm 2, lines 3 and 4.
    """
    ### BEGIN SOLUTION
    now = torch.full((len(x_t),), t)  # (B,)
    x0 = recover_x0(x_t, now, alpha_bar, predict(x_t, model_time(now, len(alpha_bar) - 1)))
    if clip:
        x0 = x0.clamp(-1, 1)
    mean = posterior_mean(x0, x_t, now, alpha_bar)
    if t == 1:
        return mean
    beta_t = 1 - alpha_bar[t] / alpha_bar[t - 1]
    sigma_squared = beta_t if variance == "beta" else posterior_variance(now, alpha_bar)[0]
    return mean + sigma_squared.sqrt().to(x_t) * z
    ### END SOLUTION


# %% tags=["check"] exercise="p_sample"
p_sample = ex.p_sample.check(p_sample)

# %% [markdown]
# ### Exercise 8 · `sample_ddpm`
# ●●○ · 15 minutes · the heart of the lesson
#
# The whole walk. Draw each $z$ from the generator, so that the same seed gives the same pictures; the generator lives on the CPU, so move $z$ to where $x$ is, with `.to(x)`.
#
# <details><summary>Hint 1: what to think about</summary>The first step starts at t = T, the last at t = 1. How many are there?</details>
# <details><summary>Hint 2: the parts</summary><code>range(T, 0, -1)</code>, a z of the shape of x inside the loop, and p_sample, to which variance and clip are passed on.</details>
# <details><summary>Hint 3: nearly the line</summary><code>z = torch.randn(x.shape, generator=…).to(x)</code>, then <code>x = p_sample(predict, x, t, …)</code></details>


# %% tags=["exercise"] exercise="sample_ddpm" points=3
def sample_ddpm(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    """From noise to pictures in T steps.

    predict, alpha_bar, variance, clip: as for p_sample.
    x_T: standard normal noise, (B, C, H, W).
    generator: the source of the noise of every step, a torch.Generator on the CPU.
    Returns x_0, (B, C, H, W), of the dtype and on the device of x_T. Changes none of its
    arguments but the generator.
    Ho et al. 2020, algorithm 2.
    """
    ### BEGIN SOLUTION
    x = x_T
    for t in range(len(alpha_bar) - 1, 0, -1):
        z = torch.randn(x.shape, generator=generator).to(x)
        x = p_sample(predict, x, t, alpha_bar, z, variance=variance, clip=clip)
    return x
    ### END SOLUTION


# %% tags=["check"] exercise="sample_ddpm"
sample_ddpm = ex.sample_ddpm.check(sample_ddpm)

# %% [markdown]
# Everything in this picture is yours: the loss that trained the network, the step, the walk.

# %% tags=["experiment", "figure"]
count = run.pick(smoke=4, lecture=8, laptop=16)
generator = run.fresh_generator(5)
x_T = torch.randn(count, *train.shape[1:], generator=generator).to(run.device)
pictures = sample_ddpm(predict, x_T, alpha_bar, generator, clip=True).cpu()
plots.grid(pictures, title=f"Out of noise in {T} steps", alt=f"{count} generated pictures.");

# %% [markdown]
# How good are they? Three numbers, each beside its *floor*, the same figure for real pictures that nobody has generated:
#
# - the *Fréchet distance* compares the means and the spread of what a recogniser computes from generated and from real pictures; smaller is better (lesson 10 takes it apart);
# - the *kernel distance* also compares the third moments, such as how lopsided the spread is;
# - the share of pictures of whose class a network is *sure*, with a probability above 0.9. For flowers this is the *oracle*, a second network, trained to read species, colours and sky off a picture; for other data it is the recogniser. Neither learns what was meant, because nothing was asked for.
#
# None of them sees whether all pictures look alike in some way that the recogniser ignores. Look at the grid as well.

# %% tags=["experiment"]
judge = Judge(dataset, size, n=run.pick(smoke=20, lecture=200, laptop=400, gpu=2000),
              device=run.device)
scores = judge.scores(draw(predict, judge.n, seed=6).to(run.device))
names = {"frechet": "Fréchet distance", "kernel": "kernel distance",
         "sure": "share sure of a class"}
table = pd.DataFrame({"generated": scores,
                      "floor: real pictures": judge.floor}).rename(index=names).T.round(3)
table.columns.name = f"{judge.n} pictures"
table

# %% [markdown]
# Under `laptop`, on flowers, the Fréchet distance is 3.0 where real pictures have 0.51, and the oracle is sure of a species in 55 % of the pictures, where it is sure in nearly all real ones. So at a glance these are flowers, and a strict eye still finds petals that run together.
#
# ### What the network expects on the way
#
# At each step the network has an opinion, $\hat x_0$, about where this will end. Watch it form.

# %% tags=["experiment", "figure"]
films = {}
for variance in ("beta", "beta-tilde"):
    film, generator = Film(every=max(1, T // 100)), run.fresh_generator(7)
    x_T = torch.randn(6, *train.shape[1:], generator=generator).to(run.device)
    # the course's own sampler, which can be watched
    end = samplers.sample_ddpm(predict, x_T, alpha_bar, generator, variance=variance, clip=True,
                               watch=film.watch, steps=run.pick(lecture=250, laptop=None))
    films[variance] = film.end(end)
film = films["beta"]
frames = [film.nearest(round(share * T)) for share in (1, 0.8, 0.6, 0.45, 0.3, 0.15, 0.05, 0)]
both = {f"{what}, walk {walk + 1}": torch.stack([held[k][walk] for k in frames])
        for walk in range(2) for what, held in (("x_t", film.x_t), ("expected", film.x0_hat))}
plots.strip(both, column_titles=[f"t = {film.times[k]}" for k in frames],
            title="The end is foreseen long before it is seen",
            alt="Two walks from noise to a picture. The noised pictures clear only in the last "
                "third; the expected picture is a blur at first, has its colours early and its "
                "details late.");

# %% [markdown]
# **Where to look.** At $t=T$ the expectation is loud nonsense: it divides by $\sqrt{\bar\alpha_T}$, which multiplies every small error of the network (lesson 01), and `clip` cuts it off. Then comes a blur, the average of much that is still possible, the best guess of whoever sees next to nothing (lesson 02). Sky, place and colour are decided first, petals and edges last. A one-shot denoiser stops at the blur. The sampler may change its mind a thousand times, and by doing so *chooses* one picture among all those that were averaged.

# %% [markdown]
# ## 7 · What does each part buy?
#
# **EMA, clipping, the square, the noise as the target, all steps alike, this schedule, this variance: which of them matter?**
#
# Each question takes two trainings or more, each with three seeds. That is too long for a lesson, so these comparisons were made ahead: always one part changed and all else equal. Pictures are drawn with 25 steps of DDIM, lesson 06's sampler, which adds no noise; only the comparison of variances, which is about that noise, takes 50 steps of DDPM. So compare within a group and not across. You can repeat them with `course claims` in a terminal (`course claims ema` for one); the settings are stored with the results.

# %% tags=["experiment"]
asked = ("ema", "clipping", "distance", "target", "times", "optimiser", "schedule", "variance",
         "forward_process")
results = {name: studies.load(name, figure="Fréchet distance") for name in asked}
how = studies.settings("ema")["shared"]
print(f"{how['dataset']}, {how['size']} px, a U-Net of width {how['width']}, {how['steps']} "
      f"steps of batch {how['batch']}, learning rate {how['learning_rate']}, {how['samples']} "
      f"pictures judged, seeds {', '.join(map(str, results['ema'].seeds))}")

# %% tags=["experiment", "figure"]
rows = [(name, variant, runs) for name, result in results.items()
        for variant, runs in result.runs.items()]
figure, panel = plt.subplots(figsize=(9, 7.8))
for y, (name, _, runs) in enumerate(rows):
    shade = plots.COLOURS["train" if asked.index(name) % 2 else "test"]
    panel.plot(runs, [y] * len(runs), "o", color=shade, alpha=0.55, ms=6)
    panel.plot(runs.mean(), y, "|", color=shade, ms=16, mew=2.5)
    if y and rows[y - 1][0] != name:
        panel.axhline(y - 0.5, color=plots.COLOURS["rule"], lw=1)
panel.set_yticks(range(len(rows)),
                 [f"{name.replace('_', ' ')}:  {variant}" for name, variant, _ in rows])
panel.set(xscale="log",
          xlabel="Fréchet distance (smaller is better); dots: each seed, bar: their mean",
          ylim=(len(rows) - 0.5, -0.5), title="Nine choices, one changed at a time")
panel.minorticks_off()
panel.set_xticks([10, 15, 20, 30, 50, 70], ["10", "15", "20", "30", "50", "70"])
plots.show(figure,
           alt="Fréchet distances of all variants of the nine comparisons, one dot a seed. The "
               "claims below say it in numbers.");

# %% tags=["experiment"]
# the study, what is claimed, the variant with the smaller distance, the other, and who says so
claimed = [
    ("ema",
     "Averaged weights draw better pictures than those of the last step, where the learning "
     "rate falls to zero", "EMA", "no EMA", "Ho et al. 2020, appendix B, and most codes since"),
    ("ema",
     "Averaged weights draw better pictures than those of the last step, where the learning "
     "rate stays", "EMA, constant rate", "no EMA, constant rate", "Ho et al. 2020, appendix B"),
    ("clipping", "Clipped gradients draw better pictures",
     "clipped", "not clipped", "common practice"),
    ("distance", "The squared error draws better pictures than the absolute error",
     "L2", "L1",
     "Ho et al. 2020 square; Chen et al. 2020 (WaveGrad, arXiv 2009.00713) found the absolute "
     "error steadier"),
    ("target", "Predicting the noise draws better pictures than predicting x0",
     "noise", "x0", "Ho et al. 2020, section 3.2"),
    ("target", "Predicting v draws better pictures than predicting the noise",
     "v", "noise", "Salimans & Ho 2022 (arXiv 2202.00512), for distillation"),
    ("times",
     "Practising the middle steps more often draws better pictures than practising all alike",
     "middle-heavy", "uniform", "Esser et al. 2024 (arXiv 2403.03206), for straight paths"),
    ("optimiser", "Muon's steps draw better pictures than as many of AdamW",
     "Muon", "AdamW", "Jordan et al. 2024, for language and classification"),
]

# %% tags=["experiment"]
claimed += [
    ("schedule", "A cosine schedule draws better pictures than a linear one",
     "cosine", "linear", "Nichol & Dhariwal 2021 (arXiv 2102.09672), table 1"),
    ("variance", "With few steps, the variance beta tilde draws better pictures than beta",
     "beta-tilde", "beta", "Song et al. 2020 (arXiv 2010.02502), table 1"),
    ("forward_process",
     "A variance schedule draws better pictures than noise added all at once",
     "variance schedule", "all at once", "lesson 02: a single guess is an average"),
    ("forward_process",
     "A variance schedule draws better pictures than a fixed ratio whose sampler starts in "
     "N(0, I)",
     "variance schedule", "fixed ratio, from N(0, I)",
     "lesson 01: no training picture was there"),
    ("forward_process",
     "A variance schedule draws better pictures than a fixed ratio whose sampler starts at its "
     "own end",
     "variance schedule", "fixed ratio, from its own end",
     "lesson 01: too close to call for a recogniser"),
]
for study, statement, less, more, source in claimed:
    display(experiments.claim(statement, source, results[study], more=more, less=less,
                              digits=2))

# %% [markdown]
# **What to notice.** Read the figure first, and the verdicts with it.
#
# - *Which steps are practised* matters much, and costs nothing: 12.5 against 18.0. The loss treats all steps alike, but the shape of a flower is decided at those in the middle. That is why the training above draws its $t$ there.
# - *The target.* Ho et al. found that predicting $x_0$ gave worse pictures. Here, after a short training, it gives much better ones, 10.7 against 18.0. A guess that you can test: its loss, too, puts the weight where there is much noise (section 3), so part of the gain is that of the line above. Train with `diffusion.diffusion_loss(…, kind="x0")`, practise the middle with it, and sample through `samplers.as_predict(net, kind="x0", alpha_bar=alpha_bar)`. $v$ lies between, too close to call.
# - *The absolute error* does better here than the square. The square counts a few large errors most, and those sit at the steps where the noise is hard to tell.
# - *Muon* gets further in as many steps: 14.1 against 18.0. One of its steps takes about a sixth longer here. Long trainings were not compared.
# - *EMA and clipping* buy nothing that can be measured here, and the average not even where the learning rate stays. Four hundred steps are few: an average pays when the weights have wandered around one place for long. Both cost next to nothing, so the recipe keeps them; clipping also guards against the one wild batch in a long training.
# - *Cosine or linear* is too close to call at 16 px after 400 steps (Nichol & Dhariwal trained for 200,000 at 64 px: 27.0 with cosine, 31.3 with linear).
# - *Beta tilde* does better than beta in each of the three runs; the interval touches zero, so it is too close to call, by a hair.
# - *How noise is added* matters as lesson 01 suspected. All at once ends in an average: look at the next table, in which the recogniser is *sure* of a class in every one of these grey blurs. No single number can do the looking for you.

# %% tags=["experiment"]
display(studies.load("forward_process", figure="sure of a species").table().round(2))

# %% [markdown]
# ## 8 · Bug hunt: three that train without complaint
#
# A colleague has written the average and the sampler anew. Everything runs, the loss is as it should be, the shapes are right. Three mistakes are in it, all three common in public code.

# %%
def colleagues_average(average, model, decay):
    with torch.no_grad():
        for a, p in zip(average.state_dict().values(), model.state_dict().values()):
            a.copy_(decay * a + (1 - decay) * p)


@torch.no_grad()
def colleagues_sampler(model, x_T, alpha_bar, generator):
    T, x = len(alpha_bar) - 1, x_T
    for t in range(T, 0, -1):
        now = torch.full((len(x),), t)
        x0 = recover_x0(x, now, alpha_bar, model(x, now.float().to(x.device))).clamp(-1, 1)
        noise = torch.randn(*x.shape, generator=generator).to(x)
        sigma = (1 - alpha_bar[t] / alpha_bar[t - 1]).sqrt().to(x)
        x = posterior_mean(x0, x, now, alpha_bar) + sigma * noise
    return x


# %% [markdown]
# **Evidence A.** The colleague keeps the schedule in the module, as a buffer, and goes on with yesterday's model, whose schedule added too little noise; today it has a better one. After 70 updates with decay 0.99, here is the schedule that the *average* believes in. (To show one thing alone, the weights are the same trained ones in all three modules.)

# %% tags=["experiment", "figure"]
class Bundle(torch.nn.Module):
    """A network and its schedule in one module, as many codes have it."""

    def __init__(self, network, alpha_bar):
        super().__init__()
        self.network = network
        self.register_buffer("alpha_bar", alpha_bar.clone().to(run.device))


weak = linear_schedule(T, 0.1 / T, 2 / T)  # a tenth of the noise of Ho et al.
yesterday, today = Bundle(net_ema, alpha_bars(weak)), Bundle(net_ema, alpha_bar)
average = copy.deepcopy(yesterday)
for _ in range(70):
    colleagues_average(average, today, 0.99)
plots.curves({"yesterday's": yesterday.alpha_bar, "today's": today.alpha_bar,
              "the average's": average.alpha_bar},
             xlabel="step t", ylabel="alpha_bar",
             title="The average believes in a schedule that nobody chose",
             alt="Three curves of alpha_bar: yesterday's, today's, and the average's, which "
                 "lies between them.");

# %% tags=["experiment", "figure"]
x_T = torch.randn(8, *train.shape[1:], generator=run.fresh_generator(8)).to(run.device)
rows = {name: samplers.sample_ddim(predict, x_T, bar.cpu(), 50, clip=True).cpu()
        for name, bar in (("today's schedule", today.alpha_bar),
                          ("the average's", average.alpha_bar))}
plots.strip(rows, title="The same weights, the same noise, two schedules",
            alt="Two rows of pictures from the same noise; those made with the average's "
                "schedule differ and are worse.");

# %% [markdown]
# **Evidence B.** A data set of a single picture, and its ideal network, which knows the noise exactly (`samplers.ideal_predict`, from lesson 02's ideal denoiser). Every walk should end in that very picture.

# %% tags=["experiment", "figure"]
long_bar = alpha_bars(linear_schedule(1000))
only = train[:1].to(run.device)
ideal = samplers.ideal_predict(only, long_bar)
x_T = torch.randn(only.shape, generator=run.fresh_generator(9)).to(run.device)
end = colleagues_sampler(ideal, x_T, long_bar, run.fresh_generator(10))
left = (end - only).cpu()
print(f"left over: standard deviation {left.std():.4f}")
plots.grid(torch.cat([only.cpu(), end.cpu(), 20 * left]),
           title="Something is left on the picture",
           titles=["the only picture", "where the walk ends", "the difference, times 20"],
           alt="The picture, the result, which looks the same, and their difference enlarged "
               "twenty times: noise.");

# %% [markdown]
# **Evidence C.** The network takes a time from 0 to 1000 whatever $T$ is, so, says the colleague, it can be sampled with 40 steps as well as with 1000. (That is true, and the schedule ends in noise for both.)

# %% tags=["experiment", "figure"]
def pictures_of(sampler, steps):
    """The sampler's pictures for a schedule of so many steps."""
    x_T = torch.randn(8, *train.shape[1:], generator=run.fresh_generator(11)).to(run.device)
    return sampler(net_ema, x_T, alpha_bars(schedule(steps)), run.fresh_generator(12)).cpu()


many = run.pick(smoke=100, laptop=1000)
rows = {f"{steps} steps": pictures_of(colleagues_sampler, steps) for steps in (many, 40)}
plots.strip(rows, title=f"Fine with {many} steps, spoilt with 40",
            alt="Pictures drawn by the colleague's sampler: good with a thousand steps, rough "
                "and grainy with forty.");

# %% [markdown]
# <details><summary>Where to look for A</summary>What is in a <code>state_dict</code> besides weights? You have written the right version: section 4.</details>
# <details><summary>Where to look for B</summary>Compare the number that was printed with the root of beta_1 of that schedule: <code>linear_schedule(1000)[0].sqrt()</code>.</details>
# <details><summary>Where to look for C</summary>Print what the network is told at the first step, for both lengths. What was it told there in training, by <code>ddpm_loss</code>?</details>

# %%
# your own look: try things here

# %% [markdown]
# ### Exercise 9 · `mended_sampler`
# ●●● · 20 minutes · the heart of the lesson
#
# Write the colleague's sampler without its two bugs, so that it works for any number of steps. (The third bug, in the average, you have avoided already.) It gets the model itself and not `predict`.
#
# <details><summary>Hint 1: what to think about</summary>Evidence B and C belong to the sampler. With 1000 steps, one of the two is invisible, and the other one small.</details>
# <details><summary>Hint 2: the parts</summary>The network wants 1000 t / T. At t = 1 nothing may be added.</details>
# <details><summary>Hint 3: nearly the line</summary><code>model(x, model_time(now, T).to(x.device))</code>, and <code>if t > 1:</code> before the noise. Or build it from your own sample_ddpm, under <code>torch.no_grad()</code>.</details>


# %% tags=["exercise"] exercise="mended_sampler" points=3
def mended_sampler(model, x_T, alpha_bar, generator):
    """From noise to pictures in len(alpha_bar) - 1 steps, with any schedule that ends in noise.

    model: called as model(x, time), time (B,) from 0 to 1000, on the device of x; gives its
    guess at the noise.
    x_T: (B, C, H, W).    alpha_bar: (T + 1,), float64, on the CPU.
    generator: of the noise of every step, on the CPU.
    Returns x_0, (B, C, H, W), on the device of x_T, without gradients.
    """
    ### BEGIN SOLUTION
    def predict(x, time):
        return model(x, time.to(x.device))

    with torch.no_grad():
        return sample_ddpm(predict, x_T, alpha_bar, generator, clip=True)
    ### END SOLUTION


# %% tags=["check"] exercise="mended_sampler"
mended_sampler = ex.mended_sampler.check(mended_sampler)

# %% tags=["experiment", "figure"]
plots.strip({"the colleague's": rows["40 steps"], "mended": pictures_of(mended_sampler, 40)},
            title="40 steps, with and without the two bugs",
            alt="Two rows of pictures in forty steps: rough and grainy ones from the "
                "colleague's sampler, cleaner ones from the mended one.");

# %% [markdown]
# All three mistakes have one thing in common: the code agrees with itself and disagrees with something that happened elsewhere, in training, in another file, a day before. Shapes cannot show that. A data set of one picture can, and so can a change of $T$.

# %% [markdown]
# ## 9 · Explorer
#
# **When is it decided what it will be?** Move through the walk with the mouse or the arrow keys: above, what the sampler holds; below, what the network expects. Watch the recogniser's words under the expected pictures, and find the step from which on they no longer change. Then change the variance: the same $x_T$, the same $z$, other pictures. Which of the two decides later?

# %% tags=["explorer", "figure"]
TrajectoryExplorer(films, recogniser=judge.reader)

# %% [markdown]
# ## Is this normal?
#
# - **The loss** falls from 1 as in section 5. Under `laptop`, training takes most of the time of this notebook: about five minutes of one core. On a GPU it is unmeasured.
# - **The first pictures** are coloured noise or blurs, then come skies and a blob in the middle, then petals. If the row after a tenth of the training shows nothing but noise, look for a bug and do not wait.
#
# The three commonest symptoms, and where they come from:
#
# - **Coloured noise, though the loss is fine.** Training and sampling disagree: the clock (bug C), another schedule (bug A), $t$ off by one, pictures in $[0,1]$ at one end and in $[-1,1]$ at the other.
# - **Pale pictures that all look alike.** The average still holds weights of the beginning, because its decay is too large for so short a training; or no noise is added on the way; or it was trained for too short a time: a blur is the best guess of a network that cannot see yet.
# - **A fine grain on skies.** Noise at the last step (bug B); or a network that has not learnt the faintest noise yet, which is learnt last.
#
# ## Questions to think about
#
# <details><summary>1. Why does the loss not go to 0, however long you train?</summary>Near t = 0 the noise is faint, and telling it from the texture of the picture is a guess; whoever guesses noise from one noised picture can only say its mean. Only for a finite data set known by heart is the answer exact (lesson 02's ideal denoiser), and then the model can draw nothing else.</details>
# <details><summary>2. What happens if z is 0 at every step?</summary>Try it. The walk then always takes the mean, the pictures lose contrast and detail, and variety with them. DDIM (lesson 06) also adds no noise, but takes another step: it keeps the noise that it has found.</details>
# <details><summary>3. Every picture of a batch has its own t. Would one t for all of them do as well?</summary>On average, yes: the expectation is the same. But the gradient would jump about much more from step to step, because steps differ in difficulty.</details>
# <details><summary>4. The average of the weights of two good networks is usually a bad network. Why is this average good?</summary>Its members are neighbours on one path, late in one training, and lie in one bowl of the loss. Two networks from different random starts do not.</details>
#
# ## What we left out
#
# Fewer steps (lesson 06, and all of Part II); the learned variance, which is in the figure of section 7 (lesson 06); the bound itself in bits per dimension (lesson 10); other weights than 1 (lesson 09); asking for something (lessons 11 and 12).
#
# ## Readings
#
# - Ho, Jain & Abbeel 2020, [Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2006.11239): sections 2 and 3 are this lesson; appendix A is the derivation of section 2.
# - Sohl-Dickstein et al. 2015, [Deep Unsupervised Learning using Nonequilibrium Thermodynamics](https://arxiv.org/abs/1503.03585): where the idea comes from, five years before the pictures were good.
# - Nichol & Dhariwal 2021, [Improved DDPM](https://arxiv.org/abs/2102.09672): what each of the choices costs and buys, at full size.
#
# **Next**: lesson 05 takes the network apart, and asks of each part what it is for.

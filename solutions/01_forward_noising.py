# %% [markdown]
# # 01 · Forward noising
#
# ![Five flowers, from left to right ever deeper under noise, until only noise is left.](../course_utils/lessons/lesson01/opening.png)
#
# A diffusion model learns to take noise away. To learn it, it needs pictures with noise on them: any picture, any amount, at once.
# This lesson builds the machine that makes them, and shows why the *amounts* are chosen with so much care.
#
# **You will build** one step of noise, three noise schedules, the jump that replaces a thousand steps by one line, and the way back.
#
# **You will see** what a recogniser still makes of a picture at every step, that the long way and the jump agree, and what goes wrong when a famous schedule is cut to 150 steps.
#
# **Time**: about two hours with the exercises. The notebook itself runs in half a minute under `laptop` and under `lecture` (2 CPU cores), and in 10 seconds under `smoke`. Nothing is trained here, so a GPU changes little.
#
# **Stands on** lesson 00: the notation, the data and how a check works.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats

from course_utils import data, diffusion, experiments, metrics, plots
from course_utils.lessons.lesson01 import checks as ex
from course_utils.lessons.lesson01.explorer import NoisingExplorer
from course_utils.runtime import start

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %% tags=["figure"]
run = start("01", preset=preset, dataset=dataset)
plots.use_style()
images = data.load(dataset, most=run.pick(smoke=32, laptop=128, gpu=1024), size=32,
                   split="test")
x0 = images.images  # (N, C, 32, 32), float32 in [-1, 1]
plots.grid(x0[:8], titles=[images.classes[k] for k in images.labels[:8]],
           title="Where every lesson starts: data, t = 0",
           alt="Eight clean pictures in a row, each with the name of its class.");

# %% [markdown]
# ## 1 · One step
#
# **How do you add a little noise to a picture without making it louder?**
#
# Take a picture $x_{t-1}$ and noise $\epsilon \sim \mathcal N(0, I)$ ($I$ is the identity matrix): one independent standard normal number for each pixel and colour.
# If you only *add* noise, the variance grows with every step and without end. A network would have to work on a new scale at every step.
# So the picture gives way by exactly as much as the noise takes:
#
# $$x_t = \sqrt{1-\beta_t}\; x_{t-1} + \sqrt{\beta_t}\;\epsilon_t$$
#
# - $\beta_t$, between 0 and 1, is the *share of the variance* that step $t$ replaces by noise. Small: 0.0001 to 0.02 in the paper that made this popular.
# - $\sqrt{\beta_t}\,\epsilon_t$ is the noise. Scaling a random number by $c$ scales its variance by $c^2$, hence the root: this term has variance $\beta_t$.
# - $\sqrt{1-\beta_t}\,x_{t-1}$ is the picture, shrunk. If $x_{t-1}$ has variance 1, this term has variance $1-\beta_t$.
#
# The two are independent, so their variances add: $(1-\beta_t) + \beta_t = 1$. The variance stays 1 for ever. Pictures in $[-1, 1]$ have a variance of at most 1, and usually far less; it creeps up to 1 as the noise takes over.
#
# In the course $t = 0$ is the picture and $t = T$ is noise, so the first step is $t = 1$. A tensor counts from 0, so $\beta_t$ stands at `betas[t - 1]`.

# %% [markdown]
# ### Exercise 1 · `noise_one_step`
# ●○○ · 5 minutes · the heart of the lesson
#
# A warm-up: the formula above, in code (equation 2 of [Ho et al. 2020](https://arxiv.org/abs/2006.11239)). Two things want a thought: where $\beta_t$ stands in the list, and which of the two precisions the roots are taken in. The schedule is float64, the pictures are float32.
#
# <details><summary>Hint 1: what to think about</summary>Which of the two terms has to shrink when beta grows, and which has to grow? What happens at beta = 0?</details>
# <details><summary>Hint 2: the formula</summary>The picture is multiplied by the root of (1 − beta), the noise by the root of beta. Find beta_t first. Take the roots while it is float64, and convert what they give: 1 − beta loses digits where beta is small.</details>
# <details><summary>Hint 3: nearly the line</summary><code>beta = betas[…]</code>, then each coefficient as <code>(…).sqrt().to(x_prev)</code>, and the sum of the two terms</details>


# %% tags=["exercise"] exercise="noise_one_step" points=1
def noise_one_step(x_prev, t, betas, eps):
    """From step t - 1 to step t.

    x_prev: x_{t-1}, any shape.    t: the step that is reached, a whole number from 1 to T.
    betas:  (T,), float64; beta_t is betas[t - 1].    eps: noise, shaped like x_prev.
    Returns x_t, shaped like x_prev and of its dtype.

    Example: betas = [0.36], x_prev = 1, eps = 0 gives x_1 = 0.8.
    """
    ### BEGIN SOLUTION
    beta = betas[t - 1]  # float64, as long as roots are taken
    return (1 - beta).sqrt().to(x_prev) * x_prev + beta.sqrt().to(x_prev) * eps
    ### END SOLUTION


# %% tags=["check"] exercise="noise_one_step"
noise_one_step = ex.noise_one_step.check(noise_one_step)

# %% [markdown]
# ## 2 · A schedule
#
# **Which betas?**
#
# The list $\beta_1, \dots, \beta_T$ is the *noise schedule*. The one of Ho et al. 2020 is a straight line, from $10^{-4}$ to $0.02$ in $T = 1000$ steps: tiny steps first, while there is fine detail to lose, and larger ones later, when only the coarse shapes are left.

# %% [markdown]
# ### Exercise 2 · `linear_schedule`
# ●○○ · 5 minutes
#
# A warm-up of one line (Ho et al. 2020, section 4). Compute in float64: soon a thousand of these numbers are multiplied.
#
# <details><summary>Hint 1: what to think about</summary>Both ends belong to the list, and there are T numbers, one a step. By how much does beta grow from one step to the next: how many gaps lie between T numbers?</details>
# <details><summary>Hint 2: the formula</summary>beta_t = beta_start + (beta_end − beta_start) · (t − 1)/(T − 1). PyTorch has a function for evenly spaced numbers.</details>
# <details><summary>Hint 3: nearly the line</summary><code>torch.linspace(…)</code>: where it begins, where it ends, how many, and the dtype</details>


# %% tags=["exercise"] exercise="linear_schedule" points=1
def linear_schedule(T, beta_start=1e-4, beta_end=0.02):
    """T evenly spaced variances from beta_start to beta_end, both included.

    Returns betas (T,), float64.    Example: linear_schedule(3, 0.1, 0.3) is [0.1, 0.2, 0.3].
    """
    ### BEGIN SOLUTION
    return torch.linspace(beta_start, beta_end, T, dtype=torch.float64)
    ### END SOLUTION


# %% tags=["check"] exercise="linear_schedule"
linear_schedule = ex.linear_schedule.check(linear_schedule)

# %% [markdown]
# Now drown some pictures, one step after the other. This is the *forward process*: no network, nothing to learn.

# %% tags=["experiment", "figure"]
T = 1000
betas = linear_schedule(T)
generator = run.fresh_generator(1)
x, kept = x0[:3], {0: x0[:3]}
for t in range(1, T + 1):
    x = noise_one_step(x, t, betas, torch.randn(x.shape, generator=generator))  # (3, C, 32, 32)
    if t in (50, 100, 200, 300, 500, 1000):
        kept[t] = x
plots.strip([torch.stack([kept[t][i] for t in kept]) for i in range(3)],
            column_titles=[f"t = {t}" for t in kept],
            title="A thousand small steps: the detail goes first, the shapes later",
            alt="Three pictures, each noised step by step from left to right; at t = 1000 only "
                "noise is left.");

# %% [markdown]
# ### Does the schedule matter?
#
# You could also add noise in other ways. Here are four, with the same number of steps:
#
# - **all at once**: the first step adds everything;
# - **fixed ratio**: every step mixes in one percent, $x_t = 0.99\,x_{t-1} + 0.01\,\epsilon_t$, the first thing that many people try; and the same with half a percent;
# - **variance schedule**: the betas from above.
#
# All four have the form $x_t = a_t\,x_0 + b_t\,\epsilon$; what differs is $a_t$, what is left of the picture, and $b_t$, the size of the noise. The cell says which.
#
# - For the fixed ratio $r$, $t$ noises of size $r$, each faded by later steps, add up to a geometric series.
# - For the schedule, every step keeps the share $1-\beta_t$ of the picture's variance, and shares multiply: half of a half is a quarter. The product of all of them up to $t$ is the share that is left, and `diffusion.alpha_bars` computes it. Section 3 derives it, and there you write the function yourself.

# %% tags=["experiment"]
steps = torch.arange(T + 1, dtype=torch.float64)
a_bar = diffusion.alpha_bars(betas)  # (T + 1,): the share of the picture's variance left at t
at_once = torch.where(steps == 0, 1.0, a_bar[-1])


def fixed_ratio(r):
    return (1 - r) ** steps, r * ((1 - (1 - r) ** (2 * steps)) / (1 - (1 - r) ** 2)).sqrt()


ways = {  # name -> (a_t, b_t), each (T + 1,)
    "all at once": (at_once.sqrt(), (1 - at_once).sqrt()),
    "fixed ratio, 1 %": fixed_ratio(0.01),
    "fixed ratio, 0.5 %": fixed_ratio(0.005),
    "variance schedule": (a_bar.sqrt(), (1 - a_bar).sqrt()),
}


def noised(way, t, x, generator):
    a, b = (coefficient[t].item() for coefficient in ways[way])
    return a * x + b * torch.randn(x.shape, generator=generator)


# %% tags=["experiment", "figure"]
shown = (0, 1, 100, 200, 400, 1000)
generator = run.fresh_generator(2)
plots.strip({way: torch.cat([noised(way, t, x0[:1], generator) for t in shown])
             for way in ways}, column_titles=[f"t = {t}" for t in shown],
            title="Only the schedule does both: it fades slowly, and ends in noise of full "
                  "strength",
            alt="One picture under four ways of adding noise. All at once: noise from the "
                "first step on. Fixed ratios: fade to flat grey. Schedule: sinks slowly into "
                "strong noise.");

# %% [markdown]
# **Where to look.** The fixed ratios fade to grey: the weights 0.99 and 0.01 add up to 1, but their *squares* do not, so the variance falls, to $r/(2-r)$: $0.01/1.99 \approx 0.005$, and half of that for half a percent. A sampler that started from $\mathcal N(0, I)$ would start in a place no training picture ever was. That is easy to mend: start from $\mathcal N(0, \tfrac{r}{2-r} I)$, or divide every $x_t$ by its standard deviation. Greyness alone is no fault, then. What no rescaling changes is the ratio of picture to noise.
#
# To say more than "it looks drowned", ask a *recogniser*: a small network that names the class of a picture, trained on pictures under every amount of noise. It divides its input by its own root mean square first, so fading alone does not harm it; only the ratio of picture to noise counts.

# %% tags=["experiment"]
reader = metrics.recogniser(dataset)
chance = 1 / len(images.classes)
# the steps to look at
times = [0, 1, *range(50, T + 1, run.pick(smoke=475, laptop=50, gpu=25))]


def seen(way, seed):
    """The recogniser's accuracy at each of `times`, on noise drawn from this seed."""
    generator = run.fresh_generator(seed)
    return [reader.accuracy(noised(way, t, x0, generator), images.labels) for t in times]


seeds = range(run.pick(smoke=2, laptop=3, gpu=5))
sight = experiments.compare({way: lambda seed, way=way: seen(way, seed) for way in ways}, seeds,
                            "share recognised")

# %% tags=["experiment", "figure"]
plots.curves(sight.runs, x=times, xlabel="step t", ylabel="share recognised",
             hlines={"chance": chance},
             title="All at once is lost at the first step, the others bit by bit",
             alt="Accuracy against step: all at once falls to chance at the first step, a "
                 "fixed ratio of one percent in a short stretch of steps, half a percent and "
                 "the variance schedule over longer ones.");

# %% [markdown]
# One yardstick: at how many steps is the class neither plain nor lost? Count the share of the steps at which accuracy lies between 10 % and 90 % of the way from chance to clean. The yardstick does not see all that a step can teach: fine detail at little noise, overall brightness at much noise (section 7).

# %% tags=["experiment"]
def partly_readable(curve):
    """Share of the steps at which accuracy is 10 % to 90 % of the way from chance to clean."""
    accuracy = np.interp(steps[1:], times, curve)  # between the measured steps, t = 1 to T
    height = (accuracy - chance) / (curve[0] - chance)
    return ((height > 0.1) & (height < 0.9)).mean()


use = sight.map(partly_readable, "share of steps partly readable")
display(use.table().round(3))
for way, (a, b) in ways.items():
    print(f"{way:>18}: picture over noise at t = {T}, as variances: "
          f"{(a[-1] / b[-1]).square().item():.1e}")
for ratio in ("1 %", "0.5 %"):
    display(experiments.claim(
        "A variance schedule spreads the loss of the picture over more steps than mixing in "
        f"{ratio}",
        "a common reason given for schedules", use,
        more="variance schedule", less=f"fixed ratio, {ratio}"))

# %% [markdown]
# **What to notice.** Against one percent the claim holds: 0.37 of the steps against 0.19. Against half a percent it is *too close to call*, 0.37 against 0.40: three runs do not tell which of the two is larger, and that is not the same as equal.
#
# Look at the ends instead. One percent ends in noise, at a ratio of 3.7e-07, but rushes through the part that can be read. Half a percent takes its time there, and is not done when the steps are over: at $t = 1000$ the ratio is 0.018, more than 400 times that of the schedule, and the recogniser still reads a little more than chance. A sampler that starts from noise with nothing in it starts where this training never was, whatever is rescaled. (Section 7 is about a schedule with the same fault.) With a fixed ratio one number decides both how fast the picture goes and how it ends. A schedule has a number for every step.

# %% [markdown]
# ## 3 · The jump
#
# **Do we have to walk a thousand steps to see the picture at $t = 1000$?**
#
# Training needs a picture at a random step, over and over. Walking there costs up to a thousand steps each time. Two facts save us.
#
# Write $\alpha_t = 1 - \beta_t$, the share that step $t$ *keeps*. Put the first step into the second:
#
# $$x_2 = \sqrt{\alpha_2}\,x_1 + \sqrt{\beta_2}\,\epsilon_2 = \sqrt{\alpha_2\alpha_1}\,x_0 + \underbrace{\sqrt{\alpha_2\beta_1}\,\epsilon_1 + \sqrt{\beta_2}\,\epsilon_2}_{\text{two noises}}$$
#
# *First fact*: the sum of two independent normal variables is normal, and the variances add. So the two noises together are *one* noise, of variance
#
# $$\alpha_2\beta_1 + \beta_2 = \alpha_2(1-\alpha_1) + 1 - \alpha_2 = 1 - \alpha_1\alpha_2 .$$
#
# *Second fact*: the result looks like one step again, with $\alpha_1\alpha_2$ in the place of $\alpha_1$. So the argument can be repeated. With $\bar\alpha_t = \alpha_1\alpha_2\cdots\alpha_t$,
#
# $$x_t = \sqrt{\bar\alpha_t}\;x_0 + \sqrt{1-\bar\alpha_t}\;\epsilon .$$
#
# - $\bar\alpha_t$ ("alpha bar") is the share of the picture's variance that is left at step $t$. It falls from $\bar\alpha_0 = 1$ to nearly 0.
# - $1-\bar\alpha_t$ is the variance of all the noise so far.
#
# Check the line that everything rests on, with numbers:

# %% tags=["experiment"]
b1, b2 = 0.2, 0.3
e1, e2 = torch.randn(2, 1_000_000, generator=run.fresh_generator(3), dtype=torch.float64)
two_noises = ((1 - b2) * b1) ** 0.5 * e1 + b2**0.5 * e2
print(f"variance of the two noises, drawn a million times: {two_noises.var().item():.3f}")
print(f"one minus the product of the two alphas:           {1 - (1 - b1) * (1 - b2):.3f}")

# %% [markdown]
# ### Exercise 3 · `alpha_bars`
# ●○○ · 5 minutes · the heart of the lesson
#
# Ho et al. 2020, above equation 4. In this course the list begins with $\bar\alpha_0 = 1$, so that $\bar\alpha_t$ stands at `alpha_bar[t]` and the clean picture has a place.
#
# <details><summary>Hint 1: what to think about</summary>The shares that survive multiply: half of a half is a quarter.</details>
# <details><summary>Hint 2: the formula</summary>A running product of 1 − beta, with a 1 in front. PyTorch has a cumulative product.</details>
# <details><summary>Hint 3: nearly the line</summary><code>torch.cumprod(…, dim=0)</code> gives T of the T + 1 numbers; <code>torch.cat([…, …])</code> puts the missing one in its place</details>


# %% tags=["exercise"] exercise="alpha_bars" points=1
def alpha_bars(betas):
    """The share of the picture's variance that is left at each step.

    betas: (T,).
    Returns alpha_bar (T + 1,), of the same dtype, from alpha_bar_0 = 1 to alpha_bar_T.

    Example: betas = [0.5, 0.5] gives [1, 0.5, 0.25].
    """
    ### BEGIN SOLUTION
    alpha = 1 - betas
    return torch.cat([torch.ones_like(alpha[:1]), torch.cumprod(alpha, dim=0)])
    ### END SOLUTION


# %% tags=["check"] exercise="alpha_bars"
alpha_bars = ex.alpha_bars.check(alpha_bars)

# %% [markdown]
# ### Exercise 4 · `q_sample`
# ●●○ · 15 minutes · the heart of the lesson
#
# The jump, for a batch in which every picture has its own step (equation 4 of Ho et al. 2020). The name is the papers': $q$ is the forward process.
#
# `alpha_bar[t]` has shape (B,), the pictures have shape (B, C, H, W). PyTorch lines shapes up from the *right*, so mind what (B,) meets. And take the roots before you convert. At $t = 1$ alpha bar is 0.9999: in 16 bits that is 1, and there would be no noise at all; in float32, $1-\bar\alpha_1$ keeps three or four digits of its seven.
#
# <details><summary>Hint 1: what to think about</summary>Which shape must the coefficient have, so that picture i gets coefficient i in all its channels, rows and columns?</details>
# <details><summary>Hint 2: the formula</summary>Root of alpha bar times the picture, plus root of (1 − alpha bar) times the noise, with alpha bar of shape (B, 1, 1, 1).</details>
# <details><summary>Hint 3: nearly the line</summary><code>a = alpha_bar[t].reshape(-1, …)</code>, the two roots while it is float64, each <code>.to(x0)</code>, then the sum of the two terms</details>


# %% tags=["exercise"] exercise="q_sample" points=3
def q_sample(x0, t, alpha_bar, eps):
    """Jump from the clean pictures to step t.

    x0:  clean pictures, (B, C, H, W).      t:   (B,), int64, each from 0 to T.
    alpha_bar: (T + 1,), float64.           eps: noise, (B, C, H, W).
    Returns x_t, (B, C, H, W), of the dtype and on the device of x0. Changes none of its
    arguments.    Ho et al. 2020, equation 4.

    Example: alpha_bar[t] = 0.64, x0 = 1, eps = 0 gives 0.8; x0 = 0, eps = 1 gives 0.6.
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t].reshape(-1, 1, 1, 1)  # (B,) -> (B, 1, 1, 1), still float64
    return a.sqrt().to(x0) * x0 + (1 - a).sqrt().to(x0) * eps  # (B, C, H, W)
    ### END SOLUTION


# %% tags=["check"] exercise="q_sample"
q_sample = ex.q_sample.check(q_sample)

# %% [markdown]
# ### Do the long way and the jump agree?
#
# They cannot agree number by number: the walk draws $t$ noises, the jump draws one. They agree in *distribution*. Walk many times from one picture, and compare each pixel's mean and variance with the jump's: $\sqrt{\bar\alpha_t}\,x_0$ and $1-\bar\alpha_t$.
#
# Measured means and variances scatter. If the jump is right, one pixel in twenty lies outside its 95 % interval, by chance; if the jump is wrong, many more do.

# %% tags=["experiment"]
walk_T = run.pick(smoke=20, laptop=200, gpu=1000)
draws = run.pick(smoke=60, laptop=400, gpu=2000)
walk_betas = linear_schedule(walk_T, 1e-3, 0.05)
walk_bar = alpha_bars(walk_betas)[-1]
picture = torch.nn.functional.avg_pool2d(x0[:1], 2).double()  # (1, C, 16, 16)


def outside(seed):
    """Share of pixels whose mean, and whose variance, over many walks is outside the 95 %."""
    generator = run.fresh_generator(seed)
    x = picture.expand(draws, -1, -1, -1)
    for t in range(1, walk_T + 1):
        x = noise_one_step(x, t, walk_betas,
                           torch.randn(x.shape, generator=generator, dtype=torch.float64))
    # z: by how many standard errors the mean is off
    z = (x.mean(0) - walk_bar.sqrt() * picture[0]) / ((1 - walk_bar) / draws).sqrt()
    # chi-squared with draws - 1 degrees of freedom
    ratio = (draws - 1) * x.var(0) / (1 - walk_bar)
    low, high = stats.chi2.ppf([0.025, 0.975], draws - 1)
    return [(z.abs() > 1.96).double().mean().item(),
            ((ratio < low) | (ratio > high)).double().mean().item()]


# %% tags=["experiment"]
walk_seeds = range(run.pick(smoke=2, laptop=5))
walks = experiments.compare({"walk": outside}, walk_seeds, "share of pixels outside")
walks = walks.columns("walk", ["mean", "variance"])
display(walks.table().round(3))
for name in walks.runs:
    display(experiments.claim_equal(
        f"The walk and the jump have the same {name}, pixel by pixel",
        "Ho et al. 2020, equation 4", walks, name, expected=0.05, tolerance=0.025))

# %% [markdown]
# ## 4 · The way back
#
# **If you know the noise, can you undo it?**
#
# Yes, exactly. The jump is one equation, $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon$. If $x_t$ and $\epsilon$ are known, $x_0$ is all that is unknown in it.

# %% [markdown]
# ### Exercise 5 · `recover_x0`
# ●●○ · 10 minutes · the heart of the lesson
#
# Solve the jump for $x_0$ on paper, then write it down for a batch in which each picture has its own $t$.
#
# <details><summary>Hint 1: what to think about</summary>Undo the two things in the opposite order: the noise was added last, so it goes first.</details>
# <details><summary>Hint 2: the formula</summary>From x_t take away the root of (1 − alpha bar) times the noise. What is left is the root of alpha bar times the picture.</details>
# <details><summary>Hint 3: nearly the line</summary><code>a</code> and its two roots as in q_sample; then <code>return (x_t - …) / …</code></details>


# %% tags=["exercise"] exercise="recover_x0" points=2
def recover_x0(x_t, t, alpha_bar, eps):
    """Undo q_sample.

    x_t: noised pictures, (B, C, H, W).     t:   (B,), int64.
    alpha_bar: (T + 1,), float64.           eps: the noise in x_t, (B, C, H, W).
    Returns x0, (B, C, H, W): exact if eps is the noise that was added, a guess if eps is one.

    Example: alpha_bar[t] = 0.64, x_t = 1.4, eps = 1 gives 1.
    """
    ### BEGIN SOLUTION
    a = alpha_bar[t].reshape(-1, 1, 1, 1)  # (B,) -> (B, 1, 1, 1), still float64
    return (x_t - (1 - a).sqrt().to(x_t) * eps) / a.sqrt().to(x_t)
    ### END SOLUTION


# %% tags=["check"] exercise="recover_x0"
recover_x0 = ex.recover_x0.check(recover_x0)

# %% [markdown]
# What you wrote is
#
# $$x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\;\epsilon}{\sqrt{\bar\alpha_t}},$$
#
# and you will meet it in almost every later lesson. It turns a guess of the noise into a guess of the picture. Solved for $\epsilon$, it turns a guess of the picture into one of the noise. So a network that sees $x_t$ and $t$ can be taught to guess either; most diffusion models guess the noise, and lesson 04 compares.
#
# Noise a picture *twice*, with two noises, then undo both at once. All it takes is the one noise that the two add up to:
#
# $$\epsilon = \frac{\sqrt{\alpha_2\beta_1}\,\epsilon_1 + \sqrt{\beta_2}\,\epsilon_2}{\sqrt{1-\alpha_1\alpha_2}}$$

# %% tags=["experiment", "figure"]
# two large steps, so that there is something to see
two = torch.tensor([0.3, 0.4], dtype=torch.float64)
alpha_bar_two = alpha_bars(two)
e1, e2 = torch.randn(2, *x0[:5].shape, generator=run.fresh_generator(4))
x1 = noise_one_step(x0[:5], 1, two, e1)
x2 = noise_one_step(x1, 2, two, e2)
merged = ((1 - two[1]) * two[0]).sqrt() * e1 + two[1].sqrt() * e2
merged = merged / (1 - alpha_bar_two[2]).sqrt()
back = recover_x0(x2, torch.full((5,), 2), alpha_bar_two, merged.float())
plots.strip({"clean": x0[:5], "one step": x1, "two steps": x2, "undone": back},
            title="Noised twice, undone at once: largest error "
                  f"{(back - x0[:5]).abs().max():.0e}",
            alt="Five pictures: clean, after one step of noise, after two, and recovered. The "
                "last row equals the first.");

# %% [markdown]
# The way back divides by $\sqrt{\bar\alpha_t}$, so an error in the noise comes back *larger*, and the later the step, the larger. Here is a guess of the noise that is off by one percent:

# %% tags=["experiment", "figure"]
alpha_bar = alpha_bars(linear_schedule(T))
late = torch.tensor([100, 300, 500, 700, 900, 1000])
eps = torch.randn(x0[:6].shape, generator=run.fresh_generator(5))
picture6 = x0[:1].expand(6, -1, -1, -1)
x_t = q_sample(picture6, late, alpha_bar, eps)
guess = eps + 0.01 * torch.randn(eps.shape, generator=run.fresh_generator(6))
factor = ((1 - alpha_bar[1000]) / alpha_bar[1000]).sqrt().item()
plots.strip({"x_t": x_t, "x0 from that guess": recover_x0(x_t, late, alpha_bar, guess)},
            column_titles=[f"t = {t}" for t in late.tolist()],
            title=f"One percent of error in the noise is multiplied by {factor:.0f} at t = "
                  "1000",
            alt="A picture noised to six steps, and recovered from a slightly wrong noise: "
                "perfect at t = 100, ruined at t = 1000.");

# %% [markdown]
# **What to notice.** Even with noise known to one percent, the last steps give back a ruin. So nobody who guesses the *noise* gets the picture from a late step in one go. That alone does not show that one go is impossible: a network that guesses the *picture* divides by nothing. Lesson 02 trains one, and finds the deeper reason.

# %% [markdown]
# ## 5 · Signal to noise
#
# **What does the step number mean?**
#
# Not much: with 1000 steps, step 500 of the cosine schedule below is about as noisy as step 261 of the linear one. What a network meets is the ratio of picture to noise, the *signal-to-noise ratio* $\mathrm{SNR}(t)$: the variance of the picture's part of $x_t$ over the variance of the noise's part, for pictures of variance 1.

# %% [markdown]
# ### Exercise 6 · `snr`
# ●○○ · 5 minutes
#
# A warm-up, but the formula is yours to find: the two parts stand in the jump ([Kingma et al. 2021](https://arxiv.org/abs/2107.00630), section 3.1).
#
# <details><summary>Hint 1: what to think about</summary>At t = 0 there is no noise at all: what should the ratio be? And at which alpha bar is it 1?</details>
# <details><summary>Hint 2: the formula</summary>Scaling by c multiplies a variance by c², so the roots of the jump go. The picture's part has the variance alpha bar. And the noise's?</details>
# <details><summary>Hint 3: nearly the line</summary>A quotient with <code>alpha_bar</code> above and below the line</details>


# %% tags=["exercise"] exercise="snr" points=1
def snr(alpha_bar):
    """The signal-to-noise ratio at every step; infinite where alpha_bar is 1.

    alpha_bar: any shape.    Returns the same shape.    Example: snr of [0.5, 0.9] is [1, 9].
    """
    ### BEGIN SOLUTION
    return alpha_bar / (1 - alpha_bar)
    ### END SOLUTION


# %% tags=["check"] exercise="snr"
snr = ex.snr.check(snr)

# %% [markdown]
# In symbols, $\mathrm{SNR}(t) = \bar\alpha_t\,/\,(1-\bar\alpha_t)$. Its logarithm, the *log-SNR*, is a ruler on which schedules can be compared: 0 is as much picture as noise, and each step of $\ln 10 \approx 2.3$ is a factor of ten.

# %% [markdown]
# ## 6 · Better curves
#
# **Why draw betas, if it is alpha bar that we care about?**
#
# The linear schedule makes $\bar\alpha$ fall fast, and spends its last third on pictures of which next to nothing is left (the first figure below shows it). So turn the design around: *choose how $\bar\alpha$ falls*, and compute the betas from it. Two neighbours give one beta:
#
# $$\frac{\bar\alpha_t}{\bar\alpha_{t-1}} = \alpha_t = 1-\beta_t \quad\Longrightarrow\quad \beta_t = 1 - \frac{\bar\alpha_t}{\bar\alpha_{t-1}} .$$
#
# With $u = t/T$ running from 0 to 1, two popular choices are
#
# $$\textbf{cosine:}\quad \bar\alpha = \frac{f(u)}{f(0)},\quad f(u) = \cos^2\!\left(\frac{u+s}{1+s}\cdot\frac{\pi}{2}\right), \quad s = 0.008$$
#
# $$\textbf{sigmoid:}\quad \bar\alpha = p - q\;\mathrm{sigmoid}\!\left(\frac{\text{start} + (\text{end}-\text{start})\,u}{\tau}\right),\quad \text{start} = -3,\; \text{end} = 3,\; \tau = 1$$
#
# - $s$ keeps the first betas from being vanishingly small.
# - `start` and `end` say which piece of $\mathrm{sigmoid}(x) = 1/(1+e^{-x})$ is used, and $\tau$ how steep it is. $p$ and $q$ are what makes $\bar\alpha$ go from 1 to 0 (exercise 8).
# - Both reach $\bar\alpha_T = 0$, which would make $\beta_T = 1$: a last step that destroys everything. So betas are cut off at `beta_max` = 0.999.

# %% [markdown]
# ### Exercise 7 · `cosine_schedule`
# ●●○ · 15 minutes
#
# [Nichol & Dhariwal 2021](https://arxiv.org/abs/2102.09672), equation 17.
#
# <details><summary>Hint 1: what to think about</summary>T betas need T + 1 values of f. The division by f(0) cancels in the quotient of neighbours.</details>
# <details><summary>Hint 2: the formula</summary>u = 0, 1/T, …, 1, and f(u) as above. A beta is 1 minus the quotient of two neighbours, the later one above the line; none above beta_max.</details>
# <details><summary>Hint 3: nearly the line</summary><code>f = torch.cos(…) ** 2</code> at T + 1 places; neighbours are <code>f[1:]</code> and <code>f[:-1]</code>; <code>.clamp(max=…)</code> cuts off</details>


# %% tags=["exercise"] exercise="cosine_schedule" points=2
def cosine_schedule(T, s=0.008, beta_max=0.999):
    """The betas whose alpha_bar falls like a squared cosine, none above beta_max.

    Returns betas (T,), float64.    Example: cosine_schedule(4) is [0.153, 0.417, 0.708, 0.999].
    """
    ### BEGIN SOLUTION
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    f = torch.cos((u + s) / (1 + s) * torch.pi / 2) ** 2  # (T + 1,)
    return (1 - f[1:] / f[:-1]).clamp(max=beta_max)  # (T,)
    ### END SOLUTION


# %% tags=["check"] exercise="cosine_schedule"
cosine_schedule = ex.cosine_schedule.check(cosine_schedule)

# %% [markdown]
# ### Exercise 8 · `sigmoid_schedule`
# ●●○ · 10 minutes
#
# A piece of a sigmoid neither begins at 1 nor ends at 0. Which $p$ and $q$ make it do so, and which of the two do the betas not depend on? ([Jabri et al. 2022](https://arxiv.org/abs/2212.11972), and [Chen 2023](https://arxiv.org/abs/2301.10972) on why larger pictures want noisier schedules.)
#
# <details><summary>Hint 1: what to think about</summary>Two conditions, two unknowns: alpha bar is 0 at u = 1 and 1 at u = 0. Betas come from quotients of neighbours, and a factor that all alpha bars share drops out of them.</details>
# <details><summary>Hint 2: the formula</summary>From alpha bar = 0 at u = 1: p = q · sigmoid(end/τ). So alpha bar is q times f(u), the value at the end minus the value at u, and q cancels: the rest is the cosine schedule with another f.</details>
# <details><summary>Hint 3: nearly the line</summary><code>f = torch.sigmoid(…) - torch.sigmoid(…)</code>, (T + 1,), falling to 0; then quotients, 1 minus them, and the cut</details>


# %% tags=["exercise"] exercise="sigmoid_schedule" points=2
def sigmoid_schedule(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    """The betas whose alpha_bar falls like a sigmoid, none above beta_max.

    Returns betas (T,), float64.
    Example: sigmoid_schedule(4) is [0.149, 0.412, 0.702, 0.999].
    """
    ### BEGIN SOLUTION
    v = torch.linspace(start, end, T + 1, dtype=torch.float64) / tau
    f = torch.sigmoid(v[-1]) - torch.sigmoid(v)  # (T + 1,), from its largest value down to 0
    return (1 - f[1:] / f[:-1]).clamp(max=beta_max)  # (T,)
    ### END SOLUTION


# %% tags=["check"] exercise="sigmoid_schedule"
sigmoid_schedule = ex.sigmoid_schedule.check(sigmoid_schedule)

# %% tags=["experiment", "figure"]
schedules = {"linear": linear_schedule(T), "cosine": cosine_schedule(T),
             "sigmoid": sigmoid_schedule(T)}
alpha_bars_of = {name: alpha_bars(b) for name, b in schedules.items()}  # each (T + 1,)
# each (T,), t = 1 to T
log_snr_of = {name: snr(bar[1:]).log() for name, bar in alpha_bars_of.items()}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
for name in schedules:
    left.plot(alpha_bars_of[name], color=plots.COLOURS[name], label=name)
    right.plot(range(1, T + 1), log_snr_of[name], color=plots.COLOURS[name], label=name)
left.set(xlabel="step t", ylabel="alpha_bar", title="Cosine and sigmoid fall later")
right.set(xlabel="step t", ylabel="log-SNR", title="Linear has the gentlest end",
          ylim=(-21, 11))
right.axhline(0, color="0.6", lw=0.8)
left.legend()
plots.show(figure,
           alt="Left: alpha_bar against step for three schedules; linear falls first. Right: "
               "their log-SNR, falling from 8 to 10 at the first step to -10 (linear), -15 and "
               "-20.");

# %% tags=["experiment", "figure"]
shown = torch.tensor([0, 150, 300, 450, 600, 1000])
eps = torch.randn(x0[:1].shape, generator=run.fresh_generator(7)).expand(len(shown), -1, -1, -1)
one = x0[:1].expand(len(shown), -1, -1, -1)
plots.strip({name: q_sample(one, shown, bar, eps) for name, bar in alpha_bars_of.items()},
            column_titles=[f"t = {t}" for t in shown.tolist()],
            title="At the same step, linear has drowned more",
            alt="One picture under the linear, cosine and sigmoid schedules: linear drowns it "
                "first.");

# %% [markdown]
# ### Does cosine spend its steps more evenly?
#
# That is what is often said of it. "Evenly" wants a measure, and here the choice of the measure decides.
#
# **Over the whole ruler.** Cut the log-SNR from -10 to 10 into 20 boxes and count the steps in each. The *entropy* of the counts, divided by its largest possible value, is 1 if all boxes get the same number of steps.

# %% tags=["experiment"]
def evenness(name):
    """Entropy of the steps over 20 boxes of log-SNR, from 0 (all in one box) to 1 (even)."""
    counts = torch.histc(log_snr_of[name], bins=20, min=-10, max=10)
    share = counts / counts.sum()
    entropy = -(share * share.clamp(min=1e-12).log()).sum().item()
    return entropy / torch.tensor(20.0).log().item()


variants = {name: lambda _, name=name: evenness(name) for name in schedules}
even = experiments.compare(variants, [0], "evenness", random=False)
display(even.table().round(3))
experiments.claim(
    "Cosine spends its steps more evenly than linear, over all log-SNR from -10 to 10",
    "a common reading of Nichol & Dhariwal 2021", even, more="cosine", less="linear")

# %% [markdown]
# **Where there is something to read.** High on the ruler the recogniser is always right, and far down it guesses. Measure the recogniser once against log-SNR, and count the steps at which the picture is partly readable.

# %% tags=["experiment", "figure"]
ruler = torch.linspace(-9, 7, run.pick(smoke=5, laptop=25, gpu=49), dtype=torch.float64)
bar_of_ruler = torch.sigmoid(ruler)  # log-SNR = log(a / (1 - a)), so a = sigmoid(log-SNR)


def read_along_ruler(seed):
    generator = run.fresh_generator(100 + seed)
    accuracy = []
    for k in range(len(ruler)):
        eps = torch.randn(x0.shape, generator=generator)
        x_t = q_sample(x0, torch.full((len(x0),), k), bar_of_ruler, eps)
        accuracy.append(reader.accuracy(x_t, images.labels))
    return accuracy


legible = experiments.compare({"recogniser": read_along_ruler}, seeds, "share recognised")
plots.curves(legible.runs, x=ruler, xlabel="log-SNR", ylabel="share recognised",
             hlines={"chance": chance},
             title="The picture is lost within a few units of log-SNR",
             alt="Accuracy against log-SNR, an S-shaped curve.");

# %% tags=["experiment"]
def steps_in_band(name, run_number):
    """Share of the steps where accuracy is 10 % to 90 % of the way from chance to its best."""
    curve = legible.runs["recogniser"][run_number]
    accuracy = np.interp(log_snr_of[name].numpy(), ruler.numpy(), curve)
    height = (accuracy - chance) / (curve.max() - chance)
    return float(((height > 0.1) & (height < 0.9)).mean())


variants = {name: lambda k, name=name: steps_in_band(name, k) for name in schedules}
band = experiments.compare(variants, seeds, "share of steps partly readable")
display(band.table().round(3))
experiments.claim(
    "Cosine spends more of its steps than linear where the picture is partly readable",
    "Nichol & Dhariwal 2021, section 3.2: the end of the linear schedule is too noisy to "
    "matter",
    band, more="cosine", less="linear")

# %% [markdown]
# **What to notice.** One sentence, two readings, two verdicts. Over the whole ruler linear is the *more* even one (0.90 against 0.83): cosine rushes through the low end, where linear dwells. Where a flower is partly readable, cosine spends more of its steps (0.50 against 0.40).
#
# And it depends on the pictures. Under the same preset, `laptop`, CIFAR-10 agrees with the flowers (0.75 against 0.62), MNIST is too close to call (0.28 against 0.31), and `digits` turns the verdict around (0.27 against 0.34). A guess at why: a large smooth digit can be read far down the ruler, where linear lingers. Set `dataset = "digits"`, and look where its accuracy falls. (The lower limit lies close to chance, so the noise of 128 pictures can cross it: look at the spread before you believe a difference.)
#
# Whether this makes better pictures is another question: in the paper, on ImageNet at 64 px, FID goes from 31.3 (linear) to 27.0 (cosine) after 200,000 steps of training (Nichol & Dhariwal 2021; they used more noise steps, T = 4000). You can measure it yourself once you have a model (lesson 04).

# %% [markdown]
# ## 7 · Bug hunt: a faster schedule
#
# A colleague wants a faster model. "A thousand steps are too many. I take the schedule from the paper with $T = 150$." The code runs, the shapes are right, the loss will look fine. Then the samples come out washed out, all of about the same brightness, or so the colleague reports: nothing is sampled in this lesson.
#
# A sampler starts from pure noise, $\mathcal N(0, I)$, and trusts that training ended there too. Look at where this forward process ends:

# %% tags=["experiment", "figure"]
def last_step(schedule, T, seed=8):
    """Pictures at t = T under a schedule, and pure noise of the same shape."""
    generator = run.fresh_generator(seed)
    end = torch.full((len(x0),), T)
    x_T = q_sample(x0, end, alpha_bars(schedule(T)), torch.randn(x0.shape, generator=generator))
    return x_T, torch.randn(x0.shape, generator=generator)


def evidence(schedule, T, title, alt):
    x_T, noise = last_step(schedule, T)
    # (400, 5, C, 32, 32)
    many = torch.randn(400, *x0[:5].shape, generator=run.fresh_generator(9))
    ghost = torch.stack([q_sample(x0[:5], torch.full((5,), T), alpha_bars(schedule(T)), e)
                         for e in many]).mean(0)
    print(f"recognised at t = {T}: {reader.accuracy(x_T, images.labels):.2f}   in pure noise: "
          f"{reader.accuracy(noise, images.labels):.2f}   by chance: {chance:.2f}")
    plots.strip({f"x_{T}": x_T[:5], "pure noise": noise[:5],
                 f"x_{T}, averaged\nover 400 noises": ghost},
                title=title,
                alt="Three rows: pictures at the last step, pure noise, averages over many "
                    f"noises. {alt}")


evidence(linear_schedule, 150, "Is the last step pure noise?",
         "The averages show the five clean pictures, faintly.")

# %% [markdown]
# Compare the rows, and the two accuracies. What should the third row show if $x_{150}$ were pure noise? Find out why it does not.
#
# <details><summary>Where to look</summary>Print <code>alpha_bars(linear_schedule(150))[-1]</code>. Which share of the picture's variance is still there at the end? Which share is there with 1000 steps?</details>

# %%
# your own look: try things here

# %% [markdown]
# ### Exercise 9 · `mended_schedule`
# ●●● · 20 minutes · the heart of the lesson
#
# Write a linear schedule that works for any number of steps, from 10 to 1000: it ends in noise (alpha bar below 0.002), it is the old one at $T = 1000$, and betas stay at or below 0.999. From $T = 50$ on it keeps, at the same share $t/T$ of the way, about as much of the picture as the old one does with 1000 steps: $\sqrt{\bar\alpha}$ within 0.05.
#
# <details><summary>Hint 1: what to think about</summary>With 100 steps, each step has to do the work of ten.</details>
# <details><summary>Hint 2: the formula</summary>For small betas, ten steps of beta replace about 10·beta of the variance. So scale both ends by 1000/T.</details>
# <details><summary>Hint 3: nearly the line</summary><code>linear_schedule(T, …, …)</code> with both ends scaled, and a <code>.clamp</code>. Another way: take every (1000/T)-th value of the long alpha bar, and turn neighbours into betas as in section 6.</details>


# %% tags=["exercise"] exercise="mended_schedule" points=3
def mended_schedule(T):
    """A linear schedule for any T from 10 to 1000 that ends in noise, and from T = 50 on keeps
    about as much of the picture on the way as the old one does with 1000 steps.

    Returns betas (T,), float64, above 0 and at most 0.999.
    Example: with T = 1000 the first is 0.0001 and the last 0.02.
    """
    ### BEGIN SOLUTION
    scale = 1000 / T
    return linear_schedule(T, scale * 1e-4, scale * 0.02).clamp(max=0.999)
    ### END SOLUTION


# %% tags=["check"] exercise="mended_schedule"
mended_schedule = ex.mended_schedule.check(mended_schedule)

# %% tags=["experiment", "figure"]
evidence(mended_schedule, 150, "With the mended schedule, it is", "The averages are flat grey.")

# %% [markdown]
# The faint pictures are gone. (Why only from 50 steps on? "Ten steps of beta replace about 10·beta" holds for small betas. With 20 steps the scaled betas reach 1, and $\sqrt{\bar\alpha}$ is off by 0.06 on the way, with 10 steps by 0.16. The other way of hint 3 is exact at any $T$.)
#
# What was wrong is the *terminal signal-to-noise ratio*, the SNR at the last step, and it should be zero. It was wrong in Stable Diffusion 1: its schedule ends at an SNR of 0.0047, enough to keep the model from making very dark or very bright pictures ([Lin et al. 2023](https://arxiv.org/abs/2305.08891), who also show how to rescale any schedule so that it ends at exactly zero).

# %% [markdown]
# ## 8 · Explorer
#
# **At which step could you not tell any more what it is, and could the recogniser?** Move $t$ with the mouse or the arrow keys. Change the schedule at the same $t$: the dot jumps on both curves, and the picture with it. Now move $t$ until the log-SNR is back where it was: the picture is back too. What counts is the log-SNR, not $t$. (The mended schedule with 150 steps lies on top of the linear one with 1000: that was the aim.)

# %% tags=["explorer", "figure"]
explorer_schedules = {
    **alpha_bars_of,
    "linear, 150 steps": alpha_bars(linear_schedule(150)),
    "mended, 150 steps": alpha_bars(mended_schedule(150)),
}
NoisingExplorer(x0[:8], labels=images.labels[:8], schedules=explorer_schedules,
                recogniser=reader)

# %% [markdown]
# ## Is this normal?
#
# - **No loss curve here**: nothing is trained. Under `laptop` on two cores the whole notebook takes half a minute.
# - **Pictures look grey or clipped** when shown at large $t$: noise goes far beyond $[-1, 1]$, and a screen cannot show it. Values are cut off for display only.
# - **The variance drifts away from 1** in a loop: a missing root, or noise added without shrinking the picture.
# - **Horizontal or vertical stripes** of different noise in one picture: a coefficient of shape (B,) that met the last axis.
# - **Accuracy jumps about** by a few percent from seed to seed: with 128 pictures, one standard error is up to 4.4 %.
#
# ## Questions to think about
#
# <details><summary>1. Suppose the pictures have a variance of 0.3, not 1 (print <code>x0.var()</code>). What happens to the variance of x_t on the way?</summary>It is 0.3 ᾱ + (1 − ᾱ): it rises smoothly from 0.3 to 1. The true ratio of picture to noise is therefore lower than SNR(t) by the factor 0.3: SNR(t) is written for data of variance 1.</details>
# <details><summary>2. Pictures of 64 px look less noisy than pictures of 32 px at the same t. Why?</summary>Neighbouring pixels of a larger picture say almost the same thing, and noise that is independent in each averages out over them. So larger pictures want schedules with more noise (Chen 2023; lesson 24).</details>
# <details><summary>3. Could the noise be something else than normal?</summary>Yes, but with most other kinds two noises no longer merge into one of the same kind, and the jump has no such simple form. There is work on blur and on masks instead of noise (Bansal et al. 2022, "Cold Diffusion").</details>
# <details><summary>4. Why does the recogniser read the fixed ratio's grey pictures at all?</summary>It divides by the root mean square first. A faded picture with faded noise has the same ratio of the two as a strong one.</details>
#
# ## What we left out
#
# Why betas must be small for the way back to be normal, too (lesson 04); time without steps, where a schedule is a function (lesson 08); straight paths, which replace the roots by $1-t$ and $t$ (lesson 09).
#
# ## Readings
#
# - Ho, Jain & Abbeel 2020, [Denoising Diffusion Probabilistic Models](https://arxiv.org/abs/2006.11239): section 2 is this lesson in half a page.
# - Nichol & Dhariwal 2021, [Improved DDPM](https://arxiv.org/abs/2102.09672): section 3.2, the cosine schedule and how many steps of the linear one can be skipped.
# - Lin et al. 2023, [Common Diffusion Noise Schedules and Sample Steps Are Flawed](https://arxiv.org/abs/2305.08891): the bug of section 7, in the models that everybody used.
#
# **Next**: lesson 02 builds the network that looks at a noised picture and guesses what was there.

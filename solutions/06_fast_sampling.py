# %% [markdown]
# # 06 · Fast sampling
#
# ![Six rows of flowers, each row from the same noise. From left to right the sampler takes more steps: above DDIM, whose flowers are there after five steps, below DDPM, whose flowers lie under grain until fifty.](../course_utils/lessons/lesson06/opening.png)
#
# The model of lesson 04 draws well and slowly: a thousand calls of the network for one flower. This lesson makes do with twenty, fifty times fewer, *without training anything*.
# The trick is to notice what training never said.
#
# **You will build** a shorter way through the schedule, DDIM with its dial for fresh noise, a path between two noises, the way back from a picture to its noise, a head start, and a variance that the network chooses.
#
# **You will see** which sampler is better at how many steps, why it matters how you mix two noises, and a sampler with two bugs that runs without complaint.
#
# **Time**: about three hours with the exercises. The notebook itself runs in about three minutes under `laptop`, on one thread of a busy machine; `lecture` and `smoke` draw fewer pictures and are faster. Nothing is trained here.
#
# **Stands on** lessons 01 (`q_sample`, `recover_x0`), 02 (the ideal denoiser) and 04 (DDPM, the two variances).

# %%
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from course_utils import data, experiments, metrics, plots, pretrained, samplers, studies
from course_utils.diffusion import (
    alpha_bars,
    cosine_schedule,
    ideal_denoiser,
    linear_schedule,
    model_time,
    posterior_variance,
    q_sample,
)
from course_utils.lessons.lesson06 import checks as ex
from course_utils.lessons.lesson06.explorer import SamplingExplorer
from course_utils.runtime import start

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %% tags=["figure"]
run = start("06", preset=preset, dataset=dataset)
plots.use_style()
model = pretrained.ddpm_or_ideal(dataset, run.device)  # a trained network, if there is one
predict, alpha_bar, size, noise = model.predict, model.alpha_bar, model.size, model.noise
T = len(alpha_bar) - 1  # 1000
# Pictures that no training has seen, (N, C, 16, 16):
real = data.load(dataset, n=360, size=size, split="test").images
plots.grid(real[:16], title="What the model was trained to draw",
           alt=f"Sixteen pictures of the data set {dataset}, {size} pixels wide.");

# %% [markdown]
# `predict(x, t)` is the trained network as a *sampler* wants it: it names the noise in `x`. `t` has shape (B,) and runs from 0 to 1000, whatever the number of steps of the schedule. `noise(n, seed)` draws n noises to start from, (n, C, 16, 16). (For a data set without a network trained ahead, `predict` is the ideal denoiser over 400 of its pictures. Then everything below is exact, and all that comes out is one of those 400.)
#
# ## 1 · A shorter way
#
# **Do we need all thousand steps?**
#
# Look at what one step of lesson 04 needs to know: $\bar\alpha$ where it stands and $\bar\alpha$ where it goes. Nothing says that these are neighbours. Choose a few times $T = \tau_0 > \tau_1 > \dots > \tau_n = 0$, and the values $\bar\alpha_{\tau}$ are a schedule of their own, with $n$ steps and larger betas:
#
# $$\alpha_{t\to s} = \frac{\bar\alpha_t}{\bar\alpha_s}, \qquad \beta_{t\to s} = 1-\frac{\bar\alpha_t}{\bar\alpha_s}.$$
#
# - $t$ is where the step starts and $s < t$ is where it ends. For neighbours this is $\alpha_t$ and $\beta_t$ as before.
# - The network need not be trained anew: it knows every level of noise, and at $t$ it is told $t$.
#
# Taking fewer, evenly spaced steps is called *respacing*.

# %% [markdown]
# ### Exercise 1 · `respace`
# ●○○ · 5 minutes
#
# Which times? Both ends belong to them: noise at $T$, where training ended, and the clean picture at 0. [Nichol & Dhariwal 2021](https://arxiv.org/abs/2102.09672), section 4.
#
# <details><summary>Hint 1: what to think about</summary>Ten steps have eleven ends. What happens with 7 steps, where 1000/7 is no whole number: which rounding keeps both ends?</details>
# <details><summary>Hint 2: the formula</summary>Evenly spaced numbers from T down to 0, n + 1 of them, each rounded to the nearest whole number.</details>
# <details><summary>Hint 3: nearly the line</summary><code>torch.linspace(T, …, …, dtype=torch.float64).round().long()</code></details>


# %% tags=["exercise"] exercise="respace" points=1
def respace(T, steps):
    """The times that a shorter way visits.

    T: steps of the schedule.    steps: how many to take, 1 to T.
    Returns (steps + 1,), int64, strictly falling from T to 0, as even as whole numbers can be.

    Example: respace(10, 4) is [10, 8, 5, 2, 0]. (7.5 and 2.5 may be rounded either way.)
    """
    ### BEGIN SOLUTION
    return torch.linspace(T, 0, steps + 1, dtype=torch.float64).round().long()
    ### END SOLUTION


# %% tags=["check"] exercise="respace"
respace = ex.respace.check(respace)

# %% [markdown]
# Here is DDPM on shorter and shorter ways, with the variance $\beta$ that lesson 04's sampler has unless told otherwise. In each column the same noise is the beginning.

# %% tags=["experiment", "figure"]
counts = run.pick(smoke=(2, 5), lecture=(5, 10, 20, 50, 100), laptop=(5, 10, 20, 50, 250),
                  gpu=(5, 10, 20, 50, 1000))
x_T = noise(8, seed=1)
few = {n: samplers.sample_ddpm(predict, x_T, alpha_bar, run.fresh_generator(2), steps=n)
       for n in counts}
plots.strip({f"{n} steps": x for n, x in few.items()},
            title="DDPM on a shorter way: grain, until there are enough steps",
            alt="Rows of pictures by DDPM. With five and ten steps they lie under grain; "
                "with more they are clean.");

# %% [markdown]
# **Where to look.** With five and ten steps every flower lies under grain, with twenty most still do, with fifty it is all but gone. The last step adds no noise, so whatever the step before put in must be recognised and taken out in a single guess. A long step puts in a lot.
#
# ## 2 · What training never said
#
# **Which part of DDPM did the network learn, and which part did we only add?**
#
# The loss draws one time $t$, makes $x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\epsilon$ in one jump, and asks for the noise. It never looks at *two* times of one walk. So the network would be the same, to the last weight, for **any** way of walking whose $x_t$, at each $t$ alone, is distributed like that. How $x_s$ hangs together with $x_t$ is ours to choose. [Song et al. 2020](https://arxiv.org/abs/2010.02502) chose a whole family.
#
# **Step 1. Build $x_s$ from three things.** The picture, the noise that is already there, and fresh noise $z\sim\mathcal N(0, I)$:
#
# $$x_s = \sqrt{\bar\alpha_s}\,x_0 + c\,\epsilon + \sigma z .$$
#
# **Step 2. Demand the right distribution at $s$.** It should be normal with mean $\sqrt{\bar\alpha_s}\,x_0$ and variance $1-\bar\alpha_s$. The mean is right. The variance is $c^2+\sigma^2$ (*licensed by*: $\epsilon$ and $z$ are independent, and the variances of independent normals add). So
#
# $$c = \sqrt{1-\bar\alpha_s-\sigma^2}, \qquad 0\le\sigma^2\le 1-\bar\alpha_s .$$
#
# **Step 3. Repeat.** If $x_t$ is right then so is $x_s$, and from there the next one. $x_T$ is right because it is noise. So *every* choice of one $\sigma$ per step gives a walk with the right distribution at each time. That is the family.
#
# **Step 4. Put in what the network knows.** We have neither $x_0$ nor $\epsilon$, but the network guesses $\epsilon$, and `recover_x0` turns that into a guess of $x_0$:
#
# $$x_s = \sqrt{\bar\alpha_s}\;\underbrace{\frac{x_t-\sqrt{1-\bar\alpha_t}\,\hat\epsilon}{\sqrt{\bar\alpha_t}}}_{\hat x_0,\ \text{the guessed picture}} \;+\; \underbrace{\sqrt{1-\bar\alpha_s-\sigma^2}\;\hat\epsilon}_{\text{the old noise, pointing to }x_t} \;+\; \underbrace{\sigma z}_{\text{fresh noise}}$$
#
# **Step 5. Where is DDPM in this?** Its step back has the variance $\tilde\beta$ of lesson 04. With $\beta_{t\to s}$ from above in the place of $\beta_t$, that is the $\sigma$ with $\eta = 1$ in
#
# $$\sigma = \eta\,\sqrt{\frac{1-\bar\alpha_s}{1-\bar\alpha_t}}\,\sqrt{1-\frac{\bar\alpha_t}{\bar\alpha_s}} .$$
#
# - $\eta$ ("eta") is the dial: the share of DDPM's fresh noise that is put in. $\eta=1$ is DDPM; $\eta=0$ puts in none.
# - With $\eta = 0$ the walk is a *function*: the same $x_T$ always gives the same picture. This is DDIM, the denoising diffusion *implicit* model.
#
# <details><summary>Does the rest of the step agree too, and not only its variance?</summary>
#
# Yes. In DDPM's mean (lesson 04) put $x_t = \sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\epsilon$. The factor of $\epsilon$ becomes $\frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{\sqrt{1-\bar\alpha_t}}$. Ours, squared, is $1-\bar\alpha_{t-1}-\tilde\beta_t = (1-\bar\alpha_{t-1})\,\frac{1-\bar\alpha_t-\beta_t}{1-\bar\alpha_t}$, and $1-\bar\alpha_t-\beta_t = \alpha_t-\bar\alpha_t = \alpha_t(1-\bar\alpha_{t-1})$. That is the square of DDPM's.
#
# </details>

# %% [markdown]
# ### Exercise 2 · `ddim_sigma`
# ●○○ · 10 minutes
#
# Equation 16 of Song et al. 2020. (They write $\alpha$ for what the course calls $\bar\alpha$.)
#
# <details><summary>Hint 1: what to think about</summary>Which of the two alpha bars is the larger one? Both roots must stay below 1. What should sigma be at s = 0?</details>
# <details><summary>Hint 2: the formula</summary>It stands above: eta, times the root of a quotient of two noises, times the root of 1 − (alpha bar at t) / (alpha bar at s).</details>
# <details><summary>Hint 3: nearly the line</summary><code>a_t, a_s = alpha_bar[t], …</code>, then <code>return eta * ((1 - …) / (1 - …)).sqrt() * (1 - … / …).sqrt()</code></details>


# %% tags=["exercise"] exercise="ddim_sigma" points=1
def ddim_sigma(t, s, alpha_bar, eta=1.0):
    """The standard deviation of the fresh noise in a step from t to s.

    t, s: whole numbers, 0 <= s < t <= T.    alpha_bar: (T + 1,), float64.    eta: 0 to 1.
    Returns one number.    Song et al. 2020, equation 16.

    Example: alpha_bar[t] = 0.4, alpha_bar[s] = 0.8, eta = 1 gives 0.408.
    """
    ### BEGIN SOLUTION
    a_t, a_s = alpha_bar[t], alpha_bar[s]
    return eta * ((1 - a_s) / (1 - a_t)).sqrt() * (1 - a_t / a_s).sqrt()
    ### END SOLUTION


# %% tags=["check"] exercise="ddim_sigma"
ddim_sigma = ex.ddim_sigma.check(ddim_sigma)

# %% [markdown]
# Step 5 claims something about all thousand steps. Check it with numbers:

# %% tags=["experiment"]
every = torch.arange(1, T + 1)
ours = torch.tensor([float(ddim_sigma(t, t - 1, alpha_bar)) ** 2 for t in every.tolist()],
                    dtype=torch.float64)
gap = (ours - posterior_variance(every, alpha_bar)).abs().max()
print("largest difference between sigma^2 at eta = 1 and DDPM's beta tilde, "
      f"over {T} steps: {gap:.0e}")

# %% [markdown]
# ### Exercise 3 · `ddim_step`
# ●●○ · 15 minutes · the heart of the lesson
#
# Equation 12 of Song et al. 2020: the line of step 4.
#
# <details><summary>Hint 1: what to think about</summary>Three terms, three jobs. Which alpha bar belongs to cleaning x_t, and which to what comes after?</details>
# <details><summary>Hint 2: the formula</summary>Guess x0 with alpha bar at t (lesson 01). Then add up: the root of alpha bar at s times that guess, the root of (1 − alpha bar at s − sigma²) times eps, and sigma times z. With eta = 0 there is no z.</details>
# <details><summary>Hint 3: nearly the line</summary><code>x0 = (x_t - (1 - a_t).sqrt() * …) / a_t.sqrt()</code>, <code>x_s = a_s.sqrt() * x0 + (1 - a_s - sigma**2).sqrt() * …</code>, <code>return x_s if z is None else …</code></details>


# %% tags=["exercise"] exercise="ddim_step" points=3
def ddim_step(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    """From step t to any earlier step s.

    x_t: pictures at t, (B, C, H, W).       eps: the predicted noise in them, (B, C, H, W).
    t, s: whole numbers, 0 <= s < t <= T, the same for all pictures.
    alpha_bar: (T + 1,), float64.
    eta: the share of DDPM's fresh noise.   z: fresh noise, (B, C, H, W), or None with eta = 0.
    Returns x_s, (B, C, H, W), of the dtype of x_t.    Song et al. 2020, equation 12.

    Example: alpha_bar[t] = 0.64, alpha_bar[s] = 1, x_t = 1.4, eps = 1, eta = 0 gives 1.
    """
    ### BEGIN SOLUTION
    a_t, a_s = alpha_bar[t], alpha_bar[s]  # single numbers: the pictures keep their dtype
    sigma = ddim_sigma(t, s, alpha_bar, eta)
    x0 = (x_t - (1 - a_t).sqrt() * eps) / a_t.sqrt()  # the guessed picture
    x_s = a_s.sqrt() * x0 + (1 - a_s - sigma**2).sqrt() * eps
    return x_s if z is None else x_s + sigma * z
    ### END SOLUTION


# %% tags=["check"] exercise="ddim_step"
ddim_step = ex.ddim_step.check(ddim_step)

# %% [markdown]
# ### Exercise 4 · `sample_ddim`
# ●●○ · 15 minutes · the heart of the lesson
#
# The whole walk, from noise to pictures. Three things to mind: the network is told the time on the scale 0 to 1000 (`model_time(t, T)` converts a tensor of steps), one time for each picture; every step needs a new prediction and a *new* $z$; and $z$ comes from `generator`, so that a seed decides. The generator lives on the CPU.
#
# <details><summary>Hint 1: what to think about</summary>respace gives the ends of all steps. How do you go through neighbours of a list in pairs?</details>
# <details><summary>Hint 2: the formula</summary>For each pair (t, s): ask predict about x at t, draw z if eta is above 0, replace x by ddim_step(…). What is x after the last pair?</details>
# <details><summary>Hint 3: nearly the line</summary><code>for t, s in pairwise(respace(…).tolist()):</code>, in it <code>eps = predict(x, model_time(torch.full((len(x),), t), …))</code> and <code>x = ddim_step(x, eps, …)</code></details>


# %% tags=["exercise"] exercise="sample_ddim" points=3
def sample_ddim(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    """From noise to pictures in `steps` steps.

    predict: predict(x, t) gives the noise in x (B, C, H, W), for t (B,) on the scale 0 to 1000.
    x_T: noise, (B, C, H, W).    alpha_bar: (T + 1,), float64.
    eta: as for ddim_step.
    generator: a torch.Generator on the CPU, for z; None with eta = 0.
    Returns x_0, (B, C, H, W), of the dtype of x_T.    Song et al. 2020, section 4.

    Example: with steps = 1 and eta = 0 it is the guess at x0 from x_T, and nothing else.
    """
    ### BEGIN SOLUTION
    T, x = len(alpha_bar) - 1, x_T
    for t, s in pairwise(respace(T, steps).tolist()):
        now = torch.full((len(x),), t)
        eps = predict(x, model_time(now, T))
        z = None
        if eta > 0:
            z = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        x = ddim_step(x, eps, t, s, alpha_bar, eta, z)
    return x
    ### END SOLUTION


# %% tags=["check"] exercise="sample_ddim"
sample_ddim = ex.sample_ddim.check(sample_ddim)

# %% [markdown]
# ### Different ways, the same crowd
#
# To see the family at work, take the smallest pictures there are: *one pixel*. The data set has three of them, two at $-0.8$ and one at $0.7$, so the ideal denoiser is exact and its answer can be drawn. Twenty walks for each of three $\eta$, all from the same twenty noises:

# %% tags=["experiment", "figure"]
one_pixel = torch.tensor([-0.8, -0.8, 0.7], dtype=torch.float64).reshape(3, 1, 1, 1)
exact = samplers.ideal_predict(one_pixel, alpha_bar)


def walks(eta, n, steps=100, seed=3):
    """Where n walks over one-pixel pictures are at each time, from noise: (steps + 1, n)."""
    generator, seen = run.fresh_generator(seed), []
    x_T = torch.randn(n, 1, 1, 1, generator=generator, dtype=torch.float64)

    def watched(x, t):
        seen.append(x.flatten())
        return exact(x, t)

    end = sample_ddim(watched, x_T, alpha_bar, steps, eta=eta, generator=generator)
    return torch.stack([*seen, end.flatten()])


figure, panels = plt.subplots(1, 3, figsize=(9, 3.3), sharey=True)
for panel, eta in zip(panels, (0.0, 0.5, 1.0)):
    panel.plot(respace(T, 50), walks(eta, 20, steps=50), color=plots.COLOURS["x_t"], lw=0.7)
    panel.set(xlabel="step t", title=f"eta = {eta:g}", xlim=(T, 0))
panels[0].set_ylabel("value of the pixel, x_t")
plots.show(figure, alt="Twenty walks from noise to the two values of the data, for three "
                       "values of eta. With eta = 0 the walks are smooth and never cross; with "
                       "eta = 1 they are jagged and cross all the time.");

# %% [markdown]
# **Where to look.** On the left no two walks ever cross: where a walk ends is decided by where it begins. On the right the walks jump about, and the beginning decides nothing. And yet, at every single time, the *crowd* should be distributed alike. Measure it: how wide is the crowd at $t = 500$, and how many end at $0.7$? The theory says what both should be, for every $\eta$.

# %% tags=["experiment"]
many = run.pick(smoke=400, laptop=4000, gpu=20000)
seeds = range(run.pick(smoke=2, laptop=3, gpu=5))
etas = {f"eta {eta:g}": eta for eta in (0.0, 0.5, 1.0)}


def crowd(eta, seed):
    """Standard deviation of the crowd at t = 500, and the share of it that ends near 0.7."""
    x = walks(eta, many, seed=10 + seed)
    return [x[50].std().item(), (x[-1] > 0).double().mean().item()]


runs = {name: lambda seed, eta=eta: crowd(eta, seed) for name, eta in etas.items()}
crowds = experiments.compare(runs, seeds, "width of the crowd at t = 500")
at_500 = crowds.map(lambda run: run[0], "width at t = 500")
at_0 = crowds.map(lambda run: run[1], "share at 0.7")
display(at_0.table().round(3))
width = math.sqrt(alpha_bar[500] * one_pixel.var(unbiased=False) + 1 - alpha_bar[500])
for name in etas:
    display(experiments.claim_equal(f"With {name} the crowd at t = 500 is as wide as in "
                                    "training", "Song et al. 2020, lemma 1",
                                    at_500, name, expected=round(width, 4), tolerance=0.03))

# %% [markdown]
# **What to notice.** Smooth or jagged, one third of the crowd ends at $0.7$, as one third of the data is there, and half-way its width comes out at 0.98, where 0.98 is expected, for every $\eta$. (For two of the three the verdict is still open: with three seeds the interval is wider than the tolerance, and more walks would settle it.) The walks differ, the crowds do not: that is all that training asked for.
#
# ## 3 · Who is better at how many steps?
#
# **If all members of the family are equally right, why prefer one?**
#
# They are equally right as long as the network's guess stands for $x_0$ itself. It does not: $\hat x_0$ is an average over all pictures that $x_t$ could have come from. In a short step that hardly matters. In a long one it does, and fresh noise makes it worse, because the next guess has to begin by telling the fresh noise from the old.
#
# The same noises as in section 1, now with $\eta = 0$:

# %% tags=["experiment", "figure"]
still = {n: sample_ddim(predict, x_T, alpha_bar, n) for n in counts}
plots.strip({f"{n} steps": x for n, x in still.items()},
            title="DDIM: the same flower, whatever the number of steps",
            alt="Rows of pictures by DDIM from the same noises as above. In each column the "
                "picture is the same in all rows; with few steps it is blurred.");

# %% [markdown]
# **Where to look.** Go down a column: the flower is there at five steps, soft or dotted, and from twenty steps on little changes. (A few change their mind late: in the first column the sky does between 10 and 20 steps, in the second between 50 and 250.) Then compare the first row with that of section 1: softness and dots here, grain there, and in section 1 each row holds other flowers, because the fresh noise is another.
#
# Now measure it. Drawing thousands of pictures takes longer than you want to wait, so this was done ahead, with the flower model trained ahead (`course claims steps` repeats it). Nothing was trained for it: the five seeds are seeds of the *noise*. Two figures say how far the pictures are from real ones. Both compare features that a recogniser sees, and smaller is better (lesson 10 builds them): the *Fréchet distance*, and the *kernel distance*, which is 0 on average for real pictures, however few, and so can come out negative. The dotted line is the *floor*: what other real pictures score.

# %% tags=["experiment", "figure"]
how = studies.settings("steps")
samples = how["shared"]["samples"]
floor = metrics.Judge("flowers", 16, n=samples).floor
print(f"{how['study']}: flowers, 16 px, {samples} pictures judged, "
      f"noise seeds {', '.join(map(str, how['seeds']))}")
frechet, kernel = (studies.load("steps", figure=f"{what} distance")
                   for what in ("Fréchet", "kernel"))


def curve(name):
    """Step counts, and Fréchet distances (seeds, counts), of one sampler."""
    found = {int(label.split(", ")[-1].split()[0]): runs for label, runs in frechet.runs.items()
             if label.rsplit(", ", 1)[0] == name}
    return list(found), np.stack(list(found.values()), axis=1)


names = ("DDIM", "eta 0.5", "DDPM, beta-tilde", "DDPM, beta")
plots.curves({name: curve(name)[1] for name in names},
             x={name: curve(name)[0] for name in names}, logx=True,
             xlabel="steps", ylabel="Fréchet distance",
             hlines={"floor: real pictures": floor["frechet"]},
             title="DDIM needs the fewest steps, DDPM with beta-tilde the most",
             alt="Fréchet distance against number of steps for DDIM, eta 0.5 and DDPM with "
                 "either variance. All fall until about twenty steps and then stay far above "
                 "the floor; with five and ten, DDPM with beta-tilde is highest.");

# %% tags=["experiment"]
def nearer(distances, n):
    """The claim that DDIM's pictures are nearer to real ones than DDPM's."""
    return experiments.claim(f"With {n} steps DDIM is nearer to the data than DDPM",
                             "Song et al. 2020, table 1", distances,
                             more=f"DDPM, beta-tilde, {n} steps", less=f"DDIM, {n} steps")


for n in (5, 10, 20, 50, 100, 250):
    display(nearer(frechet, n))

# %% tags=["experiment"]
means = kernel.table()["mean"]
rows = {}
for n in (5, 10, 20, 50, 100, 250):
    rows[f"{n} steps"] = {who: f"{means[f'{who}, {n} steps']:.3f}"
                          for who in ("DDIM", "DDPM, beta-tilde")}
    rows[f"{n} steps"]["DDIM is nearer"] = nearer(kernel, n).verdict
display(pd.DataFrame(rows))
print(f"kernel distance; the floor is {floor['kernel']:.3f}")

# %% [markdown]
# Beside it, the figures of the paper (Song et al. 2020, table 1: FID on CIFAR-10). FID is the Fréchet distance on the features of a large network trained on photographs, so only the *shape* can be compared with ours, not the numbers.

# %% tags=["experiment"]
paper = pd.DataFrame({"eta = 0 (DDIM)": [13.36, 6.84, 4.67, 4.16, 4.04],
                      "eta = 1 (DDPM)": [41.07, 18.36, 8.01, 5.78, 4.73]},
                     index=pd.Index([10, 20, 50, 100, 1000], name="steps"))
display(paper.T)

# %% [markdown]
# **What to notice.** With 5 and 10 steps DDIM is nearer to the data, by both distances (Fréchet 6.55 against 8.63, and 5.41 against 6.82). From 20 to 100 steps its mean stays ahead, by 0.6 to 0.7, but 128 pictures scatter about as much from seed to seed: too close to call. At 250 steps the two are equal. The paper has the same order, with a gap that is much larger at 10 steps and, as here, small at the end. $\eta = 0.5$ lies between the two.
#
# All curves flatten after 20 steps, far above the floor. What remains is the error of the *network*, and no sampler can mend that.
#
# ### Beta or beta tilde?
#
# Lesson 04 had two variances to choose from, $\beta$ and $\tilde\beta$. With a thousand steps they are nearly the same number. On a shorter way the steps are longer, and the two move away from each other. Only $\tilde\beta$ is a member of the family ($\eta=1$). DDPM with $\beta$ keeps just as much of the old noise and adds more fresh noise than that leaves room for, so its $x_s$ is noisier than training had it.

# %% tags=["experiment", "figure"]
ratios, where = {}, {}
for n in (10, 100, 1000):
    short = alpha_bar[respace(T, n).flip(0)]  # (n + 1,): the schedule of the shorter way
    t = torch.arange(2, n + 1)  # at the last step, t = 1, beta-tilde is 0
    ratios[f"{n} steps"] = posterior_variance(t, short) / (1 - short[t] / short[t - 1])
    where[f"{n} steps"] = t / n
plots.curves(ratios, x=where, xlabel="t / T, share of the way from data to noise",
             ylabel="beta-tilde / beta",
             title="The two variances part near the data, and the earlier the fewer the steps",
             alt="Ratio of beta-tilde to beta against the share of the way. With a "
                 "thousand steps it is near one almost everywhere; with ten it is "
                 "below one for half of the way.");

# %% tags=["experiment"]
for n in (5, 10, 20, 50):
    display(experiments.claim(f"With {n} steps beta-tilde is nearer to the data than beta",
                              "Song et al. 2020, table 1", frechet, digits=2,
                              more=f"DDPM, beta, {n} steps",
                              less=f"DDPM, beta-tilde, {n} steps"))

# %% [markdown]
# **What to notice.** The paper found $\beta$ far worse with few steps (table 1, the row $\hat\sigma$). Here it is the other way round: with 5 and 10 steps $\beta$ is *nearer* to the data, and from 20 on it is too close to call. Before you believe either, look at the pictures.
#
# ### A blind spot
#
# Look at the pictures of section 1 once more; they were drawn with $\beta$. The grain that any eye sees at five and ten steps costs little in the Fréchet distance, because its features come from a recogniser that was trained on *noisy* pictures (lesson 01): it has learned to look through grain. A yardstick that does not: how much neighbouring pixels differ. Grain makes it too large, blur too small.

# %% tags=["experiment"]
def roughness(x):
    """Mean difference of neighbouring pixels, down and across."""
    return ((x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()) / 2).item()


many_x_T = noise(run.pick(smoke=6, lecture=24, laptop=64, gpu=256), seed=4)
rough = {}
for n in run.pick(smoke=(5,), lecture=(5, 10, 20), laptop=(5, 10, 20, 50),
                  gpu=(5, 10, 20, 50, 250)):
    fresh = run.fresh_generator(5)
    drawn = {
        "DDIM": sample_ddim(predict, many_x_T, alpha_bar, n),
        "DDPM, beta-tilde": sample_ddim(predict, many_x_T, alpha_bar, n, eta=1.0,
                                        generator=fresh),
        "DDPM, beta": samplers.sample_ddpm(predict, many_x_T, alpha_bar, fresh, steps=n),
    }
    rough[f"{n} steps"] = {name: roughness(x) for name, x in drawn.items()}
display(pd.DataFrame(rough).round(3))
print(f"real pictures: {roughness(real):.3f}")

# %% [markdown]
# **What to notice.** Beside the real pictures (0.148), $\beta$ is too rough by half with 5 and 10 steps and still a little with 50, and $\tilde\beta$ is too smooth at every number of steps. DDIM is close to right from 5 steps on. So the paper's verdict and ours need not contradict each other: its yardstick sees grain, and punishes $\beta$; ours looks through grain, and punishes the smoothness of $\tilde\beta$.
#
# ### Coloured dots
#
# Some of the pictures with five steps carry dots of pure colour. They come from the very first step: it divides by $\sqrt{\bar\alpha_T}$, so a small mistake of the network in pure noise becomes a large one in the guess of $x_0$. How much of it reaches the next $x$ depends on the schedule, and on the length of the step:

# %% tags=["experiment"]
for name, schedule in {"linear, as here": linear_schedule, "cosine": cosine_schedule}.items():
    bar = alpha_bars(schedule(T))
    for n in (5, 20):
        s = int(respace(T, n)[1])
        # what stands before eps in the step from T to s:
        factor = (1 - bar[s]).sqrt() - (bar[s] * (1 - bar[T]) / bar[T]).sqrt()
        print(f"{name}, {n} steps: an error of the network at t = {T} "
              f"is multiplied by {factor.abs():.1f} in x at t = {s}")

# %% [markdown]
# With the linear schedule the factor is bearable. With the cosine schedule, without a guard, DDIM would be lost after its first step. A picture lies in $[-1, 1]$, so a guess outside can be cut off there: most samplers can *clip* $\hat x_0$ (`samplers.sample_ddim(…, clip=True)`). Does it help?

# %% tags=["experiment"]
for n in (5, 10, 20):
    display(experiments.claim(f"With {n} steps, clipping the guess brings DDIM nearer to "
                              "the data", "common practice; Ho et al. 2020 clip in their code",
                              frechet, digits=2,
                              more=f"DDIM, {n} steps", less=f"DDIM, clipped, {n} steps"))

# %% [markdown]
# **What to notice.** Too close to call, three times. The dots are plain to see and few, and this yardstick hardly counts them. With the cosine schedule one could not do without (question 3).
#
# ## 4 · Let the network choose
#
# **Which variance would be right?**
#
# $\beta$ is right if the data are noise themselves, $\tilde\beta$ if they are a single picture (lesson 04). Real data lie between, so the best variance does too; and where between, depends on $t$. [Nichol & Dhariwal 2021](https://arxiv.org/abs/2102.09672) let the network say it, with one more number $v$ for each pixel and colour. Variances of small steps span many powers of ten, so they mix the *logarithms*:
#
# $$\log\sigma^2 = v\,\log\beta_t + (1-v)\,\log\tilde\beta_t .$$
#
# - $v = 1$ is $\beta_t$, $v = 0$ is $\tilde\beta_t$. The network gives a number $o$ between about $-1$ and $1$, and $v = (o+1)/2$.
# - The simple loss does not contain $\sigma$, so it cannot teach it. They add a small multiple, 0.001, of the variational bound of lesson 04, in which $\sigma$ stands. (`diffusion.hybrid_loss` does that.)

# %% [markdown]
# ### Exercise 5 · `interpolate_log_variance`
# ●●○ · 15 minutes
#
# Equation 15 of Nichol & Dhariwal 2021. At $t = 1$, $\tilde\beta_1 = 0$ has no logarithm: use $\tilde\beta_2$ there, as they do.
#
# <details><summary>Hint 1: what to think about</summary>Each picture has its own t: what shape do the two logarithms need before they meet v? And which t should posterior_variance be asked about where t is 1?</details>
# <details><summary>Hint 2: the formula</summary>It stands above. beta_t is 1 − alpha_bar[t] / alpha_bar[t − 1]; beta tilde is posterior_variance(t, alpha_bar), with t at least 2.</details>
# <details><summary>Hint 3: nearly the line</summary><code>posterior_variance(t.clamp(min=…), alpha_bar).log()</code>, both reshaped with <code>.to(v).reshape(-1, 1, 1, 1)</code></details>


# %% tags=["exercise"] exercise="interpolate_log_variance" points=2
def interpolate_log_variance(v, t, alpha_bar):
    """The logarithm of a variance between beta-tilde (v = 0) and beta (v = 1).

    v: (B, C, H, W), between 0 and 1.    t: (B,), int64, from 1 to T.
    alpha_bar: (T + 1,), float64.
    Returns log variances, (B, C, H, W), of the dtype of v. At t = 1, beta-tilde_2 stands for
    beta-tilde_1.

    Example: alpha_bar = [1, 0.8, 0.4], t = 2 gives log(0.5) for v = 1, log(0.1667) for v = 0.
    """
    ### BEGIN SOLUTION
    beta = 1 - alpha_bar[t] / alpha_bar[t - 1]  # (B,)
    tilde = posterior_variance(t.clamp(min=2), alpha_bar)  # (B,)
    log_beta, log_tilde = (b.log().to(v).reshape(-1, 1, 1, 1) for b in (beta, tilde))
    return v * log_beta + (1 - v) * log_tilde
    ### END SOLUTION


# %% tags=["check"] exercise="interpolate_log_variance"
interpolate_log_variance = ex.interpolate_log_variance.check(interpolate_log_variance)

# %% [markdown]
# What would the ideal $v$ be? For a finite data set it can be computed. Two things are uncertain in a step back: what $x_s$ is if $x_0$ is known (that is $\tilde\beta$), and what $x_0$ is. The variance of $x_0$ given $x_t$ is the ideal denoiser's own squared error, and it reaches $x_s$ through the factor $f$ that $x_0$ has in the posterior mean (lesson 04):
#
# $$\sigma^2_{\text{ideal}} = \tilde\beta + f^2\;\mathrm{Var}(x_0\mid x_t), \qquad f = \frac{\sqrt{\bar\alpha_s}\,\beta_{t\to s}}{1-\bar\alpha_t} .$$
#
# (*Licensed by*: the variance of a sum is the variance that remains when one part is known, plus the variance of that part. [Bao et al. 2022](https://arxiv.org/abs/2201.06503) build a sampler on it.)

# %% tags=["experiment", "figure"]
garden = data.load(dataset, n=400, size=size).images
looked_at = garden[: run.pick(smoke=16, lecture=64, laptop=100, gpu=400)]
ideal_v, where = {}, {}
for n in (10, 100):
    short = alpha_bar[respace(T, n).flip(0)]  # the schedule of the shorter way
    t = torch.arange(2, n + 1, max(1, n // 25))
    error = []  # the variance of x0 given x_t, averaged over pictures and pixels
    for step in t.tolist():
        at = torch.full((len(looked_at),), step)
        eps = torch.randn(looked_at.shape, generator=run.fresh_generator(step))
        guess = ideal_denoiser(q_sample(looked_at, at, short, eps), at, short, garden)
        error.append((guess - looked_at).square().mean().item())
    beta, tilde = 1 - short[t] / short[t - 1], posterior_variance(t, short)
    f = short[t - 1].sqrt() * beta / (1 - short[t])
    variance = tilde + f**2 * torch.tensor(error, dtype=torch.float64)
    ideal_v[f"{n} steps"] = (variance.log() - tilde.log()) / (beta.log() - tilde.log())
    where[f"{n} steps"] = t / n
plots.curves(ideal_v, x=where, xlabel="t / T, share of the way from data to noise",
             ylabel="ideal v", hlines={"beta": 1.0, "beta-tilde": 0.0},
             title="The ideal variance lies near beta-tilde, and nearer the closer to the data",
             alt="The ideal v against the share of the way, for ten and for a hundred steps. "
                 "Both curves rise from 0 near the data and stay far below 1.");

# %% [markdown]
# **Where to look.** For flowers $v$ stays below 0.25: a picture, whose pixels hang together, is far more like "a single picture" than like noise. Near the data it is 0: among 400 pictures the ideal denoiser soon knows for certain which one it has before it. The two curves agree, so the ideal $v$ depends on how much noise there is and hardly on how long the step is. That is why a $v$ that was learned with a thousand steps can be used with ten. (A real network is less sure of $x_0$ than the ideal denoiser. Its own error adds to the variance, and should push $v$ up.)
#
# Does a learned variance draw better? Three small networks were trained ahead with the hybrid loss, one a seed, and each was sampled with $\beta$, with $\tilde\beta$ and with its own variance (`course claims learned_variance` repeats it).

# %% tags=["experiment", "figure"]
learned = studies.load("learned_variance", figure="Fréchet distance by steps")
how = studies.settings("learned_variance")
few_steps = how["shared"]["by_steps"]
print(f"{how['study']}: {how['shared']['dataset']}, {how['shared']['size']} px, "
      f"width {how['shared']['width']}, {how['shared']['steps']} training steps, "
      f"{how['shared']['samples']} pictures judged, seeds {how['seeds']}")
floor = metrics.Judge("flowers", 16, n=how["shared"]["samples"]).floor["frechet"]
plots.curves(learned.runs, x=few_steps, xlabel="steps", ylabel="Fréchet distance", logx=True,
             hlines={"floor: real pictures": floor},
             title="The learned variance is close to the better of the two",
             alt="Fréchet distance against steps for three variances of one "
                 "network. With five steps beta is far above the other two; from "
                 "twenty steps on all three agree.");

# %% tags=["experiment"]
for n, fixed in ((5, "beta"), (5, "beta-tilde"), (10, "beta-tilde"), (20, "beta-tilde"),
                 (50, "beta-tilde")):
    each = learned.map(lambda run, n=n: run[few_steps.index(n)], f"Fréchet distance, {n} steps")
    display(experiments.claim(f"With {n} steps the learned variance is nearer to the data "
                              f"than {fixed}", "Nichol & Dhariwal 2021, section 4", each,
                              digits=2, more=fixed, less="learned"))

# %% [markdown]
# **What to notice.** With 5 steps the learned variance is far nearer to the data than $\beta$ (9.07 against 12.30). Against $\tilde\beta$ it is too close to call, at every number of steps. That fits the figure of the ideal $v$: for these pictures $\tilde\beta$ is nearly right already, and there is little to learn. What a learned variance spares you is the choice. (From 20 to 50 steps the three curves rise a little, in every run: for these networks more steps are not nearer to the data. Why is open.)
#
# And it is a choice: here $\beta$ is the worst of the three with 5 steps, as in the paper, and in section 3 it was not. Four things differ: these networks are smaller and were trained less, their loss is the hybrid one, their schedule is the cosine, and their guess at $x_0$ is clipped. Which of the four it is, one factor at a time would tell (`course_utils/lessons/lesson06/studies.py` is short).
#
# ## 5 · Noise as an address
#
# **If the noise decides the picture, what lies between two noises?**
#
# With $\eta=0$ a picture has an address: its $x_T$. So you can ask what is half-way between two pictures, by going half-way between their noises. How do you go?
#
# A noise of $D$ numbers has a length near $\sqrt D$: the squares of $D$ standard normals add up to about $D$, and for large $D$ the scatter is small. So all noises lie close to a *sphere*. The straight line between two of them cuts through its inside: half-way, two independent noises have variance $\tfrac14+\tfrac14=\tfrac12$, a length of $0.71\sqrt D$. The network has never met a noise that short. The *great circle* stays on the sphere (Shoemake 1985 calls it *slerp*, spherical linear interpolation):
#
# $$\mathrm{slerp}(a, b; u) = \frac{\sin((1-u)\,\theta)}{\sin\theta}\,a + \frac{\sin(u\,\theta)}{\sin\theta}\,b, \qquad \cos\theta = \frac{a\cdot b}{|a|\,|b|} .$$
#
# - $\theta$ is the angle between the two noises, each taken as *one* long vector. $u$ from 0 to 1 says how far along.

# %% [markdown]
# ### Exercise 6 · `slerp`
# ●●○ · 20 minutes
#
# Each pair of the batch has its own angle. Two special cases: rounding can push the cosine a hair above 1, where `acos` gives nan; and from a noise to itself $\theta = 0$, where the formula divides 0 by 0. Keep $\theta$ at least `1e-4`: the formula then gives the straight line, to many digits.
#
# <details><summary>Hint 1: what to think about</summary>How do you make one long vector of each picture? Which shape do the angle and u need before they meet pictures?</details>
# <details><summary>Hint 2: the formula</summary>The scalar product is a sum over a product; divide it by both lengths, clamp it to −1..1, take acos, clamp the angle from below. Then the formula above.</details>
# <details><summary>Hint 3: nearly the line</summary><code>cosine = torch.cosine_similarity(a.flatten(1), …, dim=1)</code>, <code>theta = cosine.clamp(…).acos().clamp(…).reshape(…)</code>, and <code>torch.as_tensor(u, dtype=a.dtype).reshape(…)</code></details>


# %% tags=["exercise"] exercise="slerp" points=2
def slerp(a, b, u):
    """From a to b along the great circle.

    a, b: (B, C, H, W).    u: a number from 0 (a) to 1 (b), or a tensor (B,), one for each pair.
    Returns (B, C, H, W), of the dtype of a.    Song et al. 2020, appendix D.5.

    Example: two noises at right angles, u = 0.5, gives 0.707 a + 0.707 b.
    """
    ### BEGIN SOLUTION
    share = torch.as_tensor(u, dtype=a.dtype).reshape(-1, 1, 1, 1)
    cosine = torch.cosine_similarity(a.flatten(1), b.flatten(1), dim=1)  # (B,)
    theta = cosine.clamp(-1, 1).acos().clamp(min=1e-4).reshape(-1, 1, 1, 1)
    return (((1 - share) * theta).sin() * a + (share * theta).sin() * b) / theta.sin()
    ### END SOLUTION


# %% tags=["check"] exercise="slerp"
slerp = ex.slerp.check(slerp)

# %% tags=["experiment", "figure"]
def lerp(a, b, u):
    """The straight line, for comparison."""
    u = torch.as_tensor(u, dtype=a.dtype).reshape(-1, 1, 1, 1)
    return (1 - u) * a + u * b


points = torch.linspace(0, 1, 9)
sampling_steps = run.pick(smoke=4, lecture=10, laptop=20, gpu=50)
a, b = noise(2, seed=21), noise(2, seed=22)
rows = {}
for pair in range(2):
    for name, path in (("slerp", slerp), ("straight line", lerp)):
        between = path(a[pair].expand(9, -1, -1, -1), b[pair].expand(9, -1, -1, -1), points)
        drawn = sample_ddim(predict, between, alpha_bar, sampling_steps)  # (9, C, 16, 16)
        rows[f"{name}, pair {pair + 1}"] = drawn
plots.strip(rows, column_titles=[f"u = {u:.2g}" for u in points.tolist()],
            title="Between two noises: on the circle there are pictures all the way",
            alt="Pictures made from noises between two noises. On the great circle each is a "
                "proper picture; on the straight line those in the middle are pale and empty.");

# %% [markdown]
# **Where to look.** On the straight line the middle pales: a grey sky, and a flower without contrast, whatever the two ends are. On the circle every picture is a flower of its own; properties change one after the other, colour, sky, shape. To put numbers to it, take many pairs, go half-way on either path, and compare the lengths of the noises, the contrast of the pictures (the standard deviation of their values, which go from $-1$ to $1$), and their distance from real pictures.

# %% tags=["experiment"]
pairs = run.pick(smoke=12, lecture=60, laptop=150, gpu=180)
judge = metrics.Judge(dataset, size, n=pairs)
middle_steps = run.pick(smoke=3, laptop=10, gpu=20)


def half_way(path, seed):
    """Length of the noise over sqrt(D); contrast and Fréchet distance of the pictures."""
    a, b = noise(judge.n, 100 + seed), noise(judge.n, 200 + seed)
    x_T = a if path is None else path(a, b, 0.5)
    x = sample_ddim(predict, x_T, alpha_bar, middle_steps)
    length = x_T.flatten(1).norm(dim=1).mean().item()
    return [length / math.sqrt(x_T[0].numel()), x.std().item(), judge.frechet(x)]


paths = {"an end": None, "slerp": slerp, "straight line": lerp}
runs = {name: lambda seed, p=p: half_way(p, seed) for name, p in paths.items()}
middle = experiments.compare(runs, seeds, "half-way")
columns = ("length / sqrt(D)", "contrast", "Fréchet distance")
table = {what: middle.map(lambda run, k=k: run[k], what) for k, what in enumerate(columns)}
display(pd.DataFrame({what: each.table()["mean"] for what, each in table.items()}).round(2))
print(f"{judge.n} pictures, {middle_steps} steps; contrast of real pictures {real.std():.2f}, "
      f"Fréchet distance of real pictures {judge.floor['frechet']:.2f}")
display(experiments.claim("Half-way between two noises, slerp is nearer to the data than "
                          "the straight line", "Song et al. 2020, appendix D.5, who use slerp",
                          table["Fréchet distance"], digits=2,
                          more="straight line", less="slerp"))

# %% [markdown]
# **What to notice.** Half-way on the straight line the noise has 0.71 of its length, as computed, and the pictures have lost 40 % of their contrast (0.28 against 0.47) and are far from the data (20.7 against 5.3). Half-way on the circle they are as good as at the ends. A noise that is too short looks to the network as if a smooth grey picture were in it, and it does its duty.
#
# ## 6 · From a picture to its noise
#
# **What is the address of a picture that you already have?**
#
# DDIM's step is two lines: guess the clean picture, mix it with the guessed noise at another level. Nothing in them says that the other level must be *lower*. Walk up instead, from $s$ to $t > s$:
#
# $$\hat x_0 = \frac{x_s-\sqrt{1-\bar\alpha_s}\,\hat\epsilon}{\sqrt{\bar\alpha_s}}, \qquad x_t = \sqrt{\bar\alpha_t}\,\hat x_0+\sqrt{1-\bar\alpha_t}\,\hat\epsilon .$$
#
# There is one catch. To be exactly the step down turned around, $\hat\epsilon$ would have to be the network's answer at $x_t$, which we do not have yet. We ask at $x_s$ instead. That is the whole error, and for short steps $x_s$ and $x_t$ are nearly the same.
#
# The network is told $t$, the level that is reached, for two reasons: so it will be told on the way down, and it was never trained at time 0, where the walk begins.

# %% [markdown]
# ### Exercise 7 · `ddim_invert`
# ●●○ · 15 minutes
#
# Song et al. 2020, section 4.3.
#
# <details><summary>Hint 1: what to think about</summary>Which alpha bar describes how noisy x is *now*? Which one belongs to where it goes?</details>
# <details><summary>Hint 2: the formula</summary>Go through respace from its end. For each pair (s, t) with s below t: ask predict about x and time t; clean with alpha bar at s; mix at t.</details>
# <details><summary>Hint 3: nearly the line</summary><code>for s, t in pairwise(respace(…).flip(0).tolist()):</code>, then the two lines of the formula.</details>


# %% tags=["exercise"] exercise="ddim_invert" points=2
def ddim_invert(predict, x0, alpha_bar, steps):
    """The noise from which DDIM makes (nearly) these pictures.

    predict: as for sample_ddim.    x0: pictures, (B, C, H, W).    alpha_bar: (T + 1,), float64.
    Returns x_T, (B, C, H, W), of the dtype of x0.    Song et al. 2020, section 4.3.

    Example: with x_T = ddim_invert(predict, x0, alpha_bar, 100),
    sample_ddim(predict, x_T, alpha_bar, 100) is close to x0.
    """
    ### BEGIN SOLUTION
    T, x = len(alpha_bar) - 1, x0
    for s, t in pairwise(respace(T, steps).flip(0).tolist()):  # upwards: s < t
        now = torch.full((len(x),), t)
        eps = predict(x, model_time(now, T))
        clean = (x - (1 - alpha_bar[s]).sqrt() * eps) / alpha_bar[s].sqrt()
        x = alpha_bar[t].sqrt() * clean + (1 - alpha_bar[t]).sqrt() * eps
    return x
    ### END SOLUTION


# %% tags=["check"] exercise="ddim_invert"
ddim_invert = ex.ddim_invert.check(ddim_invert)

# %% [markdown]
# Take real pictures, which the network has never seen. Walk up to their noise, and down again with the same number of steps. How far is what comes back from what went in?

# %% tags=["experiment"]
inversion_steps = run.pick(smoke=(5, 10), lecture=(5, 10, 20, 50), laptop=(5, 10, 20, 50, 100),
                           gpu=(5, 10, 20, 50, 100, 250))
batch = run.pick(smoke=3, lecture=6, laptop=10, gpu=64)
returned, addresses = {}, {}  # of the first seed, by number of steps


def there_and_back(seed):
    """Root mean square difference after inversion and sampling, for each number of steps."""
    x0, errors = real[seed * batch : (seed + 1) * batch], []
    for n in inversion_steps:
        x_T = ddim_invert(predict, x0, alpha_bar, n)
        back = sample_ddim(predict, x_T, alpha_bar, n)
        errors.append((back - x0).square().mean().sqrt().item())
        if seed == 0:
            addresses[n], returned[n] = x_T, back
    return errors


inversion = experiments.compare({"there and back": there_and_back}, seeds,
                                "root mean square error")
print("noise that was found, standard deviation (1 would be right): "
      + ", ".join(f"{x.std():.2f} with {n} steps" for n, x in addresses.items()))

# %% tags=["experiment", "figure"]
plots.curves(inversion.runs, x=inversion_steps, xlabel="steps, up and down",
             ylabel="root mean square error", logx=True, logy=True,
             title="The error of inversion falls with the number of steps",
             alt="Error of the reconstruction against the number of steps, "
                 "falling, both axes logarithmic. ");

# %% tags=["experiment", "figure"]
shown = min(8, batch)
plots.strip({"real": real[:shown], **{f"{n} steps": x[:shown] for n, x in returned.items()}},
            title="Up to the noise and back: with enough steps the picture returns",
            alt="Real pictures, and what comes back after inversion with more and more steps.");

# %% tags=["experiment"]
ends = inversion.columns("there and back", [f"{n} steps" for n in inversion_steps])
experiments.claim("The error of inversion falls with the number of steps",
                  "Song et al. 2020, section 5.4", ends,
                  more=f"{inversion_steps[0]} steps", less=f"{inversion_steps[-1]} steps")

# %% [markdown]
# **What to notice.** With 5 steps none of these eight comes back: five are glare, and three are other flowers. With 50 and 100 the pictures return, down to single pixels (the error falls from 0.91 to 0.06). One of the three batches stops improving at 0.13: one of its pictures comes down as another one, and a mean does not forgive that. Look at the noise that was found, too: its standard deviation is 0.44 with 5 steps and 0.79 with 100, where 1 would be right. The address is good enough to find the picture again with the same steps, and still not quite a noise.
#
# With addresses of real pictures, section 5 works for them too: find two noises, go between them on the great circle, and come down.

# %% tags=["experiment", "figure"]
n = inversion_steps[-1]
first, second = addresses[n][[0, 2]], addresses[n][[1, 0]]  # two pairs of real pictures
rows = {}
for pair in range(2):
    between = slerp(first[pair].expand(9, -1, -1, -1), second[pair].expand(9, -1, -1, -1),
                    points)
    rows[f"pair {pair + 1}"] = sample_ddim(predict, between, alpha_bar, n)
plots.strip(rows, column_titles=[f"u = {u:.2g}" for u in points.tolist()],
            title="Between two real pictures, through their noises",
            alt="Two rows of pictures, each from one real picture to another, through "
                "pictures that were never there.");

# %% [markdown]
# ## 7 · A head start
#
# **The first steps only decide where things roughly are. Can something cheaper do that?**
#
# At large $t$ next to nothing of a picture is left, and what is left is rough: brightness, a colour gradient, a blob in the middle. A cheap guess knows that much. So noise the guess to some $t_\text{start} < T$, which hides what is wrong with it, and let the sampler begin there. The steps above are saved. (*Truncated* diffusion, [Zheng et al. 2022](https://arxiv.org/abs/2202.09671); with a picture of yours as the guess it is *editing*, [Meng et al. 2021](https://arxiv.org/abs/2108.01073), lesson 22.)

# %% [markdown]
# ### Exercise 8 · `sample_truncated`
# ●●○ · 15 minutes
#
# `q_sample` and your own functions do all the work. Mind the network's clock: if $t_\text{start}$ is 60 and the schedule has $T = 100$ steps, the network is told 600 first, not 1000.
#
# <details><summary>Hint 1: what to think about</summary>From where to where do the times run? And which T belongs into model_time: that of the schedule, or t_start?</details>
# <details><summary>Hint 2: the formula</summary>x is q_sample(x_guess, t_start, …) with the given eps. Then the loop of sample_ddim with eta = 0, over respace(t_start, steps).</details>
# <details><summary>Hint 3: nearly the line</summary><code>x = q_sample(x_guess, torch.full((len(x_guess),), t_start), …)</code>, <code>for t, s in pairwise(respace(…, steps).tolist()):</code></details>


# %% tags=["exercise"] exercise="sample_truncated" points=2
def sample_truncated(predict, x_guess, t_start, alpha_bar, steps, eps):
    """Noise a guess to t_start, and let DDIM go on from there.

    predict: as for sample_ddim.    x_guess: (B, C, H, W), something like pictures.
    t_start: a whole number, 1 to T.    alpha_bar: (T + 1,), float64.
    steps: how many steps to take from t_start to 0.    eps: noise, (B, C, H, W).
    Returns x_0, (B, C, H, W), of the dtype of x_guess.

    Example: with t_start = T nothing is left of the guess, and it is sample_ddim from eps.
    """
    ### BEGIN SOLUTION
    start = torch.full((len(x_guess),), t_start)
    T, x = len(alpha_bar) - 1, q_sample(x_guess, start, alpha_bar, eps)
    for t, s in pairwise(respace(t_start, steps).tolist()):
        guess = predict(x, model_time(torch.full((len(x),), t), T))
        x = ddim_step(x, guess, t, s, alpha_bar)
    return x
    ### END SOLUTION


# %% tags=["check"] exercise="sample_truncated"
sample_truncated = ex.sample_truncated.check(sample_truncated)

# %% [markdown]
# The cheapest guess that knows something: a normal distribution with the mean and the covariance of the training pictures. Drawing from it costs one matrix product, and no network.

# %% tags=["experiment", "figure"]
train = data.load(dataset, n=1400, size=size).images
mean = train.flatten(1).double().mean(0)  # (D,)
covariance = torch.cov(train.flatten(1).double().T)  # (D, D)
root = torch.linalg.cholesky(covariance + 1e-4 * torch.eye(len(mean), dtype=torch.float64))


def cheap_guess(n, seed):
    """n draws from a normal distribution with the training pictures' mean and covariance."""
    z = torch.randn(n, len(mean), generator=run.fresh_generator(seed), dtype=torch.float64)
    return (mean + z @ root.T).float().reshape(n, *train.shape[1:])


full = run.pick(smoke=5, laptop=20, gpu=50)  # steps of the whole way, from T
starts = run.pick(smoke=(1000, 400), laptop=(1000, 800, 600, 400, 200))
guesses, eps = cheap_guess(8, seed=30), noise(8, seed=31)
rows = {"the guess": guesses}
for t_start in starts[::-1]:
    rows[f"from t = {t_start}"] = sample_truncated(predict, guesses, t_start, alpha_bar,
                                                   full * t_start // T, eps)
plots.strip(rows, title="The same guesses, noised to different depths",
            alt="Dirty draws from a normal distribution, and what the sampler makes of them "
                "from five starting times.");

# %% [markdown]
# **Where to look.** The guess has the colours of a flower and a round blob on a stem, but no petals, and dirt over it all. From $t = 200$ most of its colours stay, and so does some of its dirt. From $t = 400$ cleaner flowers grow out of it, many of which still have its colours. From $t = 800$ next to nothing of it is left: compare with the last row, which begins with the same noise and nothing else.

# %% tags=["experiment"]
judged = run.pick(smoke=12, lecture=40, laptop=150, gpu=180)
guess_judge = metrics.Judge(dataset, size, n=judged)


def quality(t_start, seed):
    """From cheap guesses noised to t_start (0: not at all): the pictures' Fréchet distance,
    and the share that a recogniser is sure of."""
    x, eps = cheap_guess(guess_judge.n, 300 + seed), noise(guess_judge.n, 400 + seed)
    if t_start > 0:
        x = sample_truncated(predict, x, t_start, alpha_bar, full * t_start // T, eps)
    return [guess_judge.frechet(x), guess_judge.sure(x)]


runs = {f"from t = {t}": lambda seed, t=t: quality(t, seed) for t in (*starts, 0)}
both = experiments.compare(runs, seeds, "quality")
truncated = both.map(lambda run: run[0], "Fréchet distance")
sure = both.map(lambda run: run[1], "share sure")

# %% tags=["experiment"]
def costs(figure, more, less):
    """The claim that a head start is worse than the whole way."""
    says = (f"{more.capitalize()}, the pictures are worse" if figure is truncated
            else f"{less.capitalize()}, a recogniser is sure of fewer pictures")
    return experiments.claim(f"{says} than from t = {T}", "the price one would expect", figure,
                             digits=2, more=more, less=less)


rows, whole = {}, f"from t = {T}"
for t in (*starts, 0):
    name = f"from t = {t}"
    rows[name] = {"calls": full * t // T,
                  "Fréchet distance": f"{truncated.runs[name].mean():.2f}",
                  "share sure": f"{sure.runs[name].mean():.2f}"}
    if t < T:
        rows[name] |= {"worse by the distance": costs(truncated, name, whole).verdict,
                       "worse by the share": costs(sure, whole, name).verdict}
display(pd.DataFrame(rows).T.fillna(""))
print(f"{guess_judge.n} pictures; real pictures {guess_judge.floor['frechet']:.2f}, "
      f"sure of {guess_judge.floor['sure']:.2f}")
display(costs(truncated, "from t = 400", whole), costs(sure, whole, "from t = 400"))

# %% [markdown]
# **What to notice.** By the distance, the price that one would expect is not found: from $t = 400$, with 8 calls instead of 20, it is 4.42 against 4.70, and even from $t = 200$, with 4 calls, 4.66. Mind the blind spot of section 3: the dirt in the row of $t = 200$ is plain to see, and the bare guess, which nobody would take for a flower, scores no more than 6.40. It has the right mean and the right covariance of the *pixels*, and the Fréchet distance compares means and covariances. A recogniser that has to name the species is harder to please: it is sure of 0.36 of the pictures from pure noise, of 0.26 from $t = 400$, of 0.13 from $t = 200$, and of 0.04 of the guesses. From $t = 200$ that verdict holds; from $t = 400$ it is still open. Two yardsticks, two answers; a lesson on yardsticks follows (10).
#
# ## 8 · Bug hunt: a fast sampler
#
# A colleague wants fresh noise *and* few steps, and writes this. It runs, the shapes are right, and every line looks like one of yours.

# %%
def fast_sampler(predict, x_T, alpha_bar, steps, generator):
    """Stochastic sampling, eta = 1, on a short way."""
    T = len(alpha_bar) - 1
    times = respace(T, steps).tolist()
    z = torch.randn(x_T.shape, generator=generator, dtype=x_T.dtype)
    x = x_T
    for i in range(1, len(times) - 1):
        t, s = times[i - 1], times[i]
        eps = predict(x, model_time(torch.full((len(x),), t), T))
        x = ddim_step(x, eps, t, s, alpha_bar, eta=1.0, z=z)
    return x


# %% [markdown]
# First the symptoms, on the trained network: with ten steps there is nothing but noise, and with more it gets worse, not better. (The printed line says how far beyond $[-1, 1]$ the values are; the figure cuts them off.)

# %% tags=["experiment", "figure"]
hunt_steps = run.pick(smoke=(4, 8), laptop=(10, 20, 50))
start_noise = noise(8, seed=40)
suspects = {f"{n} steps": fast_sampler(predict, start_noise, alpha_bar, n,
                                       run.fresh_generator(41)) for n in hunt_steps}
suspects["yours, eta = 1"] = sample_ddim(predict, start_noise, alpha_bar, hunt_steps[-1],
                                         eta=1.0, generator=run.fresh_generator(41))
largest = ", ".join(f"{name} {x.abs().max():.0f}" for name, x in suspects.items())
print(f"largest value in the pictures: {largest}")
plots.strip({name: x.clamp(-1, 1) for name, x in suspects.items()},
            title="The colleague's sampler, and yours",
            alt="Rows of pictures by the suspicious sampler, all of them wrong, above a "
                "row by a sampler that works.");

# %% [markdown]
# A network hides a bug behind its own mistakes. So take it out: with a data set of *one* picture, the ideal denoiser is exact, and everything is known in advance. At each time, $x_t$ must be that picture times $\sqrt{\bar\alpha_t}$ plus noise of strength exactly $\sqrt{1-\bar\alpha_t}$; at the end there must be the picture and nothing else. Two measurements:

# %% tags=["experiment"]
def evidence(sampler, title, counts=(5, 10, 20, 50, 100)):
    """How strong the noise in x_t is, over what it should be, and what is left at the end."""
    only = real[:1].double()  # the whole data set
    knows = samplers.ideal_predict(only, alpha_bar)
    x_T = torch.randn(16, *only.shape[1:], generator=run.fresh_generator(50),
                      dtype=torch.float64)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    times, strengths = [], []

    def watched(x, t):
        a = alpha_bar[round(t[0].item())]
        times.append(t[0].item())
        strengths.append(((x - a.sqrt() * only).std() / (1 - a).sqrt()).item())
        return knows(x, t)

    sampler(watched, x_T, alpha_bar, 50, run.fresh_generator(51))
    left.plot(times, strengths, color=plots.COLOURS["suspect"])
    left.set(xlabel="step t", ylabel="strength of the noise, 1 is right",
             title="On the way, 50 steps", xlim=(T, 0), ylim=(0, 1.1 * max(2, *strengths)))
    rest = [(sampler(knows, x_T, alpha_bar, n, run.fresh_generator(51)) - only).std().item()
            for n in counts]
    right.plot(counts, rest, "o-", color=plots.COLOURS["suspect"])
    right.set(xlabel="steps", ylabel="noise left at the end, 0 is right", title="At the end",
              ylim=(-0.02, 1.1 * max(0.5, *rest)))
    figure.suptitle(title, fontsize=13, weight="bold")
    plots.show(figure, alt=f"{title}. Left: strength of the noise in x_t against t, from "
                           f"{strengths[0]:.1f} to {strengths[-1]:.1f}. Right: noise left at "
                           f"the end, {rest[0]:.2f} with {counts[0]} steps and "
                           f"{rest[-1]:.2f} with {counts[-1]}.")


# %% tags=["experiment", "figure"]
evidence(fast_sampler, "Something is wrong on the way, and something at the end")

# %% [markdown]
# Each picture is a clue to one bug. On the left: when independent noises are added, their variances add, and the strength stays 1. What would make it grow? On the right: something is left, and the less the more steps there are. (Both bugs have a hand in how much. Mend the left one first; then what is left on the right is exactly $\sqrt{1-\bar\alpha_t}$ for some $t$, and you can find out which.)
#
# <details><summary>Where to look, on the left</summary>Print the first numbers of <code>z</code> in two different steps. What is the variance of <code>z + z</code>, and what is it of the sum of two different noises?</details>
# <details><summary>Where to look, on the right</summary>Print every pair <code>t, s</code> of the loop, for 5 steps. Where does the last one end?</details>

# %%
# your own look: try things here

# %% [markdown]
# ### Exercise 9 · `mended_fast_sampler`
# ●●● · 20 minutes · the heart of the lesson
#
# Write the sampler as it was meant: stochastic, with $\eta = 1$, for any number of steps, and all chance from `generator`.
#
# <details><summary>Hint 1: what to think about</summary>There are two bugs. Each can be mended without the other, and then one of the two measurements is right: use <code>evidence</code> on your version.</details>
# <details><summary>Hint 2: the formula</summary>Every step has its own z. And n steps have n pairs of times, the last of which ends at 0.</details>
# <details><summary>Hint 3: nearly the line</summary><code>for t, s in pairwise(times):</code>, with <code>z = torch.randn(…)</code> inside the loop</details>


# %% tags=["exercise"] exercise="mended_fast_sampler" points=3
def mended_fast_sampler(predict, x_T, alpha_bar, steps, generator):
    """Stochastic sampling, eta = 1, on a short way.

    predict: as for sample_ddim.    x_T: noise, (B, C, H, W).    alpha_bar: (T + 1,), float64.
    steps: how many, 1 to T.
    generator: a torch.Generator on the CPU, the only source of chance.
    Returns x_0, (B, C, H, W), of the dtype of x_T.
    """
    ### BEGIN SOLUTION
    T, x = len(alpha_bar) - 1, x_T
    for t, s in pairwise(respace(T, steps).tolist()):  # all pairs: the last ends at 0
        now = torch.full((len(x),), t)
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype)  # fresh in every step
        x = ddim_step(x, predict(x, model_time(now, T)), t, s, alpha_bar, 1.0, z)
    return x
    ### END SOLUTION


# %% tags=["check"] exercise="mended_fast_sampler"
mended_fast_sampler = ex.mended_fast_sampler.check(mended_fast_sampler)

# %% tags=["experiment", "figure"]
evidence(mended_fast_sampler, "Mended: strength 1 all the way, and nothing left at the end")

# %% [markdown]
# Both bugs are real ones. The first saves a line and looks like "one seed, one noise". The second comes from the habit of counting steps where the *ends* of steps have to be counted; a cousin of it takes $\bar\alpha$ of the wrong index in the last step. With a thousand steps the second is invisible: what is left at $t = 1$ has a strength of 0.01 (the first beta is $10^{-4}$).

# %% [markdown]
# ## 9 · Explorer
#
# **How few steps are enough, and what does fresh noise do when there are few?** Keep $\eta$ at 0 and go down with the steps: when does a flower become another one? Then stay at 5 steps and turn $\eta$ up. Then the same with 50. The bars below show where fresh noise comes in, and how much.

# %% tags=["explorer", "figure"]
explorer_steps = run.pick(smoke=(2, 3, 5), lecture=(2, 3, 5, 10, 20),
                          laptop=(2, 3, 5, 10, 20, 50), gpu=(2, 3, 5, 10, 20, 50, 100))
explorer_etas = run.pick(smoke=(0.0, 1.0), lecture=(0.0, 0.5, 1.0),
                         laptop=(0.0, 0.25, 0.5, 0.75, 1.0))
SamplingExplorer(predict, noise(8, seed=60), alpha_bar, steps=explorer_steps,
                 etas=explorer_etas)

# %% [markdown]
# ## Is this normal?
#
# - **No loss curve here**: nothing is trained. Under `laptop` the whole notebook takes about three minutes on one thread of a busy machine. Nearly all of it is calls of the network.
# - **Pictures by step count**: with DDIM, soft or dotted at 5 steps, good at 20, hardly better at 50. With DDPM and $\beta$, grain at 5 and 10, clean from about 50; with $\eta = 1$, which is $\tilde\beta$, smoother than DDIM. If DDIM shows grain at 20 steps, look at the last step; if with $\eta = 1$ another seed changes nothing, no noise is added.
# - **Values far outside $[-1, 1]$, or pictures of pure colour dots**: the division by $\sqrt{\bar\alpha_T}$ in the first step has multiplied the network's error. Section 3 says when, question 3 what to do.
# - **Nothing but noise, and values that grow with the number of steps**: one noise for all steps (section 8).
# - **Everything is fine on 1000 steps and noisy on 10**: the walk stops one step early, or the network is told the number of the step instead of its time.
#
# ## Questions to think about
#
# <details><summary>1. DDIM is a function from noise to pictures. Where does its variety come from, if nothing is random on the way?</summary>All of it from x_T: a different noise, a different picture. It has as many numbers as the picture has, so nothing needs to be added.</details>
# <details><summary>2. In one dimension no two DDIM walks cross. Why can they not, and what does it say about order?</summary>With eta = 0 and short steps the next point depends on the present one alone. If two walks met, they would be one from there on. So the order is kept: the lowest third of the noises goes to the lowest third of the data. (Lesson 08: it is an ordinary differential equation.)</details>
# <details><summary>3. With the cosine schedule the first step multiplies an error of the network more than a thousandfold (section 3). Name two ways out.</summary>Clip the guess at x0 to [−1, 1], which bounds the damage (<code>samplers.sample_ddim(…, clip=True)</code>). Or do not divide by √ᾱ_T at all: begin a little below T, or let the network predict something from which x0 follows without a division (v, lesson 09).</details>
# <details><summary>4. Is 20 steps of DDIM the end? What would a better step look like?</summary>A step of DDIM goes straight in the direction that it sees at its beginning. Looking at the slope half-way, or remembering the last one, follows a curve with fewer steps (lesson 08: Heun, DPM-Solver++). Or the network is trained anew to take long steps (lesson 23).</details>
#
# ## What we left out
#
# Uneven spacing of the steps (the paper also tries squares of evenly spaced numbers); the differential equation behind DDIM, and better ways to solve it (lesson 08); straight paths (lesson 09); distillation into one to four steps (lesson 23).
#
# ## Readings
#
# - Song, Meng & Ermon 2020, [Denoising Diffusion Implicit Models](https://arxiv.org/abs/2010.02502): sections 3 and 4 are sections 2 and 3 here; appendix B proves the lemma.
# - Nichol & Dhariwal 2021, [Improved DDPM](https://arxiv.org/abs/2102.09672): sections 3.1 and 4, the learned variance and what it buys with few steps.
# - Zheng et al. 2022, [Truncated Diffusion Probabilistic Models](https://arxiv.org/abs/2202.09671): the head start, with a generator trained for the guess.
#
# **Next**: lesson 07 asks what the predicted noise *is*, and finds a direction: the way uphill to where data are dense.

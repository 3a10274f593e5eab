# %% [markdown]
# # 10 · Evaluation
#
# ![Two rows of pictures, flowers above and coloured noise below. The Fréchet distance, precision and recall find next to no fault with the lower row.](../course_utils/lessons/lesson10/opening.png)
#
# So far a number said which sampler was better, and you took its word. This lesson builds the numbers, and then breaks every one of them. The lower row above is an example: to the most used figure of the field it is all but as good as real pictures.
#
# A yardstick is worth as much as you know of what it cannot see.
#
# **You will build** two distances between sets of pictures, a score, precision and recall, and the bound that says how many bits a picture costs.
#
# **You will see** how far apart real pictures are from real pictures, and how to get rid of that; which figure sees which failure; and, in a blind test, whether *you* can tell.
#
# **Time**: about three hours with the exercises. The notebook itself needs about 40 seconds of computing under `laptop`, and on a machine with much else to do it took five and a half minutes; `lecture` and `smoke` judge fewer pictures. Nothing is trained here.
#
# **Stands on** lessons 01 (`q_sample`), 04 (the bound, the two variances) and 06 (DDIM, and its blind spot).

# %%
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from course_utils import data, diffusion, experiments, metrics, plots, pretrained, studies
from course_utils.diffusion import (
    bits_of_prior,
    model_time,
    posterior_variance,
    q_sample,
    recover_x0,
    to_levels,
)
from course_utils.lessons.lesson10 import checks as ex
from course_utils.lessons.lesson10 import damages
from course_utils.lessons.lesson10.explorer import JudgingExplorer
from course_utils.lessons.lesson10.human_test import HumanTest
from course_utils.runtime import start
from course_utils.samplers import sample_ddim

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %% tags=["figure"]
run = start("10", preset=preset, dataset=dataset)
plots.use_style()
model = pretrained.ddpm_or_ideal(dataset, run.device)  # a trained network, if there is one
predict, alpha_bar, size = model.predict, model.alpha_bar, model.size
recogniser = metrics.recogniser(dataset, run.device)
read = recogniser.features  # pictures (B, C, H, W) -> features (B, 128)
small = data.load(dataset, n=360, size=size, split="test")
real, labels = small.images, small.labels  # (360, C, 16, 16), which no training has seen
plots.grid(real[:16], title="Real pictures, which no training has seen",
           alt=f"Sixteen pictures of the data set {dataset}, {size} pixels wide.");

# %% [markdown]
# `read` shows pictures to the recogniser of lesson 01 and takes down what it computes its answer from: 128 numbers a picture, its *features*. Pictures that look alike have features that lie close together, which cannot be said of their pixels: move a flower by one pixel, and every pixel at an edge changes. All distances below are distances between features.
#
# ## 1 · Two clouds
#
# **Given a thousand generated pictures and a thousand real ones: how far apart are they?**
#
# Not picture by picture, because no generated picture has a real one that it ought to equal. Two *sets* have to be compared, two clouds of points in a space of 128 dimensions. The oldest idea is to describe each cloud by its mean $\mu$ and its covariance $C$, as if it were a normal distribution, and to ask how far apart two normal distributions are. *How far* has a precise meaning here: the least mean squared distance over which one must move the points of the one to turn it into the other. For normal distributions it has a formula, the *Fréchet distance*:
#
# $$d^2 = \underbrace{\|\mu_a-\mu_b\|^2}_{\text{the centres}} + \underbrace{\operatorname{tr}(C_a) + \operatorname{tr}(C_b) - 2\operatorname{tr}\big((C_aC_b)^{1/2}\big)}_{\text{the shapes}}$$
#
# - $\mu_a$, $\mu_b$ are the means of the features, $C_a$, $C_b$ their covariances, 128 × 128.
# - $\operatorname{tr}$, the trace, is the sum of the diagonal: the whole variance of a cloud. It is also the sum of the eigenvalues.
# - $(C_aC_b)^{1/2}$ is the root *of the matrix*, not of its entries. Its trace is the sum of the roots of the eigenvalues of $C_aC_b$. In one dimension the second bracket is $(\sigma_a-\sigma_b)^2$: compare.
#
# [Heusel et al. 2017](https://arxiv.org/abs/1706.08500) took the features of an Inception network that was trained on ImageNet, and called it FID. On other features it is the same formula with other numbers: ours cannot be compared with those of a paper, only with each other.

# %% [markdown]
# ### Exercise 1 · `frechet_distance`
# ●●○ · 20 minutes · the heart of the lesson
#
# Equation 6 of Heusel et al. 2017. A product of two covariances has eigenvalues that are real and not negative, on paper. In floating point, with fewer pictures than features, some come out as $-10^{-17}$, or with an imaginary part. Say what happens to those, rather than let a root decide it. Compute in float64, here and in exercise 3: the recogniser's features are float32.
#
# <details><summary>Hint 1: what to think about</summary>Which axis of the features holds the variables? <code>torch.cov</code> wants them as rows. And you do not need the root of a matrix: its trace is enough.</details>
# <details><summary>Hint 2: the formula</summary>Means first: a squared length. Then both traces. Then the eigenvalues of the product: real part, nothing below 0, root, sum, twice.</details>
# <details><summary>Hint 3: nearly the line</summary><code>torch.linalg.eigvals(…).real.clamp(min=…)…</code>, with <code>a.T.cov()</code> for the one covariance</details>


# %% tags=["exercise"] exercise="frechet_distance" points=3
def frechet_distance(a, b):
    """The squared Fréchet distance between two sets of features, taken as normal distributions.

    a: features (N, D).    b: features (M, D).
    Returns d^2, one number: 0 for equal sets. Covariances have N - 1 below.
    Float32 features are made float64 first.
    Heusel et al. 2017, equation 6.

    Example: in one dimension, means 0 and 3, standard deviations 1 and 2: 9 + 1 = 10.
    """
    ### BEGIN SOLUTION
    a, b = a.double(), b.double()
    means = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    C_a, C_b = a.T.cov(), b.T.cov()  # (D, D)
    # Rounding makes some eigenvalues negative, or complex:
    roots = torch.linalg.eigvals(C_a @ C_b).real.clamp(min=0).sqrt()
    return (means + C_a.trace() + C_b.trace() - 2 * roots.sum()).item()
    ### END SOLUTION


# %% tags=["check"] exercise="frechet_distance"
frechet_distance = ex.frechet_distance.check(frechet_distance)

# %% [markdown]
# First a look at what it does: 180 real pictures, with more and more grain, against 180 other real ones.

# %% tags=["experiment", "figure"]
mine, others = real[:180], real[180:]
strengths = (0.0, 0.1, 0.2, 0.4, 0.8)
grainy = {s: damages.grain(mine, s, run.fresh_generator(1)) for s in strengths}
target = read(others)
away = {s: frechet_distance(read(x), target) for s, x in grainy.items()}
plots.strip({f"grain {s:g}: {away[s]:.1f}": x[:8] for s, x in grainy.items()},
            title="More grain, a larger distance",
            alt="Five rows of pictures with more and more grain; the Fréchet "
                "distance beside each row rises.");

# %% [markdown]
# **Where to look.** At the first row. Nothing was done to it, and still the distance is 1.5. These are real pictures, as good as pictures can be. And the second row, whose grain you can see, is no farther away. What is it that the distance has found in the first?
#
# ## 2 · The floor
#
# **How far are real pictures from real pictures?**
#
# There are no different distributions here, only different *samples*. A mean of $n$ points is off by about $\sigma/\sqrt n$, so its squared error is about $\sigma^2/n$; the covariance is off as well. The distance takes every such accident for a difference, and all of them count as positive. So its expected value is above 0 by an amount that shrinks as $1/n$: a *bias*. This is the *floor* on which all figures of this course stand.

# %% tags=["experiment", "figure"]
seeds = range(run.pick(smoke=2, laptop=3, gpu=5))
wanted = run.pick(smoke=128, lecture=1024, laptop=4096, gpu=8192)
most = wanted
if dataset != "flowers":  # the others are not endless
    most = min(wanted, len(data.load(dataset, split="test")) // 2)
counts = [most // 16, most // 8, most // 4, most // 2, most]


pools = {seed: read(data.load(dataset, n=2 * most, size=size, split="test", seed=seed).images)
         for seed in seeds}


def floors(distance, seed):
    """The distance of n real pictures from n others, for each n: a mean over four draws."""
    a, b = pools[seed].split(most)  # two sets that share no picture
    parts = {n: range(0, n * min(4, most // n), n) for n in counts}
    return [np.mean([distance(a[k : k + n], b[k : k + n]) for k in parts[n]]) for n in counts]


floor = experiments.compare({"Fréchet distance": lambda seed: floors(frechet_distance, seed)},
                            seeds, "Fréchet distance of real pictures from real ones")
plots.curves(floor.runs, x=counts, xlabel="number of pictures on each side, n",
             ylabel="Fréchet distance", logx=True, logy=True,
             title="Real against real: the fewer pictures, the farther apart they seem",
             alt="Fréchet distance of real pictures from other real ones against their number, "
                 "both axes logarithmic: a falling line.");

# %% tags=["experiment"]
by_n = floor.columns("Fréchet distance", [f"n = {n}" for n in counts])
display(by_n.table().round(3))
experiments.claim(f"Real pictures seem farther from real ones with {counts[0]} of them than "
                  f"with {counts[-1]}",
                  "Bińkowski et al. 2018, section 4; Chong & Forsyth 2020",
                  by_n, more=f"n = {counts[0]}", less=f"n = {counts[-1]}")

# %% [markdown]
# **What to notice.** Twice the pictures, about half the distance: on two logarithmic axes a line that falls by one. Three rules follow, and each of them is broken in print. Compare distances only if they were measured with the *same* $n$. Put the floor beside every figure. And a difference that is smaller than the floor needs several draws before you believe it.
#
# Even the same $n$ is not quite enough, because the bias depends on the generator too. But if it goes as $1/n$, one can get rid of it. Draw the distance against $1/n$, and follow the line to where $1/n$ is 0: infinitely many pictures. [Chong & Forsyth 2020](https://arxiv.org/abs/1911.07023) call the result FID∞.

# %% [markdown]
# ### Exercise 2 · `extrapolate`
# ●○○ · 10 minutes
#
# <details><summary>Hint 1: what to think about</summary>What is the horizontal axis on which the points lie on a line? And which of the line's two numbers do you want?</details>
# <details><summary>Hint 2: the formula</summary>Value ≈ height + slope · (1/n). <code>np.polyfit(x, y, 1)</code> gives the slope and then the height of the line of least squares.</details>
# <details><summary>Hint 3: nearly the line</summary><code>np.polyfit(1 / …, values, 1)</code>, and of what it gives the second</details>


# %% tags=["exercise"] exercise="extrapolate" points=1
def extrapolate(counts, values):
    """Where a figure would end with infinitely many pictures, if its bias goes as 1/n.

    counts: a list of numbers of pictures.    values: the figure with each of them.
    Returns the height at 1/n = 0 of the line of least squares. It may be negative.
    Chong & Forsyth 2020, section 3.

    Example: counts = [10, 20], values = [2, 1] gives 0.
    """
    ### BEGIN SOLUTION
    inverse = 1 / np.asarray(counts, dtype=float)
    return np.polyfit(inverse, values, 1)[1]
    ### END SOLUTION


# %% tags=["check"] exercise="extrapolate"
extrapolate = ex.extrapolate.check(extrapolate)

# %% tags=["experiment", "figure"]
used = counts[1:]  # with the fewest pictures, higher powers of 1/n count too
ends = [extrapolate(used, values[1:]) for values in floor.runs["Fréchet distance"]]
figure, panel = plt.subplots(figsize=(9, 3.4))
for values, end in zip(floor.runs["Fréchet distance"], ends):
    panel.plot([1 / n for n in counts], values, "o", color=plots.COLOURS["data"])
    slope = np.mean([(v - end) * n for v, n in zip(values[1:], used)])
    panel.plot([0, 1 / counts[0]], [end, end + slope / counts[0]],
               color=plots.COLOURS["reference"], lw=1)
panel.axhline(0, color=plots.COLOURS["rule"], zorder=0)
panel.set(xlabel="1 / n", ylabel="Fréchet distance",
          title="On this axis the floor is a straight line, and it ends at 0")
plots.show(figure, alt="Fréchet distance of real pictures from real ones against 1/n: points "
                       "on straight lines that end near 0 at 1/n = 0.")

# %% tags=["experiment"]
infinite = experiments.Comparison("Fréchet distance", tuple(seeds),
                                  {f"n = {most}": floor.runs["Fréchet distance"][:, -1],
                                   "extrapolated": np.array(ends)})
display(infinite.table().round(3))
experiments.claim_equal("Followed to infinitely many, real pictures are at distance 0 from "
                        "real ones", "Chong & Forsyth 2020",
                        infinite, "extrapolated", expected=0, tolerance=0.1)

# %% [markdown]
# ### A distance without a bias
#
# One can also choose a distance that has none. Take a *kernel* $k(x,y)$, a number that is large when two pictures are alike. If the sets come from the same distribution, then pairs within a set are as alike as pairs across. The *kernel distance* ([Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401), who call it KID) is the difference:
#
# $$\underbrace{\frac{1}{n(n-1)}\sum_{i\ne j} k(a_i,a_j)}_{\text{within a}} + \underbrace{\frac{1}{m(m-1)}\sum_{i\ne j} k(b_i,b_j)}_{\text{within b}} - \underbrace{\frac{2}{nm}\sum_{i,j} k(a_i,b_j)}_{\text{across}}, \qquad k(x,y)=\Big(\frac{x\cdot y}{D}+1\Big)^3 .$$
#
# - $D$ is the number of features, $n$ and $m$ are the numbers of pictures. The cube makes it compare means, covariances, and the skewness as well.
# - $i\ne j$ is the whole trick: a picture is most alike to itself, and across the sets there are no such pairs. Leave them out, and the expected value is exactly that of infinitely many pictures, *whatever* $n$ is. (*Licensed by*: each term is then a mean over pairs of independent pictures, and the expected value of a mean is that of one pair.) The price: it can come out below 0.

# %% [markdown]
# ### Exercise 3 · `kernel_distance`
# ●●○ · 15 minutes
#
# <details><summary>Hint 1: what to think about</summary>All pairs at once are one matrix product. Which of the three matrices has a diagonal that has to go, and how many entries are left then?</details>
# <details><summary>Hint 2: the formula</summary>The sum of a matrix less its trace is the sum off the diagonal. The two sets need not be equally large.</details>
# <details><summary>Hint 3: nearly the line</summary><code>aa = (a @ a.T / … + 1) ** …</code>, and then <code>(aa.sum() - …) / (n * …)</code></details>


# %% tags=["exercise"] exercise="kernel_distance" points=2
def kernel_distance(a, b):
    """How much more alike pairs within two sets are than pairs across them.

    a: features (N, D).    b: features (M, D).    The kernel is (x.y / D + 1)^3.
    Returns one number, 0 on average for sets of the same kind.
    Float32 features are made float64 first.
    Bińkowski et al. 2018, section 4.

    Example: a = [[0], [0]], b = [[1], [1]]: 1 + 8 - 2 = 7.
    """
    ### BEGIN SOLUTION
    n, m, D = len(a), len(b), a.shape[1]
    aa, bb, ab = ((x.double() @ y.double().T / D + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within_a = (aa.sum() - aa.trace()) / (n * (n - 1))  # a picture with itself is no pair
    within_b = (bb.sum() - bb.trace()) / (m * (m - 1))
    return (within_a + within_b - 2 * ab.mean()).item()
    ### END SOLUTION


# %% tags=["check"] exercise="kernel_distance"
kernel_distance = ex.kernel_distance.check(kernel_distance)

# %% tags=["experiment", "figure"]
kernel_floor = experiments.compare(
    {"kernel distance": lambda seed: floors(kernel_distance, seed)}, seeds,
    "kernel distance of real pictures from real ones")
plots.curves(kernel_floor.runs, x=counts, xlabel="number of pictures on each side, n",
             ylabel="kernel distance", logx=True, hlines={"0": 0.0},
             title="The kernel distance of real pictures is about 0, whatever their number",
             alt="Kernel distance of real pictures from other real ones against their number: "
                 "it scatters about 0, less and less.");

# %% tags=["experiment"]
kernels = kernel_floor.columns("kernel distance", [f"n = {n}" for n in counts])
grainy_kernel = kernel_distance(read(grainy[0.2]), target)
print(f"for comparison, 180 pictures with grain 0.2: {grainy_kernel:.3f}")
for n in (counts[0], counts[-1]):
    display(experiments.claim_equal(f"With {n} real pictures the kernel distance is 0",
                                    "Bińkowski et al. 2018, section 4",
                                    kernels, f"n = {n}", expected=0, tolerance=0.005, digits=4))

# %% [markdown]
# **What to notice.** Where the Fréchet distance of 256 real pictures is 1.17, their kernel distance is 0.000, and with few pictures it only scatters more. That does not yet make it the better yardstick. 180 pictures under plain grain score 0.015, more than the scatter; but is that much or little? A figure without a floor can still be one that hardly moves. What each of the two *sees*, section 4 measures.
#
# ## 3 · One number for clear pictures, two for two questions
#
# **A generator that draws one perfect rose, again and again. A generator that draws everything, badly. Which is better?**
#
# One number cannot answer two questions. Here is the oldest attempt to put both into one all the same, and then one to ask them apart.
#
# The *inception score* ([Salimans et al. 2016](https://arxiv.org/abs/1606.03498)) asks the recogniser for the probabilities of the classes, $p(y\mid x)$. If a picture is clear, they are sharp. If the *set* is varied, their mean $p(y)$ is flat. So measure how far the one is from the other, by the divergence of lesson 04:
#
# $$\mathrm{IS} = \exp\Big(\frac1N\sum_i \sum_y p(y\mid x_i)\,\log\frac{p(y\mid x_i)}{p(y)}\Big), \qquad p(y)=\frac1N\sum_i p(y\mid x_i) .$$
#
# It lies between 1 and the number of classes. The sum over $y$ counts $0\log 0$ as 0. Notice what does not occur in it: real pictures.

# %% [markdown]
# ### Exercise 4 · `inception_score`
# ●○○ · 10 minutes
#
# <details><summary>Hint 1: what to think about</summary>Over which axis is p(y) a mean? In which order do sum, mean and exp come?</details>
# <details><summary>Hint 2: the formula</summary>Sum over the classes, mean over the pictures, then exp. <code>torch.xlogy(p, q)</code> is p log q, and 0 where p is 0.</details>
# <details><summary>Hint 3: nearly the line</summary><code>(torch.xlogy(p, p) - torch.xlogy(…, …)).sum(dim=…)</code></details>


# %% tags=["exercise"] exercise="inception_score" points=1
def inception_score(probabilities):
    """How clear pictures are, and how varied, as their recogniser says.

    probabilities: (N, K), each row adds up to 1.
    Returns one number from 1 to K.    Salimans et al. 2016, section 4.

    Example: two pictures, [[1, 0], [0, 1]]: 2.
    """
    ### BEGIN SOLUTION
    p, p_y = probabilities, probabilities.mean(dim=0)  # (N, K), (K,)
    divergence = (torch.xlogy(p, p) - torch.xlogy(p, p_y)).sum(dim=1)  # (N,)
    return divergence.mean().exp().item()
    ### END SOLUTION


# %% tags=["check"] exercise="inception_score"
inception_score = ex.inception_score.check(inception_score)

# %% [markdown]
# *Precision* and *recall* ask two separate questions, one of the fakes and one of the real pictures ([Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991)):
#
# - precision: how many of the generated pictures lie where real pictures are?
# - recall: how many of the real pictures lie where generated ones are?
#
# To say *where a set is*, put a ball around each of its points, as large as needed to reach the $k$-th nearest of its own fellows. Where points lie dense the balls are small, where they lie sparse they are large, and the union of all balls stands for the set:
#
# $$\text{precision} = \frac1M\sum_j \Big[\, b_j \in \bigcup_i B\big(a_i,\, r_k(a_i)\big)\Big], \qquad \text{recall} = \frac1N\sum_i \Big[\, a_i \in \bigcup_j B\big(b_j,\, r_k(b_j)\big)\Big] .$$
#
# $a$ are the $N$ real pictures, $b$ the $M$ generated ones, $B(a, r)$ is the ball around $a$ with radius $r$, $r_k$ the distance to the $k$-th neighbour in the *same* set, and $[\dots]$ is 1 if true.

# %% [markdown]
# ### Exercise 5 · `precision_recall`
# ●●○ · 20 minutes · the heart of the lesson
#
# Equations 1 and 2 of Kynkäänniemi et al. 2019.
#
# <details><summary>Hint 1: what to think about</summary>What is the smallest entry in each row of a set's distances to itself? Which set's balls does precision need?</details>
# <details><summary>Hint 2: the formula</summary>Sort each row of <code>torch.cdist(x, x)</code>: at place 0 stands the point itself, at place k its k-th neighbour. Then compare the distances across with the radii, and ask <code>any</code>.</details>
# <details><summary>Hint 3: nearly the line</summary><code>across = torch.cdist(fake, …)</code>, then <code>(across <= r_real).any(dim=…)</code>, and for recall <code>r_fake[:, None]</code> along the other axis</details>


# %% tags=["exercise"] exercise="precision_recall" points=3
def precision_recall(real, fake, k=3):
    """The share of fakes that lie among the real pictures, and of those that lie among fakes.

    real: features (N, D).    fake: features (M, D).    k: which neighbour bounds a ball.
    Returns precision, recall: two numbers from 0 to 1.
    Kynkäänniemi et al. 2019, equations 1 and 2.

    Example: of a set and its copy both are 1.
    """
    ### BEGIN SOLUTION
    # Radii, (N,) and (M,):
    r_real, r_fake = (torch.cdist(x, x).sort(dim=1).values[:, k] for x in (real, fake))
    across = torch.cdist(fake, real)  # (M, N)
    precise = (across <= r_real).any(dim=1)  # (M,): in the ball of any real picture
    recalled = (across <= r_fake[:, None]).any(dim=0)  # (N,): in the ball of any fake
    return precise.double().mean().item(), recalled.double().mean().item()
    ### END SOLUTION


# %% tags=["check"] exercise="precision_recall"
precision_recall = ex.precision_recall.check(precision_recall)

# %% [markdown]
# All five on the model that was trained ahead, beside their floors:

# %% tags=["experiment", "figure"]
judged = run.pick(smoke=24, lecture=64, laptop=150, gpu=180)
steps = run.pick(smoke=3, lecture=10, laptop=20, gpu=50)
x_T = model.noise(judged, seed=2)
drawn = sample_ddim(predict, x_T, alpha_bar, steps, clip=True).clamp(-1, 1)
plots.strip({"drawn": drawn[:8], "real": real[:8]},
            title="What the model draws, and real pictures",
            alt="A row of generated pictures above a row of real ones.");

# %% tags=["experiment"]
def figures(x, against):
    """Every figure of pictures x, compared with as many real ones."""
    a, b = read(x), read(against[: len(x)])
    precision, recall = precision_recall(b, a)
    return {"Fréchet distance": frechet_distance(a, b),
            "kernel distance": kernel_distance(a, b),
            "inception score": inception_score(recogniser.probabilities(x)),
            "precision": precision, "recall": recall}


display(pd.DataFrame({"the model's": figures(drawn, others),
                      "floor: real": figures(mine[:judged], others)}).round(2))
print(f"{judged} pictures, {steps} steps of DDIM; "
      f"the score can be {len(small.classes)} at most")

# %% [markdown]
# **What to notice.** Every figure finds a fault, and the last three say which. The score is half of what it is for real pictures (3.25 against 6.67): the recogniser is not sure what it sees. Precision is 0.73 against 0.89, so a good many pictures lie where no real ones are. Recall is 0.85 against 0.98: not much is missing altogether. (These are 150 pictures; so the floor of the distance is as high as 1.55.)
#
# ## 4 · Broken on purpose
#
# **Which figure notices which failure?**
#
# A figure is known by what it lets pass. So here are six generators that fail, each in one way; five are made of real pictures, so that nothing else is wrong:
#
# - **half of the classes**: it has forgotten the other half (*mode dropping*). Every picture is real.
# - **twenty pictures**: it can draw twenty pictures, and draws each ten times.
# - **training set**: it has learnt its training pictures by heart and draws those (*memorising*). Every picture is real, and none is new.
# - **fooling the network**: it begins with noise and moves the pixels until the *features* are those of real pictures (an *adversarial* attack on the yardstick).
# - **blur** and **grain**: what unfinished models do.

# %% tags=["experiment", "figure"]
x, y = real[:80], labels[:80]
static = 0.6 * torch.randn(x[:8].shape, generator=run.fresh_generator(3))
shown = {"none: real": x,
         "half of the classes": damages.without_classes(x, y, len(small.classes) // 2),
         "twenty pictures": damages.repeated(x, 4),
         "training set": data.load(dataset, n=8, size=size).images,
         "fooling the network": damages.fooling(recogniser.net.features, read(x[:8]), static,
                                                steps=run.pick(smoke=10, laptop=60)),
         "blur": damages.blur(x, 0.8), "grain": damages.grain(x, 0.2, run.fresh_generator(4))}
plots.strip({name: pictures[:8] for name, pictures in shown.items()}, title="Six ways to fail",
            alt="Seven rows: real pictures, pictures of half of the classes, four pictures "
                "repeated, training pictures, coloured noise made to fool the network, blurred "
                "pictures, grainy pictures.");

# %% [markdown]
# (In the row *twenty pictures* there are four here, so that the repetition can be seen.) The fifth row is worth a second look: whatever you see in it, the network sees real pictures.
#
# Each of the six was judged five times, with 200 pictures, by all figures, and by three more (`course claims failures` repeats it). *Pair distance* is the mean distance of two generated pictures, a plain measure of variety. *Copies* is the share of pictures that are nearer to a training picture, pixel by pixel, than 99 in 100 new real ones are. And *another network* is the oracle, which was trained apart from the recogniser: how many pictures is it sure of?

# %% tags=["experiment"]
how = studies.settings("failures")
print(f"{how['study']}: {how['shared']['dataset']}, "
      f"{how['shared']['images']} pictures, seeds {how['seeds']}")
worse = {"Fréchet distance": "more", "kernel distance": "more", "inception score": "less",
         "precision": "less", "recall": "less",
         "pair distance": "less", "copies": "more", "another network is sure": "less"}
measured = {name: studies.load("failures", figure=name) for name in worse}


def sees(figure, failure):
    """The claim that a figure is worse for a failing generator than for real pictures."""
    more, less = (failure, "none") if worse[figure] == "more" else ("none", failure)
    return experiments.claim(f"'{figure}' notices the failure '{failure}'",
                             "what one would wish", measured[figure], more=more, less=less)


def cell(figure, failure):
    """The mean, and a mark where the claim holds that it is worse than for real pictures."""
    noticed = failure != "none" and sees(figure, failure).verdict == experiments.HOLDS
    digits = 3 if figure == "kernel distance" else 2
    mark = " · sees it" if noticed else ""
    return f"{measured[figure].runs[failure].mean():.{digits}f}{mark}"


pd.DataFrame({figure: {failure: cell(figure, failure) for failure in how["variants"]}
              for figure in worse})

# %% tags=["experiment"]
def passes(figure, failure, says, source, tolerance):
    """The claim that a figure is the same for a failing generator as for real pictures."""
    gap = measured[figure].runs[failure] - measured[figure].runs["none"]
    each = experiments.Comparison(f"{figure}, less that of real pictures", tuple(how["seeds"]),
                                  {failure: gap})
    return experiments.claim_equal(says, source, each, failure, expected=0, tolerance=tolerance)


display(sees("recall", "half of the classes"), sees("inception score", "half of the classes"),
        passes("precision", "half of the classes",
               "Precision does not notice that half of the classes are missing",
               "Kynkäänniemi et al. 2019", 0.05))
display(passes("Fréchet distance", "training set",
               "The Fréchet distance does not notice a generator that copies its training set",
               "often said", 0.3), sees("copies", "training set"))
display(passes("recall", "fooling the network",
               "Recall does not notice pictures made to fool the network",
               "an attack on any figure of features", 0.1),
        sees("Fréchet distance", "fooling the network"),
        sees("another network is sure", "fooling the network"))

# %% [markdown]
# **What to notice.** Go through the table row by row; an empty place is a figure that five runs could not tell from that of real pictures.
#
# - *Half of the classes*: recall falls by half (0.49), the score by more than a third, the distance is nine times its floor. Precision stays, as it should: every picture is real.
# - *Twenty pictures*: recall is 0.00. The balls have radius 0, because each picture stands on nine copies of itself, and the third neighbour is one of them. Pair distance hardly moves: twenty different pictures are as far from each other as two hundred.
# - *Training set*: nothing notices but *copies*, which has to be given the training set. Memorising is the failure that distances cannot see. (Strictly, for the Fréchet distance the verdict is still open: two sets of 200 pictures scatter too much.)
# - *Fooling the network*: to two digits the score, precision and recall are those of real pictures, or 0.02 off. That the table marks precision all the same, and both distances (Fréchet 1.64 instead of 1.38, less than for grain), has two reasons: the attack stopped after 60 steps, and each run stands beside the very pictures it imitates, so that even a trace shows. The oracle, which was trained apart, is sure of none of them. An attack is made against one network.
# - *Blur and grain*: blur is noticed by all (even by *copies*, wrongly: a blurred picture is nearer to everything). Grain, which you see at once, moves the distance by a third of its floor: these features come from a recogniser that learnt on noisy pictures and looks through grain (lesson 06).
#
# No column is full. So judge with several figures, know the hole in each, keep a network for judging that nothing was trained against, and look at the pictures.
#
# ## 5 · What does a picture cost?
#
# **Every figure so far looks at what is drawn. Can one ask the model itself, without any recogniser?**
#
# A model that gives pictures probabilities can be used to *send* them: what is likely gets a short code, what is unlikely a long one, and the best length for something of probability $p$ is $-\log_2 p$ bits. So let a model send pictures that it has never seen, and count. Divided by the number of pixels and channels it is *bits per dimension*: 8 for a model that knows nothing (256 values, all equally likely), and less for one that has understood what pictures are like.
#
# A diffusion model does not give $p(x_0)$, but lesson 04 has a bound on $-\log p(x_0)$, line 5 there, and its terms can be computed:
#
# $$L = \underbrace{D\big(q(x_T\mid x_0)\,\|\,\mathcal N(0,I)\big)}_{\text{what is left at }T} + \sum_{t\ge2}\underbrace{D\big(q(x_{t-1}\mid x_t,x_0)\,\|\,p(x_{t-1}\mid x_t)\big)}_{\text{a step}} \underbrace{-\log p(x_0\mid x_1)}_{\text{the last step}}$$
#
# **A step** compares two normal distributions. The one that knows the picture has the variance $\tilde\beta_t$, the model's has $\sigma_t^2$, and their means differ only where $x_0$ stands in `posterior_mean`, with the factor $f_t$. *Licensed by* the formula for the divergence of two normals, for each dimension:
#
# $$D = \frac12\Big(\frac{\tilde\beta_t}{\sigma_t^2} - 1 - \ln\frac{\tilde\beta_t}{\sigma_t^2} + \frac{f_t^2\,(x_0-\hat x_0)^2}{\sigma_t^2}\Big), \qquad f_t = \frac{\sqrt{\bar\alpha_{t-1}}\;\beta_t}{1-\bar\alpha_t} .$$
#
# - The first three terms are what a wrong variance costs: 0 if $\sigma_t^2=\tilde\beta_t$.
# - The last one is what a wrong guess costs.

# %% [markdown]
# ### Exercise 6 · `bits_of_step`
# ●●○ · 15 minutes
#
# Equation 5 of [Ho et al. 2020](https://arxiv.org/abs/2006.11239), $L_{t-1}$. `posterior_variance` is imported. The formula is in nats; a bit is $\ln 2$ nats.
#
# <details><summary>Hint 1: what to think about</summary>Per dimension: is that a sum or a mean over pixels and channels? Which of the two variances stands above the line?</details>
# <details><summary>Hint 2: the formula</summary>It stands above. beta_t is 1 − alpha_bar[t] / alpha_bar[t − 1]. Everything but the squared error has shape (B,), and so has its mean.</details>
# <details><summary>Hint 3: nearly the line</summary><code>a, before = alpha_bar[t], …</code>, <code>f = before.sqrt() * (1 - …) / (1 - a)</code>, <code>off = (x0 - x0_hat).square().flatten(1).mean(…)</code>, and at the end <code>/ (2 * math.log(…))</code></details>


# %% tags=["exercise"] exercise="bits_of_step" points=2
def bits_of_step(x0, x0_hat, t, alpha_bar, sigma2):
    """What one step costs, in bits per dimension.

    x0: pictures, (B, C, H, W).    x0_hat: the model's guess at them from x_t, (B, C, H, W).
    t: (B,), int64, each from 2 to T.    alpha_bar: (T + 1,), float64.
    sigma2: (B,), the variances of its steps.
    Returns (B,), float64.    Ho et al. 2020, equation 5.

    Example: a right guess and sigma2 = beta-tilde cost 0.
    """
    ### BEGIN SOLUTION
    a, before = alpha_bar[t], alpha_bar[t - 1]  # (B,)
    f = before.sqrt() * (1 - a / before) / (1 - a)
    off = (x0 - x0_hat).double().square().flatten(1).mean(dim=1)  # (B,)
    ratio = posterior_variance(t, alpha_bar) / sigma2
    return (ratio - 1 - ratio.log() + f**2 * off / sigma2) / (2 * math.log(2))
    ### END SOLUTION


# %% tags=["check"] exercise="bits_of_step"
bits_of_step = ex.bits_of_step.check(bits_of_step)

# %% [markdown]
# With $\sigma_t^2=\tilde\beta_t$ the whole formula collapses, $f_t^2/\tilde\beta_t$ being the difference of two signal-to-noise ratios (lesson 01) ([Kingma et al. 2021](https://arxiv.org/abs/2107.00630)). Check it:

# %% tags=["experiment"]
t = torch.tensor([2, 30, 500, 1000])
chain = diffusion.alpha_bars(diffusion.linear_schedule(1000))
x0, x0_hat = torch.randn(2, 4, 3, 8, 8, generator=run.fresh_generator(5), dtype=torch.float64)
# The signal-to-noise ratio that the step adds:
gained = diffusion.snr(chain[t - 1]) - diffusion.snr(chain[t])
by_ratio = gained / 2 * (x0 - x0_hat).square().mean((1, 2, 3)) / math.log(2)
by_formula = bits_of_step(x0, x0_hat, t, chain, posterior_variance(t, chain))
display(pd.DataFrame([by_formula.numpy(), by_ratio.numpy()],
                     ["by the formula", "by the ratios"], [f"t = {k}" for k in t.tolist()]))

# %% [markdown]
# So a step costs *what it adds to the signal, times what the guess is off*: the simple loss of lesson 04 once more, with the weight that the bound gives it.
#
# **The last step** must end at a picture, and a pixel in a file has one of 256 values, $-1$ to $1$ in steps of $2/255$. The model's last step is normal, with mean $\hat x_0$ and standard deviation $\sigma_1$, and each value gets the share of it that falls into its bin, from $1/255$ below to $1/255$ above. The outermost two bins are open: black takes all that lies below.

# %% [markdown]
# ### Exercise 7 · `bits_of_last_step`
# ●●○ · 15 minutes
#
# Equation 13 of Ho et al. 2020. `torch.special.ndtr(z)` is the share of the standard normal distribution below $z$.
#
# <details><summary>Hint 1: what to think about</summary>The share between two points is a difference. What should ndtr be at the lower edge of black, and at the upper edge of white?</details>
# <details><summary>Hint 2: the formula</summary>ndtr at (x0 + 1/255 − x0_hat) / sigma, less ndtr at (x0 − 1/255 − x0_hat) / sigma. Keep it above 0 (1e-12) before log2.</details>
# <details><summary>Hint 3: nearly the line</summary><code>above = torch.special.ndtr(…).masked_fill(x0 > 0.999, 1)</code>, the same for the lower edge with 0, and <code>.clamp(min=1e-12).log2()…</code></details>


# %% tags=["exercise"] exercise="bits_of_last_step" points=2
def bits_of_last_step(x0, x0_hat, sigma):
    """What it costs to name the pixels' values, in bits per dimension.

    x0: pictures whose pixels are among the 256 values, (B, C, H, W).
    x0_hat: the mean, (B, C, H, W).
    sigma: the standard deviation, one number.
    Returns (B,), float64, whatever the pictures are.    Ho et al. 2020, equation 13.

    Example: where sigma is tiny and the guess is right, 0.
    """
    ### BEGIN SOLUTION
    x0, x0_hat = x0.double(), x0_hat.double()
    up_to = torch.special.ndtr((x0 + 1 / 255 - x0_hat) / sigma).masked_fill(x0 > 0.999, 1)
    below = torch.special.ndtr((x0 - 1 / 255 - x0_hat) / sigma).masked_fill(x0 < -0.999, 0)
    return -(up_to - below).clamp(min=1e-12).log2().flatten(1).mean(dim=1)
    ### END SOLUTION


# %% tags=["check"] exercise="bits_of_last_step"
bits_of_last_step = ex.bits_of_last_step.check(bits_of_last_step)

# %% [markdown]
# ### Exercise 8 · `variational_bound`
# ●●● · 25 minutes · the heart of the lesson
#
# Now add up. Every step draws its own noise, makes $x_t$, asks the network, and recovers its guess at $x_0$ (lesson 01), which is cut off at $-1$ and $1$. The steps have $\sigma_t^2=\tilde\beta_t$, the last one $\sigma_1=\sqrt{\beta_1}=\sqrt{1-\bar\alpha_1}$. `bits_of_prior(x0, alpha_bar)`, (B,), is imported and gives the first term.
#
# <details><summary>Hint 1: what to think about</summary>T steps, so T questions to the network. Which of them is the last step? On which clock is the network told the time?</details>
# <details><summary>Hint 2: the formula</summary>The prior's bits, plus for each t from T to 2 bits_of_step, plus bits_of_last_step at t = 1. At the end the mean over the pictures.</details>
# <details><summary>Hint 3: nearly the line</summary><code>x_t = q_sample(x0, t, alpha_bar, torch.randn(…))</code>, <code>guess = recover_x0(x_t, t, alpha_bar, predict(…)).clamp(…)</code>, <code>bits = bits + …</code></details>


# %% tags=["exercise"] exercise="variational_bound" points=3
def variational_bound(predict, x0, alpha_bar, generator):
    """At most how many bits per dimension pictures cost under a model.

    predict: predict(x, time) gives the noise in x, time (B,) from 0 to 1000.
    x0: pictures whose pixels are among the 256 values, (B, C, H, W).
    alpha_bar: (T + 1,), float64.
    generator: a torch.Generator on the CPU, for the noise of each step.
    Returns one number, the mean over the pictures.    Ho et al. 2020, equation 5.

    Example: a network that always knows x0 pays the prior's bits, and the last step with a
    perfect mean.
    """
    ### BEGIN SOLUTION
    T, bits = len(alpha_bar) - 1, bits_of_prior(x0, alpha_bar)
    for step in range(T, 0, -1):
        t = torch.full((len(x0),), step)
        eps = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
        x_t = q_sample(x0, t, alpha_bar, eps)
        guess = recover_x0(x_t, t, alpha_bar, predict(x_t, model_time(t, T))).clamp(-1, 1)
        if step > 1:
            variance = posterior_variance(t, alpha_bar)
            bits = bits + bits_of_step(x0, guess, t, alpha_bar, variance)
        else:
            bits = bits + bits_of_last_step(x0, guess, (1 - alpha_bar[1]).sqrt())
    return bits.mean().item()
    ### END SOLUTION


# %% tags=["check"] exercise="variational_bound"
variational_bound = ex.variational_bound.check(variational_bound)

# %% [markdown]
# Is it right? Take "pictures" that are nothing but grain: every pixel normal, with standard deviation 0.2. For those everything is known. The best network is a formula, $\mathbb E[x_0\mid x_t]=\frac{\sqrt{\bar\alpha_t}\,s^2}{\bar\alpha_t s^2+1-\bar\alpha_t}\,x_t$. No code can be shorter than the entropy, $\log_2(s\sqrt{2\pi e}) + \log_2\frac{255}{2}$ bits a pixel. And the variance that a step *should* have is known too, $\tilde\beta_t + f_t^2\,\mathrm{Var}(x_0\mid x_t)$, as in lesson 06, section 4.

# %% tags=["experiment"]
s = 0.2
dust = torch.randn(32, 1, 16, 16, generator=run.fresh_generator(6), dtype=torch.float64)
dust = to_levels(s * dust)


def knows_dust(bar):
    """The best guess at the noise in pixels of standard deviation s, on the schedule `bar`."""
    def answer(x_t, time):
        a = bar[(time * (len(bar) - 1) / 1000).round().long()].reshape(-1, 1, 1, 1)
        return (x_t - a * s**2 / (a * s**2 + 1 - a) * x_t) / (1 - a).sqrt()
    return answer


def best_variances(bar):
    """What the variance of each step should be for such pixels, (T + 1,)."""
    a, before = bar[1:], bar[:-1]
    f, left = before.sqrt() * (1 - a / before) / (1 - a), s**2 * (1 - a) / (a * s**2 + 1 - a)
    tilde = posterior_variance(torch.arange(1, len(bar)), bar)
    return torch.cat([bar[:1] * 0, tilde + f**2 * left])


# %% tags=["experiment", "figure"]
lengths = run.pick(smoke=(5, 10), lecture=(10, 30, 100, 300), laptop=(10, 30, 100, 300, 1000))
costs = {"beta-tilde": [], "beta": [], "the best variance": []}
for n in lengths:
    bar = diffusion.alpha_bars(diffusion.cosine_schedule(n))
    known = (knows_dust(bar), dust, bar)
    costs["beta-tilde"].append(variational_bound(*known, run.fresh_generator(7)))
    for name, variance in (("beta", "beta"), ("the best variance", best_variances(bar))):
        costs[name].append(
            diffusion.variational_bound(*known, run.fresh_generator(7), variance=variance))
entropy = math.log2(s * math.sqrt(2 * math.pi * math.e)) + math.log2(255 / 2)
display(pd.DataFrame(costs, [f"{n} steps" for n in lengths]).T.round(2))
print(f"entropy: {entropy:.2f} bits")
plots.curves({name: np.array(v) for name, v in costs.items()}, x=lengths, logx=True,
             xlabel="steps of the chain", ylabel="bits per dimension",
             hlines={"entropy: no code is shorter": entropy},
             title="With the best variance the bound touches the entropy",
             alt="Bits per dimension of normal pixels against the number of steps: "
                 "with the best variance on the line of the entropy, with beta and "
                 "with beta-tilde above it.");

# %% tags=["experiment"]
def above(seed):
    """How far the bound lies above what these very pixels cost with the exact code.

    That is -log2 of their probability.
    """
    dust = torch.randn(128, 1, 16, 16, generator=run.fresh_generator(100 + seed),
                       dtype=torch.float64)
    pixels = to_levels(s * dust)
    nats = (pixels**2 / (2 * s**2)).mean()
    exact = nats / math.log(2) + math.log2(s * math.sqrt(2 * math.pi)) + math.log2(255 / 2)
    bits = diffusion.variational_bound(knows_dust(bar), pixels, bar,
                                       run.fresh_generator(200 + seed),
                                       variance=best_variances(bar))
    return bits - exact


bar = diffusion.alpha_bars(diffusion.cosine_schedule(100))
dusty = experiments.compare({"the best variance": above}, seeds,
                            "bits per dimension above the exact code")
experiments.claim_equal("With exact guesses and the best variances the bound costs no more "
                        "than the exact code", "a chain of exact steps is exact", dusty,
                        "the best variance", expected=0, tolerance=0.03)

# %% [markdown]
# **Where to look.** At the blue line, which lies on the entropy whatever the number of steps: steps that are exactly right waste nothing. The other two have the same network and pay for a wrong variance alone, up to 0.9 bits a pixel. From 30 steps on $\beta$ is the better of the two here, because such pictures *are* noise (lesson 04).
#
# Now the trained model and real pictures, first rounded to 256 values. A full chain has a thousand steps, each a call of the network; shorter chains (lesson 06) have bounds of their own. These were measured ahead (`course claims bound` repeats it):

# %% tags=["experiment", "figure"]
bound = studies.load("bound", figure="bits per dimension")
how = studies.settings("bound")
chains = (10, 20, 50, 100)
print(f"{how['study']}: seeds {how['seeds']}")
values, frequency = to_levels(real).unique(return_counts=True)
share = frequency / frequency.sum()
print(f"a pixel's value alone, guessed from how often it occurs here ({dataset}): "
      f"{-(share * share.log2()).sum():.2f} bits")
plots.curves({name: np.stack([bound.runs[f"{name}, {n} steps"] for n in chains], axis=1)
              for name in ("beta-tilde", "beta")},
             x=chains, logx=True, xlabel="steps of the chain", ylabel="bits per dimension",
             hlines={"beta-tilde, 1000 steps": bound.runs["beta-tilde, 1000 steps"].mean()},
             title="More steps send the same pictures in fewer bits",
             alt="Bits per dimension of held-out flowers against the number of steps, for two "
                 "variances; both curves fall.");

# %% tags=["experiment"]
display(experiments.claim("With 50 steps, beta-tilde needs fewer bits than beta",
                          "lesson 04: pictures are more like a single picture than like noise",
                          bound, more="beta, 50 steps", less="beta-tilde, 50 steps"))
display(experiments.claim("A chain of 100 steps needs fewer bits than one of 20",
                          "Kingma et al. 2021, section 4.1", bound,
                          more="beta-tilde, 20 steps", less="beta-tilde, 100 steps"))

# %% tags=["experiment", "figure"]
edges = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1001)
by_steps = studies.load("bound_by_steps", figure="by steps")  # of the chain of 1000 steps
terms = by_steps.runs["beta-tilde, 1000 steps"].mean(axis=0)
figure, panel = plt.subplots(figsize=(9, 3.2))
panel.bar(range(len(terms)), terms, color=plots.COLOURS["beta-tilde"])
names = [f"{a}" if b == a + 1 else f"{a}–{b - 1}" for a, b in pairwise(edges)]
panel.set_xticks(range(len(terms)), names)
panel.set(xlabel="steps t of 1000", ylabel="bits per dimension",
          title=f"Of {terms.sum():.1f} bits, {terms[:3].sum():.1f} are paid in the nine "
                "steps nearest to the data")
plots.show(figure, alt="Bars: bits per dimension by groups of steps. The last step alone costs "
                       "most, and the first few steps nearly all.")

# %% [markdown]
# **What to notice.** A pixel's value alone, guessed from a table of how often each occurs, costs 7.69 bits. With 20 steps the model needs 6.19, with a thousand 4.2. It knows that pixels hang together. With 50 steps $\tilde\beta$ saves 0.45 bits over $\beta$: for pictures of things it is the other way round than for dust.
#
# And look where the bits go. Half of them are paid in the last step, naming grey levels that no eye can tell apart, and 3.4 of 4.2 in the nine steps nearest to the data. What a flower *is*, its kind, its colours, its place, is decided at large $t$, and the steps from 200 on cost a few hundredths of a bit together. That is why bits per dimension and the look of pictures have so little to do with each other, and why the simple loss dares to drop the bound's weight.
#
# ### What the bound sees
#
# The bound asks for pictures that the model has *not* seen. So it has an answer to the failure that no distance noticed. Let the ideal denoiser of lesson 02 stand for a model that knows 200 training pictures by heart, and let it send one of them, and then a new one:

# %% tags=["experiment"]
rows = {"the trained model": {"training pictures": "trained on them, 20 steps",
                              "new pictures": "beta-tilde, 20 steps"},
        "200 pictures by heart": {"training pictures": "by heart, 20 steps, known",
                                  "new pictures": "by heart, 20 steps, new"}}
display(pd.DataFrame({row: {column: f"{bound.runs[name].mean():.2f}"
                            for column, name in names.items()}
                      for row, names in rows.items()}).T)
display(experiments.claim("A model that knows its pictures by heart pays more for new ones "
                          "than for its own", "what a held-out likelihood is for", bound,
                          more="by heart, 20 steps, new", less="by heart, 20 steps, known"))
display(experiments.claim("The trained model pays more for new pictures than for training "
                          "pictures", "the same question, to it",
                          bound, more="beta-tilde, 20 steps", less="trained on them, 20 steps"))

# %% [markdown]
# **What to notice.** The trained model asks about the same price for both, 6.23 and 6.19 bits: its training pictures are not special to it. (It has seen each of them once, as flowers are drawn anew for each batch.) The model that knows its pictures by heart sends those more cheaply than the trained model does, 5.75 bits, and pays 9.77 for a new one: more than 8, more than one who knows nothing. It has put all probability where its pictures are, and there is none left. No distance of section 4 saw that. The price of asking the model: one needs a model that can be asked, not pictures.
#
# ## 6 · Bug hunt: model B wins
#
# A colleague compares two models. Model A has drawn 60 pictures so far, model B 600. The real pictures come from PNG files, whole numbers from 0 to 255. The function runs, and every line looks reasonable.

# %%
def colleagues_scores(read, files, candidates):
    """Fréchet distance of each candidate from the real pictures in the files."""
    pictures = files.permute(0, 3, 1, 2).float() / 255
    return {name: frechet_distance(read(x), read(pictures)) for name, x in candidates.items()}


# %% [markdown]
# You happen to know the truth: what is called model A here are *real* pictures, as good as can be. Model B's are blurred ones. And as a third candidate the files themselves, whose distance from themselves should be 0.

# %% tags=["experiment"]
many = run.pick(smoke=60, laptop=600)
pool = data.load(dataset, most=2 * many, size=size, split="test", seed=1).images
half = len(pool) // 2
files = ((pool[:half] + 1) * 127.5).round().to(torch.uint8)
files = files.permute(0, 2, 3, 1)  # (N, H, W, C), as a PNG holds them
candidates = {"model A": pool[half : half + half // 10],
              "model B": damages.blur(pool[half:], 0.7),
              "the files": (files.permute(0, 3, 1, 2) / 127.5 - 1)}


def trial(scores):
    """Each candidate's number of pictures and distance, by a function like the colleague's."""
    found = scores(read, files, candidates)
    return pd.DataFrame({name: {"pictures": f"{len(x)}", "distance": f"{abs(found[name]):.2f}"}
                         for name, x in candidates.items()}).T


print(f"{len(files)} files")
trial(colleagues_scores)

# %% [markdown]
# Two things are wrong in this table. The third row is one clue: a distance from themselves that is not 0. What does the recogniser get to see on the two sides? The first two rows are the other: real pictures lose against blurred ones. What else is different between the two rows?
#
# <details><summary>Where to look, for the third row</summary>Print the smallest and the largest value of <code>pictures</code> and of a candidate. (The recogniser divides by the root mean square, so it forgives another <em>scale</em>. It does not forgive another <em>zero</em>.)</details>
# <details><summary>Where to look, for the first two</summary>Give model B's first 60 pictures to the function and look again. Section 2 knows what you see.</details>

# %%
# your own look: try things here

# %% [markdown]
# ### Exercise 9 · `fair_scores`
# ●●● · 15 minutes · the heart of the lesson
#
# Write it as it was meant. All pictures lie in $[-1, 1]$, and every distance is measured with equally many on both sides: the first $n$ of each set, with $n$ as large as the smallest set allows.
#
# <details><summary>Hint 1: what to think about</summary>Which sets bound n? The files are one of them.</details>
# <details><summary>Hint 2: the formula</summary>0 becomes −1 and 255 becomes 1. Then n is the smallest length, and every set is cut to it, the real one too.</details>
# <details><summary>Hint 3: nearly the line</summary><code>n = min(len(files), *(len(x) for …))</code>, and then <code>read(x[:n])</code></details>


# %% tags=["exercise"] exercise="fair_scores" points=2
def fair_scores(read, files, candidates):
    """Fréchet distance of each candidate from the real pictures in the files.

    All distances can be compared with each other.

    read: pictures (B, 3, H, W) in [-1, 1] -> features (B, D).
    files: (N, H, W, 3), uint8, 0 to 255.
    candidates: name -> pictures (M, 3, H, W) in [-1, 1]; the M differ.
    Returns a dict, name -> distance, each measured with the first n pictures on both sides.

    Example: the files themselves, brought to [-1, 1], are at distance 0.
    """
    ### BEGIN SOLUTION
    pictures = files.permute(0, 3, 1, 2).float() / 127.5 - 1  # the same scale on both sides
    n = min(len(pictures), *map(len, candidates.values()))  # and the same number
    target = read(pictures[:n])
    return {name: frechet_distance(read(x[:n]), target) for name, x in candidates.items()}
    ### END SOLUTION


# %% tags=["check"] exercise="fair_scores"
fair_scores = ex.fair_scores.check(fair_scores)

# %% tags=["experiment"]
trial(fair_scores)

# %% [markdown]
# **What to notice.** Now the files are at distance 0 from themselves, and real pictures win: 4.81 against 6.45, where the colleague had 22.73 against 15.46. Two mistakes, neither of which raised an error. The first is a matter of *preprocessing*: $[0, 1]$ on one side and $[-1, 1]$ on the other, or another way to resize ([Parmar et al. 2022](https://arxiv.org/abs/2104.11222) found that the choice of resize alone moves FID by several points). The second is the floor of section 2, in its most common disguise: whoever has drawn more pictures wins.
#
# ## 7 · The judge is you
#
# **Can you tell?**
#
# When all is said, pictures are made to be looked at. A blind test asks the only question that no network can answer for you. Two pictures stand side by side, one real, one drawn by the model, on random sides. Which one is real? If you cannot tell, you are right in half of the pairs.
#
# How sure can one be after twenty answers? A share that was counted has an interval. The course takes Wilson's, at 95 %: all shares from which the count would be no surprise.

# %% tags=["experiment"]
from scipy.stats import binomtest

rows = {}
for answered in (10, 20, 50, 200):
    for right in (0.5, 0.7):
        k = round(right * answered)
        low, high = binomtest(k, answered).proportion_ci(method="wilson")
        rows[f"{k} of {answered} right"] = {"share": right, "from": low, "to": high,
                                            "can tell": "yes" if low > 0.5 else "not shown"}
display(pd.DataFrame(rows).T)

# %% [markdown]
# Your turn. Answer with the buttons, or click into the test and use the keys 1 and 2, or the arrows. Nothing is revealed before the end. What you answered is written below the test, and is saved with the notebook.

# %% tags=["explorer", "figure"]
pairs = run.pick(smoke=4, laptop=20, gpu=40)
fakes = sample_ddim(predict, model.noise(pairs, seed=8), alpha_bar,
                    run.pick(smoke=3, lecture=20, laptop=50), clip=True).clamp(-1, 1)
blind_test = HumanTest(real[200 : 200 + pairs], fakes, pairs=pairs, seed=9)
blind_test

# %% tags=["experiment"]
print(blind_test.result)

# %% [markdown]
# Run the cell above again when you are done. Three warnings. You are *one* judge; a study asks many. With twenty pairs, 14 right answers are not yet proof (the table says so). And the test sees one picture at a time: a generator that has learnt twenty pictures by heart passes it.
#
# ## 8 · Explorer
#
# **Which figure moves first?** Choose a damage and turn its strength up. Then go back to *none* and change the number of pictures: what moves now moves for no reason.

# %% tags=["explorer", "figure"]
JudgingExplorer(dataset, size,
                counts=run.pick(smoke=(10, 20, 40), lecture=(45, 90, 180),
                                laptop=(45, 90, 180, 600), gpu=(45, 90, 180, 600, 2000)))

# %% [markdown]
# ## Is this normal?
#
# - **No loss curve here**: nothing is trained. Under `laptop` the notebook needs about 40 seconds of computing on one thread, most of it for the floors, for drawing, and for the attack on the network.
# - **Your distances are ten times ours, or a tenth**: other features, another $n$, another size of pictures. Look at the floor beside them; that ratio can be compared.
# - **The Fréchet distance is nan or complex**: fewer pictures than features, and a matrix root that does not expect it (exercise 1).
# - **The kernel distance is negative**: nothing is wrong, it is 0 and scatters.
# - **Precision and recall of exactly 0 where pictures look fine**: features of two different networks; or balls of radius 0, because a set holds each picture more than $k$ times.
# - **More than 8 bits per dimension**: worse than knowing nothing. The pixels are not among the 256 values (`to_levels`), the network is told the wrong time, or it has never seen such pictures (section 5).
#
# ## Questions to think about
#
# <details><summary>1. A paper reports FID 3.1 with 50,000 pictures, another 3.6 with 10,000. Which model is better?</summary>One cannot say: the second figure stands on a floor that is five times as high. Extrapolate both, or measure both with the same n.</details>
# <details><summary>2. Why does guidance (lessons 11 and 12) raise the inception score so much?</summary>It makes each picture plainly one of its class, and p(y) stays flat because you choose the classes. The score has no term for what is lost: variety within a class.</details>
# <details><summary>3. If every distance on features can be fooled, why are the figures of papers not all fooled?</summary>Because nobody trained for the yardstick. Once a figure is a target, it stops being a measure: a model that is trained with Inception features, or chosen among a hundred by FID, is closer to the second row of this lesson's first picture than it seems.</details>
# <details><summary>4. Recall is 0.9 for real pictures and not 1. Why?</summary>With n pictures the balls leave holes. Two sets of real pictures miss each other now and then, so recall has a floor too, or rather a ceiling.</details>
# <details><summary>5. Fewer bits per dimension, better pictures?</summary>Not necessarily. Most bits go into details that nobody sees, and a model can improve there alone. Ho et al. 2020 found that the simple loss gives better pictures and more bits than the bound itself.</details>
#
# ## What we left out
#
# Inception features and FID as such (they want 2,048 dimensions, 50,000 pictures, and a resize that is exactly the right one: [Parmar et al. 2022](https://arxiv.org/abs/2104.11222)); features of other networks, such as CLIP (lesson 18); density and coverage; exact likelihoods by the probability-flow equation (lesson 08); how well a picture fits its caption (lesson 19).
#
# ## Readings
#
# - Chong & Forsyth 2020, [Effectively Unbiased FID and Inception Score](https://arxiv.org/abs/1911.07023): section 2 here, with the proof that the bias depends on the model too.
# - Kynkäänniemi et al. 2019, [Improved Precision and Recall](https://arxiv.org/abs/1904.06991): why two numbers, and what truncation does to each.
# - Theis, van den Oord & Bethge 2016, [A note on the evaluation of generative models](https://arxiv.org/abs/1511.01844): likelihood, samples and usefulness are three different things, with an example for each pair.
#
# **Next**: lesson 11 asks for a class, and gets it. The yardsticks of this lesson will show what that costs.

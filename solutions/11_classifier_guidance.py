# %% [markdown]
# # 11 · Classifier guidance
#
# ![Four rows of ten flowers. In each column the noise is the same, and above it stands the species that was asked for. From top to bottom the guidance gets stronger: the sky and the colours stay, and the flower turns into what was asked for.](../course_utils/lessons/lesson11/opening.png)
#
# The models of lessons 04 and 06 draw flowers, and nobody can say which. This lesson asks for a rose and gets one, from a network that has never heard the word: a second, small network looks over its shoulder and points.
# It comes with a dial, and you will measure what turning it up buys and what it costs.
#
# **You will build** a classifier that reads noisy pictures, the gradient that makes one more like a rose, two ways to put it into a sampler, and the exact answer for a world in which everything is known.
#
# **You will see** why a classifier of clean pictures cannot steer, what a larger push buys and costs, that it does *not* sample what its formula seems to promise, and a sampler whose result depends on how many pictures are drawn at once.
#
# **Time**: about three hours with the exercises. The notebook itself takes about two minutes of computing under `laptop`, more than half of them for training the two classifiers; `lecture` loads the one that matters and is faster, `smoke` takes seconds.
#
# **Stands on** lessons 01 (`q_sample`), 04 (the mean and the variance of a step back) and 06 (DDIM, shorter ways).

# %%
import statistics
import time
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from course_utils import data, experiments, guidance, metrics, plots, pretrained, studies
from course_utils.diffusion import (
    alpha_bars,
    cosine_schedule,
    model_time,
    q_sample,
    schedule_step,
)
from course_utils.guidance import step_back
from course_utils.lessons.lesson11 import checks as ex
from course_utils.lessons.lesson11.explorer import SteeringExplorer
from course_utils.models import NoisyClassifier
from course_utils.runtime import start
from course_utils.samplers import respace, sample_ddim, sample_ddpm
from course_utils.training import fit

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %% tags=["figure"]
run = start("11", preset=preset, dataset=dataset)
plots.use_style()
model = pretrained.ddpm_or_ideal(dataset, run.device)  # a trained network, if there is one
predict, alpha_bar, size, noise = model.predict, model.alpha_bar, model.size, model.noise
train = data.load(dataset, size=size,
                  most=run.pick(smoke=256, lecture=4096, laptop=8192, gpu=16384))
T, K, classes = len(alpha_bar) - 1, len(train.classes), train.classes  # 1000, 10, ten names
plots.grid(train.one_of_each().images, titles=classes, columns=5, title="What can be asked for",
           alt=f"One picture of each class of {dataset}: {', '.join(classes)}.");

# %% [markdown]
# `predict(x, t)` is the network without classes, as a sampler wants it (lesson 06): it names the noise in `x`, and `t` runs from 0 to 1000. `noise(n, seed)` draws n noises to start from, (n, C, 16, 16). (For a data set without a network trained ahead it is the ideal denoiser over 400 pictures, and all that comes out is one of those.)
#
# ## 1 · What is missing
#
# **The network knows which pictures are probable. What would it have to know besides, to draw a rose?**
#
# Call the class $y$. What we want are pictures from $p(x_0\mid y)$, and a sampler gets there if at each $t$ it follows $p(x_t\mid y)$ in the place of $p(x_t)$. Bayes' rule says how the two hang together:
#
# $$p(x_t\mid y) = \frac{p(x_t)\;p(y\mid x_t)}{p(y)} .$$
#
# - $p(x_t)$ is how probable this noisy picture is. The diffusion model knows that, after a fashion.
# - $p(y\mid x_t)$ is how probable the class is, *given the noisy picture*. That is what a classifier says.
# - $p(y)$ does not depend on $x_t$.
#
# **Step 1.** Take the logarithm: the product becomes a sum. **Step 2.** Take the gradient with respect to $x_t$ (written $\nabla$: for every pixel, how fast the logarithm rises if that pixel grows). The term with $p(y)$ is a constant and drops out:
#
# $$\underbrace{\nabla\log p(x_t\mid y)}_{\text{score of the class}} = \underbrace{\nabla\log p(x_t)}_{\text{score}} + \underbrace{\nabla\log p(y\mid x_t)}_{\text{what is missing}} .$$
#
# The gradient of a log-density is called its *score*; it points uphill, to where pictures are denser (lesson 07 is all about it). *Licensed by* Bayes' rule and nothing else: no approximation so far. Adding the missing term is [Dhariwal & Nichol 2021](https://arxiv.org/abs/2105.05233), section 4, who call it *classifier guidance*.
#
# Here it is where everything can be drawn: pictures of one pixel, three classes, each a normal distribution, with the noise of step 300 of 1000.

# %% tags=["figure"]
world = guidance.Mixture(means=torch.tensor([[-1.2], [0.2], [1.0]], dtype=torch.float64),
                         std=0.35, shares=torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64))
exact_bar = alpha_bars(cosine_schedule(1000))
line = torch.linspace(-2.6, 2.6, 521, dtype=torch.float64)[:, None]  # (521, 1): the pixel
wanted, a = torch.full((len(line),), 2), exact_bar[300]
joint = world.log_joint(line, a)  # (521, 3): log p(x_t, class)
score, of_class = (world.guided_score(line, a, wanted, scale) for scale in (0.0, 1.0))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
for k, name in enumerate("ABC"):
    left.fill_between(line[:, 0], joint[:, k].exp(), alpha=0.35,
                      color=plots.COLOURS[f"class {name}"], label=f"class {name}")
left.plot(line[:, 0], joint.logsumexp(1).exp(), color=plots.COLOURS["reference"],
          label="all of them")
left.set(xlabel="value of the pixel, x_t", ylabel="density", title="Three classes, t = 300")
left.legend()
right.plot(line, score, color=plots.COLOURS["reference"], label="score")
right.plot(line, of_class - score, color=plots.COLOURS["guided"],
           label="what is missing for class C")
right.plot(line, of_class, "--", color=plots.COLOURS["class C"],
           label="their sum: the score of class C")
right.axhline(0, color=plots.COLOURS["rule"], zorder=0)
right.set(xlabel="value of the pixel, x_t", ylabel="per unit of x",
          title="Left of C, the missing term pulls up")
right.legend()
plots.show(figure, alt="Left: the densities of three classes on a line. Right: the score, the "
                       "missing term for class C, which is positive everywhere and near zero "
                       "within C, and their sum, a straight line through the middle of C.");

# %% [markdown]
# **Where to look.** Follow the orange curve from the left. Far from C it is large: "this is not C, go right". It falls as C gets likelier, and right of C, where no other class can be meant, it is near 0: nothing is left to say. Added to the wavy score it gives a straight line, the score of a single normal distribution. Check it with numbers, the score of class C from the formula against the slope of its logarithm:

# %% tags=["experiment"]
h = 1e-5
rise = world.log_joint(line + h, a) - world.log_joint(line - h, a)
slope = rise[:, 2] / (2 * h)  # of log p(x_t, C)
print(f"largest difference between score + missing term and the slope of log p(x_t | C): "
      f"{(of_class[:, 0] - slope).abs().max():.0e} (the values reach {slope.abs().max():.0f})")

# %% [markdown]
# ## 2 · A classifier that sees through noise
#
# **Who knows $p(y\mid x_t)$?**
#
# Any network that is shown $x_t$ and asked for $y$, and trained to be right: the cross entropy teaches it probabilities. Mind the index: it is shown the *noisy* picture, at every $t$ that a sampler visits. And it is told $t$, because how far to trust its eyes depends on it.
#
# $$L = -\log p_\phi(y\mid x_t), \qquad x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\epsilon$$
#
# - $p_\phi$ is the softmax of the classifier's scores, $\phi$ its weights.
# - $t$ and $\epsilon$ are drawn anew for every picture, as in the training of the diffusion model. The label stays that of $x_0$.

# %% [markdown]
# ### Exercise 1 · `noisy_classifier_loss`
# ●○○ · 10 minutes
#
# The formula above, as the mean over a batch.
#
# <details><summary>Hint 1: what to think about</summary>What does the classifier get to see, and on which scale is it told the time? (Lesson 04 has the same trap.)</details>
# <details><summary>Hint 2: the formula</summary>Noise the pictures with q_sample, ask the classifier about them and model_time(t, T), and take the cross entropy of its scores with y. T is the length of alpha_bar less one.</details>
# <details><summary>Hint 3: nearly the line</summary><code>x_t = q_sample(…)</code>, then <code>F.cross_entropy(classifier(x_t, model_time(…)), …)</code></details>


# %% tags=["exercise"] exercise="noisy_classifier_loss" points=2
def noisy_classifier_loss(classifier, x0, y, t, alpha_bar, eps):
    """How badly a classifier names the class of pictures under noise.

    classifier: classifier(x_t, t) gives scores (B, K), before the softmax, for t (B,) on the
    scale 0 to 1000.
    x0: clean pictures, (B, C, H, W).    y: their classes, (B,), int64.
    t: steps, (B,), int64, 0 to T.       alpha_bar: (T + 1,), float64.
    eps: noise, shaped like x0.
    Returns one number, the mean over the batch of -log p(y | x_t).
    Dhariwal & Nichol 2021, section 4.

    Example: a classifier that gives all of 10 classes the same score has a loss of log(10),
    which is 2.303.
    """
    ### BEGIN SOLUTION
    noisy = q_sample(x0, t, alpha_bar, eps)
    scores = classifier(noisy, model_time(t, len(alpha_bar) - 1))  # (B, K)
    return F.cross_entropy(scores, y)
    ### END SOLUTION


# %% tags=["check"] exercise="noisy_classifier_loss"
noisy_classifier_loss = ex.noisy_classifier_loss.check(noisy_classifier_loss)

# %% [markdown]
# Train two of them, alike in everything but one: the first sees pictures at every $t$ (more often at small $t$, where there is more to learn), the second sees clean pictures only, $t=0$. The network is a small one: three convolution levels, two residual blocks that are told the time (lesson 05), and smooth from end to end, because its *gradient* will be followed. Under `lecture` the first is loaded and the second trained for a few seconds.

# %% tags=["experiment"]
steps = run.pick(smoke=8, lecture=150, laptop=800, gpu=3000)


def trained(clean):
    """A classifier and its losses; with `clean` it never sees noise."""
    torch.manual_seed(0)
    net = NoisyClassifier(train.images.shape[1], K).to(run.device)
    batches = pretrained.reading_batches(train.images, train.labels, T, size=64, seed=0,
                                         clean=clean)

    def loss(net, batch):
        x0, y, t, eps = (part.to(run.device) for part in batch)
        return noisy_classifier_loss(net, x0, y, t, alpha_bar, eps)

    return net, fit(net, batches, loss, steps, learning_rate=4e-3,
                    title="clean" if clean else "noisy")


clean_net, clean_history = trained(clean=True)
classifier, history = trained(clean=False)
if run.preset == "lecture" and pretrained.available_noisy_classifier(dataset):
    classifier = pretrained.noisy_classifier(dataset, device=run.device)


def clean_classifier(x, t):
    """The second one, told the only time that it knows."""
    return clean_net(x, torch.zeros_like(t))


# %% tags=["experiment", "figure"]
test = data.load(dataset, n=run.pick(smoke=60, laptop=300), size=size, split="test")
times = (0, 50, 100, 150, 200, 300, 400, 500, 600, 800, 1000)
seeing = {"noisy classifier": classifier, "clean classifier": clean_classifier}
accuracy = {name: pretrained.accuracy_by_time(net, test.images, test.labels, times, alpha_bar)
            for name, net in seeing.items()}
print(pd.DataFrame(accuracy, index=pd.Index(times, name="t")).T.round(2).to_string())
plots.curves(accuracy, x=times, xlabel="step t of the noise", ylabel="share named rightly",
             hlines={"chance": 1 / K},
             title="A classifier of clean pictures loses sight much sooner",
             alt="Share of held-out pictures named rightly against t, for a classifier trained "
                 "on noisy pictures and one trained on clean ones.");

# %% [markdown]
# **Where to look.** On clean pictures the second is the better one, 1.00 against 0.97: it has practised nothing else. At $t=200$ it reads 0.34 of the pictures rightly, where the first reads 0.63. From $t=500$ on both are close to chance: with this schedule little of the picture is left there (lesson 01 drew the same curve for its recogniser, on larger pictures). So these two can steer between $t=500$ and the end, and hardly before.
#
# ## 3 · Its gradient
#
# **Which way must a picture change, so that the classifier believes in the rose a little more?**
#
# Training differentiates the loss with respect to the *weights*. Here the weights stay, and the derivative is taken with respect to the *picture*: $\nabla_{x_t}\log p_\phi(y\mid x_t)$, one number for every pixel and colour. It is the same backward pass, which only goes on to the input.

# %% [markdown]
# ### Exercise 2 · `classifier_gradient`
# ●●○ · 15 minutes · the heart of the lesson
#
# A whole batch at once: each picture has its own class in `y`, and its gradient must be its own, the same as if it were alone. `torch.autograd.grad(number, x)` gives the gradient of *one* number.
#
# <details><summary>Hint 1: what to think about</summary>Which one number, made of all log-probabilities, has in its gradient the right thing for every picture? Picture 3's log-probability does not depend on picture 5.</details>
# <details><summary>Hint 2: the formula</summary>Take x out of any history (detach) and let it ask for gradients. log_softmax over the classes; pick y for each picture; add up; differentiate.</details>
# <details><summary>Hint 3: nearly the line</summary><code>seen = x.detach().requires_grad_(…)</code>, <code>log_p = classifier(seen, t).log_softmax(…)</code>, <code>….gather(1, y[:, None])</code>, <code>torch.autograd.grad(…, …)[0]</code></details>


# %% tags=["exercise"] exercise="classifier_gradient" points=3
def classifier_gradient(classifier, x, t, y):
    """The gradient of log p(y | x_t) with respect to x_t, for each picture of a batch.

    classifier: classifier(x, t) gives scores (B, K), before the softmax.
    x: noisy pictures, (B, C, H, W).    t: (B,), on the scale 0 to 1000.
    y: classes, (B,), int64.
    Returns the gradients, (B, C, H, W), a plain tensor without history; x stays as it was.

    Example: two classes with scores 0 and 3 x, at x = 0 for class 1: the gradient is 1.5.
    """
    ### BEGIN SOLUTION
    seen = x.detach().requires_grad_(True)
    log_p = classifier(seen, t).log_softmax(dim=1)  # (B, K)
    total = log_p.gather(1, y[:, None]).sum()  # a sum: each picture's own term has weight 1
    return torch.autograd.grad(total, seen)[0]
    ### END SOLUTION


# %% tags=["check"] exercise="classifier_gradient"
classifier_gradient = ex.classifier_gradient.check(classifier_gradient)

# %% [markdown]
# What does it look like? Take one picture at growing noise, and ask both classifiers which way leads to another class. (Each gradient is stretched to full contrast; grey is "leave this pixel alone".)

# %% tags=["experiment", "figure"]
goal = min(3, K - 1)
start_from = int((test.labels != goal).nonzero()[0])
at = torch.tensor([0, 50, 100, 200, 300, 450])
x0 = test.images[start_from].expand(len(at), -1, -1, -1)
x_t = q_sample(x0, at, alpha_bar, noise(len(at), seed=1))


def stretched(gradient):
    """The gradients as pictures, each with its own contrast."""
    return gradient / gradient.abs().amax(dim=(1, 2, 3), keepdim=True)


to_goal = torch.full((len(at),), goal)
gradients = {name: classifier_gradient(net, x_t, model_time(at, T), to_goal)
             for name, net in seeing.items()}
print("length of the gradient, by t: " + "; ".join(
    f"{name} " + ", ".join(f"{g.norm():.1f}" for g in gradient)
    for name, gradient in gradients.items()))
plots.strip({"x_t": x_t, **{name: stretched(g) for name, g in gradients.items()}},
            column_titles=[f"t = {t}" for t in at.tolist()],
            title=f"Which way to {classes[goal]}?",
            alt="A picture under more and more noise, and below it the gradients of two "
                "classifiers towards another class.");

# %% [markdown]
# **Where to look.** The gradient of the noisy classifier is smooth and sits in the middle: it paints petals. At $t=0$ it wants a little at the heart of the flower, at $t=200$ a whole head. That of the clean one is grain, and longer: 24.5 against 9.0 without noise, 12.9 against 0.9 at $t=300$, where it can hardly read. Being blind does not make it quiet. A push along grain changes the mind of that classifier and not the picture; such pictures are called adversarial (lesson 10).
#
# ## 4 · The shifted mean
#
# **How does the gradient get into DDPM's step?**
#
# A step back from $t$ to $s$ draws from a normal distribution with mean $\mu$ and variance $\sigma^2$ (lesson 04); `step_back(x_t, eps, t, s, alpha_bar)` gives both. With a class wanted, it should draw from $p(x_s\mid x_t, y)$.
#
# **Step 1. Bayes, once more**, this time for the step:
#
# $$p(x_s\mid x_t,y)\;\propto\; p(x_s\mid x_t)\;p(y\mid x_s, x_t) = p(x_s\mid x_t)\;p(y\mid x_s).$$
#
# *Licensed by*: the noise that leads from $x_s$ to $x_t$ knows nothing of the class. Whoever knows $x_s$ learns nothing more about $y$ from $x_t$.
#
# **Step 2. The first factor's logarithm** is a parabola: $\log p(x_s\mid x_t) = -\frac{(x_s-\mu)^2}{2\sigma^2} + \text{const}$. (Written for one pixel; those of a picture add up.)
#
# **Step 3. Taylor.** The second factor's logarithm can be anything. But a short step has a small $\sigma$, so only $x_s$ near $\mu$ matter, and there a smooth function is nearly a straight line:
#
# $$\log p(y\mid x_s)\approx \log p(y\mid\mu) + (x_s-\mu)\,g, \qquad g = \nabla\log p(y\mid x)\ \text{at}\ x=\mu .$$
#
# *Licensed by*: $\sigma$ is small against the distance over which the slope changes. This is the one approximation, and it gets better with shorter steps.
#
# **Step 4. Complete the square.** A parabola plus a straight line is the same parabola, moved:
#
# $$-\frac{(x_s-\mu)^2}{2\sigma^2} + (x_s-\mu)\,g = -\frac{(x_s-\mu-\sigma^2 g)^2}{2\sigma^2}+\text{const}.$$
#
# So the step is the old one with another mean, $\mu+\sigma^2 g$, and the same variance. That is all.
#
# **Step 5. A dial.** Put $p(y\mid x)^s$ in the place of $p(y\mid x)$: the gradient is multiplied by $s$, the *scale* (not the step $s$ of above).
#
# $$\hat\mu = \mu + s\,\sigma^2\,\nabla\log p_\phi(y\mid x)$$
#
# - $s=0$ is the model without a class, $s=1$ is Bayes' rule, and $s>1$ exaggerates: where the classifier is unsure, $p^s$ is far smaller than $p$.
# - $\sigma^2$ is the unit: a step with little fresh noise may be pushed only little.
#
# (Dhariwal & Nichol 2021, section 4.1, equation 10 and algorithm 1. Their code takes the gradient at $x_t$, which is at hand, in the place of $\mu$; for short steps the two are nearly the same place.)

# %% [markdown]
# ### Exercise 3 · `guided_mean`
# ●○○ · 5 minutes
#
# <details><summary>Hint 1: what to think about</summary>In the exponent stands a variance, not a standard deviation. What should come out for scale 0?</details>
# <details><summary>Hint 2: the formula</summary>The last formula above, read from left to right.</details>
# <details><summary>Hint 3: nearly the line</summary><code>return mean + … * … * gradient</code></details>


# %% tags=["exercise"] exercise="guided_mean" points=1
def guided_mean(mean, variance, gradient, scale):
    """The mean of a step back, moved towards a class.

    mean: of the step without a class, (B, C, H, W).    variance: of the same step, a number.
    gradient: of log p(y | x), shaped like mean.        scale: a number, s.
    Returns (B, C, H, W), of the dtype of mean.    Dhariwal & Nichol 2021, algorithm 1.

    Example: mean 1, variance 0.1, gradient 2, scale 3 gives 1.6.
    """
    ### BEGIN SOLUTION
    return mean + scale * variance * gradient
    ### END SOLUTION


# %% tags=["check"] exercise="guided_mean"
guided_mean = ex.guided_mean.check(guided_mean)

# %% [markdown]
# Step 3 says "nearly". How nearly? In the one-pixel world the product of step 1 can be added up on a fine line, without Taylor. Begin at $t=500$ and take steps of several lengths:

# %% tags=["experiment"]
fine = torch.linspace(-6, 6, 60001, dtype=torch.float64)
x_500 = torch.tensor([[-0.4]], dtype=torch.float64)
eps_500 = world.predict(exact_bar)(x_500, torch.tensor([500.0]))
rows = {}
for s in (100, 300, 450, 490, 499):
    mu, variance = step_back(x_500, eps_500, 500, s, exact_bar)
    log_p = world.log_joint(fine[:, None], exact_bar[s]).log_softmax(dim=1)[:, 2]
    product = -(fine - mu[0, 0]) ** 2 / (2 * variance) + log_p
    weight = (product - product.max()).exp()
    truth = (weight * fine).sum() / weight.sum()  # the mean of p(x_s | x_t) p(y | x_s)
    g = classifier_gradient(world.classifier(exact_bar), mu, torch.tensor([1000.0 * s / T]),
                            torch.tensor([2]))
    moved = guided_mean(mu, variance, g, 1.0)
    off = ((moved - truth) / (truth - mu)).abs().item()
    rows[f"{500 - s} steps at once" if s < 499 else "one step"] = {
        "sigma": variance.sqrt().item(), "exact push": (truth - mu).item(),
        "sigma^2 g": (moved - mu).item(), "off by": off}
table = pd.DataFrame(rows).T
table["off by"] = table["off by"].map("{:.1%}".format)
display(table.round(4))

# %% [markdown]
# **What to notice.** A step of 400 at once would be pushed five times too far: $\sigma$ is 0.7 there, as wide as the way between two classes, and the slope at $\mu$ says nothing about what lies at its other end. With 50 steps at once the push is off by 21 %, with 10 by 3.8 %, with one by 0.4 %. Long steps and Taylor do not go together; keep that in mind when you steer with few steps.
#
# ## 5 · The shifted noise
#
# **DDIM has no variance to multiply with. How is it steered?**
#
# With $\sigma=0$ the shifted mean is not shifted. But section 1 was about scores, and DDIM knows the score under another name:
#
# $$\nabla\log p(x_t) = -\frac{\epsilon}{\sqrt{1-\bar\alpha_t}} .$$
#
# *Licensed by*: given $x_0$, $x_t$ is normal about $\sqrt{\bar\alpha_t}\,x_0$ with variance $1-\bar\alpha_t$, so its score is $-(x_t-\sqrt{\bar\alpha_t}x_0)/(1-\bar\alpha_t)=-\epsilon/\sqrt{1-\bar\alpha_t}$; the score of the whole is the average of that over all $x_0$ that $x_t$ could have come from, and the network's $\epsilon$ is just that average (lesson 02: the best guess is one).
#
# Add $s$ times the missing term on the left, and read off the noise that would belong to it:
#
# $$-\frac{\hat\epsilon}{\sqrt{1-\bar\alpha_t}} = -\frac{\epsilon}{\sqrt{1-\bar\alpha_t}} + s\,\nabla\log p_\phi(y\mid x_t)
# \quad\Longrightarrow\quad \hat\epsilon = \epsilon - s\,\sqrt{1-\bar\alpha_t}\;\nabla\log p_\phi(y\mid x_t).$$
#
# This is algorithm 2 of Dhariwal & Nichol 2021. The minus sign is no mistake: noise is what the sampler takes away.

# %% [markdown]
# ### Exercise 4 · `guided_eps`
# ●○○ · 10 minutes
#
# Each picture has its own $t$.
#
# <details><summary>Hint 1: what to think about</summary>Which of the two roots belongs to the noise? What shape must a number for each picture have before it meets pictures, and which dtype should come out?</details>
# <details><summary>Hint 2: the formula</summary>eps, less scale times the root of (1 − alpha bar at t) times the gradient. alpha_bar is float64; turn the factor into the dtype of eps.</details>
# <details><summary>Hint 3: nearly the line</summary><code>root = (1 - alpha_bar[…]).sqrt().to(eps).reshape(…)</code></details>


# %% tags=["exercise"] exercise="guided_eps" points=2
def guided_eps(eps, gradient, t, alpha_bar, scale):
    """The predicted noise, moved towards a class.

    eps: the predicted noise without a class, (B, C, H, W).
    gradient: of log p(y | x_t), shaped like eps.
    t: steps, (B,), int64, 0 to T.    alpha_bar: (T + 1,), float64.    scale: a number, s.
    Returns (B, C, H, W), of the dtype of eps.    Dhariwal & Nichol 2021, algorithm 2.

    Example: eps 1, gradient 2, alpha_bar[t] = 0.64, scale 1 gives 1 - 0.6 * 2 = -0.2.
    """
    ### BEGIN SOLUTION
    strength = (1 - alpha_bar.to(t.device)[t]).sqrt().to(eps).reshape(-1, 1, 1, 1)
    return eps - scale * strength * gradient
    ### END SOLUTION


# %% tags=["check"] exercise="guided_eps"
guided_eps = ex.guided_eps.check(guided_eps)

# %% [markdown]
# ### Exercise 5 · `classifier_predict`
# ●●○ · 15 minutes · the heart of the lesson
#
# Every sampler of this course takes a `predict(x, t)`. So wrap guidance up as one: a function that returns a function. Then DDIM, and each sampler still to come, is steered without a line changed. Two clocks meet in it: the networks hear $t$ from 0 to 1000, and $\bar\alpha$ is looked up by the *step*, which `schedule_step(t, T)` gives.
#
# <details><summary>Hint 1: what to think about</summary>Define a function of x and t inside yours, and return it without calling it. What does it know from outside?</details>
# <details><summary>Hint 2: the formula</summary>Inside: the gradient of the classifier at x and t; then guided_eps with predict's answer, that gradient, the step that belongs to t, alpha_bar and the scale.</details>
# <details><summary>Hint 3: nearly the line</summary><code>def guided(x, t):</code>, in it <code>gradient = classifier_gradient(…)</code> and <code>return guided_eps(predict(…), gradient, schedule_step(…), …)</code>; then <code>return guided</code></details>


# %% tags=["exercise"] exercise="classifier_predict" points=2
def classifier_predict(predict, classifier, y, scale, alpha_bar):
    """A `predict` that draws what is asked for, to be handed to any sampler.

    predict: predict(x, t) gives the noise in x (B, C, H, W), for t (B,) on the scale 0 to 1000.
    classifier: classifier(x, t) gives scores (B, K).
    y: the class wanted of each picture, (B,), int64.
    scale: a number, s.    alpha_bar: (T + 1,), float64.
    Returns a function of x and t like `predict`.    Dhariwal & Nichol 2021, algorithm 2.

    Example: with scale 0, classifier_predict(…)(x, t) equals predict(x, t).
    """
    ### BEGIN SOLUTION
    def steered(x, t):
        push = classifier_gradient(classifier, x, t, y)
        step = schedule_step(t, len(alpha_bar) - 1)
        return guided_eps(predict(x, t), push, step, alpha_bar, scale)

    return steered
    ### END SOLUTION


# %% tags=["check"] exercise="classifier_predict"
classifier_predict = ex.classifier_predict.check(classifier_predict)

# %% [markdown]
# Now ask. One column a class, the same noise in each column, and the dial turned up from row to row. (The guess at $x_0$ is clipped to $[-1, 1]$ in every step, lesson 06.) The `judge` says what a picture shows: for flowers it is the oracle (lesson 04), for other data the recogniser (lesson 01).

# %% tags=["experiment", "figure"]
sampling_steps = run.pick(smoke=3, lecture=15, laptop=20, gpu=50)
judged = run.pick(smoke=12, lecture=40, laptop=100, gpu=180)
judge = metrics.Judge(dataset, size, n=judged, device=run.device)


def ask(y, scale, seed, net=None):
    """Pictures of the classes y, (B, C, 16, 16), by DDIM."""
    guided = classifier_predict(predict, net or classifier, y, scale, alpha_bar)
    x = sample_ddim(guided, noise(len(y), seed), alpha_bar, sampling_steps, clip=True)
    return x.clamp(-1, 1)


each = torch.arange(K)
rows = {f"scale {scale:g}": ask(each, scale, seed=2)
        for scale in run.pick(smoke=(0, 3), laptop=(0, 1, 3, 10))}
for name, x in rows.items():
    print(f"{name}: {(judge.read(x) == each).sum().item()} of {K} are read as asked for")
plots.strip(rows, column_titles=classes,
            title="The same noises, asked for ten classes, harder and harder",
            alt="Rows of pictures from the same noises, one column a class; the farther down "
                "the stronger the guidance.");

# %% [markdown]
# **Where to look.** Go down a column. Sky and colour mostly stay, as the noise has them; the shape turns into what is asked for: a bell, the cup of a tulip, a flat lotus. Without guidance 2 of the 10 are read as asked for, about what chance gives; at scale 1 and 3 it is 5, at scale 10 it is 8. Some hold out to the end.
#
# ## 6 · A world where everything is known
#
# **Is what comes out really $p(x_0\mid y)$?**
#
# With networks nobody can say: their mistakes and those of the method come out mixed. So go back to the world of section 1, where the exact denoiser and the exact classifier are formulas. Class $k$ is normal about $m_k$ with standard deviation $\varsigma$, and has the share $\pi_k$ of all pictures.
#
# - **Noise keeps it a mixture.** At level $\bar\alpha$, class $k$ is normal about $\sqrt{\bar\alpha}\,m_k$ with variance $v=\bar\alpha\,\varsigma^2+1-\bar\alpha$: the picture shrinks, and independent variances add.
# - **The classifier** is Bayes' rule: $p(k\mid x)\propto \pi_k\,\exp\!\big(-|x-\sqrt{\bar\alpha}\,m_k|^2/2v\big)$, a softmax.
# - **The score of one class** is $(\sqrt{\bar\alpha}\,m_k-x)/v$, a pull towards its middle. **The score of all** is the average of those pulls, weighted with $p(k\mid x)$. (*Licensed by*: $\nabla\log\sum_k f_k = \sum_k \frac{f_k}{\sum_j f_j}\nabla\log f_k$.)
# - **The missing term** follows from section 1 without any derivative: score of class $y$, less score of all.

# %% [markdown]
# ### Exercise 6 · `mixture_guided_score`
# ●●● · 25 minutes · the heart of the lesson
#
# Points have $D$ numbers, so a batch is (B, D), and with the classes in the middle (B, K, D).
#
# <details><summary>Hint 1: what to think about</summary>Write down first, for every point and class, the way from the point to the middle of the class. Everything is made of that.</details>
# <details><summary>Hint 2: the formula</summary>log-probabilities (B, K): log of the share, less the squared length of that way over 2 v; softmax over the classes. Pulls (B, K, D): the ways over v. Score: the pulls averaged with the probabilities. Missing term: the pull of class y less the score.</details>
# <details><summary>Hint 3: nearly the line</summary><code>way = a**0.5 * means - x[:, None]</code>, <code>p = (… - way.square().sum(…) / …).softmax(…)</code>, <code>pull[torch.arange(…), y]</code></details>


# %% tags=["exercise"] exercise="mixture_guided_score" points=3
def mixture_guided_score(x, y, a, scale, means, std, shares):
    """The score of all classes, and scale times what is missing for class y.

    x: points, (B, D).    y: the class wanted of each, (B,), int64.
    a: alpha_bar at their level, a number.
    scale: a number, s.   means: middles of the classes, (K, D).    std: of every class.
    shares: (K,), sum 1.
    Returns (B, D): the gradient of log p(x_t) + scale log p(y | x_t).

    Example: with scale 1 it is the score of class y alone, whatever the shares.
    """
    ### BEGIN SOLUTION
    v = a * std**2 + 1 - a
    way = a**0.5 * means - x[:, None, :]  # (B, K, D)
    p = (shares.log() - way.square().sum(dim=2) / (2 * v)).softmax(dim=1)  # (B, K)
    pull = way / v  # (B, K, D)
    of_all = (p[:, :, None] * pull).sum(dim=1)  # (B, D)
    return of_all + scale * (pull[torch.arange(len(x)), y] - of_all)
    ### END SOLUTION


# %% tags=["check"] exercise="mixture_guided_score"
mixture_guided_score = ex.mixture_guided_score.check(mixture_guided_score)

# %% [markdown]
# Sample with it, by the same DDIM as always, class C wanted. At scale 1 the points should be distributed as class C is. And at scale 4? The formula $p(x)\,p(y\mid x)^4$ is a density like any other (call it *tilted*), and it can be drawn. Do the samples follow it?

# %% tags=["experiment"]
crowd_size = run.pick(smoke=300, laptop=4000, gpu=20000)
crowd_steps = run.pick(smoke=20, lecture=100, laptop=200, gpu=400)
ends = torch.linspace(-3, 4, 7001, dtype=torch.float64)


def crowd(scale, seed, sampler=sample_ddim, **more):
    """Points drawn with class C wanted, (N,)."""
    y = torch.full((crowd_size,), 2)

    def exact(x, t):
        a = float(exact_bar[int(t[0])])
        score = mixture_guided_score(x, y, a, scale, world.means, world.std, world.shares)
        return -((1 - a) ** 0.5) * score

    x_T = torch.randn(crowd_size, 1, generator=run.fresh_generator(seed), dtype=torch.float64)
    return sampler(exact, x_T, exact_bar, steps=crowd_steps, **more)[:, 0]


def tilted(scale):
    """p(x) p(C | x)^scale on the line `ends`, made to add up to 1."""
    height = world.tilted(ends[:, None], 2, scale).exp()
    return height / height.sum()

# %% tags=["experiment", "figure"]
figure, panels = plt.subplots(1, 3, figsize=(9, 3.3), sharey=True)
for panel, scale in zip(panels, (1, 2, 4)):
    panel.hist(crowd(scale, seed=0), bins=60, range=(-0.5, 2.6), density=True, alpha=0.5,
               color=plots.COLOURS["guided"], label="samples")
    panel.plot(ends, tilted(scale) / (ends[1] - ends[0]), color=plots.COLOURS["tilted"],
               label="tilted density")
    panel.set(xlabel="value of the pixel, x_0", title=f"scale {scale}", xlim=(-0.5, 2.6))
panels[0].set_ylabel("density")
panels[0].legend()
plots.show(figure, alt="Histograms of samples at scales 1, 2 and 4 against the tilted density. "
                       "At scale 1 they agree; at 2 and 4 the samples lie farther out and "
                       "closer together than the density.");

# %% [markdown]
# **Where to look.** At scale 1 histogram and curve are one: the class is hit exactly. At scale 2 the samples are too far out and too close together, at scale 4 there is hardly any overlap. So *classifier guidance with a scale above 1 does not sample the density that its formula seems to promise*. In numbers, over several seeds:

# %% tags=["experiment"]
seeds = range(run.pick(smoke=2, laptop=3, gpu=5))
runs = {f"scale {s}": lambda seed, s=s: crowd(s, 10 + seed) for s in (1, 4)}
means = experiments.compare({name: lambda seed, draw=draw: draw(seed).mean().item()
                             for name, draw in runs.items()}, seeds, "mean of the samples")
spreads = experiments.compare({name: lambda seed, draw=draw: draw(seed).std().item()
                               for name, draw in runs.items()}, seeds,
                              "standard deviation of the samples")
centre = (tilted(4) * ends).sum().item()
spread = (tilted(4) * (ends - centre) ** 2).sum().sqrt()
print(f"tilted density at scale 4: mean {centre:.3f}, standard deviation {spread:.3f}")
with_noise = crowd(4, seed=0, sampler=sample_ddpm, generator=run.fresh_generator(1))
print(f"the same by DDPM: mean {with_noise.mean():.3f}, "
      f"standard deviation {with_noise.std():.3f}")

# %% tags=["experiment"]
for what, source, found, name, expected in (
    ("Where all is known, guidance at scale 1 gives the mean of the class", "Bayes' rule",
     means, "scale 1", 1.0),
    ("Where all is known, guidance at scale 1 gives the spread of the class", "Bayes' rule",
     spreads, "scale 1", 0.35),
    ("Guidance at scale 4 gives samples with the mean of p(x) p(y|x)^4", "often said", means,
     "scale 4", round(centre, 3)),
):
    display(experiments.claim_equal(what, source, found, name, expected=expected,
                                    tolerance=0.02))

# %% [markdown]
# **Why not?** At each $t$ the sampler follows the score of $p(x_t)\,p(y\mid x_t)^s$. For a sampler to end at the tilted density, it would have to follow the score of *that density, with noise added*. Tilting and adding noise do not commute, unless $s$ is 0 or 1. Both scores at $t=600$:

# %% tags=["experiment", "figure"]
def noised_tilted_score(x, step, scale):
    """The score of the tilted density with the noise of a step: (N, 1) -> (N,).

    By adding up over the line.
    """
    level = exact_bar[step]
    away = level.sqrt() * ends - x  # (N, 7001)
    weight = (tilted(scale).log() - away**2 / (2 * (1 - level))).softmax(dim=1)
    return (weight * away).sum(dim=1) / (1 - level)


figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for panel, scale in zip(panels, (1, 4)):
    followed = mixture_guided_score(line, torch.full((len(line),), 2), float(exact_bar[600]),
                                    scale, world.means, world.std, world.shares)
    panel.plot(line, followed, color=plots.COLOURS["guided"], label="what guidance follows")
    panel.plot(line, noised_tilted_score(line, 600, scale), "--", color=plots.COLOURS["tilted"],
               label="what would lead to the tilted density")
    panel.axhline(0, color=plots.COLOURS["rule"], zorder=0)
    panel.set(xlabel="x_t, t = 600", title=f"scale {scale}")
panels[0].set_ylabel("score")
panels[0].legend()
plots.show(figure, alt="Two scores against the pixel's value at t = 600. At scale 1 the two "
                       "curves are one; at scale 4 what guidance follows lies above.");

# %% [markdown]
# **Where to look.** On the left the two are the same line. On the right guidance pulls up harder everywhere, already at $t=600$, with most of the way still to go, and the sampler arrives in the land of $t=300$ too far out. No later step takes it back. In the claims above: the mean is 1.001 at scale 1, where 1 is right, and 1.781 at scale 4, where the tilted density has 1.187. A large scale is a dial that works, not a density that is sampled. (Fresh noise helps: DDPM keeps forgetting its way, and lands between the two. The printed line has its figures.)
#
# ## 7 · Does it have to see noise?
#
# **Classifiers of clean pictures are everywhere. Why not take one of those?**
#
# You have seen its blindness in section 2. Now let both steer, at the same scale, from the same noises:

# %% tags=["experiment", "figure"]
strength = 10
eight = torch.arange(8) % K
rows = {"no guidance": ask(eight, 0, seed=3), "noisy classifier": ask(eight, strength, 3),
        "clean classifier": ask(eight, strength, 3, clean_classifier)}
plots.strip(rows, column_titles=[classes[k] for k in eight],
            title="Steered by a classifier that knows noise, and by one that does not "
                  f"(scale {strength})",
            alt="Three rows of pictures from the same noises: without guidance, steered by the "
                "noisy classifier, steered by the clean one.");

# %% [markdown]
# One picture of each proves little. The comparison over three trainings of each classifier was made ahead, with more pictures (`course claims steering` repeats it; the model of flowers). *Read as asked* is by the oracle, which has had no part in the steering. *Read by itself* is by the classifier that steered, on the finished picture.

# %% tags=["experiment"]
how = studies.settings("steering")
print(f"{how['study']}: flowers, 16 px, {how['shared']['training_steps']} training steps, "
      f"{how['shared']['samples']} pictures, seeds {how['seeds']}")
asked = studies.load("steering", figure="read as asked")
own = studies.load("steering", figure="read by itself")
display(pd.DataFrame({"read as asked (oracle)": asked.table()["mean"],
                      "read by itself": own.table()["mean"]}).round(3))
for scale in (1, 4, 16):
    display(experiments.claim(f"At scale {scale} a classifier trained on noisy pictures steers "
                              "better than one trained on clean ones",
                              "Dhariwal & Nichol 2021, section 4, train on noise",
                              asked, digits=2,
                              more=f"noisy, scale {scale}", less=f"clean, scale {scale}"))

# %% [markdown]
# **What to notice.** At scale 4 the noisy classifier gets 0.65 of the pictures read as asked, the clean one 0.31, and pushing harder hardly helps it (about a third at scale 16). It is no idler: on the finished pictures *it* reads what was asked in 0.73. So it has been persuaded, and the oracle has not: that is the grain of section 3. The noisy classifier is a little persuaded too (at scale 4, 0.94 by itself against 0.65 by the oracle). Whoever steers must not be the judge.
#
# ## 8 · The dial
#
# **What does a larger scale buy, and what does it cost?**
#
# *Fidelity*: is it what was asked for? The oracle's share says so. *Diversity*: are the roses still different roses? Two figures: the mean distance between two pictures of one class, in features that a recogniser sees, and *recall*, the share of real pictures that lie among the generated ones (lesson 10). The same study, along the scales (0.5 is added to each, because scale 0 has no place on a logarithmic axis):

# %% tags=["experiment", "figure"]
scales = [float(name.split()[-1]) for name in asked.runs if name.startswith("noisy")]


def along(figure):
    """Runs by scale, (seeds, scales), of the noisy classifier."""
    found = studies.load("steering", figure=figure)
    return np.stack([found.runs[f"noisy, scale {s:g}"] for s in scales], axis=1)


plots.curves({"read as asked": along("read as asked"), "recall": along("recall")},
             x=[s + 0.5 for s in scales], logx=True, xlabel="scale + 0.5", ylabel="share",
             title="The harder the push, the more pictures are what was asked for",
             alt="Share read as asked, and recall, against the scale of guidance.");

# %% tags=["experiment", "figure"]
real = data.load("flowers", n=how["shared"]["samples"], size=16, split="test")
reader = metrics.Judge("flowers", 16, n=how["shared"]["samples"])
far = [metrics.mean_pairwise_distance(reader.reader.features(real.images[real.labels == k]))
       for k in real.labels.unique()]
plots.curves({"distance within a class": along("distance within a class")},
             x=[s + 0.5 for s in scales], logx=True,
             xlabel="scale + 0.5", ylabel="distance of two features",
             hlines={"real pictures": sum(far) / len(far)},
             title="The harder the push, the more alike are pictures of a class",
             alt="Mean distance of two pictures of a class against the scale of guidance.");

# %% tags=["experiment"]
print(f"real pictures: read as asked {reader.floor_asked:.2f}, "
      f"recall {reader.floor_recall:.2f}, distance within a class {sum(far) / len(far):.2f}")
sweep = {figure: studies.load("steering", figure=figure) for figure in
         ("read as asked", "recall", "precision", "distance within a class",
          "Fréchet distance")}
display(pd.DataFrame({figure: {f"scale {s:g}": found.runs[f"noisy, scale {s:g}"].mean()
                               for s in scales}
                      for figure, found in sweep.items()}).round(3))

# %% tags=["experiment"]
def compared(what, figure, more, less, statement):
    """The claim that a figure of the noisy classifier is larger at one scale than another."""
    other = more if what != more else less
    return experiments.claim(f"{statement} at scale {what} than at scale {other}",
                             "Dhariwal & Nichol 2021, section 4.3", sweep[figure], digits=2,
                             more=f"noisy, scale {more}", less=f"noisy, scale {less}")


for more, less in ((1, 0), (8, 1), (32, 8)):
    display(compared(more, "read as asked", more, less, "More pictures are read as asked"))
display(compared(32, "distance within a class", 1, 32, "Pictures of a class are more alike"))
display(compared(32, "recall", 1, 32, "Recall is lower"))
for scale in (1, 32):
    display(compared(4, "Fréchet distance", scale, 4, "The pictures are nearer to real ones"))

# %% [markdown]
# Beside it, the figures of the paper, on ImageNet at 256 px, with a model that is told the class as well (Dhariwal & Nichol 2021):

# %% tags=["experiment"]
display(pd.DataFrame({"FID": [10.94, 4.59, 9.11], "recall": [0.63, 0.52, 0.32]},
                     index=pd.Index(["no guidance", "scale 1", "scale 10"])).T)

# %% [markdown]
# **What to notice.** Fidelity rises all the way, from 0.10, which is chance, over 0.37 at scale 1 to 0.84 at scale 32. Bayes' rule alone is far from enough, because the small classifier is unsure of nearly everything while the picture is decided. The distance within a class falls all the way, from 5.49 at scale 1 to 4.21 at scale 32. But mind the dotted line: two *real* pictures of a class are only 3.68 apart. So part of the fall is no loss: strangers leave, pictures that were never of the class. The next cell looks at that.
#
# Recall does not fall here as it does in the paper: 0.80 at scale 1, 0.90 at 4, 0.85 at 32, and the claim is too close to call. A guess that you can test: recall asks whether *all* real pictures are covered, and the model left alone covers them badly, with many flowers of no species; asking for each species equally often brings the missing ones in. The paper's model covers ImageNet well before it is steered, and has only something to lose. The Fréchet distance sees both sides and is smallest in between, 2.52 at scale 4 and 2.49 at scale 8, as FID is in the paper. That 4 is better than 1 holds; that it is better than 32 (3.70) is still open, the three seeds scatter too much.
#
# **Is any variety lost?** Count only the pictures that are read as asked for, with your own classifier, over several seeds of the noise. Strangers are out on both sides now, so what is left of the fall is what the push has cost.

# %% tags=["experiment"]
often = run.pick(smoke=3, lecture=6, laptop=25, gpu=100)
four = min(5, K - 4) + torch.arange(4).repeat_interleave(often)  # four classes


def among_the_right(scale, seed):
    """The mean distance of two pictures of a class, among those that are read as asked for."""
    x = ask(four, scale, 500 + seed)
    features, right = judge.reader.features(x), judge.read(x) == four
    kept = [features[right & (four == k)] for k in four.unique()]
    each = [metrics.mean_pairwise_distance(some) for some in kept if len(some) > 1]
    return sum(each) / max(1, len(each))


runs = {f"scale {s}": lambda seed, s=s: among_the_right(s, seed) for s in (1, 4, 32)}
varied = experiments.compare(runs, seeds, "distance within a class, among those read as asked")
display(varied.table().round(2))
experiments.claim("Among pictures that are what was asked for, those at scale 32 are more "
                  "alike than those at scale 1", "Dhariwal & Nichol 2021, section 4.3",
                  varied, digits=2, more="scale 1", less="scale 32")

# %% [markdown]
# **What to notice.** Too close to call: 4.21 at scale 1, where few are right and the seeds scatter, 3.92 at scale 4 and 3.82 at scale 32. So with these flowers most of what the curve shows is strangers leaving, and whether variety is lost as well, three seeds cannot say. The curve alone would have told another story.
#
# ## 9 · The price
#
# **What does a steered step cost?**
#
# The network runs once, as before. The classifier runs forward, and then *backward to the picture*, which goes through each layer once more, the other way. (The gradients of the weights, the third part of a training step, nobody asks for.) Count the multiplications, which are the same on every machine, and then the milliseconds, which are not:

# %% tags=["experiment"]
one, now = noise(1, seed=4), torch.tensor([500.0])


def multiplications(work):
    """How many a piece of work takes, in millions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 2e6


if not model.exact:  # the exact denoiser's price says nothing about a network's
    forward = multiplications(lambda: classifier(one, now))
    whole = multiplications(lambda: predict(one, now))
    print(f"a prediction of the model: {whole:.1f} million multiplications; "
          f"the classifier: {forward:.1f} forward, as many backward")
    print(f"a steered step costs {1 + 2 * forward / whole:.2f} times a plain one")

# %% tags=["experiment", "machine"]
def milliseconds(work, repeats):
    """The median of several goes."""
    work()
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - begin))
    return statistics.median(found)


batch, clock = noise(16, seed=5), torch.full((16,), 500.0)
to = torch.zeros(16, dtype=torch.int64)
goes = run.pick(smoke=2, lecture=7, laptop=15, gpu=30)
plain_ms = milliseconds(lambda: predict(batch, clock), goes)
push_ms = milliseconds(lambda: classifier_gradient(classifier, batch, clock, to), goes)
print(f"16 pictures on this machine: {plain_ms:.1f} ms for a prediction, "
      f"{push_ms:.1f} ms for the gradient: "
      f"a steered step takes {1 + push_ms / plain_ms:.2f} times as long")

# %% [markdown]
# **What to notice.** A steered step costs 1.47 times a plain one, by the count. (The paper's classifier is half a U-Net, and so is ours, nearly; a larger one would steer better and cost more.) And there is a price that this does not show: somebody has to train the classifier, on *your* classes and on *your* noise. Change the schedule, and it has to be trained again.
#
# ## 10 · Bug hunt: a steered sampler
#
# A colleague writes algorithm 1 down, for DDPM. It runs, the shapes are right, and it does steer.

# %%
def steered_sampler(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    """DDPM on a short way, each step's mean moved towards class y."""
    T, x = len(alpha_bar) - 1, x_T
    for t, s in pairwise(respace(T, steps).tolist()):
        time = model_time(torch.full((len(x),), t), T)
        mean, variance = step_back(x, predict(x, time), t, s, alpha_bar)  # of p(x_s | x_t)
        image = x.clone().requires_grad_(True)
        loss = F.cross_entropy(classifier(image, time), y)
        loss.backward()
        x = mean - scale * image.grad  # downhill for the loss: uphill for log p(y | x)
        if s > 0:
            x = x + variance.sqrt() * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x


# %% [markdown]
# First a symptom. It was tuned on single pictures, where scale 0.3 looked right, and then used for eight at once. (The fresh noise differs between the rows; the push should not.)

# %% tags=["experiment", "figure"]
hunt_steps = run.pick(smoke=4, lecture=20, laptop=50, gpu=100)
ask_for = torch.full((8,), goal)
hunt_noise = noise(8, seed=7)


def by(sampler, size, scale, steps=hunt_steps):
    """Eight pictures of one class, drawn `size` at a time."""
    chance = run.fresh_generator(8)
    parts = [sampler(predict, classifier, x, ask_for[: len(x)], alpha_bar, steps, scale, chance)
             for x in hunt_noise.split(size)]
    return torch.cat(parts).clamp(-1, 1)


def read_as_asked(rows):
    """How many of each row, in words."""
    return ", ".join(f"{name} {(judge.read(x) == goal).sum().item()} of 8"
                     for name, x in rows.items())


suspects = {f"{size} at a time": by(steered_sampler, size, 0.3) for size in (1, 8)}
print(f"read as {classes[goal]}: {read_as_asked(suspects)}")
plots.strip(suspects,
            title=f"The colleague's sampler, asked for {classes[goal]}: "
                  "it depends on the company",
            alt="Rows of pictures by the suspicious sampler from the same noises, drawn one "
                "and eight at a time; they differ.");

# %% [markdown]
# Take the networks out again. In the world of section 6, at scale 1, the samples must have the mean of class C, which is 1, *however many are drawn at once and however many steps are taken*. Two measurements:

# %% tags=["experiment"]
def evidence(sampler, title, colour="suspect"):
    """Where the crowd ends that was to be class C: by size of a batch, and by steps."""
    exact, knows = world.predict(exact_bar), world.classifier(exact_bar)
    points = run.pick(smoke=64, laptop=256, gpu=2048)
    x_T = torch.randn(points, 1, generator=run.fresh_generator(60), dtype=torch.float64)

    def end(size, steps):
        draw = run.fresh_generator(61)
        parts = [sampler(exact, knows, x, torch.full((len(x),), 2), exact_bar, steps, 1.0, draw)
                 for x in x_T.split(size)]
        return torch.cat(parts).mean().item()

    sizes = run.pick(smoke=(8, 64), lecture=(16, 64, 256), laptop=(4, 16, 64, 256),
                     gpu=(1, 4, 16, 64, 256))
    counts = run.pick(smoke=(25, 50), lecture=(25, 50, 100), laptop=(25, 50, 100, 200),
                      gpu=(25, 50, 100, 200, 400))
    by_size, by_steps = [end(size, 50) for size in sizes], [end(16, n) for n in counts]
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.3), sharey=True)
    ways = ((sizes, by_size, "pictures drawn at once (50 steps)"),
            (counts, by_steps, "steps (16 pictures at once)"))
    for panel, (x, y, label) in zip(panels, ways):
        panel.plot(x, y, "o-", color=plots.COLOURS[colour])
        panel.axhline(1, color=plots.COLOURS["reference"], ls=":")
        panel.set(xlabel=label, xscale="log", xticks=x, xticklabels=x, ylim=(0, 2.1))
        panel.minorticks_off()
    panels[0].set_ylabel("mean of the samples, 1 is right")
    figure.suptitle(title, fontsize=13, weight="bold")
    plots.show(figure, alt=f"{title}. Left: {', '.join(f'{v:.2f}' for v in by_size)} for "
                           f"{sizes} at once. Right: "
                           f"{', '.join(f'{v:.2f}' for v in by_steps)} for {counts} steps.")


# %% tags=["experiment", "figure"]
evidence(steered_sampler, "Two things matter that should not")

# %% [markdown]
# Each picture is a clue to one bug. On the left: what in the loop knows how many pictures there are? On the right: what should a push be measured against, if the same way is cut into more steps?
#
# <details><summary>Where to look, on the left</summary><code>F.cross_entropy</code> of a batch is one number. How is it made of the losses of the pictures, and what does that do to the gradient of one of them?</details>
# <details><summary>Where to look, on the right</summary>Print the size of <code>scale * image.grad</code> and of <code>variance</code> in each step, for 25 and for 400 steps. Which of them gets smaller when steps get shorter? Compare with section 4, step 4.</details>

# %%
# your own look: try things here

# %% [markdown]
# ### Exercise 7 · `mended_steered_sampler`
# ●●● · 20 minutes · the heart of the lesson
#
# Write the sampler as it was meant: algorithm 1 of Dhariwal & Nichol 2021, with your own functions of sections 3 and 4, all chance from `generator`. `step_back` is right as it is.
#
# <details><summary>Hint 1: what to think about</summary>There are two bugs. Each can be mended without the other, and then one of the two measurements is right: use <code>evidence</code> on your version.</details>
# <details><summary>Hint 2: the formula</summary>The gradient of the sum of log-probabilities; and the mean moves by scale times variance times that. No noise in the last step.</details>
# <details><summary>Hint 3: nearly the line</summary>In the loop: <code>push = classifier_gradient(…)</code>, then <code>x = guided_mean(mean, variance, …)</code>, then the fresh noise.</details>


# %% tags=["exercise"] exercise="mended_steered_sampler" points=3
def mended_steered_sampler(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    """DDPM on a short way, each step's mean moved towards class y.

    predict, classifier, y, alpha_bar: as for classifier_predict.
    x_T: noise, (B, C, H, W) or (B, D).
    steps: how many, 1 to T.    scale: a number, s.
    generator: a torch.Generator on the CPU, the only chance.
    Returns x_0, shaped like x_T, in its dtype.    Dhariwal & Nichol 2021, algorithm 1.
    """
    ### BEGIN SOLUTION
    T, now = len(alpha_bar) - 1, x_T
    ends = respace(T, steps).tolist()
    for t, s in pairwise(ends):
        clock = model_time(torch.full((len(now),), t), T)
        mean, variance = step_back(now, predict(now, clock), t, s, alpha_bar)
        push = classifier_gradient(classifier, now, clock, y)  # of a sum: its own
        z = torch.randn(now.shape, generator=generator, dtype=now.dtype) if s > 0 else 0.0
        now = guided_mean(mean, variance, push, scale) + variance.sqrt() * z
    return now
    ### END SOLUTION


# %% tags=["check"] exercise="mended_steered_sampler"
mended_steered_sampler = ex.mended_steered_sampler.check(mended_steered_sampler)

# %% tags=["experiment", "figure"]
evidence(mended_steered_sampler, "Mended: neither matters", colour="mended")

# %% tags=["experiment", "figure"]
mended = {f"{size} at a time": by(mended_steered_sampler, size, strength) for size in (1, 8)}
print(f"read as {classes[goal]}: {read_as_asked(mended)}")
plots.strip(mended, title=f"Mended, scale {strength}: only the fresh noise differs",
            alt="Rows of pictures by the mended sampler, drawn one and eight at a time: about "
                "half of the pictures in each row are read as asked.");

# %% [markdown]
# Now the two rows come out alike, 4 of 8 in each. The first bug is the most common one in this business. `F.cross_entropy` divides by the number of pictures, so each of them gets $1/B$ of its push, and whoever tunes the scale on one batch size is wrong on the next. The second hides behind the first: without $\sigma^2$ each step pushes by the whole gradient, however short it is, and a walk cut into four times as many steps is pushed four times as much. A scale can make up for either, on one machine, for one number of steps. That is how such bugs survive.
#
# ## 11 · Explorer
#
# **How hard must you push, and for which class?** Choose a class, and go up with the scale. When is the first picture read as asked, and when the last? Watch the orange bars: when do the pictures begin to look alike, and what do they look like at the highest scale? Then try a class that some of the noises were already.

# %% tags=["explorer", "figure"]
explorer_scales = run.pick(smoke=(0.0, 3.0, 10.0), lecture=(0.0, 1.0, 3.0, 10.0),
                           laptop=(0.0, 1.0, 3.0, 10.0, 30.0),
                           gpu=(0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0))
some = range(run.pick(smoke=2, lecture=6, laptop=K))  # classes to choose from
SteeringExplorer(predict, classifier, judge.read,
                 noise(run.pick(smoke=4, lecture=6, laptop=8), seed=70), alpha_bar,
                 classes=classes, asked=some, start=min(5, len(some) - 1),
                 scales=explorer_scales, steps=run.pick(smoke=3, lecture=10, laptop=15, gpu=50))

# %% [markdown]
# ## Is this normal?
#
# The losses of your two classifiers, each point the mean of a twentieth of the training:

# %% tags=["experiment", "figure"]
def smoothed(losses, parts=20):
    """The mean of each twentieth."""
    return [float(np.mean(part)) for part in np.array_split(losses, min(parts, len(losses)))]


curves = {"noisy classifier": smoothed(history.losses),
          "clean classifier": smoothed(clean_history.losses)}
said = ", ".join(f"{name} {loss[0]:.2f} and {loss[-1]:.2f}" for name, loss in curves.items())
print(f"loss, first and last point: {said}")
plots.curves(curves, x=np.linspace(0, steps, len(curves["noisy classifier"])),
             xlabel="training step", ylabel="cross entropy",
             hlines={"guessing, log K": float(np.log(K))},
             title="The loss of the noisy one stays high, and should",
             alt="Loss of both classifiers against training steps. The clean one falls to "
                 "nearly zero, the noisy one flattens far above.");

# %% [markdown]
# - **The loss**: both begin at 2.30, guessing among ten (the first point of each curve is a mean over a twentieth of the training, and so lower). The clean classifier falls below 0.1; the noisy one flattens above 1, because much of what it is shown cannot be read by anybody. If it goes on falling to 0.1, it is not shown noise.
# - **Pictures by scale**: at 1 about a third are read as asked, at 10 about three quarters; sky and colours stay, the shape changes. With these flowers of 16 px some stay what they were at any scale.
# - **Time**: 800 steps of training take about half a minute of one core, a steered picture half as much again as a plain one.
# - **Nothing changes at any scale**: the gradient is that of a mean (divided by the number of pictures), or the classifier is told times from 0 to 1.
# - **It works for one picture and not for many, or for few steps and not for many**: section 10.
# - **The pictures turn into anything but what was asked**: the sign, or the labels are in another order than the classifier's.
#
# ## Questions to think about
#
# <details><summary>1. Why does the classifier have to be smooth, and why is a network that reads 99 % of the pictures rightly not good enough for that reason alone?</summary>Only its gradient is used. A network can be right at every picture and have slopes between them that point anywhere: that is what adversarial examples are. Noise in training smooths: neighbours of a picture, too, have been asked about.</details>
# <details><summary>2. At scale 1 the formula is Bayes' rule. Why does nobody stay there?</summary>Because the networks are not exact. A small classifier is unsure of most noisy pictures, so its gradient is too short; and the model's own mistakes stay whatever the class. Above 1 you exaggerate what the classifier knows, to make up for what it does not.</details>
# <details><summary>3. Could the scale change with t? When would you push?</summary>At large t nothing can be read, so the gradient is nearly 0 and the push costs time for nothing. At small t the picture is settled, and a push only moves pixels. The middle decides. (Lesson 12 measures it.)</details>
# <details><summary>4. You want a rose that is also red, and have a second classifier for colours. What do you add to the noise?</summary>Both gradients, each with its own scale: if colour and species were independent given the picture, the logarithms of both probabilities add up, and so do their gradients. The diffusion model need not be touched.</details>
#
# ## What we left out
#
# Models that are told the class *and* steered (what the paper does for its best figures); classifiers of clean pictures asked about the *guess* at $x_0$ ([Bansal et al. 2023](https://arxiv.org/abs/2302.07121)), which mends their blindness in part; other gradients, of a caption's likeness for one (lesson 18); steering without any classifier (the next lesson).
#
# ## Readings
#
# - Dhariwal & Nichol 2021, [Diffusion Models Beat GANs on Image Synthesis](https://arxiv.org/abs/2105.05233): section 4 is this lesson; appendix H has the derivation without Taylor.
# - Song et al. 2020, [Score-Based Generative Modeling through SDEs](https://arxiv.org/abs/2011.13456): section 5, the same idea for sampling in continuous time, and for other conditions than classes.
# - Bradley & Nakkiran 2024, [Classifier-Free Guidance is a Predictor-Corrector](https://arxiv.org/abs/2408.09000): why guidance does not sample the tilted density, and what it does instead.
#
# **Next**: lesson 12 throws the classifier away. One network learns to draw with the class and without, and the difference of its two answers is the gradient.

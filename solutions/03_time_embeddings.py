# %% [markdown]
# # 03 · Time embeddings
#
# ![To the left, waves of blue and red that grow ever longer from top to bottom: 64 features of the step. To the right, a square with a sharp red diagonal: which steps look alike.](../course_utils/lessons/lesson03/opening.png)
#
# The same network has to brush away a trace of noise and to guess a flower in a snowstorm. Somebody should tell it which of the two is wanted.
# This lesson turns the step into a vector, brings the vector into every block, and then asks whether any of it was needed.
#
# **You will build** the sinusoidal embedding, the small network behind it, a block that listens to it, and an eye that reads the noise level off a picture.
#
# **You will see** how much a network loses that is not told the time, how far it gets on its own, and whether the *kind* of embedding matters.
#
# **Time**: about two hours and a half with the exercises. The notebook itself takes about two minutes of one core's work under `laptop`, most of it six small trainings, and half a minute or less under `lecture` and under `smoke`.
#
# **Stands on** lesson 01 (the forward process) and lesson 02 (the U-Net, and the ideal denoiser).

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data, diffusion, experiments, models, plots, pretrained, studies
from course_utils.lessons.lesson03 import checks as ex
from course_utils.lessons.lesson03.explorer import EmbeddingExplorer
from course_utils.lessons.lesson03.maps import maps
from course_utils.metrics import Judge
from course_utils.models.timed import similarity_map
from course_utils.runtime import start
from course_utils.training import Shuffled, fit

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %%
run = start("03", preset=preset, dataset=dataset)
plots.use_style()
size = run.pick(laptop=16, gpu=32)
train = data.load(dataset, most=run.pick(smoke=256, laptop=1024), size=size).images
test = data.load(dataset, n=128, size=size, split="test").images  # (128, C, H, W)
T = 1000
alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(T))  # (T + 1,)

# %% [markdown]
# ## 1 · Why say the time at all?
#
# **Is the right answer not in the picture already?**
#
# Take one noised picture and ask the ideal denoiser of lesson 02, which knows every training picture and makes no mistakes. It needs $t$ for its formula. Tell it the truth, and then lie to it. The pixels that it looks at stay the same.

# %% tags=["experiment", "figure"]
truth, told = 750, torch.tensor([100, 500, 750, 900, 990])
clean = test[3:4]  # (1, C, H, W)
eps = torch.randn(clean.shape, generator=run.fresh_generator(1))
x_t = diffusion.q_sample(clean, torch.tensor([truth]), alpha_bar, eps)
answers = diffusion.ideal_denoiser(x_t.expand(len(told), -1, -1, -1), told, alpha_bar, train)
plots.grid(torch.cat([clean, x_t, answers]), columns=7,
           titles=["clean", f"x_t, t = {truth}", *(f"told {t}" for t in told.tolist())],
           title="The same pixels, told five different steps: five answers",
           alt="A picture, the picture noised at t = 750, and the ideal denoiser's answers "
               "when told t = 100 to 990: told too little noise, it picks one training "
               "picture; told too much, it answers with a blurred average.");

# %% [markdown]
# **Where to look.** Told $t = 100$, it must believe that nearly all it sees is picture, and picks the one training picture that is nearest. Told 990, it must believe that nearly all is noise, and answers with an average of many. Told the truth, it mixes the few that are likely. So the answer is a function of the picture *and* the time, and a network that is to give it wants both.
#
# In the course a network is called `model(x, t)` with $t$ on a scale from 0 to 1000, whatever the number of steps of the schedule (`diffusion.model_time` converts). A number per picture, then. What does a network of convolutions do with a number?

# %% [markdown]
# ## 2 · A number as a row of clocks
#
# **How do you hand a number over, so that small and large differences can both be seen?**
#
# A clock answers this. Its second hand tells 12:00:05 from 12:00:06, but looks the same a minute later. Its hour hand knows the part of the day, and hardly moves in a minute. Together they say it all. An *embedding*, a vector that stands for something, can do the same with hands at many speeds $\omega_0, \dots, \omega_{h-1}$:
#
# - $\omega_i$ is the speed of clock $i$ in radians a step. A whole turn takes $2\pi/\omega_i$ steps.
# - $h$ (`half`) is the number of clocks, half the number of features: a hand has two coordinates.
# - $P$ (`max_period`), usually 10,000, says how slow the last ones are. The first speed is 1, and each clock is slower than the one before by the same factor, so chosen that one more clock, number $h$, would have the speed $1/P$.

# %% [markdown]
# ### Exercise 1 · `frequencies`
# ●○○ · 5 minutes
#
# A warm-up: find the formula for $\omega_i$, then write it. ([Vaswani et al. 2017](https://arxiv.org/abs/1706.03762), section 3.5. The code of Ho et al. 2020 gives its last clock the speed $1/P$ itself.)
#
# <details><summary>Hint 1: what to think about</summary>The same factor, h times in a row, leads from 1 to 1/P. What is the factor, and what is left after i times?</details>
# <details><summary>Hint 2: the formula</summary>The factor is P to the power of −1/h. A number to the power of a tensor is a tensor.</details>
# <details><summary>Hint 3: nearly the line</summary><code>i = torch.arange(half, …)</code> in float64, then <code>max_period</code> to a power that runs from 0 to not quite −1</details>


# %% tags=["exercise"] exercise="frequencies" points=1
def frequencies(half, max_period=10_000.0):
    """The speeds of the clocks, in radians a step.

    Returns omega (half,), float64, falling from 1.
    Example: frequencies(4) is [1, 0.1, 0.01, 0.001].
    """
    ### BEGIN SOLUTION
    i = torch.arange(half, dtype=torch.float64)
    return max_period ** (-i / half)
    ### END SOLUTION


# %% tags=["check"] exercise="frequencies"
frequencies = ex.frequencies.check(frequencies)

# %% [markdown]
# So $\omega_i = P^{-i/h}$. The tip of a hand that has turned by the angle $\omega_i t$ lies at $(\cos \omega_i t, \sin \omega_i t)$. Write down all the sines, then all the cosines:
#
# $$\gamma(t) = \big(\sin \omega_0 t, \dots, \sin \omega_{h-1} t,\; \cos \omega_0 t, \dots, \cos \omega_{h-1} t\big)$$
#
# Why both? A sine alone has the same value twice in each turn, once rising and once falling. With its cosine beside it, the two can be told apart. And all numbers stay between -1 and 1, which a network likes: its first weights are made for inputs of that size.

# %% [markdown]
# ### Exercise 2 · `sinusoidal_embedding`
# ●●○ · 15 minutes · the heart of the lesson
#
# Mind the shapes: `t` has shape (B,), `frequencies` gives (h,), and every step meets every clock.
#
# <details><summary>Hint 1: what to think about</summary>You want a table of angles with a row for each t and a column for each clock. Which axis has to be added to t?</details>
# <details><summary>Hint 2: the formula</summary>Angle = t · omega, of shape (B, h). Then its sine and its cosine, side by side. The frequencies are float64 on the CPU, t may be something else, and may hold whole numbers.</details>
# <details><summary>Hint 3: nearly the line</summary><code>angle = t[:, None] * …</code>, with the frequencies of half as many clocks as features; then <code>torch.cat([…, …], dim=1)</code></details>


# %% tags=["exercise"] exercise="sinusoidal_embedding" points=3
def sinusoidal_embedding(t, features, max_period=10_000.0):
    """Each step as the sines and cosines of many clocks.

    t: (B,), any real numbers from 0 to 1000.      features: F, an even number.
    Returns (B, F): F/2 sines, then F/2 cosines; in the dtype and on the device of t, float32 if
    t holds whole numbers.

    Example: sinusoidal_embedding(torch.tensor([0.0]), 4) is [[0, 0, 1, 1]].
    """
    ### BEGIN SOLUTION
    t = t if t.is_floating_point() else t.float()
    angle = t[:, None] * frequencies(features // 2, max_period).to(t)  # (B, F/2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)  # (B, F)
    ### END SOLUTION


# %% tags=["check"] exercise="sinusoidal_embedding"
sinusoidal_embedding = ex.sinusoidal_embedding.check(sinusoidal_embedding)

# %% tags=["figure"]
every_step = torch.linspace(0, 1000, 501)  # every other step
embedding = sinusoidal_embedding(every_step, 64)  # (501, 64)
maps({"32 sines above, 32 cosines below": embedding.T}, x=(0, 1000), y=(0, 64), square=False,
     xlabel="step t", ylabel="feature", bar="value",
     title="Fast clocks tell neighbours apart, slow ones the whole way",
     alt="The embedding of steps 0 to 1000 as a map: in each half the first rows flicker, the "
         "later ones are ever longer waves, and the last hardly change.");

# %% [markdown]
# **Where to look.** Read a column: that is the vector of one step. Read the rows of one half from top to bottom: the first clock makes 159 turns on the way (so fast that the figure shows it as flicker), the last rows keep their colour from left to right. The slowest clock would need 47,000 steps for a turn. (A question at the end asks whether that is wasteful.)

# %% [markdown]
# ### Which steps look alike?
#
# A layer that reads a vector reads it by dot products. So look at the dot product of two embeddings. With $\sin a \sin b + \cos a \cos b = \cos(a - b)$, clock by clock,
#
# $$\gamma(s)\cdot\gamma(t) = \sum_{i=0}^{h-1} \big(\sin\omega_i s\,\sin\omega_i t + \cos\omega_i s\,\cos\omega_i t\big) = \sum_{i=0}^{h-1} \cos \omega_i (s - t).$$
#
# - It depends on the *difference* of the two steps alone: ten steps apart is ten steps apart, early or late.
# - At $s = t$ each clock gives 1, so every vector has the same length $\sqrt h$. The dot product over $h$ is the cosine of the angle between the two, their *similarity*.
#
# The line with numbers, at two steps:

# %%
s, t = torch.tensor([300.0, 317.0], dtype=torch.float64).split(1)
left = (sinusoidal_embedding(s, 64) * sinusoidal_embedding(t, 64)).sum().item()
right = torch.cos(frequencies(32) * (s - t)).sum().item()
print(f"dot product: {left:.6f}   sum of cosines of the differences: {right:.6f}")

# %% tags=["figure"]
coarse = torch.linspace(0, 1000, 251)
pictures = {f"{f} features": similarity_map(sinusoidal_embedding(coarse, f))
            for f in (4, 16, 64)}
maps(pictures, x=(0, 1000), y=(0, 1000), xlabel="step t", ylabel="step s", bar="similarity",
     title="With more clocks, neighbours look most alike",
     alt="Three maps of the similarity of every two steps. With 4 features, stripes repeat "
         "everywhere; with 16 fewer; with 64 there is one sharp diagonal on an orange ground "
         "that gets paler away from it.");
print("64 features, similarity of two steps:",
      *(f"{torch.cos(frequencies(32) * d).mean():.2f} at {d};" for d in (1, 10, 100, 500)))

# %% [markdown]
# **What to notice.** All stripes run along the diagonal: only the difference counts. Four features are two clocks, one of them too fast and one slow, and steps far apart look alike again and again. With 64 a step resembles its neighbours most, and the likeness falls with the distance: 0.97 one step away, 0.66 at ten, 0.20 at five hundred. It falls slowly (0.56 at a hundred), because many clocks hardly move in that time: ten of the 32 need more than 3,000 steps for a turn.

# %% [markdown]
# ## 3 · Other ways, and what a network makes of them
#
# **Why not hand over the number as it is?**
#
# There are three rivals, and all are in use:
#
# - **one raw float**: $t/1000$, stretched to lie between -1 and 1. Nothing to build.
# - **a learned table**: one vector for each whole step, learned like a weight (`nn.Embedding`). It can become anything, and knows nothing about neighbours.
# - **random Fourier features**: sinusoids again, with speeds drawn at random from a normal distribution instead of a fixed ladder. [Song et al. 2021](https://arxiv.org/abs/2011.13456) use them for continuous time.
#
# The last is yours to write. Here a speed $\nu_j$ is counted in *turns over the whole scale*, from $t = 0$ to $t = 1000$, so that the number says how fine the finest detail is. It is drawn from $\mathcal N(0, 4^2)$: the larger this spread (4 turns, chosen by hand), the faster most of the clocks.

# %% [markdown]
# ### Exercise 3 · `fourier_features`
# ●○○ · 10 minutes
#
# The last exercise with another ruler: find the angle that a clock of `turns` shows at $t$, then its sines and cosines as before ([Tancik et al. 2020](https://arxiv.org/abs/2006.10739), equation 5 and section 4). The random numbers are drawn once, outside, and passed in: an embedding that changes from call to call would be noise.
#
# <details><summary>Hint 1: what to think about</summary>A clock with one turn on the whole scale: which angle does it show at t = 1000, at t = 500?</details>
# <details><summary>Hint 2: the formula</summary>A turn is 2π. At t, the share t/1000 of all its turns is done. The shapes are those of the last exercise.</details>
# <details><summary>Hint 3: nearly the line</summary>Only the line with <code>angle = …</code> differs from sinusoidal_embedding</details>


# %% tags=["exercise"] exercise="fourier_features" points=2
def fourier_features(t, turns):
    """Sines and cosines at random speeds.

    t: (B,), from 0 to 1000.
    turns: (F/2,), how often each clock goes round on the whole scale.
    Returns (B, F): all sines, then all cosines; dtype and device as for sinusoidal_embedding.

    Example: t = [250], turns = [1] gives [[1, 0]].
    """
    ### BEGIN SOLUTION
    t = t if t.is_floating_point() else t.float()
    angle = 2 * torch.pi * t[:, None] / 1000 * turns.to(t)  # (B, F/2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)  # (B, F)
    ### END SOLUTION


# %% tags=["check"] exercise="fourier_features"
fourier_features = ex.fourier_features.check(fourier_features)

# %% tags=["figure"]
raw = (2 * coarse / 1000 - 1)[:, None].expand(-1, 64)
table = torch.randn(len(coarse), 64, generator=run.fresh_generator(2))  # as nn.Embedding begins
turns = 4 * torch.randn(32, generator=run.fresh_generator(3))  # sigma = 4
kinds = {"sinusoidal": sinusoidal_embedding(coarse, 64),
         "random Fourier": fourier_features(coarse, turns),
         "learned table, at first": table, "raw float": raw}
maps({name: similarity_map(e) for name, e in kinds.items()}, x=(0, 1000), y=(0, 1000),
     xlabel="step t", ylabel="step s", bar="similarity",
     title="Four ideas of which steps belong together",
     alt="Four similarity maps. Sinusoidal: sharp diagonal on pale red. Random Fourier: a "
         "broad diagonal. Learned table: a line one step wide. Raw float: four squares, early "
         "and late, alike within and opposite between.");

# %% [markdown]
# **Where to look.** The table begins with no neighbours at all: what is learned about step 500 says nothing about 501. The raw float knows two kinds of steps, early and late, and no angle in between. Random Fourier features know neighbourhoods: the larger the spread of their speeds, the narrower.

# %% [markdown]
# ### From clocks to a vector
#
# The clocks are fixed. What a block should *do* with the time is learned, so a small network follows: two linear layers with a bend in between,
#
# $$\tau(t) = W_2\,\mathrm{GELU}\big(W_1\,\gamma(t) + b_1\big) + b_2 .$$
#
# - $W_1 \gamma + b_1$ mixes the clocks: each row of $W_1$ is a wave of many frequencies.
# - $\mathrm{GELU}$ is a smooth relative of ReLU (lesson 05 builds it). Without a bend the two layers would be one.
# - $\tau(t)$ is the *time vector*. It is computed once for each picture, and every block of the network reads it.

# %% [markdown]
# ### Exercise 4 · `TimeMLP`
# ●●○ · 15 minutes · the heart of the lesson
#
# As in the code of Ho et al. 2020, but for the bend: they use Swish, another smooth relative of ReLU. The check puts the course's weights into your layers, so they need the names that the docstring gives.
#
# <details><summary>Hint 1: what to think about</summary>Which parts are learned, and belong in __init__? Which are computed anew in every call?</details>
# <details><summary>Hint 2: the formula</summary>It stands above; F.gelu is PyTorch's GELU.</details>
# <details><summary>Hint 3: nearly the line</summary><code>linear1</code> takes what <code>sinusoidal_embedding(t, …)</code> gives; the bend stands between it and <code>linear2</code>, and none after</details>


# %% tags=["exercise"] exercise="TimeMLP" points=2
class TimeMLP(nn.Module):
    """The time as a vector: t (B,) -> (B, hidden).

    self.features: of the sinusoidal embedding.
    self.linear1:  nn.Linear, features -> hidden.
    self.linear2:  nn.Linear, hidden -> hidden.
    """

    def __init__(self, features, hidden):
        super().__init__()
        ### BEGIN SOLUTION
        self.features = features
        self.linear1 = nn.Linear(features, hidden)
        self.linear2 = nn.Linear(hidden, hidden)
        ### END SOLUTION

    def forward(self, t):
        ### BEGIN SOLUTION
        h = F.gelu(self.linear1(sinusoidal_embedding(t, self.features)))  # (B, hidden)
        return self.linear2(h)  # (B, hidden)
        ### END SOLUTION


# %% tags=["check"] exercise="TimeMLP"
TimeMLP = ex.TimeMLP.check(TimeMLP)

# %% [markdown]
# ### What can a small network make of each?
#
# A trial without pictures: let `TimeMLP` and its rivals (`models.RawTime` and so on: the same layers behind another embedding) learn a *function of time*. One is smooth: it rises once, as the strength of the noise does. The other goes up and down eight times. They practise at every fourth step, and are then asked at steps they have seen and at steps in between.

# %% tags=["experiment"]
ways = {"sinusoidal": TimeMLP, "raw float": models.RawTime, "learned table": models.LearnedTime,
        "random Fourier": models.FourierTime}
functions = {"smooth": lambda t: torch.sin(torch.pi / 2 * t / 1000),
             "wavy": lambda t: torch.sin(torch.pi * 16 * t / 1000)}
seen, between = torch.arange(0.0, 1001, 4), torch.arange(2.0, 1000, 4)
fitted = {}


def missed(way, seed):
    """The share of variance that is missed: smooth (seen, between), wavy (seen, between)."""
    shares = []
    for name, f in functions.items():
        torch.manual_seed(seed)
        net = nn.Sequential(ways[way](64, 64), nn.GELU(), nn.Linear(64, 1))
        optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
        for _ in range(run.pick(smoke=10, laptop=300)):
            optimiser.zero_grad()
            (net(seen)[:, 0] - f(seen)).square().mean().backward()
            optimiser.step()
        with torch.no_grad():
            shares += [((net(t)[:, 0] - f(t)).square().mean() / f(t).var()).item()
                       for t in (seen, between)]
            fitted[way, name] = net(every_step)[:, 0]
    return shares


seeds = range(run.pick(smoke=2, laptop=3, gpu=5))
learned = experiments.compare({way: lambda seed, way=way: missed(way, seed) for way in ways},
                              seeds, "share missed")

# %% tags=["experiment", "figure"]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
for panel, (name, f) in zip(axes, functions.items()):
    for way in ways:
        panel.plot(every_step, fitted[way, name], color=plots.COLOURS[way], label=way,
                   lw=0.6 if "table" in way else 1.6)
    panel.plot(every_step, f(every_step), color=plots.COLOURS["reference"], ls=(0, (4, 3)),
               lw=1.4, label="to be learned")
    panel.set(xlabel="step t", ylim=(-1.6, 1.6))
axes[0].set(title="Smooth: only the table fails", ylabel="value")
axes[1].set_title("Wavy: the raw float fails too")
axes[0].legend(fontsize=8.5, loc="lower right")
plots.show(figure,
           alt="Left: three networks fit a smooth curve, and the learned table jumps at steps "
               "it never saw. Right: sinusoidal and random Fourier follow eight waves, the raw "
               "float stays nearly flat.");

# %% tags=["experiment"]
figures = ("smooth, steps seen", "smooth, steps between", "wavy, steps seen",
           "wavy, steps between")
parts = {name: learned.map(lambda run_, k=k: run_[k], f"share missed ({name})")
         for k, name in enumerate(figures)}
for name in ("smooth, steps between", "wavy, steps between"):
    display(parts[name].table().round(4))
display(experiments.claim(
    "A raw float misses more of a wavy function of time than sinusoids do",
    "Tancik et al. 2020: a network on raw coordinates is slow to learn high frequencies",
    parts["wavy, steps between"], more="raw float", less="sinusoidal", margin=0.1))
display(experiments.claim(
    "A raw float misses more of a smooth function of time than sinusoids do",
    "the same reasoning, taken too far", parts["smooth, steps between"], more="raw float",
    less="sinusoidal", margin=0.01))
display(experiments.claim(
    "A learned table misses more between the steps it has seen than sinusoids do",
    "a table has no neighbours", parts["smooth, steps between"], more="learned table",
    less="sinusoidal", margin=0.1))

# %% [markdown]
# **What to notice.** A network on a raw float bends slowly: in this time it learns nearly nothing of eight waves (it misses 0.95 of the variance, sinusoids 0.01). On the smooth function it has no trouble: it misses even a little less than sinusoids, and a little more than random Fourier features. The table learns every function at the steps it has seen, and knows nothing about the others (a share above 1 is worse than answering the mean): it only suits a model whose steps are all practised.
#
# So the *need* decides. Does a denoiser need a wavy function of time, or a smooth one? Keep the question in mind for section 6.

# %% [markdown]
# ## 4 · Into the block
#
# **How does one vector reach a picture of feature maps?**
#
# A feature map (one of the C pictures inside the network) answers a question: "is there an edge here?" How loud the answer should be depends on the noise. So let the time turn a knob at each map, a volume and an offset, the same for all its pixels:
#
# $$h'_{bcij} = h_{bcij}\,(1 + \mathrm{scale}_{bc}) + \mathrm{shift}_{bc}$$
#
# - $\mathrm{scale}_{bc}$ makes map $c$ of picture $b$ louder or quieter. The 1 is there so that scale 0 means "as it was".
# - $\mathrm{shift}_{bc}$ lifts or lowers the whole map: with a ReLU behind it, that decides how much gets through.
#
# This is *feature-wise modulation* ([Perez et al. 2017](https://arxiv.org/abs/1709.07871), FiLM). You will meet it again for classes (lesson 12) and text (lesson 19), and in transformers (lesson 20).

# %% [markdown]
# ### Exercise 5 · `modulate`
# ●○○ · 10 minutes · the heart of the lesson
#
# The formula is the easy part. Say first which axes of $h$ a `scale` of shape (B, C) would meet if you wrote `h * (1 + scale)`, and for which sizes PyTorch would not even complain.
#
# <details><summary>Hint 1: what to think about</summary>PyTorch lines shapes up from the right. Which axes does scale, (B, C), lack at its right?</details>
# <details><summary>Hint 2: the formula</summary>It stands above, with scale and shift of shape (B, C, 1, 1).</details>
# <details><summary>Hint 3: nearly the line</summary><code>scale[:, :, None, None]</code> has two more axes; shift needs them as well</details>


# %% tags=["exercise"] exercise="modulate" points=2
def modulate(h, scale, shift):
    """Turn each feature map louder or quieter, and lift or lower it.

    h: feature maps, (B, C, H, W).      scale, shift: (B, C).
    Returns (B, C, H, W). With scale = shift = 0 it returns h.

    Example: h = 3, scale = 0.5, shift = -1 gives 3.5.
    """
    ### BEGIN SOLUTION
    return h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]  # (B, C, H, W)
    ### END SOLUTION


# %% tags=["check"] exercise="modulate"
modulate = ex.modulate.check(modulate)

# %% [markdown]
# Scale and shift come from the time vector by one linear layer, each block its own:
#
# $$(\mathrm{scale}, \mathrm{shift}) = W\,\tau(t) + b, \qquad W = 0,\; b = 0 \text{ at first.}$$
#
# *Why zero?* Then $\mathrm{scale} = \mathrm{shift} = 0$ and the block begins as the plain block of lesson 02. It learns to listen as far as that pays. A random $W$ would shake every map from the first step on, by a vector that does not mean anything yet. (Zero weights do learn here: their gradient is the gradient of the output times $\tau$, and $\tau$ is not zero.)

# %% [markdown]
# ### Exercise 6 · `TimedBlock`
# ●●● · 25 minutes · the heart of the lesson
#
# The block of lesson 02, conv, ReLU, conv, ReLU, and the time comes in between the first convolution and its ReLU. The check puts the course's weights into your block; the names are given.
#
# <details><summary>Hint 1: what to think about</summary>How many numbers does to_scale_shift give for each picture? Which half is the scale?</details>
# <details><summary>Hint 2: the formula</summary>conv1, modulate, ReLU, conv2, ReLU. The layer gives 2 · outputs numbers: chunk(2, dim=1) cuts them in two. nn.init.zeros_ sets a weight to zero.</details>
# <details><summary>Hint 3: nearly the line</summary><code>scale, shift = self.to_scale_shift(…).chunk(…)</code>; then two lines, one a convolution each, and only the first has <code>modulate</code> in it</details>


# %% tags=["exercise"] exercise="TimedBlock" points=3
class TimedBlock(nn.Module):
    """Two convolutions, with the time in between.

    x (B, inputs, H, W), time (B, hidden) -> (B, outputs, H, W).
    self.conv1:          nn.Conv2d, inputs -> outputs, 3 x 3, padding 1.
    self.conv2:          nn.Conv2d, outputs -> outputs, 3 x 3, padding 1.
    self.to_scale_shift: nn.Linear, hidden -> 2 * outputs; scale first, then shift; weight and
                         bias start at zero.
    """

    def __init__(self, inputs, outputs, hidden):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.to_scale_shift = nn.Linear(hidden, 2 * outputs)
        nn.init.zeros_(self.to_scale_shift.weight)
        nn.init.zeros_(self.to_scale_shift.bias)
        ### END SOLUTION

    def forward(self, x, time):
        ### BEGIN SOLUTION
        scale, shift = self.to_scale_shift(time).chunk(2, dim=1)  # (B, outputs) each
        h = F.relu(modulate(self.conv1(x), scale, shift))  # (B, outputs, H, W)
        return F.relu(self.conv2(h))
        ### END SOLUTION


# %% tags=["check"] exercise="TimedBlock"
TimedBlock = ex.TimedBlock.check(TimedBlock)

# %% [markdown]
# Put together, this is lesson 02's U-Net with your blocks, two levels deep: one time vector, read by all five blocks. To be faster it has a narrower middle, and it pools by the mean instead of the maximum. And it learns what to *add to* $x_t$: under pure noise $x_t$ *is* the noise, so a new network has that end right from the start.

# %%
class TimedUNet(nn.Module):
    """Told the time: x (B, C, H, W), t (B,) on 0 to 1000 -> the noise in x, (B, C, H, W)."""

    def __init__(self, channels, embed, width=16, hidden=64):
        super().__init__()
        self.time = embed(64, hidden)  # TimeMLP, or something in its place
        self.down1 = TimedBlock(channels, width, hidden)
        self.down2 = TimedBlock(width, 2 * width, hidden)
        self.middle = TimedBlock(2 * width, 2 * width, hidden)
        self.up2 = TimedBlock(4 * width, width, hidden)
        self.up1 = TimedBlock(2 * width, width, hidden)
        self.out = nn.Conv2d(width, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # at first the answer is x itself
        self.to(memory_format=torch.channels_last)  # faster convolutions

    def forward(self, x, t, cond=None):
        time = self.time(t)  # (B, hidden)
        a = self.down1(x, time)  # (B, width, H, W)
        b = self.down2(F.avg_pool2d(a, 2), time)  # (B, 2 width, H/2, W/2)
        h = self.middle(F.avg_pool2d(b, 2), time)  # (B, 2 width, H/4, W/4)
        h = self.up2(torch.cat([F.interpolate(h, scale_factor=2), b], dim=1), time)
        h = self.up1(torch.cat([F.interpolate(h, scale_factor=2), a], dim=1), time)
        return x + self.out(h)


# %%
net = TimedUNet(train.shape[1], TimeMLP)
of_time = sum(p.numel() for name, p in net.named_parameters()
              if "time." in name or "scale_shift" in name)
print(f"{sum(p.numel() for p in net.parameters()):,} parameters, of which {of_time:,} are for "
      "the time")

# %% [markdown]
# ## 5 · Told, or not told
#
# **How much does a network lose that has to see for itself?**
#
# Train two, alike in all but one thing: `models.NoTime` gives the same vector for every step, so that the network has the same layers and no information. The objective is the one of lesson 04, in short: noise a picture to a random step, let the network say the noise, take the mean squared error.
#
# Then measure the loss at nine levels of noise, on pictures that were not trained on, with the same noise for everybody. The levels are evenly spaced in log-SNR (lesson 01).
#
# A loss wants something to be compared with. Three rules have no weights at all: *always 0* has a loss of 1; *answer $x_t$*, which needs no time; and lesson 02's *one pixel alone*, the best straight line for each pixel, which is told the time. A network that does worse than such a rule has not learned that level yet, and nothing follows from comparing two of those.

# %% tags=["experiment"]
log_snr = diffusion.snr(alpha_bar[1:]).log()  # (T,), t = 1 to T
# the step nearest to each level
level_steps = [int((log_snr - level).abs().argmin()) + 1 for level in studies.LEVELS]


def noised(x0, generator):
    """A batch to practise on: pictures, a random step for each, and noise."""
    t = diffusion.uniform_times(len(x0), T, generator)
    return x0, t, torch.randn(x0.shape, generator=generator)


def loss_of(model, batch):
    x0, t, eps = (part.to(run.device) for part in batch)
    return diffusion.ddpm_loss(model, x0, t, alpha_bar, eps)


@torch.no_grad()
def loss_by_level(model):
    """The loss at each of the nine levels, on the test pictures."""
    eps = torch.randn(test.shape, generator=run.fresh_generator(4))
    return [loss_of(model, (test, torch.full((len(test),), t), eps)).item()
            for t in level_steps]


print("log-SNR:", *(f"{level:4.0f}" for level in studies.LEVELS))
print("step t: ", *(f"{t:4d}" for t in level_steps))

# %% tags=["experiment"]
# mean and variance of each pixel, (C, H, W)
mu, v = train.mean(0).to(run.device), train.var(0).to(run.device)


def one_pixel(x_t, t, cond=None):
    """The noise by the best straight line for each pixel alone; it is told the time."""
    a = alpha_bar[int(t[0])].item()  # the whole batch has one step
    return (1 - a) ** 0.5 / (a * v + 1 - a) * (x_t - a**0.5 * mu)


rules = {"answer x_t": loss_by_level(lambda x_t, t, cond=None: x_t),
         "one pixel alone": loss_by_level(one_pixel)}


def print_levels(curves):
    """The loss at each of the nine levels, a line for each curve."""
    print(f"{'log-SNR':>15}:", *(f"{level:7.0f}" for level in studies.LEVELS))
    for name, losses in curves.items():
        print(f"{name:>15}:", *(f"{loss:7.4f}" for loss in losses))


print_levels(rules)

# %% tags=["experiment"]
steps = run.pick(smoke=6, lecture=0, laptop=400, gpu=3000)
net_seeds = range(run.pick(smoke=2, lecture=0, laptop=3))
embeds = {"sinusoidal": TimeMLP, "no time": models.NoTime}
nets, practice = {}, {name: [] for name in embeds}


def trained(name, seed):
    """Train one network; its loss at each level. The seed decides first weights and batches."""
    torch.manual_seed(seed)
    net = nets[name, seed] = TimedUNet(train.shape[1], embeds[name]).to(run.device)
    batches = Shuffled(train, size=64, seed=seed, make=noised)
    history = fit(net, batches, loss_of, steps, learning_rate=4e-3, quiet=True)
    # smoothed over 5 steps
    practice[name].append(np.convolve(history.losses, np.ones(5) / 5, mode="valid"))
    return loss_by_level(net)


if run.preset == "lecture":
    print("Trained ahead: the course's U-Net on flowers, three seeds (see section 6).")
    ahead = studies.load("time_embeddings", figure="loss by level")
    by_level = experiments.Comparison(ahead.figure, ahead.seeds,
                                      {name: ahead.runs[name] for name in embeds})
    practice = {name: studies.load("time_embeddings", figure="training loss").runs[name]
                for name in embeds}
else:
    runs = {name: lambda seed, name=name: trained(name, seed) for name in embeds}
    by_level = experiments.compare(runs, net_seeds, "loss by level")

# %% tags=["experiment", "figure"]
shown = {name: np.stack(runs) for name, runs in practice.items()}  # (seeds, steps)
for name, runs in shown.items():
    fifth = runs.shape[1] // 5
    print(f"{name:>10}: loss {runs[:, 0].mean():.2f} at first, {runs[:, 2 * fifth].mean():.2f} "
          f"after two fifths, {runs[:, -fifth:].mean():.3f} over the last fifth")
plots.curves(shown, x=np.linspace(0, 100, shown["no time"].shape[1]),
             xlabel="share of the training, %", ylabel="loss",
             logy=True, title="While they train, the two part only after a while",
             alt="Training loss of both kinds of network: falling together for two fifths of "
                 "the training; then the one without time stays behind.");

# %% tags=["experiment", "figure"]
plots.curves({**by_level.runs, **rules}, x=studies.LEVELS,
             xlabel="log-SNR (left: noise, right: data)",
             ylabel="loss", logy=True, hlines={"always 0": 1.0},
             title="Told the time, a network loses less, most of all under much noise",
             alt="Loss against log-SNR for networks with a sinusoidal embedding and without "
                 "time, and for two rules: all rise towards clean pictures. The network that "
                 "is told follows the rules down at the left and lies below them further "
                 "right; the one without time stays near 0.007 at the left.");

# %% tags=["experiment"]
overall = by_level.map(np.mean, "mean loss over the levels")
display(overall.table().round(4))
display(experiments.claim(
    "A network that is told the time has a lower loss than one that is not",
    "common practice", overall, more="no time", less="sinusoidal", digits=4))
print_levels({**{name: runs.mean(0) for name, runs in by_level.runs.items()}, **rules})

# %% [markdown]
# **What to notice.** Under `laptop` the claim holds: 0.295 against 0.333. But look where, and beside the rules.
#
# - **From log-SNR -2 to 6** both networks are below every rule, so they can be compared. The one that is told has the lower loss on all these levels: 0.015 against 0.023 at -2, 0.067 against 0.093 at 0, 0.82 against 0.91 at 6.
# - **At -4 and further left** the network that is told comes to what the best rule gives, or nearly: 0.0003 at -8, where answering $x_t$ has 0.0001. The other one stays at 0.007, far above a rule that needs neither time nor training. Some of that is doubt: it cannot tell pure noise from a little less. Some is want of practice. This figure does not say how much of each; raise `steps`, and what remains is doubt.
# - **At 8** both are above 1, *worse than always answering 0*, and nothing follows there.

# %% [markdown]
# ### How does it manage at all?
#
# The noise level can be *read off the picture*. Pictures are smooth, noise is not: in a small square of four pixels
#
# $$\begin{matrix} p & q \\ r & s \end{matrix} \qquad d = \tfrac12\,(p - q - r + s)$$
#
# a slope in any direction cancels. What remains is noise. Four independent numbers of variance $b^2$ add up to a variance of $4b^2$, and the half makes it $b^2$ again: $d$ has the standard deviation of the noise, $b = \sqrt{1-\bar\alpha_t}$. An edge makes some $d$ large, so do not average: take the *median* of $|d|$, which a few large values do not move. For a normal distribution it is $0.6745\,b$ (half of the numbers lie within $0.6745$ standard deviations).

# %% [markdown]
# ### Exercise 7 · `guess_noise_level`
# ●●○ · 15 minutes
#
# [Donoho & Johnstone 1994](https://doi.org/10.1093/biomet/81.3.425), who denoised without any network.
#
# <details><summary>Hint 1: what to think about</summary>How do you get all p of a picture at once, every other row and every other column? Over what is the median taken, so that each picture gets its own?</details>
# <details><summary>Hint 2: the formula</summary>x[..., ::2, ::2] is p, x[..., ::2, 1::2] is q. Then d, its absolute value, the median over channels, rows and columns, and a division.</details>
# <details><summary>Hint 3: nearly the line</summary><code>….flatten(1).median(dim=1).values</code> is the median of each picture; of what, and which number brings it to the standard deviation?</details>


# %% tags=["exercise"] exercise="guess_noise_level" points=2
def guess_noise_level(x):
    """The standard deviation of the noise in each picture, from the picture alone.

    x: (B, C, H, W), noised pictures, H and W even.      Returns (B,), of the dtype of x.

    Example: for pure standard normal noise it gives about 1, for a clean grey picture 0.
    """
    ### BEGIN SOLUTION
    p, q, r, s = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    d = (p - q - r + s) / 2  # (B, C, H/2, W/2)
    return d.abs().flatten(1).median(dim=1).values / 0.6745  # (B,)
    ### END SOLUTION


# %% tags=["check"] exercise="guess_noise_level"
guess_noise_level = ex.guess_noise_level.check(guess_noise_level)

# %% tags=["experiment", "figure"]
some_steps = torch.arange(0, T + 1, 50)
generator = run.fresh_generator(5)
readings = []
for t in some_steps:
    x_t = diffusion.q_sample(test, t.expand(len(test)), alpha_bar,
                             torch.randn(test.shape, generator=generator))
    readings.append(diffusion.step_of_noise_level(guess_noise_level(x_t), alpha_bar))  # (128,)
readings = torch.stack(readings, dim=1).double()  # (128, steps): a row for each picture
plots.curves({"read off the picture": readings[:24], "truth": some_steps.double()},
             x=some_steps, xlabel="step t", ylabel="step that was read",
             title="From one picture the step can be read, within limits", each="pictures",
             alt="The step that was guessed from each of 24 pictures against the true step: "
                 "close to the diagonal from 100 to 600, too high near 0, and scattered widely "
                 "above 700.");

# %% tags=["experiment"]
error = (readings - some_steps).abs().mean(0)
level_error = ((1 - alpha_bar).sqrt()[readings.long()]
               - (1 - alpha_bar).sqrt()[some_steps]).abs().mean(0)
for t in (0, 50, 200, 400, 600, 800, 1000):
    k = some_steps.tolist().index(t)
    print(f"t = {t:4d}: off by {error[k]:4.0f} steps on average, by {level_error[k]:.3f} in "
          "noise strength")

# %% [markdown]
# **What to notice.** Between steps 50 and 400 one picture of 16 × 16 pixels gives the step away to within 20 or 30. At $t = 0$ it reads 13 steps of noise where there is none: fine detail looks like noise. At 600 it is off by 64 steps, from 800 on by more than a hundred. But look at the second number: in noise *strength* the error is much the same everywhere, 0.03 to 0.05. Late in the schedule the strength hardly changes from step to step, so the steps cannot be told apart.
#
# ### What happens if you lie?
#
# What does it cost to be wrong about the step? Take a network that *is* told the time, and tell it something else: one of yours, and one that was trained ahead for much longer (lesson 04). Each row below is a true step, each column what the network is told.

# %% tags=["experiment"]
subjects = {}  # name -> networks with their schedule and pictures of their size
if nets:
    subjects["trained here"] = [(nets["sinusoidal", seed], alpha_bar, test)
                                for seed in net_seeds]
if pretrained.available_ddpm(dataset) or not nets:
    # a lecture on other data shows flowers
    name = dataset if pretrained.available_ddpm(dataset) else "flowers"
    ahead = pretrained.ddpm(name, run.device)
    pictures = data.load(name, n=64, size=ahead.size, split="test").images
    subjects["trained ahead"] = [(ahead.model, ahead.alpha_bar, pictures)]


@torch.no_grad()
def loss_when_told(subject, t, told):
    """The loss at step t when told another: a number, or a function of the noised pictures."""
    model, bar, pictures = subject
    eps = torch.randn(pictures.shape, generator=run.fresh_generator(6))
    x_t = diffusion.q_sample(pictures, torch.full((len(pictures),), int(t)), bar, eps)
    told = (told(x_t, bar) if callable(told)
            else torch.full((len(pictures),), float(told)))  # (B,)
    return (model(x_t.to(run.device), told.to(run.device)).cpu() - eps).square().mean().item()


# %% tags=["experiment"]
true_steps = torch.arange(50, T, run.pick(smoke=300, laptop=100))  # 50, 150, ... 950
lies = {}
for name, (subject, *_) in subjects.items():  # the first network of each kind
    loss = torch.tensor([[loss_when_told(subject, t, told) for told in true_steps]
                         for t in true_steps])  # (10, 10)
    lies[name] = loss / loss.diagonal()[:, None]  # in multiples of the loss when told the truth
    print(f"{name}: told too much, up to {lies[name].triu().max():.1f} times the loss of the "
          f"truth; told too little, up to {lies[name].tril().max():.0f} times")

# %% tags=["experiment", "figure"]
maps({name: ratio.log10() for name, ratio in lies.items()}, x=(0, 1000), y=(0, 1000),
     xlabel="step that it is told", ylabel="true step", low=0, high=2,
     bar="0: as good as the truth\n2: 100 times the loss or more",
     title="Told too little noise, a network pays more than told too much",
     alt="Maps of the loss by true step and told step: pale on the diagonal, orange above it, "
         "and black in the lower left, where a network is told of far less noise than there "
         "is.");

# %% [markdown]
# **Where to look.** On the diagonal it is told the truth. The upper right is paler: told *too much* noise, your network loses at most three times as much as with the truth. The lower left is black: told *too little*, it loses a hundred times as much and more. A likely reason is that it then takes noise for picture, and answers with far too much of it. In the network that was trained ahead the band about the diagonal is narrower. The two differ in more than the length of their training (in size, in blocks, in schedule), so this is no proof that practice makes the difference.
#
# How wide is the band? At late steps the picture is nearly pure noise, $x_t \approx b\,\epsilon$. A network that believes in a strength $\hat b$ answers $x_t/\hat b \approx (b/\hat b)\,\epsilon$, and that costs
#
# $$\Big(\frac{b}{\hat b} - 1\Big)^2 ,$$
#
# *the square of the relative error*, or somewhat more, if it also sees a picture where there is none. So let both networks be told what your `guess_noise_level` reads off the very picture. Compare what that adds to the loss with this formula at late steps, and with the network that is told nothing.

# %% tags=["experiment"]
asked = torch.tensor([10, 50, 150, 250, 350, 450, 550, 650, 750, 850, 950])
late = asked[-5:]


def read(x_t, bar):
    """The time that is read off the pictures, (B,) on the scale 0 to 1000."""
    return diffusion.model_time(diffusion.step_of_noise_level(guess_noise_level(x_t), bar), T)


def squared_error(t):
    """The mean of (b / b_hat - 1)^2, where b_hat is the strength of the step that was read."""
    b = (1 - alpha_bar).sqrt()  # (T + 1,)
    x_t = diffusion.q_sample(test, t.expand(len(test)), alpha_bar,
                             torch.randn(test.shape, generator=run.fresh_generator(6)))
    return (b[t] / b[read(x_t, alpha_bar).long()] - 1).square().mean().item()


truth = {name: np.array([[loss_when_told(one, t, t) for t in asked] for one in group])
         for name, group in subjects.items()}
added = {f"{name}, told a reading": np.array([[loss_when_told(one, t, read) for t in asked]
                                              for one in group]) - truth[name]
         for name, group in subjects.items()}  # (networks, 11) each
if nets:
    blind = [(nets["no time", seed], alpha_bar, test) for seed in net_seeds]
    added["no time"] = np.array([[loss_when_told(one, t, t) for t in asked]
                                 for one in blind]) - truth["trained here"]
axes_x = {**dict.fromkeys(added, asked), "square of the relative error": late}
added["square of the relative error"] = np.array([squared_error(t) for t in late])

# %% tags=["experiment", "figure"]
plots.curves(added, x=axes_x, xlabel="step t", ylabel="added to the loss",
             hlines={"told the truth": 0.0},
             title="A reading adds little; silence adds more, but not at late steps",
             alt="What is added to the loss, by step: less than a hundredth where networks of "
                 "this lesson are told a reading. The network without time adds more than a "
                 "tenth at step 50 and ever less after that; from step 750 on it adds no more "
                 "than a reading does.");
for name, loss in truth.items():
    print(f"{name}: loss at t = 950 when told the truth {loss[:, -1].mean():.4f}, "
          f"when told a reading {(loss + added[f'{name}, told a reading'])[:, -1].mean():.4f}")

# %% tags=["experiment"]
if nets:  # a verdict needs several networks
    price = experiments.Comparison("added to the loss, mean over the steps", tuple(net_seeds),
                                   {name: added[name].mean(1) for name in
                                    ("trained here, told a reading", "no time")})
    display(price.table().round(4))
    display(experiments.claim(
        "A network without time loses more than a reading of the step would cost",
        "then it is not the information alone that it lacks", price, more="no time",
        less="trained here, told a reading", digits=4))

# %% [markdown]
# **What to notice.** Under `laptop`, a reading adds 0.006 to the loss of your networks, and no time at all 0.038: on average over these steps the claim holds. Look at the single steps, too. Most of the difference lies before step 600. From 750 on, silence adds no more than a reading, and a little less at the end: there, your formula is the poorer reader of the two. So much of the information *is* in the picture, and that is how no time at all goes as far as it does. Such a network is called a *blind denoiser*; [Kadkhodaie & Simoncelli 2021](https://arxiv.org/abs/2007.13640) even draw samples with one.
#
# A hundredth more is little where the loss is a half, and much where it is next to nothing. At $t = 950$ your networks have a loss of 0.0016 when they are told the truth, and 0.0109 when told a reading. For the one trained ahead on flowers it is 0.0003 against 0.014. (A part of that is the schedule: it learned on the linear one, whose step 950 is nearly pure noise, and your networks on the cosine one.) What a reading adds is about the same; *the smaller the loss, the more of it comes from not being told.*
#
# Two things soften that. Your formula looks at one number for each square of four pixels; a network may use all it sees. And larger pictures give their noise away more exactly: the relative error of a reading falls with the root of the number of pixels. [Sun et al. 2025](https://arxiv.org/abs/2502.13129) took the noise level away from several kinds of generative models: most became a little worse, and some better.

# %% [markdown]
# ## 6 · Does the kind of embedding matter?
#
# **Sinusoids, random Fourier features, a table, a raw float: which one for the flowers?**
#
# You saw that they differ widely in what a small network can learn from them. You also saw that the strength of the noise, which is what the step stands for, changes smoothly. So there are two stories, and only a measurement decides between them. It takes more than the minutes you have: five ways, three seeds each, the course's U-Net (lesson 05), trained, sampled from (lessons 04 and 06) and judged. It was run ahead; `course claims time_embeddings` repeats it.

# %% tags=["experiment"]
about = studies.settings("time_embeddings")
shared = about["shared"]
kinds = ["sinusoidal", "raw float", "learned table", "random Fourier", "no time"]
print(f"{len(kinds)} ways, seeds {about['seeds']}: {shared['dataset']} at "
      f"{shared['size']} px, U-Net of width {shared['width']}, {shared['steps']} steps of "
      f"batch {shared['batch']}, {shared['samples']} samples each")
study = {figure: studies.load("time_embeddings", figure=figure)
         for figure in ("loss", "loss by level", "Fréchet distance")}
for figure in ("loss", "Fréchet distance"):
    display(study[figure].table().loc[kinds].round(4))
judge = Judge(shared["dataset"], shared["size"], n=shared["samples"])
print(f"Fréchet distance of as many real pictures: {judge.floor['frechet']:.2f}")

# %% tags=["experiment", "figure"]
curves = study["loss by level"].runs  # (seeds, 9) each
relative = {name: 100 * (curves[name] / curves["sinusoidal"] - 1) for name in kinds[1:]}
print_levels({"sinusoidal": curves["sinusoidal"].mean(0), **rules})
plots.curves(relative, x=studies.LEVELS, xlabel="log-SNR (left: noise, right: data)",
             ylabel="loss above that of sinusoids, %", hlines={"sinusoidal": 0.0},
             title="Where each way of telling the time pays",
             alt="Loss relative to sinusoids against log-SNR for a raw float, a learned table, "
                 "random Fourier features and no time: the table and no time lie far above at "
                 "the left, a few percent at the right; the other two stay near zero.");

# %% [markdown]
# The *Fréchet distance* says how far the samples are from real pictures, as a recogniser sees them (lesson 10 builds it; smaller is better). A lower loss need not mean better samples, so there is a verdict on both.

# %% tags=["experiment"]
words = {"raw float": "one raw float", "learned table": "a learned table",
         "random Fourier": "random Fourier features", "no time": "no time at all"}
for name in words:
    print(f"{name:>15}: {relative[name].mean(0)[0]:+5.1f} % at log-SNR {studies.LEVELS[0]:.0f}")
for figure, digits in (("loss", 4), ("Fréchet distance", 2)):
    for rival, text in words.items():
        doubt = "; Sun et al. 2025 doubt it" if rival == "no time" else ""
        source = f"common practice{doubt}"
        display(experiments.claim(f"Sinusoids give a lower {figure} than {text}", source,
                                  study[figure], more=rival, less="sinusoidal", digits=digits))

# %% [markdown]
# **What to notice.** By both measures three ways are *too close to call*: sinusoids (loss 0.228, distance 18.0), random Fourier features (0.228, 17.9) and one raw float (0.232, 19.1). Three seeds do not tell them apart; that is not the same as equal. Section 3 suggests why they are close: if what a denoiser has to know of the time is smooth, a float that is stretched to lie between -1 and 1 can carry it.
#
# Two ways lose. *No time at all* (0.243, 20.4) loses a third more than sinusoids at log-SNR -8, and some 6 % at 6 and 8. But look at the rules: at -8 sinusoids have a loss of 0.0116, and answering $x_t$ has 0.0001. These networks begin at 0, not at $x_t$, and after 400 steps none of the five has learned that end. So the left third of the chart, up to -4, says who learns *faster* there, and no more. From -2 on all five are below both rules. The *learned table* (0.243, 22.3) does no better than no time. In 400 steps of 32 pictures each of its 1000 rows was met about 13 times: a table buys with data what sinusoids have for nothing, neighbours. If that is the reason, longer training should close the gap: put `models.LearnedTime` into `embeds` in section 5, and raise `steps`.
#
# (Eight verdicts at 95 %: do not be surprised if one of them is luck.)

# %% [markdown]
# ## 7 · Bug hunt: numbers between 0 and 1
#
# A colleague has read that networks like numbers between 0 and 1, and that small embeddings are enough. So:

# %%
def colleagues_embedding(t, T, features=8):
    u = t / T  # "networks like numbers between 0 and 1"
    return sinusoidal_embedding(u, features)  # (B, features)


# %% [markdown]
# The code runs, the shapes are right, the network trains, and no test complains. Here is what it hands over for all 1000 steps:

# %% tags=["figure"]
suspect = colleagues_embedding(every_step, 1000)
maps({"the colleague's": suspect.T,
      "8 features of t itself": sinusoidal_embedding(every_step, 8).T},
     x=(0, 1000), y=(0, 8), xlabel="step t", ylabel="feature", bar="value",
     title="Is there anything to see on the left?",
     alt="Two embeddings of all steps with 8 features. Left: six rows keep one colour, two "
         "change slowly. Right: waves of four different lengths.");

# %% tags=["figure"]
both = {"the colleague's": suspect,
        "8 features of t itself": sinusoidal_embedding(every_step, 8)}
maps({name: similarity_map(e[::2]) for name, e in both.items()}, x=(0, 1000), y=(0, 1000),
     xlabel="step t", ylabel="step s", bar="similarity", title="Which steps can be told apart?",
     alt="Two similarity maps. Left: red all over, every step resembles every other. Right: "
         "stripes.");

# %% [markdown]
# Compare left and right. How many different things do the eight features of the left say? Find out why.
#
# <details><summary>Where to look</summary>Through which angle does the fastest clock turn while u goes from 0 to 1? How different are sin(u) and u there? Print <code>frequencies(4)</code>, and think of the slowest.</details>

# %%
# your own look: try things here

# %% [markdown]
# Eyes are not a proof. *Principal components* count directions: if all the points of a cloud lie along one line, one number says it all, however many columns the table has. Take the mean away, then the singular values of the table, squared and divided by the number $N$ of its rows, are the variances along the cloud's principal axes. (For the *shares* of the whole variance, the $N$ drops out.)

# %% [markdown]
# ### Exercise 8 · `variance_shares`
# ●●○ · 10 minutes
#
# [Pearson 1901](https://doi.org/10.1080/14786440109462720).
#
# <details><summary>Hint 1: what to think about</summary>What if the cloud lies far from the origin: is that spread?</details>
# <details><summary>Hint 2: the formula</summary>Centre each column, take torch.linalg.svdvals, square, divide by the sum.</details>
# <details><summary>Hint 3: nearly the line</summary><code>torch.linalg.svdvals(embedding - …)</code> gives F numbers, the largest first; they are no variances yet, and do not add up to 1</details>


# %% tags=["exercise"] exercise="variance_shares" points=2
def variance_shares(embedding):
    """The share of the variance in each principal component, the largest first.

    embedding: (N, F), a row for each step, N > F.      Returns (F,), adding up to 1.

    Example: points on a straight line give [1, 0, …], points on a circle in a plane [0.5, 0.5].
    """
    ### BEGIN SOLUTION
    centred = embedding - embedding.mean(dim=0)
    variance = torch.linalg.svdvals(centred).square()  # (F,)
    return variance / variance.sum()
    ### END SOLUTION


# %% tags=["check"] exercise="variance_shares"
variance_shares = ex.variance_shares.check(variance_shares)

# %% tags=["experiment"]
for name, e in both.items():
    print(f"{name:>22}:",
          *(f"{100 * share:5.1f} %" for share in variance_shares(e.double())[:4]))
axis = torch.linalg.svd((suspect - suspect.mean(0)).double(), full_matrices=False)[0][:, 0]
print("correlation of the colleague's first component with t: "
      f"{abs(np.corrcoef(axis, every_step)[0, 1]):.4f}")

# %% [markdown]
# There it is: 98 % of the variance is one component, and that component is $t$ itself. Seven more columns, and a raw float again.

# %% [markdown]
# ### Exercise 9 · `mended_embedding`
# ●●● · 15 minutes · the heart of the lesson
#
# Suppose the rest of the colleague's code depends on $u = t/T$, so keep it. Write an embedding of $u$ that is worth its name: over all steps no component holds more than half of the variance, neighbouring steps (0.001 apart) resemble each other, and steps far apart do not get the same vector. More than one way is right.
#
# <details><summary>Hint 1: what to think about</summary>More features do not help: no clock is faster than the first. What has to change about the speeds?</details>
# <details><summary>Hint 2: the formula</summary>The clocks were made for numbers from 0 to 1000. Or make clocks for numbers from 0 to 1: speeds that rise from 1 to several hundred radians.</details>
# <details><summary>Hint 3: nearly the line</summary>One line: your own <code>sinusoidal_embedding</code>, of something else than <code>u</code></details>


# %% tags=["exercise"] exercise="mended_embedding" points=3
def mended_embedding(u, features=8):
    """An embedding of u = t / T that can tell steps apart.

    u: (B,), from 0 to 1.
    Returns (B, features), in the dtype of u. Each row depends on its own u alone.
    """
    ### BEGIN SOLUTION
    return sinusoidal_embedding(1000 * u, features)
    ### END SOLUTION


# %% tags=["check"] exercise="mended_embedding"
mended_embedding = ex.mended_embedding.check(mended_embedding)

# %% tags=["experiment", "figure"]
mended = mended_embedding(every_step / 1000)
shares = {"the colleague's": variance_shares(suspect.double()),
          "mended": variance_shares(mended.double())}
plots.curves(shares, x=range(1, 9), xlabel="principal component",
             ylabel="share of the variance",
             title="Mended, several components share the variance",
             alt="Share of the variance by component: the colleague's falls from 0.98 to 0 at "
                 "once, the mended one is spread over six.");

# %% [markdown]
# ### Did it hurt?
#
# The network trained, after all. The colleague's embedding was trained beside the five ways of section 6, in the same way and with the same seeds:

# %% tags=["experiment"]
bug = "t/T in 8 sinusoids"
for figure, digits in (("loss", 4), ("Fréchet distance", 2)):
    for rival, text in (("sinusoidal", "16 sinusoids of t"), ("raw float", "one raw float")):
        display(experiments.claim(f"t/T in 8 sinusoids gives a higher {figure} than {text}",
                                  "the bug hunt",
                                  study[figure], more=bug, less=rival, digits=digits))

# %% [markdown]
# **What to notice.** It did, and nobody would have seen it: nothing crashed, and the loss fell as it should. Against sinusoids of $t$ itself (there are 16 in that network) the mistake costs loss (0.237 against 0.228) and samples (21.3 against 18.0). Even one honest raw float has the lower loss (0.232; the samples are too close to call). So a raw float can do better than this one. A guess at why: this one is neither centred nor stretched, and nearly all that it says is one number that moves from 0 to $\sin 1 = 0.84$. You could test it with `models.RawTime` without its stretching.
#
# ## 8 · Explorer
#
# **How many clocks does it take, and how slow must the slowest be?** Move the number of features and the period with the mouse or the arrow keys, and watch the map. When do stripes appear beside the diagonal? When is the map one colour? Then let the clocks get $t/T$ instead of $t$.

# %% tags=["explorer", "figure"]
EmbeddingExplorer()

# %% [markdown]
# ## Is this normal?
#
# - **The loss** begins at 0.36, that of answering $x_t$, because the last layer begins at zero. Under `laptop` it is near 0.24 after two fifths of the 400 steps, and ends at 0.15 with the time and 0.19 without.
# - **A loss near 1 at log-SNR 8** is normal after so short a training: there is next to no noise to be seen. A longer one, and the better blocks of lesson 05, bring it down.
# - **Time**: the whole notebook takes about two minutes of one core's work under `laptop`, most of it the six small trainings. On a GPU it has not been measured.
# - **The network that is told is no better than the other**: the time does not arrive. Print `to_scale_shift.weight.abs().max()` after the training: is it still 0? Or is $t$ on the wrong scale (section 7)?
# - **The loss stays at 0.36**: the output layer got no gradient. Is there a `detach` or a `no_grad` on the way?
# - **The loss falls, but samples or denoised pictures have stripes**: scale and shift met the wrong axes (exercise 5).
#
# ## Questions to think about
#
# <details><summary>1. The slowest of 32 clocks makes 0.02 turns on the way from 0 to 1000. Is that a waste, and which max_period would use every clock?</summary>Mostly yes. 10,000 comes from texts, whose positions can run into the thousands. The slowest clock makes one turn in 1000 steps at a max_period of about 1000/2π ≈ 160 (try it in the explorer: 10 to the power of 2.2). A few nearly constant features harm little: the first layer can ignore them.</details>
# <details><summary>2. Why does the block multiply by 1 + scale, and not by scale?</summary>With scale = 0 at first, multiplying by scale would switch every map off; nothing would reach the output, and no gradient would come back through the pictures. With 1 + scale the block begins as if there were no time at all, and weight decay pulls it back there.</details>
# <details><summary>3. Could you add a channel to the picture instead, filled with t/1000?</summary>Yes, and many small implementations do. The first convolution then sees the time at every pixel. But only the first: deeper blocks get it second-hand, and it reaches them as one raw float.</details>
# <details><summary>4. You train with T = 1000 and a learned table, at steps 4, 8, 12 and so on only. Can you sample with all 1000 steps?</summary>No. The rows of the table in between were never trained: they are as random as on the first day. Sinusoids and Fourier features answer for steps in between by what they learned about the neighbours.</details>
# <details><summary>5. A sampler knows the step anyway. Could it use a network that does not?</summary>Yes. The sampler's formulas need alpha bar and the noise; who says the noise is their own affair. Section 6 sampled from such a network, with the Fréchet distance that you see there.</details>
#
# ## What we left out
#
# Telling the network the log-SNR instead of the step, which makes it independent of the schedule ([Kingma et al. 2021](https://arxiv.org/abs/2107.00630); lesson 08). Conditions other than the time: a class (lesson 12), a text (lesson 19). Modulation in a transformer, where the zero at the start has a name, AdaLN-Zero (lesson 20). The same sinusoids as *positions* in a text (lesson 16).
#
# ## Readings
#
# - Vaswani et al. 2017, [Attention Is All You Need](https://arxiv.org/abs/1706.03762): section 3.5 is the origin of the clocks, in ten lines.
# - Tancik et al. 2020, [Fourier Features Let Networks Learn High Frequency Functions](https://arxiv.org/abs/2006.10739): why a raw coordinate is hard to learn from, with pictures.
# - Sun et al. 2025, [Is Noise Conditioning Necessary for Denoising Generative Models?](https://arxiv.org/abs/2502.13129): what happens to diffusion and flow models that are told nothing. They degrade gracefully, and some improve.
#
# **Next**: [lesson 04](04_ddpm.ipynb) trains a network that is told the time, and draws flowers with it.

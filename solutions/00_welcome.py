# %% [markdown]
# # 00 · Welcome
#
# ![Four rows of eight small pictures: white daisies, red tulips, yellow sunflowers, pink poppies.](../course_utils/lessons/lesson00/opening.png)
#
# You ask for a white daisy, a red tulip, a yellow sunflower or a pink poppy, and noise turns into one. In this course you build every part of a machine that does this, and you check each part as you go.
#
# (The picture was made by a formula that needs no training, which you write in lesson 02. It can only give back flowers that it was given. Your own networks will make flowers that nobody drew.)
#
# **You will build** one small function, to see how an exercise works.
#
# **You will see** your machine, your data, the symbols that all lessons share, and how a verdict is read.
#
# **Time**: half an hour. The notebook itself runs in 10 seconds under every preset (2 CPU cores).
#
# **Stands on**: Python, a little PyTorch (tensors, `nn.Module`), and school calculus.

# %%
import torch

from course_tools import doctor
from course_utils import data, plots, widgets
from course_utils.errors import CourseError
from course_utils.lessons.lesson00 import checks as ex
from course_utils.runtime import start

# %% tags=["parameters"]
preset = "auto"  # smoke, lecture, laptop or gpu; auto chooses
dataset = "flowers"  # or digits, mnist, fashion_mnist, cifar10

# %%
run = start("00", preset=preset, dataset=dataset)
plots.use_style()

# %% [markdown]
# ## 1 · What you will build
#
# A *diffusion model* learns one thing: to look at a picture with noise on it and say what the noise is. Whoever can do that can start from nothing but noise and take a little away, again and again, until a picture stands there.
#
# | part | lessons | you build |
# |---|---|---|
# | I. Diffusion from scratch | 01 to 06 | noise, a U-Net, the sense of time, training, sampling, fast sampling |
# | II. The continuous view | 07 to 10 | scores, differential equations, straight paths, and how to judge a sample |
# | III. Control | 11, 12 | guidance: ask for something and get it |
# | IV. Latent space | 13 to 15 | autoencoders, and diffusion in their compressed space |
# | V. Language and vision | 16 to 19 | text, attention, CLIP, text to image |
# | VI. Transformers that diffuse | 20 to 22 | DiT and its relatives, control by sketches and masks |
# | VII. Fast, big, shipped | 23 to 27 | distillation, cascades, production, and your own generator |
#
# Lessons appear one after the other; a number that has no notebook yet is still being written.

# %% [markdown]
# ## 2 · Your machine
#
# **Can this machine run the course?** Any machine that runs PyTorch can. A GPU makes it faster, and is never needed.

# %% tags=["experiment", "machine"]
doctor.show(doctor.examine());

# %% [markdown]
# ### Presets
#
# How much a lesson computes is decided by its *preset*, the word in the second code cell.
#
# | preset | for | a lesson takes |
# |---|---|---|
# | `smoke` | automatic tests: every line runs, nothing is learnt | seconds |
# | `lecture` | teaching: models trained ahead are loaded | under a minute |
# | `laptop` | you, without a GPU: everything is trained for real, on small pictures | at most 5 minutes |
# | `gpu` | you, with a CUDA GPU: larger pictures, longer training | it depends on the GPU |
#
# `auto` takes `gpu` if PyTorch finds a CUDA GPU, and `laptop` otherwise. The environment variable `COURSE_PRESET` overrides the word in the notebook. In a lesson you see the choice where it is made (a preset that is not named there is as `laptop`):

# %%
steps = run.pick(smoke=20, lecture=0, laptop=800, gpu=8000)
print(f"Under the preset {run.preset}, a training of this kind would take {steps} steps.")

# %% [markdown]
# ## 3 · The data
#
# **What do we generate?** Flowers. They are drawn from a few numbers: species, petals, colours, sky, size. Because we know what is in each picture, we can later *measure* whether a generator obeys: did it draw the red tulip at night that you asked for?

# %% tags=["figure"]
flowers = data.load("flowers", n=run.pick(smoke=64, laptop=1024), size=32)
# the first flower of each species
first = [flowers.labels.tolist().index(k) for k in flowers.labels.unique()]
plots.grid(flowers.images[first], titles=[flowers.classes[flowers.labels[i]] for i in first],
           columns=5, title="One flower of each species, 32 x 32 pixels",
           alt="A grid with one drawn flower of each species, on skies of different colours.");

# %% [markdown]
# Each flower has a row of attributes, and a caption that mentions some of them, in varied words. The captions are what a text-to-image model will read in lesson 19.

# %%
for caption in flowers.captions[:4]:
    print(caption)
flowers.table.head(4).drop(columns="key")

# %% [markdown]
# A seed is a flower: the same seed gives the same flower, on every machine and at every size.

# %% tags=["figure"]
sizes = (16, 32, 64, 128)
same = {f"{size} px": data.load("flowers", n=6, size=size, seed=11).images for size in sizes}
# same size on screen
large = [torch.nn.functional.interpolate(x, size=128) for x in same.values()]
plots.strip(dict(zip(same, large, strict=True)), title="The same six flowers at four sizes",
            alt="Six flowers drawn at 16, 32, 64 and 128 pixels: the same, in more and more "
                "detail.");

# %% [markdown]
# Four sets of real pictures stand beside the flowers. `digits` (8 x 8 pixels, enlarged here) comes with scikit-learn. The others are downloaded once, by `course data NAME`, and kept; set `COURSE_DATA_DIR` if you have the files already. A lesson that needs neither colour nor captions runs on any of them: change `dataset` in the second code cell.

# %% tags=["experiment", "figure"]
rows = {}
for name in ("digits", "mnist", "fashion_mnist", "cifar10"):
    if name == "digits" or (data.cache_dir() / name).is_dir():  # no download here
        try:
            images = data.load(name, n=8, size=32, split="test").images
            rows[name] = images.expand(-1, 3, -1, -1)
        except CourseError as problem:
            print(problem)
plots.strip(rows, title=f"Real pictures that are on this machine: {', '.join(rows)}",
            alt=f"Rows of eight pictures from {', '.join(rows)}.");

# %% [markdown]
# ### The one rule about pictures
#
# Whatever the set, a batch of pictures is a tensor of shape (B, C, H, W): pictures, channels, rows, columns. Its values are float32 from -1 (black) to 1 (white), so that they lie around 0 as the noise does. A screen wants something else: whole numbers of 8 bits, from 0 to 255.

# %% tags=["figure"]
chosen = data.load(dataset, n=8, size=32, split="test")
low, high = chosen.images.min().item(), chosen.images.max().item()
print(f"{chosen}: {chosen.images.dtype}, from {low:.2f} to {high:.2f}")
plots.grid(chosen.images, titles=[chosen.classes[k] for k in chosen.labels],
           title=f"Your data set: {dataset}",
           alt=f"Eight pictures of the data set {dataset}, each with the name of its class.");

# %% [markdown]
# ## 4 · How an exercise works
#
# An exercise is a function that you write. Its cell says what goes in and what comes out. Below it stands a *check*. Run your cell, then the check. It answers in one of three ways:
#
# - `to_pixels: not tried yet`: the cell still raises `NotImplementedError`.
# - `to_pixels: FAIL (2 of 4)`, and a hint that names what it saw.
# - `to_pixels: PASS (4 of 4)`.
#
# You are never stuck: after a failed or untried exercise, the lesson goes on with the course's own version. Come back whenever you like.
#
# Above each exercise stand its difficulty (one to three dots), its minutes, and three hints that you can unfold: what to think about, which formula, nearly the line.

# %% [markdown]
# ### Warm-up · `to_pixels`
# ●○○ · 5 minutes
#
# Turn pictures from $[-1, 1]$ into pixels for a screen. Noise goes beyond $[-1, 1]$, so cut off what lies outside.
#
# <details><summary>Hint 1: what to think about</summary>Where must -1 go, where 1, and where 0.2? What does a whole number of 8 bits do with 256?</details>
# <details><summary>Hint 2: the formula</summary>Add 1, multiply by 127.5, round to the nearest whole number, cut off below 0 and above 255, and only then convert.</details>
# <details><summary>Hint 3: nearly the line</summary><code>((images + 1) * 127.5).round().clamp(…, …).to(torch.uint8)</code></details>


# %% tags=["exercise"] exercise="to_pixels" points=1
def to_pixels(images):
    """Pictures in [-1, 1] as pixels.

    images: float, any shape.    Returns uint8, the same shape.
    -1 becomes 0, 1 becomes 255, in between rounded to the nearest; what lies outside is cut
    off.

    Example: [-1, 0.2, 1] becomes [0, 153, 255].
    """
    ### BEGIN SOLUTION
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    ### END SOLUTION


# %% tags=["check"] exercise="to_pixels"
to_pixels = ex.to_pixels.check(to_pixels)

# %% [markdown]
# Whatever the check said, `to_pixels` now works: it is yours if it passed, and ours if not. Try a wrong version on purpose, without the rounding or without the cutting off, and read the hint.

# %%
# the first four pixels of the first picture, a row a channel
to_pixels(chosen.images[:1])[0, :, 0, :4]

# %% [markdown]
# ### How a lesson is graded
#
# `course check 00` in a terminal scores your notebook. It copies your answers into a clean copy of the lesson, runs the checks, and prints a table with points and hints. It changes nothing in your notebook. So edit what you like. Your answer to an exercise is the last definition of its name at the top level of a cell, wherever that cell stands, together with the helper functions, constants and imports of yours that it uses. If you try a second version further down, that one counts: give it another name, or delete it, if you do not want it graded. Your variables in experiments, and files beside the notebook, do not come along.

# %% [markdown]
# ## 5 · Explorer: plant a flower
#
# **Which of these numbers could you read back from a picture of 16 pixels?** Every lesson has an explorer like this one. Its sliders move with the mouse or, once selected, with the arrow keys.

# %% tags=["explorer", "figure"]
options = data.flowers.CHOICES  # attribute -> its values


def plant(state):
    """The flower that the controls ask for, at 16, 32 and 128 pixels side by side."""
    wanted = {name: getattr(state, name) for name in options}
    pictures = [data.flowers.draw(wanted, size=size, seed=state.seed) for size in (16, 32, 128)]
    large = [torch.nn.functional.interpolate(x, size=256)[0] for x in pictures]  # (3, 256, 256)
    # white in between
    spaced = [torch.nn.functional.pad(x, (0, 12, 0, 0), value=1.0) for x in large]
    return plots.to_uint8(torch.cat(spaced, dim=2)[None])[0]  # (256, 804, 3)


menus = {name: widgets.choice(values, label=name.replace("_", " "))
         for name, values in options.items()}
widgets.Explorer(plant, name="Plant a flower",
                 alt="The same flower drawn at 16, 32 and 128 pixels.",
                 say=lambda s: f"A {s.size} {s.petal_colour} {s.species}, sky: {s.sky}.",
                 seed=widgets.whole(0, 50, label="seed"), **menus)

# %% [markdown]
# ## 6 · Symbols
#
# These symbols are the papers', and mean the same in every lesson. The few exceptions stand in the second table.
#
# | symbol | in code | meaning |
# |---|---|---|
# | $x_0$ | `x0` | a clean picture: data, at $t = 0$ |
# | $t$, $T$ | `t`, `T` | the step, and the last step: $t = 0$ is data, $t = T$ is noise |
# | $\epsilon$ | `eps` | noise: independent standard normal numbers, shaped like the picture |
# | $x_t$ | `x_t` | the picture at step $t$: $\sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon$ |
# | $\beta_t$ | `betas[t - 1]` | the share of the variance that step $t$ replaces by noise; `betas` has shape (T,) |
# | $\alpha_t$ | `1 - betas[t - 1]` | the share that step $t$ keeps |
# | $\bar\alpha_t$ | `alpha_bar[t]` | the share that is left after $t$ steps, $\alpha_1\cdots\alpha_t$; `alpha_bar` has shape (T + 1,), and $\bar\alpha_0 = 1$ |
# | $\mathrm{SNR}(t)$ | `snr` | signal-to-noise ratio, $\bar\alpha_t / (1-\bar\alpha_t)$ |
# | $\hat\epsilon$, $\hat x_0$ | `eps_hat`, `x0_hat` | a network's guess of the noise, and the picture that follows from it; a hat is a guess |
# | $v$ | | a mixture that a network may guess instead of the noise: $\sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1-\bar\alpha_t}\,x_0$ |
# | $\tau(t)$ | `tau` | the time vector: what a network makes of $t$, for its blocks to read |
# | $\tilde\mu_t$, $\tilde\beta_t$ | `posterior_mean`, `posterior_variance` | mean and variance of $x_{t-1}$ when $x_t$ and $x_0$ are known |
# | $\theta$, $\bar\theta$ | | the weights of a network, and their moving average |
# | $x_s$ | `x_s` | the picture at $s < t$, where a sampler's step from $t$ ends |
# | $\sigma$, $z$ | `sigma`, `z` | how much fresh noise a sampler's step adds (a standard deviation), and that noise, standard normal |
# | $w$ | `w` | guidance weight: $\epsilon = (1+w)\,\epsilon_\text{cond} - w\,\epsilon_\text{uncond}$ |
# | $s$ | `scale` | in guidance, the other convention for the same thing: $s = 1 + w$ |
# | $\eta$ | `eta` | how much fresh noise a sampler adds, from 0 (none) to 1 |
# | $\mathcal N(\mu, \sigma^2)$ | `torch.randn` | the normal distribution with mean $\mu$ and variance $\sigma^2$; in $\mathcal N(0, I)$ each pixel is drawn for itself, with variance 1 |
# | $B, C, H, W$ | | pictures in a batch, channels, rows, columns |
#
# The papers have more things than letters. Where a lesson uses one of these for something else, it says so beside the formula, and this is the list:
#
# | symbol | and in this lesson also |
# |---|---|
# | $s$ | 01: the offset of the cosine schedule; 03: a second step, compared with $t$ |
# | $\tau$ | 01: how steep the sigmoid schedule is |
# | $w$ | 02: the weights of a convolution, the width of a U-Net, and $w_i$, how probable picture $i$ is; 04: $w_t$, how much a step counts in the loss; 05: $w_{ij}$, how much position $i$ takes from $j$ |
# | $v$ | 02: the variance of a pixel; 05: $v_j$, what position $j$ tells; 06: where a learned variance lies between two others |
# | $\mu$, $\sigma^2$ | 02: $\mu$, the mean of a pixel; 05: mean and variance of what a norm looks at |
# | $\gamma$, $\beta$ | 03: $\gamma(t)$, the step as sines and cosines; 05: $\gamma_c$ and $\beta_c$, scale and centre of a channel after a norm |
#
# A *model* is called as `model(x, t, cond=None)`. Its `t` has shape (B,) and runs from 0 to 1000, whatever the number of steps of the schedule: only samplers and losses convert.
#
# ### Words
#
# A new word stands in italics once, with its meaning, in the lesson that brings it. All of them stand in the [glossary](../docs/glossary.md), by the alphabet and by lesson.

# %% [markdown]
# ## 7 · How to read a verdict
#
# **When does a difference count?** From lesson 01 on you meet boxes that say what somebody claims, what was measured, and a *verdict*. All three verdicts are good answers.
#
# - **Runs come in pairs.** Every variant runs once with each seed. The same seed means the same pictures, noise and first weights on both sides. So the runs of a seed are compared with each other, and what counts is their *difference*: the luck that both share drops out. (The numbers after ± are the spread of each side by itself, and can overlap although every pair points the same way.)
# - **The interval.** The mean of these differences comes with a 95 % *interval*, from Student's t: made anew from other seeds again and again, 95 of 100 such intervals would contain the true mean difference. With three seeds it reaches 4.3 standard errors to either side. It speaks of other seeds, not of other data, other networks or longer trainings.
# - **The verdict** says on which side of a line the interval lies.
#
# | | claim: *A is larger than B* | claim: *A is equal to c* |
# |---|---|---|
# | the line | 0, or a *margin* below which a difference would not matter | a *tolerance* to either side of c, within which a difference would not matter |
# | *holds here* | the whole interval lies above it | the whole interval lies within |
# | *does not hold here* | the whole interval lies at or below it | the whole interval lies outside |
# | *too close to call* | the line runs through the interval | an edge runs through the interval |
#
# Two from lesson 01: a difference of +0.179, interval 0.071 to 0.286, *holds*; one of −0.028, interval −0.113 to 0.057, is *too close to call*. The second does not say that the two are equal. It says that three seeds leave it open. Likewise, *too close to call* in a test of equality leaves open whether the two are equal, and is no sign that they differ.
#
# Three questions to ask of every verdict. What does a rule without any learning get, such as the mean of all pictures as the answer to everything? If both networks are worse than that, comparing them says little. Was the *cause* tested, or only the difference? And how many verdicts were there? Of twenty at 95 %, one is luck.

# %% [markdown]
# ## Is this normal?
#
# - **Sliders do not show**, only a line of text: the kernel has not run the cell. Run it; if that does not help, `course doctor` says whether the widgets' front end is installed.
# - **`NotImplementedError`** when you call a function: its exercise has not been done, and its check has not been run since. Run the check: it puts the course's version in its place.
# - **`not tried yet` although you wrote something**: your cell raised an error or has not been run. Run it, read its last line, then run the check again.
#
# ## Questions to think about
#
# <details><summary>1. Why [-1, 1], and not [0, 1] as in most image libraries?</summary>Noise is symmetric around 0. If pictures lie around 0 too, picture and noise can change places smoothly, and a network's outputs have the same scale at every step.</details>
# <details><summary>2. Why drawn flowers, when there are photographs?</summary>Because we know the truth about each one. Of a photograph nobody can say exactly how many petals were asked for; of a drawn flower anybody can, so obedience can be measured. And they need no download.</details>
#
# ## What we left out
#
# How to install anything: the README has it. What diffusion cannot do: that comes with the lessons that meet it.
#
# ## Readings
#
# - [The course's README](../README.md): installing, the two commands, how grading works.
# - Weng 2021, [What are Diffusion Models?](https://lilianweng.github.io/posts/2021-07-11-diffusion-models/): the whole field in one long page, good as a map.
# - Luo 2022, [Understanding Diffusion Models: A Unified Perspective](https://arxiv.org/abs/2208.11970): every derivation with every step, good beside lessons 01 to 09.
#
# **Next**: [lesson 01](01_forward_noising.ipynb) noises a flower, and finds out how fast it should drown.

"""What is measured on a trained arm: how well it names the noise, and how its samples look to a judge."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils import data
from course_utils.diffusion import model_time, q_sample, snr
from course_utils.samplers import as_predict, sample_ddim, sample_ddpm
from course_utils.studies.arm import Arm
from course_utils.studies.forward import Forward
from course_utils.studies.sampling import judge_of

#: natural logarithms of the signal-to-noise ratio at which the held-out loss is measured, from noise to data
LEVELS = (-8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0)
HELD_OUT, HELD_OUT_SEED = 256, 7
CHUNK = 250  # images sampled at a time


@torch.no_grad()
def loss_by_level(arm: Arm, forward: Forward, model: nn.Module) -> list[float]:
    """Mean |eps - eps_hat|^2 on held-out images at each of LEVELS, whatever the model predicts.

    The levels are signal-to-noise ratios and not steps, so that schedules can be compared, and every arm meets the
    same images under the same noise. At each level the nearest step of the arm's own schedule is taken.
    """
    x0 = data.load(arm.dataset, n=HELD_OUT, size=arm.size, split="test", seed=HELD_OUT_SEED).images
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(HELD_OUT_SEED))
    predict = as_predict(forward.seen_by(model), kind=arm.kind, alpha_bar=forward.alpha_bar)
    log_snr = snr(forward.alpha_bar[1:]).log()  # (T,)
    losses = []
    for level in LEVELS:
        t = (log_snr - level).abs().argmin().add(1).expand(len(x0))  # (B,)
        x_t = q_sample(x0, t, forward.alpha_bar, eps)
        losses.append((eps - predict(x_t, model_time(t, arm.T))).square().mean().item())
    return losses


def scores(arm: Arm, forward: Forward, model: nn.Module, steps: int, seed: int) -> dict[str, float]:
    """The judge's figures for `arm.samples` images."""
    found = judge_of(arm.dataset, arm.size, arm.samples).scores(
        draw(arm, forward, model, steps, seed), by_recogniser=True
    )
    return {
        "Fréchet distance": found["frechet"],
        "kernel distance": found["kernel"],
        sure_of(arm.dataset): found["sure"],
    }


def sure_of(dataset: str) -> str:
    """The name of the share of samples that the judge's recogniser is sure of."""
    return "sure of a species" if dataset == "flowers" else "sure of a class"


@torch.no_grad()
def draw(arm: Arm, forward: Forward, model: nn.Module, steps: int, seed: int, count: int | None = None) -> Tensor:
    """`count` images (by default `arm.samples`), float32 (B, C, size, size), clamped to [-1, 1].

    The same seed begins with the same noise for every arm. All at once, the answer to pure noise is the sample: a
    single guess, because no step in between was ever practised.
    """
    channels = data.load(arm.dataset, n=1, size=arm.size).images.shape[1]
    shape = (count or arm.samples, channels, arm.size, arm.size)
    generator = torch.Generator().manual_seed(1000 + seed)
    x_T = forward.start(shape, generator, standard=arm.start == "N(0, I)")
    fresh = torch.Generator().manual_seed(2000 + seed)
    seen, parts = forward.seen_by(model), []
    for x in x_T.split(CHUNK):
        if arm.forward == "all at once":
            parts.append(seen(x, torch.full((len(x),), 1000.0)))
        elif arm.sampler == "ddim":
            predict = as_predict(seen, kind=arm.kind, alpha_bar=forward.alpha_bar)
            parts.append(sample_ddim(predict, x, forward.alpha_bar, steps, clip=arm.clip_x0))
        else:
            learned = arm.noise == "learned"
            predict = as_predict(seen, kind=arm.kind, alpha_bar=forward.alpha_bar, variance=learned)
            parts.append(
                sample_ddpm(predict, x, forward.alpha_bar, fresh, variance=arm.noise, clip=arm.clip_x0, steps=steps)
            )
    return torch.cat(parts).clamp(-1, 1)

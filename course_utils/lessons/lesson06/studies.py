"""What lesson 06 measures: samplers by number of steps on one trained model, and three variances on another.

In the study `steps` nothing is trained: its seeds are those of the noise, with which sampling starts and which it adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from course_utils import pretrained
from course_utils.errors import CourseError
from course_utils.samplers import sample_ddim, sample_ddpm
from course_utils.studies.arm import Arm
from course_utils.studies.figures import sure_of
from course_utils.studies.sampling import Sampling, judge_of
from course_utils.studies.study import Study

CHUNK = 250  # images sampled at a time
FEW, MANY = (5, 10, 20, 50, 100), (250,)


@dataclass(frozen=True)
class Walk(Sampling):
    """One way of sampling from the model of a data set that was trained ahead.

    Attributes:
        sampler: "ddim", with `eta`, or "ddpm", with the variance beta. (DDPM with beta-tilde is DDIM with eta = 1.)
        eta: the share of fresh noise of "ddim".
        clip: clamp the predicted picture to [-1, 1] in every step.
    """

    sampler: str = "ddim"
    eta: float = 0.0
    clip: bool = False

    def __post_init__(self) -> None:
        if self.sampler not in ("ddim", "ddpm"):
            raise CourseError(f"A walk has no sampler {self.sampler!r}: choose ddim or ddpm.")


def run_walk(walk: Walk, seed: int) -> dict[str, Any]:
    """Sample, and judge. The seed chooses the first noise, the same for every walk, and the fresh noise after it.

    Returns:
        "Fréchet distance", "kernel distance": of the samples from held-out images, as the recogniser sees them.
        "sure of a species" ("sure of a class" for other data): the share of samples that it names with certainty.
    """
    model = pretrained.ddpm(walk.dataset)
    judge, x_T = judge_of(walk.dataset, model.size, walk.samples), walk.first_noise(model, seed)
    fresh = torch.Generator().manual_seed(2000 + seed)
    parts = []
    for x in x_T.split(CHUNK):
        if walk.sampler == "ddim":
            drawn = sample_ddim(
                model.predict, x, model.alpha_bar, walk.steps, eta=walk.eta, generator=fresh, clip=walk.clip
            )
        else:
            drawn = sample_ddpm(model.predict, x, model.alpha_bar, fresh, steps=walk.steps, clip=walk.clip)
        parts.append(drawn)
    found = judge.scores(torch.cat(parts).clamp(-1, 1), by_recogniser=True)
    return {
        "Fréchet distance": found["frechet"],
        "kernel distance": found["kernel"],
        sure_of(walk.dataset): found["sure"],
    }


def _by_steps(name: str, counts: tuple[int, ...], **settings: Any) -> dict[str, Walk]:
    return {f"{name}, {count} steps": Walk(steps=count, **settings) for count in counts}


# Longer than the baseline's training: the variance is taught by a thousandth of the loss.
LEARNED = {
    "variance": "learned",
    "steps": 1500,
    "sampler": "ddpm",
    "sampling_steps": 10,
    "by_steps": (5, 10, 20, 50),
    "samples": 300,
}

STUDIES = [
    Study(
        "steps",
        lesson="06",
        says="samples of one trained model by sampler and number of steps",
        variants={
            **_by_steps("DDIM", FEW + MANY),
            **_by_steps("DDPM, beta-tilde", FEW + MANY, eta=1.0),
            **_by_steps("DDPM, beta", FEW[:4], sampler="ddpm"),
            **_by_steps("eta 0.5", FEW[:3], eta=0.5),
            **_by_steps("DDIM, clipped", FEW[:3], clip=True),
        },
        seeds=range(5),
        run=run_walk,
        weights=("ddpm-flowers", "recogniser-flowers"),
    ),
    Study(
        "learned_variance",
        lesson="06",
        says="DDPM by number of steps with three variances, all of one network that has learned one",
        variants={
            "beta": Arm(noise="beta", **LEARNED),  # type: ignore[arg-type]
            "beta-tilde": Arm(noise="beta-tilde", **LEARNED),  # type: ignore[arg-type]
            "learned": Arm(noise="learned", **LEARNED),  # type: ignore[arg-type]
        },
    ),
]

"""The settings of one training and of how it is judged: what a study varies, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from course_utils.errors import CourseError
from course_utils.training import PoolTraining

CHOICES: dict[str, tuple[Any, ...]] = {
    "time": ("sinusoidal", "raw", "learned", "fourier", "none", "t/T in 8 sinusoids"),
    "schedule": ("cosine", "linear", "sigmoid"),
    "optimiser": ("adamw", "muon"),
    "forward": ("schedule", "fixed ratio", "all at once"),
    "kind": ("eps", "x0", "v"),
    "distance": ("l2", "l1", "huber"),
    "times": ("uniform", "middle-heavy"),
    "variance": ("fixed", "learned"),
    "sampler": ("ddim", "ddpm"),
    "noise": ("beta", "beta-tilde", "learned"),
    "start": ("where training ended", "N(0, I)"),
}

#: fields that change nothing in the training: arms that differ only in these share it
JUDGEMENT = ("average", "sampler", "noise", "sampling_steps", "by_steps", "clip_x0", "start", "samples")


@dataclass(frozen=True)
class Arm(PoolTraining):
    """One training and its judgement. The defaults are the baseline, with which a variant differs in one field.

    Attributes:
        time: how it is told the time: "sinusoidal", "raw", "learned", "fourier", "none", or the mistake
            "t/T in 8 sinusoids".
        forward: how noise is added. "schedule"; "fixed ratio", x_t = (1 - r) x_{t-1} + r eps; or "all at once",
            which goes from data to pure noise in a single step, so that its way back is a single guess too.
        ratio: r, for "fixed ratio".
        schedule, T: the noise schedule and its number of steps.
        optimiser, decay, clip: how steps are taken. decay=False keeps the learning rate at
            its peak after the warm-up; clip=None does not clip the gradient.
        kind, distance, times: what is predicted, how a mistake is measured, and which steps are practised.
        variance: "fixed", or "learned" with the hybrid loss.
        ema: the decay of the averaged weights.
        average: judge the averaged weights; if False, those of the last step.
        sampler: "ddim" (eta 0) or "ddpm".
        noise: the variance that "ddpm" adds.
        sampling_steps: how many steps the sampler takes.
        by_steps: more step counts to judge, as curves.
        clip_x0: clamp the predicted picture to [-1, 1] in every step.
        start: where the way back begins, for "fixed ratio": from noise like that at its last step, or from N(0, I).
        samples: how many images are drawn and judged.

    Raises:
        CourseError: a value that there is not, or values that do not go together.
    """

    time: str = "sinusoidal"
    forward: str = "schedule"
    ratio: float = 0.01
    schedule: str = "cosine"
    T: int = 1000
    optimiser: str = "adamw"
    decay: bool = True
    clip: float | None = 1.0
    kind: str = "eps"
    distance: str = "l2"
    times: str = "uniform"
    variance: str = "fixed"
    ema: float = 0.99
    average: bool = True
    sampler: str = "ddim"
    noise: str = "beta"
    sampling_steps: int = 25
    by_steps: tuple[int, ...] = ()
    clip_x0: bool = True
    start: str = "where training ended"
    samples: int = 400

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise CourseError(f"An arm has no {name} {value!r}: choose one of {', '.join(choices)}.")
        if self.noise == "learned" and self.variance != "learned":
            raise CourseError("An arm that samples with the learned variance must learn it: set variance='learned'.")
        if self.variance == "learned" and (self.kind, self.distance, self.forward) != ("eps", "l2", "schedule"):
            raise CourseError("The learned variance goes with kind='eps', distance='l2' and forward='schedule'.")
        if self.forward == "all at once" and self.kind != "x0":
            raise CourseError("All at once, the noise is the input itself and says nothing: set kind='x0'.")
        if self.variance == "learned" and self.sampler == "ddpm" and self.sampling_steps < 2:
            raise CourseError("The learned variance takes at least two sampling steps.")

    def training(self) -> Arm:
        """The arm with the baseline's judgement: equal for arms that share their training."""
        baseline = {field.name: field.default for field in fields(self) if field.name in JUDGEMENT}
        return replace(self, **baseline)  # type: ignore[arg-type]

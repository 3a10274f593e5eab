"""Where a lesson runs: the device, the seed and the preset, chosen in one place and said in one line."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch

from course_utils.environment import PRESET_VARIABLE
from course_utils.errors import CourseError

PRESETS = ("smoke", "lecture", "laptop", "gpu")

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """What `start` chose for one lesson.

    Attributes:
        lesson: the lesson's number, such as "01".
        preset: one of `PRESETS`.
        dataset: a name that `course_utils.data.load` knows.
        device: the GPU under the preset `gpu`, the CPU otherwise.
        seed: the seed of `generator`.
        generator: the lesson's source of randomness. It lives on the CPU whatever the device, so that the same
            seed draws the same numbers on every machine.
    """

    lesson: str
    preset: str
    dataset: str
    device: torch.device
    seed: int = 0
    generator: torch.Generator = field(default_factory=torch.Generator, repr=False)

    def pick(self, *, laptop: T, **others: T) -> T:
        """The value for this run's preset: `steps = run.pick(smoke=20, laptop=800, gpu=8000)`.

        What is left out is as under `laptop`, so under `lecture` these are 800 steps.

        Raises:
            CourseError: a name that is no preset.
        """
        unknown = others.keys() - set(PRESETS)
        if unknown:
            raise CourseError(f"There is no preset {min(unknown)!r} to pick for: choose among {', '.join(PRESETS)}.")
        return others.get(self.preset, laptop)

    def fresh_generator(self, seed: int) -> torch.Generator:
        """A new CPU generator for one experiment, so that cells can be run again in any order."""
        return torch.Generator().manual_seed(seed)


def start(lesson: str, preset: str = "auto", dataset: str = "flowers", seed: int = 0) -> Run:
    """Choose device and preset, seed everything, and say in one line what was chosen and why.

    Args:
        lesson: the lesson's number, such as "01".
        preset: "auto", or one of `PRESETS`. The environment variable COURSE_PRESET, where set, wins: that is how
            a whole class, or a server, runs every lesson alike.
        dataset: "flowers", "digits", "mnist", "fashion_mnist" or "cifar10".
        seed: the seed for `Run.generator`, and for the global generators of Python, NumPy and PyTorch.

    Raises:
        CourseError: an unknown preset or data set, or the preset `gpu` on a machine without CUDA.
    """
    _check_dataset(dataset)
    chosen, why = choose_preset(preset)
    device = torch.device("cuda" if chosen == "gpu" else "cpu")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.deterministic = True  # the same seed gives the same figures on a GPU too
    if device.type == "cpu" and not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(usable_cores())
    run = Run(lesson, chosen, dataset, device, seed, torch.Generator().manual_seed(seed))
    print(f"Lesson {lesson}: preset {chosen} ({why}), data set {dataset}, on {_describe(device)}, seed {seed}.")
    return run


def choose_preset(asked: str = "auto") -> tuple[str, str]:
    """The preset for what was asked ("auto" or one of `PRESETS`), and the reason for it, in words.

    Raises:
        CourseError: an unknown preset, or `gpu` on a machine without CUDA.
    """
    forced = os.environ.get(PRESET_VARIABLE, "").strip()
    name, why = (forced, f"{PRESET_VARIABLE} says so") if forced else (asked, "as asked")
    if name == "auto":
        has_gpu = torch.cuda.is_available()
        return ("gpu", "a CUDA GPU is here") if has_gpu else ("laptop", "no CUDA GPU here")
    if name not in PRESETS:
        where = f"the environment variable {PRESET_VARIABLE}" if forced else "preset"
        raise CourseError(f"There is no preset {name!r}: set {where} to auto, {', '.join(PRESETS)}.")
    if name == "gpu" and not torch.cuda.is_available():
        raise CourseError("The preset 'gpu' needs a CUDA GPU and PyTorch sees none: use preset 'laptop' or 'auto'.")
    return name, why


def _check_dataset(name: str) -> None:
    from course_utils import data  # here, so that a script that only wants the preset need not load the data floor

    if name not in data.NAMES:
        raise CourseError(f"There is no data set {name!r}: choose one of {', '.join(data.NAMES)}.")


def usable_cores() -> int:
    """Cores this process may use, which in a container can be fewer than the machine has."""
    affinity: Any = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'s' if threads != 1 else ''}"

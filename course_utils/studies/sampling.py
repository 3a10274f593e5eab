"""What studies share that draw pictures with a model trained ahead, and judge them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from course_utils.metrics import Judge
from course_utils.pretrained import Pretrained


@dataclass(frozen=True)
class Sampling:
    """Whose model draws, and how much.

    Attributes:
        dataset: whose model.
        steps: of the sampler.
        samples: how many pictures are drawn and judged.
    """

    dataset: str = "flowers"
    steps: int = 20
    samples: int = 128

    def first_noise(self, model: Pretrained, seed: int) -> Tensor:
        """What the way back begins with, (samples, C, size, size): the same for all settings with this seed."""
        return model.noise(self.samples, torch.Generator().manual_seed(1000 + seed))


@lru_cache(maxsize=4)
def judge_of(dataset: str, size: int, n: int) -> Judge:
    """The judge of so many pictures, kept in memory."""
    return Judge(dataset, size, n=n)

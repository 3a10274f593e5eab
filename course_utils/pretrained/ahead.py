"""What a lesson that only samples begins with: a network trained ahead or, where there is none, the exact denoiser."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils import data
from course_utils.diffusion import alpha_bars, linear_schedule
from course_utils.pretrained.loading import available_ddpm, ddpm
from course_utils.samplers import Predict, ideal_predict

IDEAL_IMAGES, IDEAL_SIZE, IDEAL_STEPS = 400, 16, 1000


@dataclass(frozen=True)
class Ready:
    """Something that names the noise, and all that a sampler needs besides.

    Attributes:
        predict: predict(x, t) -> eps, shaped like x (B, C, H, W), for t (B,) on the scale 0 to 1000.
        alpha_bar: (T + 1,), float64, its schedule.
        channels, size: of its images.
        exact: True for the ideal denoiser, False for a network.
    """

    predict: Predict
    alpha_bar: Tensor
    channels: int
    size: int
    exact: bool

    def noise(self, n: int, seed: int) -> Tensor:
        """x_T for n images, (n, C, size, size), on the CPU: the same for the same seed."""
        return torch.randn(n, self.channels, self.size, self.size, generator=torch.Generator().manual_seed(seed))


def ddpm_or_ideal(dataset: str, device: torch.device | str = "cpu") -> Ready:
    """The network trained ahead for a data set or, where there is none, the ideal denoiser (lesson 02).

    The ideal denoiser is exact for a data set of 400 images of 16 px, on the linear schedule of 1000 steps (Ho et al.
    2020, arXiv 2006.11239). It is slow, and all that a sampler draws with it is one of the 400.

    Args:
        dataset: a name that `data.load` knows.
        device: where a network computes. The ideal denoiser computes on the CPU.

    Raises:
        CourseError: there is no such data set, or the weights were damaged.
    """
    if available_ddpm(dataset):
        model = ddpm(dataset, device)
        return Ready(model.predict, model.alpha_bar, model.channels, model.size, exact=False)
    images = data.load(dataset, n=IDEAL_IMAGES, size=IDEAL_SIZE).images
    alpha_bar = alpha_bars(linear_schedule(IDEAL_STEPS))
    return Ready(ideal_predict(images, alpha_bar), alpha_bar, images.shape[1], IDEAL_SIZE, exact=True)

"""What a generator can do wrong, done on purpose to real images, so that one sees which figure notices.

Each function takes images (B, C, H, W) in [-1, 1] and gives images of the same kind. What is random comes from a
generator on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.errors import CourseError


def blur(x: Tensor, width: float) -> Tensor:
    """A normal distribution of `width` px (its standard deviation) over each pixel; 0 changes nothing."""
    if width == 0:
        return x
    reach = max(1, round(3 * width))
    at = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    line = torch.exp(-at.square() / (2 * width**2))
    line = line / line.sum()
    channels = x.shape[1]
    across = line.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1)
    down = line.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1)
    wide = F.pad(x, (reach, reach, 0, 0), mode="replicate")
    return F.conv2d(
        F.pad(F.conv2d(wide, across, groups=channels), (0, 0, reach, reach), mode="replicate"), down, groups=channels
    )


def grain(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Independent normal noise of this standard deviation on every pixel, cut off at -1 and 1."""
    return (x + strength * torch.randn(x.shape, generator=generator).to(x)).clamp(-1, 1)


def repeated(x: Tensor, kinds: int) -> Tensor:
    """The first `kinds` images again and again, as many as came in: a generator that knows few tricks."""
    if not 1 <= kinds <= len(x):
        raise CourseError(f"Of {len(x)} images, 1 to {len(x)} can be repeated: not {kinds}.")
    return x[torch.arange(len(x)) % kinds]


def without_classes(x: Tensor, labels: Tensor, dropped: int) -> Tensor:
    """Images of all classes but the first `dropped`, repeated from the front until there are as many as before."""
    kept = x[labels >= dropped]
    if len(kept) == 0:
        raise CourseError(f"Without the first {dropped} classes no image is left: drop fewer.")
    return kept[torch.arange(len(x)) % len(kept)]


def fooling(
    features: Callable[[Tensor], Tensor], wanted: Tensor, start: Tensor, *, steps: int = 60, rate: float = 0.1
) -> Tensor:
    """Images that a network takes for others: pixels moved downhill until the features are those that are wanted.

    It is an attack on whatever uses these features (compare Szegedy et al. 2013, arXiv:1312.6199). Nothing asks the
    images to look like anything.

    Args:
        features: images (B, C, H, W) -> (B, D), with gradients.
        wanted: (B, D), such as the features of real images.
        start: images to begin with, such as noise.
        steps, rate: of Adam, on z with x = tanh(z), so that the pixels stay in [-1, 1].

    Returns:
        images, shaped like `start`.
    """
    z = start.clamp(-0.99, 0.99).atanh().requires_grad_()
    optimiser = torch.optim.Adam([z], lr=rate)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (features(z.tanh()) - wanted).square().sum(dim=1).mean()  # Adam's steps do not depend on its scale
        (z.grad,) = torch.autograd.grad(loss, z)  # the network's own weights are left without gradients
        optimiser.step()
    return z.tanh().detach()

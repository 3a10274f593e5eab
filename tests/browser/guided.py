"""A small guidance slider for browser tests, and what a plain sampler draws where the slider stands at 0 and -1."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from course_utils import plots, samplers
from course_utils.lessons.lesson12.explorer import GAP, NAMES, TOP

SETUP = """
import torch
from course_utils import models
from course_utils.lessons.lesson12.curve import GuidanceCurve
from course_utils.lessons.lesson12.explorer import GuidanceExplorer
from course_utils.diffusion import alpha_bars, cosine_schedule
torch.set_num_threads(1)
torch.manual_seed(0)
net = models.UNet(3, width=8, classes=5).eval()
for p in net.parameters():
    p.data += 0.1 * torch.randn(p.shape)
alpha_bar = alpha_bars(cosine_schedule(40))
noises = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
curve = GuidanceCurve((-2, 0, 2, 8), (0.1, 0.6, 0.9, 1.0), (0.5, 0.8, 0.6, 0.2), steps=5, n=50)
names = ("daisy", "rose", "tulip", "lily", "poppy")
"""
EXPLORER = """
GuidanceExplorer(net, alpha_bar, noises, kind="v", classes=names, curve=curve, steps=(2, 3, 5), start=(2.0, 3))
"""
READ = """(img, points) => {
    const canvas = document.createElement('canvas');
    canvas.width = img.naturalWidth; canvas.height = img.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(img, 0, 0);
    return points.map(([x, y]) => Array.from(context.getImageData(x, y, 1, 1).data).slice(0, 3));
}"""


class Expected:
    """The same model and explorer in this process: what a grid must look like, and where its pixels are on the page."""

    def __init__(self, scale: float) -> None:
        self.space: dict[str, Any] = {}
        threads = torch.get_num_threads()
        exec(SETUP, self.space)  # as the notebook does; it takes one thread, so that the last bit is the same
        self.explorer = eval(EXPLORER.strip(), self.space)
        torch.set_num_threads(threads)
        self.scale = scale

    def plain(self, conditional: bool, steps: int) -> np.ndarray[Any, Any]:
        """(4, 3, 8, 8, 3) uint8, by DDIM with the class, or without it, and no guidance anywhere."""
        net, alpha_bar = self.space["net"], self.space["alpha_bar"]
        x_T = self.space["noises"].repeat(4, 1, 1, 1)
        cond = torch.arange(4).repeat_interleave(3) if conditional else None
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        x = samplers.sample_ddim(samplers.as_predict(net, cond, "v", alpha_bar), x_T, alpha_bar, steps, clip=True)
        torch.set_num_threads(threads)
        return plots.to_uint8(x.clamp(-1, 1)).reshape(4, 3, 8, 8, 3)

    def points(self) -> list[tuple[int, int]]:
        """The middle of each pixel of each picture, in the order of the arrays."""
        side, k = self.explorer._side, int(self.explorer._side * self.scale) // 8
        return [
            (
                round((NAMES + j * (side + GAP)) * self.scale + (side * self.scale - 8 * k) / 2) + b * k + k // 2,
                round((TOP + i * (side + GAP)) * self.scale + (side * self.scale - 8 * k) / 2) + a * k + k // 2,
            )
            for i in range(4)
            for j in range(3)
            for a in range(8)
            for b in range(8)
        ]

    def on(self, page: Any) -> np.ndarray[Any, Any]:
        """What the browser shows at these points, (4, 3, 8, 8, 3)."""
        image = page.explorer.locator("img.course-picture").first
        return np.asarray(image.evaluate(READ, self.points()), dtype=np.uint8).reshape(4, 3, 8, 8, 3)

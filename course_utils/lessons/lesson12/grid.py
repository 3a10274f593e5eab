"""A grid of guided pictures, one row a class and one column a noise: computed once a setting, then remembered.

A setting can also be computed in slices of one call of the network, so that a kernel may do it in idle moments and
put it aside when the hand moves. Two settings that guide their first steps alike share them: what is there after these
steps is kept, and the second goes on from it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.diffusion import model_time
from course_utils.errors import CourseError
from course_utils.guidance import guided_predict
from course_utils.plots.images import to_uint8
from course_utils.samplers import ddim_step, respace
from course_utils.samplers.predict import times_for
from course_utils.samplers.steps import clean

REMEMBERED = 4096  # grids; a dozen pictures of 16 px take 9 KB
WALKED = 64 * 2**20  # bytes of unfinished pictures that are kept, to go on from

Walk = tuple[float, ...]  # the weight at each step, from noise to data: 0 where it is not guided
Read = Callable[[Tensor], Tensor]  # pictures (B, C, H, W) -> the class that is read in each, (B,)


class Setting(NamedTuple):
    """What a grid depends on besides the model: the weight, the number of steps, and the guided times (0 to 1000)."""

    w: float
    steps: int
    low: float = 0.0
    high: float = 1000.0


class GuidedGrid:
    """What a model draws for a few classes from a few noises, by guidance setting.

    `pictures(setting)` is what `guidance.sample_cfg` gives for the whole grid as one batch.

    Args:
        model: `model(x, t, cond)` with a null class, such as `models.UNet(classes=K)`.
        alpha_bar: (T + 1,).
        noises: (N, C, H, W), standard normal, one for each column.
        rows: the class of each row.
        kind: what the model predicts.
        null: the class that means nothing; by default `model.classes`.
        read: names the class in finished pictures, such as `Judge.read`; None for no reading.

    Raises:
        CourseError: no rows, or noises of another shape.
    """

    def __init__(
        self,
        model: Any,
        alpha_bar: Tensor,
        noises: Tensor,
        rows: Sequence[int],
        *,
        kind: str = "eps",
        null: int | None = None,
        read: Read | None = None,
    ) -> None:
        if noises.ndim != 4 or len(noises) == 0 or not rows:
            raise CourseError(
                "A grid has at least one row and one column: give classes, and noises of shape (N, C, H, W)."
            )
        device = next((p.device for p in model.parameters()), noises.device) if isinstance(model, nn.Module) else None
        self.alpha_bar, self.shape = alpha_bar, (len(rows), len(noises))
        self.x_T = noises.to(device or noises.device).repeat(len(rows), 1, 1, 1)  # (R * N, C, H, W), row by row
        self.cond = torch.tensor(rows, device=self.x_T.device).repeat_interleave(len(noises))  # (R * N,)
        self._model, self._kind, self._null, self._read = model, kind, null, read
        self._known: OrderedDict[Walk, tuple[Any, Any]] = OrderedDict()
        self._reached: OrderedDict[tuple[int, Walk], Tensor] = OrderedDict()  # (steps, their first weights) -> x

    def knows(self, setting: Setting) -> bool:
        """Whether these pictures are there already."""
        return self.walk(setting) in self._known

    def walk(self, setting: Setting) -> Walk:
        """The weight at each step. Settings with the same walk have the same pictures."""
        return tuple(setting.w if setting.low <= t <= setting.high else 0.0 for t in self.times(setting.steps)[:-1])

    def pictures(self, setting: Setting) -> np.ndarray[Any, Any]:
        """(rows, columns, H, W, C) uint8, computed now if need be."""
        return self._have(setting)[0]

    def reads(self, setting: Setting) -> np.ndarray[Any, Any] | None:
        """The class that is read in each picture, (rows, columns); None where nobody reads."""
        return self._have(setting)[1]

    def calls(self, setting: Setting) -> tuple[int, int]:
        """Steps that are guided, and pictures that the network looks at for each that it draws."""
        walk = self.walk(setting)
        return sum(w != 0 for w in walk), sum(1 if w in (0, -1) else 2 for w in walk)

    def times(self, steps: int) -> list[float]:
        """The times that are visited, from 1000 to 0: where a picture is, before each step and after the last."""
        T = len(self.alpha_bar) - 1
        return [float(t) for t in model_time(respace(T, steps), T)]

    def slices(self, setting: Setting) -> Iterator[None]:
        """Compute a setting, one call of the network at a time: `guidance.sample_cfg`, with a pause after each step."""
        walk, steps = self.walk(setting), setting.steps
        if walk in self._known:
            return
        x, done = self._farthest(walk, steps)
        predict = guided_predict(
            self._model,
            self.cond,
            setting.w,
            kind=self._kind,
            alpha_bar=self.alpha_bar,
            null=self._null,
            interval=(setting.low, setting.high),
        )
        for t, s in list(pairwise(respace(len(self.alpha_bar) - 1, steps).tolist()))[done:]:
            eps = predict(x, times_for(x, t, self.alpha_bar))
            _, eps = clean(x, eps, t, self.alpha_bar, True)
            x = ddim_step(x, eps, t, s, self.alpha_bar)
            done += 1
            self._reached[steps, walk[:done]] = x
            if done == steps:
                self._known[walk] = self._finished(x.clamp(-1, 1))
                self._forget()
            yield

    def _farthest(self, walk: Walk, steps: int) -> tuple[Tensor, int]:
        """Where to go on from, and how many steps have been taken there."""
        for done in range(steps - 1, 0, -1):
            if (steps, walk[:done]) in self._reached:
                self._reached.move_to_end((steps, walk[:done]))
                return self._reached[steps, walk[:done]], done
        return self.x_T, 0

    def _forget(self) -> None:
        """What was not used for long, beyond what fits."""
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        while len(self._reached) * self.x_T.numel() * self.x_T.element_size() > WALKED:
            self._reached.popitem(last=False)

    def _have(self, setting: Setting) -> tuple[Any, Any]:
        for _ in self.slices(setting):
            pass
        self._known.move_to_end(self.walk(setting))
        return self._known[self.walk(setting)]

    def _finished(self, x: Tensor) -> tuple[Any, Any]:
        pictures = to_uint8(x)  # (R * N, H, W, C)
        read = None if self._read is None else self._read(x).cpu().numpy().reshape(self.shape)
        return pictures.reshape(*self.shape, *pictures.shape[1:]), read

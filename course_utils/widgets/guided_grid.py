"""A grid of guided pictures, one row a class and one column a noise: computed once a setting, then remembered.

A setting can also be computed in slices of one call of the network, so that a kernel may do it in idle moments and
put it aside when the hand moves.
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

REMEMBERED = 4096  # settings; a dozen pictures of 16 px take 9 KB

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
        self._known: OrderedDict[Setting, tuple[Any, Any]] = OrderedDict()
        self._begun: tuple[Setting, Iterator[None]] | None = None

    def knows(self, setting: Setting) -> bool:
        """Whether these pictures are there already."""
        return setting in self._known

    def pictures(self, setting: Setting) -> np.ndarray[Any, Any]:
        """(rows, columns, H, W, C) uint8, computed now if need be."""
        return self._have(setting)[0]

    def reads(self, setting: Setting) -> np.ndarray[Any, Any] | None:
        """The class that is read in each picture, (rows, columns); None where nobody reads."""
        return self._have(setting)[1]

    def calls(self, setting: Setting) -> tuple[int, int]:
        """Steps that are guided, and pictures that the network looks at for each that it draws."""
        guided = sum(setting.low <= t <= setting.high for t in self.times(setting.steps)[:-1])
        guided = 0 if setting.w == 0 else guided
        return guided, setting.steps + (0 if setting.w == -1 else guided)

    def times(self, steps: int) -> list[float]:
        """The times that are visited, from 1000 to 0: where a picture is, before each step and after the last."""
        T = len(self.alpha_bar) - 1
        return [float(t) for t in model_time(respace(T, steps), T)]

    def slices(self, setting: Setting) -> Iterator[None]:
        """Compute a setting, one call of the network at a time. What was begun goes on where it was left."""
        if self.knows(setting):
            return
        if self._begun is None or self._begun[0] != setting:
            self._begun = (setting, self._walk(setting))
        for _ in self._begun[1]:  # not `yield from`, which would end the walk with whoever stops asking
            yield

    def _have(self, setting: Setting) -> tuple[Any, Any]:
        for _ in self.slices(setting):
            pass
        self._known.move_to_end(setting)
        return self._known[setting]

    def _walk(self, setting: Setting) -> Iterator[None]:
        """`guidance.sample_cfg`, with a pause after every step."""
        predict = guided_predict(
            self._model,
            self.cond,
            setting.w,
            kind=self._kind,
            alpha_bar=self.alpha_bar,
            null=self._null,
            interval=(setting.low, setting.high),
        )
        x = self.x_T
        for t, s in pairwise(respace(len(self.alpha_bar) - 1, setting.steps).tolist()):
            eps = predict(x, times_for(x, t, self.alpha_bar))
            _, eps = clean(x, eps, t, self.alpha_bar, True)
            x = ddim_step(x, eps, t, s, self.alpha_bar)
            yield
        self._known[setting] = self._finished(x.clamp(-1, 1))
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        self._begun = None

    def _finished(self, x: Tensor) -> tuple[Any, Any]:
        pictures = to_uint8(x)  # (R * N, H, W, C)
        read = None if self._read is None else self._read(x).cpu().numpy().reshape(self.shape)
        return pictures.reshape(*self.shape, *pictures.shape[1:]), read

"""The settings that trainings have in common, and the one way in which a network is made and taught by them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from course_utils import data
from course_utils.training.history import Fit
from course_utils.training.loop import fit

Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class Pictures:
    """Whose pictures: a data set at one size.

    Attributes:
        dataset: a name that `course_utils.data.load` knows.
        size: the pictures are `size` px wide and high.
    """

    dataset: str = "flowers"
    size: int = 16


@dataclass(frozen=True)
class Training(Pictures):
    """The training of one network on pictures.

    Attributes:
        width: of the network.
        steps: batches that it learns from.
        batch: pictures in each.
        learning_rate: the peak.
    """

    width: int = 16
    steps: int = 400
    batch: int = 32
    learning_rate: float = 3e-3


@dataclass(frozen=True)
class PoolTraining(Training):
    """A training on so many pictures that are drawn or loaded once.

    Attributes:
        pool: how many there are to learn from; all, of a data set that has fewer.
    """

    pool: int = 4096

    def known(self) -> data.ImageSet:
        """The pictures to learn from: the first `pool` of the split "train"."""
        return _known(self.dataset, self.pool, self.size)


class Teachable(ABC):
    """What can be taught: settings (a frozen dataclass) that also say which network learns what from what."""

    dataset: str
    steps: int
    batch: int
    learning_rate: float

    @abstractmethod
    def network(self) -> nn.Module:
        """The network before its training, with initial weights from PyTorch's global generator."""

    @abstractmethod
    def batches(self, seed: int, device: torch.device | str) -> Any:
        """What it learns from, as `fit` wants it, on the device; all randomness comes from the seed."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        """The loss of one batch, a scalar."""

    def choices(self) -> dict[str, Any]:
        """How its steps are taken: arguments of `fit`."""
        return {"learning_rate": self.learning_rate}

    def train(self, seed: int = 0, *, device: torch.device | str = "cpu", **choices: Any) -> tuple[Any, Fit]:
        """Make the network and teach it.

        Args:
            seed: of the initial weights and of the batches.
            device: where to train.
            choices: more arguments of `fit`: quiet, title, checkpoint.

        Returns:
            the network, in evaluation mode, and how its training went.
        """
        net = initialised(self.network, seed, device)
        return net, fit(net, self.batches(seed, device), self.loss, self.steps, **self.choices(), **choices)


def initialised(make: Callable[[], Net], seed: int, device: torch.device | str = "cpu") -> Net:
    """A network with the initial weights of a seed. They come from the global generator, which is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().to(device)


@lru_cache(maxsize=2)
def _known(dataset: str, pool: int, size: int) -> data.ImageSet:
    """Kept in memory between trainings on the same pictures."""
    return data.load(dataset, most=pool, size=size)

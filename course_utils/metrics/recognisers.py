"""A recogniser says what can still be made out in a noisy image.

It has seen images at every signal-to-noise ratio during its training, and it divides its input by its own root mean
square first. So its answer depends on what is left of the image and not on how signal and noise were scaled, and it
can judge every way of adding noise by the same measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils import weights
from course_utils.errors import CourseError
from course_utils.metrics.recogniser_training import BY_DATASET, channels_of, recogniser_recipe
from course_utils.models import RecogniserNet
from course_utils.training import make

CHUNK = 512  # images read at a time, so that memory does not grow with the batch


@dataclass(frozen=True)
class Recogniser:
    """A trained network together with the names of what it tells apart.

    Attributes:
        dataset: the images it was trained on.
        classes: K names; class k is `classes[k]`, and the data set's label k.
        net: the network, in evaluation mode.
    """

    dataset: str
    classes: tuple[str, ...]
    net: RecogniserNet

    @torch.no_grad()
    def probabilities(self, x: Tensor) -> Tensor:
        """How probable each class is, given the image.

        Args:
            x: images (B, C, H, W), at any scale and any level of noise, from 8 px.

        Returns:
            (B, K), each row adds up to 1, on the device of `x`.

        Raises:
            CourseError: not a batch of images, or the wrong number of colour channels.
        """
        self._check(x)
        device = self.net.head.weight.device
        scores = [self.net(part.to(device, torch.float32)) for part in x.split(CHUNK)]
        return torch.cat(scores).softmax(dim=1).to(x.device) if scores else x.new_zeros(0, len(self.classes))

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """What the network computes its scores from: images (B, C, H, W) -> (B, D), here with D = 128.

        Alike images have alike features, which makes them a good place to measure distances between sets of images:
        see `course_utils.metrics.frechet_distance`.

        Raises:
            CourseError: as for `probabilities`.
        """
        self._check(x)
        weight = self.net.head.weight
        parts = [self.net.features(part.to(weight.device, torch.float32)) for part in x.split(CHUNK)]
        return torch.cat(parts).to(x.device) if parts else x.new_zeros(0, weight.shape[1])

    def predict(self, x: Tensor) -> Tensor:
        """The most probable class of each image, (B, C, H, W) -> (B,) int64."""
        return self.probabilities(x).argmax(dim=1)

    def accuracy(self, x: Tensor, labels: Tensor) -> float:
        """The share of images (B, C, H, W) whose most probable class is their label (B,), from 0 to 1."""
        if labels.shape != x.shape[:1] or len(labels) == 0:
            raise CourseError(
                f"There must be one label an image and at least one image: there are {tuple(labels.shape)} labels "
                f"for images of shape {tuple(x.shape)}."
            )
        return (self.predict(x) == labels.to(x.device)).float().mean().item()

    def _check(self, x: Tensor) -> None:
        channels = channels_of(self.dataset)
        if x.ndim != 4 or not x.is_floating_point():
            raise CourseError(
                "A recogniser reads a batch of floating point images of shape (B, C, H, W); "
                f"this is {x.dtype} of shape {tuple(x.shape)}."
            )
        if x.shape[1] != channels:
            raise CourseError(
                f"The recogniser for {self.dataset} reads images with {channels} colour "
                f"channel{'s' if channels > 1 else ''}; these have {x.shape[1]}."
            )


def recogniser(dataset: str, device: torch.device | str = "cpu", *, quiet: bool = False) -> Recogniser:
    """The recogniser for a data set: trained ahead if the weights are there, else trained here and kept in the cache.

    Args:
        dataset: a name that `course_utils.data.load` knows.
        device: where it computes.
        quiet: no line and no progress bar if it has to be trained.

    Raises:
        CourseError: an unknown data set, weights that were damaged, or a data set that cannot be had.
    """
    recipe = recogniser_recipe(dataset)
    name = recipe.name
    if not weights.available(name):
        if not quiet:
            print(f"There is no recogniser for {dataset} yet: training one, which takes about two minutes, once.")
        brief = BY_DATASET[dataset].brief_steps
        make(recipe, steps=brief, device=device, folder=weights.cache(), quiet=quiet)
    classes = tuple(weights.card(name)["classes"])
    net = RecogniserNet(channels_of(dataset), len(classes)).to(device)
    weights.load(name, net)
    return Recogniser(dataset, classes, net.eval())

"""How a recogniser is trained: on images under every amount of noise, from none to nearly nothing else.

A training image is x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps, with the logarithm of the signal-to-noise ratio
alpha_bar / (1 - alpha_bar) drawn evenly; the label is that of x0, and the loss is the cross entropy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import data
from course_utils.diffusion import q_sample
from course_utils.errors import CourseError
from course_utils.models import RecogniserNet
from course_utils.training import FEW, Recipe, Teachable, bf16_where_fast, replayed

LOG_SNR = (-8.0, 10.0)  # natural logarithm; at -8 no eye sees anything, at 10 no eye sees the noise
CLEAN = 0.15  # share of training images without any noise
CHUNK = 4  # batches of flowers drawn at once
JUDGED_ON, BRIEFLY_ON, HARDLY_ON = 2000, 500, 64  # held-out images at each size; fewer after a short training
JUDGED_AT = (10, 8, 6, 4, 2, 0, -2, -4, -6, -8, -10)  # log-SNR


@dataclass(frozen=True)
class RecogniserTraining(Teachable):
    """A recogniser's training.

    Attributes:
        dataset: whose images it learns to read.
        channels: their colour channels.
        sizes: the sizes in px at which it learns to read, in turn; one named twice is practised twice as often.
        steps: batches in a full training, ...
        brief_steps: ... and in one that a reader waits for.
        shift: largest random displacement, as a share of the width.
        flip: whether a mirrored image is as good as the image itself.
        batch: images in a batch.
        learning_rate: the peak.
    """

    dataset: str
    channels: int
    sizes: tuple[int, ...]
    steps: int
    brief_steps: int
    shift: float = 0.0
    flip: bool = False
    batch: int = 128
    learning_rate: float = 3e-3

    def network(self) -> RecogniserNet:
        return RecogniserNet(self.channels, len(data.load(self.dataset, n=1).classes))

    def batches(self, seed: int, device: torch.device | str = "cpu") -> Callable[[int], tuple[Tensor, Tensor]]:
        return replayed(lambda: noisy_batches(self, torch.Generator().manual_seed(seed), device))

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross entropy between the scores of x_t and the label of x0."""
        x_t, labels = batch
        with bf16_where_fast(x_t.device):
            scores = model(x_t)
        return F.cross_entropy(scores.float(), labels, label_smoothing=0.02)

    def choices(self) -> dict[str, Any]:
        return {**super().choices(), "weight_decay": 0.05}


BY_DATASET = {
    training.dataset: training
    for training in (
        RecogniserTraining("flowers", 3, sizes=(32, 16, 32, 24), steps=2000, brief_steps=600),
        RecogniserTraining("digits", 1, sizes=(8, 16, 28, 32), steps=1500, brief_steps=500, shift=0.06),
        RecogniserTraining("mnist", 1, sizes=(28, 32, 28, 16), steps=1500, brief_steps=500, shift=0.06),
        RecogniserTraining(
            "fashion_mnist", 1, sizes=(28, 32, 28, 16), steps=1500, brief_steps=500, shift=0.06, flip=True
        ),
        RecogniserTraining("cifar10", 3, sizes=(32, 32, 32, 16), steps=3000, brief_steps=1500, shift=0.12, flip=True),
    )
}


def channels_of(dataset: str) -> int:
    """Colour channels of a data set's images."""
    return BY_DATASET[dataset].channels


def check_dataset(dataset: str) -> None:
    """Raise a CourseError unless there is a recogniser, or a way to one, for this data set."""
    if dataset not in BY_DATASET:
        raise CourseError(f"There is no recogniser for {dataset!r}: choose one of {', '.join(BY_DATASET)}.")


def recogniser_recipe(dataset: str) -> Recipe:
    """How the recogniser for a data set is made.

    Raises:
        CourseError: there is no way to one.
    """
    check_dataset(dataset)
    training = BY_DATASET[dataset]
    sizes = ", ".join(str(size) for size in sorted(set(training.sizes)))
    return Recipe(
        name=f"recogniser-{dataset}",
        what=f"names the class of a noisy image of {dataset}",
        lesson="judges",
        training=training,
        minutes=round(training.steps / 500),
        judge=judge,
        data=f"{dataset}, split train, at {sizes} px; "
        f"{CLEAN:.0%} clean, else log-SNR even from {LOG_SNR[0]:g} to {LOG_SNR[1]:g}",
        about=lambda: {"classes": list(data.load(dataset, n=1).classes)},
        tells_loss=False,
    )


def noisy_batches(
    training: RecogniserTraining, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Training batches without end: x_t (B, C, S, S) and labels (B,).

    The size S changes from batch to batch, so that the running means of the batch normalisation, which remember the
    last batches best, belong to all sizes alike.
    """
    draw = _drawn if training.dataset == "flowers" else _chosen
    by_size = {size: draw(training, size, generator) for size in training.sizes}
    for size in cycle(training.sizes):
        x0, labels = next(by_size[size])
        if training.flip:
            heads = torch.rand(len(x0), generator=generator) < 0.5
            x0 = torch.where(heads[:, None, None, None], x0.flip(-1), x0)
        x0 = shifted(x0, round(training.shift * size), generator)
        yield noised(x0, generator).to(device), labels.to(device)


def _drawn(training: RecogniserTraining, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of flowers, each drawn for this batch and never seen again."""
    while True:
        seed = int(torch.randint(2**31, (), generator=generator))
        fresh = data.load(training.dataset, n=CHUNK * training.batch, size=size, split="train", seed=seed)
        yield from zip(fresh.images.split(training.batch), fresh.labels.split(training.batch), strict=True)


def _chosen(training: RecogniserTraining, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches chosen at random from a real set, which is kept in 8 bits, as it was published."""
    whole = data.load(training.dataset, size=size, split="train")
    pixels = (whole.images * 127.5 + 127.5).round().to(torch.uint8)
    while True:
        choice = torch.randint(len(pixels), (training.batch,), generator=generator)
        yield pixels[choice].float() / 127.5 - 1, whole.labels[choice]


def noised(x0: Tensor, generator: torch.Generator) -> Tensor:
    """Each image (B, C, H, W) under its own amount of noise; a share CLEAN of them under none."""
    log_snr = torch.empty(len(x0)).uniform_(*LOG_SNR, generator=generator)
    log_snr[torch.rand(len(x0), generator=generator) < CLEAN] = torch.inf
    return at_log_snr(x0, log_snr, torch.randn(x0.shape, generator=generator).to(x0.device))


def at_log_snr(x0: Tensor, log_snr: Tensor, eps: Tensor) -> Tensor:
    """x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps, where alpha_bar = sigmoid(log_snr), (B,)."""
    each = torch.arange(len(x0), device=x0.device)  # image i is at "step" i of a schedule made for this batch
    return q_sample(x0, each, torch.sigmoid(log_snr), eps)


def shifted(x: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """The batch moved by up to `most` pixels each way, the border repeated into the gap.

    One displacement a group of eight neighbours in the batch: as random, and eight times fewer copies.
    """
    if most == 0:
        return x
    side = x.shape[-1]
    padded = F.pad(x, (most, most, most, most), mode="replicate")
    moved = []
    for group in padded.split(8):
        down, right = torch.randint(2 * most + 1, (2,), generator=generator).tolist()
        moved.append(group[:, :, down : down + side, right : right + side])
    return torch.cat(moved)


@torch.no_grad()
def judge(net: nn.Module, training: RecogniserTraining, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Accuracy on held-out images, clean and by log-SNR, at every size that was practised."""
    # a reader who waits for a brief training should not wait for the judge
    brief = training.steps <= training.brief_steps
    count = HARDLY_ON if training.steps < FEW else BRIEFLY_ON if brief else JUDGED_ON
    table: dict[str, dict[str, float]] = {}
    held_out = None
    for size in sorted(set(training.sizes)):
        held_out = load_held_out(training.dataset, count, size)
        x0, labels = held_out.images, held_out.labels
        eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
        row = {}
        for log_snr in (torch.inf, *JUDGED_AT):
            x_t = at_log_snr(x0, torch.full((len(x0),), float(log_snr)), eps)
            read = torch.cat([net(part.to(device)).argmax(1).cpu() for part in x_t.split(500)])
            row["clean" if log_snr == torch.inf else str(log_snr)] = round((read == labels).float().mean().item(), 4)
        table[f"{size} px"] = row
    assert held_out is not None
    commonest = held_out.labels.bincount().max().item() / len(held_out.labels)
    return {"held_out_images": len(held_out.labels), "chance": round(commonest, 4), "accuracy": table}


def load_held_out(dataset: str, count: int, size: int) -> data.ImageSet:
    """`count` images of the split "test", or all if there are fewer: never seen in training."""
    if dataset == "flowers":
        return data.load(dataset, n=count, size=size, split="test")
    return data.load(dataset, size=size, split="test")[:count]

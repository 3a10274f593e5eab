"""The oracle reads held-out flowers rightly, is not sure of what is no flower, and comes only from sound weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from course_tools import recipes
from course_utils import data, metrics, weights
from course_utils.data import flowers
from course_utils.errors import CourseError
from course_utils.metrics import oracle_training
from course_utils.metrics.oracle_training import (
    ATTRIBUTES,
    NUMBERS,
    PAIRS,
    TRAINING,
    batches,
    broken,
    make_net,
)
from course_utils.models.oracle import NormBySize, place_of

HELD_OUT = 600


@pytest.fixture(scope="module")
def reads() -> metrics.Oracle:
    return metrics.oracle()


def drawn(size: int, n: int = HELD_OUT) -> data.ImageSet:
    return data.load("flowers", n=n, size=size, split="test", seed=2)  # the card's figures are of seed 0


@pytest.mark.parametrize(("size", "least"), [(32, 0.985), (24, 0.97)])
def test_every_attribute_is_read_from_flowers_never_seen(reads: metrics.Oracle, size: int, least: float) -> None:
    shown = drawn(size)
    accuracy = reads.accuracy(shown.images, shown.table)
    assert set(accuracy) == set(reads.attributes) == {*ATTRIBUTES, "petals"}
    assert all(share >= least for share in accuracy.values()), (accuracy, "retrain: course train oracle-flowers")


def test_flowers_of_16_px_are_read(reads: metrics.Oracle) -> None:
    shown = drawn(16)
    accuracy = reads.accuracy(shown.images, shown.table)
    assert all(share >= 0.97 for name, share in accuracy.items()), accuracy


def test_the_card_says_over_99_of_100_at_32_px() -> None:
    accuracy = weights.card("oracle-flowers")["metrics"]["accuracy"]
    assert set(accuracy["32 px"]) == set(accuracy["16 px"]) == {*ATTRIBUTES, "petals"}
    assert all(share > 0.99 for share in accuracy["32 px"].values()), accuracy["32 px"]


def test_it_is_sure_of_flowers_slightly_worse_ones_too_and_not_of_what_is_none(reads: metrics.Oracle) -> None:
    x = drawn(16).images
    generator = torch.Generator().manual_seed(0)
    assert reads.sure(x) > 0.95
    assert reads.sure(x + 0.05 * torch.randn(x.shape, generator=generator)) > 0.9
    for what, none in {
        "noise": torch.randn(x.shape, generator=generator).clamp(-1, 1),
        "grey": torch.zeros_like(x) + torch.rand(len(x), 3, 1, 1, generator=generator) - 0.5,
        "broken": broken(x, generator),
        "pixels exchanged": x.flatten(2)[..., torch.randperm(256, generator=generator)].view_as(x),
    }.items():
        assert reads.sure(none) < 0.15, what


def test_a_turned_flower_has_as_many_petals(reads: metrics.Oracle) -> None:
    """The same flower with other numbers for what has no name: place, turn, tilt."""
    asked = [{"species": "daisy", "petals": n} for n in (7, 8, 9, 10) for _ in range(25)]
    images = flowers.draw(asked, size=32, seed=5)
    found = reads.read(images)
    assert (found["petals"] == [a["petals"] for a in asked]).mean() > 0.95
    assert set(found["species"]) == {"daisy"}


def test_what_is_asked_for_can_be_compared_column_by_column(reads: metrics.Oracle) -> None:
    asked = pd.DataFrame({"petal_colour": ["red", "blue"] * 20, "sky": ["night"] * 40})
    images = flowers.draw(asked, size=32)
    accuracy = reads.accuracy(images, asked)
    assert set(accuracy) == {"petal_colour", "sky"} and min(accuracy.values()) > 0.9
    asked["petal_colour"] = "white"
    assert reads.accuracy(images, asked)["petal_colour"] == 0


def test_what_was_read_can_be_drawn_again(reads: metrics.Oracle) -> None:
    table = reads.read(torch.rand(50, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1)  # anything
    assert flowers.draw(table, size=16).shape == (50, 3, 16, 16)


def test_probabilities_add_up_and_do_not_depend_on_the_company(reads: metrics.Oracle) -> None:
    x = drawn(16, 520).images
    together = reads.probabilities(x)
    assert {name: p.shape[1] for name, p in together.items()} == {n: len(v) for n, v in reads.attributes.items()}
    for name, alone in reads.probabilities(x[7:8]).items():
        torch.testing.assert_close(together[name].sum(dim=1), torch.ones(520))
        torch.testing.assert_close(alone, together[name][7:8], atol=1e-4, rtol=1e-3)
        assert not alone.requires_grad
    assert all(p.shape[0] == 0 for p in reads.probabilities(x[:0]).values())
    torch.testing.assert_close(reads.probabilities(x[:3].double())["sky"].float(), together["sky"][:3])


def test_large_flowers_are_read(reads: metrics.Oracle) -> None:
    shown = drawn(64, 100)
    assert reads.accuracy(shown.images, shown.table)["species"] > 0.97


def test_improper_input_is_refused(reads: metrics.Oracle) -> None:
    x = torch.zeros(2, 3, 16, 16)
    for wrong in (x[:, :1], x[0], x.to(torch.uint8), torch.zeros(2, 3, 8, 8)):
        with pytest.raises(CourseError, match=r"floating point images \(B, 3, H, W\) in \[-1, 1\] of 16 px or more"):
            reads.read(wrong)
    with pytest.raises(CourseError, match="one row an image, and one image at least: 3 for 2 images"):
        reads.accuracy(x, pd.DataFrame({"sky": ["day"] * 3}))
    with pytest.raises(CourseError, match="name a column so"):
        reads.accuracy(x, pd.DataFrame({"colour": ["red"] * 2}))
    with pytest.raises(CourseError, match="reads no 'scent': choose from species"):
        reads.sure(x, "scent")
    with pytest.raises(CourseError, match="no images to read"):
        reads.sure(x[:0])


def test_tampered_weights_are_refused(tmp_path: Path) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copy(weights.path("oracle-flowers").with_suffix(suffix), tmp_path)
    assert metrics.oracle(folder=tmp_path).attributes == metrics.oracle().attributes
    file = tmp_path / "oracle-flowers.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    metrics.oracles._load.cache_clear()
    with pytest.raises(CourseError, match="are not the file that their card describes"):
        metrics.oracle(folder=tmp_path)
    with pytest.raises(CourseError, match=r"no weights 'oracle-flowers'.*course train oracle-flowers"):
        metrics.oracle(folder=tmp_path / "nowhere")


def test_the_network_is_small_and_its_card_true(reads: metrics.Oracle) -> None:
    card = weights.card("oracle-flowers")
    assert card["bytes"] < 1_100_000 and card["recipe"] == oracle_training.RECIPE.name
    assert {name: tuple(values) for name, values in card["attributes"].items()} == dict(reads.attributes)
    assert card["fingerprint"] == weights.card("recogniser-flowers")["fingerprint"]


def test_a_judge_of_flowers_asks_the_oracle(reads: metrics.Oracle) -> None:
    x = drawn(16, 60).images
    assert metrics.Judge("flowers", 16, n=50).sure(x, 0.97) == reads.sure(x, threshold=0.97)


def test_batches_repeat_with_their_seed_and_come_in_every_size() -> None:
    def draw(seed: int) -> list[oracle_training.Drawn]:
        endless = batches(TRAINING, torch.Generator().manual_seed(seed))
        return [batch for batch, _ in zip(endless, TRAINING.sizes, strict=False)]

    first, again, other = draw(0), draw(0), draw(1)
    assert [batch.images.shape[-1] for batch in first] == list(TRAINING.sizes)
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].images, other[0].images)
    assert first[0].broken.sum() == oracle_training.BROKEN and first[0].images.abs().max() < 8


def test_each_kind_of_broken_picture_is_broken_in_its_way() -> None:
    x = drawn(16, 16).images
    mixed, exchanged, blurred, noisy = broken(x, torch.Generator().manual_seed(0)).chunk(4)
    torch.testing.assert_close(mixed[1], 0.5 * (x[1] + x[0]))
    torch.testing.assert_close(exchanged[1].roll(-8, dims=2)[:, 8:], x[5, :, 8:])
    torch.testing.assert_close(exchanged[1].roll(-8, dims=2)[:, :8], x[4, :, :8])
    assert blurred.diff(dim=2).abs().max() < 0.6 * x[8:12].diff(dim=2).abs().max()
    assert 0.4 < (noisy - x[12:]).std() < 2


def test_each_size_has_its_own_norms() -> None:
    assert {side: place_of(side) for side in (16, 19, 20, 24, 27, 28, 32, 64)} == {
        16: 0, 19: 0, 20: 1, 24: 1, 27: 1, 28: 2, 32: 2, 64: 2
    }  # fmt: skip
    norm = NormBySize(4).train()
    x = 3 + 2 * torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    norm(x, 1)
    moved = norm.means.abs().sum(dim=1) > 0
    assert moved.tolist() == [False, True, False]
    norm.eval()
    torch.testing.assert_close(norm(x, 0), x, atol=1e-4, rtol=1e-4)  # still mean 0 and variance 1


def test_every_pair_of_species_and_number_has_its_place() -> None:
    table = flowers.sample(400, "train", 0)
    answers = oracle_training.answers(table)
    assert [PAIRS[k] for k in answers["petals"].tolist()] == list(zip(table["species"], table["petals"], strict=True))
    assert [ATTRIBUTES["sky"][k] for k in answers["sky"].tolist()] == table["sky"].tolist()
    assert sorted({number for _, number in PAIRS}) == list(NUMBERS)


def test_pairs_and_species_agree() -> None:
    """The numbers of one species add up to the species' own probability, whatever the network says."""
    torch.manual_seed(0)
    with torch.no_grad():
        scores = make_net().eval()(torch.randn(4, 3, 20, 20))
    pairs = oracle_training.pair_log_probabilities(scores).exp()
    torch.testing.assert_close(pairs.sum(dim=1), torch.ones(4))
    daisies = [i for i, (species, _) in enumerate(PAIRS) if species == "daisy"]
    torch.testing.assert_close(pairs[:, daisies].sum(dim=1), scores["species"].softmax(dim=1)[:, 0])


def test_of_a_broken_flower_the_right_answer_is_any() -> None:
    class Says(torch.nn.Module):
        """Scores as given: sure, or not, of the first species."""

        def __init__(self, sure: float) -> None:
            super().__init__()
            self.sure = sure

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            scores = {name: torch.zeros(len(x), len(values)) for name, values in ATTRIBUTES.items()}
            scores["species"] = F.one_hot(torch.zeros(len(x), dtype=torch.int64), 10) * self.sure
            return scores | {"petals": torch.zeros(len(x), len(PAIRS))}

    x, places = torch.zeros(6, 3, 16, 16), {name: torch.zeros(6, dtype=torch.int64) for name in (*ATTRIBUTES, "petals")}
    whole, half = torch.zeros(6, dtype=torch.bool), torch.arange(6) < 3

    def at(sure: float, which: torch.Tensor) -> float:
        return TRAINING.loss(Says(sure), oracle_training.Drawn(x, places, which)).item()

    assert at(5.0, whole) < at(0.0, whole)  # right, so better sure than not
    assert at(12.0, half) > at(5.0, half)  # half of them are broken, so better not sure


def test_a_smoke_run_trains_judges_and_stores(tmp_path: Path) -> None:
    card = recipes.train("oracle-flowers", "smoke", folder=tmp_path, quiet=True)
    assert weights.load("oracle-flowers", make_net(), folder=tmp_path) == card
    assert card["steps"] == 4 and card["metrics"]["held_out_images"] == 64
    assert set(card["metrics"]["accuracy"]) == {"16 px", "24 px", "32 px"}

"""The drawn flowers: the same flower however it is asked for, every attribute to be seen, every caption true."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.data import flowers
from course_utils.data.flowers import captions, painter
from course_utils.data.hashing import hash64, uniform
from course_utils.errors import CourseError

CLOSE = 1e-4  # the last bits of a sine may differ with its place in a vector register


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and bool(torch.allclose(a, b, atol=CLOSE))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return flowers.sample(20_000)


HASHES = [16374176779392799806, 10022732436585990306, 14654298246382526682]
UNIFORM = 0.6421648752108537
FIRST = [
    ["daisy", 7, "blue", "white", "dusk", "small", 1],
    ["poppy", 5, "pink", "brown", "night", "large", 1],
    ["primrose", 5, "purple", "yellow", "mist", "medium", 0],
]


# ---------------------------------------------------------------- the same flower


def test_the_hash_never_changes() -> None:
    # If this fails, every flower and every order of a real set has changed, and all weights trained on them are stale.
    assert hash64(0, "flowers", "train", index=np.arange(3)).tolist() == HASHES
    assert uniform(np.array([1], dtype=np.uint64), "cx").tolist() == pytest.approx([UNIFORM])


def test_the_first_flowers_never_change() -> None:
    first = flowers.sample(3).drop(columns="key").to_numpy().tolist()
    assert first == FIRST


def test_a_flower_does_not_depend_on_how_many_are_drawn() -> None:
    few, more = data.load("flowers", n=9), data.load("flowers", n=150)
    assert same(few.images, more.images[:9])
    assert few.captions == more.captions[:9]
    pd.testing.assert_frame_equal(few.table, more.table[:9])
    pd.testing.assert_frame_equal(flowers.sample(5, start=100), flowers.sample(105)[100:].reset_index(drop=True))


def test_a_flower_does_not_depend_on_its_batch_or_the_threads() -> None:
    some = flowers.sample(60, seed=4)
    together = flowers.draw(some)
    alone = torch.cat([flowers.draw(some[i : i + 1]) for i in range(0, 60, 7)])
    assert same(together[::7], alone)
    assert same(together.flip(0), flowers.draw(some[::-1]))
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert same(together, flowers.draw(some))
            assert torch.get_num_threads() == threads
            with ThreadPoolExecutor(1) as pool:  # nor do threads that start later work with fewer
                assert pool.submit(torch.get_num_threads).result() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("small", "large"), [(16, 32), (32, 64), (64, 128), (16, 128)])
def test_it_is_the_same_picture_at_every_size(small: int, large: int) -> None:
    chosen = flowers.sample(80, seed=1)
    low, high = flowers.draw(chosen, small), flowers.draw(chosen, large)
    shrunk = F.avg_pool2d(high, large // small)
    error = (low - shrunk).abs().mean((1, 2, 3))
    other = (low - shrunk.roll(1, 0)).abs().mean((1, 2, 3))  # what another flower would give
    assert error.max() < 0.05
    assert error.mean() < 0.1 * other.mean()


@pytest.mark.parametrize("size", [16, 32, 50, 128])
def test_any_size_keeps_the_contract(size: int) -> None:
    images = flowers.draw(flowers.sample(12), size)
    assert images.shape == (12, 3, size, size)
    assert images.dtype == torch.float32
    assert torch.isfinite(images).all()
    assert images.min() >= -1
    assert images.max() <= 1
    assert not images.requires_grad


def test_no_petal_reaches_beyond_the_part_that_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = flowers.sample(400, seed=6).assign(size="large")
    part = flowers.draw(chosen)
    monkeypatch.setattr(painter, "_REACH", 9.0)  # the whole canvas
    assert same(part, flowers.draw(chosen))


def test_splits_and_seeds_share_no_flower() -> None:
    streams = [flowers.sample(5000, split, seed)["key"] for split in ("train", "test") for seed in (0, 1)]
    assert pd.concat(streams).is_unique
    assert not same(data.load("flowers", 5).images, data.load("flowers", 5, split="test").images)


# ---------------------------------------------------------------- balance


@pytest.mark.parametrize("name", ["species", "petal_colour", "sky", "size", "leaves"])
def test_choices_are_balanced_and_complete(table: pd.DataFrame, name: str) -> None:
    counts = table[name].value_counts()
    choices = flowers.CHOICES.get(name, flowers.LEAVES)
    expected = len(table) / len(choices)
    assert set(counts.index) == set(choices)
    assert (counts - expected).abs().max() < 5 * expected**0.5


def test_petals_fit_the_species_and_centres_can_be_seen(table: pd.DataFrame) -> None:
    for species, allowed in flowers.PETALS.items():
        counts = table[table.species == species].petals.value_counts()
        assert set(counts.index) == set(allowed)
        assert counts.min() > 0.8 * counts.mean()
    assert not (table.centre_colour == table.petal_colour).any()
    assert table.centre_colour.value_counts(normalize=True).between(0.2, 0.3).all()


def test_attributes_do_not_depend_on_one_another(table: pd.DataFrame) -> None:
    names = ["species", "petal_colour", "sky", "size", "leaves"]
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            seen = pd.crosstab(table[a], table[b]).to_numpy()
            expected = np.outer(seen.sum(1), seen.sum(0)) / len(table)
            chi2 = ((seen - expected) ** 2 / expected).sum()
            freedom = (seen.shape[0] - 1) * (seen.shape[1] - 1)
            assert chi2 < freedom + 5 * (2 * freedom) ** 0.5, (a, b)


def test_the_label_is_the_species() -> None:
    s = data.load("flowers", n=200)
    assert s.classes == flowers.SPECIES
    assert len(s.classes) >= 8
    assert [s.classes[i] for i in s.labels] == list(s.table["species"])


# ---------------------------------------------------------------- what is to be seen


ONE = {"petal_colour": "pink", "centre_colour": "yellow", "sky": "day", "size": "medium", "leaves": 2}
OTHERS = {"petal_colour": "blue", "centre_colour": "brown", "sky": "mist", "size": "large", "leaves": 1}


@pytest.mark.parametrize("species", flowers.SPECIES)
def test_every_attribute_changes_the_picture(species: str) -> None:
    base = flowers.draw({"species": species, **ONE})
    for name, value in OTHERS.items():
        changed = flowers.draw({"species": species, **ONE, name: value})
        pixels = ((base - changed).abs().amax(1) > 0.2).sum().item()
        assert pixels >= 8, f"{name} changes {pixels} of 1,024 pixels"
    counts = flowers.PETALS[species]
    pictures = torch.cat([flowers.draw({"species": species, **ONE, "petals": n}) for n in counts])
    for a in range(len(counts) - 1):
        pixels = ((pictures[a] - pictures[a + 1]).abs().amax(0) > 0.2).sum().item()
        assert pixels >= 20, f"petals {counts[a]} and {counts[a + 1]} differ in {pixels} of 1,024 pixels"


@pytest.mark.parametrize("species", flowers.SPECIES)
def test_at_16_px_the_head_fills_the_frame(species: str) -> None:
    for size, share in (("small", 0.07), ("medium", 0.12), ("large", 0.18)):
        row = {"species": species, "size": size}
        red, blue = (flowers.draw({**row, "petal_colour": colour}, 16) for colour in ("red", "blue"))
        petals = (red - blue).abs().amax(1)[0] > 0.3  # what changes with the colour of the petals
        assert petals.float().mean() > share
        border = torch.cat([petals[0], petals[-1], petals[:, 0], petals[:, -1]])
        assert border.float().mean() < 0.15  # and is not cut off by the frame


def test_species_differ_by_shape_not_by_colour() -> None:
    """Nearest mean picture of each species in grey, everything but the head the same: most are told apart at 16 px."""
    chosen = flowers.sample(6000, seed=2)
    chosen = chosen.assign(petal_colour="white", centre_colour="yellow", sky="night", size="large", leaves=2)
    grey = flowers.draw(chosen, 16).mean(1).flatten(1)
    labels = torch.tensor([flowers.SPECIES.index(s) for s in chosen.species])
    first, rest = slice(0, 3000), slice(3000, None)
    means = torch.stack([grey[first][labels[first] == k].mean(0) for k in range(len(flowers.SPECIES))])
    guess = torch.cdist(grey[rest], means).argmin(1)
    right = (guess == labels[rest]).float().mean().item()
    assert right > 0.7  # a template is a poor recogniser, and chance would be 0.1


def test_a_chosen_flower_has_what_was_chosen_and_usual_values_for_the_rest() -> None:
    wish = {"species": "daisy", "petals": 8, "petal_colour": "red", "sky": "dusk"}
    image = flowers.draw(wish, size=64)
    assert image.shape == (1, 3, 64, 64)
    full = {**wish, "centre_colour": "yellow", "size": "medium", "leaves": 2}
    assert torch.equal(image, flowers.draw(full, size=64))
    assert torch.equal(image, flowers.draw([wish], size=64))
    assert same(image[0], flowers.draw({k: [v] * 2 for k, v in wish.items()}, size=64)[0])
    assert not same(image, flowers.draw(wish, size=64, seed=1))
    red, green, blue = image[0, :, 22:30, 26:38].mean((1, 2))
    assert red > green
    assert red > blue
    s = data.load("flowers", n=6)
    assert same(flowers.draw(s.table), s.images)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"colour": "red"}, 'no attribute "colour": choose from species, petals'),
        ({"species": "cactus"}, '"cactus" is no species of a flower: choose from daisy'),
        ({"petal_colour": "beige"}, '"beige" is no petal_colour'),
        ({"species": "pansy", "petals": 6}, "A pansy cannot have 6 petals: choose 5"),
        ({"petals": 40}, "A daisy cannot have 40 petals: choose 7 or 8 or 9 or 10"),
        ({"leaves": 9}, "cannot have 9 leaves: choose 0, 1 or 2"),
    ],
)
def test_flowers_that_do_not_exist(wish: dict, words: str) -> None:
    with pytest.raises(CourseError, match=words):
        flowers.draw(wish)


# ---------------------------------------------------------------- captions


def test_every_caption_is_true(table: pd.DataFrame) -> None:
    sentences = captions.write(table)
    spoken_of = {name: 0 for name in table.columns if name != "key"}
    for sentence, row in zip(sentences, table.to_dict("records"), strict=True):
        found = captions.mentioned(sentence)
        assert found, sentence
        for name, value in found.items():
            assert row[name] == value, sentence
            spoken_of[name] += 1
    shares = {name: count / len(table) for name, count in spoken_of.items()}
    assert all(0.1 < share < 0.97 for share in shares.values()), shares  # each is optional, none is rare


def test_what_a_caption_says_is_found_again(table: pd.DataFrame) -> None:
    """The other direction: a word of the grammar that stands in the sentence is never overlooked."""
    for sentence, row in zip(captions.write(table[:3000]), table[:3000].to_dict("records"), strict=True):
        found = captions.mentioned(sentence)
        assert ("sky" in found) == any(w in sentence for w in captions.WORDS["sky"][row["sky"]]), sentence
        assert ("leaves" in found) == any(w in sentence for w in ("lea", "stem")), sentence
        assert ("centre_colour" in found) == any(w in sentence for w in ("centre", "heart", "middle")), sentence
        assert ("species" in found) == any(w in sentence for w in captions.WORDS["species"][row["species"]]), sentence


def test_captions_vary_in_word_and_order_and_are_fixed_by_the_seed(table: pd.DataFrame) -> None:
    sentences = captions.write(table[:5000])
    assert sentences == captions.write(table[:5000])
    assert sentences[100:110] == captions.write(table[100:110])
    other = captions.write(table[:5000], seed=1)
    assert sum(a == b for a, b in zip(sentences, other, strict=True)) < 500
    assert len(set(sentences)) > 4000
    text = "\n".join(sentences)
    for name, values in captions.WORDS.items():
        for words in values.values():
            for word in words:
                assert word in text, (name, word)
    starts = {s.split()[0] for s in sentences}
    assert {"a", "under", "at"} <= starts  # the sky may come first
    assert any("petals and" in s for s in sentences)
    assert any(s.endswith("petals") for s in sentences)


def test_no_word_stands_for_two_values() -> None:
    for name, values in captions.WORDS.items():
        words = [w for options in values.values() for w in options]
        assert len(words) == len(set(words)), name
        assert set(values) == set(flowers.CHOICES[name])


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("a red daisy under a blue sky", {"species": "daisy", "petal_colour": "red", "sky": "day"}),
        (
            "Under a night sky, a small pink tulip with five petals",
            {"species": "tulip", "petal_colour": "pink", "sky": "night", "size": "small", "petals": 5},
        ),
        ("a white rose with a yellow heart", {"species": "rose", "petal_colour": "white", "centre_colour": "yellow"}),
        (
            "a big lily with 6 golden petals",
            {"species": "lily", "petal_colour": "yellow", "size": "large", "petals": 6},
        ),
        ("a bloom with no leaves in the dark", {"leaves": 0, "sky": "night"}),
        ("a cat on a mat", {}),
    ],
)
def test_reading_a_sentence(sentence: str, expected: dict) -> None:
    assert captions.mentioned(sentence) == expected


def test_what_a_sentence_says_can_be_drawn() -> None:
    assert flowers.draw(captions.mentioned("a red rose at dusk"), 32).shape == (1, 3, 32, 32)

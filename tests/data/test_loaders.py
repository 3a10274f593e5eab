"""Every loader on tiny files in the publishers' formats, and the sentence for each way a file can be wrong."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils import data
from course_utils.errors import CourseError
from tests.data.conftest import cifar_batch, idx_bytes, mnist_files


def put_mnist(folder: Path, packed: bool = True, name: str = "mnist") -> Path:
    place = folder / name
    place.mkdir()
    for file, raw in mnist_files().items():
        (place / (file + ".gz" * packed)).write_bytes(gzip.compress(raw) if packed else raw)
    return place


def put_cifar(place: Path, batches: tuple[int, ...] = (1,), packed: bool = True) -> Path:
    place.mkdir(parents=True)
    for i in batches:
        raw = cifar_batch(seed=i)
        (place / (f"data_batch_{i}.bin" + ".gz" * packed)).write_bytes(gzip.compress(raw) if packed else raw)
    (place / "test_batch.bin").write_bytes(cifar_batch(count=7, seed=9))
    return place


# ---------------------------------------------------------------- what a set is


@pytest.mark.parametrize("name", ["flowers", "digits"])
def test_a_set_keeps_the_contract(name: str) -> None:
    s = data.load(name, n=12)
    assert s.images.dtype == torch.float32
    assert s.labels.dtype == torch.int64
    assert len(s) == 12 == len(s.images) == len(s.labels)
    assert s.images.min() >= -1
    assert s.images.max() <= 1
    assert s.images.std() > 0.1  # a picture, not a blank
    assert int(s.labels.max()) < len(s.classes)


def test_indexing_gives_sets_with_every_part_cut_alike() -> None:
    s = data.load("flowers", n=10, size=16)
    for index, rows in ((3, [3]), (-1, [9]), (slice(2, 5), [2, 3, 4]), ([7, 1], [7, 1]), (torch.tensor([4]), [4])):
        part = s[index]
        assert torch.equal(part.images, s.images[rows])
        assert torch.equal(part.labels, s.labels[rows])
        assert part.captions == [s.captions[i] for i in rows]
        assert list(part.table["key"]) == list(s.table["key"].iloc[rows])
    mask = s.labels == s.labels[0]
    assert len(s[mask]) == int(mask.sum())
    assert len(list(s)) == 10
    with pytest.raises(IndexError):
        s[10]


def test_one_of_each_is_the_first_of_each_class_that_occurs() -> None:
    s = data.load("flowers", n=200, size=16)
    firsts = s.one_of_each()
    assert firsts.labels.tolist() == list(range(len(s.classes)))
    for k, image in enumerate(firsts.images):
        assert torch.equal(image, s.images[s.labels == k][0])
    assert s[s.labels != 3].one_of_each().labels.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_defaults() -> None:
    assert data.load("flowers").images.shape == (1024, 3, 32, 32)
    train, test = data.load("digits"), data.load("digits", split="test")
    assert train.images.shape == (1437, 1, 8, 8)
    assert test.images.shape == (360, 1, 8, 8)


def test_the_digits_split_shares_no_image_and_does_not_move_with_the_seed() -> None:
    def rows(split: str, seed: int) -> set[bytes]:
        return {x.numpy().tobytes() for x in data.load("digits", split=split, seed=seed).images}

    assert not rows("train", 0) & rows("test", 0)
    assert rows("test", 0) == rows("test", 5)


def test_most_is_n_or_all_that_there_are() -> None:
    assert torch.equal(data.load("digits", most=20, seed=3).images, data.load("digits", n=20, seed=3).images)
    assert len(data.load("digits", most=100_000)) == len(data.load("digits")) == 1437
    assert torch.equal(data.load("flowers", most=6, size=16).images, data.load("flowers", n=6, size=16).images)


def test_n_is_a_mixed_prefix_and_the_seed_changes_the_order() -> None:
    few, more = data.load("digits", n=100), data.load("digits", n=400)
    assert torch.equal(few.images, more.images[:100])
    assert torch.equal(few.images, data.load("digits", n=100).images)
    assert len(few.labels.unique()) == 10
    assert not torch.equal(few.labels, data.load("digits", n=100, seed=1).labels)


@pytest.mark.parametrize("size", [4, 16, 32])
def test_resizing_keeps_range_and_brightness(size: int) -> None:
    native, resized = data.load("digits", n=50), data.load("digits", n=50, size=size)
    assert resized.images.shape == (50, 1, size, size)
    assert resized.images.abs().max() <= 1
    assert torch.allclose(native.images.mean((1, 2, 3)), resized.images.mean((1, 2, 3)), atol=0.06)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"name": "roses"}, "no image set called"),
        ({"name": "digits", "n": 0}, "ask for 1 or more"),
        ({"name": "digits", "n": 5000}, "there are 1,437"),
        ({"name": "digits", "size": 2}, "choose 4 to"),
        ({"name": "digits", "most": 0}, "most = 0"),
        ({"name": "digits", "most": 5, "n": 5}, "give one of the two"),
        ({"name": "flowers", "split": "valid"}, "choose"),
        ({"name": "digits", "split": "valid"}, "choose"),
    ],
)
def test_impossible_wishes(call: dict, words: str) -> None:
    with pytest.raises(CourseError, match=words):
        data.load(**call)


# ---------------------------------------------------------------- IDX


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_files_are_read_gzipped_or_not(folder: Path, name: str, packed: bool) -> None:
    place = put_mnist(folder, packed, name)
    for split in ("train", "test"):
        s = data.load(name, split=split)
        assert s.images.shape == (60, 1, 28, 28)
        # Each picture still stands beside its own label: the label was written into its first pixel.
        assert torch.equal(((s.images[:, 0, 0, 0] + 1) * 127.5 / 20).round().long(), s.labels)
        assert s.images.max() > 0.9
        assert s.images.min() < -0.9
    assert sorted(p.name for p in place.iterdir()) == sorted(f + ".gz" * packed for f in mnist_files())


def test_the_other_spelling_of_the_file_names(folder: Path) -> None:
    place = put_mnist(folder, packed=False)
    for path in list(place.iterdir()):
        path.rename(place / path.name.replace("-idx", ".idx"))
    assert len(data.load("mnist")) == 60


def test_train_and_test_come_from_their_own_files(folder: Path) -> None:
    put_mnist(folder)
    for split, stem in (("train", "train"), ("test", "t10k")):
        published = sorted(mnist_files()[f"{stem}-labels-idx1-ubyte"][8:])
        assert sorted(data.load("mnist", split=split).labels.tolist()) == published


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
GOOD = mnist_files()


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (IMAGES, gzip.compress(GOOD[IMAGES])[:2000], "breaks off before its end"),
        (IMAGES, b"\x1f\x8b" + b"nonsense" * 9, "gzip data are corrupt"),
        (IMAGES, gzip.compress(GOOD[IMAGES])[:-8] + b"\0" * 8, "gzip data are corrupt"),
        (IMAGES, GOOD[IMAGES][:-1], "its header promises"),
        (IMAGES, GOOD[IMAGES] + b"\0", "its header promises"),
        (IMAGES, b"\0\0\x08", "too short"),
        (IMAGES, b"<html>404 not found</html>", "does not begin as an IDX file"),
        (IMAGES, GOOD[LABELS], "does not begin as an IDX file"),
        (IMAGES, idx_bytes(np.zeros((60, 14, 14), np.uint8)), "14 x 14 px"),
        (IMAGES, idx_bytes(np.zeros((0, 28, 28), np.uint8)), "its header promises 0"),
        (LABELS, idx_bytes(np.full(60, 12, np.uint8)), "a label 12"),
        (LABELS, idx_bytes(np.zeros(59, np.uint8)), "they are not of one set"),
    ],
    ids=range(12),
)
def test_a_wrong_idx_file_is_named_with_what_is_wrong(folder: Path, file: str, content: bytes, words: str) -> None:
    place = put_mnist(folder, packed=False)
    (place / file).write_bytes(content)
    with pytest.raises(CourseError, match=words) as caught:
        data.load("mnist")
    message = str(caught.value)
    assert str(place / file) in message or file in message
    assert "delete" in message
    assert "\n" not in message


def test_a_file_that_cannot_be_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_mnist(folder)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CourseError, match=r"cannot be read .Permission denied"):
        data.load("mnist")


# ---------------------------------------------------------------- CIFAR-10


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin"])
@pytest.mark.parametrize(("batches", "packed"), [((1,), True), ((1, 2, 3), False)])
def test_cifar_batches_are_read_however_many(folder: Path, batches: tuple[int, ...], packed: bool, below: str) -> None:
    put_cifar(folder / "cifar10" / below, batches, packed)
    s = data.load("cifar10")
    assert s.images.shape == (20 * len(batches), 3, 32, 32)
    levels = (s.images + 1) * 127.5
    assert torch.allclose(levels[:, 0], (s.labels * 10.0)[:, None, None].expand(-1, 32, 32), atol=1e-3)
    assert torch.allclose(levels[:, 1:].amax((2, 3)), torch.tensor([100.0, 200.0]), atol=1e-3)
    assert len(data.load("cifar10", split="test")) == 7
    assert data.load("cifar10", n=3, size=16).images.shape == (3, 3, 16, 16)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (cifar_batch()[:-1], "not a whole number of records"),
        (b"", "not a whole number of records"),
        (b"\x0b" + cifar_batch()[1:], "a label 11"),
        (gzip.compress(cifar_batch())[:-40], "breaks off|corrupt"),
    ],
)
def test_a_wrong_cifar_batch_is_named_with_what_is_wrong(folder: Path, content: bytes, words: str) -> None:
    place = put_cifar(folder / "cifar10", packed=False)
    (place / "data_batch_1.bin").write_bytes(content)
    with pytest.raises(CourseError, match=words) as caught:
        data.load("cifar10")
    assert str(place / "data_batch_1.bin") in str(caught.value)


def test_a_missing_cifar_batch_is_not_replaced_behind_the_users_back(folder: Path, publisher: object) -> None:
    place = put_cifar(folder / "cifar10")
    (place / "test_batch.bin").unlink()
    with pytest.raises(CourseError, match=r"test_batch.bin is missing .* put it"):
        data.load("cifar10", split="test")
    assert not publisher.asked  # type: ignore[attr-defined]


# ---------------------------------------------------------------- the real files, where there are some

REAL = Path(os.environ.get("COURSE_DATA_DIR", ""))
HAVE = bool(os.environ.get("COURSE_DATA_DIR"))


@pytest.mark.data
@pytest.mark.skipif(not (HAVE and (REAL / "mnist").is_dir()), reason="COURSE_DATA_DIR has no folder mnist")
def test_real_mnist_is_the_publishers_byte_for_byte() -> None:
    import hashlib

    from course_utils.data import cache, idx

    for file, checksum in idx.PUBLISHED["mnist"].checksums.items():
        path = cache.find([REAL / "mnist"], file)
        assert path is not None
        assert "sha256:" + hashlib.sha256(cache.read(path)).hexdigest() == checksum
    test = data.load("mnist", split="test", size=16)
    assert test.images.shape == (10_000, 1, 16, 16)
    assert test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert len(data.load("mnist", n=500).labels.unique()) == 10


@pytest.mark.data
@pytest.mark.skipif(not (HAVE and (REAL / "cifar10").is_dir()), reason="COURSE_DATA_DIR has no folder cifar10")
def test_real_cifar_has_photos_of_ten_classes() -> None:
    s = data.load("cifar10", n=2000)
    assert s.images.shape == (2000, 3, 32, 32)
    assert min(s.labels.bincount()) > 150
    # Photos are smooth: a pixel resembles its neighbour far more than one ten columns away.
    near = (s.images[..., 1:] - s.images[..., :-1]).abs().mean()
    far = (s.images[..., 10:] - s.images[..., :-10]).abs().mean()
    assert near < 0.4 * far

"""What the sentences about image sets tell a person to do, done."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from course_tools.doctor import image_sets, machine
from course_utils import data, places
from course_utils.data import cache, cifar
from course_utils.errors import CourseError
from tests.data.conftest import Publisher, cifar_batch, mnist_files
from tests.remedies.table import remedy
from tests.sealed import FOLDERS

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
ALL = (*cifar.BATCHES, cifar.TEST)


def sentence(name: str = "mnist", split: str = "train") -> str:
    """What loading a set says."""
    with pytest.raises(CourseError) as caught:
        data.load(name, split=split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def put_mnist(folder: Path) -> Path:
    place = folder / "mnist"
    place.mkdir(parents=True)
    for file, raw in mnist_files().items():
        (place / f"{file}.gz").write_bytes(gzip.compress(raw))
    return place


def put_batches(place: Path, names: tuple[str, ...] = ALL) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        (place / name).write_bytes(cifar_batch(count=4, seed=i))
    return place


@pytest.fixture
def archive(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The publisher's archive of CIFAR-10, small."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for i, name in enumerate(ALL):
            member = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
            member.size = len(cifar_batch(count=4, seed=i))
            tar.addfile(member, io.BytesIO(cifar_batch(count=4, seed=i)))
    publisher.files[f"/{cifar.ARCHIVE}"] = out.getvalue()
    monkeypatch.setattr(cifar, "MD5", hashlib.md5(out.getvalue(), usedforsecurity=False).hexdigest())
    return out.getvalue()


# ---------------------------------------------------------------- a damaged file


@remedy("delete it, and the next call downloads it anew; or put a good copy there")
@pytest.mark.parametrize("file", [IMAGES, LABELS])
@pytest.mark.parametrize("do", ["delete it", "put a good copy there"])
def test_a_damaged_file(folder: Path, publisher: Publisher, file: str, do: str) -> None:
    place = put_mnist(folder)
    good = (place / file).read_bytes()
    (place / file).write_bytes(good[:50])
    assert do in sentence()
    if do == "delete it":
        (place / file).unlink()
    else:
        (place / file).write_bytes(good)
    assert len(data.load("mnist")) == 60
    assert sum(publisher.asked.values()) == (do == "delete it")


@remedy("delete both, and the next call downloads them anew")
def test_two_files_that_are_not_of_one_set(folder: Path, publisher: Publisher) -> None:
    place = put_mnist(folder)
    (place / LABELS).write_bytes(gzip.compress(mnist_files(count=59)[LABELS[:-3]]))
    assert "delete both" in sentence()
    (place / LABELS).unlink()
    (place / IMAGES).unlink()
    assert len(data.load("mnist")) == 60


@pytest.mark.parametrize("name", ALL)
def test_a_damaged_batch_that_was_downloaded(folder: Path, archive: bytes, name: str) -> None:
    split = "test" if name == cifar.TEST else "train"
    everything = len(data.load("cifar10", split=split))
    batch = folder / "cifar10" / cifar.DOWNLOADED / name
    batch.write_bytes(batch.read_bytes()[:-1])
    assert f"{batch} is damaged" in sentence("cifar10", split)
    assert "delete it, and the next call downloads it anew" in sentence("cifar10", split)
    batch.unlink()
    assert len(data.load("cifar10", split=split)) == everything  # all batches, not what was left
    assert batch.is_file()


@remedy("put a good copy there; or move all batches away, and the next call downloads the whole set")
@pytest.mark.parametrize("below", ["", cifar.FOLDER])
@pytest.mark.parametrize("do", ["put a good copy there", "move all batches away"])
@pytest.mark.parametrize("broken", [b"\x1f\x8bnot gzip", b"short"])
def test_a_damaged_batch_put_there_by_hand(folder: Path, archive: bytes, below: str, do: str, broken: bytes) -> None:
    place = put_batches(folder / "cifar10" / below)
    good = (place / "data_batch_3.bin").read_bytes()
    (place / "data_batch_3.bin").write_bytes(broken)
    said = sentence("cifar10")
    assert do in said and "delete" not in said
    if do == "put a good copy there":
        (place / "data_batch_3.bin").write_bytes(good)
    else:
        for name in ALL:
            (place / name).rename(folder / name)
    assert len(data.load("cifar10")) == 20


@remedy("put it beside it, or move the other batches away, and the next call downloads the whole set")
@pytest.mark.parametrize("do", ["put it beside it", "move the other batches away"])
@pytest.mark.parametrize(("gone", "split"), [("data_batch_2.bin", "train"), (cifar.TEST, "test")])
def test_four_of_five_batches(folder: Path, archive: bytes, do: str, gone: str, split: str) -> None:
    place = put_batches(folder / "cifar10")
    kept = (place / gone).rename(folder / "kept")
    said = sentence("cifar10", split)
    assert said.startswith(f"{gone} is missing in {place}") and do in said
    if do == "put it beside it":
        kept.rename(place / gone)
    else:
        for name in ALL:
            (place / name).unlink(missing_ok=True)
    assert len(data.load("cifar10", split=split)) == (20 if split == "train" else 4)


def test_fewer_batches_than_five_are_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_batches(folder / "cifar10", ("data_batch_1.bin", "data_batch_2.bin", cifar.TEST))
    cifar._say_few.cache_clear()
    for _ in range(2):
        assert len(data.load("cifar10")) == 8
    assert capsys.readouterr().out == "cifar10: 2 of 5 training batches are here.\n"  # once


@pytest.mark.parametrize("do", ["delete it", "put a good copy there"])
def test_a_damaged_archive(folder: Path, archive: bytes, do: str) -> None:
    given = folder / "cifar10" / cifar.ARCHIVE
    given.parent.mkdir()
    given.write_bytes(archive[:-100])
    assert do in sentence("cifar10")
    if do == "delete it":
        given.unlink()
    else:
        given.write_bytes(archive)
    assert len(data.load("cifar10")) == 20


# ---------------------------------------------------------------- a folder that is shared


@pytest.fixture
def shared(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seal: Callable[..., None]) -> Path:
    """A folder with a tiny MNIST, which COURSE_DATA_DIR names and nobody can write to; `folder` is one's own."""
    shared = tmp_path / "shared"
    put_mnist(shared)
    monkeypatch.setenv("COURSE_DATA_DIR", str(shared))
    monkeypatch.setattr(places, "_platforms", lambda: tmp_path / "platform's")
    seal(shared)
    return shared


def test_what_is_shared_is_read_and_what_is_not_there_is_ones_own(
    folder: Path, shared: Path, publisher: Publisher
) -> None:
    before = sorted(shared.rglob("*"))
    assert len(data.load("mnist")) == 60 and not publisher.asked
    assert len(data.load("fashion_mnist")) == 60
    assert (folder / "fashion_mnist" / IMAGES).is_file()
    assert sorted(shared.rglob("*")) == before
    assert image_sets.here("mnist") == shared / "mnist"
    assert image_sets.here("fashion_mnist") == folder / "fashion_mnist"


@remedy("ask whoever keeps the folder for a good copy, or take … away, and the next call downloads one of your own")
@pytest.mark.parametrize("do", ["ask whoever keeps the folder", "take COURSE_DATA_DIR away"])
def test_a_damaged_file_that_is_not_ones_own(
    folder: Path,
    shared: Path,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    seal: Callable[..., None],
    do: str,
) -> None:
    FOLDERS.clear()
    good = (shared / "mnist" / IMAGES).read_bytes()
    (shared / "mnist" / IMAGES).write_bytes(good[:50])
    seal(shared)
    said = sentence()
    assert do in said and "delete" not in said
    if do == "take COURSE_DATA_DIR away":
        monkeypatch.delenv("COURSE_DATA_DIR")
    else:
        FOLDERS.clear()
        (shared / "mnist" / IMAGES).write_bytes(good)
    assert len(data.load("mnist")) == 60


@remedy("make that folder and put image sets into it, or take … away.")
@pytest.mark.parametrize("do", ["make that folder", "take COURSE_DATA_DIR away"])
def test_a_shared_folder_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch, do: str) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(folder / "nowhere"))
    assert do in machine.data_folder().remedy
    if do == "make that folder":
        put_mnist(folder / "nowhere")
        assert len(data.load("mnist")) == 60
    else:
        monkeypatch.delenv("COURSE_DATA_DIR")
    assert machine.data_folder().remedy == ""


# ---------------------------------------------------------------- a download


@remedy("connect to the internet and try again, or put the file into … yourself.")
@pytest.mark.parametrize("do", ["connect to the internet", "put the file into"])
def test_no_network(folder: Path, publisher: Publisher, do: str) -> None:
    files, publisher.files = publisher.files, {}
    said = sentence()
    assert do in said and str(folder / "mnist") in said
    assert not (folder / "mnist").exists()  # nothing is left behind
    if do == "connect to the internet":
        publisher.files = files
    else:
        (folder / "mnist").mkdir()
        for name in (IMAGES, LABELS):
            (folder / "mnist" / name).write_bytes(files[f"/{name}"])
    assert len(data.load("mnist")) == 60


def test_no_network_for_the_archive(folder: Path, publisher: Publisher, archive: bytes) -> None:
    publisher.files = {}
    assert f"put the file into {folder / 'cifar10'} yourself" in sentence("cifar10")
    (folder / "cifar10").mkdir()
    (folder / "cifar10" / cifar.ARCHIVE).write_bytes(archive)
    assert len(data.load("cifar10")) == 20


@remedy("for an hour: stop it, or wait, and try again.")
def test_another_process_that_downloads(folder: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_WAIT_FOR_OTHER", 0.1)
    other = filelock.FileLock(folder / ".mnist.lock")
    other.acquire()
    assert "stop it, or wait" in sentence()
    other.release()
    assert len(data.load("mnist")) == 60


@remedy("set … to a folder that you may write to", ", or set … to a folder on another disk", "free some space…")
@pytest.mark.parametrize(
    ("number", "do"),
    [
        (errno.EROFS, "set COURSE_OWN_DIR to a folder that you may write to"),
        (errno.ENOSPC, "set COURSE_OWN_DIR to a folder on another disk"),
        (errno.ENOSPC, "free some space"),
    ],
)
def test_an_own_folder_that_cannot_be_written_to(
    tmp_path: Path,
    folder: Path,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    seal: Callable[..., None],
    number: int,
    do: str,
) -> None:
    seal(folder, number)
    assert do in sentence()
    if do == "free some space":
        FOLDERS.clear()
    else:
        monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path / "another"))
    assert len(data.load("mnist")) == 60


@remedy("set the environment variable … to a folder that you may write to.")
def test_what_the_doctor_says_of_an_own_folder(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, seal: Callable[..., None]
) -> None:
    seal(folder)
    assert "COURSE_OWN_DIR to a folder that you may write to" in machine.own_folder().remedy
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path / "another"))
    assert machine.own_folder().remedy == ""


@remedy("which would be another folder in every process: set … to a whole path.")
def test_a_relative_path_without_a_checkout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_mnist(folder)
    monkeypatch.setattr(places, "checkout", lambda: None)
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("COURSE_DATA_DIR", folder.name)
    assert "set COURSE_DATA_DIR to a whole path" in sentence()
    monkeypatch.setenv("COURSE_DATA_DIR", str(Path.cwd() / folder.name))
    assert len(data.load("mnist")) == 60


@remedy("`course data …` fetches")
def test_a_set_that_is_not_here(folder: Path, publisher: Publisher) -> None:
    assert "`course data mnist fashion_mnist cifar10` fetches" in image_sets.finding().remedy
    for file in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        assert f"/{file}" in publisher.files
    said = image_sets.fetch("mnist")
    assert said == f"mnist: 60 images to train on, 60 to test on; {folder / 'mnist'}."
    assert "mnist fashion_mnist" not in image_sets.finding().remedy

"""Downloads: checked, whole or not there at all, whatever goes wrong and however many ask at once."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from course_utils import data
from course_utils.data import cache, cifar, idx
from course_utils.errors import CourseError
from tests.data.conftest import Publisher, cifar_batch, mnist_files

# Another process that loads MNIST from the test's publisher: address and checksums come as arguments.
OTHER_PROCESS = """
import json, sys
from dataclasses import replace
from course_utils import data
from course_utils.data import idx
url, checksums = sys.argv[1], json.loads(sys.argv[2])
idx.PUBLISHED["mnist"] = replace(idx.PUBLISHED["mnist"], bases=(url,), checksums=checksums)
print("ready", flush=True)
sys.stdin.readline()
print(len(data.load("mnist")), flush=True)
"""


def start_other(publisher: Publisher) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", OTHER_PROCESS, publisher.url, json.dumps(idx.PUBLISHED["mnist"].checksums)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
    )
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Wait until it has imported what it needs, then let it load."""
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def files(folder: Path) -> list[str]:
    """All files below a folder but locks."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_set_is_downloaded_once(folder: Path, publisher: Publisher, name: str) -> None:
    assert len(data.load(name)) == 60
    assert len(data.load(name)) == 60
    wanted = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    assert files(folder) == wanted
    assert dict(publisher.asked) == {f"/{file}": 1 for file in wanted}


def test_a_file_gets_its_name_in_one_step(folder: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    real, renamed = Path.replace, []

    def replace_and_note(self: Path, target: Path) -> Path:
        assert not target.exists()  # nothing was there before the rename
        renamed.append(target.name)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace_and_note)
    data.load("mnist")
    assert renamed == files(folder)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_wrong_checksum_is_refused_and_nothing_stays(folder: Path, publisher: Publisher, name: str) -> None:
    for path in publisher.files:
        publisher.files[path] = gzip.compress(mnist_files(seed=1)[path[1:-3]])
    with pytest.raises(CourseError, match=r"checksum is not the publisher's.*connect to the internet.*or put"):
        data.load(name)
    assert files(folder) == []


def test_another_wrapping_of_the_same_mnist_is_accepted(folder: Path, publisher: Publisher) -> None:
    for path in publisher.files:
        publisher.files[path] = gzip.compress(gzip.decompress(publisher.files[path]), compresslevel=1)
    assert len(data.load("mnist")) == 60


def test_a_download_that_is_cut_short_leaves_nothing(folder: Path, publisher: Publisher) -> None:
    publisher.cut = True
    with pytest.raises(CourseError, match=r"broke off before its end|cut short"):
        data.load("mnist")
    assert files(folder) == []
    publisher.cut = False
    assert len(data.load("mnist")) == 60


def test_a_web_page_in_place_of_the_file_is_refused(folder: Path, publisher: Publisher) -> None:
    publisher.files = dict.fromkeys(publisher.files, b"\x1f\x8b please log in to this hotel's network")
    with pytest.raises(CourseError, match="cut short or changed on its way"):
        data.load("mnist")
    assert files(folder) == []


def test_an_answer_of_404(folder: Path, publisher: Publisher) -> None:
    publisher.files = {}
    with pytest.raises(CourseError, match="the server answered 404"):
        data.load("mnist")


def test_no_network(folder: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = replace(idx.PUBLISHED["mnist"], bases=("http://127.0.0.1:9/",))
    monkeypatch.setitem(idx.PUBLISHED, "mnist", nobody)
    with pytest.raises(CourseError, match="no connection") as caught:
        data.load("mnist")
    assert str(folder / "mnist") in str(caught.value)  # where to put the file by hand
    assert "\n" not in str(caught.value)
    assert files(folder) == []


def test_the_mirror_is_tried_when_the_first_address_fails(
    folder: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = replace(idx.PUBLISHED["mnist"], bases=(publisher.url + "gone/", publisher.url))
    monkeypatch.setitem(idx.PUBLISHED, "mnist", two)
    assert len(data.load("mnist")) == 60


@pytest.mark.parametrize(
    ("trouble", "expected", "words"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, None),
        (OSError(errno.ENOSPC, "No space left on device"), CourseError, "The disk is full.*free some space"),
        (PermissionError(errno.EACCES, "Permission denied"), CourseError, "cannot be written .Permission denied"),
    ],
)
def test_what_stops_a_download_halfway_leaves_nothing(
    folder: Path,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    trouble: BaseException,
    expected: type[BaseException],
    words: str | None,
) -> None:
    class Halfway:
        def __init__(self, **kwargs: object) -> None:
            pass

        def __call__(self, url: str, output: str, _: object) -> None:
            Path(output).write_bytes(b"half a file")
            raise trouble

    monkeypatch.setattr(cache.pooch, "HTTPDownloader", Halfway)
    with pytest.raises(expected, match=words):
        data.load("mnist")
    assert files(folder) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("COURSE_OWN_DIR", str(blocked))
    with pytest.raises(CourseError, match=r"cannot be written .*set COURSE_OWN_DIR"):
        data.load("mnist")


def test_a_lock_that_cannot_be_taken(folder: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, *args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(cache.filelock.FileLock, "acquire", refuse)
    with pytest.raises(CourseError, match=r"cannot be written .Read-only file system"):
        data.load("mnist")


def test_two_processes_at_once_download_each_file_once(folder: Path, publisher: Publisher) -> None:
    publisher.pause = 0.3  # long enough for the second to arrive while the first is at it
    others = [start_other(publisher), start_other(publisher)]
    for process in others:
        go(process)
    for process in others:
        out, err = process.communicate(timeout=60)
        assert out.strip() == "60", err
    assert sorted(publisher.asked.values()) == [1, 1]
    assert files(folder) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]


def test_a_process_that_is_killed_halfway_does_no_harm(folder: Path, publisher: Publisher) -> None:
    publisher.pause = 20.0
    other = start_other(publisher)
    go(other)
    assert publisher.half_sent.wait(30)
    other.kill()
    other.communicate(timeout=30)
    assert not [name for name in files(folder) if not name.endswith(".part")]
    publisher.pause = 0.0
    assert len(data.load("mnist")) == 60  # the lock died with its owner, and the remains are overwritten
    assert not [name for name in files(folder) if name.endswith(".part")]


# ---------------------------------------------------------------- CIFAR-10 is an archive


def archive(names: tuple[str, ...] = (*cifar.BATCHES, cifar.TEST), extra: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for i, name in enumerate(names):
            raw = cifar_batch(count=4, seed=i)
            member = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
        if extra:
            member = tarfile.TarInfo(extra)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
    return out.getvalue()


def offer(publisher: Publisher, monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    publisher.files[f"/{cifar.ARCHIVE}"] = raw
    monkeypatch.setattr(cifar, "MD5", hashlib.md5(raw, usedforsecurity=False).hexdigest())


def test_the_archive_is_downloaded_unpacked_and_removed(
    folder: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(publisher, monkeypatch, archive(extra="../../evil.txt"))
    assert len(data.load("cifar10")) == 20
    assert len(data.load("cifar10", split="test")) == 4
    assert files(folder) == sorted((*cifar.BATCHES, cifar.TEST))
    assert not list(folder.parent.glob("**/evil.txt"))
    assert publisher.asked[f"/{cifar.ARCHIVE}"] == 1


def test_an_archive_with_a_wrong_checksum(folder: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(publisher, monkeypatch, archive())
    publisher.files[f"/{cifar.ARCHIVE}"] = archive(names=cifar.BATCHES)
    with pytest.raises(CourseError, match="checksum is not the publisher's"):
        data.load("cifar10")
    assert files(folder) == []


def test_the_users_own_archive_is_used_and_kept(folder: Path, publisher: Publisher) -> None:
    (folder / "cifar10").mkdir()
    (folder / "cifar10" / cifar.ARCHIVE).write_bytes(archive())
    assert len(data.load("cifar10")) == 20
    assert cifar.ARCHIVE in files(folder)
    assert not publisher.asked


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (archive()[:-200], "not a whole tar.gz"),
        (b"not an archive", "not a whole tar.gz"),
        (archive(names=cifar.BATCHES[:3]), "it lacks data_batch_4.bin, data_batch_5.bin, test_batch.bin"),
    ],
)
def test_a_damaged_archive_leaves_no_batches(folder: Path, publisher: Publisher, raw: bytes, words: str) -> None:
    (folder / "cifar10").mkdir()
    (folder / "cifar10" / cifar.ARCHIVE).write_bytes(raw)
    with pytest.raises(CourseError, match=words):
        data.load("cifar10")
    assert files(folder) == [cifar.ARCHIVE]

"""Weights go out and come back unchanged, and everything else is refused in one sentence."""

from __future__ import annotations

import errno
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from course_utils import weights
from course_utils.errors import CourseError

CARD = {"recipe": "try", "data": "none", "steps": 1, "seconds": 0, "machine": "1 CPU core", "metrics": {}}


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(3, 2))
    return net.to(memory_format=torch.channels_last)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def refusal(folder: Path, module: nn.Module, name: str = "try") -> str:
    """The one sentence of the refusal; the module must be as it was before."""
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    with pytest.raises(CourseError) as caught:
        weights.load(name, module, folder=folder)
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and "course train" in message
    return message


def replace_tensors(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """A file of other tensors with a card that vouches for it: what a different network would have left."""
    save_file({k: t.contiguous() for k, t in tensors.items()}, folder / "try.safetensors")
    about = json.loads((folder / "try.json").read_text(encoding="utf-8"))
    about["sha256"] = hashlib.sha256((folder / "try.safetensors").read_bytes()).hexdigest()
    (folder / "try.json").write_text(json.dumps(about), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    weights.save("try", network(), CARD, folder=tmp_path)
    return tmp_path


def test_round_trip_is_exact_and_leaves_two_files(folder: Path) -> None:
    other = network(seed=1)
    assert not same(other, network())
    about = weights.load("try", other, folder=folder)
    assert same(other, network())
    assert {p.name for p in folder.iterdir()} == {"try.safetensors", "try.json"}
    assert about["recipe"] == "try" and about["name"] == "try"
    assert about["parameters"] == sum(p.numel() for p in other.parameters())
    assert about["bytes"] == (folder / "try.safetensors").stat().st_size


def test_half_precision_is_stored_small_and_read_back_in_the_modules_type(tmp_path: Path, folder: Path) -> None:
    weights.save("half", network(), CARD, half=True, folder=tmp_path)
    other = network(seed=1)
    weights.load("half", other, folder=tmp_path)
    assert all(tensor.dtype != torch.float16 for tensor in other.state_dict().values())
    for stored, original in zip(other.parameters(), network().parameters(), strict=True):
        assert torch.equal(stored, original.half().float())
    assert weights.card("half", folder=tmp_path)["bytes"] < weights.card("try", folder=folder)["bytes"]


def test_saving_again_replaces_both_files(folder: Path) -> None:
    weights.save("try", network(seed=2), {**CARD, "steps": 2}, folder=folder)
    other = network()
    assert weights.load("try", other, folder=folder)["steps"] == 2
    assert same(other, network(seed=2))


def test_a_failed_write_leaves_the_old_weights_and_no_rubbish(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(CourseError, match=r"The disk is full, so .*try\.safetensors was not written: free some space"):
        weights.save("try", network(seed=2), CARD, folder=folder)
    monkeypatch.undo()
    other = network(seed=3)
    weights.load("try", other, folder=folder)
    assert same(other, network())
    assert len(list(folder.iterdir())) == 2


def test_missing_weights(folder: Path) -> None:
    assert weights.available("try", folder=folder) and not weights.available("nobody", folder=folder)
    assert "There are no weights 'nobody'" in refusal(folder, network(), "nobody")


def test_missing_card(folder: Path) -> None:
    (folder / "try.json").unlink()
    assert not weights.available("try", folder=folder)
    assert "with their card" in refusal(folder, network())


@pytest.mark.parametrize("text", ["{ half a card", "[]", '{"sha256": 3}', "\udcff"])
def test_damaged_card(folder: Path, text: str) -> None:
    (folder / "try.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "card of the weights 'try' cannot be read" in refusal(folder, network())


def test_tampered_file(folder: Path) -> None:
    content = bytearray((folder / "try.safetensors").read_bytes())
    content[-1] ^= 1  # one bit of one number
    (folder / "try.safetensors").write_bytes(content)
    assert "SHA-256 differs" in refusal(folder, network())


def test_truncated_file(folder: Path) -> None:
    content = (folder / "try.safetensors").read_bytes()
    (folder / "try.safetensors").write_bytes(content[: len(content) // 2])
    assert "SHA-256 differs" in refusal(folder, network())


def test_not_a_safetensors_file(folder: Path) -> None:
    (folder / "try.safetensors").write_bytes(b"not at all")
    about = json.loads((folder / "try.json").read_text(encoding="utf-8"))
    about["sha256"] = hashlib.sha256(b"not at all").hexdigest()
    (folder / "try.json").write_text(json.dumps(about), encoding="utf-8")
    assert "not a safetensors file" in refusal(folder, network())


def test_missing_tensors(folder: Path) -> None:
    tensors = network().state_dict()
    del tensors["0.weight"]
    replace_tensors(folder, tensors)
    assert "lack '0.weight'" in refusal(folder, network())
    del tensors["0.bias"]
    replace_tensors(folder, tensors)
    assert "lack '0.bias' and 1 more" in refusal(folder, network())


def test_extra_tensor(folder: Path) -> None:
    replace_tensors(folder, {**network().state_dict(), "stranger": torch.zeros(1)})
    assert "hold 'stranger'" in refusal(folder, network())


def test_wrong_shape(folder: Path) -> None:
    replace_tensors(folder, {**network().state_dict(), "0.bias": torch.zeros(5)})
    assert "'0.bias' has shape (5,) and the module wants (4,)" in refusal(folder, network())


@pytest.mark.parametrize(
    ("key", "dtype"), [("0.bias", torch.float64), ("0.bias", torch.int64), ("1.num_batches_tracked", torch.float16)]
)
def test_wrong_type(folder: Path, key: str, dtype: torch.dtype) -> None:
    tensors = network().state_dict()
    replace_tensors(folder, {**tensors, key: tensors[key].to(dtype)})
    message = refusal(folder, network())
    assert f"{key!r} is {str(dtype).removeprefix('torch.')} and the module wants" in message


@pytest.mark.parametrize("name", ["", "../try", "Try", "a b", "try.json"])
def test_improper_name(folder: Path, name: str) -> None:
    with pytest.raises(CourseError, match="cannot name weights"):
        weights.save(name, network(), CARD, folder=folder)
    with pytest.raises(CourseError, match="cannot name weights"):
        weights.load(name, network(), folder=folder)


def test_too_large(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"take 4\.4 MB and the limit is 4 MB"):
        weights.save("large", nn.Linear(1100, 1000), CARD, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_between_weights_and_card_keeps_both_old_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = tempfile.mkstemp, []

    def full_disk(**choices: Any) -> tuple[int, str]:
        made.append(choices["prefix"])
        if len(made) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(**choices)

    monkeypatch.setattr(tempfile, "mkstemp", full_disk)
    with pytest.raises(CourseError, match="The disk is full, so "):
        weights.save("try", network(seed=2), {**CARD, "steps": 2}, folder=folder)
    monkeypatch.undo()
    other = network(seed=3)
    assert weights.load("try", other, folder=folder)["steps"] == 1 and same(other, network())
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("half", [False, True])
def test_tied_weights_are_refused(tmp_path: Path, half: bool) -> None:
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    with pytest.raises(CourseError, match=r"'try', '0\.weight' and '1\.weight' are one tensor, .* give one of them a"):
        weights.save("try", tied, CARD, half=half, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    tied[1].weight = nn.Parameter(tied[0].weight.clone())
    weights.save("try", tied, CARD, half=half, folder=tmp_path)


def test_tensors_that_lie_side_by_side_in_one_memory_are_not_tied(tmp_path: Path) -> None:
    apart, whole = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), torch.randn(6, 3)
    apart[0].weight, apart[1].weight = nn.Parameter(whole[:3]), nn.Parameter(whole[3:])
    weights.save("try", apart, CARD, folder=tmp_path)
    other = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    weights.load("try", other, folder=tmp_path)
    assert same(other, apart)
    apart[1].weight = nn.Parameter(whole[2:5])  # one row is in both
    with pytest.raises(CourseError, match="are one tensor"):
        weights.save("try", apart, CARD, folder=tmp_path)


def test_numbers_that_16_bits_cannot_hold_are_refused(tmp_path: Path) -> None:
    net = network()
    with torch.no_grad():
        net[0].weight[0, 0, 0, 0] = -1e5
    with pytest.raises(
        CourseError, match=r"'try', '0\.weight' goes up to 1e\+05, and 16 bits hold .* 65504: save them"
    ):
        weights.save("try", net, CARD, half=True, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    weights.save("try", net, CARD, folder=tmp_path)
    with torch.no_grad():
        net[0].weight[0, 0, 0, 0] = -torch.inf  # which they can
    weights.save("try", net, CARD, half=True, folder=tmp_path)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(CourseError, match=r"cannot be written .*: name a place"):
        weights.save("try", network(), CARD, folder=tmp_path / "file")


def test_the_cache_is_looked_at_after_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, cache = tmp_path / "checkout", tmp_path / "cache"
    monkeypatch.setattr(weights, "_checkout", lambda: checkout)
    monkeypatch.setattr(weights, "cache", lambda: cache)
    weights.save("try", network(), CARD, folder=cache)
    assert weights.path("try").parent == cache
    weights.save("try", network(), CARD)
    assert weights.path("try").parent == checkout == weights.home()


def test_without_a_checkout_weights_go_to_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_checkout", lambda: None)
    monkeypatch.setattr(weights, "cache", lambda: tmp_path)
    assert weights.home() == tmp_path

"""Weights on disk: a safetensors file with the numbers, and a card beside it that says where they came from.

`weights/NAME.safetensors` holds the tensors and `weights/NAME.json` the card: the recipe, the data, the steps, the
seconds, the machine in plain words, the measured results and the file's SHA-256. `load` believes nothing: it compares
the digest, and every tensor's name, shape and type with the module, before a single number is copied.

Weights that come with the course stand in the checkout's `weights/`. What is trained on the spot stands in the
person's own folder, and is looked for after the checkout.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as to_safetensors

from course_utils import files, places, record
from course_utils.errors import CourseError
from course_utils.files import write_together

MAX_BYTES = 4_000_000  # a checkout stays small enough to clone on hotel Wi-Fi
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def save(
    name: str, module: torch.nn.Module, card: Mapping[str, Any], *, half: bool = False, folder: Path | None = None
) -> Path:
    """Write the module's tensors and their card; a reader never sees a half-written file.

    Args:
        name: lower-case letters, digits, "-" and "_", such as "recogniser-flowers".
        module: its `state_dict` is stored.
        card: what to say about the weights; must be representable as JSON. The digest, the number of parameters,
            the bytes and the precision are added here.
        half: store floating point numbers in 16 bits. `load` turns them back into the module's own type.
        folder: where to; by default `home()`.

    Returns:
        the path of the safetensors file.

    Raises:
        CourseError: an improper name, two names for one tensor, numbers that are too large for 16 bits, a file above
            4 MB, a full disk, or a folder that cannot be written to. What was stored before stays.
    """
    target = _file(name, folder or home())
    check_writable(target.parent)
    _refuse_tied(name, module.state_dict())
    tensors = {key: _for_disk(name, key, tensor, half) for key, tensor in module.state_dict().items()}
    content = to_safetensors(tensors)
    if len(content) > MAX_BYTES:
        raise CourseError(
            f"The weights {name!r} take {len(content) / 1e6:.1f} MB and the limit is {MAX_BYTES / 1e6:.0f} MB: "
            "use a smaller network, or half=True."
        )
    full_card = {
        "name": name,
        **card,
        "parameters": sum(p.numel() for p in module.parameters()),
        "stored_as": "float16" if half else "as in the module",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    text = json.dumps(full_card, indent=2, ensure_ascii=False) + "\n"
    write_together({target: content, target.with_suffix(".json"): text.encode("utf-8")})
    return target


def load(name: str, module: torch.nn.Module, *, folder: Path | None = None) -> dict[str, Any]:
    """Copy stored weights into `module`, or refuse with one sentence and leave the module as it was.

    Args:
        name: as given to `save`.
        module: the same network as was saved; its device and types are kept.
        folder: where to look; by default the checkout, then the cache.

    Returns:
        the card.

    Raises:
        CourseError: no such weights, a damaged or tampered file, a damaged card, or tensors whose names, shapes or
            types are not the module's.
    """
    file = path(name, folder=folder)
    about = card(name, folder=folder)
    content = file.read_bytes()  # read once, so that what is checked is what is used
    if hashlib.sha256(content).hexdigest() != about["sha256"]:
        raise CourseError(
            f"The weights {name!r} are not the file that their card describes (the SHA-256 differs): {_mend(name)}."
        )
    try:
        stored = parse_safetensors(content)
    except SafetensorError:
        raise CourseError(f"The weights {name!r} are not a safetensors file: {_mend(name)}.") from None
    wanted = module.state_dict()
    _check_names(name, stored, wanted)
    for key, tensor in wanted.items():
        _check_tensor(name, key, stored[key], tensor)
    module.load_state_dict(stored)  # copies into the module's own tensors: its types and device stay
    return about


def available(name: str, *, folder: Path | None = None) -> bool:
    """True if both the weights and their card are there (which does not say that they are undamaged)."""
    found = _find(name, folder)
    if folder is None:
        record.note("weights", name, record.THERE if _is_committed(found) else None)
    return found is not None


def path(name: str, *, folder: Path | None = None) -> Path:
    """Where the weights are.

    Raises:
        CourseError: no such weights, or weights without their card.
    """
    found = _find(name, folder)
    if folder is None:
        record.note("weights", name, _read_card(found).get("sha256") if found and _is_committed(found) else None)
    if found is None:
        raise CourseError(f"There are no weights {name!r} with their card here: {_mend(name)}.")
    return found


def card(name: str, *, folder: Path | None = None) -> dict[str, Any]:
    """What is known about stored weights: recipe, data, steps, seconds, machine, metrics, sha256, parameters.

    Raises:
        CourseError: no such weights, or a card that cannot be read.
    """
    about = _read_card(path(name, folder=folder))
    if not isinstance(about.get("sha256"), str):
        raise CourseError(f"The card of the weights {name!r} cannot be read: {_mend(name)}.")
    return about


def home() -> Path:
    """Where weights are written: the checkout's `weights/`, or the cache if the package was installed without one."""
    return _checkout() or cache()


def cache() -> Path:
    """Where weights stand that were trained on the spot, in a person's own folder."""
    return places.own_folder() / "weights"


def check_writable(folder: Path | None = None) -> None:
    """Make the folder (by default `home()`) and try it, better before a long training than after.

    Raises:
        CourseError: files cannot be made there.
    """
    files.check_writable(folder or home())


def _checkout() -> Path | None:
    root = places.checkout()  # in site-packages there is none: a folder "weights" there would be somebody else's
    return root / "weights" if root is not None and (root / "weights").is_dir() else None


def _read_card(file: Path) -> dict[str, Any]:
    """The card beside a file of weights; an empty one if it cannot be read."""
    try:
        about = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    except ValueError:  # JSON and UTF-8 both
        return {}
    return about if isinstance(about, dict) else {}


def _is_committed(file: Path | None) -> bool:
    """Whether weights stand in the checkout, and not in the cache, where another machine has none."""
    return file is not None and file.parent == _checkout()


def _find(name: str, folder: Path | None) -> Path | None:
    places: list[Callable[[], Path | None]] = [lambda: folder] if folder else [_checkout, cache]
    for place in places:
        where = place()
        if where and (file := _file(name, where)).is_file() and file.with_suffix(".json").is_file():
            return file
    return None


def _file(name: str, folder: Path) -> Path:
    if not _NAME.fullmatch(name):
        raise CourseError(f"{name!r} cannot name weights: use lower-case letters, digits, '-' and '_'.")
    return folder / f"{name}.safetensors"


def _mend(name: str) -> str:
    return f"restore them with git, or make them anew with `course train {name}`"


def _for_disk(name: str, key: str, tensor: torch.Tensor, half: bool) -> torch.Tensor:
    # safetensors wants plain contiguous memory, which channels_last weights are not
    kept = tensor.detach().cpu().contiguous()
    if not (half and kept.is_floating_point()):
        return kept
    halved = kept.half()
    if not torch.equal(halved.isinf(), kept.isinf()):
        raise CourseError(
            f"In the weights {name!r}, {key!r} goes up to {kept.abs().max().item():.4g}, and 16 bits hold numbers up "
            f"to {torch.finfo(torch.float16).max:.0f}: save them with half=False."
        )
    return halved


def _refuse_tied(name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """A file holds each tensor once and under one name, so it cannot say that two names share memory."""
    spans = sorted((*_span(tensor), key) for key, tensor in tensors.items() if tensor.numel())
    for (device, _, end, first), (other, start, _, second) in itertools.pairwise(spans):
        if device == other and start < end:
            raise CourseError(
                f"In the weights {name!r}, {first!r} and {second!r} are one tensor, and a file cannot tie two names: "
                "give one of them a copy of its own first, such as nn.Parameter(weight.clone())."
            )


def _span(tensor: torch.Tensor) -> tuple[str, int, int]:
    """Device, first and last address of a tensor's memory."""
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    start = tensor.data_ptr()
    return str(tensor.device), start, start + (last + 1) * tensor.element_size()


def _check_names(name: str, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    missing, extra = sorted(wanted.keys() - stored.keys()), sorted(stored.keys() - wanted.keys())
    if missing:
        raise CourseError(
            f"The weights {name!r} lack {_first(missing)}: they are of another network, so {_mend(name)}."
        )
    if extra:
        raise CourseError(
            f"The weights {name!r} hold {_first(extra)}, for which the module has no place: "
            f"they are of another network, so {_mend(name)}."
        )


def _check_tensor(name: str, key: str, stored: torch.Tensor, wanted: torch.Tensor) -> None:
    if stored.shape != wanted.shape:
        raise CourseError(
            f"In the weights {name!r}, {key!r} has shape {tuple(stored.shape)} and the module wants "
            f"{tuple(wanted.shape)}: they are of another network, so {_mend(name)}."
        )
    halved = stored.dtype == torch.float16 and wanted.is_floating_point()
    if stored.dtype != wanted.dtype and not halved:
        raise CourseError(
            f"In the weights {name!r}, {key!r} is {_kind(stored)} and the module wants {_kind(wanted)}: "
            f"they are of another network, so {_mend(name)}."
        )


def _kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _first(names: list[str]) -> str:
    return repr(names[0]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")

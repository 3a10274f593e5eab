"""The file of a checkpoint: tensors, and a card that people can read, in one safetensors file.

The file alone is enough to go on: its header repeats the card, and a digest over the numbers. So there is never a pair
that does not fit together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.files import write_together


def named(path: Path) -> Path:
    """The path of the file, which ends in ".safetensors" whether it was asked for so or not."""
    path = Path(path)
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def write(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write the file, and the card beside it for people.

    Raises:
        CourseError: it cannot be written; what was there stays.
    """
    # safetensors wants plain contiguous memory, and each tensor its own
    plain = {key: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for key, tensor in tensors.items()}
    text = json.dumps({**card, "sha256": _digest(plain)}, indent=2, ensure_ascii=False) + "\n"
    content = to_safetensors(plain, metadata={"card": text})
    write_together({path: content, path.with_suffix(".json"): text.encode("utf-8")})


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the card.

    Raises:
        CourseError: the file is damaged.
    """
    content = path.read_bytes()
    try:
        tensors = parse_safetensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        card = json.loads(header["__metadata__"]["card"])
        whole = card["sha256"] == _digest(tensors) and card["complete"] in (True, False)
    except (SafetensorError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise CourseError(f"The checkpoint {path} is damaged: delete it, and the training begins anew.")
    return tensors, card


def discard(path: Path) -> None:
    """Remove a checkpoint, once what it keeps is safe elsewhere."""
    for file in (named(path), named(path).with_suffix(".json")):
        file.unlink(missing_ok=True)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        total.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()

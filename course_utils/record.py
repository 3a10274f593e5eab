"""A note of which stored weights and results a lesson loads, for whoever executes it and asks.

`course build` names a file in COURSE_RECORD, and keeps with the lesson what stands there afterwards: the lesson is out
of date once one of these has changed, and no other. Nothing is noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

VARIABLE = "COURSE_RECORD"
KINDS = ("weights", "results")
THERE = "there"  # in the place of a digest: it was only asked whether there are such weights

Loaded = dict[str, dict[str, "str | None"]]  # kind -> name -> digest, or None for what the checkout did not have


def note(kind: str, name: str, digest: str | None) -> None:
    """Note that weights or results were loaded, or looked for in vain.

    Args:
        kind: one of `KINDS`.
        name: of the weights or of the study.
        digest: of what was loaded; None if the checkout has none, even if a cache folder has.
    """
    target = os.environ.get(VARIABLE)
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps([kind, name, digest]) + "\n")


def read(path: Path) -> Loaded:
    """What was noted: kind -> name -> digest, sorted, without the kinds of which nothing was loaded.

    Where something was both looked for and loaded, the digest of what was loaded counts.
    """
    found: Loaded = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for kind, name, digest in map(json.loads, lines):
        before = found.setdefault(kind, {}).get(name)
        found[kind][name] = before if digest is None or (digest == THERE and before) else digest
    return {kind: dict(sorted(found[kind].items())) for kind in sorted(found)}


def digest_of_results(content: bytes) -> str:
    """The digest of a study's stored results: of all but the code that made them, which shows in no lesson."""
    try:
        stored = json.loads(content)
        for variant in stored["variants"].values():
            variant.pop("code", None)
        content = json.dumps(stored).encode("utf-8")  # in the file's order, which is that of the variants
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return hashlib.sha256(content).hexdigest()[:32]

"""What the guard said of one exercise, read from the records of its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Said:
    """The guard's words.

    Attributes:
        outcome: "kept" if the check handed the answer back, "replaced" if not; "" if it did not come to its end.
        line: where the answer's cell stopped with an exception; 0 if it did not.
        broken: what keeps the check from running in the student's own notebook ("names", "stdout", "device cuda").
        undefined: whether the answer's cell never bound the exercise's name.
        left: what the answer left behind, or bent and had put back.
    """

    outcome: str = ""
    line: int = 0
    broken: str = ""
    undefined: bool = False
    left: tuple[str, ...] = ()


def said(records: Records, secret: str, name: str) -> Said:
    """The words about the exercise `name` in these records."""
    words: dict[str, list[str]] = {}
    start = f"{secret} {name} "
    for record in records:
        if record["role"] == "guard" and record["exercise"] == name:
            for text in record["text"].splitlines():
                if text.startswith(start):
                    word, _, rest = text.removeprefix(start).partition(" ")
                    words.setdefault(word, []).append(rest)
    return Said(
        outcome=next((word for word in ("kept", "replaced") if word in words), ""),
        line=int(words.get("line", ["0"])[0]),
        broken=words.get("broken", [""])[0],
        undefined="undefined" in words,
        left=tuple(words.get("left", [])),
    )


def passes(records: Records, recorded: str, secret: str, name: str, verdict: str) -> bool:
    """Whether the check's verdict is the recorded one, nbval agrees, and the answer was handed back."""
    check = next((record for record in records if record["role"] == "check"), None)
    kept = said(records, secret, name).outcome == "kept"
    return check is not None and bool(check["passed"]) and kept and verdict == recorded

"""Look at text files before a commit: conflict marks, spaces at line ends, a missing last newline, large files.

    python .ci/hygiene.py FILE…

Says what is wrong and changes nothing. Generated notebooks are not looked at.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MAX_BYTES = 1_000_000
CONFLICT = re.compile(r"^(<{7} |>{7} |={7}$)", re.MULTILINE)
TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)


def faults(path: Path) -> list[str]:
    """Sentences about one file."""
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        return [f"{path} has {len(content) / 1e6:.1f} MB, and {MAX_BYTES / 1e6:.0f} MB are allowed."]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return [f"{path} is not UTF-8."]
    found = []
    if CONFLICT.search(text):
        found.append(f"{path} holds the marks of a merge conflict.")
    if "\r" in text:
        found.append(f"{path} has line ends that are not LF.")
    if match := TRAILING.search(text):
        found.append(f"{path}, line {text.count(chr(10), 0, match.start()) + 1}, ends with spaces.")
    if text and not text.endswith("\n"):
        found.append(f"{path} does not end with a newline.")
    return found


def main(names: list[str]) -> int:
    found = [fault for name in names if not name.endswith(".ipynb") for fault in faults(Path(name))]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

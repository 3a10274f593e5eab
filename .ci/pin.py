"""Write constraints.txt: the exact versions that are tested, for every Python and system the course runs on.

Run it from the repository root after a change to pyproject.toml, then run the tests:

    python -m pip install uv
    python .ci/pin.py                 # keeps what is pinned where it still fits
    python .ci/pin.py --upgrade       # takes the newest of everything

uv works out one set of versions for all systems at once. What is left out afterwards: PyTorch's CUDA parts (PyTorch
names their versions itself, and a machine without CUDA must not be sent to fetch them), and lines for
systems that the course does not run on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Tested versions, for Python 3.10 to 3.13 on Linux, macOS and Windows. Written by .ci/pin.py: do not edit.
# pip install -c constraints.txt -e .
"""
CUDA_PARTS = ("nvidia-", "cuda-", "triton")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = (
    ("linux", "Linux", "posix", "x86_64"),
    ("linux", "Linux", "posix", "aarch64"),
    ("darwin", "Darwin", "posix", "arm64"),
    ("win32", "Windows", "nt", "AMD64"),
)


def environments() -> list[dict[str, str]]:
    """The marker values of each Python on each system."""
    return [
        {
            "python_version": python,
            "python_full_version": f"{python}.9",
            "sys_platform": sys_platform,
            "platform_system": system,
            "os_name": os_name,
            "platform_machine": machine,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        for python, (sys_platform, system, os_name, machine) in product(PYTHONS, SYSTEMS)
    ]


def wanted(line: str) -> bool:
    """True for a pin that some supported machine needs and that is not one of PyTorch's CUDA parts."""
    requirement = Requirement(line)
    if requirement.name.lower().startswith(CUDA_PARTS):
        return False
    return requirement.marker is None or any(requirement.marker.evaluate(e) for e in environments())


def main() -> int:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        print("uv is not installed: `python -m pip install uv` brings it.", file=sys.stderr)
        return 1
    target = ROOT / "constraints.txt"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pins.txt"
        if target.exists():
            shutil.copyfile(target, out)  # uv keeps these versions unless told to upgrade
        flags = ["--universal", "--python-version", "3.10", "--all-extras", "--no-header", "--no-annotate", "--quiet"]
        command = [uv, "pip", "compile", str(ROOT / "pyproject.toml"), *flags, "-o", str(out), *sys.argv[1:]]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        lines = [line.strip() for line in out.read_text(encoding="utf-8").splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("#", "-")) and wanted(line)]
    target.write_text(HEADER + "\n".join(kept) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(kept)} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The device and the preset that lessons will use, memory, disk, and the two folders: of image sets, and one's own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import ModuleType

from course_tools.doctor.finding import MISSING, NOTE, OPTIONAL, Finding, short
from course_tools.doctor.software import INSTALL
from course_utils import places
from course_utils.environment import DATA_VARIABLE, OWN_VARIABLE
from course_utils.errors import CourseError
from course_utils.files import check_writable

GIB = 2**30
LITTLE_MEMORY, LITTLE_DISK = 2 * GIB, 2 * GIB


def torch_and_preset() -> list[Finding]:
    """PyTorch, the device it sees, and the preset that a lesson would choose, with the reason."""
    try:
        import torch
    except Exception as error:  # a missing package, or one whose libraries do not load here
        said = (str(error).splitlines() or [type(error).__name__])[0]
        return [Finding("PyTorch", f"cannot be imported: {said[:120]}", MISSING, f"{INSTALL}.")]
    return [Finding("PyTorch", str(torch.__version__)), _device(torch), _preset()]


def _device(torch: ModuleType) -> Finding:
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Finding("device", f"{properties.name}, {properties.total_memory / GIB:.0f} GiB")
    threads = torch.get_num_threads()
    found = f"CPU, {threads} thread{'s' if threads != 1 else ''}"
    if torch.version.cuda is not None:
        remedy = "PyTorch was built for CUDA and sees no GPU: with an NVIDIA card, look at its driver (`nvidia-smi`)."
        return Finding("device", found, NOTE, remedy)
    if shutil.which("nvidia-smi"):
        remedy = "an NVIDIA driver is here, and PyTorch is a CPU build: README.md says how to get the CUDA build."
        return Finding("device", found, NOTE, remedy)
    return Finding("device", found)


def _preset() -> Finding:
    from course_utils.runtime import choose_preset

    try:
        preset, why = choose_preset()
    except CourseError as error:
        return Finding("preset", "none", MISSING, str(error))
    return Finding("preset", f"{preset}, because {why}")


def memory() -> Finding:
    """Memory that programs can still take."""
    import psutil

    state = psutil.virtual_memory()
    found = f"{state.available / GIB:.1f} GiB free of {state.total / GIB:.1f}"
    if state.available < LITTLE_MEMORY:
        return Finding("memory", found, NOTE, "close other programs: a lesson wants about 2 GiB.")
    return Finding("memory", found)


def disk(folder: Path) -> Finding:
    """Room on the disk that holds the course."""
    usage = shutil.disk_usage(folder)
    found = f"{usage.free / GIB:.1f} GiB free"
    if usage.free < LITTLE_DISK:
        return Finding("disk", found, NOTE, "free 2 GiB before you train or download.")
    return Finding("disk", found)


def data_folder() -> Finding:
    """Where image sets are read from. It may be read-only, and need not be there where no variable names it."""
    folder, where = places.data_folder(), _said(DATA_VARIABLE, places.data_folder())
    named = bool(os.environ.get(DATA_VARIABLE, "").strip())
    if named and not (folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)):
        remedy = f"make that folder and put image sets into it, or take {DATA_VARIABLE} away."
        return Finding("data folder", f"{where}: no folder that can be read", OPTIONAL, remedy)
    return Finding("data folder", where)


def own_folder() -> Finding:
    """Whether downloads, unfinished trainings and weights trained on the spot can be kept."""
    folder = places.own_folder()
    where = _said(OWN_VARIABLE, folder)
    try:
        check_writable(folder)
    except CourseError as error:
        reason = getattr(error.__cause__, "strerror", None) or type(error.__cause__).__name__
        remedy = f"set the environment variable {OWN_VARIABLE} to a folder that you may write to."
        return Finding("own folder", f"{where}: {reason}", MISSING, remedy)
    return Finding("own folder", where)


def _said(variable: str, folder: Path) -> str:
    """A folder in a few words, which name no folder of this machine: lesson 00 records them."""
    return f"what {variable} names" if os.environ.get(variable, "").strip() else f"{short(folder)} ({variable})"

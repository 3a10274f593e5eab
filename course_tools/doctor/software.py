"""Python, the packages against pyproject.toml and constraints.txt, and JupyterLab's parts."""

from __future__ import annotations

import json
import os
import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_tools.doctor.finding import GOOD, MISSING, NOTE, OPTIONAL, Finding, short
from course_utils.environment import BACKEND_VARIABLE

OLDEST, NEWEST_TESTED = (3, 10), (3, 13)
INSTALL = "run `pip install -c constraints.txt -e .` in the course's folder"
INSTALL_DEV = "`pip install -c constraints.txt -e '.[dev]'` brings them; only those who change the course need them"


def python(version: tuple[int, int, int] | None = None) -> Finding:
    """The Python that runs this."""
    version = version or sys.version_info[:3]
    found = f"{'.'.join(map(str, version))} in {short(sys.prefix)}"
    if version[:2] < OLDEST:
        return Finding("Python", found, MISSING, "install Python 3.10 or newer, and set the course up with it.")
    if version[:2] > NEWEST_TESTED:
        return Finding("Python", found, NOTE, "newer than what was tested; if something fails, use Python 3.13.")
    return Finding("Python", found)


def packages(project: str = "from-noise-to-flowers", constraints: Path | None = None) -> list[Finding]:
    """What pyproject.toml asks for, against what is installed and what was tested.

    Args:
        project: the installed project whose requirements count.
        constraints: constraints.txt; left out, the comparison with tested versions is left out too.
    """
    try:
        wanted = [Requirement(line) for line in metadata.requires(project) or []]
    except metadata.PackageNotFoundError:
        return [Finding("packages", "the course itself is not installed", MISSING, f"{INSTALL}.")]
    tested = _tested(constraints)
    needed = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    extra = [r for r in wanted if r not in needed and r.marker and r.marker.evaluate({"extra": "dev"})]
    findings = [found for requirement in needed if (found := _trouble(requirement, tested))]
    good = len(needed) - len(findings)
    findings.insert(0, Finding("packages", f"{good} of {len(needed)} as tested"))
    absent = [r.name for r in extra if _installed(r.name) is None]
    if absent:
        findings.append(Finding("tools for authors", f"without {', '.join(absent)}", OPTIONAL, f"{INSTALL_DEV}."))
    else:
        findings.append(Finding("tools for authors", f"all {len(extra)}"))
    return findings


def _trouble(requirement: Requirement, tested: dict[str, Version]) -> Finding | None:
    """What is wrong with one package, or worth knowing; None if it is as tested."""
    name, installed = requirement.name, _installed(requirement.name)
    if installed is None:
        return Finding(name, "not installed", MISSING, f"{INSTALL}.")
    if not requirement.specifier.contains(installed, prereleases=True):
        return Finding(name, f"{installed}, wanted {requirement.specifier}", MISSING, f"{INSTALL}.")
    want = tested.get(canonicalize_name(name))
    if want is not None and Version(installed.public) != Version(want.public):
        return Finding(name, f"{installed}, tested with {want}", NOTE, f"if something fails, {INSTALL}.")
    return None


def _installed(name: str) -> Version | None:
    try:
        return Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def _tested(constraints: Path | None) -> dict[str, Version]:
    """The versions that constraints.txt pins for this Python on this system."""
    if constraints is None or not constraints.is_file():
        return {}
    pins: dict[str, Version] = {}
    for line in constraints.read_text(encoding="utf-8").splitlines():
        if not re.match(r"\s*[A-Za-z0-9]", line):
            continue
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate():
            (specifier,) = pin.specifier
            pins[canonicalize_name(pin.name)] = Version(specifier.version)
    return pins


def figures() -> list[Finding]:
    """Whether matplotlib knows the backend that the environment names, where it names one."""
    named = os.environ.get(BACKEND_VARIABLE, "")
    try:
        import matplotlib  # noqa: F401
    except ValueError:
        remedy = f"take the environment variable {BACKEND_VARIABLE} away."
        return [Finding("figures", f"matplotlib knows no backend {named!r}", MISSING, remedy)]
    except ImportError:
        return []  # which the packages say
    return [Finding("figures", f"{BACKEND_VARIABLE} is {named}")] if named else []


def widgets(folders: list[str] | None = None) -> Finding:
    """Whether JupyterLab will find the part of ipywidgets that draws sliders in the browser."""
    from jupyter_core.paths import jupyter_path

    for folder in folders if folders is not None else jupyter_path("labextensions"):
        about = Path(folder) / "@jupyter-widgets" / "jupyterlab-manager" / "package.json"
        if about.is_file():
            version = json.loads(about.read_text(encoding="utf-8")).get("version", "")
            return Finding("widgets' front end", f"jupyterlab-manager {version}".rstrip())
    return Finding(
        "widgets' front end",
        "not found, so sliders would not be drawn",
        MISSING,
        "run `pip install --force-reinstall --no-deps -c constraints.txt jupyterlab-widgets ipywidgets`.",
    )


def kernel() -> Finding:
    """Whether the kernel named python3 runs this Python, and so sees the course's packages."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    remedy = "run `python -m ipykernel install --sys-prefix` with the course's Python."
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Finding("kernel", "there is no kernel python3", MISSING, remedy)
    program = spec.argv[0]
    if program in ("python", "python3") or Path(program).absolute() == Path(sys.executable).absolute():
        return Finding("kernel", "python3 runs this Python", GOOD)
    return Finding("kernel", f"python3 runs {short(program)}", NOTE, f"if lessons miss packages, {remedy}")

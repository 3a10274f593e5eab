"""pyproject.toml, constraints.txt and environment.yml say the same, on every Python and system the course runs on."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


def _load_pin() -> Any:
    spec = importlib.util.spec_from_file_location("pin", ROOT / ".ci" / "pin.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PIN = _load_pin()
FILES = {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "constraints.txt", "environment.yml")
}


def requirements(pyproject: str) -> list[Requirement]:
    project = tomllib.loads(pyproject)["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in [*project["dependencies"], *extras]]


def pins(constraints: str) -> list[Requirement]:
    return [Requirement(line) for line in constraints.splitlines() if line.strip() and not line.startswith("#")]


def disagreements(pyproject: str, constraints: str, environment: str) -> list[str]:
    """Sentences about whatever does not fit together."""
    found = []
    wanted, pinned = requirements(pyproject), pins(constraints)
    for pin in pinned:
        operators = [specifier.operator for specifier in pin.specifier]
        if operators != ["=="] or "*" in str(pin.specifier):
            found.append(f"constraints.txt does not pin {pin.name} to one version.")
        if pin.name.lower().startswith(PIN.CUDA_PARTS):
            found.append(f"constraints.txt pins {pin.name}, which a machine without CUDA must not fetch.")
    for env in PIN.environments():
        where = f"Python {env['python_version']} on {env['platform_system']}"
        there: dict[str, list[Requirement]] = {}
        for pin in pinned:
            if pin.marker is None or pin.marker.evaluate(env):
                there.setdefault(canonicalize_name(pin.name), []).append(pin)
        for name, several in there.items():
            if len(several) > 1:
                found.append(f"constraints.txt pins {name} twice for {where}.")
        for requirement in wanted:
            if requirement.marker and not requirement.marker.evaluate({**env, "extra": ""}):
                continue
            exact = there.get(canonicalize_name(requirement.name))
            if exact is None:
                found.append(f"constraints.txt does not pin {requirement.name} for {where}.")
            elif not requirement.specifier.contains(next(iter(exact[0].specifier)).version):
                found.append(f"constraints.txt pins {exact[0]}, pyproject.toml wants {requirement} ({where}).")
    return found + _environment_disagreements(pyproject, environment)


def _environment_disagreements(pyproject: str, environment: str) -> list[str]:
    found = []
    project = tomllib.loads(pyproject)["project"]
    wanted = {canonicalize_name(r.name): r for r in requirements(pyproject)}
    lines = yaml.safe_load(environment)["dependencies"]
    by_pip = [line for entry in lines if isinstance(entry, dict) for line in entry["pip"]]
    python = next((line for line in lines if isinstance(line, str) and line.startswith("python=")), "")
    version = python.partition("=")[2].strip("=")
    if not version or not SpecifierSet(project["requires-python"]).contains(f"{version}.0"):
        found.append(f"environment.yml has {python or 'no Python'}, pyproject.toml {project['requires-python']}.")
    if f"Programming Language :: Python :: {version}" not in project["classifiers"]:
        found.append(f"environment.yml takes Python {version}, which pyproject.toml does not list as tested.")
    if "-c constraints.txt" not in by_pip:
        found.append("environment.yml does not install with constraints.txt.")
    if "-e ." not in by_pip:
        found.append("environment.yml does not install the course.")
    for line in [*(entry for entry in lines if isinstance(entry, str)), *by_pip]:
        name = canonicalize_name(re.split(r"[<>=! ]", line, maxsplit=1)[0]) if not line.startswith("-") else ""
        if name and name not in ("python", "pip", "nodefaults"):
            spelled = Requirement(line)
            if name not in wanted:
                found.append(f"environment.yml asks for {name}, pyproject.toml does not.")
            elif spelled.specifier != wanted[name].specifier:
                found.append(f"environment.yml asks for {spelled}, pyproject.toml for {wanted[name]}.")
    return found


def test_the_three_files_agree() -> None:
    assert disagreements(*FILES.values()) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("pyproject.toml", '"numpy>=1.26"', '"numpy>=99"', "constraints.txt pins numpy"),
        ("pyproject.toml", '"numpy>=1.26"', '"numpy>=1.26", "a-new-thing"', "does not pin a-new-thing"),
        (
            "pyproject.toml",
            'requires-python = ">=3.10"',
            'requires-python = ">=3.12"',
            "environment.yml has python=3.11",
        ),
        ("constraints.txt", "nbval==0.11.0", "nbval==0.10.0", "constraints.txt pins nbval==0.10.0"),
        ("constraints.txt", "torch==2.13.0", "torch>=2.13.0", "does not pin torch to one version"),
        ("constraints.txt", "torch==2.13.0", "torch==2.13.0\nnvidia-cublas==13.1.1.3", "must not fetch"),
        ("constraints.txt", "torch==2.13.0", "torch==2.13.0\ntorch==2.12.0", "pins torch twice"),
        (
            "constraints.txt",
            "torch==2.13.0",
            "torch==2.13.0 ; sys_platform == 'linux'",
            "not pin torch for Python 3.10 on D",
        ),
        ("environment.yml", "-c constraints.txt\n", "-c other.txt\n", "does not install with constraints.txt"),
        ("environment.yml", "      - -e .\n", "", "does not install the course"),
        ("environment.yml", "python=3.11", "python=3.9", "environment.yml has python=3.9"),
        ("environment.yml", "  - pip>=23", "  - pip>=23\n  - keras", "asks for keras"),
        ("environment.yml", "  - pip>=23", "  - pip>=23\n  - numpy>=2", "asks for numpy>=2"),
    ],
)
def test_a_disagreement_is_noticed(file: str, old: str, new: str, complaint: str) -> None:
    assert old in FILES[file]
    changed = {**FILES, file: FILES[file].replace(old, new, 1)}
    assert any(complaint in sentence for sentence in disagreements(*changed.values()))


def test_what_runs_here_is_what_is_pinned() -> None:
    """Otherwise "tested versions" would be a wish."""
    exact = {
        canonicalize_name(pin.name): pin
        for pin in pins(FILES["constraints.txt"])
        if not pin.marker or pin.marker.evaluate()
    }
    wrong = []
    for requirement in requirements(FILES["pyproject.toml"]):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        installed = Version(metadata.version(requirement.name))
        pin = exact[canonicalize_name(requirement.name)]
        if not pin.specifier.contains(installed.public):
            wrong.append(f"{requirement.name} {installed}, pinned {pin.specifier}")
    if wrong and not (ROOT / ".venv").is_dir():
        pytest.skip(f"this environment was not made from constraints.txt: {', '.join(wrong)}")
    assert wrong == []


def test_the_grader_is_pinned_exactly_and_torch_has_an_upper_end() -> None:
    wanted = {r.name: r.specifier for r in requirements(FILES["pyproject.toml"])}
    assert str(wanted["nbval"]) == "==0.11.0"
    assert wanted["torch"] == SpecifierSet(">=2.6,<=2.13.0")

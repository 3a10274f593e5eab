"""The container file for grading agrees with the course, and so does the page about it. No image is built here."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from typer.main import get_command

from course_tools.cli import app

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
FILE = Path("docs/grading/Containerfile")
PAGE = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
INSTALL = "pip install -c constraints.txt -e ."


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a container file, a line each, and what follows them."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def faults(text: str, root: Path = ROOT) -> list[str]:
    """What is wrong with a container file for grading."""
    found, steps = [], instructions(text)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    copied: set[str] = set()
    for word, rest in steps:
        if word not in {"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT"}:
            found.append(f"{word} is no instruction that is expected.")
        if word == "COPY":
            *sources, _ = rest.split()
            copied |= set(sources)
            found += [f"{source} is not there." for source in sources if not (root / source).exists()]
        if word == "RUN" and rest != INSTALL:
            found.append(f"It runs `{rest}`: only the course and what pyproject.toml names is installed.")
    images = [rest for word, rest in steps if word == "FROM"]
    version = re.fullmatch(r"python:(3\.\d+)-slim", images[0]) if len(images) == 1 else None
    if not version or version[1] not in SpecifierSet(project["requires-python"]):
        found.append("It begins with no slim image of a Python that the course takes.")
    wanted = {
        "pyproject.toml",
        "constraints.txt",
        project["readme"],
        "course_utils",
        "course_tools",
        "solutions",
        "weights",
    }
    found += [f"{name} is not copied." for name in sorted(wanted - copied)]
    users = [rest for word, rest in steps if word == "USER"]
    if not users or users[-1].split(":")[0] in {"0", "root"}:
        found.append("It grades as root.")
    entry = [json.loads(rest) for word, rest in steps if word == "ENTRYPOINT"]
    if [*project["scripts"]] != [e[0] for e in entry] or any(e[1] not in get_command(app).commands for e in entry):  # type: ignore[attr-defined]
        found.append("What it starts is no command of the course.")
    return found


def test_the_container_file_agrees_with_the_course() -> None:
    assert faults((ROOT / FILE).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("FROM python:3.12-slim", "FROM python:3.9-slim", "no slim image"),
        ("FROM python:3.12-slim", "FROM python:latest", "no slim image"),
        ("COPY weights ./weights", "COPY weight ./weights", "weight is not there."),
        ("COPY solutions ./solutions", "", "solutions is not copied."),
        (INSTALL, "pip install torch", "It runs `pip install torch`"),
        ("USER 10001:10001", "", "as root"),
        ("USER 10001:10001", "USER root", "as root"),
        ('["course", "grade"]', '["course", "marks"]', "no command of the course"),
        ("WORKDIR /course", "ADD . /course", "ADD is no instruction"),
    ],
)
def test_a_container_file_that_does_not_is_named(old: str, new: str, complaint: str) -> None:
    text = (ROOT / FILE).read_text(encoding="utf-8")
    assert old in text
    assert any(complaint in fault for fault in faults(text.replace(old, new)))


def test_the_page_shows_commands_that_there_are() -> None:
    section = PAGE[PAGE.index("## Grade strangers' notebooks in a container") : PAGE.index("## Change something")]
    build, _, run = (shlex.split(block.replace("\\\n", " ")) for block in _commands(section))
    assert (ROOT / build[build.index("-f") + 1]) == ROOT / FILE
    image = build[build.index("-t") + 1]
    options, given = run[: run.index(image)], run[run.index(image) + 1 :]
    for wanted in ("--rm", "--read-only", "--memory", "--cpus", "--pids-limit", "--cap-drop", "--tmpfs"):
        assert wanted in options
    assert options[options.index("--network") + 1] == "none"
    assert any(option.endswith(":/handed_in:ro") for option in options)
    grade = get_command(app).commands["grade"]  # type: ignore[attr-defined]
    known = {name for parameter in grade.params for name in parameter.opts}
    assert {word for word in given if word.startswith("--")} <= known


def _commands(section: str) -> list[str]:
    """The commands in the fenced blocks, one a line, where a line may go on after a backslash."""
    blocks = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    return [line for block in blocks for line in re.split(r"(?<!\\)\n", block.strip())]

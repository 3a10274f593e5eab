"""The Makefile, the CI script and the workflow: their targets, their syntax, and what they call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
needs_bash = pytest.mark.skipif(
    shutil.which("bash") is None or sys.platform == "win32", reason="needs bash (on Windows `bash` may be WSL's)"
)


def make(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={**clean, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@needs_make
def test_make_alone_lists_the_targets() -> None:
    done = make()
    assert done.returncode == 0
    for target in ("lab", "run", "test", "quick", "unit", "lint", "build", "doctor", "clean"):
        assert f"make {target}" in done.stdout


@needs_make
@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["lab"], "course_tools.cli lab"),
        (["lab", "PORT=8890", "LESSON=01"], "course_tools.cli lab --port 8890 --lesson 01"),
        (["run"], "course_tools.cli run"),
        (
            ["run", "PRESET=smoke", "LESSONS=00 01", "DATASET=mnist"],
            'course_tools.cli run --preset smoke --dataset mnist --lessons "00 01"',
        ),
        (["build", "LESSONS=01"], "course_tools.cli build 01"),
        (["doctor"], "course_tools.cli doctor"),
        (["lab", "TORCH_BACKEND=cpu", "VENV=nowhere"], "--torch-backend=cpu -c constraints.txt torch"),
        (["lint"], "ruff format --check ."),
        (["lint"], "-m mypy"),
        (["lint"], "lint-imports"),
        (["test"], "ruff check ."),
        (["test"], '-m pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not browser"'),
        (["test"], "--no-loadscope-reorder -m browser"),
        (["test", "ARGS=-k q_sample"], "-k q_sample"),
        (["quick"], '-m "not browser" --changed-against main'),
        (["quick", "BASE=HEAD~1"], "--changed-against HEAD~1"),
        (["quick"], "ruff check ."),
        (["unit"], '-m "not notebooks and not browser"'),
    ],
)
def test_what_a_target_would_call(arguments: list[str], command: str) -> None:
    done = make("-n", *arguments)
    assert done.returncode == 0, done.stderr
    assert command in " ".join(done.stdout.replace("\\\n", " ").split())


@needs_make
def test_tests_come_after_lint() -> None:
    planned = make("-n", "test").stdout
    assert planned.index("ruff check") < planned.index("-m mypy") < planned.index("-m pytest")


@needs_make
@needs_bash
def test_without_a_python_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    tools = _path_with(tmp_path, {"python3": "#!/bin/sh\nexit 1\n"})
    done = make("setup", f"VENV={tmp_path / 'venv'}", env={"PATH": tools})
    assert done.returncode != 0
    assert "needs Python 3.10 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


@needs_make
@needs_bash
def test_without_the_venv_module_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    # Answers the question about its version, and fails to import ensurepip: Debian without python3-venv.
    fake = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n'
    done = make("setup", f"VENV={tmp_path / 'venv'}", env={"PATH": _path_with(tmp_path, {"python3": fake})})
    assert done.returncode != 0
    assert "python3-venv" in done.stderr


@needs_make
@needs_bash
def test_the_second_set_up_installs_nothing_and_a_change_installs_again(tmp_path: Path) -> None:
    """With a python that only writes down what it was asked."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    calls = tmp_path / "calls"
    program = (
        f'#!/bin/sh\necho "$@" >> "{calls}"\n'
        'if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi\n'
    )
    env = {"PATH": _path_with(tmp_path, {"python3": program})}

    def installs() -> int:
        calls.write_text("", encoding="utf-8")
        done = subprocess.run(["make", "setup"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return calls.read_text(encoding="utf-8").count("pip --disable-pip-version-check install")

    assert installs() == 1
    assert installs() == 0
    later = time.time() + 5  # times are set by hand: two writes in one tick of the file system's clock look equal
    os.utime(tmp_path / "pyproject.toml", (later, later))  # as after a fresh checkout: newer, and the same
    assert installs() == 0
    with (tmp_path / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    os.utime(tmp_path / "constraints.txt", (later, later))
    assert installs() == 1


def _path_with(folder: Path, programs: dict[str, str]) -> str:
    """A PATH with the usual small tools and these programs, and no Python."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for tool in ("sh", "cat", "cksum", "touch", "mkdir", "cp", "echo", "[", "test", "rm", "make"):
        found = shutil.which(tool)
        if found:
            (bin_folder / tool).symlink_to(found)
    for name, text in programs.items():
        (bin_folder / name).write_text(text, encoding="utf-8")
        (bin_folder / name).chmod(0o755)
    return str(bin_folder)


@needs_bash
def test_the_ci_script_is_sound() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    assert "set -euo pipefail" in text
    assert "export CI=true" in text
    assert text.rstrip().splitlines()[-1].startswith("make test")
    assert os.access(script, os.X_OK)


@needs_bash
@pytest.mark.parametrize("status", [0, 1])
def test_the_ci_script_ends_as_make_test_ends(tmp_path: Path, status: int) -> None:
    """In a copy with a `make` that only ends, with a data folder beside the checkout."""
    checkout = tmp_path / "checkout"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copyfile(ROOT / ".ci" / "run", checkout / ".ci" / "run")
    (tmp_path / "shared" / "data" / "mnist").mkdir(parents=True)
    (tmp_path / "shared" / "data" / "mnist" / "file").write_text("", encoding="utf-8")
    programs = dict.fromkeys(("chromium", "python3"), "#!/bin/sh\nexit 0\n")
    programs["make"] = f'#!/bin/sh\necho "make $@ CI=$CI" $(cd "$COURSE_DATA_DIR" && echo * */*)\nexit {status}\n'
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, program in programs.items():
        (tools / name).write_text(program, encoding="utf-8")
        (tools / name).chmod(0o755)
    done = subprocess.run(
        ["bash", str(checkout / ".ci" / "run")],
        env={"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert done.stdout.strip() == "make test CI=true mnist mnist/file"


@needs_make
def test_only_make_test_opens_a_browser() -> None:
    assert [name for name in ("test", "quick", "unit") if "-m browser" in make("-n", name).stdout] == ["test"]


def test_the_workflow_runs_everything_once_and_the_rest_on_three_systems_and_two_pythons() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.10", "3.13"]  # the oldest and the newest
    assert matrix["target"] == ["unit"]
    one = {"os": "ubuntu-latest", "python": "3.13"}
    assert matrix["exclude"] == [one] and matrix["include"] == [{**one, "target": "test"}]
    assert any(step.get("run", "").startswith("make ${{ matrix.target }}") for step in job["steps"])
    assert job["runs-on"] == "${{ matrix.os }}"

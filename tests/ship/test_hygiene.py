"""What is committed: no machine's paths, no package registry's host; and hooks that leave notebooks alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).parents[2]
# Spelled in pieces, so that this file does not find itself.
REGISTRIES = ["pypi" + ".org", "python" + "hosted", "registry" + ".npmjs", "deb" + ".debian", "download" + ".pytorch"]
REGISTRIES += ["conda" + ".anaconda", "--extra" + "-index-url", "--index" + "-url", "--find" + "-links"]
FOLDERS = ["work", "opt", "root", "home", "Users", "mnt"]
MACHINE_PATH = re.compile(rf"(?<![\w.:/~$}}<>-])/(?:{'|'.join(FOLDERS)})/[\w.-]|[A-Z]:\\\\?Users\\")
SIBLING = re.compile(r"\.\./" + "shared")
SIBLING_ALLOWED = {".ci/run"}  # a data folder beside the checkout
MADE_UP = {"tests/notebooks/test_gates_fail.py"}  # writes paths of nobody's machine, to see that a gate finds them
BINARY = {".png", ".jpg", ".gz", ".safetensors", ".ico", ".npz", ".woff2"}


def tracked() -> Iterator[tuple[str, str]]:
    """Every text file that git knows, with its content."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        if path.suffix not in BINARY and path.is_file():
            yield name, path.read_text(encoding="utf-8")


def complaints(name: str, text: str) -> list[str]:
    found = [f"{name} names {host}." for host in REGISTRIES if host in text]
    if name not in MADE_UP:
        found += [f"{name} holds the path {match[0]!r}…" for match in MACHINE_PATH.finditer(text)]
    if SIBLING.search(text) and name not in SIBLING_ALLOWED:
        found.append(f"{name} reaches into a sibling folder.")
    return found


def test_nothing_names_a_registry_or_a_machine() -> None:
    assert [complaint for name, text in tracked() for complaint in complaints(name, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "see " + "/work" + "/main/x.py",
        'cache = "' + "/root" + '/.cache/x"',
        "File " + "/home" + "/ann/x.py",
        "C:" + "\\Users\\" + "ann",
        "pip install --extra" + "-index-url https://x",
        "https://" + "pypi" + ".org/simple",
        "../" + "shared/data",
    ],
)
def test_a_path_or_a_host_is_noticed(text: str) -> None:
    assert complaints("a.py", text)


@pytest.mark.parametrize("text", ["https://example.org/home/x", "homework/opt", "a/root/b", "x /optional"])
def test_harmless_words_are_left_alone(text: str) -> None:
    assert complaints("a.py", text) == []


def run_hooks(folder: Path, config: str, files: list[str]) -> subprocess.CompletedProcess[str]:
    """The hooks, in a small repository of their own with these files, on these files."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "PRE_COMMIT"))},
        "PRE_COMMIT_HOME": str(folder.parent / "cache"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PYTHONUTF8": "1",
    }
    (folder / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    (folder / ".ci").mkdir(exist_ok=True)
    shutil.copyfile(ROOT / ".ci" / "hygiene.py", folder / ".ci" / "hygiene.py")
    shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--files", *files],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    """A repository folder with an executed notebook that a formatter or a stripper would love to change."""
    printed = new_output("stream", name="stdout", text="q_sample: PASS (4 of 4)\n")
    cell = new_code_cell("x = {  'a':1 }   \nimport os", outputs=[printed], execution_count=7)
    cell.metadata["tags"] = ["check", "nbval-check-output"]
    folder = tmp_path / "repository"
    folder.mkdir()
    notebook = new_notebook(cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "P"}})
    nbformat.write(notebook, folder / "01_x.ipynb")
    return folder


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
CONFIG = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")


@needs_git
def test_the_hooks_leave_an_executed_notebook_as_it_is(executed: Path) -> None:
    before = (executed / "01_x.ipynb").read_bytes()
    done = run_hooks(executed, CONFIG, ["01_x.ipynb"])
    assert done.returncode == 0, done.stdout
    assert (executed / "01_x.ipynb").read_bytes() == before


@needs_git
def test_a_hook_that_strips_notebooks_would_be_noticed(executed: Path) -> None:
    before = (executed / "01_x.ipynb").read_bytes()
    program = (
        "import sys, nbformat as n\nfor p in sys.argv[1:]:\n"
        " b = n.read(p, 4)\n for c in b.cells: c.outputs = []\n n.write(b, p)"
    )
    (executed / "strip.py").write_text(program, encoding="utf-8")
    config = yaml.safe_load(CONFIG)
    config["exclude"] = "^$"
    hook = {"id": "strip", "name": "strip", "entry": "python strip.py", "language": "system", "files": "ipynb$"}
    config["repos"][0]["hooks"] = [hook]
    done = run_hooks(executed, yaml.safe_dump(config), ["01_x.ipynb"])
    assert done.returncode != 0
    assert (executed / "01_x.ipynb").read_bytes() != before


@needs_git
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import os\n\nprint( 1 )\n", "ruff"),
        ("<<<<<<< mine\n", "merge conflict"),
        ("x = 1  \n", "ends with spaces"),
        ("x = 1", "does not end with a newline"),
    ],
)
def test_the_hooks_stop_what_they_should(tmp_path: Path, text: str, complaint: str) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "x.py").write_text(text, encoding="utf-8", newline="\n")
    done = run_hooks(folder, CONFIG, ["x.py"])
    assert done.returncode != 0
    assert complaint in done.stdout


def test_every_hook_is_local() -> None:
    assert [repository["repo"] for repository in yaml.safe_load(CONFIG)["repos"]] == ["local"]
    assert "nbstripout" not in str([hook["entry"] for hook in yaml.safe_load(CONFIG)["repos"][0]["hooks"]])


def floors(folder: Path, modules: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """import-linter with the course's contracts, on two packages with two slices, the command, and these modules."""
    shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
    slices = {f"course_utils.lessons.lesson{number}.__init__": "" for number in ("01", "02")}
    small = {"course_utils.__init__": "", "course_utils.lessons.__init__": "", "course_tools.__init__": ""}
    for name, text in {**small, **slices, "course_tools.cli": "", **modules}.items():
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize(
    ("modules", "broken"),
    [
        ({"course_utils.plots": "import course_utils.runtime", "course_utils.runtime": ""}, None),
        (  # upwards, even late
            {"course_utils.plots": "", "course_utils.runtime": "def f():\n    import course_utils.plots"},
            "A module imports only from the floors below it",
        ),
        (  # schedules and networks stay apart
            {"course_utils.diffusion": "import course_utils.models", "course_utils.models": ""},
            "A module imports only from the floors below it",
        ),
        ({"course_utils.attic": ""}, "A module imports only from the floors below it"),  # a module without a floor
        (
            {"course_utils.lessons.lesson02.explorer": "import course_utils.lessons.lesson01"},
            "A lesson's slice imports no other lesson's",
        ),
        ({"course_utils.lessons.lesson02.x": "import course_tools.cli"}, "What lessons stand on knows nothing"),
        (
            {"course_tools.editions": "import course_tools.gallery", "course_tools.gallery": ""},
            "The workshop, from the command down",
        ),
    ],
    ids=["downwards", "upwards", "sideways", "nowhere", "slice to slice", "to the workshop", "up in the workshop"],
)
def test_the_floors_hold(tmp_path: Path, modules: dict[str, str], broken: str | None) -> None:
    done = floors(tmp_path, modules)
    said = done.stdout + done.stderr
    assert ("Contracts: 4 kept, 0 broken." in said) is (done.returncode == 0) is (broken is None), said
    if broken:
        assert re.search(rf"{re.escape(broken)}(?:(?!KEPT).)* BROKEN", " ".join(said.split())), said


def test_a_lesson_keeps_its_semicolons() -> None:
    """ruff's formatter would take them away, and then a notebook shows values that nobody wants to see."""
    source = ROOT / "solutions" / "any_lesson.py"
    for command, expected in (
        (["format", "--check", "--force-exclude", "--stdin-filename", str(source), "-"], 0),
        (["format", "--check", "--force-exclude", "--stdin-filename", str(ROOT / "course_utils" / "x.py"), "-"], 1),
        (["check", "--stdin-filename", str(source), "-"], 0),
        (["check", "--stdin-filename", str(ROOT / "course_utils" / "x.py"), "-"], 1),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command],
            input="x = print\nx(1);\n",
            cwd=ROOT,
            text=True,
            capture_output=True,
        )
        assert done.returncode == expected, (command, done.stdout, done.stderr)

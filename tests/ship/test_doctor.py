"""The doctor: a healthy machine, and each thing that can be missing, one at a time."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from course_tools import cli, doctor
from course_tools.doctor import chromium, examination, image_sets, machine, software
from course_tools.doctor.finding import GOOD, MISSING, NOTE, OPTIONAL, Finding, short

ROOT = Path(__file__).parents[2]


def printed(findings: list[Finding]) -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=160)
    good = doctor.show(findings, console)
    return good, console.file.getvalue()  # type: ignore[attr-defined]


def test_this_machine() -> None:
    findings = doctor.examine()
    names = [finding.what for finding in findings]
    for what in ("Python", "packages", "PyTorch", "device", "preset", "kernel", "widgets' front end", "lessons"):
        assert what in names
    for what in ("memory", "disk", "data folder", "own folder", "image sets", "Chromium"):
        assert what in names
    software_missing = [f for f in findings if f.state == MISSING and f.what != "lessons"]
    assert software_missing == []


def test_what_the_doctor_says_names_no_folder_of_this_machine() -> None:
    """Lesson 00 records it, and what it records is committed."""
    said = " ".join(finding.found + finding.remedy for finding in doctor.examine())
    assert str(ROOT) not in said
    assert str(Path.home()) + os.sep not in said


def test_paths_are_said_from_the_course_or_from_home() -> None:
    assert short(ROOT / ".venv") == ".venv"
    assert short(Path.home() / "x" / "y", root=ROOT / "elsewhere") == "~/x/y"
    assert short(Path("/usr/bin/chromium")) == str(Path("/usr/bin/chromium"))


def test_every_missing_thing_has_a_remedy_and_only_needed_ones_count() -> None:
    assert printed([Finding("a", "x"), Finding("b", "y", OPTIONAL, "get it."), Finding("c", "z", NOTE, "look.")])[0]
    good, text = printed([Finding("a", "x"), Finding("the [bold]thing", "gone", MISSING, "install it.")])
    assert not good
    assert "Needed and missing: the [bold]thing." in text
    assert "install it." in text


@pytest.mark.parametrize(("state", "status"), [(GOOD, 0), (NOTE, 0), (OPTIONAL, 0), (MISSING, 1)])
def test_exit_status(monkeypatch: pytest.MonkeyPatch, state: str, status: int) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("a thing", "somehow", state, "do this.")])
    assert CliRunner().invoke(cli.app, ["doctor"]).exit_code == status


@pytest.mark.parametrize(
    ("version", "state"), [((3, 9, 1), MISSING), ((3, 10, 0), GOOD), ((3, 13, 9), GOOD), ((3, 14, 0), NOTE)]
)
def test_python_versions(version: tuple[int, int, int], state: str) -> None:
    assert software.python(version).state == state


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed_as(monkeypatch, {"pooch": None})
    found = {finding.what: finding for finding in software.packages(constraints=ROOT / "constraints.txt")}
    assert found["pooch"].state == MISSING
    assert "pip install" in found["pooch"].remedy


def test_a_package_outside_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed_as(monkeypatch, {"nbval": "0.10.0"})
    found = {finding.what: finding for finding in software.packages()}
    assert found["nbval"].state == MISSING
    assert found["nbval"].found == "0.10.0, wanted ==0.11.0"


def test_a_package_that_was_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed_as(monkeypatch, {"tqdm": "4.67.0"})
    found = {finding.what: finding for finding in software.packages(constraints=ROOT / "constraints.txt")}
    assert found["tqdm"].state == NOTE
    assert "tested with" in found["tqdm"].found


def test_a_cpu_build_counts_as_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed_as(monkeypatch, {"torch": "2.13.0+cpu"})
    assert "torch" not in [finding.what for finding in software.packages(constraints=ROOT / "constraints.txt")]


def test_missing_tools_are_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed_as(monkeypatch, {"ruff": None})
    found = {finding.what: finding for finding in software.packages()}
    assert found["tools for authors"].state == OPTIONAL
    assert "ruff" in found["tools for authors"].found


def test_the_course_itself_not_installed() -> None:
    assert software.packages("no-such-project")[0].state == MISSING


def test_the_widgets_front_end(tmp_path: Path) -> None:
    assert software.widgets().state == GOOD
    gone = software.widgets([str(tmp_path)])
    assert gone.state == MISSING
    assert "jupyterlab-widgets" in gone.remedy


def test_a_kernel_of_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_client.kernelspec import KernelSpecManager

    assert software.kernel().state == GOOD
    elsewhere = SimpleNamespace(argv=["/elsewhere/python", "-m", "ipykernel_launcher"])
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda *_: elsewhere)
    assert software.kernel().state == NOTE


def test_torch_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # makes `import torch` raise ImportError
    (found,) = machine.torch_and_preset()
    assert found.state == MISSING
    assert "pip install" in found.remedy


def test_a_preset_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PRESET", "turbo")
    found = {finding.what: finding for finding in machine.torch_and_preset()}
    assert found["preset"].state == MISSING
    assert "turbo" in found["preset"].remedy


def test_the_preset_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    found = {finding.what: finding.found for finding in machine.torch_and_preset()}
    assert found["preset"] == "smoke, because COURSE_PRESET says so"


def test_an_nvidia_driver_with_a_cpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: False),
        version=SimpleNamespace(cuda=None),
        get_num_threads=lambda: 2,
    )
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/bin/{name}")
    found = machine._device(torch)  # type: ignore[arg-type]
    assert found.state == NOTE
    assert "CUDA build" in found.remedy
    torch.version.cuda = "13.0"
    assert "nvidia-smi" in machine._device(torch).remedy  # type: ignore[arg-type]


def test_little_memory_and_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**29, total=2**32))
    assert machine.memory().state == NOTE
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    assert machine.disk(tmp_path).state == NOTE


def test_an_own_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path / "new"))
    assert machine.own_folder().state == GOOD
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_OWN_DIR", str(blocked))
    found = machine.own_folder()
    assert found.state == MISSING
    assert "COURSE_OWN_DIR" in found.remedy


def test_a_data_folder_need_only_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seal: Callable[..., None]
) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "nowhere"))
    missing = machine.data_folder()
    assert missing.state == OPTIONAL and "COURSE_DATA_DIR" in missing.remedy
    assert not (tmp_path / "nowhere").exists()  # a look leaves nothing behind
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    seal(tmp_path)
    assert machine.data_folder().state == GOOD


def test_a_checkout_that_can_only_be_read(tmp_path: Path, seal: Callable[..., None]) -> None:
    for name in ("solutions/01_x.py", "notebooks/01_x.ipynb"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("", encoding="utf-8")
    seal(tmp_path)
    found = examination._lessons(tmp_path)
    assert found.state == NOTE and "copy the course" in found.remedy


def test_a_backend_that_matplotlib_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    monkeypatch.delitem(sys.modules, "matplotlib")
    (found,) = software.figures()
    assert found.state == MISSING and "take the environment variable MPLBACKEND away" in found.remedy


def test_no_chromium(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(chromium.VARIABLE, str(tmp_path / "nowhere"))
    found = chromium.finding()
    assert found.state == OPTIONAL
    assert "apt-get install chromium" in found.remedy
    program = tmp_path / "chromium"
    program.write_text("", encoding="utf-8")
    monkeypatch.setenv(chromium.VARIABLE, str(program))
    assert chromium.finding().found == str(program)


def test_image_sets_that_are_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path))
    found = image_sets.finding()
    assert found.state == OPTIONAL
    assert "course data mnist" in found.remedy


def test_lessons_that_are_not_built(tmp_path: Path) -> None:
    assert examination._lessons(tmp_path).state == MISSING
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "01_x.py").write_text("# %%\n", encoding="utf-8")
    assert "course build" in examination._lessons(tmp_path).remedy
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_x.ipynb").write_text("{}", encoding="utf-8")
    assert examination._lessons(tmp_path).state == GOOD
    (tmp_path / "solutions" / "01_x.py").unlink()
    handed_out = examination._lessons(tmp_path)
    assert (handed_out.state, handed_out.found) == (NOTE, "1 in notebooks/")


def test_a_look_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Finding:
        raise RuntimeError("no such thing as memory")

    monkeypatch.setattr(machine, "memory", fail)
    found = {finding.what: finding for finding in doctor.examine()}
    assert found["memory"].state == MISSING
    assert "no such thing" in found["memory"].found
    assert "Chromium" in found


def _installed_as(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str | None]) -> None:
    """Pretend that these packages have these versions; None for not installed."""
    real = metadata.version

    def version(name: str) -> str:
        if name not in versions:
            return real(name)
        pretended = versions[name]
        if pretended is None:
            raise metadata.PackageNotFoundError(name)
        return pretended

    monkeypatch.setattr(software.metadata, "version", version)

"""Without Chromium the browser tests are skipped with a line that says how to get it; CI never skips them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_one_browser_test(nowhere: Path, ci: bool) -> subprocess.CompletedProcess[str]:
    """Where COURSE_CHROMIUM names a program that is not there."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_") and key != "CI"}
    env |= {"COURSE_CHROMIUM": str(nowhere), **({"CI": "true"} if ci else {})}
    one = "tests/browser/test_human_test_in_lab.py"
    command = [sys.executable, "-m", "pytest", one, "-m", "browser", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8", check=False)


def test_elsewhere_they_are_skipped_and_the_line_says_what_to_install(tmp_path: Path) -> None:
    done = run_one_browser_test(tmp_path / "nowhere", ci=False)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout and "apt install chromium" in done.stdout


def test_ci_fails_instead(tmp_path: Path) -> None:
    done = run_one_browser_test(tmp_path / "nowhere", ci=True)
    assert done.returncode == 1, done.stdout
    assert "no Chromium found" in done.stdout and "skipped" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("ci", [False, True])
def test_ci_lets_no_browser_test_skip_itself_for_whatever_reason(tmp_path: Path, ci: bool) -> None:
    (tmp_path / "conftest.py").write_text(
        (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "browser").mkdir()
    (tmp_path / "browser" / "test_x.py").write_text(
        "import pytest\ndef test_x(): pytest.skip('a whim')\n", encoding="utf-8"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = browser\n", encoding="utf-8")
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_") and key != "CI"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(ROOT), **({"CI": "true"} if ci else {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == int(ci), done.stdout
    assert ("may not be skipped. Skipped: a whim" in done.stdout) is ci

"""For all tests: threads, marks, what runs where and when, and the rule that CI never skips a browser test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_utils.environment import TRAININGS_VARIABLE
from course_utils.errors import CourseError
from tests import sealed
from tests.selection import ByLesson, arranged, changed_lessons

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each worker has a core. PyTorch's own threads, times two workers, would fight for it. Before PyTorch loads.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if "PYTEST_XDIST_WORKER" not in os.environ:
    # What tests download, train and leave unfinished goes into one folder for all workers, never into the person's own.
    os.environ["COURSE_OWN_DIR"] = tempfile.mkdtemp(prefix="course-tests-")

BROWSER = Path(__file__).parent / "browser"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--changed-against",
        metavar="COMMIT",
        help="of the tests marked notebooks, those about a lesson that is stale or differs from this commit",
    )


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByLesson | None:
    """What `--dist loadscope` means here; None leaves other ways to xdist."""
    return ByLesson(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture
def seal() -> Iterator[Callable[..., None]]:
    """`seal(folder)`: until the test ends, nothing below it can be written, by root neither. See tests/sealed.py."""
    yield sealed.seal
    sealed.FOLDERS.clear()


def pytest_unconfigure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ["COURSE_OWN_DIR"], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker(pytest.mark.browser)
    commit = config.option.changed_against
    try:
        items[:], left_out = arranged(items, changed_lessons(commit) if commit else None)
    except CourseError as error:
        raise pytest.UsageError(str(error)) from None
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session", autouse=True)
def own_trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A lesson that is opened in a test, in a browser too, finds no training that somebody has made before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRAININGS_VARIABLE, str(tmp_path_factory.mktemp("trainings")))
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Under CI, a browser test that was skipped has failed: a missing Chromium must not look like success."""
    outcome = yield
    report = outcome.get_result()
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and os.environ.get("CI")
        and item.get_closest_marker("browser")
    ):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"Under CI a browser test may not be skipped. {reason}"

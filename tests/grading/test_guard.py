"""The guard's parts that need no kernel."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from course_tools.grading.guard import Limited
from course_tools.grading.guard.patches import _put_back


def test_beyond_the_limit_nothing_is_written_and_the_stream_is_flushed_once() -> None:
    written: list[str] = []
    flushes: list[bool] = []
    write = Limited(written.append, lambda: flushes.append(True), limit=10)
    for _ in range(5):
        assert write("1234") in (None, 4)
    assert written == ["1234", "1234"] and flushes == [True]


OWN_DOING = """
import functools

def seed(): ...
def relu(): ...
def gelu(): ...

def load_the_compiler():
    global seed
    plain = seed
    seed = functools.wraps(plain)(lambda: plain())
"""


def test_what_a_library_replaces_itself_is_no_trace_of_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_doing").mkdir()
    (tmp_path / "own_doing" / "__init__.py").write_text(OWN_DOING)
    monkeypatch.syspath_prepend(tmp_path)
    library = importlib.import_module("own_doing")
    names = {name: vars(library)[name] for name in ("seed", "relu", "gelu")}
    library.load_the_compiler()
    assert library.seed is not names["seed"]
    assert _put_back(library, names) == [] and library.seed is names["seed"]
    library.relu, library.gelu, library.seed = library.gelu, None, lambda: None
    assert _put_back(library, names) == ["`own_doing.seed`", "`own_doing.relu`", "`own_doing.gelu`"]
    assert {name: vars(library)[name] for name in names} == names

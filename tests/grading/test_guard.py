"""The guard's parts that need no kernel."""

from __future__ import annotations

from course_tools.grading.guard import Limited


def test_beyond_the_limit_nothing_is_written_and_the_stream_is_flushed_once() -> None:
    written: list[str] = []
    flushes: list[bool] = []
    write = Limited(written.append, lambda: flushes.append(True), limit=10)
    for _ in range(5):
        assert write("1234") in (None, 4)
    assert written == ["1234", "1234"] and flushes == [True]

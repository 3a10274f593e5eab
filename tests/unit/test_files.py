"""A file is written all at once, and only if it changes."""

import pytest

from course_utils.files import write_atomically, write_if_changed, write_together


def test_a_file_is_written_once(tmp_path):
    target = tmp_path / "folder" / "page.md"
    assert write_if_changed(target, b"one") and target.read_bytes() == b"one"
    assert not write_if_changed(target, b"one")
    assert write_if_changed(target, b"two") and target.read_bytes() == b"two"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "page.md"
    write_atomically(target, b"old")
    with pytest.raises(TypeError):
        write_atomically(target, "not bytes")
    assert target.read_bytes() == b"old" and list(tmp_path.iterdir()) == [target]


def test_of_files_that_belong_together_all_are_written_or_none(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    write_together({first: b"old", second: b"old"})
    with pytest.raises(TypeError):
        write_together({first: b"new", second: "not bytes"})
    assert first.read_bytes() == second.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2
    write_together({first: b"new", second: b"new"})
    assert first.read_bytes() == second.read_bytes() == b"new"

"""A file is written all at once, and only if it changes."""

import pytest

from course_utils.files import write_atomically, write_if_changed


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

"""The publisher in miniature of the tests of image sets."""

from tests.data.conftest import folder, publisher

__all__ = ["folder", "publisher"]

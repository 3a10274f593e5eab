"""What judges an image: so far, a network that says which class it still recognises."""

from course_utils.metrics.recognisers import Recogniser, recogniser

__all__ = ["Recogniser", "recogniser"]

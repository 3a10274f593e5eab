"""Networks. They know nothing of schedules, losses or data sets."""

from course_utils.models.recogniser import RecogniserNet

__all__ = ["RecogniserNet"]

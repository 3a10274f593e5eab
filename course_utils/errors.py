"""The one exception whose message is written for the person at the keyboard."""


class CourseError(Exception):
    """Something went wrong that the reader can mend: the message is one sentence that says what to do.

    The `course` command prints the message without a traceback.
    """


class UnwritableError(CourseError):
    """A file could not be written, for want of room or of permission: the next one would fare no better."""

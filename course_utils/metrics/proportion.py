"""How sure one can be of a share that was counted."""

from __future__ import annotations

import math

from scipy.stats import norm

from course_utils.errors import CourseError


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a proportion (1927): good for few trials too, and never outside of 0 to 1.

    All shares p whose own scatter, sqrt(p (1 - p) / n), would let the share that was counted be found.

    Args:
        successes: how often it happened, 0 to `trials`.
        trials: how often it could have.
        confidence: of the interval, above 0 and below 1.

    Returns:
        low, high. Without a trial nothing is known: 0, 1.

    Raises:
        CourseError: more successes than trials, a negative number, or a confidence that is none.
    """
    if not 0 <= successes <= trials:
        raise CourseError(f"Successes are among the trials: there cannot be {successes} of {trials}.")
    if not 0 < confidence < 1:
        raise CourseError(f"A confidence is above 0 and below 1, such as 0.95; it is {confidence}.")
    if trials == 0:
        return 0.0, 1.0
    z, share = float(norm.ppf((1 + confidence) / 2)), successes / trials
    middle = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    whole = 1 + z**2 / trials
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)

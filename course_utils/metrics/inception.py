"""The inception score: are the images clear, and are they of all kinds? No real image is needed to say it."""

from __future__ import annotations

from torch import Tensor

from course_utils.errors import CourseError


def inception_score(probabilities: Tensor) -> float:
    """How far, on average, the classes read from one image are from those read from all (Salimans et al. 2016).

    IS = exp( mean over images of KL( p(y | x) || p(y) ) ), with p(y) the mean of p(y | x): arXiv:1606.03498, section 4.
    It is 1 if every image is read alike, and K if each is read with certainty and all classes come equally often. On
    another network than Inception it is another number, and it says nothing of images that are clear and false.

    Args:
        probabilities: (N, K), each row p(y | x) of one image, which adds up to 1; N at least 1.

    Returns:
        a number from 1 to K.

    Raises:
        CourseError: not a matrix of probabilities.
    """
    if probabilities.ndim != 2 or 0 in probabilities.shape:
        raise CourseError(
            f"The inception score takes probabilities (N, K), one row an image, and these have shape "
            f"{tuple(probabilities.shape)}: take `recogniser(...).probabilities(images)`."
        )
    p = probabilities.detach().double()
    if not ((p >= 0).all() and ((p.sum(dim=1) - 1).abs() < 1e-3).all()):
        raise CourseError(
            "The rows are no probabilities, which are 0 or more and add up to 1: take the softmax of the scores first."
        )
    each = p.xlogy(p) - p.xlogy(p.mean(dim=0))  # (N, K); 0 log 0 is 0, and a mean of 0 means that every p is 0
    return float(each.sum(dim=1).mean().exp())

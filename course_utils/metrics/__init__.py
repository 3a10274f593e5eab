"""What judges an image: networks that read it, and distances between sets of images as such a network sees them."""

from course_utils.metrics.distances import frechet_distance, kernel_distance
from course_utils.metrics.judge import Judge
from course_utils.metrics.oracles import Oracle, oracle
from course_utils.metrics.recognisers import Recogniser, recogniser
from course_utils.metrics.spectrum import checkerboard_share

__all__ = [
    "Judge",
    "Oracle",
    "Recogniser",
    "checkerboard_share",
    "frechet_distance",
    "kernel_distance",
    "oracle",
    "recogniser",
]

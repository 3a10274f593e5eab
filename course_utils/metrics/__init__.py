"""What judges an image: networks that read it, and distances between sets of images as such a network sees them."""

from course_utils.metrics.distances import frechet_distance, kernel_distance
from course_utils.metrics.extrapolation import extrapolate, extrapolated_frechet
from course_utils.metrics.inception import inception_score
from course_utils.metrics.judge import Judge
from course_utils.metrics.neighbours import mean_pairwise_distance, nearest_distance, precision_recall
from course_utils.metrics.oracles import Oracle, oracle
from course_utils.metrics.recognisers import Recogniser, recogniser
from course_utils.metrics.spectrum import checkerboard_share

__all__ = [
    "Judge",
    "Oracle",
    "Recogniser",
    "checkerboard_share",
    "extrapolate",
    "extrapolated_frechet",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "mean_pairwise_distance",
    "nearest_distance",
    "oracle",
    "precision_recall",
    "recogniser",
]

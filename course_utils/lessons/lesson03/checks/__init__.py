"""The checks of lesson 03: the step as a vector, its way into a block, and what an embedding can tell apart."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson03.checks.bug_hunt import mended_embedding, variance_shares
from course_utils.lessons.lesson03.checks.embeddings import fourier_features, sinusoidal_embedding
from course_utils.lessons.lesson03.checks.frequencies import frequencies
from course_utils.lessons.lesson03.checks.guess_noise_level import guess_noise_level
from course_utils.lessons.lesson03.checks.timed_block import TimedBlock, TimeMLP, modulate

ORDER = (
    frequencies,
    sinusoidal_embedding,
    fourier_features,
    TimeMLP,
    modulate,
    TimedBlock,
    guess_noise_level,
    variance_shares,
    mended_embedding,
)

prepare_notebook(ORDER)

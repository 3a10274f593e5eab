"""The checks of lesson 03: the step as a vector, its way into a block, and what an embedding can tell apart."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.exercises.lesson03.blind import guess_noise_level
from course_utils.exercises.lesson03.clocks import fourier_features, frequencies, sinusoidal_embedding
from course_utils.exercises.lesson03.hunt import mended_embedding, variance_shares
from course_utils.exercises.lesson03.networks import TimedBlock, TimeMLP, modulate

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

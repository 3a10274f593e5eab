"""What the pages that list lessons say of lesson 11: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="a classifier of noisy pictures pushes the sampler towards a class",
    words={
        "score": (
            "the gradient of the logarithm of a density: the direction in which things become more likely; "
            "lesson 07 builds on it"
        ),
        "classifier guidance": (
            "pushing each step of a sampler along the gradient of a classifier that reads noisy pictures"
        ),
        "scale": (
            "of guidance by a classifier, by how much its gradient is multiplied; 1 asks for the class and "
            "nothing beyond"
        ),
        "tilted": "of a density, multiplied by a power of the classifier's probability and made to add up to 1 again",
        "fidelity": "how surely pictures are what was asked for",
        "diversity": "how much pictures differ among themselves",
    },
)

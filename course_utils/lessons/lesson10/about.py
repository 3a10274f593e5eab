"""What the pages that list lessons say of lesson 10: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="five figures, each broken on purpose, bits per dimension, and a blind test in which you judge",
    words={
        "features": (
            "what a network computes from a picture before it names a class; alike pictures have alike features"
        ),
        "inception score": (
            "high where each picture is read with certainty and all classes appear; it never looks at real pictures"
        ),
        "precision": "the share of generated pictures that lie among the real ones",
        "recall": "the share of real pictures that lie among the generated ones, so that what is never drawn shows",
        "bias": (
            "of a figure, to be off on average, whatever the luck: the Fréchet distance comes out larger with "
            "fewer pictures"
        ),
        "mode dropping": "to leave out a part of what the data hold",
        "memorising": "to give training pictures back",
        "adversarial": (
            "of a picture, changed so little that no eye sees it, and so that a network reads something else"
        ),
        "bits per dimension": (
            "how many bits it takes, for each colour value, to write a picture down with the model's help"
        ),
    },
)

"""What the pages that list lessons say of lesson 12: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="ask twice, and go beyond the difference; the guidance slider",
    words={
        "unconditional": "of a network, without being told what to draw",
        "null token": 'the learned vector that stands for "nothing was said"',
        "Bernoulli mask": (
            "a row of tosses of a coin, each on its own, that says which pictures lose their class in training"
        ),
        "guidance weight": "$w$, how far beyond the conditional answer a guided sampler goes",
        "implicit classifier": "the classifier that hides in the difference of a network's two answers",
    },
)

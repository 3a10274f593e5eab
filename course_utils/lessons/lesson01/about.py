"""What the pages that list lessons say of lesson 01: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="schedules, the jump to any step, what is left to be seen",
    words={
        "forward process": (
            "adding noise step by step, from data to noise; nothing is learnt there. The way back, the "
            "*reverse process*, is what lesson 04 learns"
        ),
        "noise schedule": "the list of betas, or any rule that says how fast the picture drowns",
        "signal-to-noise ratio": "the variance of the picture's part of $x_t$ over the variance of the noise's part",
        "log-SNR": "the natural logarithm of the signal-to-noise ratio: 0 is as much picture as noise",
        "terminal signal-to-noise ratio": "the signal-to-noise ratio at the last step, which should be zero",
        "recogniser": "a small network that names the class of a picture, even under noise; we use it to judge",
        "entropy": (
            "how evenly something is spread over its possibilities: 0 if all is in one place, largest if all "
            "places get the same"
        ),
    },
)

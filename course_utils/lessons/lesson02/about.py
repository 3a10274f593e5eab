"""What the pages that list lessons say of lesson 02: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="guess the clean picture in one go, and the exact best guess, which is an average",
    words={
        "garden": (
            "a fixed set of pictures to learn from, so that one can ask what a network would do that knew it by heart"
        ),
        "convolution": (
            "a layer that computes each output pixel from a small square of the input, the same sum for every place"
        ),
        "feature map": "one output channel of a convolution: a picture of where something was found",
        "padding": "the zeros that a convolution finds outside the border, so that the size stays the same",
        "ReLU": "$\\max(0, y)$: it passes on what is positive and silences the rest",
        "receptive field": "the square of input pixels on which one output pixel depends",
        "max-pooling": "halving a picture by keeping the largest of every 2 × 2 square",
        "skip connection": (
            "what stood before a pooling, carried around the depth and handed over on the way up; *skip* for short"
        ),
        "posterior mean": (
            "the average of all clean pictures that could have led to a noisy one, each counted with its "
            "probability: the best guess under the squared error"
        ),
        "softmax": "exponentials, divided by their sum: positive shares that together make 1",
        "ideal denoiser": "the one that answers with the posterior mean of its garden, computed and not learned",
        "blind ideal denoiser": "an ideal denoiser that is not told the step, and averages over all steps too",
        "peak signal-to-noise ratio": "PSNR, an error in decibels: higher is better, and 6 dB more is half the error",
    },
)

"""What the pages that list lessons say of lesson 05: its line in README's table, and its words in the glossary."""

from course_utils.slices import About

ABOUT = About(
    line="norms, activations, pooling, residuals, attention, each measured alone",
    words={
        "norm": (
            "a layer that takes away a mean, divides by a standard deviation, and lets the network choose a new "
            "scale and centre for each channel"
        ),
        "BatchNorm": (
            "the norm over all pictures of the batch and all positions, for each channel: a picture's result "
            "depends on its company"
        ),
        "InstanceNorm": "the norm over the positions of each channel of each picture, which forgets the channel's mean",
        "LayerNorm": "the norm over all channels and positions of each picture",
        "GroupNorm": "the norm over groups of neighbouring channels of each picture, which the course uses",
        "activation": "the bend between two layers, without which they would be one layer",
        "dead": "of a unit, to be 0 with slope 0 for everything that it sees, so that no gradient will bring it back",
        "GELU": "an activation that multiplies by a probability where ReLU multiplies by 0 or 1",
        "colour shift": "a tint that all denoised pictures share, away from the data's mean colour",
        "strided convolution": "one that computes only every second position",
        "rearranging": "halving a picture by making four channels of every 2 × 2 square, so that nothing is lost",
        "transposed convolution": "doubling a picture by learned stamps that overlap",
        "checkerboard": "the pattern that the overlapping stamps of a transposed convolution leave",
        "resize-convolution": "the remedy for a checkerboard: repeat each pixel, then convolve",
        "spectrum": "a picture written as a sum of waves, with the *power* of each, the variance that it carries",
        "Nyquist frequency": "that of the fastest wave that pixels can hold, half a wave a pixel",
        "residual block": "a block that learns what to add to its input",
        "self-attention": (
            "a layer in which every position looks at every other: it compares its *query* with their *keys*, "
            "and collects their *values*"
        ),
        "heads": "the parts of an attention, each of which looks by itself with its share of the channels",
        "channels last": "a layout in memory with all channels of a pixel side by side",
    },
)
